"""Work at the same moment: whatever two people do at once, one order of events explains it."""

from __future__ import annotations

from plaudit.core.accounts import users
from plaudit.core.labeling import leases as core_leases
from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.tasks import batches
from plaudit.errors import Conflict, DraftConflict, LeaseLost, LimitReached, Problem
from plaudit.model.core import BatchStatus, PersonRole, PersonStatus, TaskStatus
from plaudit.model.labeling import LeaseStatus
from plaudit.store.accounts import organizations
from tests.support.labeling_project import Floor

ROUNDS = 6
REMOVAL = {"status": PersonStatus.removed}


def test_the_last_place_is_given_to_one(floor, at_once):
    for number in range(ROUNDS):
        floor.create()

        found = at_once(
            floor, *(lambda own, u=f"u{number}_{n}": own.lease_next(u) for n in range(5))
        )

        assert sum(one is not None for one in found) == 1


def test_one_person_with_many_pages_stays_under_the_cap_and_gets_no_task_twice(floor, at_once):
    for number in range(ROUNDS):
        floor.create(8)
        user_id = f"user_{number}"

        found = at_once(floor, *(lambda own, u=user_id: own.lease_next(u) for _ in range(6)))

        leases = [one for one in found if not isinstance(one, Problem)]
        assert len({one.seq for one in leases}) == len(leases) == core_leases.OPEN_LEASES_MAX
        assert sum(isinstance(one, LimitReached) for one in found) == 3


def test_the_last_two_submissions_complete_a_task_once(world, at_once):
    floor = Floor(world, overlap=2)
    batch = floor.batch()
    task_ids = floor.create(ROUNDS, batch=batch)
    for task_id in task_ids:
        leases = [floor.take("ann"), floor.take("ben")]
        answers = [floor.answers(one) for one in leases]

        found = at_once(
            floor,
            *(lambda own, n=n, of=leases, said=answers: own.submit(of[n], said[n]) for n in (0, 1)),
        )

        outcomes = sorted(one.outcome for one in found)
        assert outcomes in (["completed", "waiting"], ["in_review", "waiting"])
        assert len(floor.counting(task_id)) == 2
    assert floor.violations() == {}


def test_the_same_submission_twice_at_once_is_one(floor, at_once):
    for _ in range(ROUNDS):
        [task_id] = floor.create()
        lease = floor.take()
        answers = floor.answers(lease)

        found = at_once(
            floor,
            *(lambda own, of=lease, said=answers: own.submit(of, said) for _ in range(3)),
        )

        assert len({one.submission_id for one in found}) == 1
        assert sorted(one.is_repeated for one in found) == [False, True, True]
        assert len(floor.counting(task_id)) == 1


def test_two_submissions_under_different_keys_are_one(floor, at_once):
    for _ in range(ROUNDS):
        floor.create()
        lease = floor.take()
        answers = floor.answers(lease)

        found = at_once(
            floor,
            *(lambda own, of=lease, said=answers, k=k: own.submit(of, said, k) for k in "ab"),
        )

        assert sum(isinstance(one, LeaseLost) for one in found) == 1


def test_a_submission_and_the_end_of_its_lease_exclude_each_other(floor, at_once):
    floor.set(lease_seconds=1)
    for number in range(ROUNDS):
        [task_id] = floor.create()
        lease = floor.take(f"user_{number}")
        answers = floor.answers(lease)
        floor.age(lease, 985)

        found = at_once(
            floor,
            lambda own, of=lease, said=answers: own.submit(of, said),
            lambda own: [own.sweep() for _ in range(6)],
            lambda own, n=number: own.lease_next(f"other_{n}"),
        )

        is_taken = not isinstance(found[0], Problem)
        assert is_taken or isinstance(found[0], LeaseLost)
        assert floor.lease(lease).status in (
            (LeaseStatus.submitted,) if is_taken else (LeaseStatus.expired, LeaseStatus.open)
        )
        assert (floor.status(task_id) is TaskStatus.completed) == is_taken
        assert floor.violations() == {}
        if not is_taken:
            floor.sweep()
            other = found[2] or floor.take("late")
            floor.age(other, -60_000)
            floor.submit(other)


def test_a_submission_and_the_cancelling_of_its_batch_exclude_each_other(floor, at_once):
    for number in range(ROUNDS):
        batch = floor.batch(f"Batch {number}")
        [task_id, _] = floor.create(2, batch=batch)
        lease = floor.take(f"user_{number}")
        answers = floor.answers(lease)

        submitted, cancelled = at_once(
            floor,
            lambda own, of=lease, said=answers: own.submit(of, said),
            lambda own, of=batch: own.write(lambda tx: batches.apply_action(tx, of, "cancel")),
        )

        assert cancelled.status is BatchStatus.cancelled
        if isinstance(submitted, LeaseLost):
            assert floor.status(task_id) is TaskStatus.canceled
        else:
            assert floor.status(task_id) is TaskStatus.completed
        assert floor.violations() == {}


