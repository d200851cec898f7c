"""Statements for the work on many tasks at once, as archives write and read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from plaudit.model.labeling import Lease, LeaseStatus, SubmissionRow, TaskNote, WorkState
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.labeling.submissions import COLUMNS, submission_of_row

IDS_AT_ONCE = 1000
"""Ids in one statement; a task of many people has many leases."""

_LEASE = ", ".join(Lease.__struct_fields__)
_NOTE = ", ".join(TaskNote.__struct_fields__)


class WorkSettings(Struct, frozen=True):
    """Values of a task's queue row that do not follow from its leases, submissions and batch."""

    needed: int
    state: WorkState
    reason: str | None
    is_undecided: bool


class WorkCounts(Struct):
    """Slots of a task in the queue: needed, submitted and leased ones."""

    settings: WorkSettings
    submitted_count: int
    open_count: int


async def list_work_sizes(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, int]:
    """Bytes of drafts, answers and notes by seq; tasks without work are left out."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    args |= {"project_key": project_key}
    sizes = dict.fromkeys(seqs, 0)
    for sql in (
        "SELECT seq, SUM(LENGTH(display) + COALESCE(LENGTH(draft), 0)) FROM assignment"
        f" WHERE project_key = :project_key AND seq IN {listed} GROUP BY seq",
        "SELECT a.seq, SUM(LENGTH(s.answers) + LENGTH(s.display)) FROM assignment AS a"
        " JOIN submission AS s ON s.project_key = a.project_key"
        " AND s.assignment_id = a.assignment_id"
        f" WHERE a.project_key = :project_key AND a.seq IN {listed} GROUP BY a.seq",
        "SELECT seq, SUM(LENGTH(detail)) FROM task_note"
        f" WHERE project_key = :project_key AND seq IN {listed} GROUP BY seq",
    ):
        for seq, size in await tx.all(sql, args):
            sizes[int(seq)] += int(size)
    return {seq: size for seq, size in sizes.items() if size}


async def list_settings(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, WorkSettings]:
    """Settings of tasks in the queue by seq; others are left out."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, needed, state, reason, is_undecided FROM task_work"
        f" WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )
    return {row[0]: _settings(row[1:]) for row in rows}


async def list_leases(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, list[Lease]]:
    """All leases of tasks by seq, oldest first; tasks without one are left out."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"SELECT {_LEASE} FROM assignment WHERE project_key = :project_key AND seq IN {listed}"
        " ORDER BY assignment_id",
        args | {"project_key": project_key},
    )
    return _by_seq(map(_lease, rows))


async def list_submissions(
    tx: Transaction, project_key: int, assignment_ids: Sequence[str]
) -> dict[int, list[SubmissionRow]]:
    """All submissions of leases by seq, oldest first."""
    found: list[SubmissionRow] = []
    for start in range(0, len(assignment_ids), IDS_AT_ONCE):
        listed, args = value_lists.in_list("id", assignment_ids[start : start + IDS_AT_ONCE])
        rows = await tx.all(
            f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
            f" AND assignment_id IN {listed}",
            args | {"project_key": project_key},
        )
        found += map(submission_of_row, rows)
    return _by_seq(sorted(found, key=lambda one: one.submission_id))


async def list_notes(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, list[TaskNote]]:
    """All notes on tasks by seq, oldest first; tasks without one are left out."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"SELECT {_NOTE} FROM task_note WHERE project_key = :project_key AND seq IN {listed}"
        " ORDER BY note_id",
        args | {"project_key": project_key},
    )
    return _by_seq(TaskNote(*row) for row in rows)


_OfTask = TypeVar("_OfTask", Lease, SubmissionRow, TaskNote)


def _by_seq(rows: Iterable[_OfTask]) -> dict[int, list[_OfTask]]:
    """Rows of tasks by the task's seq, each list in the order of the rows."""
    grouped: dict[int, list[_OfTask]] = {}
    for row in rows:
        grouped.setdefault(row.seq, []).append(row)
    return grouped


async def lock_counts(tx: Transaction, project_key: int, seq: int) -> WorkCounts | None:
    """Lock a task's queue row until the transaction ends; None if it is not in the queue."""
    row = await tx.one(
        "UPDATE task_work SET open_count = open_count"
        " WHERE project_key = :project_key AND seq = :seq"
        " RETURNING needed, state, reason, is_undecided, submitted_count, open_count",
        {"project_key": project_key, "seq": seq},
    )
    return None if row is None else WorkCounts(_settings(row[:4]), row[4], row[5])


