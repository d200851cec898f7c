"""Actions on many tasks, and their undo: what changes, what is skipped, and what comes back."""

from __future__ import annotations

import json

import pytest

from plaudit.core.managing import actions, undo
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.staffing import pools
from plaudit.core.staffing.requirements import pool_of
from plaudit.core.tasks import batches as batch_rules
from plaudit.core.tasks import lifecycle
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.model.managing import ActionKind, ActionState
from plaudit.model.staffing import Requirement
from tests.managing.managed_project import BOSS, ManagedProject
from tests.support.builders import make_tasks
from tests.support.labeling_project import OVERALL
from tests.support.pages.browser_client import add_person

SHORT = {"fields": [OVERALL]}


@pytest.fixture
def project(world):
    project = ManagedProject(world, overlap=2, form=SHORT)
    yield project
    assert project.violations() == {}


def counts(action):
    return (action.looked_count, action.changed_count, json.loads(action.skipped))


def test_all_that_match_are_canceled_and_come_back_as_they_were(project):
    batch = project.batch("B")
    ids = project.say("a", "b", batch=project.fresh_batch(batch))
    ids += project.say(*"cdefg")
    project.work_on("ann")
    lease = project.take("ann")
    project.draft(lease, 1, [])
    project.move(lifecycle.cancel_task, ids[-1])
    before = project.rows("task", "task_body", "batch_progress", "vote", "submission")

    action = project.act("cancel")

    assert counts(action) == (7, 6, {"it is canceled": 1})
    assert {project.status(one) for one in ids} == {TaskStatus.canceled}
    assert project.rows("task_work") == {"task_work": []}
    undone = project.take_back(action)
    assert (undone.state, undone.restored_count) == (ActionState.undone, 6)
    assert project.rows("task", "task_body", "batch_progress", "vote", "submission") == before
    resumed = project.resume(project.lease(lease))
    project.submit(resumed)
    project.follow_settings()
    project.work_on("bea")
    assert project.status(ids[-1]) is TaskStatus.canceled


def test_what_changed_since_is_left_as_it_is_and_counted(project):
    done, changed, plain, failed = project.say(*"abcd")
    action = project.act("priority", [done, changed, plain, failed], priority=5)
    assert [project.place(one).rank for one in (done, changed, plain)] == [-5, -5, -5]

    project.act("priority", [changed], priority=9)
    project.move(lifecycle.cancel_task, failed)
    undone = project.take_back(action)

    assert (undone.restored_count, json.loads(undone.kept)) == (2, {"it has changed since": 2})
    assert [project.place(one).rank for one in (done, changed, plain)] == [0, -9, 0]


def test_a_canceled_task_that_was_changed_since_is_not_brought_back(project):
    first, second = project.say("a", "b")
    action = project.act("cancel", [first, second])
    project.write(
        lambda tx: lifecycle.set_metadata(
            tx, project.environment_id, first, {"why": "old"}, merge=False
        )
    )

    undone = project.take_back(action)

    assert json.loads(undone.kept) == {"it has changed since": 1}
    assert [project.status(one).value for one in (first, second)] == ["canceled", "pending"]


def test_reopened_tasks_are_completed_again_with_the_same_threads_submissions_and_votes(project):
    project.world.load(make_tasks(2, "t", project=None), project="Floor")
    [task_id] = project.say("worked")
    project.work_on("ann")
    project.work_on("bea")
    assert project.status(task_id) is TaskStatus.completed
    kept = ("task_body", "task_content", "vote")
    before = project.rows(*kept)
    current = [one.submission_id for one in project.counting(task_id)]
    was_ms = project.task(task_id).completed_ms

    action = project.act("reopen", where={"status": TaskStatus.completed})
    assert counts(action) == (3, 3, {})
    assert {project.status(one) for one in (task_id, "t_00000")} == {TaskStatus.pending}
    undone = project.take_back(action)

    assert (undone.restored_count, json.loads(undone.kept)) == (3, {})
    after = project.rows(*kept)
    assert after["task_body"] == before["task_body"]
    assert [row[:10] for row in after["vote"]] == [row[:10] for row in before["vote"]]
    assert [one.submission_id for one in project.counting(task_id)] == current
    assert project.task(task_id).completed_ms > was_ms


def test_a_reopened_task_that_somebody_took_is_left_to_them(project):
    project.world.load(make_tasks(2, "t", project=None), project="Floor")
    action = project.act("reopen", ["t_00000", "t_00001"])
    project.take("ann")

    undone = project.take_back(action)

    assert (undone.restored_count, json.loads(undone.kept)) == (1, {"somebody works on it": 1})


