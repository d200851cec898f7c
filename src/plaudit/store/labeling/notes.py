"""Statements for notes on tasks (table `task_note`)."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import TaskNote
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_COLUMNS = "project_key, note_id, seq, user_id, kind, detail, created_ms"


async def insert_note(tx: Transaction, note: TaskNote) -> None:
    """Insert a note on a task."""
    await tx.run(
        f"INSERT INTO task_note ({_COLUMNS})"
        " VALUES (:project_key, :note_id, :seq, :user_id, :kind, :detail, :created_ms)",
        {
            "project_key": note.project_key,
            "note_id": note.note_id,
            "seq": note.seq,
            "user_id": note.user_id,
            "kind": note.kind,
            "detail": note.detail,
            "created_ms": note.created_ms,
        },
    )


async def insert_notes(tx: Transaction, notes: Sequence[TaskNote]) -> None:
    """Insert notes on many tasks in bulk."""
    await tx.add(
        "task_note",
        _COLUMNS.split(", "),
        [
            (
                note.project_key,
                note.note_id,
                note.seq,
                note.user_id,
                note.kind,
                note.detail,
                note.created_ms,
            )
            for note in notes
        ],
    )


async def list_notes(tx: Transaction, project_key: int, seq: int, *, limit: int) -> list[TaskNote]:
    """List the last `limit` notes on a task, newest first."""
    return (await list_notes_of_tasks(tx, project_key, [seq], limit=limit))[seq]


async def list_notes_of_tasks(
    tx: Transaction, project_key: int, seqs: Sequence[int], *, limit: int
) -> dict[int, list[TaskNote]]:
    """List the last `limit` notes on each of up to SELECTS_MAX tasks by seq, newest first."""
    notes: dict[int, list[TaskNote]] = {seq: [] for seq in seqs}
    if seqs:
        sql, args = value_lists.union_all(
            f"SELECT {_COLUMNS} FROM (SELECT {_COLUMNS} FROM task_note"
            " WHERE project_key = :project_key AND seq = :seq"
            " ORDER BY note_id DESC LIMIT :row_limit) AS latest",
            seq=seqs,
        )
        rows = await tx.all(sql, args | {"project_key": project_key, "row_limit": limit})
        for row in sorted(rows, key=lambda row: row[1], reverse=True):
            notes[row[2]].append(TaskNote(*row))
    return notes
