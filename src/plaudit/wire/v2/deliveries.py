"""Deliveries in the shapes of v2, of the management API and of archives.

The digest of a delivered task is the SHA-256 of the task's JSON exactly as `GET /v2/delivery`
writes it with every option and nothing expanded. The manifest's is that of the lines
`<digest in hexadecimal>  <task_id>`, each ended by a line feed, in the delivery's order.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.model import deliveries as model_deliveries
from plaudit.model.core import ALL_OPTS, StoredTask, TaskStatus
from plaudit.model.deliveries import DeliveredRow
from plaudit.wire.v2 import render
from plaudit.wire.v2.resources import Project
from plaudit.wire.v2.task import Task, Thread

_encode = msgspec.json.Encoder().encode


class Delivery(Struct, kw_only=True):
    """A frozen, named set of completed tasks of one project."""

    id: str
    name: str
    task_count: int
    delivered_at: str
    project: str | Project


class DeliveryList(Struct, kw_only=True):
    """All deliveries of a project, oldest first."""

    deliveries: list[Delivery]


class DeliveryPage(Struct, omit_defaults=True, kw_only=True):
    """One page of a delivery's tasks, as they were delivered."""

    delivery: str | Delivery
    tasks: list[Task]
    next_token: str | None = None


class DeliveredResponse(Struct, kw_only=True):
    """What was delivered of a task: its threads with every detail."""

    threads: list[Thread]


class DeliveryTask(Struct, kw_only=True):
    """A task and its latest delivery. What there is none of is null."""

    task_id: str
    created_at: str
    delivery_id: str | None
    delivered_at: str | None
    response_schema_id: str | None
    response: DeliveredResponse | None


class DeliveryTaskPage(Struct, omit_defaults=True, kw_only=True):
    """One page of tasks with their deliveries; `total` counts the rows of this page."""

    docs: list[DeliveryTask]
    total: int
    next_token: str | None = None


class CreateDelivery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /manage/v1/projects/{project_id}/deliveries: a name, and ids or a filter."""

    name: str
    task_ids: list[str] | None = None
    batch_id: str | None = None
    batch_name: str | None = None
    completed_after: str | None = None
    completed_before: str | None = None
    response_schema_id: str | None = None


class DeliveryRecord(Struct, omit_defaults=True, kw_only=True):
    """A delivery with the hash of its manifest."""

    id: str
    name: str
    project: str
    task_count: int
    delivered_at: str
    response_schema_id: str | None = None
    manifest_sha256: str


class ManifestEntry(Struct, kw_only=True):
    """A delivered task and the hash of its JSON."""

    task_id: str
    sha256: str


class DeliveryManifest(Struct, omit_defaults=True, kw_only=True):
    """One page of a delivery's manifest, in the delivery's order."""

    delivery: DeliveryRecord
    tasks: list[ManifestEntry]
    next_token: str | None = None


class DeliveryDiff(Struct, omit_defaults=True, kw_only=True):
    """One page of what another delivery has more, less, and in another version."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    next_token: str | None = None


class ChangedTask(Struct, kw_only=True):
    """A delivered task that is not what it was: its status today, and if its threads differ."""

    task_id: str
    status: TaskStatus
    threads_changed: bool


class DeliveryChanges(Struct, omit_defaults=True, kw_only=True):
    """One page of the delivered tasks that have changed since."""

    tasks: list[ChangedTask]
    next_token: str | None = None


class ArchivedDelivery(Struct, omit_defaults=True, kw_only=True):
    """A delivery as archives carry it, or a part of one.

    A long delivery is several lines: `task_count` is that of the whole, `position` where the first
    of `task_ids` stands in it. `frozen` holds the delivered tasks that have changed since.
    """

    id: str
    name: str | None = None
    project: str | Project
    delivered_at: str | None = None
    task_count: int | None = None
    response_schema_id: str | None = None
    manifest_sha256: str | None = None
    position: int = 1
    task_ids: list[str]
    frozen: list[Any] = []


def delivery(row: model_deliveries.DeliveryRow, project: str | Project) -> Delivery:
    """A delivery as clients see it, with its project as an id or expanded."""
    assert row.delivered_ms is not None
    return Delivery(
        id=row.delivery_id,
        name=row.name,
        task_count=row.task_count,
        delivered_at=clock.format_ms(row.delivered_ms),
        project=project,
    )


def record(row: model_deliveries.DeliveryRow, public_id: str) -> DeliveryRecord:
    """A delivery in the shape of the management API; `public_id` is its project's id."""
    assert row.delivered_ms is not None
    assert row.manifest_hash is not None
    return DeliveryRecord(
        id=row.delivery_id,
        name=row.name,
        project=public_id,
        task_count=row.task_count,
        delivered_at=clock.format_ms(row.delivered_ms),
        response_schema_id=row.schema_id,
        manifest_sha256=row.manifest_hash.hex(),
    )


def delivery_task(row: DeliveredRow) -> bytes:
    """JSON of one task with its latest delivery, null where there is none."""
    start = b'{"task_id":%b,"created_at":"%b"' % (
        _encode(row.task_id),
        clock.format_ms(row.created_ms).encode(),
    )
    if row.delivered_ms is None:
        nothing = b'"delivery_id":null,"delivered_at":null,"response_schema_id":null'
        return b'%b,%b,"response":null}' % (start, nothing)
    return b'%b,"delivery_id":%b,"delivered_at":"%b","response_schema_id":%b,"response":%b}' % (
        start,
        _encode(row.delivery_id),
        clock.format_ms(row.delivered_ms).encode(),
        _encode(row.schema_id),
        render.body_json(row.body, row.patches, int(ALL_OPTS)),
    )


def frozen_task(task: StoredTask, public_id: str) -> bytes:
    """JSON of a task with every option and nothing expanded, from which its digest is made."""
    batch = None if task.batch_id is None else _encode(task.batch_id)
    return render.task_json(task, render.head_refs(_encode(public_id), batch), int(ALL_OPTS))


def digest(task: StoredTask, public_id: str) -> bytes:
    """SHA-256 of `frozen_task`, 32 bytes."""
    return hashlib.sha256(frozen_task(task, public_id)).digest()


def manifest_line(task_id: str, digest: bytes) -> bytes:
    """Manifest line `<sha256>  <task_id>` of a task; the manifest's hash is over these lines."""
    return f"{digest.hex()}  {task_id}\n".encode()