async def change_settings(
    tx: Transaction, project_key: int, seq: int, settings: WorkSettings
) -> None:
    """Set needed slots, state and reason of a task in the queue; the caller has it locked."""
    await tx.run(
        "UPDATE task_work SET needed = :needed, state = :state, reason = :reason,"
        " is_undecided = :is_undecided WHERE project_key = :project_key AND seq = :seq",
        {
            "project_key": project_key,
            "seq": seq,
            "needed": settings.needed,
            "state": settings.state.value,
            "reason": settings.reason,
            "is_undecided": int(settings.is_undecided),
        },
    )


async def change_counts(tx: Transaction, project_key: int, seq: int, counts: WorkCounts) -> None:
    """Set the slots that are leased and submitted; the caller has the row locked.

    An open task that has its submissions, and nobody at work, is marked as undecided, so that a
    worker decides it should nobody have done so.
    """
    await tx.run(
        "UPDATE task_work SET open_count = :open_count, submitted_count = :submitted_count,"
        " is_undecided = CASE WHEN state <> 'open' THEN is_undecided"
        " WHEN :open_count = 0 AND :submitted_count >= needed THEN 1 ELSE is_undecided END"
        " WHERE project_key = :project_key AND seq = :seq",
        {
            "project_key": project_key,
            "seq": seq,
            "open_count": counts.open_count,
            "submitted_count": counts.submitted_count,
        },
    )


async def find_leases(
    tx: Transaction, project_key: int, assignment_ids: Sequence[str]
) -> dict[str, Lease]:
    """Leases of a project by id, in any status; unknown ids are left out."""
    if not assignment_ids:
        return {}
    listed, args = value_lists.in_list("id", assignment_ids)
    rows = await tx.all(
        f"SELECT {_LEASE} FROM assignment WHERE project_key = :project_key"
        f" AND assignment_id IN {listed}",
        args | {"project_key": project_key},
    )
    return {lease.assignment_id: lease for lease in map(_lease, rows)}


async def find_submission(
    tx: Transaction, project_key: int, submission_id: str
) -> SubmissionRow | None:
    """Find a submission of a project by its id."""
    row = await tx.one(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND submission_id = :submission_id",
        {"project_key": project_key, "submission_id": submission_id},
    )
    return submission_of_row(row) if row else None


async def find_note(tx: Transaction, project_key: int, note_id: str) -> TaskNote | None:
    """Find a note of a project by its id."""
    row = await tx.one(
        f"SELECT {_NOTE} FROM task_note WHERE project_key = :project_key AND note_id = :note_id",
        {"project_key": project_key, "note_id": note_id},
    )
    return TaskNote(*row) if row else None


async def insert_lease(tx: Transaction, lease: Lease) -> bool:
    """Insert a lease; False if there is one of its id, or of its person on its task."""
    return await _insert(tx, "assignment", lease)


async def insert_submission(tx: Transaction, submission: SubmissionRow) -> bool:
    """Insert a submission; False if its id or client_key is taken, or another one counts."""
    return await _insert(tx, "submission", submission, change_no=0)


async def insert_note(tx: Transaction, note: TaskNote) -> bool:
    """Insert a note; False if there is one of its id."""
    return await _insert(tx, "task_note", note)


async def _insert(tx: Transaction, table: str, row: Struct, **others: int) -> bool:
    values = msgspec.structs.asdict(row) | others
    args = {name: int(one) if isinstance(one, bool) else one for name, one in values.items()}
    names = ", ".join(args)
    placed = ", ".join(f":{name}" for name in args)
    return bool(
        await tx.run(
            f"INSERT INTO {table} ({names}) VALUES ({placed}) ON CONFLICT DO NOTHING",
            {
                name: one.value if isinstance(one, LeaseStatus) else one
                for name, one in args.items()
            },
        )
    )


def _settings(row: Sequence[object]) -> WorkSettings:
    needed, state, reason, is_undecided = row
    return msgspec.convert(
        {
            "needed": needed,
            "state": state,
            "reason": reason,
            "is_undecided": bool(is_undecided),
        },
        WorkSettings,
    )


def _lease(row: Row) -> Lease:
    project_key, assignment_id, seq, user_id, status, *rest = row
    return Lease(project_key, assignment_id, seq, user_id, LeaseStatus(status), *rest)
