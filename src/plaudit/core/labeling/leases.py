"""Leases: one person's time-limited, versioned right to work on one task, with their draft.

A lease is open until it is submitted, skipped, released or expired; a reviewer returns a submitted
one, and one that is closed was ended from outside. Every function takes the caller's transaction
and has no effect but through it; times are the database's. Locks are taken in this order: the
person's row of lease_lock, the batch's counts, the task's row in the queue (task_work), the
project's clock, the task, leases.

A project's control tasks are leased like others, under a key of their own (`control_key`). A
person's leases of both kinds are locked together, and count together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import ids
from plaudit.core.common import membership
from plaudit.core.labeling import free_tasks
from plaudit.core.labeling.questions import random_order
from plaudit.core.staffing import pools, quotas
from plaudit.core.staffing.quotas import NO_QUOTA
from plaudit.errors import DraftConflict, LeaseLost, LimitReached, NotFound, TooLarge
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, LeaseRef, LeaseStatus, control_key
from plaudit.model.staffing import TaskQuota
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import given_back
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

LEASE_SECONDS = 1800
OPEN_LEASES_MAX = 3
DRAFT_BYTES_MAX = 1024 * 1024
EXPIRED_AT_ONCE_MAX = 100
UNFINISHED_MAX = 100
RENEWALS_MAX = 20

_LOST_MESSAGES = {
    LeaseStatus.submitted: "you have submitted this task already",
    LeaseStatus.skipped: "you skipped this task",
    LeaseStatus.expired: "your time for this task ran out; your draft is kept, claim it again",
    LeaseStatus.released: "you gave this task back; your draft is kept, claim it again",
    LeaseStatus.returned: "this task was sent back to you; open it again",
    LeaseStatus.closed: "this task was taken off the queue; your draft is kept",
}

_encode = msgspec.json.Encoder().encode
_decode_content = msgspec.json.Decoder(list[Thread]).decode


class SavedDraft(Struct, frozen=True):
    """Receipt for a saved draft: its revision, and the end of the lease that it renewed."""

    revision: int
    saved_ms: int
    expires_ms: int


Offer = Callable[[int], Awaitable[Lease | None]]
"""Lease of a control task at a time, if one is due."""


async def lease_next(
    tx: Transaction,
    project: ProjectRow,
    user_id: str,
    *,
    offer: Offer | None = None,
    quota: TaskQuota = NO_QUOTA,
) -> Lease | None:
    """Lease the next task to a person; None if the project has none for them.

    Their own unfinished leases come first: those returned by a reviewer, then expired ones. Then
    what is on `offer`, or the first task in the queue that they never had, and at last what they
    released. Only what a reviewer returned, and what they hold, is given beyond their quota. Raises
    LimitReached at OPEN_LEASES_MAX open leases and at the quota, Forbidden if the person was
    removed.
    """
    await lock_annotator(tx, project, user_id)
    now = await tx.now_ms()
    unfinished = await _list_unfinished(tx, project, user_id)
    _require_room(unfinished, now, OPEN_LEASES_MAX)
    ended = [lease for lease in unfinished if not _is_open(lease, now)]
    refusal = await quotas.explain_used_up(tx, project, user_id, quota, now)
    if refusal is not None:
        ended = [lease for lease in ended if quotas.is_counted(lease, now)]
    renewed = await _renew_first(tx, project, ended, now)
    if renewed is not None:
        return renewed
    if refusal is not None:
        raise LimitReached(refusal)
    offered = None if offer is None else await offer(now)
    if offered is not None:
        return offered
    task = await free_tasks.acquire_next(tx, project, user_id)
    if task is None and await expire_leases(tx, project.project_key):
        task = await free_tasks.acquire_next(tx, project, user_id)
    if task is None:
        released = [
            lease
            for key in _keys(project)
            for lease in await leases_store.list_resumable(tx, key, user_id, limit=RENEWALS_MAX)
        ]
        return await _renew_first(tx, project, _by_time(released), now)
    return await insert_new(tx, project, task, user_id, now)


async def insert_new(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str, now: int
) -> Lease:
    """Lease a task, of which a slot was acquired, to a person who never had it."""
    lease = Lease(
        project_key=task.project_key,
        assignment_id=ids.mint("assignment"),
        seq=task.seq,
        user_id=user_id,
        status=LeaseStatus.open,
        lease_version=1,
        created_ms=now,
        leased_ms=now,
        expires_ms=now + lease_ms(project),
        ended_ms=None,
        active_ms=0,
        display=_encode(random_order(_decode_content(task.content or b"[]"))),
        draft=None,
        draft_revision=0,
        draft_ms=None,
    )
    await leases_store.insert_lease(tx, lease)
    return lease


async def resume(
    tx: Transaction,
    project: ProjectRow,
    user_id: str,
    assignment_id: str,
    *,
    quota: TaskQuota = NO_QUOTA,
) -> Lease:
    """Open a person's expired, released or returned lease again, with its draft and a new version.

    An open lease gets a new version as well, so that the page that had it loses it. Raises
    NotFound; LeaseLost if no slot is free, the batch is paused, the task asks for others now, or
    the lease ended for good; LimitReached at OPEN_LEASES_MAX open leases and at the quota;
    Forbidden if the person was removed.
    """
    await lock_annotator(tx, project, user_id)
    now = await tx.now_ms()
    lease = await get_lease(tx, project, user_id, assignment_id)
    if not _is_open(lease, now):
        await require_room(tx, project, user_id, now)
    if not quotas.is_counted(lease, now):
        refusal = await quotas.explain_used_up(tx, project, user_id, quota, now)
        if refusal is not None:
            raise LimitReached(refusal)
    renewed = await _renew(tx, project, lease, now)
    if renewed is None:
        lease = await get_lease(tx, project, user_id, assignment_id)
        raise LeaseLost(await _explain_refusal(tx, project, lease))
    return renewed


async def _explain_refusal(tx: Transaction, project: ProjectRow, lease: Lease) -> str | None:
    """Message for the person whose lease could not be renewed; None to use LeaseLost's own."""
    if await work_queue.is_on_hold(tx, project.project_key, lease.seq):
        return "the batch of this task is paused; your draft is kept"
    if lease.status in (LeaseStatus.expired, LeaseStatus.released):
        return "somebody else has this task now; your draft is kept"
    return _LOST_MESSAGES.get(lease.status)


