"""Batches: rows, names reserved across an environment, and counts of tasks by status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from plaudit.model.core import BatchRow, BatchStatus, TaskStatus
from plaudit.store.common import pages
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "environment_id, batch_id, project_key, name, status, created_ms, completed_ms, metadata,"
    " callback,"
    " priority"
)
_FAR = 2**62


class BatchFilter(Struct, frozen=True):
    """Filter of a listing of batches; times are exclusive bounds in milliseconds.

    Batches are listed by creation, or by completion where a bound on it is given.
    """

    project_key: int | None = None
    status: BatchStatus | None = None
    created_after: int | None = None
    created_before: int | None = None
    completed_after: int | None = None
    completed_before: int | None = None

    @property
    def is_by_completion(self) -> bool:
        """True if batches are ordered by (completed_ms, batch_id), else by (created_ms, …)."""
        return self.completed_after is not None or self.completed_before is not None

    def place_of(self, batch: BatchRow) -> tuple[int, str]:
        """Cursor after a batch of the listing."""
        at_ms = batch.completed_ms if self.is_by_completion else batch.created_ms
        return at_ms or 0, batch.batch_id


async def insert_batch(tx: Transaction, batch: BatchRow, name_key: str) -> bool:
    """Add a batch; False if its id is taken, or its name within the project."""
    inserted = await tx.run(
        f"INSERT INTO batch ({_COLUMNS}, name_key) VALUES (:environment_id, :batch_id,"
        " :project_key, :name,"
        " :status, :created_ms, :completed_ms, :metadata, :callback, :priority, :name_key)"
        " ON CONFLICT DO NOTHING",
        {
            "environment_id": batch.environment_id,
            "batch_id": batch.batch_id,
            "project_key": batch.project_key,
            "name": batch.name,
            "status": batch.status.value,
            "created_ms": batch.created_ms,
            "completed_ms": batch.completed_ms,
            "metadata": batch.metadata,
            "callback": batch.callback,
            "priority": batch.priority,
            "name_key": name_key,
        },
    )
    if inserted:
        await reserve_name(tx, batch.environment_id, name_key, batch.batch_id)
        await tx.run(
            "INSERT INTO batch_progress (project_key, batch_id) VALUES (:project_key, :batch_id)",
            {"project_key": batch.project_key, "batch_id": batch.batch_id},
        )
    return bool(inserted)


async def update_batch(tx: Transaction, batch: BatchRow, name_key: str) -> bool:
    """Overwrite a batch; False if another batch of the project has the name."""
    for other in await list_batches_by_name(tx, batch.environment_id, name_key, batch.project_key):
        if other.batch_id != batch.batch_id:
            return False
    await _move_name(tx, batch, name_key)
    return bool(
        await tx.run(
            "UPDATE batch SET name = :name, name_key = :name_key, status = :status,"
            " created_ms = :created_ms, completed_ms = :completed_ms, metadata = :metadata,"
            " callback = :callback WHERE environment_id = :environment_id AND batch_id = :batch_id",
            {
                "environment_id": batch.environment_id,
                "batch_id": batch.batch_id,
                "name": batch.name,
                "name_key": name_key,
                "status": batch.status.value,
                "created_ms": batch.created_ms,
                "completed_ms": batch.completed_ms,
                "metadata": batch.metadata,
                "callback": batch.callback,
            },
        )
    )


async def reserve_name(tx: Transaction, environment_id: str, name_key: str, batch_id: str) -> bool:
    """Reserve a name for a batch in the whole environment; False if another batch has it."""
    key = {"environment_id": environment_id, "name_key": name_key}
    await tx.run(
        "INSERT INTO batch_name (environment_id, name_key, batch_id)"
        " VALUES (:environment_id, :name_key, :batch_id) ON CONFLICT DO NOTHING",
        key | {"batch_id": batch_id},
    )
    row = await tx.one(
        "SELECT batch_id FROM batch_name WHERE environment_id = :environment_id AND name_key ="
        " :name_key",
        key,
    )
    return row is not None and row[0] == batch_id


async def find_batch(tx: Transaction, environment_id: str, batch_id: str) -> BatchRow | None:
    """A batch of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM batch WHERE environment_id = :environment_id AND batch_id ="
        " :batch_id",
        {"environment_id": environment_id, "batch_id": batch_id},
    )
    return _batch(row) if row else None


async def find_batches(
    tx: Transaction, environment_id: str, batch_ids: Sequence[str]
) -> dict[str, BatchRow]:
    """Batches of this environment by id; unknown ids are left out."""
    if not batch_ids:
        return {}
    listed, args = value_lists.in_list("id", batch_ids)
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM batch WHERE environment_id = :environment_id"
        f" AND batch_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    found = [_batch(row) for row in rows]
    return {batch.batch_id: batch for batch in found}


