"""Deliveries: their rows, and the runs that make them.

A delivery that is being made has no `delivered_ms`, and no function that reads one finds it. Every
step of a run is conditional on its number, so that a run which lost its lease changes nothing any
more once another one has taken over.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.deliveries import DeliveryRow, DeliveryRun
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "environment_id, delivery_id, project_key, delivery_seq, name, delivered_ms, task_count,"
    " manifest_hash,"
    " schema_id"
)
_FAR = 2**62
_OF_RUN = (
    "WHERE environment_id = :environment_id AND delivery_id = :delivery_id AND run_no = :run_no"
    " AND delivered_ms IS NULL"
)


async def insert_delivery(
    tx: Transaction, delivery: DeliveryRow, name_key: str, *, lease_ms: int
) -> bool:
    """Add a delivery with its first run; False if its id, name or delivery_seq is taken."""
    return bool(
        await tx.run(
            "INSERT INTO delivery (environment_id, delivery_id, project_key, delivery_seq, name,"
            " name_key,"
            " task_count, schema_id, run_no, lease_ms) VALUES (:environment_id, :delivery_id,"
            " :project_key,"
            " :delivery_seq, :name, :name_key, 0, :schema_id, 1, :lease_ms) ON CONFLICT DO NOTHING",
            {
                "environment_id": delivery.environment_id,
                "delivery_id": delivery.delivery_id,
                "project_key": delivery.project_key,
                "delivery_seq": delivery.delivery_seq,
                "name": delivery.name,
                "name_key": name_key,
                "schema_id": delivery.schema_id,
                "lease_ms": lease_ms,
            },
        )
    )


async def take_over(
    tx: Transaction, project_key: int, name_key: str, *, now: int, lease_ms: int
) -> DeliveryRun | None:
    """Start a new run of an unpublished delivery whose lease has ended; None if there is none.

    The old run left `task_count` tasks, which the new run deletes before `restart`.
    """
    row = await tx.one(
        "UPDATE delivery SET run_no = run_no + 1, lease_ms = :lease_ms"
        " WHERE project_key = :project_key AND name_key = :name_key"
        f" AND delivered_ms IS NULL AND lease_ms <= :now RETURNING {_COLUMNS}, run_no",
        {"project_key": project_key, "name_key": name_key, "now": now, "lease_ms": lease_ms},
    )
    return None if row is None else DeliveryRun(DeliveryRow(*row[:-1]), row[-1])


async def restart(tx: Transaction, run: DeliveryRun, delivery_seq: int) -> bool:
    """Reset a delivery that was taken over to the run's name and schema; False if it was lost."""
    return bool(
        await tx.run(
            "UPDATE delivery SET delivery_seq = :delivery_seq, task_count = 0, name = :name,"
            f" schema_id = :schema_id {_OF_RUN}",
            _run_args(run)
            | {
                "delivery_seq": delivery_seq,
                "name": run.delivery.name,
                "schema_id": run.delivery.schema_id,
            },
        )
    )


async def set_task_count(
    tx: Transaction, run: DeliveryRun, *, old_count: int, task_count: int, lease_ms: int
) -> bool:
    """Change the task count from `old_count` and renew the lease; False if the run has lost it."""
    return bool(
        await tx.run(
            "UPDATE delivery SET task_count = :task_count, lease_ms = :lease_ms"
            f" {_OF_RUN} AND task_count = :old_count",
            _run_args(run)
            | {"old_count": old_count, "task_count": task_count, "lease_ms": lease_ms},
        )
    )


async def renew_lease(tx: Transaction, run: DeliveryRun, *, lease_ms: int) -> int | None:
    """Renew the run's lease; return its stored task count, or None if it has lost the delivery."""
    row = await tx.one(
        f"UPDATE delivery SET lease_ms = :lease_ms {_OF_RUN} RETURNING task_count",
        _run_args(run) | {"lease_ms": lease_ms},
    )
    return None if row is None else int(row[0])


async def publish(
    tx: Transaction,
    run: DeliveryRun,
    *,
    task_count: int,
    delivered_ms: int,
    manifest_hash: bytes,
) -> bool:
    """Publish a delivery, which never changes afterwards; False if the run has lost it."""
    return bool(
        await tx.run(
            "UPDATE delivery SET delivered_ms = :delivered_ms, manifest_hash = :manifest_hash"
            f" {_OF_RUN} AND task_count = :task_count",
            _run_args(run)
            | {
                "delivered_ms": delivered_ms,
                "manifest_hash": manifest_hash,
                "task_count": task_count,
            },
        )
    )


async def delete_delivery(tx: Transaction, run: DeliveryRun) -> bool:
    """Delete an unpublished delivery that has no tasks; False if the run has lost it."""
    return bool(await tx.run(f"DELETE FROM delivery {_OF_RUN} AND task_count = 0", _run_args(run)))


async def find_delivery(
    tx: Transaction, environment_id: str, delivery_id: str
) -> DeliveryRow | None:
    """A published delivery of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM delivery WHERE environment_id = :environment_id AND delivery_id ="
        " :delivery_id"
        " AND delivered_ms IS NOT NULL",
        {"environment_id": environment_id, "delivery_id": delivery_id},
    )
    return DeliveryRow(*row) if row else None


async def find_delivery_names(
    tx: Transaction, environment_id: str, delivery_ids: Sequence[str]
) -> dict[str, str]:
    """Names of deliveries of this environment by id; unknown ids are left out."""
    if not delivery_ids:
        return {}
    listed, args = value_lists.in_list("id", delivery_ids)
    rows = await tx.all(
        "SELECT delivery_id, name FROM delivery WHERE environment_id = :environment_id"
        f" AND delivery_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    return dict(rows)


async def find_delivery_by_name(
    tx: Transaction, project_key: int, name_key: str
) -> DeliveryRow | None:
    """A published delivery of a project by the key form of its name; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM delivery WHERE project_key = :project_key"
        " AND name_key = :name_key AND delivered_ms IS NOT NULL",
        {"project_key": project_key, "name_key": name_key},
    )
    return DeliveryRow(*row) if row else None


async def list_deliveries(
    tx: Transaction,
    project_key: int,
    *,
    delivered_after: int | None = None,
    delivered_before: int | None = None,
) -> list[DeliveryRow]:
    """All deliveries of a project published strictly between the bounds, oldest first."""
    rows: list[Row] = await tx.all(
        f"SELECT {_COLUMNS} FROM delivery WHERE project_key = :project_key"
        " AND delivered_ms > :after AND delivered_ms < :before"
        " ORDER BY delivered_ms, delivery_id",
        {
            "project_key": project_key,
            "after": -_FAR if delivered_after is None else delivered_after,
            "before": _FAR if delivered_before is None else delivered_before,
        },
    )
    return [DeliveryRow(*row) for row in rows]


async def list_latest_deliveries(
    tx: Transaction, project_key: int, limit: int
) -> list[DeliveryRow]:
    """Up to `limit` published deliveries of a project, the latest first."""
    rows: list[Row] = await tx.all(
        f"SELECT {_COLUMNS} FROM delivery WHERE project_key = :project_key"
        " AND delivered_ms IS NOT NULL ORDER BY delivered_ms DESC, delivery_id DESC"
        " LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [DeliveryRow(*row) for row in rows]


def _run_args(run: DeliveryRun) -> dict[str, object]:
    return {
        "environment_id": run.delivery.environment_id,
        "delivery_id": run.delivery.delivery_id,
        "run_no": run.run_no,
    }
