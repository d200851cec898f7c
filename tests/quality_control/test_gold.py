"""Gold in the course of work: given at random, scored in the submission, ended by a manager."""

from __future__ import annotations

import itertools

import pytest

from plaudit.core.labeling import dashboard, leases, task_notes
from plaudit.core.quality_control import assigning, gold_tasks
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.core.quality_control.counters import counts_of
from plaudit.errors import Conflict, InvalidContent, LeaseLost, LimitReached, NotFound
from plaudit.model.labeling import LeaseStatus
from plaudit.model.quality_control import Collector, GoldSettings
from plaudit.store.labeling import own_work
from tests.support.gold.gold_project import EXPECTED, RIGHT, WRONG, GoldProject, gold_content
from tests.support.harness import one_engine
from tests.support.labeling_project import lease_ref
from tests.support.running.every_case import every_case
from tests.support.staffing.people import as_user

HALF = GoldSettings(rate=0.5)


@pytest.fixture
def floor(world):
    """A project where every second task is gold while there is any."""
    return GoldProject(world, gold=HALF)


def counted(floor, user_id="ann"):
    return floor.write(lambda tx: counts_of(tx, floor.project, [user_id], Collector.gold))[user_id]


def test_gold_is_never_given_twice_nor_two_in_a_row_and_ends_with_the_ordinary_tasks(floor):
    floor.add_gold(4)
    floor.create(8)

    kinds, seen = "", []
    while (lease := floor.lease_next()) is not None:
        kinds += "g" if floor.is_gold(lease) else "o"
        seen.append((lease.project_key, lease.seq))
        floor.submit(lease, key=lease.assignment_id)

    assert kinds[:8] == "gogogogo"
    assert kinds == "gogogogooooo"
    assert len(set(seen)) == len(seen)
    assert floor.violations() == {}


def test_gold_is_scored_once_in_the_submission(floor):
    floor.add_gold(2)
    floor.create(3)

    wrong = floor.take_gold()
    floor.submit(wrong, floor.prefer(wrong, WRONG))
    floor.submit(wrong, floor.prefer(wrong, WRONG))
    assert counted(floor) == (0, 1)
    again = floor.undo(wrong)
    floor.submit(again, floor.prefer(again, RIGHT), key="again")
    assert counted(floor) == (0, 1)
    right = floor.take_gold()
    floor.submit(right, floor.prefer(right, RIGHT))

    assert counted(floor) == (1, 2)
    assert sorted((q.share.right, q.share.n) for one in floor.gold() for q in one.questions) == [
        (0, 1),
        (1, 1),
    ]
    [result] = floor.results(right)
    assert (result.is_right, result.question_key) == (True, "selected_model_id")
    assert floor.violations() == {}


def test_a_page_holds_gold_as_it_holds_any_task(floor):
    floor.add_gold(1)
    floor.create(2)
    lease = floor.take_gold()

    def on_it(work):
        return floor.write(lambda tx: on_either_side(tx, floor.project, work))

    held = lease_ref(lease)
    on_it(lambda tx, side: leases.heartbeat(tx, side, held, active_ms=5))
    on_it(lambda tx, side: leases.save_draft(tx, side, held, revision=1, answers=[], active_ms=9))
    on_it(lambda tx, side: task_notes.flag(tx, side, held, reason="odd"))
    on_it(lambda tx, side: leases.release(tx, side, held))
    with pytest.raises(LeaseLost):
        on_it(lambda tx, side: leases.heartbeat(tx, side, held, active_ms=5))
    with pytest.raises(NotFound):
        floor.write(lambda tx: leases.heartbeat(tx, floor.project, held, active_ms=5))
    resumed = floor.resume(lease)
    assert (resumed.lease_version, resumed.draft) == (2, b"[]")
    on_it(lambda tx, side: task_notes.skip(tx, side, lease_ref(resumed), reason="too_hard"))

    assert [one.flag_count for one in floor.gold()] == [1]
    assert counted(floor) == (0, 0)
    while (later := floor.lease_next()) is not None:
        assert not floor.is_gold(later)
        floor.submit(later, key=later.assignment_id)
    assert floor.violations() == {}


