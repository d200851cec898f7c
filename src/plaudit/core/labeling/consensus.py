"""Consolidated answers, written into a conversation: the threads that a task is delivered with.

Each question's answers become one annotation with the consolidated value under the plain key, and
with several people each one's vote beside it (threads/answer_writing.py). Conditions of questions
are applied to the consolidated answers: those whose votes make up one of them may have been asked
different things, and who was not asked disagrees with nobody.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.ballots import ConsolidatedValue
from plaudit.core.labeling.conditions import unasked, unasked_of_all
from plaudit.core.labeling.questions import (
    Place,
    Question,
    has_conditions,
    place_of,
    questions,
)
from plaudit.core.labeling.threads.answer_reading import answer_in
from plaudit.core.labeling.threads.answer_writing import AnswerWriter
from plaudit.core.labeling.votes import (
    Address,
    AnnotatorAnswer,
    DecodedSubmission,
    answer_address,
    answers_by_address,
    ballot_of,
    consolidate_answers,
    countable_answers,
    question_address,
)
from plaudit.core.tasks.forms import Form, TextUse
from plaudit.wire.v2.task import (
    Submission,
    Thread,
)


class ConsolidatedTask(Struct, frozen=True):
    """Threads to deliver, and the questions that are unresolved in them."""

    threads: list[Thread]
    unresolved: list[Question]


def consolidate(
    form: Form,
    content: list[Thread],
    submissions: Sequence[DecodedSubmission],
    fixes: Sequence[Answer] = (),
) -> ConsolidatedTask:
    """Write the answers of a task into its content, which is changed and returned.

    `submissions` are in the order in which they were made. A reviewer's `fixes` replace the
    consolidated answers. A question whose condition these do not meet is left out, whoever was
    asked it, and is not unresolved. One that they ask, and none of the people was asked, is
    unresolved if it is required.
    """
    answers = answers_by_address(submissions)
    fixed = {answer_address(answer): answer for answer in fixes}
    writer = AnswerWriter(form, content, is_voted=len(submissions) > 1)
    listed = questions(form, content)
    found = [_found(question, content, answers, fixed) for question in listed]
    values = {place_of(one.question): one.value for one in found if one is not None}
    left_out = unasked(form, listed, lambda question: values.get(place_of(question)))
    silent = {place_of(q) for q, one in zip(listed, found, strict=True) if one is None}
    demanded = _demanded(form, content, listed, submissions, silent - left_out)
    unresolved = []
    for question, one in zip(listed, found, strict=True):
        place = place_of(question)
        if one is None or place in left_out or not one.consolidated.is_resolved:
            writer.leave_out(question)
            if place in demanded or (one is not None and place not in left_out):
                unresolved.append(question)
            continue
        writer.write(question, one.consolidated.ballot, one.counted, one.fix)
    writer.finish()
    for thread in content:
        thread.submissions = [
            Submission(
                submitted_at=clock.format_ms(submission.submitted_ms),
                contributor_id=submission.user_id,
            )
            for submission in submissions
        ]
    return ConsolidatedTask(content, unresolved)


def _demanded(
    form: Form,
    content: Sequence[Thread],
    listed: Sequence[Question],
    submissions: Sequence[DecodedSubmission],
    silent: Container[Place],
) -> set[Place]:
    """Places of required questions without an answer that no person was asked, of the `silent`."""
    wanted = {
        place_of(question)
        for question in listed
        if question.field.required
        and question.field.ask_if is not None
        and place_of(question) in silent
    }
    if not wanted:
        return wanted
    places = {question_address(question, content): place_of(question) for question in listed}
    given = [
        {
            place: answer.value
            for answer in one.answers
            if (place := places.get(answer_address(answer))) is not None
        }
        for one in submissions
    ]
    return unasked_of_all(form, listed, wanted, given)


class _Found(Struct, frozen=True):
    """A question that somebody answered, the answers that count, and what they come to."""

    question: Question
    counted: list[AnnotatorAnswer]
    fix: Answer | None
    consolidated: ConsolidatedValue

    @property
    def value(self) -> Any:
        """The consolidated value, None without one."""
        return self.consolidated.ballot.value if self.consolidated.is_resolved else None


def _found(
    question: Question,
    content: Sequence[Thread],
    answers: Mapping[Address, list[AnnotatorAnswer]],
    fixed: Mapping[Address, Answer],
) -> _Found | None:
    """The answers to a question and what they come to; None if nobody answered it."""
    address = question_address(question, content)
    votes, fix = answers.get(address, []), fixed.get(address)
    if fix is None and not votes:
        return None
    counted = countable_answers(question, content, votes)
    if fix is not None:
        return _Found(question, counted, fix, ConsolidatedValue(ballot_of(fix)))
    return _Found(question, counted, None, consolidate_answers(question.field, votes, counted))


def correct(
    form: Form,
    content: Sequence[Thread],
    threads: list[Thread],
    submissions: Sequence[DecodedSubmission],
    fixes: Sequence[Answer],
) -> None:
    """Write a reviewer's fixes into delivered threads, and leave all else in them as it is.

    `content` is the conversation that the threads were made of and the questions are about. What is
    not asked any more, as the fixes answer other questions, is taken away.
    """
    answers = answers_by_address(submissions)
    fixed = {answer_address(answer): answer for answer in fixes}
    writer = AnswerWriter(form, threads, is_voted=len(submissions) > 1, keeps=True)
    listed = questions(form, content)
    no_longer = _no_longer_asked(form, content, threads, listed, fixed)
    for question in listed:
        address, target = question_address(question, content), question.target
        is_taken_away, fix = place_of(question) in no_longer, fixed.get(address)
        if fix is None and not is_taken_away:
            continue
        if question.field.use is TextUse.response:
            assert target.turn is not None
            asked = content[target.thread].turns[target.turn].messages
            del threads[target.thread].turns[target.turn].messages[len(asked) :]
        if fix is None or is_taken_away:
            writer.take_away(question)
            continue
        counted = countable_answers(question, content, answers.get(address, []))
        writer.write(question, ballot_of(fix), counted, fix)
    writer.finish()


def _no_longer_asked(
    form: Form,
    content: Sequence[Thread],
    threads: Sequence[Thread],
    listed: Sequence[Question],
    fixed: Mapping[Address, Answer],
) -> set[Place]:
    """Places of questions that the delivered answers ask, and with the fixes do not."""
    if not has_conditions(form):
        return set()

    def delivered(question: Question) -> Any:
        answer = answer_in(question, question_address(question, content), content, threads)
        return None if answer is None else answer.value

    def corrected(question: Question) -> Any:
        fix = fixed.get(question_address(question, content))
        return delivered(question) if fix is None else fix.value

    return unasked(form, listed, corrected) - unasked(form, listed, delivered)
