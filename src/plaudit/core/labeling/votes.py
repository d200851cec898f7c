"""Votes: each person's answer to each question of a task, by address, and what they come to.

The address of an answer names the thing that it is about independently of any screen.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.agreement import consolidate_ballots
from plaudit.core.labeling.answer_values import given_value
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.ballots import UNRESOLVED, Ballot, ConsolidatedValue
from plaudit.core.labeling.questions import Question
from plaudit.core.tasks.forms import Field
from plaudit.model.labeling import SubmissionRow
from plaudit.wire.v2.task import Thread

Address = tuple[str, str | None, int | None, str | None, str]
"""Path, `source_id` of the message, index of the chunk, id of the criterion, and key."""

_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class DecodedSubmission(Struct, frozen=True):
    """One person's submission, decoded."""

    user_id: str
    submitted_ms: int
    answers: list[Answer]


def decode_submissions(rows: Sequence[SubmissionRow]) -> list[DecodedSubmission]:
    """Decode stored submissions, in their order."""
    return [
        DecodedSubmission(row.user_id, row.submitted_ms, _decode_answers(row.answers))
        for row in rows
    ]


class AnnotatorAnswer(Struct, frozen=True):
    """One person's answer to one question, with the submission that it is part of."""

    submission: DecodedSubmission
    answer: Answer


def answer_address(answer: Answer) -> Address:
    """The address of an answer."""
    return answer.at, answer.source_id, answer.chunk, answer.criterion, answer.key


def question_address(question: Question, content: Sequence[Thread]) -> Address:
    """The address that the answers to a question have."""
    target, source_id = question.target, None
    if target.turn is not None and target.message is not None:
        source_id = content[target.thread].turns[target.turn].messages[target.message].source_id
    return target.at, source_id, target.chunk, target.criterion, question.field.key


def answers_by_address(
    submissions: Sequence[DecodedSubmission],
) -> dict[Address, list[AnnotatorAnswer]]:
    """Everybody's answers by their address, in the order of submission."""
    by_address: dict[Address, list[AnnotatorAnswer]] = {}
    for submission in submissions:
        for answer in submission.answers:
            vote = AnnotatorAnswer(submission, answer)
            by_address.setdefault(answer_address(answer), []).append(vote)
    return by_address


def countable_answers(
    question: Question, content: Sequence[Thread], votes: Sequence[AnnotatorAnswer]
) -> list[AnnotatorAnswer]:
    """The answers to one question that the form, which may have changed since, still takes."""
    return [
        vote
        for vote in votes
        if vote.answer.value is None
        or given_value(question, content, vote.answer.value) is not None
    ]


def ballot_of(answer: Answer) -> Ballot:
    """An answer without the reason given for it."""
    return Ballot(answer.value, answer.not_applicable, answer.cannot_assess)


def consolidate_answers(
    field: Field, votes: Sequence[AnnotatorAnswer], counted: Sequence[AnnotatorAnswer]
) -> ConsolidatedValue:
    """Consolidate the answers to one question; UNRESOLVED if the form takes none of them any more.

    `counted` are those of the `votes` that the form still takes.
    """
    ballots = [ballot_of(vote.answer) for vote in counted if not vote.answer.is_empty]
    if ballots:
        return consolidate_ballots(field, ballots)
    return ConsolidatedValue() if all(vote.answer.is_empty for vote in votes) else UNRESOLVED


def first_reason(ballot: Ballot, votes: Sequence[AnnotatorAnswer]) -> str | None:
    """The first reason that anybody gave for an answer, None without any."""
    reasons = (vote.answer.justification for vote in votes if ballot_of(vote.answer) == ballot)
    return next((reason for reason in reasons if reason), None)
