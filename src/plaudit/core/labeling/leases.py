"""Who works on which task until when: leases, their drafts, and how they end.

Contract for whoever builds pages on it. Every function runs in a write transaction of the caller
(`get_lease`, `list_open` and `count_open` in a read one as well) and has no effect but through it;
a Problem that is raised takes the whole transaction back. Times are the database's.

    claim(tx, project, user_id)                  Lease, or None if there is nothing to do. What is
                                                 one's own comes first: sent back by a reviewer, or
                                                 run out while one was at it
                                                 LimitReached: too many open leases
    resume(tx, project, user_id, assignment_id)  Lease: one's own, run out, given back or sent back,
                                                 again, with its draft and a new version. One
                                                 that is still open is taken over by this page.
                                                 NotFound; LeaseLost: no place is free any more, its
                                                 batch is paused, or it ended for good; LimitReached
                                                 Both: Forbidden once somebody was removed
    get_lease(tx, project, user_id, assignment_id)  Lease in any status; NotFound
    list_open(tx, project, user_id)              open leases of this person, oldest first
    count_open(tx, project, limit_max=…)         tasks with a free place, counted up to limit_max

    With `held` = Hold(user_id, assignment_id, lease_version), as the lease said. Each raises
    LeaseLost if the lease has run out, ended, or was claimed anew; the stored draft stays:

    heartbeat(tx, project, held, active_ms=…)    expires_ms, renewed
    save_draft(tx, project, held, revision=…, answers=…, active_ms=…)
                                                 Saved(revision, saved_ms, expires_ms); renews.
                                                 `revision` is one more than the last one known; the
                                                 same revision and answers again change nothing.
                                                 DraftConflict(revision): another tab has saved;
                                                 TooLarge
    skip(tx, project, held, reason=…, note=…)    the task is never offered to this person again
                                                 LimitReached: too many skips in an hour
    release(tx, project, held)                   gives the place back; the draft stays
    flag(tx, project, held, reason=…, note=…)    tells a manager; the work goes on
    report_sensitive(tx, project, held, kind=…, message=…)
                                                 takes the task off the queue and from everybody
                                                 who holds it, until a manager decides
                                                 (review_decisions.py); it stays pending
    reason, kind, note, message: InvalidContent if they are too long.

    For the worker and for people management:

    sweep(tx, project_key)                        takes back what has run out; how many it was
    end_leases_of(tx, organization_id, user_id)       a person is gone: their places are free again

`answers` is decoded JSON that the page makes up; give it the shape of answers.py, because work
that is opened again comes back with the submitted answers as its draft.

Locks are taken in this order: the batch's counts, the project's clock, the task, its place in the
queue (task_work), leases; a person's own claims (claimant) before all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import ids
from plaudit.core.common import membership
from plaudit.core.labeling.questions import random_order
from plaudit.errors import (
    DraftConflict,
    InvalidContent,
    LeaseLost,
    LimitReached,
    NotFound,
    TooLarge,
)
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Hold, Lease, LeaseStatus, TaskNote, WorkState
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import projects, tasks, work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

LEASE_SECONDS = 1800
OPEN_LEASES_MAX = 3
SKIPS_PER_HOUR_MAX = 60
DRAFT_BYTES_MAX = 1024 * 1024
NOTE_CHARS_MAX = 10_000
REASON_CHARS_MAX = 255
SWEPT_AT_ONCE = 100
UNFINISHED_MAX = 100
RENEWALS_MAX = 20

_LOST = {
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
    """A draft that was saved, and how long the lease now lasts."""

    revision: int
    saved_ms: int
    expires_ms: int


async def claim(tx: Transaction, project: ProjectRow, user_id: str) -> Lease | None:
    """Give somebody the next task; None if there is nothing for them. Raises LimitReached."""
    await enter(tx, project, user_id)
    now = await tx.now_ms()
    mine = await leases_store.list_unfinished(
        tx, project.project_key, user_id, limit=UNFINISHED_MAX
    )
    _require_room(mine, now, OPEN_LEASES_MAX)
    own = await _first_renewed(tx, project, [one for one in mine if not _is_open(one, now)], now)
    if own is not None:
        return own
    seq = await work_queue.claim_free(tx, project.project_key, user_id)
    if seq is None and await sweep(tx, project.project_key):
        seq = await work_queue.claim_free(tx, project.project_key, user_id)
    if seq is None:
        released = await leases_store.list_leases(
            tx, project.project_key, user_id, LeaseStatus.released, limit=UNFINISHED_MAX
        )
        return await _first_renewed(tx, project, released, now)
    task = await tasks.get_task(tx, project.project_key, seq)
    assert task.content is not None, "only tasks with content are in the queue"
    lease = Lease(
        project_key=project.project_key,
        assignment_id=ids.mint("assignment"),
        seq=seq,
        user_id=user_id,
        status=LeaseStatus.open,
        lease_version=1,
        created_ms=now,
        claimed_ms=now,
        expires_ms=now + lease_ms(project),
        ended_ms=None,
        active_ms=0,
        display=_encode(random_order(_decode_content(task.content))),
        draft=None,
        draft_revision=0,
        draft_ms=None,
    )
    await leases_store.insert_lease(tx, lease)
    return lease


async def resume(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Give somebody a task of theirs again; raises NotFound, LeaseLost, LimitReached."""
    await enter(tx, project, user_id)
    now = await tx.now_ms()
    lease = await get_lease(tx, project, user_id, assignment_id)
    if not _is_open(lease, now):
        await require_room(tx, project, user_id, now)
    found = await _renewed(tx, project, lease, now)
    if found is None:
        lease = await get_lease(tx, project, user_id, assignment_id)
        raise LeaseLost(await _why_not(tx, project, lease))
    return found


