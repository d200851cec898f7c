"""Long queues of messages for slow receivers, and their deletion after retention."""

from __future__ import annotations

import asyncio

import pytest

from plaudit import clock
from plaudit.core.outbound.http_client import DEADLINE_SECONDS
from plaudit.core.webhooks import endpoints, messages
from plaudit.model.webhooks import MessageState
from tests.support.harness import on_sqlite_alone
from tests.support.network.receivers import OK, Receiver
from tests.support.webhook_sending import (
    add_endpoint,
    answering,
    receiving,
    store_task,
    until,
    working,
)
from tests.webhooks.test_webhooks import wait_for_state


async def never(receiver, reader, writer):
    await receiver.read_request(reader)
    await asyncio.sleep(3600)


@pytest.mark.slow
def test_a_queue_of_a_hundred_thousand_behind_a_dead_receiver_delays_nobody(world):
    """The dead one takes connections and never answers."""
    project = world.project()
    environment_id = project.environment_id
    dead, healthy = answering(never), Receiver(OK)
    delays = []

    async def fill(endpoint):
        async def work(tx):
            await endpoints.ping(tx, endpoint)
            [event] = await tx.all("SELECT event_id FROM event LIMIT 1", {})
            rows = [
                (0, f"n{number:06d}", environment_id, event[0], endpoint.endpoint_id, "x",
                 endpoint.endpoint_id, 0, 1, 1, 1, 0, 0, 0)
                for number in range(100_000)
            ]  # fmt: skip
            columns = (
                "project_key", "message_id", "environment_id", "event_id", "endpoint_id", "target",
        "queue",
                "state", "created_ms", "next_ms", "since_ms", "retry_no", "attempt_count",
                "lease_no",
            )  # fmt: skip
            await tx.add("webhook_message", columns, rows)

        await world.db.write(work)

    async def main():
        async with receiving(dead, healthy):
            first, _ = await add_endpoint(
                world, dead.url, "batch.completed", environment_id=environment_id
            )
            await add_endpoint(world, healthy.url, "task.created", environment_id=environment_id)
            await fill(first)
            now = asyncio.get_running_loop().time
            async with working(world) as worker:
                await until(lambda: dead.connections >= 4)
                for number in range(30):
                    began = now()
                    await store_task(world, project)
                    worker.wake()
                    await until(lambda number=number: len(healthy.bodies) == number + 1)
                    delays.append(now() - began)

    world.run(main())

    print(f"beside a dead queue of 100,000: slowest of 30 {max(delays):.3f} s")
    assert max(delays) < DEADLINE_SECONDS / 2  # that of the dead one
    assert dead.connections <= 30


@on_sqlite_alone
def test_a_full_queue_is_found_by_a_range_of_the_index_and_not_by_reading_it(world):
    """The statement that lists queues skips to the next one, however long the one before is."""
    environment_id = world.org()

    async def plan():
        async with world.db.read() as tx:
            rows = await tx.all(
                "EXPLAIN QUERY PLAN SELECT queue, next_ms FROM webhook_message WHERE state = 0"
                " AND queue > :after ORDER BY queue, next_ms LIMIT :row_limit",
                {"after": environment_id, "row_limit": 5},
            )
        return " ".join(str(row[-1]) for row in rows)

    assert (
        world.run(plan())
        == "SEARCH webhook_message USING COVERING INDEX webhook_message_due (queue>?)"
    )


def test_what_is_expired_is_deleted_with_its_attempts_and_event(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)

    async def count(table):
        async with world.db.read() as tx:
            row = await tx.one(f"SELECT COUNT(*) FROM {table}", {})
            return row[0]

    async def main():
        async with receiving(receiver), working(world) as worker:
            await add_endpoint(world, receiver.url, environment_id=environment_id)
            await add_endpoint(world, "http://127.0.0.1:1/", environment_id=environment_id)
            for _ in range(3):
                await store_task(world, project)
            await wait_for_state(world, environment_id, MessageState.delivered, 3)
            await worker.delete_expired()
            before = [await count(table) for table in ("event", "webhook_message")]
        old = clock.now_ms() - messages.KEPT_MS - 1000
        await world.db.write(
            lambda tx: tx.run(
                "UPDATE webhook_message SET next_ms = :old WHERE state = 1", {"old": old}
            )
        )
        async with working(world) as worker:
            await worker.delete_expired()
        return before, [await count(table) for table in ("event", "webhook_message")]

    before, after = world.run(main())

    assert before == [3, 6]
    assert after == [3, 3]  # the other endpoint still waits to hear of them
