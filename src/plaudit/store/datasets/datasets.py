"""Datasets, their deliveries and tasks: rows, sequence numbers, delivery times, pages.

Tasks have a sequence number in order of insertion, and the time of their delivery from a clock of
the dataset: each delivery's time is greater than those before. A page reads one index range, by
`seq` within a delivery, by `(delivered_ms, seq)` over a dataset.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.deliveries import DatasetDeliveryRow, DatasetRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_DATASET = "dataset_key, environment_id, dataset_id, name, created_ms"
_DELIVERY = (
    "environment_id, delivery_id, dataset_key, name, delivered_ms, task_count, turn_count, metadata"
)


async def insert_dataset(tx: Transaction, dataset: DatasetRow, name_key: str) -> bool:
    """Insert a dataset; False if its id or its name is in use."""
    return bool(
        await tx.run(
            f"INSERT INTO dataset ({_DATASET}, name_key, next_seq, last_ms) VALUES (:dataset_key,"
            " :environment_id, :dataset_id, :name, :created_ms, :name_key, 1, 0) ON CONFLICT DO"
            " NOTHING",
            {
                "dataset_key": dataset.dataset_key,
                "environment_id": dataset.environment_id,
                "dataset_id": dataset.dataset_id,
                "name": dataset.name,
                "created_ms": dataset.created_ms,
                "name_key": name_key,
            },
        )
    )


async def find_dataset(tx: Transaction, environment_id: str, dataset_id: str) -> DatasetRow | None:
    """Return a dataset of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_DATASET} FROM dataset WHERE environment_id = :environment_id AND dataset_id ="
        " :dataset_id",
        {"environment_id": environment_id, "dataset_id": dataset_id},
    )
    return DatasetRow(*row) if row else None


async def find_dataset_by_key(
    tx: Transaction, environment_id: str, dataset_key: int
) -> DatasetRow | None:
    """Return a dataset of this environment by its `dataset_key`; None if there is none."""
    row = await tx.one(
        f"SELECT {_DATASET} FROM dataset WHERE environment_id = :environment_id AND dataset_key ="
        " :dataset_key",
        {"environment_id": environment_id, "dataset_key": dataset_key},
    )
    return DatasetRow(*row) if row else None


async def list_datasets(tx: Transaction, environment_id: str) -> list[DatasetRow]:
    """List all datasets of this environment, oldest first."""
    rows = await tx.all(
        f"SELECT {_DATASET} FROM dataset WHERE environment_id = :environment_id ORDER BY"
        " created_ms, dataset_id",
        {"environment_id": environment_id},
    )
    return [DatasetRow(*row) for row in rows]


async def update_dataset(tx: Transaction, dataset: DatasetRow, name_key: str) -> bool:
    """Update a dataset's name and creation time; False if another dataset has the name."""
    row = await tx.one(
        "SELECT dataset_id FROM dataset WHERE environment_id = :environment_id AND name_key ="
        " :name_key",
        {"environment_id": dataset.environment_id, "name_key": name_key},
    )
    if row is not None and row[0] != dataset.dataset_id:
        return False
    return bool(
        await tx.run(
            "UPDATE dataset SET name = :name, name_key = :name_key, created_ms = :created_ms"
            " WHERE environment_id = :environment_id AND dataset_id = :dataset_id",
            {
                "environment_id": dataset.environment_id,
                "dataset_id": dataset.dataset_id,
                "name": dataset.name,
                "name_key": name_key,
                "created_ms": dataset.created_ms,
            },
        )
    )


async def reserve_sequence(
    tx: Transaction, dataset: DatasetRow, *, count: int, at_least: int
) -> tuple[int, int]:
    """Reserve `count` sequence numbers and a delivery time; return (first number, time).

    The time in milliseconds is `at_least`, or one after the last one, whichever is later. The
    dataset's row stays locked until the transaction ends, so deliveries become visible in order.
    """
    row = await tx.one(
        "UPDATE dataset SET next_seq = next_seq + :count,"
        " last_ms = CASE WHEN last_ms < :at_least THEN :at_least ELSE last_ms + 1 END"
        " WHERE environment_id = :environment_id AND dataset_id = :dataset_id RETURNING next_seq,"
        " last_ms",
        {
            "environment_id": dataset.environment_id,
            "dataset_id": dataset.dataset_id,
            "count": count,
            "at_least": at_least,
        },
    )
    assert row is not None
    return int(row[0]) - count, int(row[1])


async def reserve_imported_sequence(
    tx: Transaction, dataset: DatasetRow, *, count: int, delivered_ms: int
) -> int:
    """Reserve `count` sequence numbers for an imported delivery; return the first."""
    row = await tx.one(
        "UPDATE dataset SET next_seq = next_seq + :count,"
        " last_ms = CASE WHEN last_ms < :delivered_ms THEN :delivered_ms ELSE last_ms END"
        " WHERE environment_id = :environment_id AND dataset_id = :dataset_id RETURNING next_seq",
        {
            "environment_id": dataset.environment_id,
            "dataset_id": dataset.dataset_id,
            "count": count,
            "delivered_ms": delivered_ms,
        },
    )
    assert row is not None
    return int(row[0]) - count


