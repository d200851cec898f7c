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
from tests.support.labeling_project import Floor


def test_a_submission_can_be_undone_for_ten_seconds(floor):
    batch = floor.batch()
    [task_id, _] = floor.create(2, batch=batch)
    lease = floor.take()
    answers = floor.answers(lease)
    floor.submit(lease, answers)

    again = floor.undo(lease)

    assert floor.status(task_id) is TaskStatus.pending
    assert json.loads(again.draft) == answers
    assert again.display == lease.display
    assert floor.counting(task_id) == []
    floor.submit(again, key="second")
    assert floor.status(task_id) is TaskStatus.completed

    floor.age(again, submissions.UNDO_MS + 1)

    with pytest.raises(Conflict, match="too late"):
        floor.undo(again)


def test_what_completed_a_task_of_a_cancelled_batch_is_neither_undone_nor_reopened(floor):
    batch = floor.batch()
    [task_id, _] = floor.create(2, batch=batch)
    lease = floor.take()
    floor.submit(lease)
    floor.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    for again in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="batch of this task is cancelled"):
            again(lease)

    assert floor.status(task_id) is TaskStatus.completed
    assert len(floor.counting(task_id)) == 1
    assert floor.lease(lease).status is LeaseStatus.submitted
    assert floor.violations() == {}


def test_undo_works_although_the_next_tasks_are_open(floor):
    floor.create(5)
    lease = floor.take()
    floor.submit(lease)
    for _ in range(3):
        floor.take()

    with pytest.raises(LimitReached):
        floor.reopen(lease)
    floor.undo(lease)

    with pytest.raises(LimitReached):
        floor.lease_next()


def test_the_last_twenty_submissions_can_be_opened_again(floor):
    floor.create(22)
    leases = []
    for number in range(22):
        leases.append(floor.take())
        floor.submit(leases[-1])
        floor.age(leases[-1], 60_000 * (30 - number))

    recent = floor.write(lambda tx: submissions.list_recent(tx, floor.project, "ann"))

    assert [one.assignment_id for one in recent] == [one.assignment_id for one in leases[:1:-1]]
    with pytest.raises(Conflict, match="last 20"):
        floor.reopen(leases[1])
    floor.reopen(leases[2])


def test_what_is_opened_again_and_left_lying_is_free_for_others(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    again = floor.reopen(lease)
    floor.age(again)

    other = floor.take("ben")
    floor.submit(other)

    assert [one.user_id for one in floor.counting(task_id)] == ["ben"]
    with pytest.raises(LeaseLost):
        floor.submit(again, key="late")


def test_a_task_that_is_undone_needs_as_many_as_it_had_whatever_the_project_now_says(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    floor.set(overlap=5)

    floor.submit(floor.undo(lease), key="second")

    assert floor.status(task_id) is TaskStatus.completed


def test_what_was_reviewed_stays(floor):
    floor.set(review="all")
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    floor.accept(task_id)

    for verb in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(lease)


def test_what_is_open_or_skipped_cannot_be_undone(floor):
    floor.create()
    lease = floor.take()

    with pytest.raises(Conflict, match="not submitted"):
        floor.undo(lease)


def test_what_waits_for_others_can_be_undone(world):
    floor = Floor(world, overlap=2)
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)

    floor.undo(lease)

    place = floor.place(task_id)
    assert (place.submitted_count, place.open_count) == (0, 1)
    assert floor.violations() == {}
