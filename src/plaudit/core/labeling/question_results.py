"""What a task's questions come to: what each person answered, and what is or would be delivered.

Of a completed task the delivered threads are read; of a pending one the answers are consolidated.
Responses stand in their own order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.agreement import differ
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.consensus import (
    SCORE,
    Address,
    AnnotatorAnswer,
    DecodedSubmission,
    asked_at,
    ballot_of,
    counted_of,
    opinions_of,
    settled_of,
)
from plaudit.core.labeling.questions import Question, QuestionTarget, questions
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.core.tasks.forms import Form, TextUse, form_of
from plaudit.core.tasks.lifecycle import content_from_threads
from plaudit.model.core import ALL_OPTS, ProjectRow, StoredTask
from plaudit.model.labeling import SubmissionRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.wire.v2.annotation import Annotation, AnnotationType
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import CriterionEvaluation, Thread

_decode_content = msgspec.json.Decoder(list[Thread]).decode
_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class QuestionResult(Struct, frozen=True):
    """One question: what people said, and what it comes to (`answer`, None for nothing).

    It is disputed if people said different things; unresolved if the project's rule leaves open
    what is delivered.
    """

    question: Question
    address: Address
    opinions: list[AnnotatorAnswer]
    answer: Answer | None
    is_disputed: bool
    is_unresolved: bool


class ReviewState(Struct, frozen=True):
    """A task as a reviewer finds it. `revision` changes with whatever a decision depends on."""

    form: Form
    content: list[Thread]
    threads: list[Thread] | None
    """What was delivered; None of a task that is not completed, or has no threads."""
    judged: list[DecodedSubmission]
    outcomes: list[QuestionResult]
    revision: str


async def standing_of(tx: Transaction, project: ProjectRow, task: StoredTask) -> ReviewState:
    """A task's questions with everything that was said, in the order of the conversation."""
    current = await submissions.list_current(tx, task.project_key, task.seq)
    judged = [
        DecodedSubmission(one.user_id, one.submitted_ms, _decode_answers(one.answers))
        for one in current
    ]
    form = form_of(project_detail(project))
    threads = None if task.body is None else threads_of(task, int(ALL_OPTS))
    content = _decode_content(task.content or b"[]")
    if threads is not None and not _fits(content, threads):
        content = content_from_threads(task)
    opinions = opinions_of(judged)
    found = []
    for question in questions(form, content):
        address = asked_at(question, content)
        given = opinions.get(address, [])
        settled = settled_of(question.field, given, counted_of(question, content, given))
        answer = None
        if threads is not None:
            answer = _delivered(question, address, content, threads)
        elif given and settled.is_resolved:
            answer = _consolidated(address, given, settled.ballot)
        ballots = [ballot_of(one.answer) for one in given if not one.answer.is_empty]
        found.append(
            QuestionResult(
                question=question,
                address=address,
                opinions=given,
                answer=answer if answer is None or not answer.is_empty else None,
                is_disputed=differ(question.field, ballots),
                is_unresolved=threads is None and not settled.is_resolved,
            )
        )
    return ReviewState(form, content, threads, judged, found, revision_of(task, current))


def revision_of(task: StoredTask, current: Sequence[SubmissionRow]) -> str:
    """What a decision is about, in short: the submissions that count, and the delivery."""
    said = [task.status.value, str(task.completed_ms), *(one.submission_id for one in current)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=12).hexdigest()


def _fits(content: Sequence[Thread], threads: Sequence[Thread]) -> bool:
    """Whether delivered threads are this conversation with what people added to it."""
    if [len(one.turns) for one in content] != [len(one.turns) for one in threads]:
        return False
    pairs = [
        (asked.messages, turn.messages)
        for one, other in zip(content, threads, strict=True)
        for asked, turn in zip(one.turns, other.turns, strict=True)
    ]
    return all(
        [one.source_id for one in asked] == [one.source_id for one in said[: len(asked)]]
        for asked, said in pairs
    )


def _answer(address: Address, **said: object) -> Answer:
    at, source_id, chunk, criterion, key = address
    where = {"at": at, "source_id": source_id, "chunk": chunk, "criterion": criterion, "key": key}
    return msgspec.convert(where | said, Answer)


def _consolidated(address: Address, given: Sequence[AnnotatorAnswer], ballot: object) -> Answer:
    said = {name: getattr(ballot, name) for name in ("value", "not_applicable", "cannot_assess")}
    why = next(
        (
            one.answer.justification
            for one in given
            if one.answer.justification and ballot_of(one.answer) == ballot
        ),
        None,
    )
    return _answer(address, justification=why, **said)


def _delivered(
    question: Question, address: Address, content: Sequence[Thread], threads: Sequence[Thread]
) -> Answer | None:
    """What delivered threads say to a question; of several written responses the first."""
    field, place = question.field, question.place
    if field.use is TextUse.response and place.turn is not None:
        asked = content[place.thread].turns[place.turn].messages
        written = threads[place.thread].turns[place.turn].messages[len(asked) :]
        return _answer(address, value=written[0].content.text) if written else None
    listed = _annotations(threads, place)
    scored = _score(threads, place) if place.criterion is not None else None
    if scored is not None:
        listed = scored.annotations or []
    found = next((one for one in listed if one.key == field.key), None)
    if found is None:
        if scored is None or scored.score is None or field.key != SCORE:
            return None
        value: object = scored.score
        if field.type == AnnotationType.boolean:
            value = bool(value)
        elif field.type == AnnotationType.rubric_rating:
            value = {"score": value}
        return _answer(address, value=value)
    return _answer(
        address,
        value=found.value,
        not_applicable=bool(found.not_applicable),
        cannot_assess=bool(found.cannot_assess),
        justification=found.justification,
    )


def _annotations(threads: Sequence[Thread], place: QuestionTarget) -> list[Annotation]:
    thread = threads[place.thread]
    if place.turn is None:
        return thread.annotations
    turn = thread.turns[place.turn]
    if place.message is None:
        return turn.annotations
    message = turn.messages[place.message]
    if place.criterion is not None:
        return []
    if place.chunk is None:
        return message.annotations
    return (message.content.chunks or [])[place.chunk].annotations


def _score(threads: Sequence[Thread], place: QuestionTarget) -> CriterionEvaluation | None:
    assert place.turn is not None
    assert place.message is not None
    message = threads[place.thread].turns[place.turn].messages[place.message]
    return next(
        (
            one
            for evaluation in message.rubric_evaluations or ()
            for one in evaluation.criteria_evaluations or ()
            if one.criterion_definition_id == place.criterion
        ),
        None,
    )
