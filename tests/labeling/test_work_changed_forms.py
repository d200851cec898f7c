"""A form that changes while people are at its tasks: nobody is stopped, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.errors import AnswersRejected
from plaudit.model.core import TaskStatus
from tests.labeling.test_work_submissions import delivered, values
from tests.support.labeling_project import LIKERT, OVERALL, SELECTED, WHY, LabelingProject
from tests.support.running.every_case import every_case

PLAIN = {name: value for name, value in OVERALL.items() if name != "possible_values"}
CHANGES: dict[str, list[dict[str, Any]]] = {
    "a scale is narrowed": [OVERALL, SELECTED, LIKERT | {"possible_values": [1, 2, 3, 4, 5]}, WHY],
    "values go": [OVERALL | {"possible_values": [1, 2, 3]}, SELECTED, LIKERT, WHY],
    "a number becomes a text": [PLAIN | {"type": "text"}, SELECTED, LIKERT, WHY],
    "a number becomes a rating": [PLAIN | {"type": "rubric_rating"}, SELECTED, LIKERT, WHY],
    "a number becomes choices": [
        OVERALL | {"type": "category_multiple", "possible_values": ["a", "b"]}, SELECTED, LIKERT,
        WHY,
    ],
    "a text becomes a number": [OVERALL, SELECTED, LIKERT, WHY | {"type": "integer"}],
    "a preference becomes a ranking": [
        OVERALL, SELECTED, {"key": "likert_value", "level": "turn", "type": "ranked_choices"}, WHY,
    ],
    "a question goes": [OVERALL, SELECTED, LIKERT],
}  # fmt: skip


def last(possible: Any) -> Any:
    return possible[-1]


@every_case("fields", CHANGES.values())
def test_who_comes_after_the_change_can_still_finish_the_task(world, fields):
    labeling = LabelingProject(world.tenant(), overlap=2)
    labeling.create()
    labeling.work_on("ann", last)
    ben = labeling.take("ben")
    labeling.set(form={"fields": fields})

    receipt = labeling.submit(ben, labeling.answers(ben, last))

    assert receipt.outcome in ("completed", "in_review")
    assert labeling.violations() == {}


@every_case("fields", CHANGES.values())
def test_what_waited_for_a_reviewer_can_still_be_delivered(world, fields):
    labeling = LabelingProject(world.tenant(), review="all")
    [task_id] = labeling.create()
    lease = labeling.take("ann")
    labeling.submit(lease, labeling.answers(lease, last))
    labeling.set(form={"fields": fields})

    labeling.accept(task_id, labeling.answers(lease, last))

    assert labeling.status(task_id) is TaskStatus.completed


def test_an_answer_that_is_no_longer_possible_does_not_count(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    labeling.work_on("ann", last)
    ben = labeling.take("ben")
    labeling.set(form={"fields": CHANGES["values go"]})
    labeling.submit(ben, labeling.answers(ben, lambda possible: 2 if 4 not in possible else 7))

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    for message in turn["messages"][1:]:
        [overall] = message["annotations"]
        assert overall["value"] == 2
        assert [one["value"] for one in overall["votes"]] == [2]


def test_where_no_answer_is_possible_any_more_a_reviewer_decides(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create()
    lease = labeling.take("ann")
    answers = labeling.answers(lease, last)
    labeling.set(review="all")
    labeling.submit(lease, answers)
    labeling.set(form={"fields": CHANGES["values go"]})

    with pytest.raises(AnswersRejected):
        labeling.accept(task_id)
    fixes = [{"at": "t0u0", "position": number, "key": "overall", "value": 3} for number in (1, 2)]
    labeling.accept(task_id, fixes)

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    assert [values(one["annotations"]) for one in turn["messages"][1:]] == [{"overall": 3}] * 2
