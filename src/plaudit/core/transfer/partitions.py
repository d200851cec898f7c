"""Partitions of an export: ranges of tasks that are read apart, and together hold everything.

A token names a range of `seq` of a project, or of positions of a delivery, with the filters that it
was planned for; it is signed as page tokens are (docs/adr/0035).
"""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks.listing import check_epoch, check_filters
from plaudit.errors import InvalidPageToken, PageTokenExpired
from plaudit.model.core import TaskStatus
from plaudit.model.deliveries import DeliveryRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import projects, task_heads, task_ranges
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter
from plaudit.wire.manage.resources import Partition
from plaudit.wire.v2 import render

PARTITIONS_MAX = 4096
HEADS_PER_READ = 1000
PARAM = "partition"
_REFUSED = "partition was not issued for this project or delivery; plan anew"
_OTHER_FILTERS = (
    "partition was planned with other filters; send the same ones again, or leave them out"
)
_EXPIRED = "partition was issued before the store was restored; plan anew"


class PartitionRange(Struct, frozen=True, array_like=True, tag="partition"):
    """Token of a partition: what comes after `after`, up to `until`, and which tasks of it.

    Both are sequence numbers, or inside a delivery positions; `where` then has no filter.
    `metadata` are the conditions on it, `KEY=VALUE`.
    """

    epoch: int
    delivery_id: str | None
    where: TaskFilter
    after: int
    until: int
    metadata: tuple[str, ...] = ()


async def plan_project(
    tx: Transaction, secret: ServerSecret, environment_id: str, where: TaskFilter, count: int
) -> list[Partition]:
    """Plan up to `count` partitions of a project's tasks, equally many in each; at least one.

    They reach from the first `seq` to the last one given out, so that a task which matches the
    filter only later is in one of them too. Three statements, of keys alone; `tx` is a snapshot.
    """
    bound = await projects.next_seq(tx, where.project_key) - 1
    planned = await task_ranges.plan_ranges(tx, where, bound=bound, count=count) or [(bound, 0)]
    ends = [*(until for until, _ in planned[:-1]), bound]
    pieces = zip([0, *ends], ends, [tasks for _, tasks in planned], strict=False)
    return _signed(secret, environment_id, PartitionRange(tx.epoch, None, where, 0, 0), pieces)


async def plan_by_metadata(
    db: Database,
    secret: ServerSecret,
    environment_id: str,
    where: TaskFilter,
    count: int,
    *,
    metadata: tuple[str, ...],
    takes: Callable[[dict[str, Any]], bool],
) -> list[Partition]:
    """Plan as `plan_project` does, of the tasks whose metadata `takes` is true for.

    The head of each task that matches the rest of the filter is read, in short transactions.
    """
    listed = msgspec.structs.replace(where, completed_after=None, completed_before=None)
    if where.is_by_completion and where.status is None:
        listed = msgspec.structs.replace(listed, status=TaskStatus.completed)
    low, high = where.completed_after, where.completed_before
    found, cursor, has_more = array("q"), listed.start, True
    async with db.read() as tx:
        epoch, bound = tx.epoch, await projects.next_seq(tx, where.project_key) - 1
    while has_more:
        async with db.read() as tx:
            heads, has_more = await task_heads.list_heads(
                tx, listed, after=cursor, bound=bound, limit=HEADS_PER_READ
            )
        for seq, completed_ms, head, _ in heads:
            at = 0 if completed_ms is None else completed_ms
            is_between = (low is None or at > low) and (high is None or at < high)
            if is_between and takes(render.read_head(head).metadata or {}):
                found.append(seq)
            cursor = TaskCursor(0, seq)
    count = max(1, min(count, len(found)))
    shares = [len(found) * number // count for number in range(count + 1)]
    ends = [*(found[share - 1] for share in shares[1:-1]), bound]
    pieces = zip([0, *ends], ends, map(operator.sub, shares[1:], shares), strict=False)
    token = PartitionRange(epoch, None, where, 0, 0, metadata)
    return _signed(secret, environment_id, token, pieces)


def plan_delivery(
    tx: Transaction, secret: ServerSecret, delivery: DeliveryRow, count: int
) -> list[Partition]:
    """Plan up to `count` partitions of a delivery, equally many tasks in each; at least one."""
    total = delivery.task_count
    count = max(1, min(count, total))
    ends = [total * number // count for number in range(count + 1)]
    pieces = [(after, until, until - after) for after, until in itertools.pairwise(ends)]
    where = TaskFilter(delivery.project_key)
    token = PartitionRange(tx.epoch, delivery.delivery_id, where, 0, 0)
    return _signed(secret, delivery.environment_id, token, pieces)


def read_token(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    token: str,
    *,
    where: TaskFilter,
    delivery_id: str | None,
    metadata: tuple[str, ...],
) -> PartitionRange:
    """Range of a token for the project or delivery that is asked for, with the filters given.

    Filters that are not given are those of the token, and conditions on metadata may be added to a
    token that has none. Raises InvalidPageToken or PageTokenExpired.
    """
    try:
        found = page_tokens.decode(secret, environment_id, token, PartitionRange)
        check_epoch(tx, found.epoch)
    except InvalidPageToken as exc:
        raise InvalidPageToken(_REFUSED, param=PARAM) from exc
    except PageTokenExpired as exc:
        raise PageTokenExpired(_EXPIRED, param=PARAM) from exc
    if (found.delivery_id, found.where.project_key) != (delivery_id, where.project_key):
        raise InvalidPageToken(_REFUSED, param=PARAM)
    try:
        check_filters(
            (where.batch_id, found.where.batch_id),
            (where.status, found.where.status),
            (where.completed_after, found.where.completed_after),
            (where.completed_before, found.where.completed_before),
            (metadata or None, found.metadata or metadata),
        )
    except InvalidPageToken as exc:
        raise InvalidPageToken(_OTHER_FILTERS, param=PARAM) from exc
    return msgspec.structs.replace(found, metadata=found.metadata or metadata)


def _signed(
    secret: ServerSecret,
    environment_id: str,
    token: PartitionRange,
    pieces: Iterable[tuple[int, int, int]],
) -> list[Partition]:
    return [
        Partition(
            page_tokens.encode(
                secret,
                environment_id,
                msgspec.structs.replace(token, after=after, until=until),
            ),
            tasks,
        )
        for after, until, tasks in pieces
    ]
