"""Submissions: what is accepted once, what completes a task, and what comes out of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from plaudit.core.labeling import (
    review_decisions,
)
from plaudit.core.labeling.adjudication import review_order, task_outcome
from plaudit.core.tasks import lifecycle
from plaudit.errors import (
    AnswersRejected,
    IdempotencyMismatch,
    InvalidContent,
    LeaseLost,
    NotFound,
)
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.model.labeling import LeaseStatus, WorkState
from plaudit.wire.v2.task import Task
from tests.support.labeling_project import LabelingProject

OPTS = "annotation_details,model_parameters,submissions"


def delivered(labeling: LabelingProject, task_id: str, opts: str = OPTS) -> dict:
    """The task as clients get it."""
    with labeling.world.client() as client:
        answer = client.get("/v2/task", params={"task_id": task_id, "opts": opts})
        assert answer.status_code == 200, answer.text
        return answer.json()


def values(annotations: list) -> dict:
    return {one["key"]: one.get("value") for one in annotations}


def chosen(value):
    """Choose this value where it is possible, else the first."""
    return lambda possible: value if value in possible else possible[0]


def judge(labeling: LabelingProject, user_id: str, likert: int, overall: int = 3):
    """Work on the next task: `likert` is said of the responses in their own order."""
    lease = labeling.take(user_id)
    is_swapped = json.loads(lease.display)["t0u0"] == [2, 1]
    answers = labeling.answers(lease)
    for one in answers:
        if one["key"] == "likert_value":
            one["value"] = 8 - likert if is_swapped else likert
        elif one["key"] == "overall":
            one["value"] = overall
    labeling.submit(lease, answers)
    return lease


def test_a_submission_completes_a_task_with_what_was_answered(labeling):
    [task_id] = labeling.create(metadata={"a": 1})
    judge(labeling, "ann", 2, overall=4)

    task = delivered(labeling, task_id)

    [thread] = task["threads"]
    [turn] = thread["turns"]
    assert task["status"] == "completed"
    assert task["metadata"] == {"a": 1}
    assert [one["contributor_id"] for one in thread["submissions"]] == ["ann"]
    assert [values(one["annotations"]) for one in turn["messages"]] == [
        {},
        {"overall": 4},
        {"overall": 4},
    ]
    found = values(turn["annotations"])
    assert (found["likert_value"], found["selected_model_id"]) == (2, "base_model")
    msgspec.convert(task, Task)


def test_annotations_carry_what_the_form_says(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 2)

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    overall = turn["messages"][1]["annotations"][0]

    assert overall["id"].endswith(task_id)
    assert (overall["type"], overall["possible_values"]) == ("integer", [1, 2, 3, 4, 5])
    assert "votes" not in overall


def test_answers_follow_the_response_and_not_the_place_where_it_stood(world):
    labeling = LabelingProject(world, overlap=20, review="none")
    [task_id] = labeling.create()
    swapped = set()
    for number in range(20):
        lease = labeling.take(f"user_{number}")
        order = json.loads(lease.display)["t0u0"]
        swapped.add(order == [2, 1])
        good = order.index(1) + 1  # base_model, wherever it is shown
        labeling.submit(
            lease,
            [
                {"at": "t0u0", "position": good, "key": "overall", "value": 5},
                {"at": "t0u0", "position": 3 - good, "key": "overall", "value": 1},
                {"at": "t0u0", "key": "likert_value", "value": 1 if good == 1 else 7},
                {"at": "t0u0", "key": "justification", "value": f"@Response {good} is right."},
            ],
        )

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    found = values(turn["annotations"])

    assert swapped == {True, False}
    assert [values(one["annotations"]) for one in turn["messages"][1:]] == [
        {"overall": 5},
        {"overall": 1},
    ]
    assert (found["likert_value"], found["selected_model_id"]) == (1, "base_model")
    why = next(one for one in turn["annotations"] if one["key"] == "justification")
    assert {one["value"] for one in why["votes"]} == {"@Response 1 is right."}


def test_a_tie_selects_nobody(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 4)

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]

    assert "selected_model_id" not in values(turn["annotations"])
    assert values(turn["annotations"])["likert_value"] == 4


def test_several_judges_come_to_one_value_with_their_votes_beside_it(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    for user_id, likert in (("ann", 1), ("ben", 2), ("cem", 6)):
        judge(labeling, user_id, likert)

    [thread] = delivered(labeling, task_id)["threads"]
    [turn] = thread["turns"]
    likert = next(one for one in turn["annotations"] if one["key"] == "likert_value")

    assert likert["value"] == 2
    assert [(one["contributor_id"], one["value"]) for one in likert["votes"]] == [
        ("ann", 1),
        ("ben", 2),
        ("cem", 6),
    ]
    assert [one["contributor_id"] for one in thread["submissions"]] == ["ann", "ben", "cem"]
    plain = json.dumps(delivered(labeling, task_id, "model_parameters"))
    assert "votes" not in plain
    assert "ann" not in json.loads(plain)["threads"][0].get("submissions", [])


def test_answers_that_leave_a_question_open_wait_for_a_reviewer_who_answers_it(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    judge(labeling, "ann", 1, overall=2)
    judge(labeling, "ben", 3, overall=2)

    assert labeling.status(task_id) is TaskStatus.pending
    assert labeling.place(task_id).reason == "open questions"
    with pytest.raises(AnswersRejected) as caught:
        labeling.accept(task_id)
    assert [one.key for one in caught.value.faults] == ["likert_value"]

    labeling.accept(task_id, [{"at": "t0u0", "key": "likert_value", "value": 2}])

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    likert = next(one for one in turn["annotations"] if one["key"] == "likert_value")
    assert likert["value"] == 2
    assert [one["value"] for one in likert["votes"]] == [1, 3]
    assert values(turn["annotations"])["selected_model_id"] == "base_model"


def test_where_everything_is_reviewed_nothing_is_delivered_before(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)

    assert labeling.status(task_id) is TaskStatus.pending
    assert [
        one.queued.seq
        for one in labeling.write(lambda tx: review_order.list_in_review(tx, labeling.project))
    ]
    labeling.accept(task_id)
    assert labeling.status(task_id) is TaskStatus.completed


def test_a_sample_is_drawn_by_the_task_and_has_about_the_size_asked_for(labeling):
    labeling.set(review="sample", review_percent=30)
    ids = [f"task_{number}" for number in range(2000)]

    drawn = [task_outcome.review_reason(labeling.project, one) for one in ids]

    assert drawn == [task_outcome.review_reason(labeling.project, one) for one in ids]
    assert 500 < drawn.count("sample") < 700
    assert set(drawn) == {"sample", None}


def test_work_that_is_sent_back_waits_for_its_author_alone(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    lease = judge(labeling, "ann", 1)

    labeling.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Look again.")

    assert labeling.lease_next("ben") is None
    again = labeling.take("ann")
    assert (again.assignment_id, again.lease_version > lease.lease_version) == (
        lease.assignment_id,
        True,
    )
    assert json.loads(again.draft)
    labeling.submit(again, key="second")
    [one] = labeling.counting(task_id)
    assert (one.revision, one.supersedes is not None) == (2, True)
    assert labeling.place(task_id).state is WorkState.in_review


def test_work_that_was_never_submitted_cannot_be_sent_back(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)

    with pytest.raises(NotFound):
        labeling.decide(review_decisions.send_back, task_id, "rev", "ben", comment="Look again.")


def test_the_last_task_of_a_batch_completes_it(labeling):
    batch = labeling.batch()
    labeling.create(2, batch=batch)

    statuses = []
    for _ in range(2):
        judge(labeling, "ann", 1)
        statuses.append(labeling.fresh_batch(batch).status)

    assert statuses == [BatchStatus.in_progress, BatchStatus.completed]


def test_the_same_submission_again_is_received_once(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()
    answers = labeling.answers(lease)

    first = labeling.submit(lease, answers)
    again = labeling.submit(lease, answers)

    assert (again.submission_id, again.is_repeated) == (first.submission_id, True)
    assert (first.outcome, again.outcome) == ("completed", "completed")
    assert len(labeling.counting(task_id)) == 1
    with pytest.raises(IdempotencyMismatch):
        labeling.submit(lease, [*answers, answers[0]])
    with pytest.raises(LeaseLost, match="submitted"):
        labeling.submit(lease, answers, key="another")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_a_submission_needs_a_usable_key(labeling, key):
    labeling.create()

    with pytest.raises(InvalidContent):
        labeling.submit(labeling.take(), key=key)


def test_answers_that_are_refused_leave_everything_as_it_was(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.draft(lease, 1, ["half"])

    with pytest.raises(AnswersRejected) as caught:
        labeling.submit(lease, [{"at": "t0u0", "position": 1, "key": "overall", "value": 9}])

    assert [(one.pointer, one.key, one.position) for one in caught.value.faults] == [
        ("/0/value", "overall", 1),
        ("", "overall", 2),
        ("", "likert_value", None),
    ]
    assert labeling.lease(lease).draft == b'["half"]'
    assert labeling.place(task_id).submitted_count == 0
    labeling.submit(lease)


def test_answers_kept_as_given_never_change(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.submit(lease)
    [first] = labeling.counting(task_id)
    again = labeling.undo(lease)
    answers = labeling.answers(again, chosen(5))
    labeling.submit(again, answers, key="second")

    [second] = labeling.counting(task_id)

    assert second.supersedes == first.submission_id
    assert second.answers != first.answers
    assert labeling.lease(lease).status is LeaseStatus.submitted


def test_a_completed_task_reads_the_same_through_every_door(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)

    with labeling.world.client() as client:
        asked = {"project_id": labeling.project.project_id, "opts": OPTS}
        [listed] = client.get("/v2/tasks", params=asked).json()["tasks"]

    assert listed == delivered(labeling, task_id)
    labeling.move(lifecycle.reopen_task, task_id)
    judge(labeling, "ben", 6)
    assert labeling.status(task_id) is TaskStatus.completed
