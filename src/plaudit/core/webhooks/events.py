"""Webhook events: written to the outbox in the transaction of the change they announce.

An event is written only if it has a receiver: an endpoint of the environment that subscribes to its
type, or the callback of the task or batch itself. Its payload is built then and stored, so that
every attempt, however late, carries the same one. `sender.py` knows the receivers' formats.
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
"""Statuses in which a task's own callback is called: its end, not its creation."""


class _Occurrence(Struct, frozen=True):
    """Event before its receivers are known; `payload` is built only if there are any."""

    type: EventType
    payload: Callable[[], Awaitable[bytes]]
    callback: str | None


async def announce_tasks(tx: Transaction, environment_id: str, tasks: Sequence[StoredTask]) -> None:
    """Write the events of the present statuses of tasks, which are all of one project."""
    loaded: dict[int, ProjectRow] = {}

    async def payload(task: StoredTask) -> bytes:
        if task.project_key not in loaded:
            project = await projects.find_project_by_key(tx, environment_id, task.project_key)
            assert project is not None
            loaded[task.project_key] = project
        return task_payload(task, loaded[task.project_key])

    occurrences = [
        _Occurrence(
            OF_STATUS[task.status],
            partial(payload, task),
            task.callback_url if task.status in CALLED_BACK else None,
        )
        for task in tasks
    ]
    if tasks:
        await _announce(tx, environment_id, tasks[0].project_key, occurrences)


async def announce_batch(tx: Transaction, environment_id: str, batch: BatchRow) -> None:
    """Write the event `batch.completed`, for endpoints and the batch's own callback."""

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
        [_Occurrence(EventType.batch_completed, payload, batch.callback)],
    )


async def announce_delivery(
    tx: Transaction, environment_id: str, project_key: int, delivery_id: str, delivery_json: bytes
) -> None:
    """Write the event `delivery.created`; `delivery_json` is the v2 Delivery object."""

    async def payload() -> bytes:
        return b'{"delivery_id":%b,"delivery":%b}' % (_encode(delivery_id), delivery_json)

    await _announce(
        tx, environment_id, project_key, [_Occurrence(EventType.delivery_created, payload, None)]
    )


async def announce_pause(
    tx: Transaction, project: ProjectRow, event: EventType, user_id: str, pause_json: bytes
) -> None:
    """Write the event of a pause that began or ended; `pause_json` is the PersonPause object."""

    async def payload() -> bytes:
        return b'{"user_id":%b,"project_id":%b,"pause":%b}' % (
            _encode(user_id),
            _encode(project.project_id),
            pause_json,
        )

    occurrence = _Occurrence(event, payload, None)
    await _announce(tx, project.environment_id, project.project_key, [occurrence])


def task_payload(task: StoredTask, project: ProjectRow) -> bytes:
    """Return a task event's payload as JSON: the whole task with every option, and its threads.

    See "The callback's body" in docs/compatibility.md.
    """
    batch_json = None if task.batch_id is None else _encode(task.batch_id)
    placed = render.head_refs(_encode(project.project_id), batch_json)
    return b'{"task_id":%b,"status":"%b","task":%b,"response":%b}' % (
        _encode(task.task_id),
        task.status.encode(),
        render.task_json(task, placed, int(ALL_OPTS)),
        render.threads_json(task, int(ALL_OPTS)),
    )


async def _announce(
    tx: Transaction, environment_id: str, project_key: int, occurrences: Sequence[_Occurrence]
) -> None:
    endpoints = [
        (endpoint_id, url, frozenset(_events(chosen)))
        for endpoint_id, url, chosen in await outbox.list_subscribed(tx, environment_id)
    ]
    now = clock.now_ms()
    events: list[Event] = []
    messages: list[WebhookMessageRow] = []
    for occurrence in occurrences:
        receivers: list[tuple[str | None, str, str]] = [
            (endpoint_id, url, endpoint_id)
            for endpoint_id, url, chosen in endpoints
            if occurrence.type in chosen or EVERY_EVENT in chosen
        ]
        callback = occurrence.callback
        if callback is not None:
            receivers.append((None, callback, callback_queue(environment_id, callback)))
        if not receivers:
            continue
        event_id = ids.mint("evt")
        events.append(
            Event(
                project_key,
                event_id,
                environment_id,
                occurrence.type,
                now,
                await occurrence.payload(),
            )
        )
        messages += [
            WebhookMessageRow(
                project_key,
                ids.mint("message"),
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
        await outbox.insert_messages(tx, messages)


def callback_queue(environment_id: str, target: str) -> str:
    """Return the dispatcher queue of a callback: its environment and the target's host.

    At most 255 characters.
    """
    host = target.rpartition("@")[2] if "://" not in target else urlsplit(target).netloc
    return f"{environment_id} {host.lower()}"[:255]
