"""Scores of control tasks: each is a case of the collector `gold` or `repeats`.

It is right if at least half of its scored answers are.

The first submission counts. One that is opened again and changed is not scored anew, because by
then the person may have been shown the expected answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.adjudication.task_outcome import content_of
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import questions
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.labeling.votes import answer_address, question_address
from plaudit.core.quality_control import counters, qualification, repeats
from plaudit.core.quality_control.expected_answers import (
    is_equal,
    is_scored,
    score_answers,
)
from plaudit.core.quality_control.gold_tasks import expected_of
from plaudit.core.tasks.form_version import form_with_version
from plaudit.core.tasks.forms import Form
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import SubmissionRow, control_key
from plaudit.model.quality_control import Collector, ControlResult, GoldRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.store.quality_control import control_results, control_turns, gold
from plaudit.store.tasks import tasks
from plaudit.wire.v2.task import Thread

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_answers = msgspec.json.Decoder(list[Answer]).decode


async def score(tx: Transaction, project: ProjectRow, receipt: Receipt) -> list[ControlResult]:
    """Score the submission of a control task, and count its cases; none where it was scored."""
    key = control_key(project.project_key)
    submission = await submissions.find_last(tx, key, receipt.assignment_id)
    assert submission is not None, "it was submitted in this transaction"
    if receipt.is_repeated or await control_results.list_of_person_on(
        tx, key, submission.seq, submission.user_id
    ):
        return []
    form, _ = form_with_version(project.detail)
    content = content_of(await tasks.get_task(tx, key, submission.seq))
    answers = _decode_answers(submission.answers)
    row = await gold.find_gold_at(tx, key, submission.seq)
    if row is not None:
        found = _gold_results(form, content, row, submission, answers)
    else:
        source_seq = await control_turns.find_source(tx, key, submission.seq)
        assert source_seq is not None, "a control task is gold or a repeat"
        first = await repeats.first_answers(tx, project.project_key, source_seq, submission.user_id)
        found = _repeat_results(form, content, first, submission, answers)
    if found:
        await control_results.insert_results(tx, found)
        await _count(tx, project, submission, found)
    return found


async def _count(
    tx: Transaction,
    project: ProjectRow,
    submission: SubmissionRow,
    found: Sequence[ControlResult],
) -> None:
    """Count a control task as one case, since answers to one task depend on one another.

    One of a test or a training is no case: the test itself says what follows.
    """
    is_right = 2 * sum(result.is_right for result in found) >= len(found)
    user_id, collector = submission.user_id, found[0].collector
    if not await qualification.record(tx, project, user_id, submission.seq, is_right=is_right):
        await counters.count_case(tx, project, user_id, collector, right=is_right)


def _gold_results(
    form: Form,
    content: Sequence[Thread],
    row: GoldRow,
    submission: SubmissionRow,
    answers: Sequence[Answer],
) -> list[ControlResult]:
    expected = expected_of(row)
    return [
        ControlResult(
            project_key=submission.project_key,
            seq=submission.seq,
            user_id=submission.user_id,
            number=scored.number,
            collector=Collector.gold,
            question_key=expected[scored.number].key,
            at=expected[scored.number].at,
            is_right=scored.is_right,
            submitted_ms=submission.submitted_ms,
            expected=_encode(expected[scored.number]),
            given=_encode(scored.answer),
        )
        for scored in score_answers(form, content, expected, answers)
    ]


def _repeat_results(
    form: Form,
    content: Sequence[Thread],
    first: Sequence[Answer],
    submission: SubmissionRow,
    answers: Sequence[Answer],
) -> list[ControlResult]:
    """Results of the questions that a person answered with a value both times."""
    before = {answer_address(answer): answer for answer in first}
    again = {answer_address(answer): answer for answer in answers}
    results: list[ControlResult] = []
    for question in questions(form, content):
        address = question_address(question, content)
        old, new = before.get(address), again.get(address)
        if old is None or new is None or not is_scored(question.field):
            continue
        if old.value is None or new.value is None:
            continue
        results.append(
            ControlResult(
                project_key=submission.project_key,
                seq=submission.seq,
                user_id=submission.user_id,
                number=len(results),
                collector=Collector.repeats,
                question_key=question.field.key,
                at=question.target.at,
                is_right=is_equal(question.field, old.value, new.value),
                submitted_ms=submission.submitted_ms,
                expected=_encode(old.value),
                given=_encode(new.value),
            )
        )
    return results
