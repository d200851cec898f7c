"""Adaptive overlap: after each submission a task is given the slots that its answers ask for.

The rule is that of judge_rules.py, on the answers that count to the one question that the project
names. Whatever changes them changes the slots in its own transaction; the lock of the task's row in
the queue, which all of them take, is what makes the number of judges exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.adjudication.task_outcome import complete_or_review, content_of
from plaudit.core.labeling.answer_values import given_value
from plaudit.core.labeling.questions import Question, questions, responses
from plaudit.core.labeling.type_rules import possible_values
from plaudit.core.labeling.votes import Address, question_address
from plaudit.core.quality_control import counters, judge_rules
from plaudit.core.quality_control.judge_rules import JudgedUnit
from plaudit.core.tasks.forms import form_of
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import QueuedTask
from plaudit.model.quality_control import Collector
from plaudit.model.votes import VoteRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import votes as votes_store
from plaudit.store.tasks import work_queue
from plaudit.wire.v2.resources import AdaptiveOverlap, project_detail
from plaudit.wire.v2.task import Thread

_decode = msgspec.json.Decoder().decode


async def settle(
    tx: Transaction, project: ProjectRow, task: StoredTask, queued: QueuedTask
) -> str | None:
    """Give an open task of an adaptive overlap its slots, or decide it; a Receipt's outcome.

    `queued` is the task's queue row, which the caller has locked, with the task's batch. None where
    the project has a fixed overlap. Raises InvalidContent if the answers cannot be delivered.
    """
    judges = adaptive_overlap(project)
    if judges is None:
        return None
    judge_count, leased = queued.submitted_count, queued.open_count
    needed = judge_rules.needed_judges(
        await _judged_units(tx, project, judges, task, judge_count),
        judge_count,
        judges_min=judges.min,
        judges_max=judges.max,
        confidence=judges.confidence,
    )
    # Who still has a lease may submit; the end of the last one decides.
    await work_queue.change_needed(
        tx,
        task.project_key,
        task.seq,
        max(needed, 1),
        is_undecided=leased > 0 and judge_count + leased >= needed,
    )
    if needed > judge_count or leased:
        return "waiting"
    return await complete_or_review(tx, project, task, queued.state)


async def _judged_units(
    tx: Transaction,
    project: ProjectRow,
    judges: AdaptiveOverlap,
    task: StoredTask,
    judge_count: int,
) -> list[JudgedUnit]:
    """Answers to the chosen question, by thing asked about; nothing is read if they decide nothing.

    What the form of now does not take counts as an abstention.
    """
    if not judges.min <= judge_count < judges.max:
        return []
    content = content_of(task)
    asked = [
        question
        for question in questions(form_of(project_detail(project)), content)
        if question.field.key == judges.question
    ]
    votes = await votes_store.list_votes_on_question(
        tx, task.project_key, task.seq, judges.question
    )
    people = sorted({vote.contributor_id for vote in votes})
    counts = await counters.counts_of(tx, project, people, Collector.gold)
    accuracies = {user_id: judge_rules.accuracy_of(*counts[user_id]) for user_id in people}
    by_address: dict[Address, list[VoteRow]] = {}
    for vote in votes:
        address = vote.at, vote.source_id, vote.chunk, vote.criterion, vote.question_key
        by_address.setdefault(address, []).append(vote)
    units = []
    for question in asked:
        categories = _categories(question, content)
        if categories is None:
            continue
        answers = [
            (category, accuracies[vote.contributor_id])
            for vote in by_address.get(question_address(question, content), [])
            if (category := _category(question, content, categories, vote)) is not None
        ]
        units.append(JudgedUnit(len(set(categories.values())), answers))
    return units


def _categories(question: Question, content: Sequence[Thread]) -> dict[Any, int] | None:
    """Number of the category of each value as a page gives it; None if there is no such number.

    A preference counts by its side: one response, the other, or neither.
    """
    field, target = question.field, question.target
    values = [False, True] if field.type == "boolean" else possible_values(field)
    if values is None and target.turn is not None and target.message is None:
        values = list(range(1, len(responses(content[target.thread].turns[target.turn])) + 1))
    if values is None:
        return None
    if field.scale is None:
        return {value: number for number, value in enumerate(values)}
    sides = [2 * number - (len(values) - 1) for number in range(len(values))]
    numbers = {side: number for number, side in enumerate(sorted({_sign(one) for one in sides}))}
    return {value: numbers[_sign(side)] for value, side in zip(values, sides, strict=True)}


def _category(
    question: Question, content: Sequence[Thread], categories: dict[Any, int], vote: VoteRow
) -> int | None:
    """Category of a vote; None for an abstention, or a value that the form does not take."""
    if vote.value is None:
        return None
    value = given_value(question, content, _decode(vote.value))
    return categories.get(value) if isinstance(value, bool | int | str) else None


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
