"""Create datasets and deliver tasks into them. What was delivered never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.common import names
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.deliveries import AttachmentRow, DatasetDeliveryRow, DatasetRow, DatasetTaskRow
from plaudit.store.datasets import attachments, datasets
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2.datasets import turn_count

TASKS_MAX = 10_000
ATTACHMENTS_PER_TASK_MAX = 1000
TASK_BYTES_MAX = 10 * 1024 * 1024
"""A task with its attachments in base64: what an archive carries on one line."""
_LINE_OVERHEAD = 2048
_FILE_OVERHEAD = 128

_encode = msgspec.json.Encoder().encode
_pairs = msgspec.json.Decoder(list[tuple[str, str]]).decode


class AttachedFile(Struct, frozen=True):
    """A file of a task: the id that clients use, the row, and whether the row is new."""

    public_id: str
    attachment: AttachmentRow
    is_new: bool = True


class NewTask(Struct, frozen=True):
    """A task to be delivered; without an id it gets one."""

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
    """Add a dataset; raises Conflict if this world has one of that id or name."""
    name_key = names.checked(name)
    _check_id(dataset_id, "/id")
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
    """A dataset of this world; raises NotFound."""
    dataset = await datasets.find_dataset(tx, environment_id, dataset_id)
    if dataset is None:
        raise NotFound("there is no such dataset")
    return dataset


async def require_room(
    tx: Transaction, dataset: DatasetRow, name: str, task_ids: Sequence[str]
) -> None:
    """Raise Conflict if a delivery of this name, or a task of these ids, is there already."""
    if await datasets.has_delivery_name(tx, dataset.dataset_key, names.checked(name)):
        raise Conflict(f"the dataset has a delivery named {name!r} already (or of that id)")
    for task_id in task_ids:
        if await datasets.find_task_place(tx, dataset.environment_id, task_id) is not None:
            raise Conflict(f"a dataset has a task {task_id!r} already")


async def deliver(
    tx: Transaction, dataset: DatasetRow, *, name: str, tasks: Sequence[NewTask]
) -> tuple[DatasetDeliveryRow, list[DatasetTaskRow]]:
    """Add a delivery with its tasks; raises Conflict if its name or a task's id is taken."""
    first_seq, delivered_ms = await datasets.take_place(
        tx, dataset, count=len(tasks), at_least=clock.now_ms()
    )
    delivery = await create_delivery(tx, dataset, name=name, delivered_ms=delivered_ms)
    added = await add_tasks(tx, delivery, tasks, first_seq)
    counts = {
        "task_count": len(tasks),
        "turn_count": sum(turn_count(one.response) for one in tasks),
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
    """Add a delivery without tasks; raises Conflict if its id is taken, or its name here."""
    name_key = names.checked(name)
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
    """Add tasks to a delivery and count them; raises Conflict if the id of one is taken."""
    rows = []
    for seq, one in enumerate(tasks, first_seq):
        task_id = one.task_id or ids.mint("task")
        if not await datasets.claim_task_id(
            tx, delivery.environment_id, task_id, dataset_key=delivery.dataset_key, seq=seq
        ):
            raise Conflict(f"a dataset has a task {task_id!r} already")
        for file in one.attached:
            if file.is_new:
                await attachments.insert_attachment(tx, file.attachment)
        pairs = [(file.public_id, file.attachment.attachment_id) for file in one.attached]
        rows.append(
            DatasetTaskRow(
                dataset_key=delivery.dataset_key,
                seq=seq,
                task_id=task_id,
                delivery_id=delivery.delivery_id,
                delivered_ms=delivery.delivered_ms,
                response=_encode(one.response),
                attachments=_encode(pairs) if pairs else None,
            )
        )
    await datasets.insert_dataset_tasks(tx, rows)
    await datasets.count_tasks(
        tx,
        delivery,
        task_count=len(rows),
        turn_count=sum(turn_count(one.response) for one in tasks),
    )
    return rows


async def add_imported_tasks(
    tx: Transaction, delivery: DatasetDeliveryRow, tasks: Sequence[NewTask]
) -> None:
    """Add tasks that were delivered elsewhere; raises Conflict if the id of one is taken."""
    dataset = await datasets.find_dataset_by_key(tx, delivery.environment_id, delivery.dataset_key)
    assert dataset is not None
    first_seq = await datasets.take_imported_place(
        tx, dataset, count=len(tasks), delivered_ms=delivery.delivered_ms
    )
    await add_tasks(tx, delivery, tasks, first_seq)


def attachments_of(task: DatasetTaskRow) -> list[tuple[str, str]]:
    """The attachments of a task: the id that clients use, and the attachment's own."""
    return [] if task.attachments is None else _pairs(task.attachments)


async def find_attachment(
    tx: Transaction, environment_id: str, task_id: str, public_id: str
) -> AttachmentRow:
    """An attachment of a dataset's task; raises NotFound, which says what is unknown."""
    task = await datasets.find_dataset_task(tx, environment_id, task_id)
    if task is None:
        raise NotFound("there is no such dataset task")
    for known, attachment_id in attachments_of(task):
        if known == public_id:
            found = await attachments.find_attachment(tx, environment_id, attachment_id)
            assert found is not None
            return found
    raise NotFound("the task has no such attachment")


def check_task(
    task_id: str | None, response: dict[str, Any], public_ids: Sequence[str], file_bytes: int
) -> None:
    """Raise InvalidContent for a task that cannot be kept; pointers lead from the task."""
    _check_id(task_id, "/task_id")
    if len(public_ids) > ATTACHMENTS_PER_TASK_MAX:
        raise InvalidContent(
            f"a task has at most {ATTACHMENTS_PER_TASK_MAX} attachments", pointer="/attachments"
        )
    for number, public_id in enumerate(public_ids):
        _check_id(public_id, f"/attachments/{number}/id")
        if public_id in public_ids[:number]:
            raise InvalidContent(
                "this id stands twice among the attachments", pointer=f"/attachments/{number}/id"
            )
    overhead = _LINE_OVERHEAD + _FILE_OVERHEAD * len(public_ids)
    if len(_encode(response)) + file_bytes * 4 // 3 + overhead > TASK_BYTES_MAX:
        raise InvalidContent(
            f"a task and its attachments, in base64, have at most {TASK_BYTES_MAX} bytes"
        )


def _check_id(given: str | None, pointer: str) -> None:
    if given is not None and not ids.is_usable(given):
        raise InvalidContent(
            "an id has 1 to 255 characters, no control characters", pointer=pointer
        )
