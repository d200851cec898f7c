"""Leases: who gets which task, who keeps it, and who loses it."""

from __future__ import annotations

import json

import pytest

from plaudit.core.accounts import users
from plaudit.core.labeling import leases as core_leases
from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.tasks import batches, lifecycle
from plaudit.errors import (
    Conflict,
    DraftConflict,
    InvalidContent,
    LeaseLost,
    LimitReached,
    NotFound,
    TooLarge,
)
from plaudit.model.core import PersonRole, PersonStatus, TaskStatus
from plaudit.model.labeling import LeaseStatus, WorkState
from plaudit.store.accounts import organizations
from plaudit.wire.v2.task import ErrorDetail
from tests.labeling.test_work_order import seqs
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import LabelingProject, lease_ref, make_content

LONG = "x" * 20_000


def test_pausing_takes_no_task_from_those_who_have_one(labeling):
    batch = labeling.batch()
    [task_id, _] = labeling.create(2, batch=batch)
    lease = labeling.take()

    labeling.write(lambda tx: batches.apply_action(tx, batch, "pause"))
    nothing = labeling.lease_next("ben")
    labeling.submit(lease)

    assert nothing is None
    assert labeling.status(task_id) is TaskStatus.completed


def test_cancelling_a_batch_ends_every_lease_in_it(labeling):
    batch = labeling.batch()
    labeling.create(2, batch=batch)
    lease = labeling.take()

    labeling.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    assert labeling.lease(lease).status is LeaseStatus.closed
    assert labeling.lease_next("ben") is None
    with pytest.raises(LeaseLost, match="taken off"):
        labeling.submit(lease, [])


@pytest.mark.parametrize("how", ["complete", "cancel", "fail"])
def test_a_task_that_ends_otherwise_is_taken_from_whoever_has_it(labeling, how):
    [task_id] = labeling.create()
    lease = labeling.take()
    labeling.draft(lease, 1, ["half"])
    threads = json.loads(labeling.task(task_id).content)

    async def end(tx, environment_id, task):
        match how:
            case "complete":
                await lifecycle.complete_task(tx, environment_id, task, threads)
            case "cancel":
                await lifecycle.cancel_task(tx, environment_id, task)
            case "fail":
                await lifecycle.fail_task(tx, environment_id, task, [ErrorDetail(message="No.")])

    labeling.move(end, task_id)

    assert labeling.place(task_id) is None
    with pytest.raises(LeaseLost, match="taken off"):
        labeling.do(core_leases.heartbeat, lease, active_ms=0)
    with pytest.raises(LeaseLost, match="taken off"):
        labeling.resume(lease)
    assert labeling.lease(lease).draft == b'["half"]'


def test_nobody_has_more_tasks_open_than_the_cap(labeling):
    labeling.create(5)
    leases = [labeling.take() for _ in range(core_leases.OPEN_LEASES_MAX)]

    with pytest.raises(LimitReached, match="3 tasks open"):
        labeling.lease_next()
    labeling.submit(leases[0])

    assert labeling.take().seq == 4


def test_a_lease_is_renewed_by_signs_of_life_and_runs_out_without(labeling):
    labeling.create()
    lease = labeling.take()
    labeling.age(lease, 1000 * core_leases.LEASE_SECONDS - 5000)

    renewed = labeling.do(core_leases.heartbeat, lease, active_ms=0)
    labeling.age(lease)

    assert renewed > lease.expires_ms - 5000
    for late in (
        lambda: labeling.do(core_leases.heartbeat, lease, active_ms=0),
        lambda: labeling.draft(lease, 1, []),
        lambda: labeling.submit(lease),
        lambda: labeling.do(core_leases.release, lease),
        lambda: labeling.do(task_notes.skip, lease, reason="late"),
        lambda: labeling.do(task_notes.flag, lease, reason="late"),
        lambda: labeling.do(task_notes.report_sensitive, lease, kind="late"),
    ):
        with pytest.raises(LeaseLost, match="ran out"):
            late()


