"""Statements for people whose next submissions a reviewer looks at (table `extra_review`)."""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def grant(tx: Transaction, project_key: int, user_id: str, count: int) -> None:
    """Have a person's next `count` submissions looked at; more, if that is so already."""
    await tx.run(
        "INSERT INTO extra_review (project_key, user_id, left_count)"
        " VALUES (:project_key, :user_id, :count) ON CONFLICT (project_key, user_id)"
        " DO UPDATE SET left_count = CASE WHEN extra_review.left_count < excluded.left_count"
        " THEN excluded.left_count ELSE extra_review.left_count END",
        {"project_key": project_key, "user_id": user_id, "count": count},
    )


async def use_one(tx: Transaction, project_key: int, user_id: str) -> bool:
    """Use one of a person's extra reviews; False if there is none left."""
    return bool(
        await tx.run(
            "UPDATE extra_review SET left_count = left_count - 1"
            " WHERE project_key = :project_key AND user_id = :user_id AND left_count > 0",
            {"project_key": project_key, "user_id": user_id},
        )
    )


async def watch_task(tx: Transaction, project_key: int, seq: int) -> None:
    """Have a task in the queue looked at before it completes; the caller has it locked."""
    await tx.run(
        "UPDATE task_work SET is_watched = 1 WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def is_watched(tx: Transaction, project_key: int, seq: int) -> bool:
    """True for a task in the queue that somebody is to look at before it completes."""
    row = await tx.one(
        "SELECT is_watched FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return bool(row and row[0])
