"""Senders are killed, stopped and doubled while receivers fail: every event still arrives."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.core.webhooks import messages
from plaudit.core.webhooks.messages import MessageQuery
from plaudit.model.core import ProjectRow
from plaudit.model.webhooks import MessageState
from plaudit.settings import Settings
from plaudit.store.engine import checks
from tests.support.harness import World
from tests.support.network.receivers import OK, Receiver
from tests.support.sender_process import senders
from tests.support.webhook_sending import (
    add_endpoint,
    answering,
    header,
    receiving,
    status,
    store_task,
    until,
    verified,
)

EVENTS = 120
KILLS = 3
FAILING = 0.3
WAITS = ",".join(["0.05"] * 10 + ["0.5"] * 50)
DEADLINE_S = 0.3
LEASE_S = 3.0


async def silent(receiver, reader, writer):
    """Take the request and never answer."""
    await receiver.read_request(reader)
    await asyncio.sleep(600)


async def slow_body(receiver, reader, writer):
    """Begin an answer and never end it."""
    await receiver.read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(receiver, reader, writer):
    await receiver.read_request(reader)
    writer.transport.abort()


async def reset_at_once(receiver, reader, writer):
    writer.transport.abort()


FAILURES = (silent, slow_body, reset, reset_at_once, status(500))


def flaky(seed: int) -> Receiver:
    """A receiver that fails three times in ten; `arrived` has the ids it said yes to, and when."""
    chance = random.Random(seed)
    receiver = Receiver(b"")
    receiver.arrived = {}
    receiver.failed = Counter()

    async def talk(reader, writer):
        if chance.random() < FAILING:
            failure = chance.choice(FAILURES)
            receiver.failed[getattr(failure, "__name__", "status")] += 1
            if callable(failure):
                await failure(receiver, reader, writer)
                return
            answer = failure
        else:
            answer = OK
        head = await receiver.read_request(reader)
        if answer is OK:
            receiver.arrived.setdefault(header(head, "webhook-id"), time.monotonic())
        writer.write(answer)
        await writer.drain()

    receiver._talk = talk
    return receiver


def always() -> Receiver:
    """A receiver that never fails, and notes when each event came first."""
    receiver = flaky(0)

    async def talk(reader, writer):
        head = await receiver.read_request(reader)
        receiver.arrived.setdefault(header(head, "webhook-id"), time.monotonic())
        writer.write(OK)
        await writer.drain()

    receiver._talk = talk
    return receiver


async def ids_of_events(world):
    async with world.db.read() as tx:
        rows = await tx.all("SELECT event_id, payload FROM event", {})
    return {row[0]: json.loads(row[1])["task_id"] for row in rows}


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@pytest.mark.slow
def test_no_event_is_lost_when_receivers_fail_and_the_sender_is_killed(world):
    project = world.project()
    environment_id = project.environment_id
    first, second, healthy, dead = flaky(1), flaky(2), always(), answering(silent)
    made_at: dict[str, float] = {}

    async def make_events():
        """One sender's share, in small transactions while it is at work."""

        async def work(tx):
            return [(await lifecycle.create_task(tx, project)).task_id for _ in range(20)]

        for _ in range(EVENTS // KILLS // 20):
            for task_id in await world.db.write(work):
                made_at[task_id] = time.monotonic()
            await asyncio.sleep(0.1)

    async def kill(started):
        """Each sender in the middle of its work: a little after the first thing it delivers.

        Each is given events of its own, so that there is always something left to deliver.
        """
        chance = random.Random(4)
        process = started.start()
        for _ in range(KILLS):
            count = len(healthy.arrived)
            making = asyncio.ensure_future(make_events())
            await until(lambda count=count: len(healthy.arrived) > count, seconds=90)
            await asyncio.sleep(chance.uniform(0.2, 1.2))
            process.kill()
            process.wait(10)
            await making
            process = started.start()

    async def main():
        found = {}
        async with receiving(first, second, healthy, dead):
            for receiver in (first, second, healthy, dead):
                endpoint, secret = await add_endpoint(
                    world, receiver.url, "task.created", environment_id=environment_id
                )
                found[receiver] = (endpoint, secret)
            with senders(
                world.settings, waits=WAITS, deadline_s=DEADLINE_S, lease_s=LEASE_S
            ) as started:
                await kill(started)
                events = await ids_of_events(world)
                told = (first, second, healthy)
                await until(lambda: all(len(one.arrived) == len(events) for one in told), 120)
        return found, events

    began = time.monotonic()
    found, events = world.run(main())

    assert len(events) == EVENTS
    for receiver in (first, second, healthy):
        assert receiver.arrived.keys() == events.keys()
        secret = found[receiver][1]
        bodies: dict[str, bytes] = {}
        for number, head in enumerate(receiver.heads):
            name = header(head, "webhook-id")
            assert verified(receiver, number, secret)["data"]["task_id"] == events[name]
            assert bodies.setdefault(name, receiver.bodies[number]) == receiver.bodies[number]
    assert world.run(checks.violations(world.db)) == {}
    assert dead.connections > 0
    delays = [healthy.arrived[name] - made_at[task_id] for name, task_id in events.items()]
    twice = len(healthy.heads) - EVENTS
    print(
        f"{EVENTS} events, {KILLS} kills, {time.monotonic() - began:.0f} s; failed "
        f"{sum(first.failed.values())} and {sum(second.failed.values())} times; healthy receiver: "
        f"{twice} twice, p50 {percentile(delays, 0.5):.2f} s, p99 {percentile(delays, 0.99):.2f} s"
    )
    assert twice < EVENTS / 2, "only what a kill or a slow answer interrupted is sent again"


async def delays_of_a_healthy_receiver(
    world: World, project: ProjectRow, *others: Receiver
) -> list[float]:
    """Seconds from a commit to the healthy receiver, for 60 events that others are told of too."""
    healthy = always()
    made_at: dict[str, float] = {}
    environment_id = project.environment_id
    async with receiving(*others, healthy):
        for receiver in (*others, healthy):
            await add_endpoint(world, receiver.url, "task.created", environment_id=environment_id)
        with senders(world.settings, waits=WAITS, deadline_s=5, lease_s=8) as started:
            started.start()
            await asyncio.sleep(1.5)
            for _ in range(60):
                task = await store_task(world, project)
                made_at[task.task_id] = time.monotonic()
                await asyncio.sleep(0.04)
            await until(lambda: len(healthy.arrived) == 60)
            events = await ids_of_events(world)
    assert len(healthy.heads) == 60
    return [healthy.arrived[name] - made_at[task_id] for name, task_id in events.items()]


@pytest.fixture
def quiet_world(template: Path, tmp_path: Path) -> Iterator[World]:
    """A store of its own, whose receivers all answer."""
    folder = tmp_path / "quiet"
    shutil.copytree(template, folder)
    world = World(Settings(data=folder))
    yield world
    world.close()


@pytest.mark.slow
def test_a_healthy_receiver_beside_a_dead_and_a_failing_one_is_not_delayed(world, quiet_world):
    """It hears within a second or two of the commit, where the dead one takes five to give up.

    Another store at the same time, where nobody fails, tells how slow the machine itself is.
    """
    failing, dead = flaky(3), answering(silent)
    measured = delays_of_a_healthy_receiver(world, world.project(), failing, dead)
    at_rest = delays_of_a_healthy_receiver(quiet_world, quiet_world.project())

    with ThreadPoolExecutor(1) as pool:
        quiet = pool.submit(quiet_world.run, at_rest)
        delays = world.run(measured)
        alone = percentile(quiet.result(), 0.98)

    print(f"beside a dead receiver: p50 {percentile(delays, 0.5):.3f} s, "
          f"p98 {percentile(delays, 0.98):.3f} s, alone {alone:.3f} s")  # fmt: skip
    assert dead.connections > 0
    assert percentile(delays, 0.98) < 2.5 + 2 * alone


@pytest.mark.slow
def test_several_senders_never_send_a_message_twice(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = always()

    async def main():
        async with receiving(receiver):
            for _ in range(5):
                await add_endpoint(
                    world, receiver.url, "task.created", environment_id=environment_id
                )

            async def work(tx):
                for _ in range(15):
                    await lifecycle.create_task(tx, project)

            with senders(world.settings, waits=WAITS, deadline_s=10, lease_s=25) as started:
                for _ in range(3):
                    started.start()
                await asyncio.sleep(1)
                for _ in range(3):
                    await world.db.write(work)
                await until(lambda: len(receiver.heads) >= 225, 60)
                await asyncio.sleep(1.5)
                log = started.log
        return log

    log = world.run(main())

    counts = Counter(header(head, "webhook-id") for head in receiver.heads)
    assert len(counts) == 45
    assert set(counts.values()) == {5}
    assert "lease lost" not in log


@pytest.mark.parametrize("answer", [OK, status(500)], ids=["yes", "no"])
def test_a_sender_that_slept_past_its_lease_records_nothing_over_the_next_one(world, answer):
    project = world.project()
    environment_id = project.environment_id
    let_go = asyncio.Event()

    async def hold(receiver, reader, writer):
        await receiver.read_request(reader)
        await let_go.wait()
        writer.write(answer)
        await writer.drain()

    receiver = answering(hold, OK if answer is not OK else status(500))

    async def stored():
        async with world.db.read() as tx:
            [one], _ = await messages.get_message_page(
                tx, world.secret, environment_id, MessageQuery()
            )
        return one

    async def main():
        async with receiving(receiver):
            await add_endpoint(world, receiver.url, "task.created", environment_id=environment_id)
            with senders(world.settings, waits="600", deadline_s=10, lease_s=1.5) as started:
                sleeper = started.start()
                await store_task(world, project)
                await until(lambda: receiver.connections == 1)
                sleeper.send_signal(signal.SIGSTOP)
                started.start()
                await until(lambda: receiver.connections == 2)
                while not (before := await stored()).attempts:
                    await asyncio.sleep(0.05)
                let_go.set()
                sleeper.send_signal(signal.SIGCONT)
                await until(lambda: "lease lost" in started.log)
                return before, await stored()

    before, after = world.run(main())

    assert after == before
    assert len(after.attempts) == 1
    expected = MessageState.pending if answer is OK else MessageState.delivered
    assert after.message.state is expected
