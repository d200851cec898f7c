"""Export datasets and schemas as lines of an archive, each kind after those it refers to."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import msgspec

from plaudit import clock
from plaudit.core.datasets import attachments, datasets
from plaudit.core.transfer.archive_line import archive_line
from plaudit.errors import Misconfigured
from plaudit.model.deliveries import AttachmentRow, DatasetRow, DatasetTaskRow
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.datasets import dataset_tasks
from plaudit.store.datasets import datasets as datasets_store
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.deliveries import schemas
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2 import datasets as wire

TASKS_PER_READ = 100

_encode = msgspec.json.Encoder().encode


async def schema_lines(db: Database, environment_id: str) -> AsyncIterator[bytes]:
    """The lines of all schemas, oldest first."""
    async with db.read() as tx:
        rows = await schemas.list_schemas(tx, environment_id, with_text=True)
    for row in rows:
        yield archive_line("schema", _encode(wire.schema(row)))


async def dataset_lines(
    db: Database, environment_id: str, objects: BlobStore | None, *, by_reference: bool = False
) -> AsyncIterator[bytes]:
    """The lines of all datasets, then their deliveries, then their tasks with their files.

    `by_reference` files are named by the attachments that have lines of their own.
    Tasks are read in short transactions, up to a bound taken at the start. Raises Misconfigured if
    a task has files and `objects` is None.
    """
    async with db.read() as tx:
        listed = await datasets_store.list_datasets(tx, environment_id)
        deliveries = await datasets_store.list_deliveries(tx, environment_id)
        bounds = [(await datasets_store.get_bounds(tx, dataset))[0] for dataset in listed]
    public_ids = {dataset.dataset_key: dataset.dataset_id for dataset in listed}
    for dataset in listed:
        value = wire.ArchivedDataset(
            id=dataset.dataset_id,
            name=dataset.name,
            created_at=clock.format_ms(dataset.created_ms),
        )
        yield archive_line("dataset", _encode(value))
    for delivery in deliveries:
        shown = wire.delivery(delivery, public_ids[delivery.dataset_key])
        yield archive_line("dataset_delivery", _encode(shown))
    for dataset, bound in zip(listed, bounds, strict=True):
        async for task, files in _tasks(db, dataset, bound):
            whole = wire.task(task, _encode(dataset.dataset_id), _encode(task.delivery_id))
            if files:
                if by_reference:
                    contents = [
                        wire.ArchivedAttachment(id=public_id, upload=row.attachment_id)
                        for public_id, row in files
                    ]
                else:
                    contents = [await _archived(objects, *file) for file in files]
                whole = b'%b,"attachments":%b}' % (whole[:-1], _encode(contents))
            yield archive_line("dataset_task", whole)


async def _tasks(
    db: Database, dataset: DatasetRow, bound: int
) -> AsyncIterator[tuple[DatasetTaskRow, list[tuple[str, AttachmentRow]]]]:
    """The tasks of a dataset in order, each with its files' ids and rows."""
    after_seq = 0
    while True:
        page = []
        async with db.read() as tx:
            for task in await dataset_tasks.list_dataset_tasks(
                tx, dataset.dataset_key, after_seq=after_seq, bound=bound, limit=TASKS_PER_READ
            ):
                page.append((task, await list_files(tx, dataset.environment_id, task)))
        for task_and_files in page:
            yield task_and_files
        if len(page) < TASKS_PER_READ:
            return
        after_seq = page[-1][0].seq


async def list_files(
    tx: Transaction, environment_id: str, task: DatasetTaskRow
) -> list[tuple[str, AttachmentRow]]:
    """(public attachment id, attachment row) of each file of a task."""
    files = []
    for public_id, attachment_id in datasets.list_attachment_ids(task):
        row = await attachments_store.find_attachment(tx, environment_id, attachment_id)
        assert row is not None
        files.append((public_id, row))
    return files


async def _archived(
    objects: BlobStore | None, public_id: str, row: AttachmentRow
) -> wire.ArchivedAttachment:
    if objects is None:
        raise no_blob_store()
    content = await objects.read(
        attachments.blob_key(row.environment_id, row.attachment_id), row.size
    )
    return wire.ArchivedAttachment(
        id=public_id,
        name=row.name,
        mime_type=row.mime_type,
        content=base64.b64encode(content).decode(),
    )


def no_blob_store() -> Misconfigured:
    """The error of an export or import of files without a blob store."""
    return Misconfigured("nothing says where attachments are kept")
