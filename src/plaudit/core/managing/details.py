"""Details of the tasks of one page of a list: excerpts, flags, work, disagreement and people."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.core.tasks import excerpts
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags
from plaudit.store.managing import task_lists
from plaudit.store.managing.task_lists import ListedWork
from plaudit.store.tasks.task_summaries import TaskSummary


class TaskDetails(Struct, frozen=True):
    """Details of one task; `disagreement` is from 0 to 1, of a task in review alone."""

    excerpt: str
    """The beginning of its prompt."""
    flag_count: int
    work: ListedWork | None
    """None once the task is done."""
    disagreement: float | None
    people: list[tuple[str, str]]
    """user_id and status of those who have it, or have submitted it."""


async def list_details(
    tx: Transaction, project_key: int, rows: Sequence[TaskSummary]
) -> dict[int, TaskDetails]:
    """Details of the tasks of a page by seq, in a constant number of statements."""
    seqs = [row.seq for row in rows]
    prompts = await excerpts.list_excerpts(tx, project_key, seqs)
    counts = await flags.count_flags(tx, project_key, seqs)
    works = await task_lists.list_task_work(tx, project_key, seqs)
    ranks = await task_lists.list_disagreement(tx, project_key, seqs)
    people = await task_lists.list_task_people(tx, project_key, seqs)
    return {
        seq: TaskDetails(
            excerpt=prompts.get(seq, ""),
            flag_count=counts.get(seq, 0),
            work=works.get(seq),
            disagreement=ranks[seq] / 1_000_000 if seq in ranks else None,
            people=people.get(seq, []),
        )
        for seq in seqs
    }
