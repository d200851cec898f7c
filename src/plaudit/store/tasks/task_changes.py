"""Statements that note changes of tasks that no later completion time shows."""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def mark_task(tx: Transaction, project_key: int, seq: int) -> None:
    """Note that a task's threads or metadata have changed; the number of that comes later."""
    await tx.run(
        "INSERT INTO task_change (project_key, seq, change_no) VALUES (:project_key, :seq, 0)"
        " ON CONFLICT (project_key, seq) DO UPDATE SET change_no = 0",
        {"project_key": project_key, "seq": seq},
    )
