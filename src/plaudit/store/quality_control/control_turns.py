"""Statements for people's turns with control tasks, and for repeats of their own tasks.

Every `control_key` is that of a project.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.quality_control import ControlTurn
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


async def find_turn(tx: Transaction, control_key: int, user_id: str) -> ControlTurn | None:
    """A person's turns in a project; None if nothing was counted yet."""
    row = await tx.one(
        "SELECT seed, ordinary_count, control_after FROM control_turn"
        " WHERE project_key = :control_key AND user_id = :user_id",
        {"control_key": control_key, "user_id": user_id},
    )
    return ControlTurn(*map(int, row)) if row else None


async def list_counted(tx: Transaction, control_keys: Sequence[int], user_id: str) -> set[int]:
    """Those of these control keys under which a person's turns are counted."""
    if not control_keys:
        return set()
    listed, args = value_lists.in_list("key", control_keys)
    rows = await tx.all(
        f"SELECT project_key FROM control_turn WHERE project_key IN {listed}"
        " AND user_id = :user_id",
        args | {"user_id": user_id},
    )
    return {int(row[0]) for row in rows}


async def insert_turn(tx: Transaction, control_key: int, user_id: str, seed: int) -> ControlTurn:
    """Begin to count a person's turns; the caller has locked their leases."""
    await tx.run(
        "INSERT INTO control_turn (project_key, user_id, seed, ordinary_count, control_after)"
        " VALUES (:control_key, :user_id, :seed, 0, :never)",
        {"control_key": control_key, "user_id": user_id, "seed": seed, "never": -1},
    )
    return ControlTurn(seed, ordinary_count=0, control_after=-1)


async def count_ordinary(tx: Transaction, control_key: int, user_id: str) -> None:
    """Count an ordinary task that a person was given."""
    await tx.run(
        "UPDATE control_turn SET ordinary_count = ordinary_count + 1"
        " WHERE project_key = :control_key AND user_id = :user_id",
        {"control_key": control_key, "user_id": user_id},
    )


async def mark_control(tx: Transaction, control_key: int, user_id: str) -> None:
    """Note that a person is given a control task now."""
    await tx.run(
        "UPDATE control_turn SET control_after = ordinary_count"
        " WHERE project_key = :control_key AND user_id = :user_id",
        {"control_key": control_key, "user_id": user_id},
    )


async def insert_place(
    tx: Transaction, control_key: int, assignment_id: str, batch_id: str | None
) -> None:
    """Note the batch whose name the page of a control task's lease shows."""
    await tx.run(
        "INSERT INTO control_place (project_key, assignment_id, batch_id)"
        " VALUES (:control_key, :assignment_id, :batch_id)",
        {"control_key": control_key, "assignment_id": assignment_id, "batch_id": batch_id},
    )


async def find_place(tx: Transaction, control_key: int, assignment_id: str) -> str | None:
    """The batch whose name the page of a control task's lease shows."""
    row = await tx.one(
        "SELECT batch_id FROM control_place WHERE project_key = :control_key"
        " AND assignment_id = :assignment_id",
        {"control_key": control_key, "assignment_id": assignment_id},
    )
    return None if row is None else row[0]


async def list_had(
    tx: Transaction, project_key: int, user_id: str, seqs: Sequence[int]
) -> set[int]:
    """Those of these tasks that a person has or had a lease of."""
    if not seqs:
        return set()
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        f" AND seq IN {listed}",
        args | {"project_key": project_key, "user_id": user_id},
    )
    return {int(row[0]) for row in rows}


async def list_assignment_ids(
    tx: Transaction, control_key: int, user_id: str, seqs: Sequence[int]
) -> dict[int, str]:
    """Ids of a person's leases of control tasks, by seq."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, assignment_id FROM assignment WHERE project_key = :control_key"
        f" AND user_id = :user_id AND seq IN {listed}",
        args | {"control_key": control_key, "user_id": user_id},
    )
    return {int(seq): assignment_id for seq, assignment_id in rows}


async def list_repeatable(
    tx: Transaction, project_key: int, user_id: str, *, skipped: int, before_ms: int, limit: int
) -> list[int]:
    """Seqs of a person's current submissions until `before_ms`, latest first.

    The last `skipped` ones do not count.
    """
    rows = await tx.all(
        "SELECT seq FROM (SELECT seq, submitted_ms FROM submission WHERE project_key = :project_key"
        " AND user_id = :user_id AND is_current = 1 ORDER BY submitted_ms DESC, submission_id DESC"
        " LIMIT :row_limit OFFSET :skipped) AS found WHERE submitted_ms <= :before_ms",
        {
            "project_key": project_key,
            "user_id": user_id,
            "skipped": skipped,
            "before_ms": before_ms,
            "row_limit": limit,
        },
    )
    return [int(row[0]) for row in rows]


async def list_repeated(
    tx: Transaction, control_key: int, user_id: str, source_seqs: Sequence[int]
) -> set[int]:
    """Those of a person's own tasks that they were given again."""
    if not source_seqs:
        return set()
    listed, args = value_lists.in_list("seq", source_seqs)
    rows = await tx.all(
        "SELECT source_seq FROM repeat_task WHERE project_key = :control_key"
        f" AND user_id = :user_id AND source_seq IN {listed}",
        args | {"control_key": control_key, "user_id": user_id},
    )
    return {int(row[0]) for row in rows}


async def insert_repeat(
    tx: Transaction, control_key: int, seq: int, user_id: str, source_seq: int
) -> None:
    """Insert a repeat; there must be none of this person of the same task."""
    await tx.run(
        "INSERT INTO repeat_task (project_key, seq, user_id, source_seq)"
        " VALUES (:control_key, :seq, :user_id, :source_seq)",
        {"control_key": control_key, "seq": seq, "user_id": user_id, "source_seq": source_seq},
    )


async def find_source(tx: Transaction, control_key: int, seq: int) -> int | None:
    """The ordinary task that a repeat is a copy of; None for gold."""
    row = await tx.one(
        "SELECT source_seq FROM repeat_task WHERE project_key = :control_key AND seq = :seq",
        {"control_key": control_key, "seq": seq},
    )
    return None if row is None else int(row[0])
