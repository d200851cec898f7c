"""PostgreSQL crashes and comes back: what was acknowledged stays, and the rest is told to wait."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.model.core import TaskStatus
from plaudit.store.engine import postgres_session
from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import make_store, running, wait_until
from tests.support.harness import Server, World

RESTARTS = 3
WRITERS = 4
READERS = 3
REST_SECONDS = 0.1
"""How long each rests after a refusal; writes are done without rest, and a crash hits them."""
READ_SECONDS = 0.02
"""How long a reader rests after an answer; a crash lasts for several of them."""
RECOVERY_SECONDS_MAX = 20.0
"""What is promised is 5 s; a busy machine is given more."""
THREADS = [make_thread()]


@pytest.fixture(scope="module")
def cluster():
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def store(cluster, tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), cluster.url())


@pytest.fixture
def world(store):
    world = World(store)
    world.org()
    yield world
    world.close()


class Load:
    """Writers that keep books on what was acknowledged, and readers that judge every answer."""

    def __init__(self, world: World, project, url: str, key: str) -> None:
        self.world, self.project, self.url, self.key = world, project, url, key
        self.stop = threading.Event()
        self.tried: set[str] = set()
        self.created: set[str] = set()
        self.completed: dict[str, int] = {}
        self.writes = 0
        self.refused = 0
        self.answers = {200: 0, 503: 0}
        self.reads = 0

    def write(self, number: int) -> None:
        asyncio.run(self._write(number))

    async def _write(self, number: int) -> None:
        db = PostgresDatabase(self.world.settings.database or "")
        turn = 0
        while not self.stop.is_set():
            turn += 1
            task_id = f"task_{number}_{turn:06d}"
            self.tried.add(task_id)
            try:
                # An id that is taken already raises: then a write was done twice.
                await db.write(
                    lambda tx, task_id=task_id: lifecycle.create_task(
                        tx, self.project, task_id=task_id
                    )
                )
                self.created.add(task_id)
                self.completed[task_id] = await db.write(
                    lambda tx, task_id=task_id: self._complete(tx, task_id)
                )
                self.writes += 1
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(REST_SECONDS)
        await db.close()

    async def _complete(self, tx, task_id: str) -> int:
        task = await tasks.find_task(tx, self.project.environment_id, task_id)
        return await lifecycle.complete_task(tx, self.project.environment_id, task, THREADS)

    def read(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        asked = {"project_id": self.project.project_id, "limit": str(1 + number * 10)}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=30) as client:
            while not self.stop.is_set():
                answer = client.get("/v2/tasks", params=asked)
                self._judge(answer)
                self.answers[answer.status_code] += 1
                if answer.status_code == 200:
                    self.reads += 1
                time.sleep(READ_SECONDS if answer.status_code == 200 else REST_SECONDS)

    def _judge(self, answer) -> None:
        assert answer.headers["content-type"] == "application/json"
        if answer.status_code == 200:
            assert answer.json().keys() <= {"tasks", "next_token"}
            return
        assert answer.status_code == 503, answer.text
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        body = answer.json()
        assert body["status_code"] == 503
        assert body["code"] == "unavailable"
        assert body["request_id"] == answer.headers["x-request-id"]
        assert isinstance(body["error"], str)

    def goes_on(self) -> None:
        """Wait until reads and writes have succeeded again."""
        reads, writes = self.reads, self.writes
        wait_until(lambda: self.reads > reads and self.writes > writes, "reads and writes go on")


@pytest.mark.slow
def test_three_crashes_under_load_lose_no_acknowledged_write(world, cluster):
    project = world.project("Crashed")
    server = Server(world.settings)
    load = Load(world, project, server.url, world.key())
    recoveries = []
    try:
        with ThreadPoolExecutor(WRITERS + READERS) as pool:
            running = [pool.submit(load.write, number) for number in range(WRITERS)]
            running += [pool.submit(load.read, number) for number in range(READERS)]
            try:
                for _ in range(RESTARTS):
                    load.goes_on()
                    time.sleep(0.2)
                    cluster.stop()
                    cluster.start()
                    started = time.monotonic()
                    load.goes_on()
                    recoveries.append(time.monotonic() - started)
            finally:
                load.stop.set()
            for one in running:
                one.result()
    finally:
        server.stop(9)

    rows = cluster.run(
        "SELECT task_id, status, completed_ms FROM task WHERE project_key = $1", project.project_key
    )
    found = {task_id: (status, completed_ms) for task_id, status, completed_ms in rows}
    print(
        f"{len(load.completed)} completions acknowledged, {load.refused} refused;"
        f" answers {load.answers}; recovery {max(recoveries):.2f} s at the most"
    )
    assert len(found) == len(rows)
    assert load.created <= found.keys() <= load.tried
    completed = TaskStatus.completed.code
    assert {one: found[one] for one in load.completed} == {
        task_id: (completed, completed_ms) for task_id, completed_ms in load.completed.items()
    }
    assert load.refused > 0
    assert load.answers[503] > 0
    assert max(recoveries) < RECOVERY_SECONDS_MAX


def test_a_crash_of_one_connection_alone_loses_no_acknowledged_write(world, cluster):
    """PostgreSQL then recovers without being started anew; so nobody can tell by its start."""
    project = world.project("One crash")

    async def work():
        made = []
        for number in range(6):
            if number == 3:
                async with world.db.read(snapshot=False) as tx:
                    [pid] = await tx.one("SELECT pg_backend_pid()", {})
                await asyncio.to_thread(cluster.kill_backend, pid)
            for _ in range(500):
                try:
                    task = await world.db.write(lambda tx: lifecycle.create_task(tx, project))
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    made.append(task.task_id)
                    break
        return made

    made = world.run(work())

    rows = cluster.run("SELECT task_id FROM task WHERE project_key = $1", project.project_key)
    assert len(made) == 6
    assert {row[0] for row in rows} == set(made)
    assert len(rows) == 6


@pytest.mark.slow
def test_a_session_that_falls_asleep_in_its_transaction_stops_others_for_seconds_only(
    world, cluster
):
    """It holds the project's clock; the others wait, and are all done. It is then done as well."""
    project = world.project("Asleep")
    url = world.settings.database or ""

    async def create(db):
        return await db.write(lambda tx: lifecycle.create_task(tx, project))

    async def complete(db, task, pause=0.0):
        async def work(tx):
            found = await tasks.find_task(tx, project.environment_id, task.task_id)
            completed_ms = await lifecycle.complete_task(tx, project.environment_id, found, THREADS)
            runs.append(task.task_id)
            if runs.count(task.task_id) == 1:
                has_ticked.set()
                await asyncio.sleep(pause)
            return completed_ms

        started = time.monotonic()
        completed_ms = await db.write(work)
        return completed_ms, time.monotonic() - started

    async def run():
        sleeper, *others = dbs = [PostgresDatabase(url) for _ in range(5)]
        made = [await create(db) for db in dbs]
        asleep = asyncio.ensure_future(complete(sleeper, made[0], 8))
        await has_ticked.wait()
        done = await asyncio.gather(
            *[complete(db, task) for db, task in zip(others, made[1:], strict=True)]
        )
        woken = await asleep
        for db in dbs:
            await db.close()
        return [one.task_id for one in made], [woken, *done]

    runs, has_ticked = [], asyncio.Event()
    task_ids, done = world.run(run())

    longest = max(seconds for _, seconds in done[1:])
    print(f"others waited {longest:.1f} s")
    rows = cluster.run(
        "SELECT task_id, completed_ms FROM task WHERE project_key = $1", project.project_key
    )
    assert dict(rows) == {
        one: completed_ms for one, (completed_ms, _) in zip(task_ids, done, strict=True)
    }
    assert runs.count(task_ids[0]) == 2
    assert done[0][0] == max(completed_ms for completed_ms, _ in done)
    assert longest < postgres_session.IDLE_IN_TRANSACTION_SECONDS_MAX + 4
