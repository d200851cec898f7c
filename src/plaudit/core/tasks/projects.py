"""Create projects and batches; change a project's name and details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.common import look_alikes, names
from plaudit.core.outbound.url_length import check_url_length
from plaudit.core.tasks import form_checks, overlap, quality_rules, templates
from plaudit.errors import Conflict, InvalidContent, NotFound, Unavailable
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects, work_queue
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.resources import ProjectDetail, project_detail

ATTEMPTS_MAX = 100
WORDS_MAX = 100
LEASE_SECONDS_MIN = 1
LEASE_SECONDS_MAX = 7 * 24 * 3600
GUIDELINES_CHARS_MAX = 50_000
CONTROL_RATE_MAX = 0.5
"""The greatest share of a person's tasks that are gold, and that are repeats."""
DECISIVE = ("overlap", "judges", "review", "review_percent", "form", "types")
"""Details that say when a task is completed or reviewed; the types name a form if there is none."""
DETAIL_BYTES_MAX = 256 * 1024
"""All details of a project, which many requests read with the project."""

_encode = msgspec.json.Encoder().encode


async def create_project(
    tx: Transaction,
    environment_id: str,
    *,
    name: str,
    project_id: str | None = None,
    created_ms: int | None = None,
    detail: ProjectDetail | None = None,
) -> ProjectRow:
    """Add a project; return it. `detail` from outside must have passed `checked_detail`.

    Raises InvalidContent, or Conflict if this environment has a project of that id or name.
    """
    name_key = names.check_name(name)
    if detail is not None:
        overlap.check_question(detail)
    if project_id is not None and not ids.is_usable(project_id):
        raise InvalidContent("an id has 1 to 255 characters, no control characters", pointer="/id")
    await look_alikes.refuse_twin(tx, Named.project, environment_id, name_key)
    project = ProjectRow(
        project_key=ids.mint_key(),
        environment_id=environment_id,
        project_id=project_id or ids.mint("project"),
        name=name,
        created_ms=clock.now_ms() if created_ms is None else created_ms,
        detail=_encode(detail or ProjectDetail()),
    )
    if not await projects.insert_project(tx, project, name_key):
        raise Conflict(f"there is a project named {name!r} already (or of that id)")
    return project


async def change_project(
    tx: Transaction, environment_id: str, project_id: str, changes: Mapping[str, Any]
) -> tuple[ProjectRow, ProjectRow]:
    """Change some of a project's name and details; return the (old, new) rows.

    None removes a detail. Concurrent changes of other fields are kept. Raises NotFound,
    InvalidContent, Unavailable, or Conflict if another project has the name.
    """
    details = {name: value for name, value in changes.items() if name != "name"}
    checked = checked_detail(ProjectDetail(**details))
    for _ in range(ATTEMPTS_MAX):
        stored = await projects.find_project(tx, environment_id, project_id)
        if stored is None:
            raise NotFound("there is no such project")
        detail = msgspec.structs.replace(
            project_detail(stored), **{name: getattr(checked, name) for name in details}
        )
        _check_size(detail)
        overlap.check_question(detail)
        name = changes.get("name", stored.name)
        name_key = names.check_name(name)
        other = await projects.find_project_by_name(tx, environment_id, name_key)
        if other is not None and other.project_key != stored.project_key:
            raise Conflict(f"there is a project named {name!r} already")
        if name != stored.name:
            await look_alikes.refuse_twin(
                tx, Named.project, environment_id, name_key, own=names.normalize_name(stored.name)
            )
        wanted = msgspec.structs.replace(stored, name=name, detail=_encode(detail))
        if await projects.replace_project(tx, stored, wanted, name_key):
            await apply_settings(tx, stored, wanted)
            return stored, wanted
    raise Unavailable("the project changes too often; try again")


async def apply_settings(tx: Transaction, old: ProjectRow, project: ProjectRow) -> None:
    """Let the tasks in the queue follow a project's changed settings; the project is written.

    Nobody is given a task that has enough submissions by the settings of now. What they decide is
    decided by a worker soon after (core/quality_control/undecided.py), since there may be many.
    """
    before, detail = project_detail(old), project_detail(project)
    if any(getattr(before, name) != getattr(detail, name) for name in DECISIVE):
        await work_queue.apply_settings(
            tx,
            project.project_key,
            overlap.needed_at_first(detail),
            is_adaptive=detail.judges is not None,
        )


