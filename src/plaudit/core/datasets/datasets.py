"""Datasets: create them and deliver tasks into them. Delivered tasks never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.common import look_alikes, names
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.deliveries import AttachmentRow, DatasetDeliveryRow, DatasetRow, DatasetTaskRow
from plaudit.store.common.names import Named
from plaudit.store.datasets import attachments, dataset_tasks, datasets
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2.datasets import turn_count

TASKS_MAX = 10_000
ATTACHMENTS_PER_TASK_MAX = 1000
TASK_BYTES_MAX = 10 * 1024 * 1024
"""Bytes of a task with its attachments in base64, as on one line of an archive."""
_LINE_OVERHEAD = 2048
_FILE_OVERHEAD = 128

_encode = msgspec.json.Encoder().encode
_pairs = msgspec.json.Decoder(list[tuple[str, str]]).decode


class AttachedFile(Struct, frozen=True):
    """File of a task; `public_id` is the id that clients use, `is_new` a row to be inserted."""

    public_id: str
    attachment: AttachmentRow
    is_new: bool = True


class NewTask(Struct, frozen=True):
    """Task to be delivered; an id is minted if `task_id` is None."""

    task_id: str | None
    response: dict[str, Any]
    attached: tuple[AttachedFile, ...] = ()


async def create_dataset(
    tx: Transaction,
    environment_id: str,
    *,
    name: str,
    dataset_id: str | None = None,
    created_ms: int | None = None,
) -> DatasetRow:
    """Create a dataset; raises InvalidContent, or Conflict for an id or name in use.

    Id and time are generated where None.
    """
    name_key = names.check_name(name)
    _check_id(dataset_id, "/id")
    await look_alikes.refuse_twin(tx, Named.dataset, environment_id, name_key)
    dataset = DatasetRow(
        dataset_key=ids.mint_key(),
        environment_id=environment_id,
        dataset_id=dataset_id or ids.mint("dataset"),
        name=name,
        created_ms=clock.now_ms() if created_ms is None else created_ms,
    )
    if not await datasets.insert_dataset(tx, dataset, name_key):
        raise Conflict(f"there is a dataset named {name!r} already (or of that id)")
    return dataset


async def get_dataset(tx: Transaction, environment_id: str, dataset_id: str) -> DatasetRow:
    """Return a dataset of this environment; raises NotFound."""
    dataset = await datasets.find_dataset(tx, environment_id, dataset_id)
    if dataset is None:
        raise NotFound("there is no such dataset")
    return dataset


async def require_unused(
    tx: Transaction, dataset: DatasetRow, name: str, task_ids: Sequence[str]
) -> None:
    """Raise Conflict if the delivery's name or a task's id is in use."""
    if await datasets.has_delivery_name(tx, dataset.dataset_key, names.check_name(name)):
        raise Conflict(f"the dataset has a delivery named {name!r} already (or of that id)")
    for task_id in task_ids:
        if await dataset_tasks.find_task_location(tx, dataset.environment_id, task_id) is not None:
            raise Conflict(f"a dataset has a task {task_id!r} already")


async def deliver(
    tx: Transaction, dataset: DatasetRow, *, name: str, tasks: Sequence[NewTask]
) -> tuple[DatasetDeliveryRow, list[DatasetTaskRow]]:
    """Create a delivery with its tasks, at the present time.

    Raises Conflict if its name or a task's id is in use.
    """
    first_seq, delivered_ms = await datasets.reserve_sequence(
        tx, dataset, count=len(tasks), at_least=clock.now_ms()
    )
    delivery = await create_delivery(tx, dataset, name=name, delivered_ms=delivered_ms)
    added = await add_tasks(tx, delivery, tasks, first_seq)
    counts = {
        "task_count": len(tasks),
        "turn_count": sum(turn_count(task.response) for task in tasks),
    }
    return msgspec.structs.replace(delivery, **counts), added


async def create_delivery(
    tx: Transaction,
    dataset: DatasetRow,
    *,
    name: str,
    delivered_ms: int,
    delivery_id: str | None = None,
    metadata: bytes | None = None,
) -> DatasetDeliveryRow:
    """Create a delivery without tasks, delivered at a time in milliseconds.

    An id is minted if None. Raises InvalidContent, or Conflict for an id or name in use.
    """
    name_key = names.check_name(name)
    _check_id(delivery_id, "/id")
    delivery = DatasetDeliveryRow(
        environment_id=dataset.environment_id,
        delivery_id=delivery_id or ids.mint("delivery"),
        dataset_key=dataset.dataset_key,
        name=name,
        delivered_ms=delivered_ms,
        metadata=metadata,
    )
    if not await datasets.insert_delivery(tx, delivery, name_key):
        raise Conflict(f"the dataset has a delivery named {name!r} already (or of that id)")
    return delivery


async def add_tasks(
    tx: Transaction, delivery: DatasetDeliveryRow, tasks: Sequence[NewTask], first_seq: int
) -> list[DatasetTaskRow]:
    """Add tasks to a delivery, numbered from `first_seq`; raises Conflict for an id in use."""
    rows = []
    for seq, task in enumerate(tasks, first_seq):
        task_id = task.task_id or ids.mint("task")
        if not await dataset_tasks.reserve_task_id(
            tx, delivery.environment_id, task_id, dataset_key=delivery.dataset_key, seq=seq
        ):
            raise Conflict(f"a dataset has a task {task_id!r} already")
        for file in task.attached:
            if file.is_new:
                await attachments.insert_attachment(tx, file.attachment)
        pairs = [(file.public_id, file.attachment.attachment_id) for file in task.attached]
        rows.append(
            DatasetTaskRow(
                dataset_key=delivery.dataset_key,
                seq=seq,
                task_id=task_id,
                delivery_id=delivery.delivery_id,
                delivered_ms=delivery.delivered_ms,
                response=_encode(task.response),
                attachments=_encode(pairs) if pairs else None,
            )
        )
    await dataset_tasks.insert_dataset_tasks(tx, rows)
    await datasets.count_tasks(
        tx,
        delivery,
        task_count=len(rows),
        turn_count=sum(turn_count(task.response) for task in tasks),
    )
    return rows


async def add_imported_tasks(
    tx: Transaction, delivery: DatasetDeliveryRow, tasks: Sequence[NewTask]
) -> None:
    """Add tasks of an imported delivery; raises Conflict for an id in use."""
    dataset = await datasets.find_dataset_by_key(tx, delivery.environment_id, delivery.dataset_key)
    assert dataset is not None
    first_seq = await datasets.reserve_imported_sequence(
        tx, dataset, count=len(tasks), delivered_ms=delivery.delivered_ms
    )
    await add_tasks(tx, delivery, tasks, first_seq)


def list_attachment_ids(task: DatasetTaskRow) -> list[tuple[str, str]]:
    """List a task's attachments as (id that clients use, `attachment_id`)."""
    return [] if task.attachments is None else _pairs(task.attachments)


