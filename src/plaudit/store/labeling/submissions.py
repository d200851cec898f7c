"""Statements for submissions. Their answers never change; which ones are current does.

`change_no` becomes 0 with each change of what counts (store/labeling/votes.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import SubmissionRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.labeling import votes

COLUMNS = (
    "project_key, submission_id, assignment_id, seq, user_id, revision, supersedes, client_key,"
    " given_hash, answers, display, submitted_ms, active_ms, is_current, reviewed_ms, form_version"
)
_IS_CURRENT = COLUMNS.split(", ").index("is_current")


async def insert_submission(tx: Transaction, submission: SubmissionRow) -> None:
    """Insert a current submission; this person must have no current one on the task."""
    row = (
        submission.project_key,
        submission.submission_id,
        submission.assignment_id,
        submission.seq,
        submission.user_id,
        submission.revision,
        submission.supersedes,
        submission.client_key,
        submission.given_hash,
        submission.answers,
        submission.display,
        submission.submitted_ms,
        submission.active_ms,
        int(submission.is_current),
        submission.reviewed_ms,
        submission.form_version,
        0,
    )
    await tx.add("submission", (*COLUMNS.split(", "), "change_no"), [row])


async def find_by_key(
    tx: Transaction, project_key: int, assignment_id: str, client_key: str
) -> SubmissionRow | None:
    """Find the submission of a lease with this idempotency key of the page."""
    row = await tx.one(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id AND client_key = :client_key",
        {"project_key": project_key, "assignment_id": assignment_id, "client_key": client_key},
    )
    return submission_of_row(row) if row else None


async def find_submission(
    tx: Transaction, project_key: int, submission_id: str
) -> SubmissionRow | None:
    """Find a submission by its id, current or not."""
    row = await tx.one(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND submission_id = :submission_id",
        {"project_key": project_key, "submission_id": submission_id},
    )
    return submission_of_row(row) if row else None


async def find_last(tx: Transaction, project_key: int, assignment_id: str) -> SubmissionRow | None:
    """Find the latest submission of a lease, current or not."""
    row = await tx.one(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id ORDER BY revision DESC LIMIT 1",
        {"project_key": project_key, "assignment_id": assignment_id},
    )
    return submission_of_row(row) if row else None


async def list_last_times(
    tx: Transaction, project_key: int, assignment_ids: Sequence[str]
) -> dict[str, int]:
    """Time of the latest submission of each of these leases; those without one are left out."""
    if not assignment_ids:
        return {}
    listed, args = value_lists.in_list("id", assignment_ids)
    rows = await tx.all(
        "SELECT assignment_id, MAX(submitted_ms) FROM submission WHERE project_key = :project_key"
        f" AND assignment_id IN {listed} GROUP BY assignment_id",
        args | {"project_key": project_key},
    )
    return dict(rows)


async def list_current(tx: Transaction, project_key: int, seq: int) -> list[SubmissionRow]:
    """List the current submissions of a task, earliest first; at most as many as it needed."""
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1 ORDER BY submitted_ms, submission_id",
        {"project_key": project_key, "seq": seq},
    )
    return [submission_of_row(row) for row in rows]


async def list_all(
    tx: Transaction, project_key: int, seq: int, *, limit: int
) -> list[SubmissionRow]:
    """List the last `limit` submissions of a task, current or not, newest first."""
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key AND seq = :seq"
        " ORDER BY submitted_ms DESC, submission_id DESC LIMIT :row_limit",
        {"project_key": project_key, "seq": seq, "row_limit": limit},
    )
    return [submission_of_row(row) for row in rows]


async def list_displays(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> list[tuple[int, str, int, bytes]]:
    """Seq, user_id, submitted_ms and display of all submissions of tasks, current or not."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, user_id, submitted_ms, display FROM submission"
        f" WHERE project_key = :project_key AND seq IN {listed}"
        " ORDER BY seq, submitted_ms, submission_id",
        args | {"project_key": project_key},
    )
    return [
        (seq, user_id, submitted_ms, bytes(shown)) for seq, user_id, submitted_ms, shown in rows
    ]


async def list_recent(
    tx: Transaction, project_key: int, user_id: str, *, limit: int
) -> list[SubmissionRow]:
    """List the last `limit` current submissions of a person, newest first."""
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND user_id = :user_id AND is_current = 1"
        " ORDER BY submitted_ms DESC, submission_id DESC LIMIT :row_limit",
        {"project_key": project_key, "user_id": user_id, "row_limit": limit},
    )
    return [submission_of_row(row) for row in rows]


async def count_current(tx: Transaction, project_key: int, seq: int) -> int:
    """Count the current submissions of a task."""
    row = await tx.one(
        "SELECT COUNT(*) FROM submission WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1",
        {"project_key": project_key, "seq": seq},
    )
    return int(row[0]) if row else 0


async def retract(tx: Transaction, submission: SubmissionRow) -> bool:
    """Make a submission not current, and its votes too; False if it was not, or is reviewed."""
    is_retracted = await tx.run(
        "UPDATE submission SET is_current = 0, change_no = 0 WHERE project_key = :project_key"
        " AND submission_id = :submission_id AND is_current = 1 AND reviewed_ms IS NULL",
        {"project_key": submission.project_key, "submission_id": submission.submission_id},
    )
    if is_retracted:
        await votes.delete_votes_of_person(
            tx, submission.project_key, submission.seq, submission.user_id
        )
    return bool(is_retracted)


async def retract_all(tx: Transaction, project_key: int, seq: int) -> None:
    """Make all submissions of a task not current, because it is to be done again.

    Nor do the votes that its threads brought count any more.
    """
    await tx.run(
        "UPDATE submission SET is_current = 0, change_no = 0"
        " WHERE project_key = :project_key AND seq = :seq AND is_current = 1",
        {"project_key": project_key, "seq": seq},
    )
    await votes.delete_votes(tx, project_key, seq)


async def mark_reviewed(tx: Transaction, project_key: int, seq: int, now: int) -> None:
    """Set reviewed_ms of a task's current submissions, which cannot be retracted afterwards."""
    await tx.run(
        "UPDATE submission SET reviewed_ms = :now WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1 AND reviewed_ms IS NULL",
        {"project_key": project_key, "seq": seq, "now": now},
    )


def submission_of_row(row: Row) -> SubmissionRow:
    """A submission of a row of COLUMNS."""
    values = list(row)
    values[_IS_CURRENT] = bool(values[_IS_CURRENT])
    return SubmissionRow(*values)