def test_a_lease_that_ran_out_frees_its_place_for_another(labeling):
    labeling.create()
    lease = labeling.take()
    labeling.age(lease)

    other = labeling.take("ben")

    assert other.seq == lease.seq
    assert labeling.lease(lease).status is LeaseStatus.expired
    with pytest.raises(LeaseLost, match="somebody else"):
        labeling.resume(lease)


def test_expiry_frees_slots_without_anybody_asking(labeling):
    labeling.create(3)
    old = [labeling.take("ann"), labeling.take("ben")]
    labeling.take("cem")
    for lease in old:
        labeling.age(lease)

    assert labeling.sweep() == 2
    assert labeling.sweep() == 0


def test_whoever_comes_back_gets_their_own_task_with_its_draft_under_a_new_fence(labeling):
    labeling.create(2)
    lease = labeling.take()
    labeling.draft(lease, 1, ["half"], active_ms=5)
    labeling.age(lease)
    labeling.sweep()

    again = labeling.take()

    assert (again.assignment_id, again.lease_version, again.draft) == (
        lease.assignment_id,
        2,
        b'["half"]',
    )
    assert again.display == lease.display
    with pytest.raises(LeaseLost, match="somewhere else"):
        labeling.draft(lease, 2, [])


def test_a_lease_that_is_open_can_be_taken_over_by_another_page(labeling):
    labeling.create()
    lease = labeling.take()

    again = labeling.resume(lease)

    assert again.lease_version == lease.lease_version + 1
    with pytest.raises(LeaseLost, match="somewhere else"):
        labeling.submit(lease)
    labeling.submit(again)


def test_what_was_given_back_goes_to_others_and_back_only_if_there_is_nothing_new(labeling):
    labeling.create(2)
    lease = labeling.take()
    labeling.do(core_leases.release, lease)

    new = labeling.take()
    back = labeling.take()

    assert (new.seq, back.seq) == (2, 1)
    assert back.assignment_id == lease.assignment_id


def test_what_was_skipped_is_never_offered_again(labeling):
    [task_id] = labeling.create()
    lease = labeling.take()

    labeling.do(task_notes.skip, lease, reason="language", note="I do not read Welsh.")

    assert labeling.lease_next() is None
    with pytest.raises(LeaseLost, match="skipped"):
        labeling.resume(lease)
    assert labeling.take("ben").seq == labeling.task(task_id).seq


def test_skipping_everything_is_stopped(labeling, monkeypatch):
    monkeypatch.setattr(task_notes, "SKIPS_PER_HOUR_MAX", 2)
    labeling.create(3)
    for _ in range(2):
        labeling.do(task_notes.skip, labeling.take(), reason="too hard")

    with pytest.raises(LimitReached, match="ask a manager"):
        labeling.do(task_notes.skip, labeling.take(), reason="too hard")


def test_a_flag_does_not_end_the_work(labeling):
    labeling.create()
    lease = labeling.take()

    labeling.do(task_notes.flag, lease, reason="broken", note="The picture is missing.")

    labeling.submit(lease)


@pytest.mark.parametrize(("reason", "note"), [("", None), (LONG, None), ("other", LONG)])
def test_reasons_have_bounds(labeling, reason, note):
    labeling.create()
    lease = labeling.take()

    with pytest.raises(InvalidContent):
        labeling.do(task_notes.skip, lease, reason=reason, note=note)
    assert labeling.lease(lease).status is LeaseStatus.open


def test_a_task_reported_as_sensitive_is_taken_from_everybody_until_it_is_decided(world):
    labeling = LabelingProject(world, overlap=3)
    [task_id] = labeling.create()
    leases = [labeling.take(user) for user in ("ann", "ben")]

    labeling.do(task_notes.report_sensitive, leases[0], kind="violence", message="No.")

    assert labeling.lease_next("cem") is None
    assert labeling.lease(leases[1]).status is LeaseStatus.closed
    assert labeling.place(task_id).state is WorkState.quarantined
    assert labeling.violations() == {}
    with pytest.raises(Conflict, match="not in review"):
        labeling.accept(task_id)

    labeling.decide(review_decisions.dismiss_report, task_id, "boss")

    assert labeling.lease_next("ann") is None
    assert labeling.take("ben").assignment_id == leases[1].assignment_id
    assert labeling.violations() == {}