def test_tasks_move_between_batches_with_counts_holds_and_places(project):
    old, paused = project.batch("Old"), project.batch("Paused", BatchStatus.paused)
    first, second = project.say("a", "b", batch=project.fresh_batch(old))
    [loose] = project.say("c")
    before = project.rows("task", "task_work", "batch_progress")

    action = project.act("batch", [first, loose], batch_id=paused.batch_id)

    place = project.place(first)
    assert (place.batch_id, place.is_on_hold) == (paused.batch_id, True)
    assert project.ids(batch_id=paused.batch_id) == [first, loose]
    assert project.ids(batch_id=old.batch_id) == [second]
    assert project.violations() == {}
    assert counts(project.act("batch", [first], batch_id=paused.batch_id))[2] == {
        "it was so already": 1
    }
    project.take_back(action)
    assert project.rows("task", "task_work", "batch_progress") == before
    away = project.act("batch", [first, second])
    assert project.ids(batch_id=old.batch_id) == []
    assert project.take_back(away).restored_count == 2
    assert project.rows("task", "task_work", "batch_progress") == before


def test_a_batch_that_is_closed_takes_no_tasks_and_keeps_what_left_it(project):
    old, closed = project.batch("Old"), project.batch("Closed")
    [task_id] = project.say("a", batch=project.fresh_batch(old))
    action = project.act("batch", [task_id])
    for batch in (old, closed):
        row = project.fresh_batch(batch)
        project.write(lambda tx, row=row: batch_rules.apply_action(tx, row, "cancel"))

    with pytest.raises(Conflict):
        project.act("batch", [task_id], batch_id=closed.batch_id)
    assert json.loads(project.take_back(action).kept) == {"the batch is closed": 1}


def test_tasks_are_given_to_named_people_and_to_anybody_again(project):
    ann, bea = (add_person(project.world, email=f"{name}@x.com").user_id for name in ("ann", "bea"))
    first, second = project.say("a", "b")
    project.move(lambda tx, environment_id, task: ask_for(tx, task, languages=("es",)), second)

    action = project.act("assign", [first, second], people=(ann,))

    assert project.lease_next(bea) is None
    assert project.take(ann).seq == project.seq(first)
    assert counts(project.act("assign", [first], people=(ann,)))[2] == {"it was so already": 1}
    moved = project.act("assign", [second], people=(bea,))
    undone = project.take_back(action)
    assert (undone.restored_count, json.loads(undone.kept)) == (1, {"it has changed since": 1})
    assert project.take(bea).seq == project.seq(first)
    project.take_back(moved)
    canceled = project.act("cancel", [second])
    project.take_back(canceled)
    pool = project.place(second).pool
    assert pool == pool_of(Requirement(languages=("es",), people=(ann,)))


def test_a_task_that_moves_to_the_batch_of_a_team_is_for_the_team(project):
    batch = project.batch("Of a team")
    [task_id] = project.say("a")
    project.write(lambda tx: pools.hand_batch(tx, batch.project_key, batch.batch_id, "team_1"))

    action = project.act("batch", [task_id], batch_id=batch.batch_id)

    assert project.place(task_id).pool == pool_of(Requirement(team="team_1"))
    project.take_back(action)
    assert project.place(task_id).pool == ""


async def ask_for(tx, task, **asked):
    await pools.change_requirement(tx, task.project_key, task, Requirement(**asked))


def test_a_task_that_changes_at_the_very_moment_is_skipped_alone(project, monkeypatch):
    first, second = project.say("a", "b")
    cancel = lifecycle.cancel_task
    late = project.seq(first)

    async def conflicting(tx, environment_id, task):
        await cancel(tx, environment_id, task)
        if task.seq == late:
            raise Conflict("it was completed at this moment")

    monkeypatch.setattr(lifecycle, "cancel_task", conflicting)

    action = project.act("cancel", [first, second])

    assert counts(action) == (2, 1, {"it changed at this moment": 1})
    assert [project.status(one).value for one in (first, second)] == ["pending", "canceled"]
    monkeypatch.undo()
    assert project.take_back(action).restored_count == 1


def test_tasks_that_are_too_large_to_be_held_at_once_are_changed_one_by_one(project, monkeypatch):
    monkeypatch.setattr(actions, "BYTES_AT_ONCE_MAX", 1000)
    ids = project.say("a", "b")

    action = project.act("cancel", ids)

    assert counts(action) == (2, 2, {})
    assert project.take_back(action).restored_count == 2


