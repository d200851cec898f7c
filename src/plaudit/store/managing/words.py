"""Statements for the words of tasks: which are to be read, their texts, and the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.word_index import IndexedProject

TEXT_BYTES_MAX = 2 * 1024 * 1024
"""Bytes of the longest conversation that is read for words."""


class UnreadTask(Struct, frozen=True):
    """A task to be read; `stamp` is 0 for one that was never read. `size` is in bytes."""

    seq: int
    stamp: int
    size: int


async def list_projects_to_index(tx: Transaction, *, limit: int) -> list[int]:
    """List projects with tasks whose words are still to be read; no sides of control tasks."""
    rows = await tx.all(
        "SELECT s.project_key FROM project_sequence AS s LEFT JOIN word_clock AS c"
        " ON c.project_key = s.project_key WHERE s.project_key > 0"
        " AND s.next_seq > COALESCE(c.next_seq, 1)"
        " UNION SELECT project_key FROM unread_task LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def insert_clock(tx: Transaction, project_key: int) -> None:
    """Insert a project into the index, under a number that no other one has."""
    await tx.run(
        "INSERT INTO word_clock (project_key, number, next_seq)"
        " SELECT :project_key, COALESCE(MAX(number), 0) + 1, 1 FROM word_clock"
        " WHERE project_key IS NOT NULL"  # SQLite wants a WHERE before ON
        " ON CONFLICT (project_key) DO NOTHING",
        {"project_key": project_key},
    )


async def advance_clock(tx: Transaction, project: IndexedProject, next_seq: int) -> bool:
    """Note that tasks below `next_seq` are read; False if somebody else has done so meanwhile."""
    return bool(
        await tx.run(
            "UPDATE word_clock SET next_seq = :next_seq WHERE project_key = :project_key"
            " AND next_seq = :known",
            {
                "project_key": project.project_key,
                "next_seq": next_seq,
                "known": project.next_seq,
            },
        )
    )


async def list_changed(
    tx: Transaction, project_key: int, next_seq: int, *, limit: int
) -> list[UnreadTask]:
    """List up to `limit` tasks below `next_seq` that say something else since they were read.

    Notes of later ones stay until those are read: who reads them now may have the old text.
    """
    return [
        UnreadTask(int(seq), int(stamp), int(size))
        for seq, stamp, size in await tx.all(
            f"SELECT t.seq, k.stamp, {_SIZE} FROM (SELECT seq, stamp FROM unread_task"
            " WHERE project_key = :project_key AND seq < :next_seq ORDER BY seq LIMIT :row_limit)"
            " AS k"
            f" CROSS JOIN {_TEXTS} WHERE t.project_key = :project_key AND t.seq = k.seq",
            {
                "project_key": project_key,
                "next_seq": next_seq,
                "row_limit": limit,
                "completed": TaskStatus.completed.code,
            },
        )
    ]


async def list_new(
    tx: Transaction, project_key: int, next_seq: int, *, limit: int
) -> list[UnreadTask]:
    """List up to `limit` tasks from `next_seq` on, in order of seq."""
    rows = await tx.all(
        f"SELECT t.seq, {_SIZE} FROM {_TEXTS} WHERE t.project_key = :project_key"
        " AND t.seq >= :next_seq ORDER BY t.seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "next_seq": next_seq,
            "row_limit": limit,
            "completed": TaskStatus.completed.code,
        },
    )
    return [UnreadTask(int(seq), 0, int(size)) for seq, size in rows]


async def list_texts(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, bytes | None]:
    """JSON of tasks' conversations: that delivered, else that prepared; None if there is none.

    None too for one over TEXT_BYTES_MAX.
    """
    keys, args = value_lists.union_all("SELECT CAST(:seq AS BIGINT) AS seq", seq=seqs)
    rows = await tx.all(
        f"SELECT t.seq, CASE WHEN {_SIZE} > {TEXT_BYTES_MAX} THEN NULL ELSE {_TEXT} END"
        f" FROM ({keys}) AS k CROSS JOIN {_TEXTS}"
        " WHERE t.project_key = :project_key AND t.seq = k.seq",
        args | {"project_key": project_key, "completed": TaskStatus.completed.code},
    )
    return {int(seq): None if text is None else bytes(text) for seq, text in rows}


_TEXT = "CASE WHEN t.status = :completed AND b.body IS NOT NULL THEN b.body ELSE c.content END"
_SIZE = (
    "COALESCE(CASE WHEN t.status = :completed AND b.body IS NOT NULL THEN LENGTH(b.body)"
    " ELSE LENGTH(c.content) END, 0)"
)
_TEXTS = (
    "task AS t LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
    " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
)


async def claim_changed(tx: Transaction, project_key: int, task: UnreadTask) -> bool:
    """Delete the note of a changed task; False if it was changed again, or read by somebody."""
    return bool(
        await tx.run(
            "DELETE FROM unread_task WHERE project_key = :project_key AND seq = :seq"
            " AND stamp = :stamp",
            {"project_key": project_key, "seq": task.seq, "stamp": task.stamp},
        )
    )


async def replace_words(
    tx: Transaction, project: IndexedProject, words_by_seq: Mapping[int, Iterable[str]]
) -> None:
    """Replace the words of tasks."""
    index = tx.word_index
    places = [index.args_of(project, seq) for seq in words_by_seq]
    await tx.many(index.delete, places)
    await tx.many(
        index.insert,
        [
            place | {"words": index.words_of(project, seq, words)}
            for place, (seq, words) in zip(places, words_by_seq.items(), strict=True)
        ],
    )


async def count_unread(tx: Transaction, project_key: int, next_seq: int, *, most: int) -> int:
    """Count tasks that are still to be read, those from `next_seq` on among them, up to `most`."""
    row = await tx.one(
        "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM task WHERE project_key = :project_key"
        " AND seq >= :next_seq LIMIT :most) AS fresh) + (SELECT COUNT(*) FROM (SELECT 1"
        " FROM unread_task WHERE project_key = :project_key LIMIT :most) AS changed)",
        {"project_key": project_key, "next_seq": next_seq, "most": most},
    )
    return min(most, int(row[0])) if row else 0