def test_expired_gold_comes_back_to_the_same_person_and_counts_among_their_open_tasks(floor):
    floor.add_gold(2)
    floor.create(5)
    lease = floor.take_gold()
    floor.take()
    floor.take_gold()

    with pytest.raises(LimitReached):
        floor.lease_next()
    floor.age(lease)
    back = floor.take()

    assert (back.assignment_id, back.lease_version) == (lease.assignment_id, 2)


def test_gold_that_ended_is_given_to_nobody_and_what_was_answered_stays(floor):
    [first, second] = floor.add_gold(2)
    floor.create(4)
    lease = floor.take_gold()
    held_id = {one.row.seq: one.row.task_id for one in floor.gold()}[lease.seq]

    for task_id in (first, second):
        floor.write(lambda tx, task_id=task_id: gold_tasks.end_gold(tx, floor.project, task_id))

    with pytest.raises(NotFound):
        floor.write(lambda tx: gold_tasks.end_gold(tx, floor.project, held_id))
    with pytest.raises(LeaseLost):
        floor.submit(lease)
    assert floor.gold() == []
    assert not floor.is_gold(floor.take())
    assert floor.violations() == {}


def test_a_person_who_judged_a_task_is_not_given_its_copy_as_gold(floor):
    [task_id] = floor.create(1)
    floor.submit(floor.take())
    floor.new({"task_id": task_id})
    floor.create(2)

    assert not floor.is_gold(floor.take("ann"))
    assert floor.is_gold(floor.take("ben"))


def test_what_waits_falls_by_one_with_each_task_whatever_it_is(world):
    floor = GoldProject(world, gold=GoldSettings(rate=0.3))
    floor.add_gold(7)
    floor.create(30)
    first = floor.take()
    floor.submit(first, key="first")

    waiting = [floor.waiting()]
    while (lease := floor.lease_next()) is not None:
        waiting.append(floor.waiting())
        floor.submit(lease, key=lease.assignment_id)

    assert waiting == list(range(len(waiting) - 1, -1, -1))
    assert len(waiting) > 30


def test_every_page_of_a_person_counts_gold_as_it_counts_any_task(floor):
    """Home and My work, before and after each task: all numbers move alike."""
    floor.add_gold(3)
    floor.create(7)
    floor.submit(floor.take(), key="first")
    seen = []

    async def look(tx):
        keys = [floor.project.project_key]
        listed, _ = await dashboard.list_summaries(tx, as_user(floor.environment_id, "ann"))
        [home] = await assigning.with_control_tasks(tx, listed, "ann", limit_max=1000)
        [counts] = await own_work.count_by_project(tx, keys, "ann", most=99)
        [recent] = await own_work.list_recent(tx, keys, "ann", since_ms=0, most=99)
        held = await own_work.list_open(tx, keys, "ann", limit=9)
        return home.free, counts.open, counts.submitted, recent.submitted, len(held)

    while (lease := floor.lease_next()) is not None:
        seen.append(floor.write(look))
        floor.submit(lease, key=lease.assignment_id)

    assert len(seen) == 9
    assert seen == [(8 - number, 1, 1 + number, 1 + number, 1) for number in range(9)]


@one_engine
def test_gold_is_a_share_of_each_persons_tasks(world):
    floor = GoldProject(world, gold=GoldSettings(rate=0.1), overlap=100)
    floor.add_gold(60)
    floor.create(120)

    kinds = []
    for user_id in ("ann", "ben", "cem"):
        while (lease := floor.lease_next(user_id)) is not None:
            kinds.append(floor.is_gold(lease))
            floor.submit(lease, key=lease.assignment_id)

    assert 0.03 < sum(kinds) / len(kinds) < 0.19
    assert not any(one and other for one, other in itertools.pairwise(kinds))


