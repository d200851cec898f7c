"""Nobody sets what is not theirs to set: every field of every answer is sent back
(OWASP API3: broken object property level authorization).
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from plaudit import app
from plaudit.api.http.metrics import Metrics
from plaudit.api.openapi import document
from plaudit.errors import InvalidContent
from plaudit.settings import Settings
from plaudit.store.engine import migrator
from plaudit.wire.manage.resources import TaskRow
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.unknown_members import is_slip
from tests.support.harness import one_engine
from tests.support.operations import GOOD, NAMES, NEEDED, WRITING, ask, calling
from tests.support.running.every_case import every_case

SMUGGLED = "smuggled-7c31"
SCHEMAS = document.document(app.all_operations(Settings(), Metrics()), Settings())["components"]
INSIDE = {
    "environment_id",
    "organization_id",
    "seq",
    "is_admin",
    "created_ms",
    "head",
    "digest",
    "lease_no",
}
FIELDS = INSIDE | {
    name for one in SCHEMAS["schemas"].values() for name in one.get("properties", ())
}
"""The name of every field that any answer or body has, and of some that only the store knows."""

OURS = [one for one in WRITING if one.path.startswith("/manage/")]
THEIRS = [one for one in WRITING if one.path.startswith("/v2/")]


def good_body(operation: Any) -> dict[str, Any]:
    good = GOOD[operation.operation_id][0]
    in_path = {name for name in good if f"{{{name}}}" in operation.path}
    given = {name: value for name, value in good.items() if name not in in_path}
    return NEEDED.get(operation.operation_id, {}) | given


def send(client: Any, operation: Any, body: dict[str, Any]) -> Any:
    content = json.dumps(body).encode()
    path = {
        name: value
        for name, value in GOOD[operation.operation_id][0].items()
        if f"{{{name}}}" in operation.path
    }
    return ask(client, operation, path, content=content)


def everything(world: Any) -> dict[str, list[str]]:
    """Every row of every table, the log and kept requests aside."""
    tables = {
        statement.split()[2]
        for migration in migrator.migrations(migrator.SQLITE)
        for statement in migration.statements
        if statement.startswith("CREATE TABLE")
    }

    async def read():
        async with world.db.read() as tx:
            return {
                name: sorted(repr(row) for row in await tx.all(f"SELECT * FROM {name}", {}))
                for name in tables
            }

    return world.run(read())


def test_there_is_something_to_smuggle():
    assert len(OURS) >= 9
    assert len(THEIRS) >= 8
    assert {"status", "completed_at", "role", "user_id", "created_at", "key", "votes"} <= FIELDS


def refusal(body, kind) -> str:
    """What a body is refused for; no text if it is taken. `pytest.raises` takes longer."""
    try:
        convert(body, kind)
    except InvalidContent as refused:
        return str(refused)
    return ""


@one_engine
@every_case("operation", OURS)
def test_a_field_that_an_operation_does_not_take_is_refused_by_name(kept_world, ann, operation):
    """Each body is read before the operation begins; some of them are sent, all of them read.

    That the same bodies are taken without the field is held by test_sweep_writes.py.
    """
    world = kept_world
    good = good_body(operation)
    names = sorted(FIELDS - set(operation.body.__struct_fields__))
    before = everything(world)
    with calling(world, ann) as client:
        for name, value in itertools.product(names[::40], (SMUGGLED, None)):
            answer = send(client, operation, good | {name: value})
            assert answer.status_code == 400, (name, answer.text)
            assert f"'{name}'" in answer.json()["error"]
        for name in names:
            assert f"'{name}'" in refusal(good | {name: SMUGGLED}, operation.body)
        assert everything(world) == before


@one_engine
@pytest.mark.parametrize("operation", THEIRS, ids=lambda one: one.operation_id)
def test_a_field_that_a_v2_operation_does_not_take_has_no_effect(world, ann, operation):
    good = good_body(operation)
    known = operation.body.__struct_fields__
    # One that looks like a slip of the pen is refused; see test_misspelt_members.py.
    extra = {
        name: SMUGGLED
        for name in FIELDS - set(known)
        if not any(is_slip(name, meant) for meant in known)
    }
    with calling(world, ann) as client:
        answer = send(client, operation, extra | good)

    assert len(extra) > 50
    assert answer.status_code == 200, answer.text
    assert SMUGGLED not in answer.text
    assert SMUGGLED not in str(everything(world))


@one_engine
def test_a_line_of_an_upload_takes_no_other_fields_either(world, ann):
    names = sorted(FIELDS - set(TaskRow.__struct_fields__))
    lines = b"\n".join(json.dumps({name: SMUGGLED}).encode() for name in names)
    with calling(world, ann) as client:
        path = f"/manage/v1/projects/{NAMES['project_id']}/tasks"
        answer = client.post(path, content=lines).json()

    assert answer["rejected"] == len(names)
    for name, told in zip(names, answer["results"], strict=True):
        assert f"'{name}'" in told["error"]
