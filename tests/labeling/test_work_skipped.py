"""Tasks that everybody skipped: which they are, and how they are offered again; and flags."""

from __future__ import annotations

import re

import apsw
import pytest

from plaudit.core.accounts import users
from plaudit.core.labeling import leases as core_leases
from plaudit.core.labeling import review_decisions, task_notes, task_work
from plaudit.core.tasks import batches, lifecycle
from plaudit.errors import Conflict
from plaudit.model.core import PersonStatus
from plaudit.model.labeling import LeaseStatus
from plaudit.store.accounts import organizations
from plaudit.store.engine import connect
from plaudit.store.labeling import flags
from tests.support.databases.statement_counter import counting
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import invite

ROUNDS = 6


def skip(labeling, user_id):
    """Take the next task and skip it; the lease."""
    lease = labeling.take(user_id)
    labeling.do(task_notes.skip, lease, reason="too hard")
    return lease


def skipped(labeling):
    """Seqs of the tasks that are skipped by all."""
    found = labeling.write(lambda tx: task_work.list_skipped(tx, labeling.project, limit=100))
    return [row.seq for row in found.rows]


def offer(labeling, *seqs):
    """Offer tasks again; the seqs of those that were."""
    return [
        row.seq
        for row in labeling.write(
            lambda tx: task_notes.offer_again(tx, labeling.project, seqs, "mia")
        )
    ]


def seqs_of(labeling, task_ids):
    return [labeling.task(task_id).seq for task_id in task_ids]


def test_a_task_is_listed_once_the_last_of_those_who_work_here_has_skipped_it(labeling):
    [seq] = seqs_of(labeling, labeling.create())
    labeling.create()
    skip(labeling, "ann")
    assert skipped(labeling) == [seq]  # nobody else works here yet

    lease = labeling.take("ben")
    assert (lease.seq, skipped(labeling)) == (seq, [])
    labeling.do(core_leases.release, lease)
    assert skipped(labeling) == []  # it would be offered to him again

    labeling.do(task_notes.skip, labeling.resume(lease), reason="no")
    assert skipped(labeling) == [seq]


def test_who_has_answered_or_was_removed_is_not_waited_for(world):
    labeling = LabelingProject(world, overlap=2)
    [seq] = seqs_of(labeling, labeling.create())
    gone, _ = invite(world, "gone@example.com")
    labeling.create()
    labeling.work_on("ann")
    skip(labeling, "ben")
    labeling.do(core_leases.release, labeling.take(gone))
    assert skipped(labeling) == []

    async def remove(tx):
        organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
        await users.change(tx, organization_id, gone, {"status": PersonStatus.removed})

    labeling.write(remove)

    assert skipped(labeling) == [seq]
    assert labeling.violations() == {}


def test_tasks_on_hold_in_review_ended_or_reported_are_not_listed(world):
    labeling = LabelingProject(world)
    batch = labeling.batch()
    held = labeling.create(batch=batch)
    ended, quarantined = labeling.create(2)
    for _ in range(3):
        skip(labeling, "ann")
    assert skipped(labeling) == seqs_of(labeling, [*held, ended, quarantined])

    labeling.write(lambda tx: batches.apply_action(tx, batch, "pause"))
    labeling.move(lifecycle.cancel_task, ended)
    labeling.do(task_notes.report_sensitive, labeling.take("ben"), kind="harm")

    assert skipped(labeling) == []
    labeling.write(lambda tx: batches.apply_action(tx, batch, "resume"))
    labeling.decide(review_decisions.dismiss_report, quarantined, "rev")
    assert skipped(labeling) == seqs_of(labeling, [quarantined])  # ben has not had the other one
    assert labeling.violations() == {}


def test_a_task_that_is_offered_again_comes_to_the_same_people_with_their_drafts(labeling):
    [seq] = seqs_of(labeling, labeling.create())
    lease = labeling.take("ann")
    labeling.draft(lease, 1, [{"half": "done"}])
    labeling.do(task_notes.skip, lease, reason="no")
    skip(labeling, "ben")
    assert labeling.lease_next("ann") is None

    assert offer(labeling, seq) == [seq]

    again = labeling.take("ann")
    assert (again.seq, again.assignment_id, again.draft) == (
        seq, lease.assignment_id, b'[{"half":"done"}]',
    )  # fmt: skip
    assert skipped(labeling) == []
    labeling.do(task_notes.skip, again, reason="still no")
    assert labeling.take("ben").seq == seq


def test_offered_tasks_are_found_behind_many_that_cannot_be_resumed(world):
    """What somebody else holds, or waits for a reviewer, does not hide the rest."""
    labeling = LabelingProject(world, review="all")
    seqs = seqs_of(labeling, labeling.create(core_leases.RENEWALS_MAX + 2))
    for _ in seqs:
        skip(labeling, "ann")
        skip(labeling, "ben")
    assert offer(labeling, *seqs) == seqs
    for _ in seqs[:-1]:
        labeling.work_on("ann")

    assert labeling.take("ben").seq == seqs[-1]


