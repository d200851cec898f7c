"""Answer the listings of datasets: deliveries, and pages of tasks as stored bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.datasets.datasets import get_dataset
from plaudit.errors import InvalidPageToken, InvalidParameter, NotFound, PageTokenExpired
from plaudit.model.deliveries import DatasetDeliveryRow, DatasetRow, DatasetTaskRow
from plaudit.store.datasets import datasets
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2 import datasets as wire

FAR = 2**62
_encode = msgspec.json.Encoder().encode


class DatasetTaskQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of a dataset's tasks; times are exclusive bounds in milliseconds."""

    dataset_id: str | None = None
    delivery_id: str | None = None
    delivered_after: int | None = None
    delivered_before: int | None = None
    limit: int = 100
    next_token: str | None = None
    expand: frozenset[str] = frozenset()


class _Walk(Struct, frozen=True, array_like=True, tag="dataset tasks"):
    """Where a walk over a dataset's or a delivery's tasks goes on."""

    epoch: int
    dataset_key: int
    delivery_id: str | None
    delivered_after: int | None
    delivered_before: int | None
    after_ms: int
    after_seq: int
    bound: int
    """The greatest time of delivery that belongs to the walk."""


async def delivery_list(
    tx: Transaction,
    environment_id: str,
    *,
    dataset_id: str | None,
    delivered_after: int | None,
    delivered_before: int | None,
    expand: frozenset[str],
) -> wire.DatasetDeliveryList:
    """All deliveries of a dataset, or of all datasets (A17), by time."""
    if dataset_id is None:
        owners = await datasets.list_datasets(tx, environment_id)
    else:
        owners = [await get_dataset(tx, environment_id, dataset_id)]
    found = await datasets.list_deliveries(
        tx,
        environment_id,
        dataset_key=None if dataset_id is None else owners[0].dataset_key,
        delivered_after=delivered_after,
        delivered_before=delivered_before,
    )
    shown = {
        one.dataset_key: wire.dataset(one) if "dataset" in expand else one.dataset_id
        for one in owners
    }
    return wire.DatasetDeliveryList(
        deliveries=[wire.delivery(one, shown[one.dataset_key]) for one in found]
    )


async def task_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> list[bytes]:
    """One page of tasks as JSON, in pieces to be joined once."""
    dataset, delivery, walk = await _walk_of(tx, secret, environment_id, query)
    found = await _tasks(tx, dataset, delivery, walk, query.limit + 1)
    return [b'{"tasks":[', *await _rest_of_page(tx, secret, dataset, walk, found, query)]


async def delivery_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> list[bytes]:
    """A delivery as an object (A18) and one page of its tasks as JSON, in pieces."""
    dataset, delivery, walk = await _walk_of(tx, secret, environment_id, query)
    assert delivery is not None
    found = await _tasks(tx, dataset, delivery, walk, query.limit + 1)
    shown = _encode(wire.delivery(delivery, dataset.dataset_id))
    rest = await _rest_of_page(tx, secret, dataset, walk, found, query)
    return [b'{"delivery":%b,"tasks":[' % shown, *rest]


async def one_task(
    tx: Transaction, environment_id: str, task_id: str, expand: frozenset[str]
) -> bytes | None:
    """One task as JSON; None if this world has none of that id."""
    task = await datasets.find_dataset_task(tx, environment_id, task_id)
    if task is None:
        return None
    dataset = await datasets.find_dataset_by_key(tx, environment_id, task.dataset_key)
    assert dataset is not None
    return b"".join(await _shown(tx, dataset, [task], expand))