async def find_batch_names(
    tx: Transaction, environment_id: str, batch_ids: Sequence[str]
) -> dict[str, str]:
    """Names of batches of this environment by id; unknown ids are left out."""
    if not batch_ids:
        return {}
    listed, args = value_lists.in_list("id", batch_ids)
    rows = await tx.all(
        "SELECT batch_id, name FROM batch WHERE environment_id = :environment_id"
        f" AND batch_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    return dict(rows)


async def list_batch_names(
    tx: Transaction, environment_id: str, project_key: int, *, limit: int
) -> list[tuple[str, str]]:
    """(batch_id, name) of up to `limit` batches of a project, oldest first."""
    ranges = [
        "SELECT created_ms, batch_id, name FROM batch WHERE environment_id = :environment_id"
        f" AND project_key = :project_key AND status = '{status.value}'"
        for status in BatchStatus
    ]
    rows = await tx.all(
        value_lists.merge(ranges, "created_ms, batch_id"),
        {"environment_id": environment_id, "project_key": project_key, "row_limit": limit},
    )
    return [(batch_id, name) for _, batch_id, name in rows]


async def list_metadata_bytes(
    tx: Transaction, environment_id: str, batch_ids: Sequence[str]
) -> dict[str, int]:
    """Bytes of the metadata of batches of this environment by id; unknown ids are left out."""
    if not batch_ids:
        return {}
    listed, args = value_lists.in_list("id", batch_ids)
    rows = await tx.all(
        "SELECT batch_id, LENGTH(metadata) FROM batch WHERE environment_id = :environment_id"
        f" AND batch_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    return dict(rows)


async def list_batches_by_name(
    tx: Transaction, environment_id: str, name_key: str, project_key: int | None
) -> list[BatchRow]:
    """Up to two batches of this name, in one project, or for None in the whole environment."""
    condition = "" if project_key is None else " AND project_key = :project_key"
    args = {"environment_id": environment_id, "name_key": name_key}
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM batch WHERE environment_id = :environment_id AND name_key ="
        f" :name_key{condition}"
        " ORDER BY project_key LIMIT 2",
        args if project_key is None else args | {"project_key": project_key},
    )
    return [_batch(row) for row in rows]


async def list_batches(
    tx: Transaction,
    environment_id: str,
    where: BatchFilter,
    *,
    after: tuple[int, str] | None,
    limit: int,
) -> tuple[list[BatchRow], bool]:
    """A page of up to `limit` batches in the order of the filter, after that cursor if given.

    It is bounded in bytes (`store/common/pages.py`); True if more follow. Each status is one range
    of an index; a page over all statuses merges them.
    """
    owner = "environment_id" if where.project_key is None else "project_key"
    column, low, high = "created_ms", where.created_after, where.created_before
    conditions = ""
    args: dict[str, object] = {
        "environment_id": environment_id,
        "owner": environment_id if where.project_key is None else where.project_key,
    }
    if where.is_by_completion:
        conditions = " AND completed_ms IS NOT NULL"
        if low is not None or high is not None:
            conditions += " AND created_ms > :created_low AND created_ms < :created_high"
            args["created_low"] = -_FAR if low is None else low
            args["created_high"] = _FAR if high is None else high
        column, low, high = "completed_ms", where.completed_after, where.completed_before
    # One bound below, from which an index is read at any depth: nothing has the empty id.
    start = (-_FAR if low is None else low + 1, "")
    args["after_ms"], args["after_id"] = start if after is None else max(after, start)
    args["before_ms"] = _FAR if high is None else high
    ranges = [
        f"SELECT {column}, batch_id, project_key FROM batch"
        f" WHERE {owner} = :owner AND status = '{status.value}'"
        f" AND ({column}, batch_id) > (:after_ms, :after_id) AND {column} < :before_ms{conditions}"
        for status in ([where.status] if where.status is not None else BatchStatus)
    ]
    keys = value_lists.merge(ranges, f"{column}, batch_id")
    rows, has_more = await pages.read_page(
        tx,
        [f"b.{name}" for name in _COLUMNS.split(", ")],
        ["b.metadata"],
        f"FROM ({keys}) AS k CROSS JOIN batch AS b"
        " WHERE b.environment_id = :environment_id AND b.batch_id = k.batch_id"
        " AND b.project_key = k.project_key",
        args,
        limit=limit,
        # The join keeps the order of the keys on every engine we know, but none promises it.
        order=lambda row: where.place_of(_batch(row[:-1])),
    )
    return [_batch(row[:-1]) for row in rows], has_more


async def add_progress(
    tx: Transaction, project_key: int, batch_id: str, change: Mapping[TaskStatus, int]
) -> dict[TaskStatus, int]:
    """Add changes to a batch's counts of tasks by status; return the new totals.

    An empty change only locks the counts. The update takes that lock until commit, so of two
    transactions that finish the last two tasks exactly one sees that none is left.
    """
    row = await tx.one(
        "UPDATE batch_progress SET pending = pending + :pending,"
        " completed = completed + :completed, canceled = canceled + :canceled,"
        " error = error + :error"
        " WHERE project_key = :project_key AND batch_id = :batch_id"
        " RETURNING pending, completed, canceled, error",
        {
            "project_key": project_key,
            "batch_id": batch_id,
            "pending": change.get(TaskStatus.pending, 0),
            "completed": change.get(TaskStatus.completed, 0),
            "canceled": change.get(TaskStatus.canceled, 0),
            "error": change.get(TaskStatus.error, 0),
        },
    )
    assert row is not None
    statuses = (TaskStatus.pending, TaskStatus.completed, TaskStatus.canceled, TaskStatus.error)
    return dict(zip(statuses, row, strict=True))


async def lock_progress_of_project(tx: Transaction, project_key: int) -> None:
    """Lock the counts of all batches of a project until the transaction ends, sorted by id."""
    await tx.all(
        "SELECT 1 FROM batch_progress WHERE project_key = :project_key"
        f" ORDER BY batch_id{tx.for_update}",
        {"project_key": project_key},
    )


async def list_progress(
    tx: Transaction, project_key: int, batch_ids: Sequence[str]
) -> dict[str, dict[TaskStatus, int]]:
    """Number of tasks by status of each of these batches of one project."""
    statuses = (TaskStatus.pending, TaskStatus.completed, TaskStatus.canceled, TaskStatus.error)
    progress = {batch_id: dict.fromkeys(statuses, 0) for batch_id in batch_ids}
    if not batch_ids:
        return progress
    listed, args = value_lists.in_list("id", batch_ids)
    rows = await tx.all(
        "SELECT batch_id, pending, completed, canceled, error FROM batch_progress"
        f" WHERE project_key = :project_key AND batch_id IN {listed}",
        args | {"project_key": project_key},
    )
    for batch_id, *counts in rows:
        progress[batch_id] = dict(zip(statuses, counts, strict=True))
    return progress


async def complete_batch(tx: Transaction, environment_id: str, batch_id: str, now: int) -> bool:
    """Complete a batch that is in progress; False if it is in another status."""
    return bool(
        await tx.run(
            "UPDATE batch SET status = 'completed', completed_ms = :now"
            " WHERE environment_id = :environment_id AND batch_id = :batch_id"
            " AND status = 'in_progress'",
            {"environment_id": environment_id, "batch_id": batch_id, "now": now},
        )
    )


async def move_batch(
    tx: Transaction, batch: BatchRow, *, expected: BatchStatus, status: BatchStatus
) -> bool:
    """Move a batch from the expected status to another; False if it had moved already."""
    return bool(
        await tx.run(
            "UPDATE batch SET status = :status"
            " WHERE environment_id = :environment_id AND batch_id = :batch_id AND status ="
            " :expected",
            {
                "environment_id": batch.environment_id,
                "batch_id": batch.batch_id,
                "expected": expected.value,
                "status": status.value,
            },
        )
    )


async def set_priority(tx: Transaction, batch: BatchRow, priority: int) -> None:
    """Write a batch's priority; tasks of a greater one are given out first."""
    await tx.run(
        "UPDATE batch SET priority = :priority WHERE environment_id = :environment_id AND batch_id"
        " = :batch_id",
        {"environment_id": batch.environment_id, "batch_id": batch.batch_id, "priority": priority},
    )


async def replace_metadata(tx: Transaction, batch: BatchRow, metadata: bytes) -> bool:
    """Write a batch's metadata; False if it no longer equals that of `batch`."""
    return bool(
        await tx.run(
            "UPDATE batch SET metadata = :metadata"
            " WHERE environment_id = :environment_id AND batch_id = :batch_id"
            " AND metadata = :old_metadata",
            {
                "environment_id": batch.environment_id,
                "batch_id": batch.batch_id,
                "metadata": metadata,
                "old_metadata": batch.metadata,
            },
        )
    )


async def _move_name(tx: Transaction, batch: BatchRow, name_key: str) -> None:
    """Reserve a batch's new name; release its old one, to another batch of that name if any."""
    args = {
        "environment_id": batch.environment_id,
        "batch_id": batch.batch_id,
        "name_key": name_key,
    }
    row = await tx.one(
        "SELECT name_key FROM batch_name"
        " WHERE environment_id = :environment_id AND batch_id = :batch_id AND name_key <>"
        " :name_key",
        args,
    )
    if row is not None:
        await tx.run(
            "DELETE FROM batch_name WHERE environment_id = :environment_id AND name_key ="
            " :name_key",
            {"environment_id": batch.environment_id, "name_key": row[0]},
        )
        for other in await list_batches_by_name(tx, batch.environment_id, row[0], None):
            if other.batch_id != batch.batch_id:
                await reserve_name(tx, batch.environment_id, row[0], other.batch_id)
    await reserve_name(tx, batch.environment_id, name_key, batch.batch_id)


def _batch(row: Row) -> BatchRow:
    environment_id, batch_id, project_key, name, status, *rest = row
    return BatchRow(environment_id, batch_id, project_key, name, BatchStatus(status), *rest)