def test_a_task_completed_meanwhile_is_skipped_and_new_ones_are_not_looked_at(project):
    first, second = project.say("a", "b")
    request = ActionRequest(kind=ActionKind.cancel)
    action = project.write(lambda tx: actions.begin(tx, project.project, "boss", request))
    seqs = [project.seq(first), project.seq(second), 999]
    for user_id in ("ann", "bea"):
        project.work_on(user_id)

    done = project.write(lambda tx: actions.apply(tx, project.project, action, BOSS, seqs))

    assert counts(done) == (3, 1, {"it is completed": 1, "it is gone": 1})


def test_an_action_is_undone_once_by_one_and_not_while_it_runs(project):
    ids = project.say("a")
    request = ActionRequest(kind=ActionKind.cancel)
    running = project.write(lambda tx: actions.begin(tx, project.project, "boss", request))

    def begin(action):
        return project.write(lambda tx: undo.begin_undo(tx, project.project, action.action_id))

    with pytest.raises(Conflict):
        begin(running)
    action = project.act("cancel", ids)
    begun = begin(action)
    with pytest.raises(Conflict):
        begin(action)
    project.world.run(
        undo.run_undo(project.world.db, project.project, begun, BOSS, lambda action: None)
    )
    with pytest.raises(Conflict):
        begin(action)
    with pytest.raises(Conflict):
        project.write(lambda tx: actions.apply(tx, project.project, action, BOSS, [1]))


def test_an_action_whose_process_ended_can_be_undone(project, monkeypatch):
    ids = project.say("a", "b")
    monkeypatch.setattr(actions, "LEASE_MS", -1)
    request = ActionRequest(kind=ActionKind.cancel)
    action = project.write(lambda tx: actions.begin(tx, project.project, "boss", request))
    seq = project.seq(ids[0])
    project.write(lambda tx: actions.apply(tx, project.project, action, BOSS, [seq]))

    assert project.take_back(action).restored_count == 1
    assert project.status(ids[0]) is TaskStatus.pending


@pytest.mark.parametrize(
    ("kind", "sets", "pointer"),
    [
        ("priority", {}, "/priority"),
        ("priority", {"priority": 1_000_001}, "/priority"),
        ("batch", {"batch_id": "batch_none"}, "/batch"),
        ("assign", {"people": ("nobody",)}, "/people"),
        ("assign", {"people": tuple(map(str, range(21)))}, "/people"),
    ],
)
def test_what_an_action_cannot_set_is_refused_at_its_field(project, kind, sets, pointer):
    with pytest.raises(InvalidContent) as refused:
        project.act(kind, [], **sets)

    assert refused.value.pointer == pointer


def test_old_actions_are_forgotten_with_what_undo_needed(project, monkeypatch):
    action = project.act("cancel", project.say("a"))
    monkeypatch.setattr(actions, "KEPT_MS", -1)

    assert project.write(lambda tx: actions.delete_old(tx, limit=10)) == 1
    assert project.rows("task_action", "task_action_change") == {
        "task_action": [], "task_action_change": []
    }  # fmt: skip
    with pytest.raises(Exception, match="no such action"):
        project.take_back(action)


def test_a_cancelled_action_changes_no_more_and_what_it_did_can_be_undone(project):
    first, second = project.say("a", "b")
    request = ActionRequest(kind=ActionKind.cancel)
    action = project.write(lambda tx: actions.begin(tx, project.project, "boss", request))

    def some(seqs):
        return lambda tx: actions.apply(tx, project.project, action, BOSS, seqs)

    def cancel():
        return project.write(lambda tx: actions.cancel(tx, project.project, action.action_id))

    action = project.write(some([project.seq(first)]))

    assert (cancel(), cancel()) == (True, False)
    with pytest.raises(Conflict):
        project.write(some([project.seq(second)]))
    assert [project.status(one).value for one in (first, second)] == ["canceled", "pending"]
    undone = project.take_back(action)
    assert (undone.state, undone.restored_count) == (ActionState.undone, 1)
    assert project.status(first).value == "pending"
    assert cancel() is False


def test_a_cancelled_undo_is_gone_on_with(project):
    ids = project.say("a", "b", "c")
    action = project.act("cancel", ids)
    begun = project.write(lambda tx: undo.begin_undo(tx, project.project, action.action_id))
    project.write(lambda tx: undo.undo_some(tx, project.project, begun, BOSS, limit=1))

    assert project.write(lambda tx: actions.cancel(tx, project.project, action.action_id))

    assert [project.status(one).value for one in ids] == ["pending", "canceled", "canceled"]
    undone = project.take_back(action)
    assert (undone.state, undone.restored_count) == (ActionState.undone, 3)
    assert {project.status(one).value for one in ids} == {"pending"}
