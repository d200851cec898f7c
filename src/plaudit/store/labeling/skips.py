"""Statements for tasks that people have skipped, so that nobody is left who could do them.

Candidates are tasks with a free slot that nobody holds and somebody skipped; an index leads to
them. One is skipped by all if each of some workers has skipped or submitted it, or had it closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_IS_CANDIDATE = (
    "is_skipped = 1 AND state = 'open' AND is_on_hold = 0 AND submitted_count < needed"
    " AND open_count = 0"
)
"""Condition of the index task_work_skipped, word for word, and that nobody holds the task."""


class SkippedRow(Struct, frozen=True):
    """A candidate; True in `is_by_all` if none of the workers could be given it."""

    seq: int
    task_id: str
    submitted_count: int
    needed: int
    skip_count: int
    is_by_all: bool


async def list_workers(tx: Transaction, project_key: int, *, limit: int) -> list[str]:
    """List user_ids of up to `limit` people who have ever asked for a task of a project."""
    rows = await tx.all(
        "SELECT user_id FROM lease_lock WHERE project_key = :project_key"
        " ORDER BY user_id LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [str(row[0]) for row in rows]


async def list_candidates(
    tx: Transaction, project_key: int, workers: Sequence[str], *, after_seq: int, limit: int
) -> list[SkippedRow]:
    """List up to `limit` candidates with a seq over `after_seq`, by seq; there are `workers`."""
    return await _judged(
        tx,
        project_key,
        workers,
        f"project_key = :project_key AND {_IS_CANDIDATE} AND seq > :after_seq"
        " ORDER BY seq LIMIT :row_limit",
        {"after_seq": after_seq, "row_limit": limit},
    )


async def judge_candidates(
    tx: Transaction, project_key: int, workers: Sequence[str], seqs: Sequence[int]
) -> list[SkippedRow]:
    """Candidates among these tasks, by seq; there are `workers`."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    return await _judged(
        tx,
        project_key,
        workers,
        f"project_key = :project_key AND {_IS_CANDIDATE} AND seq IN {listed}",
        args,
    )


async def _judged(
    tx: Transaction,
    project_key: int,
    workers: Sequence[str],
    condition: str,
    args: dict[str, object],
) -> list[SkippedRow]:
    listed, users = value_lists.in_list("user", workers)
    rows = await tx.all(
        "SELECT w.seq, t.task_id, w.submitted_count, w.needed,"
        " (SELECT COUNT(*) FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.seq = w.seq AND a.status = 'skipped'),"
        " (SELECT COUNT(*) FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.seq = w.seq AND a.status IN ('skipped', 'submitted', 'closed')"
        f" AND a.user_id IN {listed})"
        " FROM (SELECT seq, submitted_count, needed FROM task_work"
        f" WHERE {condition}) AS w"
        " JOIN task AS t ON t.project_key = :project_key AND t.seq = w.seq",
        args | users | {"project_key": project_key},
    )
    return [
        SkippedRow(seq, task_id, submitted, needed, skipped, judged >= len(set(workers)))
        for seq, task_id, submitted, needed, skipped, judged in sorted(rows)
    ]


async def lock_candidates(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[int]:
    """Lock those of these tasks that are candidates, until the transaction ends; by seq."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"SELECT seq FROM task_work WHERE project_key = :project_key AND {_IS_CANDIDATE}"
        f" AND seq IN {listed} ORDER BY seq{tx.for_update}",
        args | {"project_key": project_key},
    )
    return [int(row[0]) for row in rows]


async def release_skipped(tx: Transaction, project_key: int, seqs: Sequence[int]) -> None:
    """Turn the skipped leases of these tasks, which are locked, into released ones, drafts kept."""
    listed, args = value_lists.in_list("seq", seqs)
    await tx.run(
        "UPDATE assignment SET status = 'released', lease_version = lease_version + 1"
        f" WHERE project_key = :project_key AND seq IN {listed} AND status = 'skipped'",
        args | {"project_key": project_key},
    )
    await tx.run(
        f"UPDATE task_work SET is_skipped = 0 WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )


async def mark_skipped(tx: Transaction, project_key: int, seq: int) -> None:
    """Mark a queued task as skipped if it has a skipped lease, else unmark it."""
    await tx.run(
        "UPDATE task_work SET is_skipped = (SELECT COUNT(*) FROM (SELECT 1 FROM assignment AS a"
        " WHERE a.project_key = :project_key AND a.seq = :seq AND a.status = 'skipped'"
        " LIMIT 1) AS found)"
        " WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