def audit_detail(
    old: ProjectRow, project: ProjectRow, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Audit detail of a change: the fields, and both names if it was renamed."""
    renamed = {} if old.name == project.name else {"name": {"from": old.name, "to": project.name}}
    return {"fields": sorted(changes)} | renamed


def checked_detail(detail: ProjectDetail) -> ProjectDetail:
    """Check a project's details; raises InvalidContent with a pointer.

    Returns them with the form in full where it was the name of a preset.
    """
    for name in ("types", "models"):
        _check_words(getattr(detail, name) or [], f"/{name}")
    overlap.check_numbers(detail)
    for name, least, most in (
        ("lease_seconds", LEASE_SECONDS_MIN, LEASE_SECONDS_MAX),
        ("review_percent", 1, 100),
    ):
        value = getattr(detail, name)
        if value is not None and not least <= value <= most:
            raise InvalidContent(f"{name} is {least} to {most}", pointer=f"/{name}")
    for name, settings in (("gold", detail.gold), ("repeats", detail.repeats)):
        if settings is not None and not 0 <= settings.rate <= CONTROL_RATE_MAX:
            raise InvalidContent(f"a rate is 0 to {CONTROL_RATE_MAX}", pointer=f"/{name}/rate")
    if len(detail.guidelines or "") > GUIDELINES_CHARS_MAX:
        raise InvalidContent(
            f"guidelines have at most {GUIDELINES_CHARS_MAX} characters", pointer="/guidelines"
        )
    if detail.qualification is not None:
        quality_rules.check_qualification(detail.qualification)
    form = None
    for name in ("form", "template", "rules"):
        try:
            if name == "form" and detail.form is not None:
                form = msgspec.to_builtins(form_checks.read_form(detail.form))
            elif name == "template":
                templates.read_template(detail.template)
            elif name == "rules":
                quality_rules.read_rules(detail.rules)
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/{name}{exc.pointer}") from exc
    checked = msgspec.structs.replace(detail, form=form)
    _check_size(checked)
    return checked


def _check_size(detail: ProjectDetail) -> None:
    if len(_encode(detail)) > DETAIL_BYTES_MAX:
        raise InvalidContent(
            f"what is set for a project has at most {DETAIL_BYTES_MAX // 1024} KiB in all"
        )


def _check_words(words: list[str], pointer: str) -> None:
    if len(words) > WORDS_MAX:
        raise InvalidContent(f"at most {WORDS_MAX}", pointer=pointer)
    for number, word in enumerate(words):
        names.check_name(word, f"{pointer}/{number}")


def check_batch(metadata: dict[str, Any] | None, callback: str | None) -> None:
    """Raise InvalidContent if a batch's metadata or callback is too long."""
    size_limits.check_metadata(metadata)
    check_url_length(callback, "/callback")


async def create_batch(
    tx: Transaction,
    project: ProjectRow,
    *,
    name: str,
    batch_id: str | None = None,
    status: BatchStatus = BatchStatus.in_progress,
    created_ms: int | None = None,
    completed_ms: int | None = None,
    metadata: dict[str, Any] | None = None,
    callback: str | None = None,
    priority: int = 0,
) -> BatchRow:
    """Add a batch; return it.

    Raises InvalidContent, or Conflict if its id is taken, or its name within the project.
    """
    name_key = names.check_name(name)
    if batch_id is not None and not ids.is_usable(batch_id):
        raise InvalidContent("an id has 1 to 255 characters, no control characters", pointer="/id")
    check_batch(metadata, callback)
    batch = BatchRow(
        environment_id=project.environment_id,
        batch_id=batch_id or ids.mint("batch"),
        project_key=project.project_key,
        name=name,
        status=status,
        created_ms=clock.now_ms() if created_ms is None else created_ms,
        completed_ms=completed_ms,
        metadata=_encode(metadata or {}),
        callback=callback,
        priority=priority,
    )
    if not await batches.insert_batch(tx, batch, name_key):
        raise Conflict(f"there is a batch named {name!r} already (or of that id)")
    return batch
