"""The worker in the running product: inside `serve`, beside it, alone, and when it is stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import contextmanager

import httpx2
import pytest

from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.outbound.http_client import HttpClient
from plaudit.model.labeling import LeaseStatus
from plaudit.model.webhooks import MessageState
from plaudit.store.tasks import tasks
from plaudit.worker import POLL_S, Worker
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import make_store, running
from tests.support.forked_process import forked_command
from tests.support.harness import World, clean_environment, run_cli, store_arguments
from tests.support.labeling_project import LabelingProject
from tests.support.network.receivers import LOOPBACK, OK, Receiver
from tests.support.webhook_sending import (
    add_endpoint,
    complete,
    header,
    receiving,
    store_task,
    until,
    verified,
    working,
)
from tests.webhooks.test_webhooks import listed, wait_for_state

ALLOWED = {"PLAUDIT_EGRESS_ALLOW": "127.0.0.0/8"}
IDLE_SECONDS_MAX = 0.06
"""CPU of an idle worker in two seconds; more is measured again, as it may begin something."""


@contextmanager
def worker_process(settings, *words, **environ):
    """`plaudit worker` in another process; killed in the end, if it is still there."""
    log = settings.data / "worker.log"
    process = forked_command(
        "worker", *store_arguments(settings), *words,
        environ=clean_environment(**ALLOWED, **environ), log=log,
    )  # fmt: skip
    try:
        yield process, log
    finally:
        process.kill()
        process.wait(10)


def post(server, key, path, body):
    answer = httpx2.post(
        f"{server.url}{path}", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=20
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_task_made_over_http_calls_back_when_it_is_completed(world, start_server):
    project, key = world.project(), world.key()
    receiver = Receiver(OK)
    server = start_server(**ALLOWED)

    async def main():
        async with receiving(receiver):
            secret = await asyncio.to_thread(
                post, server, key, "/manage/v1/callback_secret/rotate", {}
            )
            made = await asyncio.to_thread(
                post,
                server,
                key,
                "/v2/task/chat",
                {"project_id": project.project_id, "callback_url": receiver.url},
            )
            stored = await task_of(world, project.environment_id, made["task_id"])
            await complete(world, stored, project.environment_id)
            await until(lambda: len(receiver.bodies) == 1)
            return secret, made

    secret, made = world.run(main())

    told = json.loads(receiver.bodies[0])
    assert told["task_id"] == made["task_id"]
    assert told["status"] == told["task"]["status"] == "completed"
    assert told["response"]["threads"] == told["task"]["threads"]
    [thread] = told["response"]["threads"]
    assert thread["id"] == make_thread()["id"]
    assert header(receiver.heads[0], "scale-callback-auth") == secret["callback_key"]
    assert verified(receiver, 0, secret["secret"]) == told
    assert server.stop() == 0


async def task_of(world, environment_id, task_id):
    async with world.db.read() as tx:
        return await tasks.find_task(tx, environment_id, task_id)


def test_what_a_server_commits_itself_is_told_at_once(world, start_server):
    """Its own worker is woken by the request; nothing waits for the next look."""
    project, key = world.project(), world.key()
    receiver = Receiver(OK)
    server = start_server(**ALLOWED)
    delays = []

    async def main():
        async with receiving(receiver):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            for number in range(10):
                await asyncio.to_thread(
                    post, server, key, "/v2/task/chat", {"project_id": project.project_id}
                )
                began = time.monotonic()
                await until(lambda number=number: len(receiver.bodies) == number + 1)
                delays.append(time.monotonic() - began)

    def counts_all() -> bool:
        metrics = httpx2.get(f"{server.url}/metrics", timeout=10).text
        return 'plaudit_attempts_total{outcome="ok",state="delivered"} 10.0' in metrics

    world.run(main())

    # The next look is a second after the one before, which told of the task before.
    assert sorted(delays)[1] < POLL_S / 2
    world.run(until(counts_all))  # the last one is counted once its result is recorded


def test_a_server_may_leave_the_sending_to_a_worker_beside_it(world, start_server):
    project = world.project()
    receiver = Receiver(OK)
    start_server(PLAUDIT_WORKER="0", **ALLOWED)

    async def main():
        async with receiving(receiver):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            await store_task(world, project)
            await asyncio.sleep(2)
            before = receiver.connections
            with worker_process(world.settings) as (process, log):
                await until(lambda: len(receiver.bodies) == 1)
                process.send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(process.wait, 10)
            return before, code, log.read_text()

    before, code, log = world.run(main())

    assert before == 0
    assert code == 0
    assert '"event":"delivered"' in log
    assert receiver.url not in log


def test_serve_knows_the_option_that_leaves_the_worker_out(world):
    done = run_cli("serve", "--no-worker", "--help")

    assert done.returncode == 0
    assert "--no-worker" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_stopped_finishes_what_it_sends_and_takes_nothing_more(world, number):
    project = world.project()
    environment_id = project.environment_id

    async def slow(reader, writer):
        await receiver.read_request(reader)
        await asyncio.sleep(2)
        writer.write(OK)
        await writer.drain()

    receiver = Receiver(slow)

    async def main():
        async with receiving(receiver):
            await add_endpoint(world, receiver.url, environment_id=project.environment_id)
            for _ in range(12):
                await store_task(world, project)
            with worker_process(world.settings) as (process, _):
                await until(lambda: receiver.connections >= 4)
                process.send_signal(number)
                code = await asyncio.to_thread(process.wait, 10)
            return code, await listed(world, environment_id, state=MessageState.delivered)

    code, done = world.run(main())

    assert code == 0
    assert receiver.connections == 4
    assert len(done) == 4


@pytest.mark.slow
def test_a_lease_that_ran_out_is_taken_back_without_anybody_asking(world):
    labeling = LabelingProject(world)
    [late_id, held_id] = labeling.create(2)
    late, held = labeling.take("ann"), labeling.take("ben")
    labeling.age(late)

    with worker_process(world.settings) as (_, log):
        ended = time.monotonic() + 15
        while labeling.place(late_id).open_count and time.monotonic() < ended:
            time.sleep(0.2)

    assert labeling.place(late_id).open_count == 0
    assert labeling.lease(late).status is LeaseStatus.expired
    assert labeling.lease(held).status is LeaseStatus.open
    assert labeling.place(held_id).open_count == 1
    assert '"event":"leases expired"' in log.read_text()
    assert labeling.violations() == {}


def test_workers_that_take_back_at_the_same_time_take_each_lease_once(world):
    floors = [LabelingProject(world, f"Floor {number}", overlap=2) for number in range(3)]
    for labeling in floors:
        labeling.create(70)
        leases = [labeling.take(f"{name}{n}") for n in range(70) for name in ("ann", "ben")]
        labeling.write(lambda tx, project=labeling.project: run_out(tx, project.project_key))
    workers = [Worker(world.db, world.secret, world.settings) for _ in range(4)]

    async def main():
        counts = await asyncio.gather(*(one.expire_leases() for one in workers))
        return sum(counts), await workers[0].expire_leases()

    taken, rest = world.run(main())

    assert taken + rest == len(floors) * len(leases)
    assert world.run(workers[0].expire_leases()) == 0
    assert all(labeling.violations() == {} for labeling in floors)
    assert {labeling.lease_next("cem").lease_version for labeling in floors} == {1}


async def run_out(tx, project_key):
    await tx.run(
        "UPDATE assignment SET expires_ms = 0 WHERE project_key = :project_key",
        {"project_key": project_key},
    )


def test_a_worker_without_a_store_says_so_in_one_line(tmp_path):
    done = run_cli("worker", "--data", str(tmp_path / "none"))

    assert done.returncode == 1
    assert done.stderr.startswith("plaudit: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_an_idle_worker_costs_next_to_nothing(world):
    with worker_process(world.settings) as (process, _):
        used = []
        for _ in range(5):
            before = cpu_seconds(process.pid)
            time.sleep(2)
            used.append(cpu_seconds(process.pid) - before)
            if used[-1] < IDLE_SECONDS_MAX:
                break

    print(f"idle: {min(used) / 2:.2%} of a core")
    assert min(used) < IDLE_SECONDS_MAX


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_outlives_restarts_of_the_database(tmp_path):
    receiver = Receiver(OK)
    with running() as cluster:
        world = World(make_store(tmp_path, cluster.url()))
        world.org()
        project = world.project()
        environment_id = project.environment_id

        async def main():
            async with receiving(receiver), working(world):
                await add_endpoint(world, receiver.url, environment_id=environment_id)
                for number in range(2):
                    await store_task(world, project)
                    await wait_for_state(world, environment_id, MessageState.delivered, number + 1)
                    await asyncio.to_thread(cluster.stop)
                    await asyncio.to_thread(cluster.start)
                await store_task(world, project)
                await wait_for_state(world, environment_id, MessageState.delivered, 3)

        world.run(main())
        world.close()

    assert len({header(head, "webhook-id") for head in receiver.heads}) == 3


def test_a_worker_that_cannot_open_a_secret_leaves_the_message_to_one_that_can(world):
    project = world.project()
    environment_id = project.environment_id
    receiver = Receiver(OK)
    other = ServerSecret([bytes(range(32))])

    async def main():
        async with receiving(receiver):
            await add_endpoint(world, receiver.url, environment_id=environment_id)
            await store_task(world, project)
            blind = Worker(
                world.db, other, world.settings, http_client=HttpClient(LOOPBACK), lease_ms=500
            )
            blind.start()
            await asyncio.sleep(1.5)
            await blind.stop(5)
            before = await listed(world, environment_id)
            async with working(world):
                await wait_for_state(world, environment_id, MessageState.delivered)
            return before

    [before] = world.run(main())

    assert before.message.state is MessageState.pending
    assert before.attempts == []
    assert len(receiver.bodies) == 1
