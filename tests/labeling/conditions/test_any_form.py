"""Conditions of any form, answers of anybody: what is delivered asks for itself and is whole."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling import question_results, review_decisions
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks.form_checks import read_form
from plaudit.errors import AnswersRejected, InvalidContent
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from tests.labeling.test_work_review import standing
from tests.support.labeling_project import LabelingProject, address_of

CASES = {"sqlite": 60, "postgres": 16}
"""Forms for each engine: what is asked is decided above the store."""
TYPES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "category": ["a", "b", "c"],
    "integer": [1, 2, 3],
    "category_multiple": ["a", "b"],
}
LEVELS = ("thread", "turn", "turn", "message")


def any_field(draw: random.Random, key: str, before: list[dict[str, Any]]) -> dict[str, Any]:
    kind, level = draw.choice(list(TYPES)), draw.choice(LEVELS)
    field: dict[str, Any] = {"key": key, "level": level, "type": kind}
    field |= {"required": draw.random() < 0.7, "cannot_assess": draw.random() < 0.3}
    if kind != "boolean":
        field["possible_values"] = TYPES[kind]
    if before and draw.random() < 0.8:
        source = draw.choice(before)
        operator = draw.choice(("is", "is", "is_not", "answered", "at_most"))
        condition = {"key": source["key"], "level": source["level"], "operator": operator}
        if operator != "answered":
            condition["value"] = draw.choice(TYPES[source["type"]])
        field["ask_if"] = condition
    return field


def any_form(draw: random.Random) -> dict[str, Any]:
    fields: list[dict[str, Any]] = []
    while len(fields) < 5:
        field = any_field(draw, f"q{len(fields)}", fields)
        try:
            read_form({"fields": [*fields, field]})
        except InvalidContent:
            continue
        fields.append(field)
    return {"fields": fields}


def any_answer(draw: random.Random, question: Any, display: Any) -> dict[str, Any]:
    field = question.field
    address = address_of(question, display)
    if field.cannot_assess and draw.random() < 0.2:
        return address | {"cannot_assess": True}
    values = TYPES[field.type]
    if field.type == "category_multiple":
        return address | {"value": draw.sample(values, draw.randint(1, len(values)))}
    return address | {"value": draw.choice(values)}


def settled(labeling: Any, task_id: str, draw: random.Random, decide: Any) -> None:
    """Decide with fixes to some questions, and with those that are demanded, until it is taken."""
    questions = [result.question for result in standing(labeling, task_id).results]
    display = own_order(standing(labeling, task_id).content)
    addressed = {str(sorted(address_of(one, display).items())): one for one in questions}
    fixes = {
        key: any_answer(draw, one, display) for key, one in addressed.items() if draw.random() < 0.4
    }
    for _ in range(12):
        if not fixes and decide is review_decisions.correct:
            return
        try:
            labeling.decide(decide, task_id, "rev", fixes=list(fixes.values()))
        except AnswersRejected as refused:
            for fault in refused.faults:
                key = str(sorted(fault.address.items()))
                if "is not asked" in fault.message:
                    del fixes[key]
                else:
                    assert key not in fixes, fault
                    fixes[key] = any_answer(draw, addressed[key], display)
        else:
            return
    raise AssertionError("no answers are taken")


def is_whole(state: question_results.ReviewState) -> bool:
    """True if delivered is what the delivered answers ask, and of that all that is required."""
    return all(
        result.answer is not None
        if result.is_asked and result.question.field.required
        else result.is_asked or result.answer is None
        for result in state.results
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_is_delivered_asks_for_itself_and_is_whole(world, seed):
    draw = random.Random(seed)
    engine = "sqlite" if world.settings.database is None else "postgres"
    for number in range(CASES[engine] // 4):
        form, overlap = any_form(draw), draw.randint(1, 4)
        labeling = LabelingProject(
            world, f"Any {seed} {number}", form=form, overlap=overlap, review="all"
        )
        [task_id] = labeling.create()
        for person in range(overlap):
            lease = labeling.take(f"person_{person}")
            asked = labeling.asked(lease)
            answers = [any_answer(draw, one, asked.display) for one in asked.questions]
            labeling.submit(lease, answers)
        assert labeling.place(task_id).state is WorkState.in_review

        for decide in (review_decisions.accept, *(review_decisions.correct,) * 2):
            settled(labeling, task_id, draw, decide)

            assert labeling.status(task_id) is TaskStatus.completed
            assert is_whole(standing(labeling, task_id)), msgspec.json.encode(form)
    assert labeling.violations() == {}
