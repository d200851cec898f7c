"""Write everything of an organization as an archive, line by line.

Importing an archive into an empty store and writing it again gives the same bytes: ids, times and
order are kept, and nothing in it depends on where it was written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from plaudit.core.transfer import dataset_export, delivery_archive
from plaudit.core.transfer.dataset_export import archive_line as _line
from plaudit.errors import TooLarge
from plaudit.model.core import BatchRow, ProjectRow
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.deliveries import deliveries
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import batches, projects, row_sizes, tasks
from plaudit.store.tasks.batches import BatchFilter
from plaudit.wire.v2 import render, resources
from plaudit.wire.v2 import size_limits as bounds

VERSION = 1
TASKS_PER_READ = 200
READ_BYTES = 4 * 1024 * 1024
"""What tasks that are read together have at most, unless a single one has more."""

BATCHES_PER_READ = 1000

_encode = msgspec.json.Encoder().encode


class _Value(Struct):
    """What a line's value is called by."""

    id: str = ""
    task_id: str = ""


class _Line(Struct):
    """A line, as far as it says what it is about."""

    kind: str
    value: _Value


_decode = msgspec.json.Decoder(_Line).decode


async def archive_lines(
    db: Database, environment_id: str, objects: BlobStore | None = None
) -> AsyncIterator[bytes]:
    """The lines of an archive, without line ends, what is referred to before what refers to it.

    Tasks are read in short transactions up to a bound taken at the start, so a long archive
    holds nothing up and ends while tasks are being added. Raises TooLarge, naming what it is, for
    a line that could not be read back.
    """
    async for line in _all_lines(db, environment_id, objects):
        if len(line) > bounds.ARCHIVE_LINE_BYTES_MAX:
            raise TooLarge(
                f"{_describe_line(line)} has {len(line)} bytes in an archive, and an import takes "
                f"at most {bounds.ARCHIVE_LINE_BYTES_MAX}; no archive was written"
            )
        yield line


async def _all_lines(
    db: Database, environment_id: str, objects: BlobStore | None
) -> AsyncIterator[bytes]:
    yield _line("organization", _encode({"archive": "plaudit", "version": VERSION}))
    async with db.read() as tx:
        found = await projects.list_projects(tx, environment_id)
        bounds = {one.project_key: await projects.next_seq(tx, one.project_key) for one in found}
        made = [(one, await deliveries.list_deliveries(tx, one.project_key)) for one in found]
    for project in found:
        yield _line("project", _encode(resources.archived_project(project)))
    async for batch in _batches(db, environment_id):
        owner = next((one for one in found if one.project_key == batch.project_key), None)
        if owner is None:
            continue  # its project was created after the list was taken
        yield _line("batch", _encode(resources.batch(batch, owner.project_id)))
    async for line in dataset_export.schema_lines(db, environment_id):
        yield line
    for project in found:
        async for line in _task_lines(db, project, bounds[project.project_key]):
            yield line
    async for value in delivery_archive.delivery_lines(db, made):
        yield _line("delivery", value)
    async for line in dataset_export.dataset_lines(db, environment_id, objects):
        yield line


async def count_tasks(db: Database, environment_id: str) -> int:
    """About how many task lines an archive will have: sequence numbers handed out so far."""
    async with db.read() as tx:
        found = await projects.list_projects(tx, environment_id)
        return sum([await projects.next_seq(tx, one.project_key) - 1 for one in found])


async def _batches(db: Database, environment_id: str) -> AsyncIterator[BatchRow]:
    after = None
    while True:
        async with db.read() as tx:
            found = await batches.list_batches(
                tx, environment_id, BatchFilter(), after=after, limit=BATCHES_PER_READ
            )
        for batch in found:
            yield batch
        if len(found) < BATCHES_PER_READ:
            return
        after = (found[-1].created_ms, found[-1].batch_id)


async def _task_lines(db: Database, project: ProjectRow, bound: int) -> AsyncIterator[bytes]:
    project_json = _encode(project.project_id)
    after_seq = 0
    while True:
        async with db.read() as tx:
            listed = await row_sizes.list_task_sizes(
                tx, project.project_key, after_seq=after_seq, limit=TASKS_PER_READ
            )
            found = []
            if listed:
                found = await tasks.list_whole_tasks(
                    tx,
                    project.project_key,
                    after_seq=after_seq,
                    limit=row_sizes.count_fitting(listed, READ_BYTES),
                )
        for task in found:
            if task.seq >= bound:
                return
            batch_json = None if task.batch_id is None else _encode(task.batch_id)
            refs = render.head_refs(project_json, batch_json)
            yield _line("task", render.archived_json(task, refs))
        if len(listed) < TASKS_PER_READ and len(found) == len(listed):
            return
        after_seq = found[-1].seq


def _describe_line(line: bytes) -> str:
    found = _decode(line)
    return f"the {found.kind.replace('_', ' ')} {(found.value.task_id or found.value.id)!r}"
