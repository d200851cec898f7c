"""Results of a task's questions: each person's answer, and the one that is or would be delivered.

For a completed task it is read from the delivered threads, for a pending one it is consolidated.
Responses stand in their own order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.agreement import differ
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.ballots import Ballot
from plaudit.core.labeling.conditions import unasked, unasked_of_all
from plaudit.core.labeling.questions import (
    Place,
    Question,
    has_conditions,
    place_of,
    questions,
)
from plaudit.core.labeling.threads.answer_reading import answer_at, answer_in
from plaudit.core.labeling.votes import (
    Address,
    AnnotatorAnswer,
    DecodedSubmission,
    answers_by_address,
    ballot_of,
    consolidate_answers,
    countable_answers,
    decode_submissions,
    first_reason,
    question_address,
)
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.core.tasks.forms import Form, form_of
from plaudit.core.tasks.lifecycle import content_from_threads
from plaudit.model.core import ALL_OPTS, ProjectRow, StoredTask
from plaudit.model.labeling import SubmissionRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

_decode_content = msgspec.json.Decoder(list[Thread]).decode


class QuestionResult(Struct, frozen=True):
    """One question with everybody's answers and the consolidated answer, None while unresolved.

    It is disputed if people answered differently. `answer` is None as well if nobody answered.
    """

    number: int
    """Of the question among all of the task."""
    question: Question
    address: Address
    answers: list[AnnotatorAnswer]
    answer: Answer | None
    is_disputed: bool
    is_open: bool
    """True if a reviewer has to answer it wherever it is asked: its rule decides on no answer, or
    it is required, has no answer, and none of these people was asked it."""
    is_asked: bool = True
    """False if it is not asked by the answers that other questions come to."""
    asked_answer: Answer | None = None
    """The answer that comes out wherever it is asked, also by a reviewer's fixes."""

    @property
    def is_unresolved(self) -> bool:
        """True if it is asked, and a reviewer has to answer it."""
        return self.is_open and self.is_asked

    @property
    def state(self) -> str:
        """`unresolved`, `disputed`, `agreed`, `unanswered`, or `unasked` without an answer."""
        return "unasked" if not self.is_asked and self.answer is None else self.asked_state

    @property
    def asked_state(self) -> str:
        """The state that it has wherever it is asked."""
        if self.is_open:
            return "unresolved"
        if self.is_disputed:
            return "disputed"
        return "agreed" if self.answers or self.asked_answer is not None else "unanswered"


class ReviewState(Struct, frozen=True):
    """A task under review. `revision` changes with everything that a decision depends on."""

    form: Form
    content: list[Thread]
    threads: list[Thread] | None
    """The delivered threads; None if the task is not completed, or has none."""
    submissions: list[DecodedSubmission]
    results: list[QuestionResult]
    revision: str


async def review_state(tx: Transaction, project: ProjectRow, task: StoredTask) -> ReviewState:
    """Load a task's questions with all answers, as `make_review_state`."""
    current = await submissions.list_current(tx, task.project_key, task.seq)
    byte_count = max(len(task.content or b""), len(task.body or b""))
    byte_count += sum(len(one.answers) for one in current)
    return await tx.compute(byte_count, lambda: make_review_state(project, task, current))


Choose = Callable[[Form, Sequence[Thread], Sequence[Question]], Container[str]]
"""Paths of the turns and threads whose results are wanted."""


def make_review_state(
    project: ProjectRow,
    task: StoredTask,
    current: Sequence[SubmissionRow],
    choose: Choose | None = None,
) -> ReviewState:
    """A task's questions with all answers, in the order of the conversation.

    Those of the turns and threads that `choose` returns; of all without it. Takes time in
    proportion to the task's size: for pages, call it outside the event loop.
    """
    decoded = decode_submissions(current)
    form = form_of(project_detail(project))
    threads = None if task.body is None else threads_of(task, int(ALL_OPTS))
    content = _decode_content(task.content or b"[]")
    if threads is not None and not _fits(content, threads):
        content = content_from_threads(task)
    by_address = answers_by_address(decoded)
    results = []
    asked = questions(form, content)
    chosen = None if choose is None else choose(form, content, asked)
    for number, question in enumerate(asked):
        if chosen is not None and question.target.at not in chosen:
            continue
        address = question_address(question, content)
        votes = by_address.get(address, [])
        counted = countable_answers(question, content, votes)
        consolidated = consolidate_answers(question.field, votes, counted)
        answer = None
        if threads is not None:
            answer = answer_in(question, address, content, threads)
        elif votes and consolidated.is_resolved:
            answer = _consolidated(address, votes, consolidated.ballot)
        ballots = [ballot_of(vote.answer) for vote in votes if not vote.answer.is_empty]
        results.append(
            QuestionResult(
                number=number,
                question=question,
                address=address,
                answers=votes,
                answer=answer if answer is None or not answer.is_empty else None,
                is_disputed=differ(question.field, ballots),
                is_open=threads is None and not consolidated.is_resolved,
            )
        )
    results = _with_conditions(form, results, None if threads is not None else decoded)
    return ReviewState(form, content, threads, decoded, results, revision_of(task, current))


