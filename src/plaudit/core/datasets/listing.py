"""Listings of datasets as v2 JSON: deliveries, and pages of tasks from their stored bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.datasets.datasets import get_dataset
from plaudit.errors import InvalidPageToken, InvalidParameter, NotFound, PageTokenExpired
from plaudit.model.deliveries import DatasetDeliveryRow, DatasetRow, DatasetTaskRow
from plaudit.store.datasets import dataset_tasks, datasets
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2 import datasets as wire

FAR = 2**62
_encode = msgspec.json.Encoder().encode


class DatasetTaskQuery(Struct, frozen=True, kw_only=True):
    """Request for a page of a dataset's or delivery's tasks; exclusive bounds in milliseconds."""

    dataset_id: str | None = None
    delivery_id: str | None = None
    delivered_after: int | None = None
    delivered_before: int | None = None
    limit: int = 100
    next_token: str | None = None
    expand: frozenset[str] = frozenset()


class _TaskCursor(Struct, frozen=True, array_like=True, tag="dataset tasks"):
    """Cursor of a listing of a dataset's or a delivery's tasks: its filters and last row."""

    epoch: int
    dataset_key: int
    delivery_id: str | None
    delivered_after: int | None
    delivered_before: int | None
    after_ms: int
    after_seq: int
    bound: int
    """Greatest delivery time that the listing includes, in milliseconds."""


async def list_deliveries(
    tx: Transaction,
    environment_id: str,
    *,
    dataset_id: str | None,
    delivered_after: int | None,
    delivered_before: int | None,
    expand: frozenset[str],
) -> wire.DatasetDeliveryList:
    """List the deliveries of a dataset, or of all datasets if None, by time.

    Bounds are exclusive, in milliseconds. Raises NotFound for an unknown dataset.
    """
    if dataset_id is None:
        owners = await datasets.list_datasets(tx, environment_id)
    else:
        owners = [await get_dataset(tx, environment_id, dataset_id)]
    deliveries = await datasets.list_deliveries(
        tx,
        environment_id,
        dataset_key=None if dataset_id is None else owners[0].dataset_key,
        delivered_after=delivered_after,
        delivered_before=delivered_before,
    )
    references = {
        dataset.dataset_key: wire.dataset(dataset) if "dataset" in expand else dataset.dataset_id
        for dataset in owners
    }
    return wire.DatasetDeliveryList(
        deliveries=[
            wire.delivery(delivery, references[delivery.dataset_key]) for delivery in deliveries
        ]
    )


async def get_task_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> list[bytes]:
    """Return one page of tasks as JSON, in parts to be joined.

    Raises NotFound, InvalidParameter without a scope, InvalidPageToken, PageTokenExpired.
    """
    dataset, delivery, cursor = await _resolve_cursor(tx, secret, environment_id, query)
    tasks, has_more = await _list_tasks(tx, dataset, delivery, cursor, query.limit)
    return [b'{"tasks":[', *await _render_rest(tx, secret, dataset, cursor, tasks, has_more, query)]


async def get_delivery_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> list[bytes]:
    """Return a delivery as an object, and one page of its tasks, as JSON parts to be joined.

    Raises as `get_task_page` does.
    """
    dataset, delivery, cursor = await _resolve_cursor(tx, secret, environment_id, query)
    assert delivery is not None
    tasks, has_more = await _list_tasks(tx, dataset, delivery, cursor, query.limit)
    delivery_json = _encode(wire.delivery(delivery, dataset.dataset_id))
    rest = await _render_rest(tx, secret, dataset, cursor, tasks, has_more, query)
    return [b'{"delivery":%b,"tasks":[' % delivery_json, *rest]


async def get_task(
    tx: Transaction, environment_id: str, task_id: str, expand: frozenset[str]
) -> bytes | None:
    """Return one task as JSON; None if this environment has none of that id."""
    task = await dataset_tasks.find_dataset_task(tx, environment_id, task_id)
    if task is None:
        return None
    dataset = await datasets.find_dataset_by_key(tx, environment_id, task.dataset_key)
    assert dataset is not None
    return b"".join(await _render_tasks(tx, dataset, [task], expand))


async def _resolve_cursor(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> tuple[DatasetRow, DatasetDeliveryRow | None, _TaskCursor]:
    """Return the dataset, the delivery if any, and the cursor that a request starts from."""
    dataset, delivery = await _resolve_scope(tx, environment_id, query)
    if query.next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, query.next_token, _TaskCursor)
        if cursor.epoch != tx.epoch:
            raise PageTokenExpired
        _check_filters(cursor, dataset, delivery, query)
        if delivery is None and cursor.delivery_id is not None:
            delivery = await datasets.find_delivery(tx, environment_id, cursor.delivery_id)
        dataset = await datasets.find_dataset_by_key(tx, environment_id, cursor.dataset_key)
        if dataset is None:
            raise InvalidPageToken
        return dataset, delivery, cursor
    if dataset is None:
        raise InvalidParameter("name what to list: dataset_id or delivery_id", param="dataset_id")
    _, last_ms = await datasets.get_bounds(tx, dataset)
    before_ms = FAR if query.delivered_before is None else query.delivered_before
    cursor = _TaskCursor(
        epoch=tx.epoch,
        dataset_key=dataset.dataset_key,
        delivery_id=None if delivery is None else delivery.delivery_id,
        delivered_after=query.delivered_after,
        delivered_before=query.delivered_before,
        after_ms=-FAR if query.delivered_after is None else query.delivered_after,
        after_seq=0 if query.delivered_after is None else FAR,
        bound=min(last_ms, before_ms - 1),
    )
    return dataset, delivery, cursor


def _check_filters(
    cursor: _TaskCursor,
    dataset: DatasetRow | None,
    delivery: DatasetDeliveryRow | None,
    query: DatasetTaskQuery,
) -> None:
    """Raise InvalidPageToken for filters that differ from the token's; absent ones are fine."""
    pairs = (
        (None if dataset is None else dataset.dataset_key, cursor.dataset_key),
        (None if delivery is None else delivery.delivery_id, cursor.delivery_id),
        (query.delivered_after, cursor.delivered_after),
        (query.delivered_before, cursor.delivered_before),
    )
    if any(sent is not None and sent != pinned for sent, pinned in pairs):
        raise InvalidPageToken(
            "next_token belongs to a request with other filters; "
            "send the same ones again, or start without it"
        )


