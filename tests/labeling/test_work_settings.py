"""Settings that change while tasks wait: what is pending follows those of now."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling import leases, review_decisions, task_notes
from plaudit.errors import LeaseLost, Problem
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.accounts import organizations
from plaudit.worker import Worker
from tests.labeling.test_work_submissions import delivered, judge
from tests.support.labeling_project import FORM, LIKERT, OVERALL, SELECTED, WHY, LabelingProject
from tests.support.running.every_case import every_case

ROUNDS = 6
MANY = 45


def fields(*changed: dict[str, Any]) -> dict[str, Any]:
    return {"fields": list(changed)}


def remove(labeling: LabelingProject, user_id: str) -> None:
    async def run(tx):
        organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
        await leases.end_leases_of(tx, organization_id, user_id)

    labeling.write(run)


@pytest.mark.parametrize("is_in_batch", [False, True])
def test_a_task_with_enough_answers_by_a_lower_overlap_is_given_to_nobody_and_completes(
    world, is_in_batch
):
    labeling = LabelingProject(world, overlap=3)
    batch = labeling.batch() if is_in_batch else None
    [task_id] = labeling.create(batch=batch)
    labeling.work_on("ann")

    labeling.set(overlap=1)
    given = labeling.lease_next("ben")
    labeling.follow_settings()

    assert given is None
    assert labeling.status(task_id) is TaskStatus.completed
    assert len(delivered(labeling, task_id)["threads"][0]["submissions"]) == 1
    if batch is not None:
        assert labeling.fresh_batch(batch).status.value == "completed"
    assert labeling.violations() == {}


def test_a_lower_overlap_leaves_what_lacks_answers_with_the_rest_of_its_slots(world):
    labeling = LabelingProject(world, overlap=4)
    [task_id] = labeling.create()
    labeling.work_on("ann")

    labeling.set(overlap=2)
    labeling.follow_settings()
    labeling.work_on("ben")

    assert labeling.lease_next("cem") is None
    assert labeling.status(task_id) is TaskStatus.completed


def test_where_the_answers_leave_a_question_open_it_goes_to_review(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)
    judge(labeling, "ben", 3)

    labeling.set(overlap=2)
    labeling.follow_settings()

    place = labeling.place(task_id)
    assert (place.state, place.reason) == (WorkState.in_review, "open questions")
    assert labeling.violations() == {}


@every_case("end", ["submit", "release", "skip", "expire", "remove"])
def test_who_holds_a_task_that_needs_nobody_more_may_go_on_and_its_end_decides(world, end):
    labeling = LabelingProject(world.tenant(), overlap=3)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    ben, cem = labeling.take("ben"), labeling.take("cem")
    labeling.do(leases.release, cem)
    labeling.set(overlap=1)
    labeling.follow_settings()
    assert labeling.status(task_id) is TaskStatus.pending
    assert labeling.violations() == {}

    if end == "submit":
        assert labeling.submit(ben).outcome == "completed"
    elif end == "release":
        labeling.do(leases.release, ben)
    elif end == "skip":
        labeling.do(task_notes.skip, ben, reason="hard")
    elif end == "expire":
        labeling.age(ben)
        labeling.sweep()
    else:
        remove(labeling, "ben")
    with pytest.raises(LeaseLost):
        labeling.resume(cem)
    labeling.follow_settings()

    assert labeling.status(task_id) is TaskStatus.completed
    votes = len(delivered(labeling, task_id)["threads"][0]["submissions"])
    assert votes == (2 if end == "submit" else 1)
    assert labeling.violations() == {}


def test_the_first_of_two_who_still_hold_it_does_not_take_it_from_the_other(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    held = [labeling.take("ben"), labeling.take("cem")]
    labeling.set(overlap=1)

    outcomes = [labeling.submit(lease).outcome for lease in held]

    assert outcomes == ["waiting", "completed"]
    assert labeling.status(task_id) is TaskStatus.completed


RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "review is over": ({"review": "all"}, {"review": "none"}),
    "review is taken away": ({"review": "all"}, {"review": None}),
    "the sample is smaller": (
        {"review": "sample", "review_percent": 100}, {"review_percent": 1},
    ),
    "another rule of agreement settles it": (
        {"overlap": 2}, {"form": fields(OVERALL, SELECTED, LIKERT | {"consolidate": "first"}, WHY)},
    ),
    "the disputed question goes": ({"overlap": 2}, {"form": fields(OVERALL, SELECTED, WHY)}),
}  # fmt: skip


@every_case("then, now", RULES.values())
def test_what_waits_for_a_reviewer_for_a_reason_that_is_gone_completes(world, then, now):
    labeling = LabelingProject(world.tenant(), **then)
    task_ids = labeling.create(4)
    for _ in task_ids:
        judge(labeling, "ann", 1)
        if then.get("overlap"):
            judge(labeling, "ben", 3)
    waiting = {labeling.place(task_id).state for task_id in task_ids}

    labeling.set(**now)
    labeling.follow_settings()

    assert waiting == {WorkState.in_review}
    done = [one for one in task_ids if labeling.status(one) is TaskStatus.completed]
    assert len(done) >= (3 if "review_percent" in now else 4)
    assert labeling.violations() == {}


def test_what_still_has_a_reason_waits_on_and_says_the_reason_of_now(world):
    labeling = LabelingProject(world, review="all", overlap=2)
    [task_id] = labeling.create()
    for user_id in ("ann", "ben"):
        judge(labeling, user_id, 1)
    judged = labeling.place(task_id).reason

    labeling.set(review="sample", review_percent=100)
    labeling.follow_settings()

    place = labeling.place(task_id)
    assert (judged, place.state, place.reason) == ("all", WorkState.in_review, "sample")
    labeling.accept(task_id)
    assert labeling.status(task_id) is TaskStatus.completed


def test_a_reported_task_is_left_to_the_manager_and_decided_when_it_comes_back(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    labeling.do(task_notes.report_sensitive, labeling.take("ben"), kind="violence")
    labeling.set(overlap=1)
    labeling.follow_settings()
    reported = labeling.place(task_id).state

    labeling.decide(review_decisions.dismiss_report, task_id, "boss")
    labeling.follow_settings()

    assert reported is WorkState.quarantined
    assert labeling.status(task_id) is TaskStatus.completed


def test_settings_that_decide_nothing_touch_no_task(world):
    labeling = LabelingProject(world, review="all")
    labeling.set(form=FORM)
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)

    labeling.set(guidelines="Judge the text.", lease_seconds=60, models=["m"], form=FORM)

    assert labeling.follow_settings() == 0
    assert labeling.place(task_id).state is WorkState.in_review


def test_an_import_that_replaces_the_settings_has_the_same_effect(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    value = {"id": labeling.project.project_id, "name": "Floor", "form": FORM, "overlap": 1}

    _, rejects = world.load([{"kind": "project", "value": value}], "archive", replace=True)
    labeling.follow_settings()

    assert rejects == []
    assert labeling.status(task_id) is TaskStatus.completed


def test_the_worker_decides_more_tasks_than_one_transaction_takes(world):
    labeling = LabelingProject(world, overlap=2)
    task_ids = labeling.create(MANY)
    for _ in task_ids:
        labeling.work_on("ann")
    labeling.set(overlap=1)

    count = world.run(Worker(world.db, world.secret, world.settings).decide_tasks())

    assert count == MANY
    assert {labeling.status(one) for one in task_ids} == {TaskStatus.completed}


def test_a_submission_while_the_overlap_is_lowered_leaves_no_task_behind(world, at_once):
    labeling = LabelingProject(world, overlap=2)
    for number in range(ROUNDS):
        labeling.set(overlap=2)
        batch = labeling.batch(f"batch_{number}") if number % 2 else None
        [task_id] = labeling.create(batch=batch)
        ann = labeling.take(f"ann_{number}")
        answers = labeling.answers(ann)

        found = at_once(
            labeling,
            lambda own, of=ann, said=answers: own.submit(of, said),
            lambda own: own.set(overlap=1),
            lambda own: own.follow_settings(),
            lambda own, u=f"ben_{number}": own.lease_next(u),
        )

        assert not any(isinstance(one, Problem) for one in found)
        if found[3] is not None:
            labeling.submit(found[3])
        labeling.follow_settings()
        assert labeling.status(task_id) is TaskStatus.completed
        assert labeling.violations() == {}


def test_a_submission_while_review_is_turned_off_is_not_left_for_a_reviewer(world, at_once):
    labeling = LabelingProject(world)
    for number in range(ROUNDS):
        labeling.set(review="all")
        [task_id] = labeling.create()
        ann = labeling.take(f"ann_{number}")
        answers = labeling.answers(ann)

        at_once(
            labeling,
            lambda own, of=ann, said=answers: own.submit(of, said),
            lambda own: own.set(review="none"),
            lambda own: own.follow_settings(),
        )
        labeling.follow_settings()

        assert labeling.status(task_id) is TaskStatus.completed
        assert labeling.violations() == {}
