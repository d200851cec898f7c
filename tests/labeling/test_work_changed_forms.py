"""A form that changes while people are at its tasks: nobody is stopped, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.errors import AnswersRejected
from plaudit.model.core import TaskStatus
from tests.labeling.test_work_submissions import delivered, values
from tests.support.labeling_project import LIKERT, OVERALL, SELECTED, WHY, Floor

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


@pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES)
def test_who_comes_after_the_change_can_still_finish_the_task(world, fields):
    floor = Floor(world, overlap=2)
    floor.create()
    floor.work_on("ann", last)
    ben = floor.take("ben")
    floor.set(form={"fields": fields})

    receipt = floor.submit(ben, floor.answers(ben, last))

    assert receipt.outcome in ("completed", "in_review")
    assert floor.violations() == {}


@pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES)
def test_what_waited_for_a_reviewer_can_still_be_delivered(world, fields):
    floor = Floor(world, review="all")
    [task_id] = floor.create()
    lease = floor.take("ann")
    floor.submit(lease, floor.answers(lease, last))
    floor.set(form={"fields": fields})

    floor.accept(task_id, floor.answers(lease, last))

    assert floor.status(task_id) is TaskStatus.completed


def test_an_answer_that_is_no_longer_possible_does_not_count(world):
    floor = Floor(world, overlap=2)
    [task_id] = floor.create()
    floor.work_on("ann", last)
    ben = floor.take("ben")
    floor.set(form={"fields": CHANGES["values go"]})
    floor.submit(ben, floor.answers(ben, lambda possible: 2 if 4 not in possible else 7))

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    for message in turn["messages"][1:]:
        [overall] = message["annotations"]
        assert overall["value"] == 2
        assert [one["value"] for one in overall["votes"]] == [2]


def test_where_no_answer_is_possible_any_more_a_reviewer_decides(world):
    floor = Floor(world)
    [task_id] = floor.create()
    lease = floor.take("ann")
    answers = floor.answers(lease, last)
    floor.set(review="all")
    floor.submit(lease, answers)
    floor.set(form={"fields": CHANGES["values go"]})

    with pytest.raises(AnswersRejected):
        floor.accept(task_id)
    fixes = [{"at": "t0u0", "position": number, "key": "overall", "value": 3} for number in (1, 2)]
    floor.accept(task_id, fixes)

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    assert [values(one["annotations"]) for one in turn["messages"][1:]] == [{"overall": 3}] * 2
