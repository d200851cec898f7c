"""Put events into the outbox, in the transaction of the change that they tell of.

An event is written only if somebody is to be told: an endpoint of the organization that chose its
type, or the callback of the task or batch itself. Its payload is made then and kept, so that every
attempt, however late, tells the same. The sender (sender.py) knows the receivers' formats.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.model.core import ALL_OPTS, BatchRow, ProjectRow, StoredTask, TaskStatus
from plaudit.model.webhooks import EVERY_EVENT, Event, EventType, WebhookMessageRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.store.webhooks import outbox
from plaudit.wire.v2 import render, resources

_encode = msgspec.json.Encoder().encode
_events = msgspec.json.Decoder(list[str]).decode

OF_STATUS = {
    TaskStatus.pending: EventType.task_created,
    TaskStatus.completed: EventType.task_completed,
    TaskStatus.canceled: EventType.task_canceled,
    TaskStatus.error: EventType.task_error,
}
CALLED_BACK = (TaskStatus.completed, TaskStatus.canceled, TaskStatus.error)
"""A task's own callback hears of its end, not of its creation (contract 7.4)."""


class _Happened(Struct, frozen=True):
    """An event before it is known whether anybody wants to hear of it."""

    type: EventType
    payload: Callable[[], Awaitable[bytes]]
    callback: str | None


async def announce_tasks(tx: Transaction, environment_id: str, tasks: Sequence[StoredTask]) -> None:
    """Announce what tasks of one project have become, by their status."""
    found: dict[int, ProjectRow] = {}

    async def payload(task: StoredTask) -> bytes:
        if task.project_key not in found:
            project = await projects.find_project_by_key(tx, environment_id, task.project_key)
            assert project is not None
            found[task.project_key] = project
        return task_payload(task, found[task.project_key])

    happened = [
        _Happened(
            OF_STATUS[task.status],
            partial(payload, task),
            task.callback_url if task.status in CALLED_BACK else None,
        )
        for task in tasks
    ]
    if tasks:
        await _announce(tx, environment_id, tasks[0].project_key, happened)


async def announce_batch(tx: Transaction, environment_id: str, batch: BatchRow) -> None:
    """Announce that a batch is completed."""

    async def payload() -> bytes:
        project = await projects.find_project_by_key(tx, environment_id, batch.project_key)
        assert project is not None
        shown = _encode(resources.batch(batch, project.project_id))
        return b'{"batch_id":%b,"status":"%b","batch":%b}' % (
            _encode(batch.batch_id),
            batch.status.encode(),
            shown,
        )

    await _announce(
        tx,
        environment_id,
        batch.project_key,
        [_Happened(EventType.batch_completed, payload, batch.callback)],
    )


async def announce_delivery(
    tx: Transaction, environment_id: str, project_key: int, delivery_id: str, delivery_json: bytes
) -> None:
    """Announce that a delivery was frozen; `delivery_json` is the Delivery object."""

    async def payload() -> bytes:
        return b'{"delivery_id":%b,"delivery":%b}' % (_encode(delivery_id), delivery_json)

    await _announce(
        tx, environment_id, project_key, [_Happened(EventType.delivery_created, payload, None)]
    )


def task_payload(task: StoredTask, project: ProjectRow) -> bytes:
    """What is told of a task (contract 7.4): the whole task with every option, and its threads."""
    batch_json = None if task.batch_id is None else _encode(task.batch_id)
    placed = render.head_refs(_encode(project.project_id), batch_json)
    return b'{"task_id":%b,"status":"%b","task":%b,"response":%b}' % (
        _encode(task.task_id),
        task.status.encode(),
        render.task_json(task, placed, int(ALL_OPTS)),
        render.threads_json(task, int(ALL_OPTS)),
    )


async def _announce(
    tx: Transaction, environment_id: str, project_key: int, happened: Sequence[_Happened]
) -> None:
    endpoints = [
        (endpoint_id, url, frozenset(_events(chosen)))
        for endpoint_id, url, chosen in await outbox.list_subscribed(tx, environment_id)
    ]
    now = clock.now_ms()
    events: list[Event] = []
    notices: list[WebhookMessageRow] = []
    for one in happened:
        receivers: list[tuple[str | None, str, str]] = [
            (endpoint_id, url, endpoint_id)
            for endpoint_id, url, chosen in endpoints
            if one.type in chosen or EVERY_EVENT in chosen
        ]
        if one.callback is not None:
            receivers.append((None, one.callback, callback_queue(environment_id, one.callback)))
        if not receivers:
            continue
        event_id = ids.mint("evt")
        events.append(
            Event(project_key, event_id, environment_id, one.type, now, await one.payload())
        )
        notices += [
            WebhookMessageRow(
                project_key,
                ids.mint("notice"),
                environment_id,
                event_id,
                endpoint_id,
                target,
                queue,
                now,
            )
            for endpoint_id, target, queue in receivers
        ]
    if events:
        await outbox.insert_events(tx, events)
        await outbox.insert_notices(tx, notices)


def callback_queue(environment_id: str, target: str) -> str:
    """What the callbacks to one receiver wait in: the organization's line to that host."""
    host = target.rpartition("@")[2] if "://" not in target else urlsplit(target).netloc
    return f"{environment_id} {host.lower()}"[:255]
