"""Control tasks: gold and repeats, which people answer like any other task without knowing.

They stand in the tables of tasks and work under a key of their own (`control_key`), to which
nothing else refers: no list, count, delivery, export or walk of a project meets them, and their ids
lead nowhere. Leases, drafts and submissions work on them unchanged (docs/adr/0039-gold-tasks.md).

A draw for each of a person's ordinary tasks, by a seed that nobody sees, decides after which of
them gold or a repeat is due; so that two processes agree on it, and the number of control tasks to
come is known beforehand: pages count them among the tasks that wait. After one ordinary task there
is one control task at most, so never two in a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState, control_key
from plaudit.model.quality_control import ControlTurn
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import gold
from plaudit.store.tasks import projects, tasks, work_queue
from plaudit.wire.v2 import render
from plaudit.wire.v2.render import HeadFields

SLOTS = 1_000_000_000
"""Slots of a control task: it never has all submissions, and so never completes."""

_DRAWS = 2**32
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


class ControlRates(Struct, frozen=True):
    """Shares of a person's tasks that are gold, and repeats of their own."""

    gold: float
    repeats: float


def draws(seed: int, ordinary_count: int) -> tuple[float, float]:
    """Two draws from 0 to 1, for gold and for repeats, after so many ordinary tasks."""
    digest = hashlib.blake2b(b"%d %d" % (seed, ordinary_count), digest_size=8).digest()
    first, second = int.from_bytes(digest[:4]), int.from_bytes(digest[4:])
    return first / _DRAWS, second / _DRAWS


def is_due(turn: ControlTurn, rates: ControlRates) -> tuple[bool, bool]:
    """True for gold, and for a repeat, if it is due now; both where either may be given."""
    if turn.control_after == turn.ordinary_count:
        return False, False
    return _is_drawn(turn.seed, turn.ordinary_count, rates)


def count_planned(
    turn: ControlTurn, rates: ControlRates, *, free: int, gold_left: int, repeats_left: int
) -> int:
    """Number of control tasks before the last of `free` ordinary ones is given out."""
    gold = repeats = 0
    for number in range(turn.ordinary_count, turn.ordinary_count + free):
        if number == turn.control_after:
            continue
        is_gold, is_repeat = _is_drawn(turn.seed, number, rates)
        gold += is_gold
        repeats += is_repeat and not is_gold
    return min(gold, gold_left) + min(repeats, repeats_left)


def _is_drawn(seed: int, number: int, rates: ControlRates) -> tuple[bool, bool]:
    first, second = draws(seed, number)
    return first < _odds(rates.gold), second < _odds(rates.repeats)


def _odds(rate: float) -> float:
    """Control tasks for each ordinary one, where they are this share of all, ½ at most."""
    return rate / (1 - rate)
