"""Batch lifecycle: create over HTTP, finalize, pause, resume, cancel, set metadata.

The transitions are those of docs/compatibility.md ("Life of tasks and batches"), each a
conditional update under the lock of the batch's counts. Resuming or finalizing a batch whose tasks
are all done completes it at once.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import ids
from plaudit.core.common import json_merge_patch, names
from plaudit.core.tasks import lifecycle, work_queue
from plaudit.core.tasks.projects import create_batch
from plaudit.core.webhooks import events
from plaudit.errors import Conflict, IllegalMove, Unavailable
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, tasks
from plaudit.wire.v2 import render, size_limits

CANCELED_AT_ONCE = 500

TRANSITIONS: dict[str, tuple[tuple[BatchStatus, ...], BatchStatus]] = {
    "finalize": ((BatchStatus.staging,), BatchStatus.in_progress),
    "pause": ((BatchStatus.in_progress,), BatchStatus.paused),
    "resume": ((BatchStatus.paused,), BatchStatus.in_progress),
    "cancel": (
        (BatchStatus.staging, BatchStatus.in_progress, BatchStatus.paused),
        BatchStatus.cancelled,
    ),
}
"""Statuses that each action starts from, and the one it leads to."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


async def open_batch(
    tx: Transaction,
    project: ProjectRow,
    *,
    name: str,
    is_staging: bool,
    metadata: dict[str, Any],
    callback: str | None,
) -> BatchRow:
    """Create a batch; raises Conflict if any batch of the environment has its name."""
    name_key = names.check_name(name)
    batch_id = ids.mint("batch")
    if not await batches.reserve_name(tx, project.environment_id, name_key, batch_id):
        raise Conflict(f"there is a batch named {name!r} already")
    return await create_batch(
        tx,
        project,
        name=name,
        batch_id=batch_id,
        status=BatchStatus.staging if is_staging else BatchStatus.in_progress,
        metadata=metadata,
        callback=callback,
    )


async def apply_action(tx: Transaction, batch: BatchRow, action: str) -> BatchRow:
    """Apply one of TRANSITIONS; return the changed batch. Raises IllegalMove."""
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # the lock
    starts, status = TRANSITIONS[action]
    current = await _current(tx, batch)
    if current.status not in starts or not await batches.move_batch(
        tx, current, expected=current.status, status=status
    ):
        allowed = " or ".join(starts)
        raise IllegalMove(f"the batch is {current.status}; to {action} it, it must be {allowed}")
    await work_queue.apply_batch_status(tx, msgspec.structs.replace(current, status=status))
    if status is BatchStatus.cancelled:
        await cancel_pending(tx, batch)
    elif status is BatchStatus.in_progress:
        await lifecycle.complete_batch_if_done(
            tx, batch.environment_id, batch.project_key, batch.batch_id
        )
    return await _current(tx, batch)


async def set_metadata(
    tx: Transaction, batch: BatchRow, metadata: dict[str, Any], *, merge: bool
) -> BatchRow:
    """Replace a batch's metadata, or with `merge` patch it (RFC 7396); return the changed batch.

    Raises InvalidContent if the result is too long, or Unavailable.
    """
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # an import's lock
    for _ in range(lifecycle.ATTEMPTS_MAX):
        current = await _current(tx, batch)
        wanted = json_merge_patch.merge(_decode(current.metadata), metadata) if merge else metadata
        size_limits.check_metadata(wanted)
        if await batches.replace_metadata(tx, current, _encode(wanted)):
            return msgspec.structs.replace(current, metadata=_encode(wanted))
    raise Unavailable("the batch changes too often; try again")


async def _current(tx: Transaction, batch: BatchRow) -> BatchRow:
    current = await batches.find_batch(tx, batch.environment_id, batch.batch_id)
    assert current is not None
    return current


async def cancel_pending(tx: Transaction, batch: BatchRow) -> None:
    """Cancel the pending tasks of a batch, with their events; the caller has locked the batch."""
    await work_queue.end_work_of_batch(tx, batch)  # rows of the queue are locked before tasks
    canceled = 0
    while pending := await tasks.list_pending_of_batch(
        tx, batch.project_key, batch.batch_id, limit=CANCELED_AT_ONCE
    ):
        moved = []
        for task in pending:
            fields = render.read_head(task.head)
            fields.status = TaskStatus.canceled
            moved.append((task, render.render_head(fields, has_body=False)))
        await tasks.cancel_tasks(tx, moved)
        await events.announce_tasks(
            tx,
            batch.environment_id,
            [
                msgspec.structs.replace(task, status=TaskStatus.canceled, head=head)
                for task, head in moved
            ],
        )
        canceled += len(moved)
    change = {TaskStatus.pending: -canceled, TaskStatus.canceled: canceled}
    counts = await batches.add_progress(tx, batch.project_key, batch.batch_id, change)
    assert counts[TaskStatus.pending] == 0, "the lock keeps other transactions from its tasks"
