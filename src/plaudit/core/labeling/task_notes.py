"""Notes on tasks: why annotators skip, flag or report one, and what others did about it.

Lock order is that of leases.py. `reason` or `kind` has 1 to REASON_CHARS_MAX characters, `note` or
`message` at most NOTE_CHARS_MAX; longer ones raise InvalidContent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import ids
from plaudit.core.labeling import leases, task_work
from plaudit.errors import Conflict, InvalidContent, LimitReached
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import LeaseRef, LeaseStatus, TaskNote, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags, skips
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import notes as notes_store
from plaudit.store.labeling.skips import SkippedRow
from plaudit.store.tasks import work_queue

SKIPS_PER_HOUR_MAX = 60
NOTE_CHARS_MAX = 10_000
REASON_CHARS_MAX = 255

_HOUR_MS = 3_600_000

_encode = msgspec.json.Encoder().encode


async def skip(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    *,
    reason: str,
    note: str | None = None,
) -> None:
    """End a lease, whose slot is free then: the person is not offered the task any more.

    Only `offer_again` changes that, once everybody has skipped it. Raises LeaseLost,
    InvalidContent, or LimitReached at SKIPS_PER_HOUR_MAX skips within an hour.
    """
    now = await tx.now_ms()
    await leases_store.lock_annotator(tx, abs(project.project_key), lease_ref.user_id)
    skipped = await leases_store.count_leases(
        tx, project.project_key, lease_ref.user_id, LeaseStatus.skipped, now - _HOUR_MS
    )
    if skipped >= SKIPS_PER_HOUR_MAX:
        raise LimitReached(f"you skipped {skipped} tasks within an hour; ask a manager")
    seq = await leases.end_lease(tx, project, lease_ref, LeaseStatus.skipped)
    await skips.mark_skipped(tx, project.project_key, seq)
    detail = _checked_detail(reason, note)
    await insert_note(tx, project.project_key, seq, lease_ref.user_id, "skip", detail)


async def flag(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    *,
    reason: str,
    note: str | None = None,
) -> None:
    """Tell managers that something is wrong with a task; the lease stays open.

    The task stands among the flagged ones until one of them has seen it (`see_flags`).

    Raises LeaseLost, InvalidContent.
    """
    lease = await leases.get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    now = await tx.now_ms()
    if not leases.has_lease(lease, lease_ref, now):
        raise await leases.lease_lost(tx, project, lease_ref)
    detail = _checked_detail(reason, note)
    at_ms = await insert_note(tx, project.project_key, lease.seq, lease_ref.user_id, "flag", detail)
    await flags.add_flag(tx, project.project_key, lease.seq, at_ms)


async def see_flags(
    tx: Transaction, project: ProjectRow, seq: int, user_id: str, *, until_ms: int
) -> None:
    """Take a task off the flagged ones: a manager has seen its flags up to `until_ms`.

    Raises Conflict if another has, or it was flagged again since.
    """
    if not await flags.delete_flags(tx, project.project_key, seq, until_ms=until_ms):
        raise Conflict("the task was flagged again, or somebody has seen its flags already")
    await insert_note(tx, project.project_key, seq, user_id, "see_flag", {})


async def offer_again(
    tx: Transaction, project: ProjectRow, seqs: Sequence[int], user_id: str
) -> list[SkippedRow]:
    """Offer tasks again to everybody who skipped them; return those that were offered, by seq.

    A task that is not skipped by all any more, such as one that somebody holds or that has ended,
    is left alone. Drafts are kept. Takes the same few statements for any number of tasks.
    """
    key = project.project_key
    locked = await skips.lock_candidates(tx, key, sorted(seqs))
    offered = await task_work.list_skipped_among(tx, project, locked)
    if not offered:
        return []
    await skips.release_skipped(tx, key, [row.seq for row in offered])
    now = await tx.now_ms()
    notes = [
        TaskNote(key, ids.mint("note"), row.seq, user_id, "offer_again", b"{}", now)
        for row in offered
    ]
    await notes_store.insert_notes(tx, notes)
    return offered


async def offer_task_again(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str
) -> None:
    """Offer one task again; raises Conflict if it is not skipped by all any more."""
    if not await offer_again(tx, project, [task.seq], user_id):
        raise Conflict("the task is not skipped by everybody, or somebody has it meanwhile")


async def report_sensitive(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    *,
    kind: str,
    message: str | None = None,
) -> None:
    """Quarantine a task because of its content, and close everybody's lease of it.

    It stays pending until a manager decides (review_decisions.py). Raises LeaseLost,
    InvalidContent.
    """
    detail = _checked_detail(kind, message)
    project_key = project.project_key
    seq = await leases.end_lease(tx, project, lease_ref, LeaseStatus.skipped)
    await skips.mark_skipped(tx, project_key, seq)
    await leases_store.close_all(tx, project_key, seq, await tx.now_ms())
    await work_queue.release_all_slots(tx, project_key, seq)
    await work_queue.change_state(
        tx,
        project_key,
        seq,
        expected=WorkState.open,
        state=WorkState.quarantined,
        reason=detail["reason"],
    )
    await insert_note(tx, project_key, seq, lease_ref.user_id, "report", detail)


async def insert_note(
    tx: Transaction, project_key: int, seq: int, user_id: str, kind: str, detail: dict[str, Any]
) -> int:
    """Add a note to a task: `user_id` is its author, `detail` becomes a JSON object.

    Returns the note's time.
    """
    note = TaskNote(
        project_key=project_key,
        note_id=ids.mint("note"),
        seq=seq,
        user_id=user_id,
        kind=kind,
        detail=_encode(detail),
        created_ms=await tx.now_ms(),
    )
    await notes_store.insert_note(tx, note)
    return note.created_ms


def _checked_detail(reason: str, note: str | None) -> dict[str, Any]:
    """A note's detail from a person's words; raises InvalidContent if they are too long."""
    if not 0 < len(reason) <= REASON_CHARS_MAX:
        raise InvalidContent(f"a reason has 1 to {REASON_CHARS_MAX} characters", pointer="/reason")
    if len(note or "") > NOTE_CHARS_MAX:
        raise InvalidContent(f"at most {NOTE_CHARS_MAX} characters", pointer="/note")
    return {"reason": reason, "note": note} if note else {"reason": reason}
