"""Comparison of the votes of a store with what its submissions say, answer by answer."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling.counting.vote_writing import conversation_of, stored_votes
from plaudit.store.labeling import votes as votes_store
from plaudit.store.labeling.submissions import COLUMNS, submission_of_row
from plaudit.store.tasks import tasks


async def _differences(tx: Any) -> dict[str, int]:
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM submission WHERE is_current = 1 AND change_no IS NOT NULL"
        " ORDER BY submission_id",
        {},
    )
    wrong = 0
    for submission in map(submission_of_row, rows):
        content = conversation_of(await tasks.get_task(tx, submission.project_key, submission.seq))
        stored = await votes_store.list_votes(tx, submission.project_key, [submission.seq])
        own = [vote for vote in stored if vote.contributor_id == submission.user_id]
        wrong += own != stored_votes(submission, content)
    return {"votes are what submissions say": wrong} if wrong else {}


def vote_differences(world: Any) -> dict[str, int]:
    """Number of submissions that count whose votes are others; empty without any."""
    found: dict[str, int] = world.run(world.db.write(_differences))
    return found