async def _resolve_scope(
    tx: Transaction, environment_id: str, query: DatasetTaskQuery
) -> tuple[DatasetRow | None, DatasetDeliveryRow | None]:
    """Return the dataset and delivery that a request names; raises NotFound.

    A delivery must belong to the dataset if both are named.
    """
    dataset = None
    if query.dataset_id is not None:
        dataset = await get_dataset(tx, environment_id, query.dataset_id)
    if query.delivery_id is None:
        return dataset, None
    delivery = await datasets.find_delivery(tx, environment_id, query.delivery_id)
    is_outside = dataset is not None and (
        delivery is None or delivery.dataset_key != dataset.dataset_key
    )
    if delivery is None or is_outside:
        raise NotFound("there is no such delivery")
    return await datasets.find_dataset_by_key(tx, environment_id, delivery.dataset_key), delivery


async def _list_tasks(
    tx: Transaction,
    dataset: DatasetRow,
    delivery: DatasetDeliveryRow | None,
    cursor: _TaskCursor,
    limit: int,
) -> tuple[list[DatasetTaskRow], bool]:
    if delivery is None:
        return await dataset_tasks.list_tasks_by_delivery_time(
            tx,
            dataset.dataset_key,
            after=(cursor.after_ms, cursor.after_seq),
            bound=cursor.bound,
            limit=limit,
        )
    is_after = cursor.delivered_after is None or delivery.delivered_ms > cursor.delivered_after
    is_before = cursor.delivered_before is None or delivery.delivered_ms < cursor.delivered_before
    if not (is_after and is_before):
        return [], False
    after_seq = cursor.after_seq if cursor.after_ms == delivery.delivered_ms else 0
    return await dataset_tasks.list_tasks_of_delivery(
        tx, delivery, after_seq=after_seq, limit=limit
    )


async def _render_rest(
    tx: Transaction,
    secret: ServerSecret,
    dataset: DatasetRow,
    cursor: _TaskCursor,
    tasks: list[DatasetTaskRow],
    has_more: bool,
    query: DatasetTaskQuery,
) -> list[bytes]:
    """Render the rest of a page after `"tasks":[`, with its next token."""
    parts = await _render_tasks(tx, dataset, tasks, query.expand)
    if not has_more:
        return [*parts, b"]}"]
    last = tasks[-1]
    next_cursor = msgspec.structs.replace(cursor, after_ms=last.delivered_ms, after_seq=last.seq)
    token = page_tokens.encode(secret, dataset.environment_id, next_cursor)
    return [*parts, b'],"next_token":"%b"}' % token.encode()]


async def _render_tasks(
    tx: Transaction, dataset: DatasetRow, tasks: Sequence[DatasetTaskRow], expand: frozenset[str]
) -> list[bytes]:
    """Render tasks of one dataset as JSON parts with commas between them."""
    dataset_json = _encode(wire.dataset(dataset) if "dataset" in expand else dataset.dataset_id)
    delivery_ids = sorted({task.delivery_id for task in tasks})
    deliveries = {delivery_id: _encode(delivery_id) for delivery_id in delivery_ids}
    if "delivery" in expand:
        rows = await datasets.find_deliveries(tx, dataset.environment_id, delivery_ids)
        deliveries = {
            delivery_id: _encode(wire.delivery(row, dataset.dataset_id))
            for delivery_id, row in rows.items()
        }
    parts: list[bytes] = []
    for task in tasks:
        comma = b"," if parts else b""
        parts.append(comma + wire.task(task, dataset_json, deliveries[task.delivery_id]))
    return parts
