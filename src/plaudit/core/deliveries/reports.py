"""Delivery reports: manifest, diff with another delivery, and changes since.

Each is a walk over the positions of a delivery; a page reads as many as its limit.
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
from plaudit.store.common import pages
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, row_sizes
from plaudit.wire.v2 import deliveries as wire

COMPARED_BYTES_MAX = pages.PAGE_BYTES_MAX // 2
"""Bytes of delivered tasks that a page of changes compares with as many of the tasks' own."""


class _ReportToken(Struct, frozen=True, array_like=True, tag="delivery_report"):
    """Token of a report: continue after `position`, of the other delivery if `is_in_other`."""

    epoch: int
    report: str
    delivery_id: str
    other_id: str | None
    is_in_other: bool
    position: int


class ReportQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of a report; `other_id` is the second delivery of a diff."""

    delivery_id: str
    other_id: str | None = None
    limit: int
    next_token: str | None = None


async def get_delivery(tx: Transaction, environment_id: str, delivery_id: str) -> DeliveryRow:
    """A delivery of this environment by its id; raises NotFound."""
    delivery = await deliveries.find_delivery(tx, environment_id, delivery_id)
    if delivery is None:
        raise NotFound("there is no such delivery")
    return delivery


async def delivery_record(tx: Transaction, delivery: DeliveryRow) -> wire.DeliveryRecord:
    """A delivery in the shape of the management API."""
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
    versions = await _versions(tx, delivery, walk.position, until, delivery)
    return wire.DeliveryManifest(
        delivery=await delivery_record(tx, delivery),
        tasks=[
            wire.ManifestEntry(task_id=version.task_id, sha256=version.digest.hex())
            for version in versions
        ],
        next_token=_token(secret, environment_id, walk, until, delivery),
    )


async def changes(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: ReportQuery
) -> wire.DeliveryChanges:
    """One page of the delivered tasks that have changed since; tasks that have not are left out.

    It ends before the tasks with which more than COMPARED_BYTES_MAX would be read.
    """
    delivery = await get_delivery(tx, environment_id, query.delivery_id)
    walk = _read_walk(tx, secret, environment_id, "changes", query)
    until = min(walk.position + query.limit, delivery.task_count)
    place = (delivery.project_key, delivery.delivery_seq)
    sizes = await row_sizes.list_frozen_sizes(tx, *place, after=walk.position, until=until)
    until = walk.position + pages.count_fitting(
        [sizes[position] for position in sorted(sizes)], COMPARED_BYTES_MAX
    )
    versions = await delivered.list_versions_now(tx, *place, after=walk.position, until=until)
    return wire.DeliveryChanges(
        tasks=[
            wire.ChangedTask(
                task_id=version.task_id,
                status=version.status,
                threads_changed=not version.has_same_threads,
            )
            for version in versions
            if version.is_changed
        ],
        next_token=_token(secret, environment_id, walk, until, delivery),
    )


async def diff(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: ReportQuery
) -> wire.DeliveryDiff:
    """One page of the tasks that the other delivery adds, lacks, or holds in another version.

    Raises NotFound, or InvalidParameter for deliveries of different projects.
    """
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
        for version in await _versions(tx, delivery, walk.position, until, other):
            if version.other_digest is None:
                page.removed.append(version.task_id)
            elif version.other_digest != version.digest:
                page.changed.append(version.task_id)
        page.next_token = _token(secret, environment_id, walk, until, delivery)
        if page.next_token is not None:
            return page
        left -= until - walk.position
        walk = msgspec.structs.replace(walk, is_in_other=True, position=0)
    until = min(walk.position + left, other.task_count)
    versions = await _versions(tx, other, walk.position, until, delivery)
    page.added += [version.task_id for version in versions if version.other_digest is None]
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
    """The walk a request starts or continues; raises InvalidPageToken or PageTokenExpired."""
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
