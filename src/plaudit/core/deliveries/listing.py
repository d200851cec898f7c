"""Delivery listings of v2: deliveries, pages of one, and tasks with their latest delivery."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plaudit.core.common import names, page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks.listing import (
    check_epoch,
    check_filters,
    count_expanded,
    head_refs_by_batch,
)
from plaudit.core.tasks.resolve import ScopeNames, find_project
from plaudit.errors import InvalidPageToken, InvalidParameter, NotFound
from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.model.deliveries import DeliveredRow, DeliveryRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2 import render, resources

SCANNED_MAX = 1000
"""Positions of a delivery read for one page of filtered tasks, which may then be short."""

_encode = msgspec.json.Encoder().encode


class DeliveryScope(Struct, frozen=True, kw_only=True):
    """Scope parameters of a delivery request, as given."""

    delivery_id: str | None = None
    delivery_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None


class DeliveryQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of a delivery's tasks."""

    scope: DeliveryScope
    limit: int = 100
    next_token: str | None = None
    expand: frozenset[str] = frozenset()
    opts: int


class RowQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of tasks with their deliveries; times are exclusive bounds."""

    scope: DeliveryScope
    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    limit: int = 100
    next_token: str | None = None


class _DeliveryToken(Struct, frozen=True, array_like=True, tag="delivery"):
    """Token of a walk over a delivery: continue after `position`."""

    epoch: int
    delivery_id: str
    position: int


class _RowToken(Struct, frozen=True, array_like=True, tag="delivery_tasks"):
    """Token of a walk over tasks with their deliveries: continue after `cursor`.

    Inside a delivery, `cursor.seq` is a position, and `bound` the last one.
    """

    epoch: int
    delivery_id: str | None
    where: TaskFilter
    cursor: TaskCursor
    bound: int


async def find_delivery(
    tx: Transaction, environment_id: str, scope: DeliveryScope
) -> DeliveryRow | None:
    """The delivery a request names, or None if it names none; raises NotFound, InvalidParameter."""
    project = await find_project(
        tx, environment_id, ScopeNames(scope.project_id, scope.project_name)
    )
    if scope.delivery_id is not None:
        delivery = await deliveries.find_delivery(tx, environment_id, scope.delivery_id)
        if delivery is None or (
            project is not None and delivery.project_key != project.project_key
        ):
            raise NotFound("there is no such delivery")
        name = scope.delivery_name
        if name is not None and names.normalize_name(name) != names.normalize_name(delivery.name):
            raise InvalidParameter(
                "delivery_id and delivery_name denote different deliveries", param="delivery_name"
            )
        return delivery
    if scope.delivery_name is None:
        return None
    if project is None:
        raise InvalidParameter(
            "a delivery's name is unique in its project only; add the project, or use delivery_id",
            param="delivery_name",
        )
    delivery = await deliveries.find_delivery_by_name(
        tx, project.project_key, names.normalize_name(scope.delivery_name)
    )
    if delivery is None:
        raise NotFound("there is no such delivery")
    return delivery


async def delivery_list(
    tx: Transaction,
    environment_id: str,
    scope: ScopeNames,
    *,
    delivered_after: int | None,
    delivered_before: int | None,
    expand: frozenset[str],
) -> wire.DeliveryList:
    """All deliveries of a project within exclusive bounds in milliseconds, oldest first.

    Raises NotFound, or InvalidParameter if no project is named.
    """
    project = await find_project(tx, environment_id, scope)
    if project is None:
        raise InvalidParameter("give project_id or project_name", param="project_id")
    listed = await deliveries.list_deliveries(
        tx,
        project.project_key,
        delivered_after=delivered_after,
        delivered_before=delivered_before,
    )
    project_value = resources.project(project) if "project" in expand else project.project_id
    return wire.DeliveryList(deliveries=[wire.delivery(row, project_value) for row in listed])


async def delivery_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: DeliveryQuery
) -> list[bytes]:
    """One page of a delivery's tasks as pieces of JSON to be joined.

    Raises NotFound, InvalidParameter, InvalidPageToken or PageTokenExpired.
    """
    delivery = await find_delivery(tx, environment_id, query.scope)
    position = 0
    if query.next_token is not None:
        pinned = page_tokens.decode(secret, environment_id, query.next_token, _DeliveryToken)
        check_epoch(tx, pinned.epoch)
        check_filters((None if delivery is None else delivery.delivery_id, pinned.delivery_id))
        if delivery is None:
            scope = msgspec.structs.replace(query.scope, delivery_id=pinned.delivery_id)
            delivery = await _find_pinned_delivery(tx, environment_id, scope)
        position = pinned.position
    if delivery is None:
        raise InvalidParameter(
            "give delivery_id, or delivery_name together with a project", param="delivery_id"
        )
    project = await _project_of(tx, delivery)
    until = min(position + query.limit, delivery.task_count)
    rows, is_cut = await delivered.list_frozen(
        tx,
        delivery.project_key,
        delivery.delivery_seq,
        after=position,
        until=until,
        with_patches=render.needs_patches(query.opts),
    )
    if query.expand & {"project", "batch"}:
        fitting = await count_expanded(tx, project, rows, query.expand, None)
        rows, is_cut = rows[:fitting], is_cut or fitting < len(rows)
    if is_cut:
        until = rows[-1][0]
    delivery_value = (
        wire.delivery(delivery, project.project_id)
        if "delivery" in query.expand
        else delivery.delivery_id
    )
    parts = [b'{"delivery":%b,"tasks":[' % _encode(delivery_value)]
    refs = await head_refs_by_batch(tx, project, {row[2] for row in rows}, query.expand, None)
    render.assemble(rows, refs, query.opts, parts)
    if until < delivery.task_count:
        token = _DeliveryToken(tx.epoch, delivery.delivery_id, until)
        parts.append(
            b'],"next_token":"%b"}' % page_tokens.encode(secret, environment_id, token).encode()
        )
    else:
        parts.append(b"]}")
    return parts


async def row_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: RowQuery
) -> list[bytes]:
    """One page of tasks with their deliveries as pieces of JSON to be joined.

    Raises NotFound, InvalidParameter, InvalidPageToken or PageTokenExpired.
    """
    walk, delivery = await _row_walk(tx, secret, environment_id, query)
    if delivery is None:
        rows, after = await _rows_of_project(tx, walk, query.limit)
    else:
        rows, after = await _rows_of_delivery(tx, walk, delivery, query.limit)
    parts = [b'{"docs":[', b",".join(map(wire.delivery_task, rows)), b'],"total":%d' % len(rows)]
    if after is not None:
        parts.append(
            b',"next_token":"%b"' % page_tokens.encode(secret, environment_id, after).encode()
        )
    parts.append(b"}")
    return parts


async def _rows_of_project(
    tx: Transaction, walk: _RowToken, limit: int
) -> tuple[list[DeliveredRow], _RowToken | None]:
    rows, has_more = await delivered.list_rows_of_project(
        tx, walk.where, after=walk.cursor, bound=walk.bound, limit=limit
    )
    if not has_more:
        return rows, None
    cursor = TaskCursor(rows[-1].completed_ms or 0, rows[-1].ordinal)
    return rows, msgspec.structs.replace(walk, cursor=cursor)


async def _rows_of_delivery(
    tx: Transaction, walk: _RowToken, delivery: DeliveryRow, limit: int
) -> tuple[list[DeliveredRow], _RowToken | None]:
    after = walk.cursor.seq
    until = min(after + SCANNED_MAX, delivery.task_count)
    rows, has_more = await delivered.list_rows_of_delivery(
        tx, walk.where, delivery.delivery_seq, after=after, until=until, limit=limit
    )
    if has_more:
        until = rows[-1].ordinal
    if until >= delivery.task_count:
        return rows, None
    return rows, msgspec.structs.replace(walk, cursor=TaskCursor(0, until))


async def _row_walk(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: RowQuery
) -> tuple[_RowToken, DeliveryRow | None]:
    """The walk a request starts or continues; its delivery, or None for a walk over a project."""
    scope = query.scope
    delivery = await find_delivery(tx, environment_id, scope)
    project = await find_project(
        tx, environment_id, ScopeNames(scope.project_id, scope.project_name)
    )
    if query.next_token is not None:
        walk = page_tokens.decode(secret, environment_id, query.next_token, _RowToken)
        check_epoch(tx, walk.epoch)
        check_filters(
            (None if delivery is None else delivery.delivery_id, walk.delivery_id),
            (None if project is None else project.project_key, walk.where.project_key),
            (query.status, walk.where.status),
            (query.completed_after, walk.where.completed_after),
            (query.completed_before, walk.where.completed_before),
        )
        if walk.delivery_id is not None:
            delivery = await _find_pinned_delivery(
                tx, environment_id, DeliveryScope(delivery_id=walk.delivery_id)
            )
        elif await projects.find_project_by_key(tx, environment_id, walk.where.project_key) is None:
            raise InvalidPageToken
        return walk, delivery
    inside = delivery or project
    if inside is None:
        raise InvalidParameter(
            "name what to list: project_id, project_name or delivery_id", param="project_id"
        )
    where = TaskFilter(
        project_key=inside.project_key,
        status=query.status,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
    )
    if delivery is not None:
        token = _RowToken(tx.epoch, delivery.delivery_id, where, TaskCursor(0, 0), 0)
        return msgspec.structs.replace(token, bound=delivery.task_count), delivery
    if where.is_by_completion:
        bound = await projects.last_completion_time(tx, where.project_key)
    else:
        bound = await projects.next_seq(tx, where.project_key) - 1
    return _RowToken(tx.epoch, None, where, where.start, bound), None


async def _find_pinned_delivery(
    tx: Transaction, environment_id: str, scope: DeliveryScope
) -> DeliveryRow:
    """The delivery of a page token; raises InvalidPageToken if it is gone or in another project."""
    try:
        delivery = await find_delivery(tx, environment_id, scope)
    except NotFound as exc:
        raise InvalidPageToken from exc
    assert delivery is not None
    return delivery


async def _project_of(tx: Transaction, delivery: DeliveryRow) -> ProjectRow:
    project = await projects.find_project_by_key(tx, delivery.environment_id, delivery.project_key)
    assert project is not None
    return project
