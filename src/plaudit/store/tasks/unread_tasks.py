"""Statements that note which tasks say something else since their words were read.

New tasks need no note: whoever reads words goes on from the greatest seq that it has read. Control
tasks, whose project_key is negative, are not searched.
"""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.word_index import IndexedProject


async def mark_unread(tx: Transaction, project_key: int, seq: int) -> None:
    """Note that a task says more than before; what it said is found until it is read again."""
    if project_key < 0:
        return
    args = {"project_key": project_key, "seq": seq}
    is_noted = await tx.run(
        "UPDATE unread_task SET stamp = stamp + 1 WHERE project_key = :project_key AND seq = :seq",
        args,
    )
    if not is_noted:
        await tx.run(
            "INSERT INTO unread_task (project_key, seq, stamp) VALUES (:project_key, :seq, 1)", args
        )


async def forget_words(tx: Transaction, project_key: int, seq: int) -> None:
    """Delete the words of a task that no longer says what it said, and note to read it again.

    It is noted even before the project's first tasks are read: somebody may have the old text.
    """
    project = None if project_key < 0 else await find_indexed(tx, project_key)
    if project is not None:
        await tx.run(tx.word_index.delete, tx.word_index.args_of(project, seq))
    await mark_unread(tx, project_key, seq)


async def find_indexed(tx: Transaction, project_key: int) -> IndexedProject | None:
    """Find a project in the index of words; None before its first tasks are read."""
    row = await tx.one(
        "SELECT project_key, number, next_seq FROM word_clock WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    return None if row is None else IndexedProject(*row)