async def _why_not(tx: Transaction, project: ProjectRow, lease: Lease) -> str | None:
    """Why a lease could not be claimed anew."""
    if await work_queue.is_on_hold(tx, project.project_key, lease.seq):
        return "the batch of this task is paused; your draft is kept"
    if lease.status in (LeaseStatus.expired, LeaseStatus.released):
        return "somebody else has this task now; your draft is kept"
    return _LOST.get(lease.status)


async def enter(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Keep this person's other claims waiting, and so their removal; raises Forbidden after it."""
    await leases_store.enter(tx, project.project_key, user_id)
    await membership.require_present(tx, project.environment_id, user_id)


async def get_lease(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> Lease:
    """Somebody's own lease, in any status; raises NotFound."""
    lease = await leases_store.find_lease(tx, project.project_key, user_id, assignment_id)
    if lease is None:
        raise NotFound("there is no such assignment")
    return lease


async def list_open(tx: Transaction, project: ProjectRow, user_id: str) -> list[Lease]:
    """The tasks somebody has now, oldest first; those whose time has run out are not among them."""
    now = await tx.now_ms()
    found = await leases_store.list_leases(
        tx, project.project_key, user_id, LeaseStatus.open, limit=UNFINISHED_MAX
    )
    return [one for one in found if _is_open(one, now)]


async def count_open(tx: Transaction, project: ProjectRow, *, limit_max: int) -> int:
    """How many tasks have a free place, for anybody, counted no further than `limit_max`."""
    return await work_queue.count_free(tx, project.project_key, limit_max=limit_max)


async def heartbeat(tx: Transaction, project: ProjectRow, held: Hold, *, active_ms: int) -> int:
    """A sign of life: renew a lease; its new end. Raises LeaseLost."""
    now = await tx.now_ms()
    expires_ms = now + lease_ms(project)
    if not await leases_store.touch(
        tx, project.project_key, held, now=now, expires_ms=expires_ms, active_ms=active_ms
    ):
        raise await lost(tx, project, held)
    return expires_ms


async def save_draft(
    tx: Transaction, project: ProjectRow, held: Hold, *, revision: int, answers: Any, active_ms: int
) -> SavedDraft:
    """Keep what somebody has filled in so far; raises LeaseLost, DraftConflict, TooLarge."""
    draft = _encode(answers)
    if len(draft) > DRAFT_BYTES_MAX:
        raise TooLarge(f"a draft has at most {DRAFT_BYTES_MAX // 1024} KiB")
    now = await tx.now_ms()
    expires_ms = now + lease_ms(project)
    if await leases_store.write_draft(
        tx,
        project.project_key,
        held,
        now=now,
        expires_ms=expires_ms,
        active_ms=active_ms,
        revision=revision,
        draft=draft,
    ):
        return SavedDraft(revision, now, expires_ms)
    lease = await get_lease(tx, project, held.user_id, held.assignment_id)
    if not is_on_hold(lease, held, now):
        raise await lost(tx, project, held)
    if (lease.draft_revision, lease.draft) != (revision, draft):
        raise DraftConflict(revision=lease.draft_revision)
    expires_ms = await heartbeat(tx, project, held, active_ms=active_ms)
    return SavedDraft(revision, lease.draft_ms or now, expires_ms)


async def skip(
    tx: Transaction, project: ProjectRow, held: Hold, *, reason: str, note: str | None = None
) -> None:
    """Leave a task to others for good; raises LeaseLost, LimitReached, InvalidContent."""
    now = await tx.now_ms()
    await leases_store.enter(tx, project.project_key, held.user_id)
    skipped = await leases_store.count_recent(
        tx, project.project_key, held.user_id, LeaseStatus.skipped, now - 3_600_000
    )
    if skipped >= SKIPS_PER_HOUR_MAX:
        raise LimitReached(f"you skipped {skipped} tasks within an hour; ask a manager")
    seq = await _end(tx, project, held, LeaseStatus.skipped)
    await _note(tx, project, held, seq, "skip", _said(reason, note))


async def release(tx: Transaction, project: ProjectRow, held: Hold) -> None:
    """Give a task back for now; the draft stays. Raises LeaseLost."""
    await _end(tx, project, held, LeaseStatus.released)


async def flag(
    tx: Transaction, project: ProjectRow, held: Hold, *, reason: str, note: str | None = None
) -> None:
    """Tell a manager that something is wrong with a task; raises LeaseLost, InvalidContent."""
    lease = await get_lease(tx, project, held.user_id, held.assignment_id)
    if not is_on_hold(lease, held, await tx.now_ms()):
        raise await lost(tx, project, held)
    await _note(tx, project, held, lease.seq, "flag", _said(reason, note))


async def report_sensitive(
    tx: Transaction, project: ProjectRow, held: Hold, *, kind: str, message: str | None = None
) -> None:
    """Take a task from everybody because of what it says; raises LeaseLost, InvalidContent."""
    said = _said(kind, message)
    seq = await _end(tx, project, held, LeaseStatus.skipped)
    await leases_store.close_all(tx, project.project_key, seq, await tx.now_ms())
    await work_queue.free_all_places(tx, project.project_key, seq)
    await work_queue.change_state(
        tx,
        project.project_key,
        seq,
        expected=WorkState.open,
        state=WorkState.quarantined,
        reason=said["reason"],
    )
    await _note(tx, project, held, seq, "report", said)


async def sweep(tx: Transaction, project_key: int, *, limit: int = SWEPT_AT_ONCE) -> int:
    """Take back leases of a project that have run out; how many it was."""
    now = await tx.now_ms()
    swept = 0
    for seq in await leases_store.list_due(tx, project_key, now=now, limit=limit):
        count = await leases_store.expire(tx, project_key, seq, now)
        await work_queue.give_back(tx, project_key, seq, count=count)
        swept += count
    return swept


async def end_leases_of(tx: Transaction, organization_id: str, user_id: str) -> int:
    """End everything that somebody who was removed has open; how many it was."""
    ended, now = 0, await tx.now_ms()
    for environment_id in await organizations.list_orgs(tx, organization_id):
        for project in await projects.list_projects(tx, environment_id):
            project_key = project.project_key
            await leases_store.enter(tx, project_key, user_id)
            for seq in await leases_store.list_held(tx, project_key, user_id):
                await work_queue.lock_work(tx, project_key, seq)
                count = await leases_store.close_of_person(tx, project_key, seq, user_id, now)
                await work_queue.give_back(tx, project_key, seq, count=count)
                ended += count
    return ended


def lease_ms(project: ProjectRow) -> int:
    """How long a lease of this project lasts without a sign of life."""
    return (project_detail(project).lease_seconds or LEASE_SECONDS) * 1000


def is_on_hold(lease: Lease, held: Hold, now: int) -> bool:
    """Whether somebody still has the task that they say they have."""
    return _is_open(lease, now) and lease.lease_version == held.lease_version


async def lost(tx: Transaction, project: ProjectRow, held: Hold) -> LeaseLost:
    """Say why a lease is lost; raises NotFound if it never was."""
    lease = await get_lease(tx, project, held.user_id, held.assignment_id)
    if lease.status is LeaseStatus.open:
        is_older = lease.lease_version != held.lease_version
        return LeaseLost(
            "you opened this task again somewhere else" if is_older else _LOST[LeaseStatus.expired]
        )
    return LeaseLost(_LOST[lease.status])


async def require_room(
    tx: Transaction,
    project: ProjectRow,
    user_id: str,
    now: int,
    *,
    limit_max: int = OPEN_LEASES_MAX,
) -> None:
    """Hold somebody to their cap of open tasks; raises LimitReached."""
    mine = await leases_store.list_unfinished(
        tx, project.project_key, user_id, limit=UNFINISHED_MAX
    )
    _require_room(mine, now, limit_max)


def _require_room(mine: Sequence[Lease], now: int, limit_max: int) -> None:
    if sum(_is_open(one, now) for one in mine) >= limit_max:
        raise LimitReached(f"you have {limit_max} tasks open; finish one or give it back")


def _is_open(lease: Lease, now: int) -> bool:
    return lease.status is LeaseStatus.open and lease.expires_ms > now


async def _first_renewed(
    tx: Transaction, project: ProjectRow, leases: Sequence[Lease], now: int
) -> Lease | None:
    """The first of these leases that can be claimed anew: what holds its place, then the rest."""
    for lease in sorted(leases, key=lambda one: one.ended_ms is not None)[:RENEWALS_MAX]:
        found = await _renewed(tx, project, lease, now)
        if found is not None:
            return found
    return None


async def _renewed(tx: Transaction, project: ProjectRow, lease: Lease, now: int) -> Lease | None:
    """A lease claimed anew, None if that cannot be; one that holds no place takes one first.

    What a paused batch holds back is nobody's to begin or to take up again; who is at it may go on.
    """
    if not _is_open(lease, now) and await work_queue.is_on_hold(tx, project.project_key, lease.seq):
        return None
    if lease.status in (LeaseStatus.expired, LeaseStatus.released):
        if not await work_queue.take_place(tx, project.project_key, lease.seq):
            return None
    elif lease.status not in (LeaseStatus.open, LeaseStatus.returned):
        return None
    found = await leases_store.renew(tx, lease, now=now, expires_ms=now + lease_ms(project))
    if found is None and lease.status in (LeaseStatus.expired, LeaseStatus.released):
        await work_queue.give_back(tx, project.project_key, lease.seq)
    return found


async def _end(tx: Transaction, project: ProjectRow, held: Hold, status: LeaseStatus) -> int:
    """End a lease at its holder's word and free its place; its task. Raises LeaseLost."""
    lease = await get_lease(tx, project, held.user_id, held.assignment_id)
    await work_queue.lock_work(tx, project.project_key, lease.seq)
    now = await tx.now_ms()
    if not await leases_store.end(tx, project.project_key, held, now=now, status=status):
        raise await lost(tx, project, held)
    await work_queue.give_back(tx, project.project_key, lease.seq)
    return lease.seq


async def _note(
    tx: Transaction, project: ProjectRow, held: Hold, seq: int, kind: str, detail: dict[str, Any]
) -> None:
    await leases_store.insert_note(
        tx,
        TaskNote(
            project_key=project.project_key,
            note_id=ids.mint("note"),
            seq=seq,
            user_id=held.user_id,
            kind=kind,
            detail=_encode(detail),
            created_ms=await tx.now_ms(),
        ),
    )


def _said(reason: str, note: str | None) -> dict[str, Any]:
    """What somebody said, bounded; raises InvalidContent."""
    if not 0 < len(reason) <= REASON_CHARS_MAX:
        raise InvalidContent(f"a reason has 1 to {REASON_CHARS_MAX} characters", pointer="/reason")
    if len(note or "") > NOTE_CHARS_MAX:
        raise InvalidContent(f"at most {NOTE_CHARS_MAX} characters", pointer="/note")
    return {"reason": reason, "note": note} if note else {"reason": reason}
