"""Members, teams, quotas and requirements in the store, on both engines."""

from __future__ import annotations

import pytest

from plaudit.core.accounts import users
from plaudit.core.labeling import leases as leases_core
from plaudit.core.labeling import review_decisions
from plaudit.core.tasks import lifecycle
from plaudit.errors import Forbidden, InvalidContent, LeaseLost, LimitReached, NotFound, Problem
from plaudit.model.core import PersonRole
from plaudit.model.labeling import LeaseStatus
from plaudit.store.labeling import given_back
from tests.support.staffing.staffed_project import StaffedProject


@pytest.fixture
def staffed(world):
    return StaffedProject(world)


def test_a_project_without_members_is_everybodys_until_it_is_closed(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.create(4)
    staffed.member(ana)

    assert staffed.lease_next(ben) is not None
    staffed.access(members_only=True)

    assert staffed.lease_next(ana) is not None
    with pytest.raises(Forbidden):
        staffed.lease_next(ben)
    boss = staffed.person("Boss", PersonRole.manager)
    assert staffed.lease_next(boss) is not None


def test_who_is_taken_out_gives_back_what_they_hold_and_keeps_what_they_submitted(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.access(members_only=True)
    staffed.member(ana)
    staffed.member(ben)
    staffed.create(2)
    staffed.submit(staffed.take(ana))
    held = staffed.take(ana)
    staffed.draft(held, 1, [])

    staffed.leave(ana)

    lost = staffed.lease(held)
    assert (lost.status, lost.draft) == (LeaseStatus.released, b"[]")
    with pytest.raises(LeaseLost):
        staffed.do(leases_core.heartbeat, held, active_ms=1)
    with pytest.raises(LeaseLost):
        staffed.submit(held)
    with pytest.raises(Forbidden):
        staffed.resume(lost)
    assert staffed.take(ben).seq == held.seq
    assert staffed.violations() == {}
    staffed.leave(ben)
    staffed.member(ana)
    assert staffed.lease_next(ana).assignment_id == held.assignment_id


def test_who_leaves_a_team_keeps_only_what_they_may_hold_without_it(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    team = staffed.team("Poets", ana, ben)
    staffed.access(members_only=True)
    staffed.member(team)
    staffed.member(ben)
    staffed.create(2)
    of_ana, of_ben = staffed.take(ana), staffed.take(ben)

    staffed.leave_team(team, ana)
    staffed.leave_team(team, ben)

    assert staffed.lease(of_ana).status is LeaseStatus.released
    assert staffed.lease(of_ben).status is LeaseStatus.open
    with pytest.raises(NotFound):
        staffed.leave_team(team, ana)


def test_a_project_that_is_closed_takes_back_what_others_hold(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.member(ana)
    staffed.create(2)
    kept, lost = staffed.take(ana), staffed.take(ben)

    staffed.access(members_only=True)

    assert staffed.lease(kept).status is LeaseStatus.open
    assert staffed.lease(lost).status is LeaseStatus.released
    assert staffed.violations() == {}


def test_a_manager_who_becomes_an_annotator_gives_back_what_they_may_not_see(staffed):
    boss, lead = (staffed.person(name, PersonRole.manager) for name in ("Boss", "Lead"))
    staffed.access(members_only=True)
    staffed.member(lead)
    staffed.create(2)
    lost, kept = staffed.take(boss), staffed.take(lead)
    organization_id, changes = staffed.organization(), {"role": PersonRole.annotator}

    for one in (boss, lead):
        staffed.write(lambda tx, one=one: users.change(tx, organization_id, one, changes))

    assert staffed.lease(lost).status is LeaseStatus.released
    assert staffed.lease(kept).status is LeaseStatus.open
    assert staffed.violations() == {}


def test_fifty_requests_at_once_are_given_the_quota_and_no_task_more(staffed, at_once):
    ana = staffed.person("Ana")
    staffed.create(12)
    staffed.access(per_day=5)

    for _ in range(3):
        found = at_once(staffed, *(lambda own: own.lease_next(ana) for _ in range(17)))
        for lease in found:
            if not isinstance(lease, Problem):
                staffed.submit(lease, key=lease.assignment_id)

    use = staffed.use(ana)
    assert (use.today, use.left, use.is_day_used) == (5, 0, True)
    with pytest.raises(LimitReached, match="tomorrow"):
        staffed.lease_next(ana)


def test_a_quota_counts_what_is_held_and_submitted_and_the_next_day_counts_anew(staffed):
    ana = staffed.person("Ana")
    staffed.create(6)
    staffed.member(ana, per_day=2, in_all=3)
    skipped = staffed.take(ana)
    staffed.do(leases_core.release, skipped)
    first = staffed.take(ana)
    staffed.submit(first, key="first")
    held = staffed.take(ana)

    with pytest.raises(LimitReached):
        staffed.lease_next(ana)
    with pytest.raises(LimitReached):
        staffed.resume(staffed.lease(skipped))
    staffed.submit(held, key="second")
    staffed.yesterday()
    staffed.submit(staffed.take(ana), key="third")

    with pytest.raises(LimitReached, match="all tasks"):
        staffed.lease_next(ana)


def test_what_a_reviewer_returns_can_be_opened_beyond_the_quota(world):
    staffed = StaffedProject(world, review="all")
    ana = staffed.person("Ana")
    [task_id] = staffed.create()
    staffed.access(per_day=1, in_all=1)
    lease = staffed.take(ana)
    staffed.submit(lease)
    staffed.decide(review_decisions.send_back, task_id, "rev", ana, comment="Look again.")

    again = staffed.lease_next(ana)

    assert again is not None
    assert again.assignment_id == lease.assignment_id


def test_people_are_given_what_they_can_do_in_the_order_of_the_queue(staffed):
    ana, ben, cem = (staffed.person(name) for name in ("Ana", "Ben", "Cem"))
    staffed.skills(ana, languages=["es", "en"], tags=["law"])
    staffed.skills(ben, languages=["en"])
    [spanish] = staffed.ask(languages=["es"])
    [law] = staffed.ask(languages=["en"], tags=["law"])
    [english] = staffed.ask(languages=["EN"])
    [of_cem] = staffed.ask(people=[cem])
    [plain] = staffed.create()

    assert [staffed.waiting(one) for one in (ana, ben, cem)] == [4, 2, 2]
    given = {one: list(iter(lambda one=one: staffed.next_id(one), None)) for one in (cem, ben, ana)}

    assert given == {cem: [of_cem, plain], ben: [english], ana: [spanish, law]}
    assert staffed.violations() == {}


def test_a_batch_handed_to_a_team_is_its_alone_and_everybodys_again(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.skills(ana, languages=["es"])
    team, batch = staffed.team("Poets", ana), staffed.batch()
    staffed.create(1, batch=batch)
    staffed.ask(1, batch=batch, languages=["es"])
    staffed.hand(batch, team)
    later = staffed.create(1, batch=batch)

    assert (staffed.waiting(ana), staffed.waiting(ben)) == (3, 0)
    assert staffed.lease_next(ben) is None
    lease = staffed.take(ana)
    staffed.hand(batch, None)

    assert staffed.waiting(ben) == 1
    assert staffed.task_id_of(staffed.take(ben)) == later[0]
    staffed.submit(lease)
    assert staffed.violations() == {}


def test_a_task_that_asks_for_others_by_now_is_not_resumed(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    [task_id] = staffed.create()
    lease = staffed.take(ana)
    staffed.do(leases_core.release, lease)

    staffed.change_asked(task_id, people=[ben])

    with pytest.raises(LeaseLost):
        staffed.resume(staffed.lease(lease))
    assert staffed.lease_next(ana) is None
    assert staffed.lease_next(ben) is not None


def test_a_task_that_is_done_again_asks_what_it_asked(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    [task_id] = staffed.create()
    staffed.change_asked(task_id, people=[ana])
    staffed.submit(staffed.take(ana))

    staffed.move(lifecycle.reopen_task, task_id)

    assert staffed.lease_next(ben) is None
    assert staffed.lease_next(ana) is not None


def test_a_requirement_in_metadata_that_is_wrong_refuses_the_task(staffed):
    with pytest.raises(InvalidContent) as refused:
        staffed.ask(languages=["Klingon?"])

    assert refused.value.pointer == "/metadata/plaudit_requires/languages"


def test_whoever_waits_for_the_last_task_of_a_pool_goes_on_to_the_next(staffed, at_once):
    """Five people at once, two pools of three and four tasks: everybody has one."""
    people = [staffed.person(f"P{number}") for number in range(5)]
    for one in people:
        staffed.skills(one, languages=["es"])
    staffed.ask(3, languages=["es"])
    staffed.create(4)

    found = at_once(staffed, *(lambda own, u=one: own.lease_next(u) for one in people))

    assert all(lease is not None and not isinstance(lease, Problem) for lease in found)
    assert len({lease.seq for lease in found}) == 5
    assert staffed.violations() == {}


def test_a_removal_and_a_claim_at_once_leave_nobody_with_a_task(staffed, at_once):
    ana = staffed.person("Ana")
    staffed.access(members_only=True)
    staffed.create(4)
    for _ in range(4):
        staffed.member(ana)

        at_once(staffed, lambda own: own.lease_next(ana), lambda own: own.leave(ana))

        held = staffed.write(
            lambda tx: given_back.list_leased_seqs(tx, staffed.project.project_key, ana)
        )
        assert held == []
    assert staffed.violations() == {}
