"""The work queue: which task comes next, for how many people, and what fills and holds it back."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from plaudit.core.tasks import batches, lifecycle, work_queue
from plaudit.errors import (
    NotFound,
)
from plaudit.model.core import BatchStatus, TaskStatus
from tests.support.labeling_project import LabelingProject


def seqs(labeling: LabelingProject, user_ids: str) -> list[int | None]:
    """The tasks that these people get, one after the other; None for nothing."""
    return [
        None if lease is None else lease.seq for lease in map(labeling.lease_next, user_ids.split())
    ]


def test_tasks_are_given_out_in_order_and_no_task_twice(labeling):
    labeling.create(3)

    assert seqs(labeling, "ann ben cem dan") == [1, 2, 3, None]


def test_a_task_is_given_to_as_many_people_as_it_needs_and_never_twice_to_one(world):
    labeling = LabelingProject(world, overlap=2)
    labeling.create(2)

    assert seqs(labeling, "ann ann ann ben cem dan") == [1, 2, None, 1, 2, None]
    assert labeling.violations() == {}


def test_tasks_without_content_are_given_to_nobody(labeling):
    labeling.write(lambda tx: lifecycle.create_task(tx, labeling.project))
    labeling.write(lambda tx: lifecycle.create_task(tx, labeling.project, content=[]))

    assert labeling.lease_next() is None


def test_of_two_batches_the_older_comes_first_unless_the_other_is_more_important(labeling):
    older = labeling.batch("Older")
    time.sleep(0.002)  # batches of one millisecond have no order
    newer = labeling.batch("Newer")
    [late] = labeling.create(batch=newer)
    [early] = labeling.create(batch=older)
    [urgent] = labeling.create(batch=newer)
    of = {labeling.task(one).seq: one for one in (late, early, urgent)}

    first = of[labeling.take("ann").seq]
    labeling.write(lambda tx: work_queue.prioritize(tx, newer, 5))
    [added] = labeling.create(batch=newer)
    order = [labeling.take(user).seq for user in ("ben", "cem", "dan")]

    assert first == early
    assert order == [labeling.task(one).seq for one in (late, urgent, added)]


def test_a_priority_has_bounds_and_needs_a_batch(labeling):
    batch = labeling.batch()

    labeling.write(lambda tx: work_queue.prioritize(tx, batch, 10**30))

    assert labeling.fresh_batch(batch).priority == work_queue.PRIORITY_MAX
    with pytest.raises(NotFound):
        labeling.write(
            lambda tx: work_queue.prioritize(tx, msgspec.structs.replace(batch, batch_id="no"), 1)
        )


@pytest.mark.parametrize("status", [BatchStatus.staging, BatchStatus.paused])
def test_a_batch_that_is_staging_or_paused_gives_out_nothing_until_it_runs(labeling, status):
    batch = labeling.batch(status=status)
    labeling.create(batch=batch)

    before = labeling.lease_next()
    action = "finalize" if status is BatchStatus.staging else "resume"
    labeling.write(lambda tx: batches.apply_action(tx, batch, action))

    assert before is None
    assert labeling.lease_next() is not None


def test_a_new_overlap_holds_for_what_nobody_has_begun(labeling):
    begun, fresh = labeling.create(2)
    labeling.take()

    labeling.set(overlap=3)

    assert (labeling.place(begun).needed, labeling.place(fresh).needed) == (1, 3)


def test_a_task_that_is_reopened_is_done_anew_by_everybody(labeling):
    [task_id] = labeling.create()
    labeling.work_on("ann")

    labeling.move(lifecycle.reopen_task, task_id)
    again = labeling.take("ann")
    labeling.submit(again, key="anew")

    assert labeling.status(task_id) is TaskStatus.completed
    assert [one.revision for one in labeling.counting(task_id)] == [2]


def test_uploads_and_imports_fill_the_queue(labeling):
    content = json.loads(labeling.task(labeling.create()[0]).content)
    rows = [
        {"task_id": "imported", "status": "pending", "content": content},
        {"task_id": "bare", "status": "pending"},
    ]
    labeling.world.load(rows, project="Floor")
    with labeling.world.client() as client:
        line = json.dumps({"task_id": "uploaded", "content": content})
        answer = client.post(
            f"/manage/v1/projects/{labeling.project.project_id}/tasks",
            content=line,
            headers={"content-type": "application/x-ndjson"},
        )
        assert answer.json()["created"] == 1, answer.text
    is_queued = {one: labeling.place(one) is not None for one in ("imported", "bare", "uploaded")}

    labeling.world.load(
        [{"task_id": "imported", "status": "completed", "threads": content}], project="Floor"
    )

    assert is_queued == {"imported": True, "bare": False, "uploaded": True}
    assert labeling.place("imported") is None


def test_an_import_that_pauses_a_batch_holds_its_tasks_back(labeling):
    batch = labeling.batch("batch_1")
    labeling.create(batch=batch)
    value = {
        "id": batch.batch_id,
        "name": "batch_1",
        "project": labeling.project.project_id,
        "status": "paused",
    }

    _, rejects = labeling.world.load([{"kind": "batch", "value": value}], "archive", replace=True)

    assert rejects == []
    assert labeling.lease_next() is None


def test_what_a_long_upload_creates_needs_as_many_as_the_project_now_says(labeling):
    """The upload has looked at its project once, when it began."""
    began = labeling.project
    labeling.set(overlap=3)
    labeling.project = began

    [task_id] = labeling.create()

    assert labeling.place(task_id).needed == 3