def _with_conditions(
    form: Form, listed: Sequence[QuestionResult], judged: Sequence[DecodedSubmission] | None
) -> list[QuestionResult]:
    """Results with those marked that are not asked, or have to be answered where they are.

    `judged` are the submissions of a pending task, in which what is not asked comes to no answer.
    """
    results = [msgspec.structs.replace(one, asked_answer=one.answer) for one in listed]
    if not has_conditions(form):
        return results
    left_out = unasked_results(form, results, {})
    silent = {
        place_of(one.question)
        for one in results
        if one.question.field.required
        and one.question.field.ask_if is not None
        and one.answer is None
        and (judged is None or not one.answers)
    }
    if judged is None:  # what is asked already was delivered so
        demanded = silent & left_out
    else:
        asked = [one.question for one in results]
        demanded = unasked_of_all(form, asked, silent, _values_of_people(results, judged))
    return [
        msgspec.structs.replace(
            result,
            is_asked=place_of(result.question) not in left_out,
            is_open=result.is_open or place_of(result.question) in demanded,
            answer=None
            if judged is not None and place_of(result.question) in left_out
            else result.answer,
        )
        for result in results
    ]


def _values_of_people(
    results: Sequence[QuestionResult], judged: Sequence[DecodedSubmission]
) -> list[dict[Place, Any]]:
    """Stored values of each submission, by the place of the question."""
    values: dict[int, dict[Place, Any]] = {id(one): {} for one in judged}
    for result in results:
        for vote in result.answers:
            values[id(vote.submission)][place_of(result.question)] = vote.answer.value
    return list(values.values())


def unasked_results(
    form: Form, results: Sequence[QuestionResult], fixed: Mapping[Address, Answer]
) -> set[Place]:
    """Places of the questions that are not asked where a reviewer's `fixed` answers stand."""
    values: dict[Place, Any] = {}
    for result in results:
        answer = fixed.get(result.address, result.asked_answer)
        values[place_of(result.question)] = None if answer is None else answer.value
    asked = [result.question for result in results]
    return unasked(form, asked, lambda question: values[place_of(question)])


def revision_of(task: StoredTask, current: Sequence[SubmissionRow]) -> str:
    """Hash of a task's status, its completion and its current submissions, 24 hex digits."""
    return hash_revision(
        task.status.value, task.completed_ms, [row.submission_id for row in current]
    )


def hash_revision(status: str, completed_ms: int | None, submission_ids: Sequence[str]) -> str:
    """Hash of what a decision on a task depends on, 24 hex digits."""
    parts = [status, str(completed_ms), *submission_ids]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def _fits(content: Sequence[Thread], threads: Sequence[Thread]) -> bool:
    """True if delivered threads are this conversation with annotations added and nothing else."""
    if [len(thread.turns) for thread in content] != [len(thread.turns) for thread in threads]:
        return False
    pairs = [
        (turn.messages, delivered.messages)
        for thread, other in zip(content, threads, strict=True)
        for turn, delivered in zip(thread.turns, other.turns, strict=True)
    ]
    return all(
        [message.source_id for message in asked]
        == [message.source_id for message in delivered[: len(asked)]]
        for asked, delivered in pairs
    )


def _consolidated(address: Address, votes: Sequence[AnnotatorAnswer], ballot: Ballot) -> Answer:
    return answer_at(
        address,
        value=ballot.value,
        not_applicable=ballot.not_applicable,
        cannot_assess=ballot.cannot_assess,
        justification=first_reason(ballot, votes),
    )
