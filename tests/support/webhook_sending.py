"""What tests of webhooks share: a worker on the test's store, receivers, and a wait with an end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from standardwebhooks import Webhook

from plaudit.core.outbound.http_client import HttpClient
from plaudit.core.tasks import lifecycle
from plaudit.core.webhooks import endpoints
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.webhooks import Event, EventType, WebhookMessageRow
from plaudit.settings import Settings
from plaudit.store.tasks import tasks
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks import outbox
from plaudit.store.webhooks.endpoints import WebhookEndpoint
from plaudit.worker import Worker
from tests.support.builders import make_thread
from tests.support.harness import World
from tests.support.network.receivers import LOOPBACK, Receiver

WAITS = (0.05,) * 19
SECONDS_MAX = 20.0
HOOK_URL = "https://93.184.216.34/hook"
ALL_WEBHOOKS = "/manage/v1/webhooks"


def header(head: bytes, name: str) -> str:
    """One header of a request that a receiver read."""
    [value] = re.findall(rf"(?mi)^{name}: (.*?)\r$", head.decode())
    return str(value)


def verified(receiver: Receiver, number: int, secret: str) -> Any:
    """The body of a request, verified as a receiver would, with the reference library."""
    head = receiver.heads[number]
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = {name: header(head, name) for name in names}
    return Webhook(secret).verify(receiver.bodies[number], headers)


async def until(is_so: Callable[[], bool], seconds: float = SECONDS_MAX) -> None:
    """Wait until something is so; fails if it does not become so."""
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(
    world: World, settings: Settings | None = None, **kwargs: Any
) -> AsyncIterator[Worker]:
    """A worker that may reach loopback and retries at once, until the block ends."""
    chosen = settings or msgspec.structs.replace(world.settings, webhook_retry_s=WAITS)
    kwargs = {"http_client": HttpClient(LOOPBACK)} | kwargs
    worker = Worker(world.db, world.secret, chosen, **kwargs)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(5)


@asynccontextmanager
async def receiving(*receivers: Receiver) -> AsyncIterator[None]:
    """Receivers that listen until the block ends."""
    async with AsyncExitStack() as stack:
        for receiver in receivers:
            await stack.enter_async_context(receiver.listening())
        yield


async def add_endpoint(
    world: World, url: str, *events: str, environment_id: str
) -> tuple[WebhookEndpoint, str]:
    """A webhook endpoint and its secret."""
    return await world.db.write(
        lambda tx: endpoints.create_endpoint(
            tx, world.secret, environment_id, url=url, events=events or ("*",)
        )
    )


async def store_task(world: World, project: ProjectRow, **fields: Any) -> StoredTask:
    """A pending task."""
    return await world.db.write(lambda tx: lifecycle.create_task(tx, project, **fields))


async def complete(world: World, task: StoredTask, environment_id: str) -> None:
    """Complete a task with one thread."""

    async def work(tx: Any) -> None:
        found = await tasks.find_task(tx, environment_id, task.task_id)
        assert found is not None
        await lifecycle.complete_task(tx, environment_id, found, [make_thread()])

    await world.db.write(work)


async def endpoint_of(world: World, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """An endpoint as it is stored now."""
    async with world.db.read() as tx:
        found = await endpoints_store.find_endpoint(
            tx, endpoint.environment_id, endpoint.endpoint_id
        )
    assert found is not None
    return found


def in_turn(*talks: Any) -> Any:
    """Talk to each connection in the next of these ways, the last one over and over."""
    left: Iterator[Any] = iter(talks)
    current = talks[-1]

    async def talk(receiver: Receiver, reader: Any, writer: Any) -> None:
        way = next(left, current)
        if callable(way):
            await way(receiver, reader, writer)
        else:
            await receiver.read_request(reader)
            writer.write(way)
            await writer.drain()

    return talk


def answering(*talks: Any) -> Receiver:
    """A receiver that talks to each connection in the next of these ways."""
    receiver = Receiver(b"")
    way = in_turn(*talks)
    receiver._talk = lambda reader, writer: way(receiver, reader, writer)
    return receiver


def status(number: int, *headers: str) -> bytes:
    """An answer with a status and headers."""
    lines = [f"HTTP/1.1 {number} X", "Content-Length: 0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def add_webhook(client: Any, **body: Any) -> Any:
    """An endpoint that an administrator makes over HTTP."""
    answer = client.post(ALL_WEBHOOKS, json={"url": HOOK_URL} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def give_up(
    world: World,
    environment_id: str,
    endpoint_id: str | None = None,
    count: int = 1,
    url: str = HOOK_URL,
) -> None:
    """Webhook messages that were given up, for tests of what is done with them."""
    queue = endpoint_id or "callbacks"

    async def work(tx: Any) -> None:
        await outbox.insert_events(
            tx, [Event(0, f"evt_{queue}", environment_id, EventType.ping, 1, b"{}")]
        )
        await outbox.insert_messages(
            tx,
            [
                WebhookMessageRow(0, f"message_{queue}_{n:04d}", environment_id, f"evt_{queue}",
                                  endpoint_id, url, queue, 1)
                for n in range(count)
            ],
        )  # fmt: skip
        while await outbox.discard(tx, queue, outcome="timeout", now=2, limit=1000):
            pass

    world.run(world.db.write(work))
