"""plaudit deliver: freeze completed tasks of a project as a delivery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plaudit import clock
from plaudit.cli.context import EnvironmentContext, ExistingFile, with_store
from plaudit.cli.progress import progress
from plaudit.cli.terminal import refuse, say
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.deliveries import builder, task_selection
from plaudit.core.tasks.resolve import ScopeNames, find_batch, find_project
from plaudit.errors import NotFound
from plaudit.model.core import Actor, BatchRow, ProjectRow
from plaudit.model.deliveries import DeliveryRow
from plaudit.store.engine.engine import Database, Transaction

UNBOUNDED = 2**62
"""Tasks of a delivery that an operator makes; over HTTP there is a bound."""


def deliver(
    *,
    project: str,
    name: str,
    batch: str | None = None,
    completed_after: str | None = None,
    completed_before: str | None = None,
    tasks: ExistingFile | None = None,
    response_schema: Annotated[str | None, Parameter(name="--response-schema")] = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Freeze completed tasks of a project under a name. What was delivered never changes.

    A run that was interrupted leaves nothing visible; run it again, and it begins anew.

    Parameters
    ----------
    project
        The project's name.
    name
        The delivery's name, new in the project.
    batch
        Only tasks of this batch: its name or its id.
    completed_after
        Only tasks completed strictly after this ISO 8601 date or date-time.
    completed_before
        Only tasks completed strictly before this one.
    tasks
        A file with the ids of the tasks, one a line, instead of the filters.
    response_schema
        The id of the schema that describes what is delivered.
    """
    chosen = context or EnvironmentContext()
    after = _parse_time("--completed-after", completed_after)
    before = _parse_time("--completed-before", completed_before)
    if tasks is not None and (batch, after, before) != (None, None, None):
        refuse("--tasks names the tasks itself; leave the filters out", code=2)
    task_ids = None if tasks is None else _read_task_ids(tasks)

    async def work(db: Database, secret: ServerSecret) -> DeliveryRow:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        async with db.read() as tx:
            target_project = await find_project(
                tx, environment_id, ScopeNames(project_name=project)
            )
            assert target_project is not None
            if await builder.has_delivery(tx, target_project, name):
                raise await builder.name_conflict(tx, target_project, name)
            target_batch = None if batch is None else await _find_batch(tx, target_project, batch)
        selection = await task_selection.select_tasks(
            db,
            target_project,
            batch=target_batch,
            completed_after=after,
            completed_before=before,
            task_ids=task_ids,
            most=UNBOUNDED,
        )
        with progress() as bars:
            bar = bars.add_task("freezing", total=len(selection.seqs))
            return await builder.deliver(
                db,
                target_project,
                name,
                selection,
                Actor("command", "plaudit deliver"),
                "create_delivery",
                schema_id=response_schema,
                on_progress=lambda count: bars.advance(bar, count),
            )

    delivery = with_store(chosen.settings(), work)
    assert delivery.manifest_hash is not None
    say.print(
        f"Delivered {delivery.task_count} tasks as {delivery.delivery_id}"
        f" (manifest sha256 {delivery.manifest_hash.hex()}).",
    )


async def _find_batch(tx: Transaction, project: ProjectRow, batch: str) -> BatchRow | None:
    try:
        return await find_batch(tx, project.environment_id, ScopeNames(batch_name=batch), project)
    except NotFound:
        return await find_batch(tx, project.environment_id, ScopeNames(batch_id=batch), project)


def _parse_time(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else clock.parse_moment(text)
    except ValueError:
        refuse(f"{option} must be an ISO 8601 date or date-time, not {text!r}", code=2)


def _read_task_ids(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        refuse(f"{path} cannot be read: {exc}")
    return [line.strip() for line in lines if line.strip()]
