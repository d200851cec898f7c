"""What can be asked of a delivery beside its tasks: its manifest, a diff, what has changed since.

Each is a walk over the positions of a delivery; a page looks at as many as its limit says.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks.listing import check_epoch, check_filters
from plaudit.errors import InvalidParameter, NotFound
from plaudit.model.deliveries import DeliveredVersion, DeliveryRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.wire.v2 import deliveries as wire


class _ReportToken(Struct, frozen=True, array_like=True, tag="delivery_report"):
    """Where a report goes on; a diff looks through the one delivery and then through the other."""

    epoch: int
    report: str
    delivery_id: str
    other_id: str | None
    is_in_other: bool
    position: int


class ReportQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of a report."""

    delivery_id: str
    other_id: str | None = None
    limit: int
    next_token: str | None = None


async def get_delivery(tx: Transaction, environment_id: str, delivery_id: str) -> DeliveryRow:
    """A delivery of this environment by its id; raises NotFound."""
    found = await deliveries.find_delivery(tx, environment_id, delivery_id)
    if found is None:
        raise NotFound("there is no such delivery")
    return found


async def delivery_record(tx: Transaction, delivery: DeliveryRow) -> wire.DeliveryRecord:
    """A delivery as the management API shows it."""
    project = await projects.find_project_by_key(tx, delivery.environment_id, delivery.project_key)
    assert project is not None
    return wire.record(delivery, project.project_id)


async def manifest(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: ReportQuery
) -> wire.DeliveryManifest:
    """One page of a delivery's manifest."""
    delivery = await get_delivery(tx, environment_id, query.delivery_id)
    walk = _read_walk(tx, secret, environment_id, "manifest", query)
    until = min(walk.position + query.limit, delivery.task_count)
    found = await _versions(tx, delivery, walk.position, until, delivery)
    return wire.DeliveryManifest(
        delivery=await delivery_record(tx, delivery),
        tasks=[wire.ManifestEntry(task_id=one.task_id, sha256=one.digest.hex()) for one in found],
        next_token=_token(secret, environment_id, walk, until, delivery),
    )


async def changes(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: ReportQuery
) -> wire.DeliveryChanges:
    """One page of the delivered tasks that are not what they were."""
    delivery = await get_delivery(tx, environment_id, query.delivery_id)
    walk = _read_walk(tx, secret, environment_id, "changes", query)
    until = min(walk.position + query.limit, delivery.task_count)
    found = await delivered.list_versions_now(
        tx, delivery.project_key, delivery.delivery_seq, after=walk.position, until=until
    )
    return wire.DeliveryChanges(
        tasks=[
            wire.ChangedTask(
                task_id=one.task_id, status=one.status, threads_changed=not one.has_same_threads
            )
            for one in found
            if one.is_changed
        ],
        next_token=_token(secret, environment_id, walk, until, delivery),
    )


async def diff(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: ReportQuery
) -> wire.DeliveryDiff:
    """One page of what the other delivery has more, less, or in another version."""
    assert query.other_id is not None
    delivery = await get_delivery(tx, environment_id, query.delivery_id)
    other = await get_delivery(tx, environment_id, query.other_id)
    if other.project_key != delivery.project_key:
        raise InvalidParameter("the deliveries are of different projects", param="other")
    walk = _read_walk(tx, secret, environment_id, "diff", query)
    page = wire.DeliveryDiff(added=[], removed=[], changed=[])
    left = query.limit
    if not walk.is_in_other:
        until = min(walk.position + left, delivery.task_count)
        for one in await _versions(tx, delivery, walk.position, until, other):
            if one.other_digest is None:
                page.removed.append(one.task_id)
            elif one.other_digest != one.digest:
                page.changed.append(one.task_id)
        page.next_token = _token(secret, environment_id, walk, until, delivery)
        if page.next_token is not None:
            return page
        left -= until - walk.position
        walk = msgspec.structs.replace(walk, is_in_other=True, position=0)
    until = min(walk.position + left, other.task_count)
    found = await _versions(tx, other, walk.position, until, delivery)
    page.added += [one.task_id for one in found if one.other_digest is None]
    page.next_token = _token(secret, environment_id, walk, until, other)
    return page


async def _versions(
    tx: Transaction, delivery: DeliveryRow, after: int, until: int, other: DeliveryRow
) -> Sequence[DeliveredVersion]:
    return await delivered.list_versions(
        tx,
        delivery.project_key,
        delivery.delivery_seq,
        after=after,
        until=until,
        other_seq=other.delivery_seq,
    )


def _read_walk(
    tx: Transaction, secret: ServerSecret, environment_id: str, report: str, query: ReportQuery
) -> _ReportToken:
    """Where the request starts or goes on."""
    if query.next_token is None:
        return _ReportToken(tx.epoch, report, query.delivery_id, query.other_id, False, 0)
    walk = page_tokens.decode(secret, environment_id, query.next_token, _ReportToken)
    check_epoch(tx, walk.epoch)
    check_filters(
        (report, walk.report),
        (query.delivery_id, walk.delivery_id),
        (query.other_id, walk.other_id),
    )
    return walk


def _token(
    secret: ServerSecret, environment_id: str, walk: _ReportToken, until: int, inside: DeliveryRow
) -> str | None:
    if until >= inside.task_count:
        return None
    return page_tokens.encode(secret, environment_id, msgspec.structs.replace(walk, position=until))
