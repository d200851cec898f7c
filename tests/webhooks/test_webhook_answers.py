"""Answers of receivers, and the states of messages that follow."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from plaudit.model.webhooks import MessageState
from plaudit.store.common import audit
from tests.support.network.receivers import OK
from tests.support.webhook_sending import (
    add_endpoint,
    answering,
    complete,
    endpoint_of,
    receiving,
    status,
    store_task,
    until,
    working,
)
from tests.webhooks.test_webhooks import wait_for_state


async def reset(receiver, reader, writer):
    await receiver.read_request(reader)
    writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "outcome", "number"),
    [
        (status(301, "Location: http://127.0.0.1:1/"), "status", 301),
        (status(304), "status", 304),
        (status(400), "status", 400),
        (status(500), "status", 500),
        (reset, "reset", None),
        (b"nonsense\r\n\r\n", "protocol_error", None),
    ],
)
def test_what_is_not_a_2xx_is_tried_as_often_as_set(world, answer, outcome, number):
    project = world.project()
    receiver = answering(answer)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0,) * 3)
        async with receiving(receiver), working(world, settings):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            await store_task(world, project)
            [one] = await wait_for_state(world, project.environment_id, MessageState.failed)
            return one

    one = world.run(main())

    assert receiver.connections == 4
    assert [(a.outcome, a.status) for a in one.attempts] == [(outcome, number)] * 4
    assert one.message.outcome == outcome
    assert one.message.attempt_count == 4


@pytest.mark.parametrize("number", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(world, number):
    project = world.project()
    receiver = answering(status(number))

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            await store_task(world, project)
            await wait_for_state(world, project.environment_id, MessageState.delivered)

    world.run(main())

    assert receiver.connections == 1


def test_410_disables_the_endpoint_and_gives_up_what_waits_for_it(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = answering(*[status(500)] * 4, status(410))

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(600.0,) * 5)
        async with receiving(receiver):
            endpoint, _ = await add_endpoint(world, receiver.url, environment_id=environment_id)
            async with working(world, settings):
                for _ in range(4):
                    await store_task(world, project)
                await until(lambda: receiver.connections == 4)
                await store_task(world, project)
                found = await wait_for_state(world, environment_id, MessageState.failed, 5)
                calls = receiver.connections
                await store_task(world, project)
                await asyncio.sleep(0.2)
            async with world.db.read() as tx:
                entries, _ = await audit.list_entries(
                    tx, environment_id, before=None, object_id=endpoint.endpoint_id, limit=9
                )
            return await endpoint_of(world, endpoint), found, calls, entries

    endpoint, found, calls, entries = world.run(main())

    assert not endpoint.is_active
    assert "410" in endpoint.reason
    assert {one.message.outcome for one in found} == {"status", "endpoint_disabled"}
    assert receiver.connections == calls == 5
    assert [(one.action, one.actor.kind) for one in entries] == [("disable_webhook", "server")]


def test_410_ends_a_callback_at_once(world):
    project = world.project()
    receiver = answering(status(410))

    async def main():
        async with receiving(receiver), working(world):
            task = await store_task(world, project, callback_url=receiver.url)
            await complete(world, task, project.environment_id)
            await wait_for_state(world, project.environment_id, MessageState.failed)
            await asyncio.sleep(0.3)

    world.run(main())

    assert receiver.connections == 1


@pytest.mark.parametrize("number", [429, 503])
def test_retry_after_is_obeyed(world, number):
    project = world.project()
    receiver = answering(status(number, "Retry-After: 2"), OK)
    times = []

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            await store_task(world, project)
            now = asyncio.get_running_loop().time
            for count in (1, 2):
                await until(lambda count=count: receiver.connections == count)
                times.append(now())

    world.run(main())

    assert 1.8 <= times[1] - times[0] < 5


def test_retry_after_counts_for_nothing_on_other_answers(world):
    project = world.project()
    receiver = answering(status(500, "Retry-After: 3600"), OK)

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            await store_task(world, project)
            await wait_for_state(world, project.environment_id, MessageState.delivered)

    world.run(main())

    assert receiver.connections == 2


def test_nothing_of_a_receiver_s_answer_is_kept(world, settings):
    canary = "canary-6ab1"
    project = world.project()
    environment_id = project.environment_id
    text = f"{canary}".encode()
    receiver = answering(
        b"HTTP/1.1 500 %b\r\nX-Canary: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (text, text, len(text), text)
    )

    async def main():
        chosen = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0,))
        async with receiving(receiver), working(world, chosen):
            await add_endpoint(world, receiver.url, environment_id=environment_id)
            await store_task(world, project)
            await wait_for_state(world, environment_id, MessageState.failed)

    world.run(main())
    with world.client() as client:
        answer = client.get("/manage/v1/webhook_messages")

    assert answer.status_code == 200
    assert canary not in answer.text
    if settings.database is None:
        stored = b"".join(path.read_bytes() for path in settings.data.glob("plaudit.sqlite*"))
        assert canary.encode() not in stored