async def _walk_of(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DatasetTaskQuery
) -> tuple[DatasetRow, DatasetDeliveryRow | None, _Walk]:
    """The walk a request starts or continues, and where it is."""
    dataset, delivery = await _scope(tx, environment_id, query)
    if query.next_token is not None:
        walk = page_tokens.decode(secret, environment_id, query.next_token, _Walk)
        if walk.epoch != tx.epoch:
            raise PageTokenExpired
        _must_agree(walk, dataset, delivery, query)
        if delivery is None and walk.delivery_id is not None:
            delivery = await datasets.find_delivery(tx, environment_id, walk.delivery_id)
        dataset = await datasets.find_dataset_by_key(tx, environment_id, walk.dataset_key)
        if dataset is None:
            raise InvalidPageToken
        return dataset, delivery, walk
    if dataset is None:
        raise InvalidParameter("name what to list: dataset_id or delivery_id", param="dataset_id")
    _, last_ms = await datasets.bounds_of(tx, dataset)
    before_ms = FAR if query.delivered_before is None else query.delivered_before
    walk = _Walk(
        epoch=tx.epoch,
        dataset_key=dataset.dataset_key,
        delivery_id=None if delivery is None else delivery.delivery_id,
        delivered_after=query.delivered_after,
        delivered_before=query.delivered_before,
        after_ms=-FAR if query.delivered_after is None else query.delivered_after,
        after_seq=0 if query.delivered_after is None else FAR,
        bound=min(last_ms, before_ms - 1),
    )
    return dataset, delivery, walk


def _must_agree(
    walk: _Walk,
    dataset: DatasetRow | None,
    delivery: DatasetDeliveryRow | None,
    query: DatasetTaskQuery,
) -> None:
    """Refuse filters that contradict the token; those not sent again are taken from it (A14)."""
    pairs = (
        (None if dataset is None else dataset.dataset_key, walk.dataset_key),
        (None if delivery is None else delivery.delivery_id, walk.delivery_id),
        (query.delivered_after, walk.delivered_after),
        (query.delivered_before, walk.delivered_before),
    )
    if any(given is not None and given != pinned for given, pinned in pairs):
        raise InvalidPageToken(
            "next_token belongs to a request with other filters; "
            "send the same ones again, or start without it"
        )


async def _scope(
    tx: Transaction, environment_id: str, query: DatasetTaskQuery
) -> tuple[DatasetRow | None, DatasetDeliveryRow | None]:
    """What a request names; a delivery is looked up inside the dataset where one is given."""
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


async def _tasks(
    tx: Transaction,
    dataset: DatasetRow,
    delivery: DatasetDeliveryRow | None,
    walk: _Walk,
    limit: int,
) -> list[DatasetTaskRow]:
    if delivery is None:
        return await datasets.list_tasks_by_delivery_time(
            tx,
            dataset.dataset_key,
            after=(walk.after_ms, walk.after_seq),
            bound=walk.bound,
            limit=limit,
        )
    is_after = walk.delivered_after is None or delivery.delivered_ms > walk.delivered_after
    is_before = walk.delivered_before is None or delivery.delivered_ms < walk.delivered_before
    if not (is_after and is_before):
        return []
    after_seq = walk.after_seq if walk.after_ms == delivery.delivered_ms else 0
    return await datasets.list_tasks_of_delivery(tx, delivery, after_seq=after_seq, limit=limit)


async def _rest_of_page(
    tx: Transaction,
    secret: ServerSecret,
    dataset: DatasetRow,
    walk: _Walk,
    found: list[DatasetTaskRow],
    query: DatasetTaskQuery,
) -> list[bytes]:
    """Everything of a page that follows the bracket before its tasks."""
    if len(found) <= query.limit:
        return [*await _shown(tx, dataset, found, query.expand), b"]}"]
    last = found[query.limit - 1]
    place = msgspec.structs.replace(walk, after_ms=last.delivered_ms, after_seq=last.seq)
    token = page_tokens.encode(secret, dataset.environment_id, place)
    parts = await _shown(tx, dataset, found[: query.limit], query.expand)
    return [*parts, b'],"next_token":"%b"}' % token.encode()]


async def _shown(
    tx: Transaction, dataset: DatasetRow, tasks: Sequence[DatasetTaskRow], expand: frozenset[str]
) -> list[bytes]:
    """Tasks of one dataset as JSON, with commas between them."""
    dataset_json = _encode(wire.dataset(dataset) if "dataset" in expand else dataset.dataset_id)
    deliveries: dict[str, bytes] = {}
    parts: list[bytes] = []
    for task in tasks:
        if task.delivery_id not in deliveries:
            shown: object = task.delivery_id
            if "delivery" in expand:
                row = await datasets.find_delivery(tx, dataset.environment_id, task.delivery_id)
                assert row is not None
                shown = wire.delivery(row, dataset.dataset_id)
            deliveries[task.delivery_id] = _encode(shown)
        comma = b"," if parts else b""
        parts.append(comma + wire.task(task, dataset_json, deliveries[task.delivery_id]))
    return parts
