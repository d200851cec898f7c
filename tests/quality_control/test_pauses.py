"""Pauses: no tasks, leases given back, one appeal, and a manager's word."""

from __future__ import annotations

import json

import pytest

from plaudit.core.quality_control import pauses
from plaudit.core.webhooks import endpoints
from plaudit.errors import Conflict, InvalidContent, LeaseLost, NotFound, Paused, Problem
from plaudit.model.labeling import LeaseStatus
from plaudit.model.quality_control import Collector
from plaudit.store.common import audit
from plaudit.store.labeling import given_back
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.support.pages.browser_client import add_person

ROUNDS = 4


@pytest.fixture
def paused(world):
    """A project in which Ann is paused by a rule, with a lease and a draft."""
    project = ControlledProject(world, rules=[rule("gold", 0.7)])
    project.create(6)
    lease = project.take("ann")
    project.draft(lease, 1, [{"at": "t0"}])
    project.gold("ann", 2, 8)
    return project, lease


def test_a_paused_person_gets_no_task_in_any_way_and_others_do(paused):
    project, lease = paused
    project.submit(project.take("bob"))

    with pytest.raises(Paused):
        project.lease_next("ann")
    project.follow_up()
    with pytest.raises(Paused):
        project.resume(lease)

    assert project.lease_next("bob") is not None


def test_submitted_tasks_are_not_opened_again_during_a_pause(world):
    project = ControlledProject(world, rules=[rule("gold", 0.7)])
    project.create(1)
    lease = project.take()
    project.submit(lease)
    project.gold("ann", 0, 10)

    for again in (project.undo, project.reopen):
        with pytest.raises(Paused):
            again(lease)


def test_leases_of_a_paused_person_are_given_back_with_their_drafts(paused):
    project, lease = paused

    assert project.follow_up() == 1

    kept = project.lease(lease)
    assert kept.status is LeaseStatus.released
    assert json.loads(kept.draft) == [{"at": "t0"}]
    assert project.take("bob").seq == lease.seq
    assert project.violations() == {}
    with pytest.raises(LeaseLost):
        project.submit(lease)
    assert project.follow_up() == 0


def test_a_pause_in_one_project_is_none_in_another(paused, world):
    other = ControlledProject(world, name="Other", rules=[rule("gold", 0.7)])
    other.create(1)

    assert other.lease_next("ann") is not None


def test_lifting_counts_anew_and_keeps_what_was_counted_ever(paused):
    project, lease = paused
    project.follow_up()

    ended = project.lift(project.pause().pause_id, "Welcome back.")

    assert ended.answer == "Welcome back."
    assert project.pause() is None
    assert project.resume(lease).draft is not None
    project.gold("ann", 0, 9)
    assert project.pause() is None
    project.gold("ann", 0, 1)
    assert project.pause() is not None
    assert project.counted("ann", Collector.gold) == (2, 20)


def test_an_appeal_is_given_once_and_upheld_once_and_the_pause_stays(paused):
    project, _ = paused
    pause_id = project.pause().pause_id
    with pytest.raises(Conflict):
        project.uphold(pause_id)
    assert project.appeal(text="  I was ill.  ") == pause_id

    upheld = project.uphold(pause_id, "It was too much.")

    assert (upheld.appeal, upheld.answer) == ("I was ill.", "It was too much.")
    assert project.pause().ended_ms is None
    for again in (project.appeal, lambda: project.uphold(pause_id)):
        with pytest.raises(Conflict):
            again()
    assert project.lift(pause_id).answer == "It was too much."
    with pytest.raises(Conflict):
        project.lift(pause_id)


def test_words_have_bounds(paused):
    project, _ = paused
    pause_id = project.pause().pause_id
    for text in ("", " \n\t", "x" * (pauses.TEXT_CHARS_MAX + 1)):
        for say in (
            lambda text=text: project.appeal(text=text),
            lambda text=text: project.uphold(pause_id, text),
            lambda text=text: project.lift(pause_id, text),
            lambda text=text: project.pause_by_hand("bob", text),
        ):
            with pytest.raises(InvalidContent):
                say()


def test_a_pause_of_another_project_is_not_found(paused, world):
    project, _ = paused
    other = ControlledProject(world, name="Other")

    with pytest.raises(NotFound):
        other.lift(project.pause().pause_id)


