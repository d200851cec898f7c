"""Counts and samples for a project's statistics: bounded ranges of indexes."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_UNASKED = (
    "(SELECT seq, task_id FROM task WHERE project_key = :project_key AND status = :status"
    " ORDER BY seq LIMIT :most) AS t LEFT JOIN task_work AS w"
    " ON w.project_key = :project_key AND w.seq = t.seq"
    " WHERE COALESCE(w.state, 'nothing_to_ask') = 'nothing_to_ask'"
)
"""Pending tasks that are not in the queue, for they have no conversation, or were set aside."""


class SampledSubmission(Struct, frozen=True):
    """A submission of a sample: its task's seq, answers as JSON, and active time."""

    seq: int
    answers: bytes
    active_ms: int
    is_current: bool


async def count_completed_by_day(
    tx: Transaction, project_key: int, *, since_ms: int, most: int
) -> dict[int, int]:
    """Count completed tasks by day since `since_ms`: a map from day number (from 0) to count.

    Only the last `most` completions are counted, so that the rows read are bounded.
    """
    rows = await tx.all(
        "SELECT day, COUNT(*) FROM (SELECT (completed_ms - :since_ms) / 86400000 AS day FROM task"
        " WHERE project_key = :project_key AND status = :status AND completed_ms IS NOT NULL"
        " AND completed_ms >= :since_ms ORDER BY completed_ms DESC LIMIT :most) AS found"
        " GROUP BY day",
        {
            "project_key": project_key,
            "status": TaskStatus.completed.code,
            "since_ms": since_ms,
            "most": most,
        },
    )
    return {int(day): int(count) for day, count in rows}


async def list_last_submissions(
    tx: Transaction, project_key: int, *, limit: int
) -> list[SampledSubmission]:
    """List the last `limit` submissions, newest first.

    Their ids sort by time, so the primary key leads to them.
    """
    rows = await tx.all(
        "SELECT seq, answers, active_ms, is_current FROM submission"
        " WHERE project_key = :project_key ORDER BY submission_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [
        SampledSubmission(seq, answers, int(active_ms), bool(counts))
        for seq, answers, active_ms, counts in rows
    ]


async def list_content_sizes(
    tx: Transaction, project_key: int, seqs: Collection[int]
) -> dict[int, int]:
    """Bytes of the prepared conversation of each of these tasks, by seq."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", sorted(seqs))
    rows = await tx.all(
        "SELECT seq, LENGTH(content) FROM task_content WHERE project_key = :project_key"
        f" AND seq IN {listed} AND content IS NOT NULL",
        args | {"project_key": project_key},
    )
    return {int(seq): int(size) for seq, size in rows}


async def list_contents(
    tx: Transaction, project_key: int, seqs: Collection[int]
) -> dict[int, bytes]:
    """The prepared conversation of each of these tasks, as JSON, by seq."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", sorted(seqs))
    rows = await tx.all(
        "SELECT seq, content FROM task_content WHERE project_key = :project_key"
        f" AND seq IN {listed} AND content IS NOT NULL",
        args | {"project_key": project_key},
    )
    return {int(seq): content for seq, content in rows}


async def list_unsubmitted_sizes(
    tx: Transaction, project_key: int, *, limit: int
) -> list[tuple[int, int]]:
    """List those of the last `limit` completed tasks that nobody submitted, with their bytes.

    Pairs of seq and size, the latest completion first.
    """
    rows = await tx.all(
        "SELECT k.completed_ms, k.seq, COALESCE(LENGTH(b.body), 0)"
        " + COALESCE(LENGTH(b.patches), 0) + COALESCE(LENGTH(c.content), 0)"
        " FROM (SELECT completed_ms, seq FROM task WHERE project_key = :project_key"
        " AND status = :status AND completed_ms IS NOT NULL"
        " ORDER BY completed_ms DESC, seq DESC LIMIT :row_limit) AS k"
        " LEFT JOIN task_body AS b ON b.project_key = :project_key AND b.seq = k.seq"
        " LEFT JOIN task_content AS c ON c.project_key = :project_key AND c.seq = k.seq"
        " WHERE NOT EXISTS (SELECT 1 FROM submission AS s WHERE s.project_key = :project_key"
        " AND s.seq = k.seq AND s.is_current = 1)",
        {
            "project_key": project_key,
            "status": TaskStatus.completed.code,
            "row_limit": limit,
        },
    )
    # The joins keep the order of the keys on every engine we know, but none promises it.
    return [(int(seq), int(size)) for _, seq, size in sorted(rows, reverse=True)]


async def count_open_leases(tx: Transaction, project_key: int, *, now: int, most: int) -> int:
    """Count the open leases of a project, up to `most`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM assignment WHERE project_key = :project_key"
        " AND ended_ms IS NULL AND expires_ms > :now LIMIT :most) AS found",
        {"project_key": project_key, "now": now, "most": most},
    )
    return int(row[0]) if row else 0


async def count_unasked(tx: Transaction, project_key: int, *, most: int) -> int:
    """Count the pending tasks that nothing is asked about, among the `most` oldest pending ones.

    All that is in the queue is pending, so it is a difference of two ranges of indexes: a look into
    the queue for each task takes five times as long.
    """
    row = await tx.one(
        "SELECT p.count - (SELECT COUNT(*) FROM (SELECT 1 FROM task_work"
        " WHERE project_key = :project_key AND seq <= p.last_seq LIMIT :most) AS queued)"
        " + (SELECT COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :project_key"
        " AND state = 'nothing_to_ask' AND state <> 'open' AND seq <= p.last_seq LIMIT :most)"
        " AS set_aside) FROM (SELECT COUNT(*) AS count, MAX(seq) AS last_seq FROM (SELECT seq"
        " FROM task WHERE project_key = :project_key AND status = :status ORDER BY seq"
        " LIMIT :most) AS oldest) AS p",
        {"project_key": project_key, "status": TaskStatus.pending.code, "most": most},
    )
    return max(0, int(row[0])) if row else 0


async def list_unasked(
    tx: Transaction, project_key: int, *, most: int, limit: int
) -> list[tuple[str, bool]]:
    """List up to `limit` of these tasks, oldest first: task_id, True if it has a conversation."""
    rows = await tx.all(
        f"SELECT t.task_id, CASE WHEN w.seq IS NULL THEN 0 ELSE 1 END FROM {_UNASKED}"
        " ORDER BY t.seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "status": TaskStatus.pending.code,
            "most": most,
            "row_limit": limit,
        },
    )
    return [(str(task_id), bool(is_queued)) for task_id, is_queued in rows]