def test_a_report_that_is_confirmed_completes_the_task_without_threads(labeling):
    [task_id] = labeling.create()
    labeling.do(task_notes.report_sensitive, labeling.take(), kind="violence", message="No.")

    labeling.decide(review_decisions.confirm_report, task_id, "boss")

    with labeling.world.client() as client:
        task = client.get("/v2/task", params={"task_id": task_id}).json()
    assert task["status"] == "completed"
    assert task["sensitive_content_reports"] == [{"type": "violence", "message": "No."}]
    assert "threads" not in task
    with pytest.raises(Conflict, match="not quarantined"):
        labeling.decide(review_decisions.dismiss_report, task_id, "boss")


def test_a_draft_is_saved_revision_by_revision(labeling):
    labeling.create()
    lease = labeling.take()

    first = labeling.draft(lease, 1, {"a": "1"})
    same = labeling.draft(lease, 1, {"a": "1"})
    labeling.draft(lease, 2, {"a": "2"})

    assert (first.revision, same.revision) == (1, 1)
    assert (labeling.lease(lease).draft_revision, labeling.lease(lease).draft) == (2, b'{"a":"2"}')


@pytest.mark.parametrize("revision", [0, 1, 3, -1])
def test_a_tab_that_does_not_know_the_last_revision_overwrites_nothing(labeling, revision):
    labeling.create()
    lease = labeling.take()
    labeling.draft(lease, 1, ["first tab"])

    with pytest.raises(DraftConflict) as caught:
        labeling.draft(lease, revision, ["second tab"])

    assert caught.value.revision == 1
    assert labeling.lease(lease).draft == b'["first tab"]'


def test_a_draft_has_a_largest_size(labeling):
    labeling.create()
    lease = labeling.take()
    labeling.draft(lease, 1, "x" * (core_leases.DRAFT_BYTES_MAX - 2))

    with pytest.raises(TooLarge):
        labeling.draft(lease, 2, "x" * (core_leases.DRAFT_BYTES_MAX - 1))


def test_active_time_grows_and_is_no_longer_than_the_time_that_passed(labeling):
    labeling.create()
    lease = labeling.take()
    labeling.age(lease, 60_000)
    times = []

    for given_ms in (5000, 3000, -7, 10**15):
        labeling.do(core_leases.heartbeat, lease, active_ms=given_ms)
        times.append(labeling.lease(lease).active_ms)

    assert times[:3] == [5000, 5000, 5000]
    assert 60_000 <= times[3] < 120_000


def test_the_order_of_responses_is_drawn_for_each_person_and_kept(world):
    labeling = LabelingProject(world, overlap=100)
    messages = [make_message("user"), *(make_message(f"model_{n}") for n in range(4))]
    labeling.create(content=make_content(make_turn(messages=messages)))

    orders = [json.loads(labeling.take(f"user_{n}").display)["t0u0"] for n in range(30)]

    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 5


def test_a_lease_of_somebody_else_is_not_found(labeling):
    labeling.create()
    lease = labeling.take()

    with pytest.raises(NotFound):
        labeling.write(
            lambda tx: core_leases.get_lease(tx, labeling.project, "ben", lease.assignment_id)
        )
    stolen = lease_ref(lease).__class__("ben", lease.assignment_id, lease.lease_version)
    with pytest.raises(NotFound):
        labeling.write(lambda tx: core_leases.release(tx, labeling.project, stolen))


def test_somebody_who_is_removed_has_no_task_any_more(labeling):
    async def invite(tx):
        organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
        person = await users.invite(
            tx, organization_id, email="ann@example.com", name=None, role=PersonRole.annotator
        )
        return organization_id, person.user_id

    organization_id, user_id = labeling.write(invite)
    labeling.create(2)
    leases = [labeling.take(user_id), labeling.take(user_id)]

    labeling.write(
        lambda tx: users.change(tx, organization_id, user_id, {"status": PersonStatus.removed})
    )

    for lease in leases:
        with pytest.raises(LeaseLost):
            labeling.submit(lease, [])
    assert seqs(labeling, "ben cem") == [1, 2]
