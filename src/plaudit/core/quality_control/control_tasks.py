"""Control tasks: gold and repeats, which people answer like any other task without knowing.

They stand in the tables of tasks and work under a key of their own (`control_key`), to which
nothing else refers: no list, count, delivery, export or walk of a project meets them, and their ids
lead nowhere. Leases, drafts and submissions work on them unchanged (docs/adr/0039-gold-tasks.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from plaudit import clock, ids
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState, control_key
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import gold
from plaudit.store.tasks import projects, tasks, work_queue
from plaudit.wire.v2 import render
from plaudit.wire.v2.render import HeadFields

SLOTS = 1_000_000_000
"""Slots of a control task: it never has all submissions, and so never completes."""

T = TypeVar("T")


def control_side(project: ProjectRow) -> ProjectRow:
    """The project as its control tasks know it: under their key."""
    return msgspec.structs.replace(project, project_key=control_key(project.project_key))


async def on_either_side(
    tx: Transaction,
    project: ProjectRow,
    work: Callable[[Transaction, ProjectRow], Awaitable[T]],
) -> T:
    """Do something with a person's lease among ordinary tasks or, if it is none, control tasks.

    `work` raises NotFound where the lease is not, before it changes anything.
    """
    try:
        return await work(tx, project)
    except NotFound:
        return await work(tx, control_side(project))


async def create(
    tx: Transaction, project: ProjectRow, contents: Sequence[bytes]
) -> list[StoredTask]:
    """Add control tasks with these conversations to a project."""
    side = control_side(project)
    await gold.open_sequence(tx, side.project_key)
    first, now = await projects.reserve_seqs(tx, side.project_key, len(contents)), clock.now_ms()
    created = []
    for seq, content in enumerate(contents, first):
        task_id = ids.mint("task")
        fields = HeadFields(
            task_id=task_id, status=TaskStatus.pending, created_at=clock.format_ms(now)
        )
        created.append(
            StoredTask(
                project_key=side.project_key,
                seq=seq,
                task_id=task_id,
                batch_id=None,
                status=TaskStatus.pending,
                created_ms=now,
                completed_ms=None,
                head=render.render_head(fields, has_body=False),
                content=content,
            )
        )
    await tasks.insert_unlisted(tx, created)
    await work_queue.insert_work(
        tx,
        [
            QueuedTask(
                project_key=task.project_key,
                seq=task.seq,
                batch_id=None,
                rank=0,
                since_ms=now,
                needed=SLOTS,
                submitted_count=0,
                open_count=0,
                state=WorkState.open,
                is_on_hold=False,
                reason=None,
            )
            for task in created
        ],
    )
    return created
