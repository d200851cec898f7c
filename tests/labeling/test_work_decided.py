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
from tests.support.labeling_project import Floor, make_content


def complete(floor: Floor, task_id: str) -> None:
    """As a machine annotator does, over the API."""
    threads = msgspec.to_builtins(make_content())
    floor.move(
        lambda tx, environment_id, task: lifecycle.complete_task(tx, environment_id, task, threads),
        task_id,
    )


def invite(floor: Floor, name: str) -> tuple[str, str]:
    """Somebody who is there; their account and id."""

    async def run(tx):
        account = await organizations.find_organization(tx, floor.environment_id)
        one = await users.invite(
            tx, account[0], email=f"{name}@example.org", name=name, role=PersonRole.annotator
        )
        await users.change(tx, account[0], one.user_id, {"status": PersonStatus.active})
        return account[0], one.user_id

    return floor.write(run)


def remove(floor: Floor, organization_id: str, user_id: str) -> None:
    gone = {"status": PersonStatus.removed}
    floor.write(lambda tx: users.change(tx, organization_id, user_id, gone))


def test_a_report_that_was_confirmed_is_not_taken_back_by_who_had_submitted_before(world):
    floor = Floor(world, overlap=2)
    [task_id] = floor.create()
    ann = floor.take("ann")
    floor.submit(ann)
    floor.do(task_notes.report_sensitive, floor.take("ben"), kind="csam", message="x")
    floor.decide(review_decisions.confirm_report, task_id, "mia")

    for verb in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(ann)
    assert b"csam" in floor.task(task_id).head


def test_threads_that_the_api_delivered_are_not_taken_back_by_who_had_submitted_before(world):
    floor = Floor(world, overlap=3)
    [task_id] = floor.create()
    ann = floor.take("ann")
    floor.submit(ann)
    complete(floor, task_id)

    for verb in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(ann)
    assert floor.status(task_id) is TaskStatus.completed


def deliver(floor: Floor, name: str) -> None:
    path = f"/manage/v1/projects/{floor.project.project_id}/deliveries"
    with floor.world.client() as client:
        assert client.post(path, json={"name": name}).status_code == 200


def test_a_task_that_was_delivered_is_not_opened_again(floor):
    [task_id] = floor.create()
    ann = floor.take("ann")
    floor.submit(ann)
    deliver(floor, "January")

    for verb in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="delivered"):
            verb(ann)
    assert floor.status(task_id) is TaskStatus.completed


def test_a_task_that_was_done_anew_since_its_delivery_can_be_opened_again(floor):
    [task_id] = floor.create()
    floor.submit(floor.take("ann"))
    deliver(floor, "January")
    floor.move(lifecycle.reopen_task, task_id)
    ben = floor.take("ben")
    floor.submit(ben)

    floor.reopen(ben)

    assert floor.status(task_id) is TaskStatus.pending


def test_a_paused_batch_gives_back_neither_what_was_sent_back_nor_what_ran_out(world):
    floor = Floor(world, review="all")
    batch = floor.batch()
    both = floor.create(2, batch=batch)
    ann = floor.take("ann")
    floor.submit(ann)
    late = floor.take("ann")
    [sent] = [one for one in both if floor.task(one).seq == ann.seq]
    floor.decide(review_decisions.send_back, sent, "rev", "ann", comment="Once more, please.")
    floor.age(late, 7_200_000)
    floor.write(lambda tx: batches.apply_action(tx, batch, "pause"))

    assert floor.lease_next("ann") is None
    for lease in (ann, late):
        with pytest.raises(LeaseLost, match="paused"):
            floor.resume(lease)

    paused = floor.fresh_batch(batch)
    floor.write(lambda tx: batches.apply_action(tx, paused, "resume"))
    assert {floor.take("ann").seq, floor.take("ann").seq} == {ann.seq, late.seq}


def test_who_is_at_a_task_of_a_paused_batch_goes_on(floor):
    batch = floor.batch()
    floor.create(batch=batch)
    ann = floor.take("ann")
    floor.write(lambda tx: batches.apply_action(tx, batch, "pause"))

    assert floor.submit(floor.resume(ann)).outcome == "completed"


def test_nothing_is_sent_back_to_somebody_who_was_removed(world):
    floor = Floor(world, review="all")
    organization_id, user_id = invite(floor, "ann")
    [task_id] = floor.create()
    floor.submit(floor.take(user_id))
    remove(floor, organization_id, user_id)

    with pytest.raises(Conflict, match="fix the answers"):
        floor.decide(
            review_decisions.send_back, task_id, "rev", user_id, comment="Once more, please."
        )
    floor.accept(task_id)
    assert floor.status(task_id) is TaskStatus.completed


def test_somebody_who_was_removed_while_their_request_was_under_way_gets_no_task(floor):
    organization_id, user_id = invite(floor, "ann")
    floor.create(2)
    held = floor.take(user_id)
    done = floor.take(user_id)
    floor.submit(done)
    remove(floor, organization_id, user_id)

    for verb in (
        lambda: floor.lease_next(user_id),
        lambda: floor.resume(held),
        lambda: floor.undo(done),
        lambda: floor.reopen(done),
    ):
        with pytest.raises(Forbidden, match="any more"):
            verb()
    assert floor.violations() == {}
