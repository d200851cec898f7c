"""Export everything of an environment as the lines of an archive.

Importing an archive into an empty store and writing it again gives the same bytes: ids, times and
order are kept, and nothing in it depends on where it was written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from plaudit.core.transfer import (
    attachment_archive,
    audit_archive,
    dataset_export,
    declared,
    delivery_archive,
    people,
    staffing_archive,
    webhook_export,
    work_export,
)
from plaudit.core.transfer.archive_line import ARCHIVE_VERSION, archive_line
from plaudit.core.transfer.work_export import ArchivedTaskWork
from plaudit.errors import TooLarge
from plaudit.model.core import BatchRow, ProjectRow
from plaudit.store.accounts import project_members
from plaudit.store.common import pages
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.deliveries import deliveries
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import batches, projects, row_sizes, tasks, work_pools
from plaudit.store.tasks.batches import BatchFilter
from plaudit.wire.v2 import render, resources, size_limits

TASKS_PER_READ = 200
READ_BYTES = 4 * 1024 * 1024
"""Bytes of tasks read at once, unless a single task has more."""

BATCHES_PER_READ = 1000

_encode = msgspec.json.Encoder().encode


class _Value(Struct):
    """The ids of a line's value."""

    id: str = ""
    task_id: str = ""


class _Line(Struct):
    """Kind and ids of a line."""

    kind: str
    value: _Value


_decode = msgspec.json.Decoder(_Line).decode


async def archive_lines(
    db: Database,
    environment_id: str,
    objects: BlobStore | None = None,
    *,
    for_operator: bool = False,
) -> AsyncIterator[bytes]:
    """Lines of an archive without line feeds; each follows the lines that it refers to.

    Only `for_operator` it has the kinds that the operator alone imports (row_import.KINDS). Tasks
    are read in short transactions up to a bound taken at the start, so a long export blocks nothing
    and ends while tasks are being added. Raises TooLarge, naming the object, for a line that could
    not be imported.
    """
    async for line in _all_lines(db, environment_id, objects, for_operator=for_operator):
        if len(line) > size_limits.ARCHIVE_LINE_BYTES_MAX:
            kind, object_id = _kind_and_id(line)
            raise TooLarge(
                f"the {kind} {object_id!r} has {len(line)} bytes in an archive, and an import"
                f" takes at most {size_limits.ARCHIVE_LINE_BYTES_MAX}; no archive was written"
            )
        yield line


async def _all_lines(
    db: Database, environment_id: str, objects: BlobStore | None, *, for_operator: bool
) -> AsyncIterator[bytes]:
    yield archive_line("organization", _encode({"archive": "plaudit", "version": ARCHIVE_VERSION}))
    if for_operator:
        async for line in people.user_lines(db, environment_id):
            yield line
        async for line in staffing_archive.organization_lines(db, environment_id):
            yield line
    async with db.read() as tx:
        listed = await projects.list_projects(tx, environment_id)
        bounds = {
            project.project_key: await projects.next_seq(tx, project.project_key)
            for project in listed
        }
        deliveries_by_project = [
            (project, await deliveries.list_deliveries(tx, project.project_key))
            for project in listed
        ]
        access = {
            project.project_key: await project_members.find_access(tx, project.project_key)
            for project in listed
        }
    for project in listed:
        described = declared.archived_project(project, *access[project.project_key])
        yield archive_line("project", _encode(described))
    if for_operator:
        async for line in staffing_archive.member_lines(db, listed):
            yield line
    owners = {project.project_key: project for project in listed}
    async for batch, team_id in _batches(db, environment_id):
        owner = owners.get(batch.project_key)
        if owner is None:
            continue  # its project was created after the list was taken
        yield archive_line("batch", _encode(resources.archived_batch(batch, owner.project_id)))
        if for_operator and team_id is not None:
            yield staffing_archive.batch_team_line(batch.batch_id, team_id)
    async for line in dataset_export.schema_lines(db, environment_id):
        yield line
    for project in listed:
        bound = bounds[project.project_key]
        async for line in _task_lines(db, project, bound, with_work=for_operator):
            yield line
    async for value in delivery_archive.delivery_lines(db, deliveries_by_project):
        yield archive_line("delivery", value)
    if for_operator:
        async for line in attachment_archive.attachment_lines(db, environment_id, objects):
            yield line
    async for line in dataset_export.dataset_lines(
        db, environment_id, objects, by_reference=for_operator
    ):
        yield line
    if for_operator:
        async for line in webhook_export.endpoint_lines(db, environment_id):
            yield line
        async for line in webhook_export.message_lines(db, environment_id, listed):
            yield line
        async for line in audit_archive.audit_lines(db, environment_id, listed):
            yield line


async def count_tasks(db: Database, environment_id: str) -> int:
    """Estimated number of task lines of an archive: the sequence numbers reserved so far."""
    async with db.read() as tx:
        listed = await projects.list_projects(tx, environment_id)
        return sum([await projects.next_seq(tx, project.project_key) - 1 for project in listed])


async def _batches(db: Database, environment_id: str) -> AsyncIterator[tuple[BatchRow, str | None]]:
    """All batches, each with the id of the team that it was handed to."""
    after = None
    while True:
        async with db.read() as tx:
            page, has_more = await batches.list_batches(
                tx, environment_id, BatchFilter(), after=after, limit=BATCHES_PER_READ
            )
            handed: dict[str, str] = {}
            for key in sorted({batch.project_key for batch in page}):
                of_project = [batch.batch_id for batch in page if batch.project_key == key]
                handed |= await work_pools.find_batch_teams(tx, key, of_project)
        for batch in page:
            yield batch, handed.get(batch.batch_id)
        if not has_more:
            return
        after = (page[-1].created_ms, page[-1].batch_id)


async def _task_lines(
    db: Database, project: ProjectRow, bound: int, *, with_work: bool
) -> AsyncIterator[bytes]:
    """The lines of a project's tasks, each followed by those of the work on it."""
    project_json = _encode(project.project_id)
    after_seq = 0
    while True:
        work: list[ArchivedTaskWork] = []
        asked: dict[int, bytes] = {}
        async with db.read() as tx:
            sizes = await row_sizes.list_task_sizes(
                tx, project.project_key, after_seq=after_seq, limit=TASKS_PER_READ
            )
            page = []
            if sizes:
                page = await tasks.list_whole_tasks(
                    tx,
                    project.project_key,
                    after_seq=after_seq,
                    limit=pages.count_fitting(sizes, READ_BYTES),
                )
            if with_work and page:
                work = await work_export.read_work(tx, project, page, READ_BYTES)
                page = page[: len(work)]
                asked = await work_pools.list_task_requirements(
                    tx, project.project_key, [task.seq for task in page]
                )
        for number, task in enumerate(page):
            if task.seq >= bound:
                return
            batch_json = None if task.batch_id is None else _encode(task.batch_id)
            refs = render.head_refs(project_json, batch_json)
            yield archive_line("task", render.archived_json(task, refs))
            if work:
                for line in staffing_archive.requirement_lines(task, asked.get(task.seq)):
                    yield line
                for line in work_export.work_lines(project, task, work[number]):
                    yield line
        if len(sizes) < TASKS_PER_READ and len(page) == len(sizes):
            return
        after_seq = page[-1].seq


def _kind_and_id(line: bytes) -> tuple[str, str]:
    """Kind of a line's object in words, and its id."""
    described = _decode(line)
    return described.kind.replace("_", " "), described.value.task_id or described.value.id
