"""Datasets and schemas as lines of an archive: each kind after those that it refers to."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import msgspec

from plaudit import clock
from plaudit.core.datasets import attachments, datasets
from plaudit.errors import Misconfigured
from plaudit.model.deliveries import AttachmentRow, DatasetRow, DatasetTaskRow
from plaudit.store.datasets import attachments as attachments_store
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
        found = await schemas.list_schemas(tx, environment_id)
    for one in found:
        yield archive_line("schema", _encode(wire.schema(one)))


async def dataset_lines(
    db: Database, environment_id: str, objects: BlobStore | None
) -> AsyncIterator[bytes]:
    """The lines of all datasets, then their deliveries, then their tasks with their files.

    Tasks are read in short transactions, up to a bound taken at the start.
    """
    async with db.read() as tx:
        found = await datasets_store.list_datasets(tx, environment_id)
        deliveries = await datasets_store.list_deliveries(tx, environment_id)
        bounds = [(await datasets_store.get_bounds(tx, one))[0] for one in found]
    public_ids = {one.dataset_key: one.dataset_id for one in found}
    for one in found:
        value = wire.ArchivedDataset(
            id=one.dataset_id, name=one.name, created_at=clock.format_ms(one.created_ms)
        )
        yield archive_line("dataset", _encode(value))
    for delivery in deliveries:
        shown = wire.delivery(delivery, public_ids[delivery.dataset_key])
        yield archive_line("dataset_delivery", _encode(shown))
    for dataset, bound in zip(found, bounds, strict=True):
        async for task, files in _tasks(db, dataset, bound):
            whole = wire.task(task, _encode(dataset.dataset_id), _encode(task.delivery_id))
            if files:
                contents = [await _archived(objects, *file) for file in files]
                whole = b'%b,"attachments":%b}' % (whole[:-1], _encode(contents))
            yield archive_line("dataset_task", whole)


async def _tasks(
    db: Database, dataset: DatasetRow, bound: int
) -> AsyncIterator[tuple[DatasetTaskRow, list[tuple[str, AttachmentRow]]]]:
    """The tasks of a dataset in order, each with its files' ids and rows."""
    after_seq = 0
    while True:
        found = []
        async with db.read() as tx:
            for task in await datasets_store.list_dataset_tasks(
                tx, dataset.dataset_key, after_seq=after_seq, bound=bound, limit=TASKS_PER_READ
            ):
                found.append((task, await list_files(tx, dataset.environment_id, task)))
        for one in found:
            yield one
        if len(found) < TASKS_PER_READ:
            return
        after_seq = found[-1][0].seq


async def list_files(
    tx: Transaction, environment_id: str, task: DatasetTaskRow
) -> list[tuple[str, AttachmentRow]]:
    """The files of a task, each with the id that clients use."""
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


def archive_line(kind: str, value: bytes) -> bytes:
    """One line of an archive, without its end."""
    return b'{"kind":"%b","value":%b}' % (kind.encode(), value)


def no_blob_store() -> Misconfigured:
    """Files are to be moved, and nobody said where they lie."""
    return Misconfigured("nothing says where attachments are kept")
