"""Webhooks and callbacks as receivers get them: formats, signatures, replays, and their end."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from plaudit import clock
from plaudit.core.outbound.http_client import HttpClient
from plaudit.core.tasks import batches, lifecycle
from plaudit.core.webhooks import endpoints, messages
from plaudit.core.webhooks.messages import MessageQuery
from plaudit.model.webhooks import EventType, MessageState
from plaudit.wire.v2.task import ErrorDetail
from tests.support.network.receivers import OK, Receiver
from tests.support.webhook_sending import (
    add_endpoint,
    answering,
    complete,
    endpoint_of,
    header,
    receiving,
    status,
    store_task,
    until,
    verified,
    working,
)


async def listed(world, environment_id, **query):
    async with world.db.read() as tx:
        found, _ = await messages.get_message_page(
            tx, world.secret, environment_id, MessageQuery(**query)
        )
    return found


async def states(world, environment_id):
    return [one.message.state for one in await listed(world, environment_id)]


async def wait_for_state(world, environment_id, state, count=1):
    """Wait until so many messages are in a state; return them, newest first."""
    async with asyncio.timeout(20):
        while len(found := await listed(world, environment_id, state=state)) < count:
            await asyncio.sleep(0.02)
    return found


def test_an_endpoint_is_told_of_the_events_it_chose_and_of_no_others(world):
    project = world.project()
    environment_id = project.environment_id
    some, every = Receiver(OK), Receiver(OK)

    async def main():
        async with receiving(some, every), working(world):
            _, secret = await add_endpoint(
                world, some.url, "task.completed", environment_id=environment_id
            )
            _, other = await add_endpoint(world, every.url, environment_id=environment_id)
            task = await store_task(world, project)
            await complete(world, task, environment_id)
            failed = await store_task(world, project)
            await world.db.write(
                lambda tx: lifecycle.fail_task(
                    tx, environment_id, failed, [ErrorDetail(message="No.")]
                )
            )
            await until(lambda: len(every.bodies) == 4 and len(some.bodies) == 1)
            return task, secret, other

    task, secret, other = world.run(main())

    told = verified(some, 0, secret)
    assert told["type"] == "task.completed"
    assert told["data"]["task_id"] == task.task_id
    assert told["data"]["task"]["threads"] == told["data"]["response"]["threads"]
    assert clock.parse_moment(told["timestamp"]) > 0
    assert set(told) == {"type", "timestamp", "data"}
    kinds = sorted(verified(every, number, other)["type"] for number in range(4))
    assert kinds == ["task.completed", "task.created", "task.created", "task.error"]


def test_a_callback_is_the_payload_alone_with_the_callback_key(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            _, secret = await world.db.write(
                lambda tx: endpoints.rotate_callback_secret(
                    tx, world.secret, environment_id, keep_old_s=0
                )
            )
            task = await store_task(world, project, callback_url=receiver.url)
            await complete(world, task, environment_id)
            await until(lambda: len(receiver.bodies) == 1)
            return task, secret

    task, secret = world.run(main())

    told = verified(receiver, 0, secret)
    assert told["task_id"] == told["task"]["task_id"] == task.task_id
    assert told["status"] == "completed"
    assert set(told) == {"task_id", "status", "task", "response"}
    key = header(receiver.heads[0], "scale-callback-auth")
    assert key == endpoints.callback_key(secret)
    assert secret not in receiver.heads[0].decode()
    assert header(receiver.heads[0], "content-type") == "application/json"


def test_a_callback_needs_no_secret_to_be_made_first(world):
    project = world.project()
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            for _ in range(3):
                task = await store_task(world, project, callback_url=receiver.url)
                await complete(world, task, project.environment_id)
            await until(lambda: len(receiver.bodies) == 3)

    world.run(main())

    assert len({header(head, "scale-callback-auth") for head in receiver.heads}) == 1


def test_the_last_task_calls_the_callback_of_its_batch(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            batch = await world.db.write(
                lambda tx: batches.open_batch(
                    tx, project, name="b", is_staging=False, metadata={}, callback=receiver.url
                )
            )
            made = [await store_task(world, project, batch=batch) for _ in range(2)]
            for task in made:
                await complete(world, task, environment_id)
            await until(lambda: len(receiver.bodies) == 1)
            await asyncio.sleep(0.1)
            return batch

    batch = world.run(main())

    [body] = receiver.bodies
    told = json.loads(body)
    assert (told["batch_id"], told["status"]) == (batch.batch_id, "completed")
    assert told["batch"]["project"] == project.project_id


def test_a_change_that_is_rolled_back_is_told_to_nobody(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)

    async def refuse(tx):
        task = await lifecycle.create_task(tx, project, callback_url=receiver.url)
        await lifecycle.cancel_task(tx, environment_id, task)
        raise ValueError("after all, no")

    async def main():
        async with receiving(receiver), working(world) as worker:
            await add_endpoint(world, receiver.url, environment_id=environment_id)
            for _ in range(5):
                with pytest.raises(ValueError, match="after all"):
                    await world.db.write(refuse)
                worker.wake()
            kept = await store_task(world, project)
            await until(lambda: len(receiver.bodies) >= 1)
            await asyncio.sleep(0.3)
            return kept

    kept = world.run(main())

    assert [json.loads(body)["data"]["task_id"] for body in receiver.bodies] == [kept.task_id]


def test_another_organization_hears_nothing(world):
    project = world.project()
    theirs, ours = Receiver(OK), Receiver(OK)
    strangers = [world.org("Stranger"), world.org("default", "test")]

    async def main():
        async with receiving(theirs, ours), working(world):
            for environment_id in strangers:
                await add_endpoint(world, theirs.url, environment_id=environment_id)
            await add_endpoint(world, ours.url, environment_id=project.environment_id)
            await store_task(world, project)
            await until(lambda: len(ours.bodies) == 1)
            await asyncio.sleep(0.2)

    world.run(main())

    assert theirs.connections == 0


def test_an_event_keeps_its_id_over_attempts_and_each_attempt_has_its_time(world):
    project = world.project()
    receiver = answering(status(500), status(503), status(404), OK)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.6,) * 3)
        async with receiving(receiver), working(world, settings):
            _, secret = await add_endpoint(
                world, receiver.url, environment_id=project.environment_id
            )
            await store_task(world, project)
            [one] = await wait_for_state(world, project.environment_id, MessageState.delivered)
            return secret, one

    secret, one = world.run(main())

    assert len({header(head, "webhook-id") for head in receiver.heads}) == 1
    assert header(receiver.heads[0], "webhook-id") == one.message.event_id
    sent = [int(header(head, "webhook-timestamp")) for head in receiver.heads]
    assert sent == sorted(sent)
    assert sent[-1] > sent[0]
    assert len(set(receiver.bodies)) == 1
    for number in range(4):
        verified(receiver, number, secret)
    assert [(one.number, one.outcome, one.status) for one in one.attempts] == [
        (1, "status", 500), (2, "status", 503), (3, "status", 404), (4, "ok", 200),
    ]  # fmt: skip


def test_a_failed_message_is_replayed_with_all_its_tries_and_the_same_id(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = answering(status(500), status(500), status(500), OK)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.01,))
        async with receiving(receiver), working(world, settings) as worker:
            await add_endpoint(world, receiver.url, environment_id=environment_id)
            await store_task(world, project)
            [failed] = await wait_for_state(world, environment_id, MessageState.failed)
            name = failed.message.message_id
            await world.db.write(lambda tx: messages.replay(tx, environment_id, name))
            worker.wake()
            [done] = await wait_for_state(world, environment_id, MessageState.delivered)
            return done

    done = world.run(main())

    assert [one.outcome for one in done.attempts] == ["status", "status", "status", "ok"]
    assert [one.number for one in done.attempts] == [1, 2, 3, 4]
    assert len({header(head, "webhook-id") for head in receiver.heads}) == 1


def test_both_secrets_sign_while_one_is_being_replaced(world):
    project = world.project()
    environment_id = project.environment_id
    receiver, called = Receiver(OK), Receiver(OK)

    async def told(keep_old_s):
        """Rotate both secrets, and have one event told to both receivers."""
        endpoint = await endpoint_of(world, told.endpoint)
        _, secret = await world.db.write(
            lambda tx: endpoints.rotate_endpoint(tx, world.secret, endpoint, keep_old_s=keep_old_s)
        )
        _, callback = await world.db.write(
            lambda tx: endpoints.rotate_callback_secret(
                tx, world.secret, environment_id, keep_old_s=keep_old_s
            )
        )
        count = len(receiver.bodies)
        task = await store_task(world, project, callback_url=called.url)
        await complete(world, task, environment_id)
        await until(lambda: len(receiver.bodies) > count and len(called.bodies) > count)
        return secret, callback

    async def main():
        async with receiving(receiver, called), working(world):
            told.endpoint, first = await add_endpoint(
                world, receiver.url, "task.completed", environment_id=environment_id
            )
            _, first_callback = await world.db.write(
                lambda tx: endpoints.rotate_callback_secret(
                    tx, world.secret, environment_id, keep_old_s=0
                )
            )
            return [(first, first_callback), await told(3600), await told(0)]

    (first, first_call), (second, second_call), (third, third_call) = world.run(main())

    for secret in (first, second):
        verified(receiver, 0, secret)
    for secret in (first_call, second_call):
        verified(called, 0, secret)
    assert header(called.heads[0], "scale-callback-auth") == endpoints.callback_key(first_call)
    verified(receiver, 1, third)
    with pytest.raises(Exception, match="No matching signature"):
        verified(receiver, 1, second)
    with pytest.raises(Exception, match="No matching signature"):
        verified(called, 1, second_call)
    assert header(called.heads[1], "scale-callback-auth") == endpoints.callback_key(third_call)


def test_what_waits_goes_to_the_new_url_of_its_endpoint(world):
    project = world.project()
    environment_id = project.environment_id
    old, new = answering(status(500)), Receiver(OK)

    async def main():
        async with receiving(old, new), working(world):
            endpoint, _ = await add_endpoint(world, old.url, environment_id=environment_id)
            await store_task(world, project)
            await until(lambda: old.connections >= 1)
            await world.db.write(lambda tx: endpoints.change_endpoint(tx, endpoint, url=new.url))
            await wait_for_state(world, environment_id, MessageState.delivered)

    world.run(main())

    assert len(new.bodies) == 1


@pytest.mark.parametrize("ending", ["disabled", "deleted"])
def test_what_waits_for_an_endpoint_that_ended_is_given_up(world, ending):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver):
            endpoint, _ = await add_endpoint(world, receiver.url, environment_id=environment_id)
            for _ in range(20):
                await store_task(world, project)
            if ending == "disabled":
                await world.db.write(
                    lambda tx: endpoints.change_endpoint(tx, endpoint, is_active=False)
                )
            else:
                await world.db.write(
                    lambda tx: endpoints.delete_endpoint(tx, environment_id, endpoint.endpoint_id)
                )
            async with working(world):
                return await wait_for_state(world, environment_id, MessageState.failed, 20)

    found = world.run(main())

    assert {one.message.outcome for one in found} == {f"endpoint_{ending}"}
    assert receiver.connections == 0


def test_an_address_that_may_not_be_called_any_more_is_not_called(world):
    """Each attempt checks again a URL that was permitted when it was saved."""
    project = world.project()
    environment_id = project.environment_id
    canary = Receiver(OK)
    answers = {"flip.example.com": ["127.0.0.1"]}

    async def resolve(host):
        return answers[host]

    async def main():
        http_client = HttpClient((), resolve=resolve)
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0, 0.0))
        async with receiving(canary), working(world, settings, http_client=http_client):
            for url in (canary.url, f"http://flip.example.com:{canary.port}/", "http://[::1]/"):
                await add_endpoint(world, url, environment_id=environment_id)
            task = await store_task(world, project, callback_url=canary.url)
            await complete(world, task, environment_id)
            return await wait_for_state(world, environment_id, MessageState.failed, 7)

    found = world.run(main())

    assert {one.message.outcome for one in found} == {"refused_address"}
    assert canary.connections == 0


def test_a_ping_goes_to_the_one_endpoint(world):
    environment_id = world.org()
    receiver, other = Receiver(OK), Receiver(OK)

    async def main():
        async with receiving(receiver, other), working(world):
            endpoint, secret = await add_endpoint(
                world, receiver.url, environment_id=environment_id
            )
            await add_endpoint(world, other.url, environment_id=environment_id)
            await world.db.write(lambda tx: endpoints.ping(tx, endpoint))
            await until(lambda: len(receiver.bodies) == 1)
            await asyncio.sleep(0.1)
            return endpoint, secret

    endpoint, secret = world.run(main())

    told = verified(receiver, 0, secret)
    assert (told["type"], told["data"]) == (EventType.ping, {"webhook_id": endpoint.endpoint_id})
    assert other.connections == 0
