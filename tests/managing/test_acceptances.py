"""Many tasks in review are accepted after a sample of them: what is accepted, and what never is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.managing import acceptances, actions
from plaudit.errors import Conflict, Forbidden, NotFound
from plaudit.model.core import TaskStatus
from plaudit.model.managing import ActionState
from plaudit.store.labeling import acceptances as store
from plaudit.store.managing import actions as actions_store
from tests.managing.managed_project import BOSS
from tests.managing.reviewed_project import FIX, ReviewedProject
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import OVERALL, make_content


@pytest.fixture
def project(world):
    project = ReviewedProject(world, overlap=2, review="all", form={"fields": [OVERALL]})
    yield project
    assert project.violations() == {}


def test_after_a_sample_without_a_wrong_one_the_others_are_accepted_and_come_back(project):
    ids = project.wait(5)
    before = project.rows("task_work", "vote", "submission")
    acceptance = project.begin()
    drawn = project.sampled(acceptance)
    with pytest.raises(Conflict):
        project.accept_others(acceptance)
    for task_id in drawn:
        project.accept(task_id, user_id="rae")

    accepting, action = project.accept_others(acceptance)
    ended = project.run(accepting, action)

    assert (ended.state, ended.changed_count) == (ActionState.done, 3)
    assert set(project.statuses(ids)) == {TaskStatus.completed}
    assert project.left_out(acceptance) == {}
    undone = project.take_back(ended)
    project.follow_settings()
    assert undone.restored_count == 3
    others = [task_id for task_id in ids if task_id not in drawn]
    assert set(project.statuses(others)) == {TaskStatus.pending}
    after = project.rows("task_work", "vote", "submission")
    seqs = {project.seq(task_id) for task_id in others}

    for table, column in (("task_work", 1), ("submission", 3), ("vote", 1)):
        was, now = ([row for row in rows[table] if row[column] in seqs] for rows in (before, after))
        assert now == was, table
    with pytest.raises(Conflict, match="taken back"):
        project.accept_others(acceptance)
    for task_id in others:  # each can be decided on again
        project.accept(task_id, user_id="rae")


def test_a_wrong_one_in_the_sample_refuses_the_others_unless_it_is_allowed(project):
    project.wait(5)
    for user_id, wrong_max in (("rae", 0), ("zoe", 1)):
        acceptance = project.begin(user_id, wrong_max=wrong_max, sample_count=1 + wrong_max)
        for fixes, drawn in zip((FIX, ()), project.sampled(acceptance), strict=False):
            project.accept(drawn, () if wrong_max else fixes, user_id)
        sample = project.sample(acceptance)

        assert (sample.wrong, sample.is_refused) == (1, not wrong_max)
        if sample.is_refused:
            with pytest.raises(Conflict, match="too many"):
                project.accept_others(acceptance, user_id)

    assert project.run(*project.accept_others(acceptance, "zoe")).changed_count == 2


def test_what_changed_meanwhile_is_left_out_and_named(project):
    ids = project.wait(6)
    acceptance = project.begin(sample_count=1)
    [drawn] = project.sampled(acceptance)
    project.accept(drawn, user_id="rae")
    others = [task_id for task_id in ids if task_id != drawn]
    done, back, again, *plain = others
    project.accept(done, user_id="zoe")
    for task_id in (back, again):
        project.decide(review_decisions.send_back, task_id, "zoe", "ann", comment="Again.")
    project.submit(project.resume(project.lease_on(again, "ann")), key="again")

    ended = project.run(*project.accept_others(acceptance))

    assert project.left_out(acceptance) == {
        done: "it is completed",
        back: "it is not in review any more",
        again: "somebody changed their answers",
    }
    assert set(project.statuses(plain)) == {TaskStatus.completed}
    assert ended.changed_count == 2
    assert sum(json.loads(ended.skipped).values()) == 3


def test_tasks_that_the_reviewer_answered_are_never_among_them(project):
    project.wait(3)
    own = project.wait(2, "ann", "rae")

    acceptance = project.begin(sample_count=1)

    rows = project.rows("acceptance_task")["acceptance_task"]
    assert len(rows) == 3
    assert not {project.seq(task_id) for task_id in own} & {row[2] for row in rows}
    with pytest.raises(Forbidden):
        project.accept_others(acceptance, "zoe")


def test_a_setting_that_forbids_own_tasks_meanwhile_is_kept_too(project):
    project.set(self_review=True)
    own = project.wait(3, "ann", "rae")
    acceptance = project.begin(sample_count=1)
    [drawn] = project.sampled(acceptance)
    project.accept(drawn, user_id="rae")
    project.set(self_review=False)

    project.run(*project.accept_others(acceptance))

    others = [task_id for task_id in own if task_id != drawn]
    assert project.left_out(acceptance) == dict.fromkeys(others, "its reviewer answered it")


def test_unanimous_ones_can_be_chosen_and_undecided_ones_are_left_alone(world):
    field = OVERALL | {"consolidate": "majority"}
    project = ReviewedProject(world, overlap=2, review="all", form={"fields": [field]})
    same = project.wait(3)
    [split] = project.say("split")
    project.work_on("ann")
    project.work_on("bea", lambda possible: possible[-1])

    acceptance = project.begin(sample_count=1, chosen=ReviewFilter(most=0.0))
    everything = project.begin(sample_count=1)

    for one in (acceptance, everything):
        detail = acceptances.read_detail(one.detail)
        assert detail.task_count == 3
    assert project.seq(split) not in {
        row[2] for row in project.rows("acceptance_task")["acceptance_task"]
    }
    assert len(same) == 3


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_job_that_died_or_was_stopped_goes_on_and_accepts_each_task_once(project, is_killed):
    ids = project.wait(5)
    acceptance = project.begin(sample_count=1)
    [drawn] = project.sampled(acceptance)
    project.accept(drawn, user_id="rae")
    accepting, action = project.accept_others(acceptance)
    key = project.project.project_key
    some = project.write(
        lambda tx: store.list_open(tx, key, acceptance.acceptance_id, after_seq=0, limit=2)
    )
    project.world.run(actions.apply_surely(project.world.db, project.project, action, BOSS, some))
    with pytest.raises(Conflict):
        project.accept_others(acceptance)
    if is_killed:
        project.write(
            lambda tx: tx.run(
                "UPDATE task_action SET lease_ms = 0 WHERE project_key = :key"
                " AND action_id = :action_id",
                {"key": key, "action_id": accepting.action_id},
            )
        )
    else:
        project.write(lambda tx: actions.cancel(tx, project.project, accepting.action_id))
        with pytest.raises(Conflict):
            project.run(accepting, action)

    accepting, again = project.accept_others(acceptance)
    ended = project.run(accepting, again)

    assert (again.action_id, ended.changed_count) == (action.action_id, 4)
    assert set(project.statuses(ids)) == {TaskStatus.completed}


def test_what_cannot_be_delivered_is_left_out_and_named_and_not_offered_again(world):
    """Two written responses are more messages than a task can have."""
    field = {"key": "response", "level": "turn", "type": "text", "use": "response"}
    field |= {"consolidate": "all", "required": True}
    project = ReviewedProject(world, overlap=2, review="all", form={"fields": [field]})
    many = [make_message(f"user_{number}", role="user") for number in range(9_999)]
    ids = [
        project.create(content=make_content(make_turn(messages=messages)))[0]
        for messages in (many, *([make_message("user")] for _ in range(4)))
    ]
    for _ in ids:
        for user_id in ("ann", "bea"):
            project.work_on(user_id)
    reviewers = iter(range(100))  # each draws her own sample, until it is another task
    while ids[0] in project.sampled(
        acceptance := project.begin(user_id := f"rae_{next(reviewers)}", sample_count=1)
    ):
        pass
    project.accept(project.sampled(acceptance)[0], user_id=user_id)

    accepting, action = project.accept_others(acceptance, user_id)
    ended = project.run(accepting, action)

    reason = "it changed at this moment, or cannot be delivered"
    assert ended.changed_count == 3
    assert project.left_out(acceptance) == {ids[0]: reason}
    assert project.place(ids[0]).state == "in_review"
    with pytest.raises(Conflict, match="accepted already"):
        project.accept_others(acceptance, user_id)


def test_an_acceptance_outlives_its_action_which_ages(project):
    project.wait(2)
    acceptance = project.begin(sample_count=1)
    project.accept(project.sampled(acceptance)[0], user_id="rae")
    accepting, action = project.accept_others(acceptance)
    project.run(accepting, action)
    project.write(lambda tx: actions_store.delete_action(tx, action.project_key, action.action_id))

    found = project.write(lambda tx: acceptances.find_action(tx, project.project, accepting))

    assert found is None
    with pytest.raises(NotFound):
        project.accept_others(acceptance)


def test_of_two_reviewers_at_once_each_task_is_accepted_by_one(project):
    ids = project.wait(6)
    begun = []
    for user_id in ("rae", "zoe"):
        acceptance = project.begin(user_id, sample_count=1)
        begun.append((user_id, acceptance, project.sampled(acceptance)[0]))
    for user_id, _, drawn in begun:
        if project.status(drawn) is TaskStatus.pending:
            project.accept(drawn, user_id=user_id)
    runs = []
    for user_id, acceptance, _ in begun:
        if project.sample(acceptance).is_looked_at:
            runs.append(project.accept_others(acceptance, user_id))

    async def both() -> Any:
        return await asyncio.gather(
            *(
                acceptances.run(
                    project.world.db, project.project, acceptance, action, BOSS, lambda action: None
                )
                for acceptance, action in runs
            )
        )

    ended = project.world.run(both())

    accepted = sum(one.changed_count for one in ended)
    looked = sum(one.looked_count for one in ended)
    skipped = sum(sum(json.loads(one.skipped).values()) for one in ended)
    assert looked == accepted + skipped
    assert set(project.statuses(ids)) == {TaskStatus.completed}
    notes = [row for row in project.rows("task_note")["task_note"] if "accept" in str(row)]
    assert len(notes) == 6