async def lock_annotator(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Lock a person's leases in a project until the transaction ends.

    Their other requests that take a lease, and their removal, wait meanwhile. Raises Forbidden if
    they were removed.
    """
    await leases_store.lock_annotator(tx, max(_keys(project)), user_id)
    await membership.require_present(tx, project.environment_id, user_id)


async def get_lease(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> Lease:
    """Return a person's own lease, in any status; raises NotFound. Needs no write transaction."""
    lease = await leases_store.find_lease(tx, project.project_key, user_id, assignment_id)
    if lease is None:
        raise NotFound("there is no such assignment")
    return lease


async def list_open_leases(tx: Transaction, project: ProjectRow, user_id: str) -> list[Lease]:
    """List a person's leases that have not run out, oldest first. Needs no write transaction."""
    now = await tx.now_ms()
    leases = await leases_store.list_leases(
        tx, project.project_key, user_id, LeaseStatus.open, limit=UNFINISHED_MAX
    )
    return [lease for lease in leases if _is_open(lease, now)]


async def heartbeat(
    tx: Transaction, project: ProjectRow, lease_ref: LeaseRef, *, active_ms: int
) -> int:
    """Renew a lease because its page is in use; return its new `expires_ms`.

    `active_ms` is the time that the person worked on the task so far; it never shrinks. Raises
    LeaseLost if the lease ran out, ended or has a newer version; the stored draft stays.
    """
    now = await tx.now_ms()
    expires_ms = now + lease_ms(project)
    if not await leases_store.touch(
        tx, project.project_key, lease_ref, now=now, expires_ms=expires_ms, active_ms=active_ms
    ):
        raise await lease_lost(tx, project, lease_ref)
    return expires_ms


async def save_draft(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    *,
    revision: int,
    answers: Any,
    active_ms: int,
) -> SavedDraft:
    """Store what a person has filled in so far, and renew the lease.

    `revision` is one more than the last one known to the page; the stored revision with the same
    answers again only renews. `answers` is decoded JSON of the page's making, in the shape of
    answers.py, because submitted answers come back as a draft. Raises LeaseLost as `heartbeat`
    does, DraftConflict (with the stored revision) if another tab has saved, TooLarge beyond
    DRAFT_BYTES_MAX.
    """
    draft = _encode(answers)
    if len(draft) > DRAFT_BYTES_MAX:
        raise TooLarge(f"a draft has at most {DRAFT_BYTES_MAX // 1024} KiB")
    now = await tx.now_ms()
    expires_ms = now + lease_ms(project)
    if await leases_store.write_draft(
        tx,
        project.project_key,
        lease_ref,
        now=now,
        expires_ms=expires_ms,
        active_ms=active_ms,
        revision=revision,
        draft=draft,
    ):
        return SavedDraft(revision, now, expires_ms)
    lease = await get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    if not has_lease(lease, lease_ref, now):
        raise await lease_lost(tx, project, lease_ref)
    if (lease.draft_revision, lease.draft) != (revision, draft):
        raise DraftConflict(revision=lease.draft_revision)
    expires_ms = await heartbeat(tx, project, lease_ref, active_ms=active_ms)
    return SavedDraft(revision, lease.draft_ms or now, expires_ms)


async def release(tx: Transaction, project: ProjectRow, lease_ref: LeaseRef) -> None:
    """Give a task back for now: its slot is free, the draft stays. Raises LeaseLost."""
    await end_lease(tx, project, lease_ref, LeaseStatus.released)


async def end_lease(
    tx: Transaction, project: ProjectRow, lease_ref: LeaseRef, status: LeaseStatus
) -> int:
    """End a lease with this status and free its slot; return the task's seq. Raises LeaseLost."""
    lease = await get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    await work_queue.lock_work(tx, project.project_key, lease.seq)
    now = await tx.now_ms()
    if not await leases_store.end(tx, project.project_key, lease_ref, now=now, status=status):
        raise await lease_lost(tx, project, lease_ref)
    await work_queue.release_slots(tx, project.project_key, lease.seq)
    return lease.seq


async def expire_leases(
    tx: Transaction, project_key: int, *, limit: int = EXPIRED_AT_ONCE_MAX
) -> int:
    """Expire leases of up to `limit` tasks that have run out; return the number of leases."""
    now = await tx.now_ms()
    expired_count = 0
    for seq in await leases_store.list_due(tx, project_key, now=now, limit=limit):
        count = await leases_store.expire(tx, project_key, seq, now)
        await work_queue.release_slots(tx, project_key, seq, count=count)
        expired_count += count
    return expired_count


async def release_all_of(tx: Transaction, project: ProjectRow, user_id: str) -> int:
    """Give back all open and returned leases of a person in a project; return their number.

    Drafts stay. The caller has locked the person's leases.
    """
    released, key, now = 0, project.project_key, await tx.now_ms()
    for seq in await given_back.list_leased_seqs(tx, key, user_id):
        await work_queue.lock_work(tx, key, seq)
        count = await given_back.release_of_person(tx, key, seq, user_id, now)
        await work_queue.release_slots(tx, key, seq, count=count)
        released += count
    return released


async def end_leases_of(tx: Transaction, organization_id: str, user_id: str) -> int:
    """Close all open and returned leases of a removed person; return the number of leases.

    Their slots are free again, in all projects of the organization.
    """
    ended, now = 0, await tx.now_ms()
    for environment_id in await organizations.list_environments(tx, organization_id):
        await leases_store.lock_annotator_everywhere(tx, environment_id, user_id)
        for project_key, seq in await leases_store.list_leased_tasks(tx, environment_id, user_id):
            await work_queue.lock_work(tx, project_key, seq)
            count = await leases_store.close_of_person(tx, project_key, seq, user_id, now)
            await work_queue.release_slots(tx, project_key, seq, count=count)
            ended += count
    return ended


def lease_ms(project: ProjectRow) -> int:
    """Milliseconds until a lease of this project runs out unless it is renewed."""
    return (project_detail(project).lease_seconds or LEASE_SECONDS) * 1000


def has_lease(lease: Lease, lease_ref: LeaseRef, now: int) -> bool:
    """True while the lease is open and still has the version that a request carries."""
    return _is_open(lease, now) and lease.lease_version == lease_ref.lease_version


async def lease_lost(tx: Transaction, project: ProjectRow, lease_ref: LeaseRef) -> LeaseLost:
    """Make the LeaseLost that tells the person why; raises NotFound if they never had the lease."""
    lease = await get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    if lease.status is not LeaseStatus.open:
        return LeaseLost(_LOST_MESSAGES[lease.status])
    if lease.lease_version != lease_ref.lease_version:
        return LeaseLost("you opened this task again somewhere else")
    return LeaseLost(_LOST_MESSAGES[LeaseStatus.expired])


async def require_room(
    tx: Transaction,
    project: ProjectRow,
    user_id: str,
    now: int,
    *,
    limit_max: int = OPEN_LEASES_MAX,
) -> None:
    """Raise LimitReached if a person has `limit_max` open leases in the project."""
    _require_room(await _list_unfinished(tx, project, user_id), now, limit_max)


async def _list_unfinished(tx: Transaction, project: ProjectRow, user_id: str) -> list[Lease]:
    """A person's open, returned or expired leases of tasks of both kinds, by `leased_ms`."""
    return _by_time(
        [
            lease
            for key in _keys(project)
            for lease in await leases_store.list_unfinished(tx, key, user_id, limit=UNFINISHED_MAX)
        ]
    )


def _keys(project: ProjectRow) -> tuple[int, int]:
    """The two keys of a project's tasks; the project's own is the greater."""
    return project.project_key, control_key(project.project_key)


def _by_time(leases: Sequence[Lease]) -> list[Lease]:
    return sorted(leases, key=lambda lease: lease.leased_ms)


def _require_room(leases: Sequence[Lease], now: int, limit_max: int) -> None:
    if sum(_is_open(lease, now) for lease in leases) >= limit_max:
        raise LimitReached(f"you have {limit_max} tasks open; finish one or give it back")


def _is_open(lease: Lease, now: int) -> bool:
    return lease.status is LeaseStatus.open and lease.expires_ms > now


async def _renew_first(
    tx: Transaction, project: ProjectRow, leases: Sequence[Lease], now: int
) -> Lease | None:
    """Renew the first of these leases that can be: returned ones, which keep their slot, first."""
    for lease in sorted(leases, key=lambda lease: lease.ended_ms is not None)[:RENEWALS_MAX]:
        renewed = await _renew(tx, project, lease, now)
        if renewed is not None:
            return renewed
    return None


async def _renew(tx: Transaction, project: ProjectRow, lease: Lease, now: int) -> Lease | None:
    """Open a lease with a new version; None if that cannot be. An ended one takes a slot first.

    A batch on hold lets nobody begin or resume; who has an open lease may go on.
    """
    if not _is_open(lease, now) and await work_queue.is_on_hold(tx, lease.project_key, lease.seq):
        return None
    if lease.status in (LeaseStatus.expired, LeaseStatus.released):
        where = project.environment_id, lease.project_key, lease.seq
        if not await pools.may_do(tx, *where, lease.user_id):
            return None
        if not await work_queue.acquire_slot(tx, lease.project_key, lease.seq):
            return None
    elif lease.status not in (LeaseStatus.open, LeaseStatus.returned):
        return None
    renewed = await leases_store.renew(tx, lease, now=now, expires_ms=now + lease_ms(project))
    if renewed is None and lease.status in (LeaseStatus.expired, LeaseStatus.released):
        await work_queue.release_slots(tx, lease.project_key, lease.seq)
    return renewed