def test_a_manager_pauses_by_hand_for_a_reason_and_leases_go_back_at_once(world):
    project = ControlledProject(world)
    project.create(2)
    ann = add_person(world, "annotator")
    lease = project.take(ann.user_id)

    pause = project.pause_by_hand(ann.user_id, "Talk to me.")

    assert project.lease(lease).status is LeaseStatus.released
    assert pauses.why(project.pause(ann.user_id)) == "Talk to me."
    with pytest.raises(Conflict):
        project.pause_by_hand(ann.user_id)
    project.lift(pause.pause_id)
    assert project.resume(lease) is not None
    with pytest.raises(NotFound):
        project.pause_by_hand("user_nobody")


def test_the_audit_log_says_who_crossed_what(paused):
    project, _ = paused
    listed, _ = project.write(
        lambda tx: audit.list_entries(
            tx, project.environment_id, before=None, object_id=None, limit=50
        )
    )
    told = {entry.action: entry for entry in listed}

    crossed, pause = told["cross_rule"], told["pause_person"]

    assert json.loads(crossed.detail) == {
        "user_id": "ann", "rule": rule("gold", 0.7), "right": 2, "cases": 10,
    }  # fmt: skip
    assert json.loads(pause.detail)["user_id"] == "ann"
    assert (crossed.actor.kind, pause.actor.kind) == ("server", "server")
    assert (pause.object_kind, pause.object_id) == ("pause", project.pause().pause_id)


def test_an_endpoint_is_told_that_somebody_is_paused_and_resumes(world):
    project = ControlledProject(world, rules=[rule("gold", 0.7)])

    async def subscribe(tx):
        _, secret = await endpoints.create_endpoint(
            tx,
            world.secret,
            project.environment_id,
            url="https://93.184.216.34/hook",
            events=["annotator.paused", "annotator.resumed"],
        )
        return secret

    project.write(subscribe)
    project.gold("ann", 4, 6)
    pause_id = project.pause().pause_id
    project.lift(pause_id)

    async def told(tx):
        rows = await tx.all("SELECT type, payload FROM event ORDER BY event_id", {})
        return [(kind, json.loads(payload)) for kind, payload in rows]

    [(paused, first), (resumed, second)] = project.write(told)
    assert (paused, resumed) == ("annotator.paused", "annotator.resumed")
    assert (first["user_id"], first["project_id"]) == ("ann", project.project.project_id)
    assert first["pause"]["rule"] == rule("gold", 0.7)
    assert (first["pause"]["right"], first["pause"]["cases"]) == (4, 10)
    assert "ended_at" not in first["pause"]
    assert second["pause"]["ended_at"]


def test_two_cases_at_once_pause_once(world, at_once):
    project = ControlledProject(world, rules=[rule("gold", 0.7), rule("gold", 0.7, "note")])
    for number in range(ROUNDS):
        user_id = f"user_{number}"
        project.gold(user_id, 0, 9)

        found = at_once(project, *(lambda own, u=user_id: own.gold(u, 0, 1) for _ in range(4)))

        assert not [one for one in found if isinstance(one, Problem)]
        crossed = [row for row in project.crossings() if row.user_id == user_id]
        assert len(crossed) == 2
        assert project.counted(user_id, Collector.gold) == (0, 13)


def test_after_a_pause_nobody_paused_holds_a_task_whatever_they_took_meanwhile(world, at_once):
    project = ControlledProject(world, rules=[rule("gold", 0.7)])
    project.create(10)
    for number in range(ROUNDS):
        user_id = f"user_{number}"
        project.gold(user_id, 0, 9)

        at_once(
            project,
            lambda own, u=user_id: own.lease_next(u),
            lambda own, u=user_id: own.gold(u, 0, 1),
            lambda own: [own.follow_up() for _ in range(3)],
            lambda own, u=user_id: own.lease_next(u),
        )
        project.follow_up()

        assert project.pause(user_id) is not None
        held = project.write(
            lambda tx, u=user_id: given_back.list_leased_seqs(tx, project.project.project_key, u)
        )
        assert held == []
        assert project.violations() == {}


def test_a_pause_is_lifted_by_one_manager(world, at_once):
    project = ControlledProject(world, rules=[rule("gold", 0.7)])
    for number in range(ROUNDS):
        user_id = f"user_{number}"
        project.gold(user_id, 0, 10)
        pause_id = project.pause(user_id).pause_id

        found = at_once(project, *(lambda own, p=pause_id: own.lift(p) for _ in range(3)))

        assert sum(isinstance(one, Conflict) for one in found) == 2
