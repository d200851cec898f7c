"""Import datasets and schemas from the lines of an archive.

Delivered data never changes, so an equal line is unchanged, and a different one of the same id is
a conflict. A dataset or delivery that is referred to before its declaration is created with its id
as its name, and gets its name and time when it is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import look_alikes, names
from plaudit.core.datasets import attachments, datasets
from plaudit.core.datasets.datasets import AttachedFile, NewTask
from plaudit.core.deliveries import schemas
from plaudit.core.transfer.dataset_export import list_files, no_blob_store
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.deliveries import (
    AttachmentRow,
    DatasetDeliveryRow,
    DatasetRow,
    DatasetTaskRow,
    DeliverySchemaRow,
)
from plaudit.store.common.names import Named
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.datasets import dataset_tasks
from plaudit.store.datasets import datasets as datasets_store
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.deliveries import schemas as schemas_store
from plaudit.store.engine.engine import Transaction, Write
from plaudit.wire.v2 import datasets as wire
from plaudit.wire.v2.parse import convert, moment

KINDS = ("schema", "dataset", "dataset_delivery", "dataset_task")
CHUNK_TASKS = 100
CHUNK_BYTES = 4 * 1024 * 1024
FUTURE_MS_MAX = 5 * 60 * 1000

_encode = msgspec.json.Encoder().encode

SourceLocation = tuple[str, int, str]
"""Location of an entry: file name, line number, JSON pointer to the value."""


class _PendingTask(Struct, frozen=True):
    """A task of the current chunk, and its location in the source."""

    declared: wire.ArchivedDatasetTask
    files: tuple[bytes | AttachmentRow, ...]
    delivery: DatasetDeliveryRow
    source_location: SourceLocation


class DatasetImport:
    """The datasets and schemas of one import. `write` runs work in a transaction.

    `record_result` is called for each line with kind, location, and outcome or Problem.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        objects: BlobStore | None,
        record_result: Callable[[str, SourceLocation, str | Problem], None],
    ) -> None:
        self._write = write
        self._environment_id = environment_id
        self._objects = objects
        self._record_result = record_result
        self._datasets: dict[str, DatasetRow] = {}
        self._deliveries: dict[str, DatasetDeliveryRow] = {}
        self._chunk: dict[str, _PendingTask] = {}
        self._chunk_bytes = 0

    async def import_entry(self, kind: str, value: Any, source_location: SourceLocation) -> None:
        """Import one entry of KINDS; raises InvalidContent or Conflict if it is rejected."""
        if kind == "dataset_task":
            await self._import_task(convert(value, wire.ArchivedDatasetTask), source_location)
            return
        await self.flush()
        if kind == "schema":
            outcome = await self._declare_schema(convert(value, wire.ArchivedSchema))
        elif kind == "dataset":
            outcome = await self._declare_dataset(convert(value, wire.ArchivedDataset))
        else:
            declared = convert(value, wire.ArchivedDatasetDelivery)
            outcome = await self._declare_delivery(declared)
        self._record_result(kind, source_location, outcome)

    async def flush(self) -> None:
        """Store the pending tasks: first their files, then, in one transaction, the rows."""
        chunk, self._chunk, self._chunk_bytes = list(self._chunk.values()), {}, 0
        if not chunk:
            return
        ids = [pending.declared.task_id for pending in chunk]
        known = await self._write(
            lambda tx: dataset_tasks.find_stored_ids(tx, self._environment_id, ids)
        )
        new = {
            pending.declared.task_id: NewTask(
                pending.declared.task_id,
                pending.declared.response,
                tuple(self._store_files(pending)),
            )
            for pending in chunk
            if pending.declared.task_id not in known
        }
        try:
            outcomes = await self._write(lambda tx: self._add(tx, chunk, new))
        except Conflict as problem:  # another transaction was first; nothing of the chunk is stored
            outcomes = [problem] * len(chunk)
        for pending, outcome in zip(chunk, outcomes, strict=True):
            self._record_result("dataset_task", pending.source_location, outcome)

    def _store_files(self, pending: _PendingTask) -> Iterator[AttachedFile]:
        for file, content in zip(pending.declared.attachments or [], pending.files, strict=True):
            if isinstance(content, AttachmentRow):
                yield AttachedFile(file.id, content, is_new=False)
                continue
            assert self._objects is not None
            row = attachments.store_file_now(
                self._objects,
                self._environment_id,
                content,
                name=file.name,
                mime_type=file.mime_type,
            )
            yield AttachedFile(file.id, row)

    async def _declare_schema(self, declared: wire.ArchivedSchema) -> str:
        created_ms = moment(declared.created_at, "/createdAt")
        updated_ms = moment(declared.updated_at, "/updatedAt")
        now = clock.now_ms() if created_ms is None else created_ms
        wanted = DeliverySchemaRow(
            environment_id=self._environment_id,
            schema_id=declared.id,
            name=declared.name,
            json=schemas.checked_json(declared.json),
            created_by=declared.created_by,
            created_ms=now,
            updated_by=declared.created_by if declared.updated_by is None else declared.updated_by,
            updated_ms=now if updated_ms is None else updated_ms,
        )

        async def work(tx: Transaction) -> str:
            stored = await schemas_store.find_schema(tx, self._environment_id, declared.id)
            if stored is not None and created_ms is None:
                times = {"created_ms": stored.created_ms, "updated_ms": stored.updated_ms}
                if msgspec.structs.replace(wanted, **times) == stored:
                    return "unchanged"
            if stored == wanted:
                return "unchanged"
            await schemas.add_schema(tx, wanted)
            return "added"

        return await self._write(work)

    async def _declare_dataset(self, declared: wire.ArchivedDataset) -> str:
        created_ms = moment(declared.created_at, "/created_at")

        async def work(tx: Transaction) -> tuple[str, DatasetRow]:
            stored = await datasets_store.find_dataset(tx, self._environment_id, declared.id)
            if stored is None:
                return "added", await self._create_dataset(tx, declared)
            wanted = msgspec.structs.replace(
                stored,
                name=stored.name if declared.name is None else declared.name,
                created_ms=stored.created_ms if created_ms is None else created_ms,
            )
            if wanted == stored:
                return "unchanged", stored
            if stored.name != stored.dataset_id:
                raise Conflict(f"dataset {declared.id!r} is stored with other values")
            name_key = names.check_name(wanted.name)
            await look_alikes.refuse_twin(
                tx,
                Named.dataset,
                self._environment_id,
                name_key,
                own=names.normalize_name(stored.name),
            )
            if not await datasets_store.update_dataset(tx, wanted, name_key):
                raise Conflict(f"there is a dataset named {wanted.name!r} already")
            return "updated", wanted

        outcome, self._datasets[declared.id] = await self._write(work)
        return outcome

    async def _declare_delivery(self, declared: wire.ArchivedDatasetDelivery) -> str:
        delivered_ms = moment(declared.delivered_at, "/delivered_at")
        if delivered_ms is not None and delivered_ms > clock.now_ms() + FUTURE_MS_MAX:
            raise InvalidContent(
                "delivered_at lies more than 5 minutes ahead", pointer="/delivered_at"
            )
        dataset = await self._dataset_of(declared.dataset)

        async def work(tx: Transaction) -> tuple[str, DatasetDeliveryRow]:
            stored = await datasets_store.find_delivery(tx, self._environment_id, declared.id)
            if stored is None:
                return "added", await self._create_delivery(tx, declared, dataset)
            if stored.dataset_key != dataset.dataset_key:
                raise Conflict(f"delivery {declared.id!r} belongs to another dataset")
            wanted = _merged_delivery(stored, declared, delivered_ms)
            if wanted == stored or _encode_delivery(wanted) == _encode_delivery(stored):
                return "unchanged", stored
            if stored.name != stored.delivery_id:
                raise Conflict(f"delivery {declared.id!r} is stored with other values")
            name_key = names.check_name(wanted.name)
            is_renamed = wanted.name != stored.name
            if is_renamed and await datasets_store.has_delivery_name(
                tx, dataset.dataset_key, name_key
            ):
                raise Conflict(f"the dataset has a delivery named {wanted.name!r} already")
            await datasets_store.reserve_imported_sequence(
                tx, dataset, count=0, delivered_ms=wanted.delivered_ms
            )
            await datasets_store.update_delivery(tx, wanted, name_key)
            return "updated", wanted

        outcome, self._deliveries[declared.id] = await self._write(work)
        return outcome

    async def _import_task(
        self, declared: wire.ArchivedDatasetTask, source_location: SourceLocation
    ) -> None:
        listed = declared.attachments or []
        files = [await self._read_file(file, number) for number, file in enumerate(listed)]
        inline = [len(file) for file in files if isinstance(file, bytes)]
        sizes = sum(len(file) if isinstance(file, bytes) else file.size for file in files)
        datasets.check_task(
            declared.task_id, declared.response, [file.id for file in listed], sizes
        )
        if inline and self._objects is None:
            raise no_blob_store()
        delivery = await self._delivery_of(declared.delivery, declared.dataset)
        if declared.task_id in self._chunk:
            await self.flush()
        self._chunk[declared.task_id] = _PendingTask(
            declared, tuple(files), delivery, source_location
        )
        self._chunk_bytes += sum(inline) + len(_encode(declared.response))
        if len(self._chunk) >= CHUNK_TASKS or self._chunk_bytes >= CHUNK_BYTES:
            await self.flush()

    async def _read_file(self, file: wire.ArchivedAttachment, number: int) -> bytes | AttachmentRow:
        """The content of a file, or the stored attachment that a line names instead."""
        pointer = f"/attachments/{number}"
        attachment_id = file.upload
        if attachment_id is None:
            attachments.check_name_and_type(file.name, file.mime_type, pointer)
            if file.content is None:
                raise InvalidContent("a file has content, or names an upload", pointer=pointer)
            return attachments.decode_base64(file.content, f"{pointer}/content")
        stored = await self._write(
            lambda tx: attachments_store.find_attachment(tx, self._environment_id, attachment_id)
        )
        if stored is None:
            raise InvalidContent(
                f"there is no attachment {attachment_id!r}", pointer=f"{pointer}/upload"
            )
        return stored

    async def _dataset_of(self, reference: str | wire.ArchivedDataset) -> DatasetRow:
        declared = wire.ArchivedDataset(id=reference) if isinstance(reference, str) else reference
        if declared.id not in self._datasets:

            async def work(tx: Transaction) -> DatasetRow:
                stored = await datasets_store.find_dataset(tx, self._environment_id, declared.id)
                return stored or await self._create_dataset(tx, declared)

            self._datasets[declared.id] = await self._write(work)
        return self._datasets[declared.id]

    async def _delivery_of(
        self,
        reference: str | wire.ArchivedDatasetDelivery,
        dataset_reference: str | wire.ArchivedDataset,
    ) -> DatasetDeliveryRow:
        if isinstance(reference, str):
            declared = wire.ArchivedDatasetDelivery(id=reference, dataset=dataset_reference)
        else:
            declared = reference
        dataset = await self._dataset_of(dataset_reference)
        if declared.id not in self._deliveries:

            async def work(tx: Transaction) -> DatasetDeliveryRow:
                stored = await datasets_store.find_delivery(tx, self._environment_id, declared.id)
                return stored or await self._create_delivery(tx, declared, dataset)

            self._deliveries[declared.id] = await self._write(work)
        delivery = self._deliveries[declared.id]
        if delivery.dataset_key != dataset.dataset_key:
            raise Conflict(f"delivery {declared.id!r} belongs to another dataset")
        return delivery

    async def _create_dataset(self, tx: Transaction, declared: wire.ArchivedDataset) -> DatasetRow:
        return await datasets.create_dataset(
            tx,
            self._environment_id,
            name=declared.id if declared.name is None else declared.name,
            dataset_id=declared.id,
            created_ms=moment(declared.created_at, "/created_at"),
        )

    async def _create_delivery(
        self, tx: Transaction, declared: wire.ArchivedDatasetDelivery, dataset: DatasetRow
    ) -> DatasetDeliveryRow:
        delivered_ms = moment(declared.delivered_at, "/delivered_at")
        if delivered_ms is None:
            _, delivered_ms = await datasets_store.reserve_sequence(
                tx, dataset, count=0, at_least=clock.now_ms()
            )
        else:
            await datasets_store.reserve_imported_sequence(
                tx, dataset, count=0, delivered_ms=delivered_ms
            )
        return await datasets.create_delivery(
            tx,
            dataset,
            delivery_id=declared.id,
            name=declared.id if declared.name is None else declared.name,
            delivered_ms=delivered_ms,
            metadata=None if declared.metadata is None else _encode(declared.metadata),
        )

    async def _add(
        self, tx: Transaction, chunk: list[_PendingTask], new: dict[str, NewTask]
    ) -> list[str | Problem]:
        """Store the `new` tasks of a chunk; return an outcome or Conflict for each task."""
        outcomes: list[str | Problem] = []
        for _, run in groupby(chunk, key=lambda pending: pending.delivery.delivery_id):
            group = list(run)
            added = [
                new[pending.declared.task_id]
                for pending in group
                if pending.declared.task_id in new
            ]
            if added:
                await datasets.add_imported_tasks(tx, group[0].delivery, added)
            for pending in group:
                if pending.declared.task_id in new:
                    outcomes.append("added")
                    continue
                stored = await dataset_tasks.find_dataset_task(
                    tx, self._environment_id, pending.declared.task_id
                )
                assert stored is not None
                outcomes.append(await self._compare(tx, stored, pending))
        return outcomes

    async def _compare(
        self, tx: Transaction, stored: DatasetTaskRow, pending: _PendingTask
    ) -> str | Problem:
        """Compare an entry with the stored task of its id: "unchanged" or a Conflict."""
        files = await list_files(tx, self._environment_id, stored)
        listed = pending.declared.attachments or []
        stored_files = [(name, row.name, row.mime_type, row.digest) for name, row in files]
        declared_files = [
            (file.id, content.name, content.mime_type, content.digest)
            if isinstance(content, AttachmentRow)
            else (file.id, file.name, file.mime_type, attachments.hash_content(content))
            for file, content in zip(listed, pending.files, strict=True)
        ]
        is_same = (
            stored.delivery_id == pending.delivery.delivery_id
            and stored.dataset_key == pending.delivery.dataset_key
            and stored.response == _encode(pending.declared.response)
            and stored_files == declared_files
        )
        if is_same:
            return "unchanged"
        return Conflict(f"dataset task {stored.task_id!r} is stored with other values")


def _merged_delivery(
    stored: DatasetDeliveryRow, declared: wire.ArchivedDatasetDelivery, delivered_ms: int | None
) -> DatasetDeliveryRow:
    metadata = None if declared.metadata is None else _encode(declared.metadata)
    return msgspec.structs.replace(
        stored,
        name=stored.name if declared.name is None else declared.name,
        delivered_ms=stored.delivered_ms if delivered_ms is None else delivered_ms,
        metadata=stored.metadata if metadata is None else metadata,
    )


def _encode_delivery(delivery: DatasetDeliveryRow) -> bytes:
    return _encode(wire.delivery(delivery, ""))
