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
from tests.support.labeling_project import LabelingProject

ROUNDS = 6
REMOVAL = {"status": PersonStatus.removed}


def test_the_last_place_is_given_to_one(labeling, at_once):
    for number in range(ROUNDS):
        labeling.create()

        found = at_once(
            labeling, *(lambda own, u=f"u{number}_{n}": own.lease_next(u) for n in range(5))
        )

        assert sum(one is not None for one in found) == 1


def test_one_person_with_many_pages_stays_under_the_cap_and_gets_no_task_twice(labeling, at_once):
    for number in range(ROUNDS):
        labeling.create(8)
        user_id = f"user_{number}"

        found = at_once(labeling, *(lambda own, u=user_id: own.lease_next(u) for _ in range(6)))

        leases = [one for one in found if not isinstance(one, Problem)]
        assert len({one.seq for one in leases}) == len(leases) == core_leases.OPEN_LEASES_MAX
        assert sum(isinstance(one, LimitReached) for one in found) == 3


def test_the_last_two_submissions_complete_a_task_once(world, at_once):
    labeling = LabelingProject(world, overlap=2)
    batch = labeling.batch()
    task_ids = labeling.create(ROUNDS, batch=batch)
    for task_id in task_ids:
        leases = [labeling.take("ann"), labeling.take("ben")]
        answers = [labeling.answers(one) for one in leases]

        found = at_once(
            labeling,
            *(lambda own, n=n, of=leases, said=answers: own.submit(of[n], said[n]) for n in (0, 1)),
        )

        outcomes = sorted(one.outcome for one in found)
        assert outcomes in (["completed", "waiting"], ["in_review", "waiting"])
        assert len(labeling.counting(task_id)) == 2
    assert labeling.violations() == {}


def test_the_same_submission_twice_at_once_is_one(labeling, at_once):
    for _ in range(ROUNDS):
        [task_id] = labeling.create()
        lease = labeling.take()
        answers = labeling.answers(lease)

        found = at_once(
            labeling,
            *(lambda own, of=lease, said=answers: own.submit(of, said) for _ in range(3)),
        )

        assert len({one.submission_id for one in found}) == 1
        assert sorted(one.is_repeated for one in found) == [False, True, True]
        assert len(labeling.counting(task_id)) == 1


def test_two_submissions_under_different_keys_are_one(labeling, at_once):
    for _ in range(ROUNDS):
        labeling.create()
        lease = labeling.take()
        answers = labeling.answers(lease)

        found = at_once(
            labeling,
            *(lambda own, of=lease, said=answers, k=k: own.submit(of, said, k) for k in "ab"),
        )

        assert sum(isinstance(one, LeaseLost) for one in found) == 1


def test_a_submission_and_the_end_of_its_lease_exclude_each_other(labeling, at_once):
    labeling.set(lease_seconds=1)
    for number in range(ROUNDS):
        [task_id] = labeling.create()
        lease = labeling.take(f"user_{number}")
        answers = labeling.answers(lease)
        labeling.age(lease, 985)

        found = at_once(
            labeling,
            lambda own, of=lease, said=answers: own.submit(of, said),
            lambda own: [own.sweep() for _ in range(6)],
            lambda own, n=number: own.lease_next(f"other_{n}"),
        )

        is_taken = not isinstance(found[0], Problem)
        assert is_taken or isinstance(found[0], LeaseLost)
        assert labeling.lease(lease).status in (
            (LeaseStatus.submitted,) if is_taken else (LeaseStatus.expired, LeaseStatus.open)
        )
        assert (labeling.status(task_id) is TaskStatus.completed) == is_taken
        assert labeling.violations() == {}
        if not is_taken:
            labeling.sweep()
            other = found[2] or labeling.take("late")
            labeling.age(other, -60_000)
            labeling.submit(other)


def test_a_submission_and_the_cancelling_of_its_batch_exclude_each_other(labeling, at_once):
    for number in range(ROUNDS):
        batch = labeling.batch(f"Batch {number}")
        [task_id, _] = labeling.create(2, batch=batch)
        lease = labeling.take(f"user_{number}")
        answers = labeling.answers(lease)

        submitted, cancelled = at_once(
            labeling,
            lambda own, of=lease, said=answers: own.submit(of, said),
            lambda own, of=batch: own.write(lambda tx: batches.apply_action(tx, of, "cancel")),
        )

        assert cancelled.status is BatchStatus.cancelled
        if isinstance(submitted, LeaseLost):
            assert labeling.status(task_id) is TaskStatus.canceled
        else:
            assert labeling.status(task_id) is TaskStatus.completed
        assert labeling.violations() == {}