def test_many_pages_of_one_person_get_gold_once_each(floor, at_once):
    floor.add_gold(5)
    floor.create(12)

    seen = []
    for _ in range(4):
        found = at_once(floor, *(lambda own: own.lease_next("ann") for _ in range(3)))
        taken = [one for one in found if one is not None and not isinstance(one, Exception)]
        seen += [(one.project_key, one.seq) for one in taken]
        for lease in taken:
            floor.submit(lease, key=lease.assignment_id)

    assert len(set(seen)) == len(seen) == 12
    assert sum(key < 0 for key, _ in seen) in (4, 5)
    assert floor.violations() == {}


@one_engine
@every_case("sent, pointer", [
        ({}, "/tasks/1"),
        ({"content": gold_content(), "task_id": "x"}, "/tasks/1"),
        ({"task_id": "nowhere"}, "/tasks/1/task_id"),
        ({"content": []}, "/tasks/1/content"),
        ({"content": [{"id": "a", "turns": 3}]}, "/tasks/1/content/0/turns"),
        ({"content": gold_content(), "expected": []}, "/tasks/1/expected"),
        ({"content": gold_content(), "expected": [EXPECTED, EXPECTED]}, "/tasks/1/expected/1/key"),
        ({"content": gold_content(), "expected": [EXPECTED | {"value": "nobody"}]},
         "/tasks/1/expected/0/value"),
        ({"content": gold_content(), "expected": [EXPECTED | {"key": "unknown"}]},
         "/tasks/1/expected/0/key"),
        ({"content": gold_content(), "expected": [EXPECTED | {"at": "t0u7"}]},
         "/tasks/1/expected/0/key"),
        ({"content": gold_content(),
          "expected": [{"at": "t0u0", "key": "justification", "value": "so"}]},
         "/tasks/1/expected/0/key"),
        ({"content": gold_content(), "expected": [{"at": "t0u0", "key": "likert_value"}]},
         "/tasks/1/expected/0/value"),
        ({"content": gold_content(),
          "expected": [{"at": "t0u0", "key": "likert_value", "value": 9}]},
         "/tasks/1/expected/0/value"),
        ({"content": gold_content(), "expected": [EXPECTED | {"tolerance": -1}]},
         "/tasks/1/expected/0/tolerance"),
    ])  # fmt: skip
def test_gold_is_created_whole_or_not_at_all_and_a_fault_names_its_place(floor, sent, pointer):
    with pytest.raises(InvalidContent) as fault:
        floor.new({"content": gold_content()}, sent)

    assert fault.value.pointer == pointer
    assert floor.gold() == []


def test_gold_says_that_the_form_has_changed_and_that_most_people_fail(floor):
    floor.add_gold(1)
    floor.create(40)
    for number in range(6):
        lease = floor.take_gold(f"user_{number}")
        floor.submit(lease, floor.prefer(lease, RIGHT if number == 0 else WRONG))

    [one] = floor.gold()
    assert (one.answered, one.is_doubtful, one.is_outdated) == (6, True, False)
    floor.set(form={"fields": [{"key": "other", "level": "turn", "type": "boolean"}]})
    assert [one.is_outdated for one in floor.gold()] == [True]
    lease = floor.take_gold("late")
    floor.submit(lease, [])
    assert floor.results(lease) == []


def test_reopened_gold_is_refused_as_any_old_task_is(floor):
    floor.add_gold(1)
    floor.create(30)
    lease = floor.take_gold()
    floor.submit(lease)
    for _ in range(20):
        other = floor.take()
        floor.submit(other, key=other.assignment_id)

    with pytest.raises(Conflict, match="only your last 20 tasks"):
        floor.reopen(lease)
    assert floor.reopen(other).status is LeaseStatus.open