async def get_bounds(tx: Transaction, dataset: DatasetRow) -> tuple[int, int]:
    """Return the greatest sequence number and delivery time reserved so far; 0 for none."""
    row = await tx.one(
        "SELECT next_seq, last_ms FROM dataset WHERE environment_id = :environment_id AND"
        " dataset_id = :dataset_id",
        {"environment_id": dataset.environment_id, "dataset_id": dataset.dataset_id},
    )
    assert row is not None
    return int(row[0]) - 1, int(row[1])


async def insert_delivery(tx: Transaction, delivery: DatasetDeliveryRow, name_key: str) -> bool:
    """Insert a delivery; False if its id, or its name within the dataset, is in use."""
    return bool(
        await tx.run(
            f"INSERT INTO dataset_delivery ({_DELIVERY}, name_key) VALUES (:environment_id,"
            " :delivery_id,"
            " :dataset_key, :name, :delivered_ms, :task_count, :turn_count, :metadata, :name_key)"
            " ON CONFLICT DO NOTHING",
            {
                "environment_id": delivery.environment_id,
                "delivery_id": delivery.delivery_id,
                "dataset_key": delivery.dataset_key,
                "name": delivery.name,
                "delivered_ms": delivery.delivered_ms,
                "task_count": delivery.task_count,
                "turn_count": delivery.turn_count,
                "metadata": delivery.metadata,
                "name_key": name_key,
            },
        )
    )


async def update_delivery(tx: Transaction, delivery: DatasetDeliveryRow, name_key: str) -> None:
    """Update a delivery's name, time and metadata, and the delivery time of its tasks."""
    await tx.run(
        "UPDATE dataset_delivery SET name = :name, name_key = :name_key, metadata = :metadata,"
        " delivered_ms = :delivered_ms WHERE environment_id = :environment_id AND delivery_id ="
        " :delivery_id",
        {
            "environment_id": delivery.environment_id,
            "delivery_id": delivery.delivery_id,
            "name": delivery.name,
            "name_key": name_key,
            "metadata": delivery.metadata,
            "delivered_ms": delivery.delivered_ms,
        },
    )
    await tx.run(
        "UPDATE dataset_task SET delivered_ms = :delivered_ms"
        " WHERE dataset_key = :dataset_key AND delivery_id = :delivery_id",
        {
            "dataset_key": delivery.dataset_key,
            "delivery_id": delivery.delivery_id,
            "delivered_ms": delivery.delivered_ms,
        },
    )


async def count_tasks(
    tx: Transaction, delivery: DatasetDeliveryRow, *, task_count: int, turn_count: int
) -> None:
    """Add to a delivery's counts of tasks and turns."""
    await tx.run(
        "UPDATE dataset_delivery SET task_count = task_count + :task_count,"
        " turn_count = turn_count + :turn_count"
        " WHERE environment_id = :environment_id AND delivery_id = :delivery_id",
        {
            "environment_id": delivery.environment_id,
            "delivery_id": delivery.delivery_id,
            "task_count": task_count,
            "turn_count": turn_count,
        },
    )


async def find_delivery(
    tx: Transaction, environment_id: str, delivery_id: str
) -> DatasetDeliveryRow | None:
    """Return a delivery of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_DELIVERY} FROM dataset_delivery"
        " WHERE environment_id = :environment_id AND delivery_id = :delivery_id",
        {"environment_id": environment_id, "delivery_id": delivery_id},
    )
    return DatasetDeliveryRow(*row) if row else None


async def find_deliveries(
    tx: Transaction, environment_id: str, delivery_ids: Sequence[str]
) -> dict[str, DatasetDeliveryRow]:
    """Return deliveries of this environment by id; unknown ids are left out."""
    if not delivery_ids:
        return {}
    listed, args = value_lists.in_list("id", delivery_ids)
    rows = await tx.all(
        f"SELECT {_DELIVERY} FROM dataset_delivery WHERE environment_id = :environment_id"
        f" AND delivery_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    found = [DatasetDeliveryRow(*row) for row in rows]
    return {delivery.delivery_id: delivery for delivery in found}


async def has_delivery_name(tx: Transaction, dataset_key: int, name_key: str) -> bool:
    """True if a dataset has a delivery of that name."""
    row = await tx.one(
        "SELECT 1 FROM dataset_delivery WHERE dataset_key = :dataset_key AND name_key = :name_key",
        {"dataset_key": dataset_key, "name_key": name_key},
    )
    return row is not None


async def list_deliveries(
    tx: Transaction,
    environment_id: str,
    *,
    dataset_key: int | None = None,
    delivered_after: int | None = None,
    delivered_before: int | None = None,
) -> list[DatasetDeliveryRow]:
    """List deliveries of this environment, or of one dataset, by time.

    Bounds are exclusive, in milliseconds; None sets no bound.
    """
    conditions = ["environment_id = :environment_id"]
    args: dict[str, object] = {"environment_id": environment_id}
    filters: dict[str, int | None] = {
        "dataset_key = :dataset_key": dataset_key,
        "delivered_ms > :delivered_after": delivered_after,
        "delivered_ms < :delivered_before": delivered_before,
    }
    for condition, value in filters.items():
        if value is not None:
            conditions.append(condition)
            args[condition.rpartition(":")[2]] = value
    rows = await tx.all(
        f"SELECT {_DELIVERY} FROM dataset_delivery WHERE {' AND '.join(conditions)}"
        " ORDER BY delivered_ms, delivery_id",
        args,
    )
    return [DatasetDeliveryRow(*row) for row in rows]
