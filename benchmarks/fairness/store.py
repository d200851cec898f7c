"""A store with two organizations that work alike, for requests of every kind."""

import json
from collections.abc import Iterator
from contextlib import closing

from structlog.testing import capture_logs

from benchmarks.fairness.tenant import Tenant
from plaudit.core.common import server_secret
from plaudit.model.core import PersonRole
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.workspace.http import form_tokens
from tests.support.annotators import AnnotationTeam
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import World

FORM = {"fields": [{"key": "ok", "level": "turn", "type": "boolean", "required": True}]}
LISTED_TASKS = 200
LISTED_BYTES = 20_000
"""Of each listed task: a page of a hundred has two megabytes."""
PEOPLE = 20
CREATED_AT_ONCE = 250
WORDS = "Some *words* with `code`, and what follows from them. "


def make_tenants(settings: Settings, *, names: tuple[str, ...], tasks: int) -> list[Tenant]:
    """Make a store with an organization of each name, each with so many tasks to work on."""
    settings.data.mkdir(parents=True)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    with capture_logs(), closing(World(settings)) as world:
        return [_make_tenant(world.tenant(), name, tasks) for name in names]


def _make_tenant(world: World, name: str, tasks: int) -> Tenant:
    listed = AnnotationTeam(world, f"{name}, listed")
    _, rejects = world.load(_listed_rows(name), project=listed.project.name)
    assert rejects == []
    (world.settings.data / "rows.jsonl").unlink()
    labeled = AnnotationTeam(world, f"{name}, labeled", form=FORM, lease_seconds=60)
    content = [make_thread(turns=[_turn(2_000)])]
    for left in range(tasks, 0, -CREATED_AT_ONCE):
        labeled.add(content, min(left, CREATED_AT_ONCE))
    sessions = [labeled.person(f"{name}{number}", PersonRole.admin) for number in range(PEOPLE)]
    return Tenant(
        key=world.key(),
        people=[(one, form_tokens.mask(world.secret.form_tokens(one)[0])) for one in sessions],
        listed_id=listed.project.project_id,
        listed_task=f"{name}_0",
        labeled_id=labeled.project.project_id,
    )


def _listed_rows(name: str) -> Iterator[bytes]:
    threads = [make_thread(turns=[_turn(LISTED_BYTES)])]
    for number in range(LISTED_TASKS):
        yield json.dumps(make_task(f"{name}_{number}", threads=threads)).encode()


def _turn(size: int) -> object:
    text = WORDS * (size // len(WORDS))
    return make_turn("turn_0", [make_message("user", "Go on."), make_message("base_model", text)])
