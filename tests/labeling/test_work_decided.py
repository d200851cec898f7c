"""What somebody else has decided stays: nobody's submission takes it back."""

from __future__ import annotations

import msgspec
import pytest

from plaudit.core.accounts import users
from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.tasks import batches, lifecycle
from plaudit.errors import Conflict, Forbidden, LeaseLost
from plaudit.model.core import PersonRole, PersonStatus, TaskStatus
from plaudit.store.accounts import organizations
from tests.support.labeling_project import LabelingProject, make_content


def complete(labeling: LabelingProject, task_id: str) -> None:
    """As a machine annotator does, over the API."""
    threads = msgspec.to_builtins(make_content())
    labeling.move(
        lambda tx, environment_id, task: lifecycle.complete_task(tx, environment_id, task, threads),
        task_id,
    )


def invite(labeling: LabelingProject, name: str) -> tuple[str, str]:
    """Somebody who is there; their account and id."""

    async def run(tx):
        account = await organizations.find_organization(tx, labeling.environment_id)
        one = await users.invite(
            tx, account[0], email=f"{name}@example.org", name=name, role=PersonRole.annotator
        )
        await users.change(tx, account[0], one.user_id, {"status": PersonStatus.active})
        return account[0], one.user_id

    return labeling.write(run)


def remove(labeling: LabelingProject, organization_id: str, user_id: str) -> None:
    gone = {"status": PersonStatus.removed}
    labeling.write(lambda tx: users.change(tx, organization_id, user_id, gone))


def test_a_report_that_was_confirmed_is_not_taken_back_by_who_had_submitted_before(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    ann = labeling.take("ann")
    labeling.submit(ann)
    labeling.do(task_notes.report_sensitive, labeling.take("ben"), kind="csam", message="x")
    labeling.decide(review_decisions.confirm_report, task_id, "mia")

    for verb in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(ann)
    assert b"csam" in labeling.task(task_id).head


def test_threads_that_the_api_delivered_are_not_taken_back_by_who_had_submitted_before(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    ann = labeling.take("ann")
    labeling.submit(ann)
    complete(labeling, task_id)

    for verb in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(ann)
    assert labeling.status(task_id) is TaskStatus.completed


def deliver(labeling: LabelingProject, name: str) -> None:
    path = f"/manage/v1/projects/{labeling.project.project_id}/deliveries"
    with labeling.world.client() as client:
        assert client.post(path, json={"name": name}).status_code == 200


def test_a_task_that_was_delivered_is_not_opened_again(labeling):
    [task_id] = labeling.create()
    ann = labeling.take("ann")
    labeling.submit(ann)
    deliver(labeling, "January")

    for verb in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="delivered"):
            verb(ann)
    assert labeling.status(task_id) is TaskStatus.completed


def test_a_task_that_was_done_anew_since_its_delivery_can_be_opened_again(labeling):
    [task_id] = labeling.create()
    labeling.submit(labeling.take("ann"))
    deliver(labeling, "January")
    labeling.move(lifecycle.reopen_task, task_id)
    ben = labeling.take("ben")
    labeling.submit(ben)

    labeling.reopen(ben)

    assert labeling.status(task_id) is TaskStatus.pending


def test_a_paused_batch_gives_back_neither_what_was_sent_back_nor_what_ran_out(world):
    labeling = LabelingProject(world, review="all")
    batch = labeling.batch()
    both = labeling.create(2, batch=batch)
    ann = labeling.take("ann")
    labeling.submit(ann)
    late = labeling.take("ann")
    [sent] = [one for one in both if labeling.task(one).seq == ann.seq]
    labeling.decide(review_decisions.send_back, sent, "rev", "ann", comment="Once more, please.")
    labeling.age(late, 7_200_000)
    labeling.write(lambda tx: batches.apply_action(tx, batch, "pause"))

    assert labeling.lease_next("ann") is None
    for lease in (ann, late):
        with pytest.raises(LeaseLost, match="paused"):
            labeling.resume(lease)

    paused = labeling.fresh_batch(batch)
    labeling.write(lambda tx: batches.apply_action(tx, paused, "resume"))
    assert {labeling.take("ann").seq, labeling.take("ann").seq} == {ann.seq, late.seq}


def test_who_is_at_a_task_of_a_paused_batch_goes_on(labeling):
    batch = labeling.batch()
    labeling.create(batch=batch)
    ann = labeling.take("ann")
    labeling.write(lambda tx: batches.apply_action(tx, batch, "pause"))

    assert labeling.submit(labeling.resume(ann)).outcome == "completed"


def test_nothing_is_sent_back_to_somebody_who_was_removed(world):
    labeling = LabelingProject(world, review="all")
    organization_id, user_id = invite(labeling, "ann")
    [task_id] = labeling.create()
    labeling.submit(labeling.take(user_id))
    remove(labeling, organization_id, user_id)

    with pytest.raises(Conflict, match="fix the answers"):
        labeling.decide(
            review_decisions.send_back, task_id, "rev", user_id, comment="Once more, please."
        )
    labeling.accept(task_id)
    assert labeling.status(task_id) is TaskStatus.completed


def test_somebody_who_was_removed_while_their_request_was_under_way_gets_no_task(labeling):
    organization_id, user_id = invite(labeling, "ann")
    labeling.create(2)
    held = labeling.take(user_id)
    done = labeling.take(user_id)
    labeling.submit(done)
    remove(labeling, organization_id, user_id)

    for verb in (
        lambda: labeling.lease_next(user_id),
        lambda: labeling.resume(held),
        lambda: labeling.undo(done),
        lambda: labeling.reopen(done),
    ):
        with pytest.raises(Forbidden, match="any more"):
            verb()
    assert labeling.violations() == {}
