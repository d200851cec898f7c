"""Partitions of an export: ranges of tasks that are read apart, and together hold everything.

A token names a range of `seq` of a project, or of positions of a delivery, with the filters that it
was planned for; it is signed as page tokens are (docs/adr/0035).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks.listing import check_epoch, check_filters
from plaudit.errors import InvalidPageToken, PageTokenExpired
from plaudit.model.deliveries import DeliveryRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, task_ranges
from plaudit.store.tasks.tasks import TaskFilter
from plaudit.wire.manage.resources import Partition

PARTITIONS_MAX = 4096
PARAM = "partition"
_REFUSED = "partition was not issued for this project or delivery; plan anew"
_OTHER_FILTERS = (
    "partition was planned with other filters; send the same ones again, or leave them out"
)
_EXPIRED = "partition was issued before the store was restored; plan anew"


class PartitionRange(Struct, frozen=True, array_like=True, tag="partition"):
    """Token of a partition: what comes after `after`, up to `until`, and which tasks of it.

    Both are sequence numbers, or inside a delivery positions; `where` then has no filter.
    """

    epoch: int
    delivery_id: str | None
    where: TaskFilter
    after: int
    until: int


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
) -> PartitionRange:
    """Range of a token for the project or delivery that is asked for, with the filters given.

    Filters that are not given are those of the token. Raises InvalidPageToken or PageTokenExpired.
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
        )
    except InvalidPageToken as exc:
        raise InvalidPageToken(_OTHER_FILTERS, param=PARAM) from exc
    return found


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
                PartitionRange(token.epoch, token.delivery_id, token.where, after, until),
            ),
            tasks,
        )
        for after, until, tasks in pieces
    ]
