"""Statements for the tasks of dataset deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.deliveries import DatasetDeliveryRow, DatasetTaskRow
from plaudit.store.common import pages
from plaudit.store.engine.engine import Transaction

_TASK_COLUMNS = (
    "dataset_key", "seq", "task_id", "delivery_id", "delivered_ms", "response", "attachments",
)  # fmt: skip


_TASK = ", ".join(f"t.{column}" for column in _TASK_COLUMNS)


_LARGE = ("t.response", "t.attachments")


async def reserve_task_id(
    tx: Transaction, environment_id: str, task_id: str, *, dataset_key: int, seq: int
) -> bool:
    """Reserve a task's id and record its location; False if the id is in use."""
    return bool(
        await tx.run(
            "INSERT INTO dataset_task_locator (task_id, environment_id, dataset_key, seq)"
            " VALUES (:task_id, :environment_id, :dataset_key, :seq) ON CONFLICT DO NOTHING",
            {
                "task_id": task_id,
                "environment_id": environment_id,
                "dataset_key": dataset_key,
                "seq": seq,
            },
        )
    )


async def insert_dataset_tasks(tx: Transaction, tasks: Sequence[DatasetTaskRow]) -> None:
    """Insert tasks whose ids are reserved."""
    rows = [
        (
            task.dataset_key,
            task.seq,
            task.task_id,
            task.delivery_id,
            task.delivered_ms,
            task.response,
            task.attachments,
        )
        for task in tasks
    ]
    await tx.add("dataset_task", _TASK_COLUMNS, rows)


async def find_task_location(
    tx: Transaction, environment_id: str, task_id: str
) -> tuple[int, int] | None:
    """Return a task's location (dataset_key, seq); None for an unknown id."""
    row = await tx.one(
        "SELECT dataset_key, seq FROM dataset_task_locator"
        " WHERE task_id = :task_id AND environment_id = :environment_id",
        {"task_id": task_id, "environment_id": environment_id},
    )
    return None if row is None else (row[0], row[1])


async def find_stored_ids(
    tx: Transaction, environment_id: str, task_ids: Sequence[str]
) -> set[str]:
    """Return those of the ids that tasks of this environment have."""
    return {
        task_id
        for task_id in task_ids
        if await find_task_location(tx, environment_id, task_id) is not None
    }


async def find_dataset_task(
    tx: Transaction, environment_id: str, task_id: str
) -> DatasetTaskRow | None:
    """Return a task of this environment by its id; None if there is none."""
    location = await find_task_location(tx, environment_id, task_id)
    if location is None:
        return None
    row = await tx.one(
        f"SELECT {_TASK} FROM dataset_task AS t"
        " WHERE t.dataset_key = :dataset_key AND t.seq = :seq AND t.task_id = :task_id",
        {"dataset_key": location[0], "seq": location[1], "task_id": task_id},
    )
    return None if row is None else DatasetTaskRow(*row)


async def list_dataset_tasks(
    tx: Transaction, dataset_key: int, *, after_seq: int, bound: int, limit: int
) -> list[DatasetTaskRow]:
    """List up to `limit` tasks of a dataset by `seq`, after `after_seq` and up to `bound`."""
    rows = await tx.all(
        f"SELECT {_TASK} FROM dataset_task AS t WHERE t.dataset_key = :dataset_key"
        " AND t.seq > :after_seq AND t.seq <= :bound ORDER BY t.seq LIMIT :row_limit",
        {"dataset_key": dataset_key, "after_seq": after_seq, "bound": bound, "row_limit": limit},
    )
    return [DatasetTaskRow(*row) for row in rows]


async def list_tasks_by_delivery_time(
    tx: Transaction, dataset_key: int, *, after: tuple[int, int], bound: int, limit: int
) -> tuple[list[DatasetTaskRow], bool]:
    """A page of up to `limit` tasks of a dataset by (delivered_ms, seq), and if more follow.

    It is bounded in bytes, begins after the pair `after`, and ends with the time `bound`.
    """
    return await _read_tasks(
        tx,
        "SELECT delivered_ms, seq FROM dataset_task WHERE dataset_key = :dataset_key"
        " AND (delivered_ms, seq) > (:after_ms, :after_seq) AND delivered_ms <= :bound"
        " ORDER BY delivered_ms, seq LIMIT :row_limit",
        {"dataset_key": dataset_key, "after_ms": after[0], "after_seq": after[1], "bound": bound},
        limit,
    )


async def list_tasks_of_delivery(
    tx: Transaction, delivery: DatasetDeliveryRow, *, after_seq: int, limit: int
) -> tuple[list[DatasetTaskRow], bool]:
    """A page, likewise, of up to `limit` tasks of a delivery by `seq`, after `after_seq`."""
    return await _read_tasks(
        tx,
        "SELECT seq FROM dataset_task WHERE dataset_key = :dataset_key"
        " AND delivery_id = :delivery_id AND seq > :after_seq ORDER BY seq LIMIT :row_limit",
        {
            "dataset_key": delivery.dataset_key,
            "delivery_id": delivery.delivery_id,
            "after_seq": after_seq,
        },
        limit,
    )


async def _read_tasks(
    tx: Transaction, keys: str, args: dict[str, object], limit: int
) -> tuple[list[DatasetTaskRow], bool]:
    rest = (
        f"FROM ({keys}) AS k CROSS JOIN dataset_task AS t"
        " WHERE t.dataset_key = :dataset_key AND t.seq = k.seq"
    )
    rows, has_more = await pages.read_page(
        tx, _TASK.split(", "), _LARGE, rest, args, limit=limit, order=lambda row: (row[4], row[1])
    )
    return [DatasetTaskRow(*row[:-1]) for row in rows], has_more
