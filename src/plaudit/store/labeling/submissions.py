"""What people answered. Answers are never changed; which of them count is."""

from __future__ import annotations

from plaudit.model.labeling import SubmissionRow
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, submission_id, assignment_id, seq, user_id, revision, supersedes, client_key,"
    " given_hash, answers, display, submitted_ms, active_ms, is_current, reviewed_ms"
)


async def insert_submission(tx: Transaction, one: SubmissionRow) -> None:
    """Add a submission that counts; none of this person on this task does."""
    row = (
        one.project_key,
        one.submission_id,
        one.assignment_id,
        one.seq,
        one.user_id,
        one.revision,
        one.supersedes,
        one.client_key,
        one.given_hash,
        one.answers,
        one.display,
        one.submitted_ms,
        one.active_ms,
        int(one.is_current),
        one.reviewed_ms,
    )
    await tx.add("submission", tuple(_COLUMNS.split(", ")), [row])


async def find_by_key(
    tx: Transaction, project_key: int, assignment_id: str, client_key: str
) -> SubmissionRow | None:
    """What was submitted under this key of the page's making."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id AND client_key = :client_key",
        {"project_key": project_key, "assignment_id": assignment_id, "client_key": client_key},
    )
    return _submission(row) if row else None


async def find_last(tx: Transaction, project_key: int, assignment_id: str) -> SubmissionRow | None:
    """The latest submission of a lease, whether it counts or not."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id ORDER BY revision DESC LIMIT 1",
        {"project_key": project_key, "assignment_id": assignment_id},
    )
    return _submission(row) if row else None


async def list_current(tx: Transaction, project_key: int, seq: int) -> list[SubmissionRow]:
    """The submissions of a task that count, earliest first; as many as it needed, at most."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM submission WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1 ORDER BY submitted_ms, submission_id",
        {"project_key": project_key, "seq": seq},
    )
    return [_submission(row) for row in rows]


async def list_all(
    tx: Transaction, project_key: int, seq: int, *, limit: int
) -> list[SubmissionRow]:
    """The last `limit` submissions of a task, whether they count or not, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM submission WHERE project_key = :project_key AND seq = :seq"
        " ORDER BY submitted_ms DESC, submission_id DESC LIMIT :row_limit",
        {"project_key": project_key, "seq": seq, "row_limit": limit},
    )
    return [_submission(row) for row in rows]


async def list_recent(
    tx: Transaction, project_key: int, user_id: str, *, limit: int
) -> list[SubmissionRow]:
    """The last `limit` submissions of a person that count, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND user_id = :user_id AND is_current = 1"
        " ORDER BY submitted_ms DESC, submission_id DESC LIMIT :row_limit",
        {"project_key": project_key, "user_id": user_id, "row_limit": limit},
    )
    return [_submission(row) for row in rows]


async def count_current(tx: Transaction, project_key: int, seq: int) -> int:
    """How many submissions of a task count."""
    row = await tx.one(
        "SELECT COUNT(*) FROM submission WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1",
        {"project_key": project_key, "seq": seq},
    )
    return int(row[0]) if row else 0


async def retract(tx: Transaction, one: SubmissionRow) -> bool:
    """Let a submission count no more; False if it does not, or was reviewed."""
    return bool(
        await tx.run(
            "UPDATE submission SET is_current = 0 WHERE project_key = :project_key"
            " AND submission_id = :submission_id AND is_current = 1 AND reviewed_ms IS NULL",
            {"project_key": one.project_key, "submission_id": one.submission_id},
        )
    )


async def retract_all(tx: Transaction, project_key: int, seq: int) -> None:
    """Let no submission of a task count any more: it is to be done again."""
    await tx.run(
        "UPDATE submission SET is_current = 0 WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1",
        {"project_key": project_key, "seq": seq},
    )


async def mark_reviewed(tx: Transaction, project_key: int, seq: int, now: int) -> None:
    """Note that somebody has decided on what counts of a task; nobody takes it back any more."""
    await tx.run(
        "UPDATE submission SET reviewed_ms = :now WHERE project_key = :project_key AND seq = :seq"
        " AND is_current = 1 AND reviewed_ms IS NULL",
        {"project_key": project_key, "seq": seq, "now": now},
    )


def _submission(row: Row) -> SubmissionRow:
    values = list(row)
    values[-2] = bool(values[-2])
    return SubmissionRow(*values)