async def find_attachment(
    tx: Transaction, environment_id: str, task_id: str, public_id: str
) -> AttachmentRow:
    """Return an attachment of a dataset's task by the id that clients use; raises NotFound."""
    task = await dataset_tasks.find_dataset_task(tx, environment_id, task_id)
    if task is None:
        raise NotFound("there is no such dataset task")
    for listed_id, attachment_id in list_attachment_ids(task):
        if listed_id == public_id:
            attachment = await attachments.find_attachment(tx, environment_id, attachment_id)
            assert attachment is not None
            return attachment
    raise NotFound("the task has no such attachment")


def check_task(
    task_id: str | None, response: dict[str, Any], public_ids: Sequence[str], file_bytes: int
) -> None:
    """Raise InvalidContent for a task that cannot be stored; pointers are relative to the task.

    `file_bytes` is the size of all its files together.
    """
    _check_id(task_id, "/task_id")
    if len(public_ids) > ATTACHMENTS_PER_TASK_MAX:
        raise InvalidContent(
            f"a task has at most {ATTACHMENTS_PER_TASK_MAX} attachments", pointer="/attachments"
        )
    seen: set[str] = set()
    for number, public_id in enumerate(public_ids):
        _check_id(public_id, f"/attachments/{number}/id")
        if public_id in seen:
            raise InvalidContent(
                "this id stands twice among the attachments", pointer=f"/attachments/{number}/id"
            )
        seen.add(public_id)
    overhead = _LINE_OVERHEAD + _FILE_OVERHEAD * len(public_ids)
    if len(_encode(response)) + file_bytes * 4 // 3 + overhead > TASK_BYTES_MAX:
        raise InvalidContent(
            f"a task and its attachments, in base64, have at most {TASK_BYTES_MAX} bytes"
        )


def _check_id(public_id: str | None, pointer: str) -> None:
    if public_id is not None and not ids.is_usable(public_id):
        raise InvalidContent(
            "an id has 1 to 255 characters, no control characters", pointer=pointer
        )
