"""Order of tasks in review: those on which people disagree most come first.

What a list shows is kept when a task enters review, so that a page reads one range of an index:
for all questions together and for each disputed one, and of each the same for every person.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.adjudication.disagreement import Disagreement, disagreement
from plaudit.core.labeling.votes import decode_submissions
from plaudit.core.tasks.forms import form_of
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.model.core import ProjectRow, Review, StoredTask
from plaudit.model.labeling import QueuedTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import review_order, submissions
from plaudit.store.tasks import tasks, work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

MILLION = 1_000_000
QUESTIONS_MAX = 20
"""Questions of a task that its list can be narrowed to: those of the greatest disagreement."""
FIRST = (-MILLION - 1, 0)
"""Place before every task in review."""
SEQ_MAX = 2**62
LOOKED_AT = 50
"""Tasks among which a reviewer's next one is looked for."""

_decode_content = msgspec.json.Decoder(list[Thread]).decode


class ReviewFilter(Struct, frozen=True):
    """Choice of tasks in review: disputed on one question, answered by one person; empty for all.

    With a question the order is that of the disagreement on it. `most` is the greatest disagreement
    of a task that is chosen.
    """

    question_key: str = ""
    user_id: str = ""
    most: float = 1.0

    def start(self, after: tuple[int, int]) -> tuple[int, int]:
        """The place from which these tasks are listed, at or after another one."""
        return max(after, (-round(self.most * MILLION) - 1, SEQ_MAX))


EVERYTHING = ReviewFilter()
"""All tasks in review."""


class RankedTask(Struct, frozen=True):
    """A task in review with the disagreement by which it is listed, 0 to 1, and its place."""

    queued: QueuedTask
    disagreement: float
    place: tuple[int, int]
    """Its rank and seq."""
    questions: list[tuple[str, float]]
    """Questions on which people disagree, with how much, the greatest first."""
    is_own: bool
    """True if its reader answered it, and may therefore not decide on it."""


async def write_order(tx: Transaction, project: ProjectRow, task: StoredTask) -> None:
    """List a task that is in review by its current submissions; its queue row is locked."""
    current = await submissions.list_current(tx, task.project_key, task.seq)

    def computed() -> Disagreement:
        form, content = form_of(project_detail(project)), _decode_content(task.content or b"[]")
        return disagreement(form, content, decode_submissions(current))

    byte_count = len(task.content or b"") + sum(len(row.answers) for row in current)
    found = await tx.compute(byte_count, computed)
    disputed = sorted(found.questions.items(), key=lambda item: (-item[1], item[0]))
    ranked = [("", found.overall), *disputed[:QUESTIONS_MAX]]
    people = ["", *(row.user_id for row in current)]
    await review_order.replace_rows(
        tx,
        task.project_key,
        task.seq,
        [
            (key, user_id, -round(value * MILLION))
            for key, value in ranked
            if value or not key
            for user_id in people
        ],
    )


async def leave_review(tx: Transaction, project: ProjectRow, seq: int) -> None:
    """Turn a submitted slot of a task back into a leased one; the task is not in review any more.

    Its queue row is locked, and the submission retracted.
    """
    await review_order.delete_rows(tx, project.project_key, seq)
    judges = adaptive_overlap(project)
    await work_queue.record_retraction(
        tx, project.project_key, seq, judges_min=None if judges is None else judges.min
    )


async def list_in_review(
    tx: Transaction,
    project: ProjectRow,
    *,
    chosen: ReviewFilter = EVERYTHING,
    reader_id: str = "",
    after: tuple[int, int] = FIRST,
    limit: int = 100,
    names_questions: bool = True,
) -> list[RankedTask]:
    """List up to `limit` tasks in review after a place, the greatest disagreement first.

    `reader_id` is the user who reads the list; empty for nobody. What people disagree on is read
    and named, up to QUESTIONS_MAX for each task, unless `names_questions` is false.
    """
    listed = await review_order.list_ranked(
        tx,
        project.project_key,
        chosen.question_key,
        chosen.user_id,
        reader_id=_barred(project, reader_id),
        after=chosen.start(after),
        limit=limit,
    )
    disputed = await review_order.list_questions(
        tx, project.project_key, [one.seq for one, _, _ in listed] if names_questions else []
    )
    return [
        RankedTask(
            queued=queued,
            disagreement=-rank / MILLION,
            place=(rank, queued.seq),
            questions=_values(disputed.get(queued.seq, ())),
            is_own=is_own,
        )
        for queued, rank, is_own in listed
    ]


async def find_place(
    tx: Transaction, project: ProjectRow, seq: int, chosen: ReviewFilter
) -> tuple[int, int]:
    """Place of a task among the chosen ones in review; FIRST for one that is not there."""
    rank = await review_order.find_rank(
        tx, project.project_key, seq, chosen.question_key, chosen.user_id
    )
    return FIRST if rank is None else (rank, seq)


async def next_in_review(
    tx: Transaction,
    project: ProjectRow,
    place: tuple[int, int],
    chosen: ReviewFilter,
    reader_id: str,
) -> str | None:
    """Find the next chosen task after a place, starting over at the end; return its id.

    None if there is none among the next LOOKED_AT on which the user `reader_id` may decide.
    """
    for after in (place, FIRST):
        listed = await review_order.list_ranked(
            tx,
            project.project_key,
            chosen.question_key,
            chosen.user_id,
            reader_id=_barred(project, reader_id),
            after=chosen.start(after),
            limit=LOOKED_AT,
        )
        for queued, _, is_own in listed:
            if not is_own:
                return (await tasks.get_task(tx, project.project_key, queued.seq)).task_id
    return None


def may_decide(project: ProjectRow, author_ids: Container[str], user_id: str) -> bool:
    """True if a user may decide on a task in review that these people answered."""
    return bool(project_detail(project).self_review) or user_id not in author_ids


def may_correct(project: ProjectRow, author_ids: Container[str], user_id: str) -> bool:
    """True if a user may correct a completed task that these people answered.

    Where tasks are reviewed, somebody else decided on it, and the user would take that back.
    """
    is_reviewed = project_detail(project).review not in (None, Review.none)
    return not is_reviewed or may_decide(project, author_ids, user_id)


def _barred(project: ProjectRow, reader_id: str) -> str:
    """Reader who may not decide on tasks of their own; empty where the project lets them."""
    return "" if project_detail(project).self_review else reader_id


def _values(disputed: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    return [(key, -rank / MILLION) for key, rank in disputed]