def test_nothing_is_given_out_once_a_batch_is_paused(floor, at_once):
    for number in range(ROUNDS):
        batch = floor.batch(f"Batch {number}")
        floor.create(3, batch=batch)

        at_once(
            floor,
            lambda own, of=batch: own.write(lambda tx: batches.apply_action(tx, of, "pause")),
            *(lambda own, u=f"u{number}_{n}": own.lease_next(u) for n in range(3)),
        )

        assert floor.lease_next(f"late_{number}") is None
        assert floor.violations() == {}


def test_of_two_tabs_one_saves_and_the_other_is_told(floor, at_once):
    floor.create(ROUNDS)
    for number in range(ROUNDS):
        lease = floor.take(f"user_{number}")

        found = at_once(
            floor, *(lambda own, of=lease, n=n: own.draft(of, 1, [n]) for n in range(4))
        )

        saved = [n for n, one in enumerate(found) if not isinstance(one, Problem)]
        assert len(saved) == 1
        assert floor.lease(lease).draft == b"[%d]" % saved[0]
        assert all(isinstance(one, DraftConflict) for n, one in enumerate(found) if n != saved[0])


def test_undoing_and_accepting_exclude_each_other(floor, at_once):
    floor.set(review="all")
    for number in range(ROUNDS):
        [task_id] = floor.create()
        lease = floor.take(f"user_{number}")
        floor.submit(lease)

        undone, accepted = at_once(
            floor,
            lambda own, of=lease: own.undo(of),
            lambda own, of=task_id: own.accept(of),
        )

        assert isinstance(undone, Conflict) != isinstance(accepted, Conflict)
        is_done = floor.status(task_id) is TaskStatus.completed
        assert is_done == isinstance(undone, Conflict)


def test_two_undoings_at_once_are_one(floor, at_once):
    batch = floor.batch()
    task_ids = floor.create(ROUNDS, batch=batch)
    for number, task_id in enumerate(task_ids):
        lease = floor.take(f"user_{number}")
        floor.submit(lease)

        found = at_once(floor, *(lambda own, of=lease: own.undo(of) for _ in range(3)))

        assert sum(not isinstance(one, Problem) for one in found) == 1
        assert floor.place(task_id).open_count == 1


def test_a_report_and_a_submission_at_once_lose_nothing(world, at_once):
    floor = Floor(world, overlap=2)
    for number in range(ROUNDS):
        [task_id] = floor.create()
        leases = [floor.take(f"{name}_{number}") for name in ("ann", "ben")]
        answers = floor.answers(leases[0])

        submitted, _ = at_once(
            floor,
            lambda own, of=leases[0], said=answers: own.submit(of, said),
            lambda own, of=leases[1]: own.do(task_notes.report_sensitive, of, kind="violence"),
        )

        is_taken = not isinstance(submitted, Problem)
        assert len(floor.counting(task_id)) == is_taken
        floor.decide(review_decisions.dismiss_report, task_id, "boss")
        assert floor.violations() == {}
        for user_id in ("cem", "dan"):
            lease = floor.lease_next(f"{user_id}_{number}")
            if lease is not None:
                floor.submit(lease)


def test_a_paused_batch_that_is_cancelled_while_somebody_undoes_leaves_no_lease(world, at_once):
    floor = Floor(world, overlap=2)
    for number in range(ROUNDS):
        batch = floor.batch(f"batch_{number}")
        floor.create(batch=batch)
        ann = floor.take("ann")
        floor.submit(ann)
        floor.write(lambda tx, batch=batch: batches.apply_action(tx, batch, "pause"))

        at_once(
            floor,
            lambda own, ann=ann: own.undo(ann),
            lambda own, batch=batch: own.write(
                lambda tx: batches.apply_action(tx, batch, "cancel")
            ),
        )

        assert floor.lease(ann).status is not LeaseStatus.open
    assert floor.violations() == {}


def test_somebody_who_is_removed_while_they_work_keeps_nothing(floor, at_once):
    async def invite(tx, number):
        organization_id, _ = await organizations.find_organization(tx, floor.environment_id)
        person = await users.invite(
            tx, organization_id, email=f"{number}@example.com", name=None, role=PersonRole.annotator
        )
        return organization_id, person.user_id

    floor.create(3)
    for number in range(ROUNDS):
        organization_id, user_id = floor.write(lambda tx, number=number: invite(tx, number))
        lease = floor.take(user_id)

        at_once(
            floor,
            lambda own, a=organization_id, u=user_id: own.write(
                lambda tx: users.change(tx, a, u, REMOVAL)
            ),
            lambda own, of=lease: own.do(core_leases.heartbeat, of, active_ms=0),
            lambda own, of=lease: own.do(core_leases.release, of),
        )

        assert floor.lease(lease).status in (LeaseStatus.closed, LeaseStatus.released)
        assert floor.violations() == {}