def test_only_what_is_still_skipped_by_all_is_offered(labeling):
    held, ended, left, other = labeling.create(4)
    for _ in range(4):
        skip(labeling, "ann")
    labeling.move(lifecycle.cancel_task, ended)
    assert labeling.take("ben").seq == labeling.task(held).seq
    skip(labeling, "ben")

    assert offer(labeling, *seqs_of(labeling, [held, ended, left, other])) == seqs_of(
        labeling, [left]
    )

    assert labeling.lease_on(held, "ann").status is LeaseStatus.skipped
    assert labeling.lease_on(ended, "ann").status is LeaseStatus.skipped
    assert labeling.lease_on(left, "ann").status is LeaseStatus.released
    assert labeling.lease_on(other, "ann").status is LeaseStatus.skipped  # ben may still do it


def test_a_reopened_task_still_counts_who_skipped_it(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create()
    skip(labeling, "ann")
    labeling.work_on("ben")
    labeling.move(lifecycle.reopen_task, task_id)

    assert labeling.violations() == {}
    assert skipped(labeling) == []  # ben may do it anew
    labeling.do(task_notes.skip, labeling.take("ben"), reason="no")
    assert skipped(labeling) == seqs_of(labeling, [task_id])


def test_offering_again_and_taking_the_task_at_once_leave_it_to_be_done(labeling, at_once):
    for number in range(ROUNDS):
        [task_id] = labeling.create()
        seq = labeling.task(task_id).seq
        for user_id in ("ann", *(f"u{n}" for n in range(number))):
            labeling.do(task_notes.skip, labeling.take(user_id), reason="no")

        offered, taken = at_once(
            labeling,
            lambda own, seq=seq: offer(own, seq),
            lambda own, n=number: own.lease_next(f"u{n}"),
        )

        # Who offers may have the row locked, so that the other finds nothing at this moment.
        assert taken is None or taken.seq == seq
        status = labeling.lease_on(task_id, "ann").status
        assert status is (LeaseStatus.released if offered else LeaseStatus.skipped)
        labeling.submit(taken or labeling.take(f"u{number}"))
        assert labeling.violations() == {}


def test_tasks_that_nobody_skipped_are_not_looked_through(world_of_sqlite):
    labeling = LabelingProject(world_of_sqlite)
    labeling.create()
    skip(labeling, "ann")
    with counting() as counter:
        skipped(labeling)
    sql = re.sub(r":\w+", "1", counter.calls[-1][0])
    file = apsw.Connection(str(world_of_sqlite.settings.data / connect.FILE_NAME))

    plan = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}")]

    file.close()
    assert any("task_work USING INDEX task_work_skipped" in line for line in plan)


@pytest.fixture
def world_of_sqlite(sqlite_settings):
    world = World(sqlite_settings)
    yield world
    world.close()


def test_programs_offer_a_task_once_and_are_told_who_else_has_it(labeling):
    skipped_id, held_id = labeling.create(2)
    for _ in range(2):
        skip(labeling, "ann")
    assert labeling.take("ben").seq == labeling.task(skipped_id).seq
    skip_again = labeling.take("ben")  # the other one, which he keeps
    labeling.do(task_notes.skip, labeling.resume(labeling.lease_on(skipped_id, "ben")), reason="no")
    assert skip_again.seq == labeling.task(held_id).seq

    with labeling.world.client() as client:
        answers = [
            client.post(f"/manage/v1/tasks/{task_id}/offer")
            for task_id in (skipped_id, skipped_id, held_id, "absent")
        ]

    assert [answer.status_code for answer in answers] == [200, 409, 409, 404]
    assert answers[0].json()["task_id"] == skipped_id
    assert labeling.lease_on(skipped_id, "ann").status is LeaseStatus.released
    assert labeling.lease_on(held_id, "ann").status is LeaseStatus.skipped


def test_two_managers_offer_a_task_once(labeling, at_once):
    for _ in range(ROUNDS):
        [seq] = seqs_of(labeling, labeling.create())
        lease = skip(labeling, "ann")

        found = at_once(labeling, *(lambda own, seq=seq: offer(own, seq) for _ in range(2)))

        assert sorted(found) == [[], [seq]]
        assert labeling.lease(lease).lease_version == 2
        labeling.work_on("ann")


def test_a_flag_counts_until_it_was_seen_and_a_later_one_counts_anew(labeling):
    [task_id] = labeling.create()
    lease, seq = labeling.take("ann"), labeling.task(task_id).seq

    def flagged():
        found = labeling.write(
            lambda tx: task_work.list_flagged(tx, labeling.project, after_seq=0, limit=10)
        )
        return [(task.row.task_id, task.row.flag_count, len(task.flags)) for task in found]

    def see(until_ms):
        labeling.write(
            lambda tx: task_notes.see_flags(tx, labeling.project, seq, "mia", until_ms=until_ms)
        )

    labeling.do(task_notes.flag, lease, reason="flagged", note="The image is missing.")
    shown_ms = labeling.write(
        lambda tx: flags.find_flagged_ms(tx, labeling.project.project_key, seq)
    )
    labeling.do(task_notes.flag, lease, reason="flagged")
    assert flagged() == [(task_id, 2, 2)]

    with pytest.raises(Conflict):
        see(until_ms=shown_ms)  # flagged again since, perhaps within a millisecond
    assert flagged() == [(task_id, 2, 2)]
    see(until_ms=2**62)
    assert flagged() == []
    with pytest.raises(Conflict):
        see(until_ms=2**62)

    labeling.do(task_notes.flag, lease, reason="flagged")
    labeling.submit(lease)
    assert [one[:2] for one in flagged()] == [(task_id, 1)]
