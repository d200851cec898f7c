"""Taking a submission back, and opening one's last ones again."""

from __future__ import annotations

import json

import pytest

from plaudit.core.labeling import submissions
from plaudit.core.tasks import batches
from plaudit.errors import (
    Conflict,
    LeaseLost,
    LimitReached,
)
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import LeaseStatus
from tests.support.labeling_project import LabelingProject


def test_a_submission_can_be_undone_for_ten_seconds(labeling):
    batch = labeling.batch()
    [task_id, _] = labeling.create(2, batch=batch)
    lease = labeling.take()
    answers = labeling.answers(lease)
    labeling.submit(lease, answers)

    again = labeling.undo(lease)

    assert labeling.status(task_id) is TaskStatus.pending
    assert json.loads(again.draft) == answers
    assert again.display == lease.display
    assert labeling.counting(task_id) == []
    labeling.submit(again, key="second")
    assert labeling.status(task_id) is TaskStatus.completed

    labeling.age(again, submissions.UNDO_MS + 1)

    with pytest.raises(Conflict, match="too late"):
        labeling.undo(again)


def test_what_completed_a_task_of_a_cancelled_batch_is_neither_undone_nor_reopened(labeling):
    batch = labeling.batch()
    [task_id, _] = labeling.create(2, batch=batch)
    lease = labeling.take()
    labeling.submit(lease)
    labeling.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    for again in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="batch of this task is cancelled"):
            again(lease)

    assert labeling.status(task_id) is TaskStatus.completed
    assert len(labeling.counting(task_id)) == 1
    assert labeling.lease(lease).status is LeaseStatus.submitted
    assert labeling.violations() == {}


def test_undo_works_although_the_next_tasks_are_open(labeling):
    labeling.create(5)
    lease = labeling.take()
    labeling.submit(lease)
    for _ in range(3):
        labeling.take()

    with pytest.raises(LimitReached):
        labeling.reopen(lease)
    labeling.undo(lease)

    with pytest.raises(LimitReached):
        labeling.lease_next()


def test_the_last_twenty_submissions_can_be_opened_again(labeling):
    labeling.create(22)
    leases = []
    for number in range(22):
        leases.append(labeling.take())
        labeling.submit(leases[-1])
        labeling.age(leases[-1], 60_000 * (30 - number))

    recent = labeling.write(lambda tx: submissions.list_recent(tx, labeling.project, "ann"))

    assert [one.assignment_id for one in recent] == [one.assignment_id for one in leases[:1:-1]]
    with pytest.raises(Conflict, match="last 20"):
        labeling.reopen(leases[1])
    labeling.reopen(leases[2])


def test_what_is_opened_again_and_left_lying_is_free_for_others(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.submit(lease)
    again = labeling.reopen(lease)
    labeling.age(again)

    other = labeling.take("ben")
    labeling.submit(other)

    assert [one.user_id for one in labeling.counting(task_id)] == ["ben"]
    with pytest.raises(LeaseLost):
        labeling.submit(again, key="late")


def test_a_task_that_is_undone_needs_as_many_as_it_had_whatever_the_project_now_says(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.submit(lease)
    labeling.set(overlap=5)

    labeling.submit(labeling.undo(lease), key="second")

    assert labeling.status(task_id) is TaskStatus.completed


def test_what_was_reviewed_stays(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.submit(lease)
    labeling.accept(task_id)

    for verb in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(lease)


def test_what_is_open_or_skipped_cannot_be_undone(labeling):
    labeling.create()
    lease = labeling.take()

    with pytest.raises(Conflict, match="not submitted"):
        labeling.undo(lease)


def test_what_waits_for_others_can_be_undone(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.submit(lease)

    labeling.undo(lease)

    place = labeling.place(task_id)
    assert (place.submitted_count, place.open_count) == (0, 1)
    assert labeling.violations() == {}
