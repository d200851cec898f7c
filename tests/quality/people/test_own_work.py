"""Counts of a person's own work, and the feedback that reviewers gave on it."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.labeling.answers import Answer
from plaudit.core.quality.people import review_feedback
from plaudit.store.labeling import own_work
from plaudit.store.labeling.own_work import OwnCounts
from plaudit.store.quality import work_notes
from tests.support.labeling_project import LabelingProject

TOPIC = {"key": "topic", "level": "thread", "type": "category", "possible_values": ["egg", "ham"]}


def topic(value):
    return [{"at": "t0", "key": "topic", "value": value}]


@pytest.fixture
def floor(world):
    """Ann did two of four tasks, one of which was sent back, skipped one and holds one."""
    floor = LabelingProject(world, "Reviewed", form={"fields": [TOPIC]}, review="all")
    floor.ids = floor.create(4)
    for _ in range(2):
        floor.submit(floor.take("ann"), topic("ham"))
    floor.do(task_notes.skip, floor.take("ann"), reason="too hard")
    floor.take("ann")
    floor.decide(
        review_decisions.send_back, floor.ids[0], "rev", "ann", comment="Read it to the end."
    )
    return floor


def feedback(floor, user_id="ann", limit=9):
    return floor.write(
        lambda tx: review_feedback.list_feedback(tx, floor.project, user_id, limit=limit)
    )


def test_work_is_counted_by_what_became_of_it_up_to_a_bound(floor):
    other = LabelingProject(floor.world, "Other")
    keys = [other.project.project_key, floor.project.project_key]

    def count(most):
        return floor.write(lambda tx: own_work.count_by_project(tx, keys, "ann", most=most))

    assert count(9) == [OwnCounts(0, 0, 0, 0), OwnCounts(1, 1, 1, 1)]
    assert count(0) == [OwnCounts(0, 0, 0, 0)] * 2
    assert floor.write(lambda tx: own_work.count_by_project(tx, [], "ann", most=9)) == []


def test_a_task_that_was_sent_back_waits_until_it_is_done_again(floor):
    (found,) = feedback(floor)
    assert (found.is_sent_back, found.is_waiting) == (True, True)
    assert found.comment == "Read it to the end."
    assert feedback(floor, "bea") == []

    floor.submit(floor.resume(floor.lease_on(floor.ids[0], "ann")), topic("egg"), key="again")
    (found,) = feedback(floor)
    assert (found.is_sent_back, found.is_waiting) == (True, False)


def test_what_a_reviewer_changed_is_feedback_and_what_they_left_is_none(floor):
    floor.submit(floor.resume(floor.lease_on(floor.ids[0], "ann")), topic("egg"), key="again")
    floor.accept(floor.ids[0], topic("egg"))
    floor.accept(floor.ids[1], topic("egg"))

    changed, sent_back = feedback(floor)

    assert [(one.own.value, one.fixed.value) for one in changed.changes] == [("ham", "egg")]
    assert sent_back.is_sent_back
    assert len(feedback(floor, limit=1)) == 1


def test_a_reason_alone_is_no_other_answer():
    own = Answer(at="t0", key="a", value=1, justification="so")
    fixes = [Answer(at="t0", key="a", value=1), Answer(at="t0", key="b", value=2)]

    assert review_feedback.changed_answers([own], fixes) == []
    assert review_feedback.changed_answers([Answer(at="t0", key="b")], fixes) == []


def test_notes_are_read_page_by_page_and_those_of_other_kinds_passed_over(floor):
    async def read(tx):
        found, after_id = [], ""
        while after_id is not None:
            page, after_id = await work_notes.list_notes_of_kinds(
                tx, floor.project.project_key, ("send_back",), after_id=after_id, limit=1
            )
            found += page
        return found

    (note,) = floor.write(read)
    assert (note.kind, note.user_id) == ("send_back", "rev")