def test_nothing_is_given_out_once_a_batch_is_paused(labeling, at_once):
    for number in range(ROUNDS):
        batch = labeling.batch(f"Batch {number}")
        labeling.create(3, batch=batch)

        at_once(
            labeling,
            lambda own, of=batch: own.write(lambda tx: batches.apply_action(tx, of, "pause")),
            *(lambda own, u=f"u{number}_{n}": own.lease_next(u) for n in range(3)),
        )

        assert labeling.lease_next(f"late_{number}") is None
        assert labeling.violations() == {}


def test_of_two_tabs_one_saves_and_the_other_is_told(labeling, at_once):
    labeling.create(ROUNDS)
    for number in range(ROUNDS):
        lease = labeling.take(f"user_{number}")

        found = at_once(
            labeling, *(lambda own, of=lease, n=n: own.draft(of, 1, [n]) for n in range(4))
        )

        saved = [n for n, one in enumerate(found) if not isinstance(one, Problem)]
        assert len(saved) == 1
        assert labeling.lease(lease).draft == b"[%d]" % saved[0]
        assert all(isinstance(one, DraftConflict) for n, one in enumerate(found) if n != saved[0])


def test_undoing_and_accepting_exclude_each_other(labeling, at_once):
    labeling.set(review="all")
    for number in range(ROUNDS):
        [task_id] = labeling.create()
        lease = labeling.take(f"user_{number}")
        labeling.submit(lease)

        undone, accepted = at_once(
            labeling,
            lambda own, of=lease: own.undo(of),
            lambda own, of=task_id: own.accept(of),
        )

        assert isinstance(undone, Conflict) != isinstance(accepted, Conflict)
        is_done = labeling.status(task_id) is TaskStatus.completed
        assert is_done == isinstance(undone, Conflict)


def test_two_undoings_at_once_are_one(labeling, at_once):
    batch = labeling.batch()
    task_ids = labeling.create(ROUNDS, batch=batch)
    for number, task_id in enumerate(task_ids):
        lease = labeling.take(f"user_{number}")
        labeling.submit(lease)

        found = at_once(labeling, *(lambda own, of=lease: own.undo(of) for _ in range(3)))

        assert sum(not isinstance(one, Problem) for one in found) == 1
        assert labeling.place(task_id).open_count == 1


def test_a_report_and_a_submission_at_once_lose_nothing(world, at_once):
    labeling = LabelingProject(world, overlap=2)
    for number in range(ROUNDS):
        [task_id] = labeling.create()
        leases = [labeling.take(f"{name}_{number}") for name in ("ann", "ben")]
        answers = labeling.answers(leases[0])

        submitted, _ = at_once(
            labeling,
            lambda own, of=leases[0], said=answers: own.submit(of, said),
            lambda own, of=leases[1]: own.do(task_notes.report_sensitive, of, kind="violence"),
        )

        is_taken = not isinstance(submitted, Problem)
        assert len(labeling.counting(task_id)) == is_taken
        labeling.decide(review_decisions.dismiss_report, task_id, "boss")
        assert labeling.violations() == {}
        for user_id in ("cem", "dan"):
            lease = labeling.lease_next(f"{user_id}_{number}")
            if lease is not None:
                labeling.submit(lease)


def test_a_paused_batch_that_is_cancelled_while_somebody_undoes_leaves_no_lease(world, at_once):
    labeling = LabelingProject(world, overlap=2)
    for number in range(ROUNDS):
        batch = labeling.batch(f"batch_{number}")
        labeling.create(batch=batch)
        ann = labeling.take("ann")
        labeling.submit(ann)
        labeling.write(lambda tx, batch=batch: batches.apply_action(tx, batch, "pause"))

        at_once(
            labeling,
            lambda own, ann=ann: own.undo(ann),
            lambda own, batch=batch: own.write(
                lambda tx: batches.apply_action(tx, batch, "cancel")
            ),
        )

        assert labeling.lease(ann).status is not LeaseStatus.open
    assert labeling.violations() == {}


def test_somebody_who_is_removed_while_they_work_keeps_nothing(labeling, at_once):
    async def invite(tx, number):
        organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
        person = await users.invite(
            tx, organization_id, email=f"{number}@example.com", name=None, role=PersonRole.annotator
        )
        return organization_id, person.user_id

    labeling.create(3)
    for number in range(ROUNDS):
        organization_id, user_id = labeling.write(lambda tx, number=number: invite(tx, number))
        lease = labeling.take(user_id)

        at_once(
            labeling,
            lambda own, a=organization_id, u=user_id: own.write(
                lambda tx: users.change(tx, a, u, REMOVAL)
            ),
            lambda own, of=lease: own.do(core_leases.heartbeat, of, active_ms=0),
            lambda own, of=lease: own.do(core_leases.release, of),
        )

        assert labeling.lease(lease).status in (LeaseStatus.closed, LeaseStatus.released)
        assert labeling.violations() == {}
