"""A real Citus cluster loses a worker, moves shards and fails over while eight writers write.

They run where `PLAUDIT_TEST_CITUS_FAILURES` allows it (tests/support/databases/citus_nodes.py).
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.model.core import ProjectRow
from plaudit.store.engine import checks
from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.databases.citus_nodes import OPTIONS, CitusNodes, citus_nodes
from tests.support.databases.postgres_cluster import Cluster, wait_until
from tests.support.harness import run_cli, store_arguments

WRITERS = 8
MOVED = 16
THREADS = [make_thread()]
EPOCH = "1970-01-01T00:00:00.000Z"


class Writers:
    """Eight sessions that create and complete tasks of all projects until they are told to end.

    `acknowledged` are the completions that returned, `refused` counts what was answered with
    Unavailable, and `faults` are any other exceptions.
    """

    def __init__(self, url: str, projects: list[ProjectRow]) -> None:
        self.url, self.projects = url, projects
        self.acknowledged: list[str] = []
        self.refused = 0
        self.faults: list[BaseException] = []
        self._ending = threading.Event()

    def run(self) -> None:
        """Write until `end` is called."""
        asyncio.run(self._all())

    def end(self) -> None:
        self._ending.set()

    async def _all(self) -> None:
        await asyncio.gather(*[self._one(seed) for seed in range(WRITERS)])

    async def _one(self, seed: int) -> None:
        dice, db = random.Random(seed), PostgresDatabase(self.url)
        while not self._ending.is_set():
            project = dice.choice(self.projects)
            try:
                self.acknowledged.append(await self._create_and_complete(db, project))
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(0.05)
            except Exception as fault:
                self.faults.append(fault)
        await db.close()

    async def _create_and_complete(self, db: PostgresDatabase, project: ProjectRow) -> str:
        made = await db.write(lambda tx: lifecycle.create_task(tx, project))

        async def complete(tx) -> None:
            task = await tasks.find_task(tx, project.environment_id, made.task_id)
            await lifecycle.complete_task(tx, project.environment_id, task, THREADS)

        await db.write(complete)
        return made.task_id


class Consumer:
    """A client that syncs each project by the greatest completion time it has received."""

    def __init__(self, client, projects: list[ProjectRow]) -> None:
        self.client = client
        self.watermarks = {project.project_id: EPOCH for project in projects}
        self.received: list[str] = []
        self.statuses: set[int] = set()

    def poll(self) -> None:
        for project_id, watermark in self.watermarks.items():
            params = {"project_id": project_id, "completed_after": watermark, "limit": 50}
            while True:
                answer = self.client.get("/v2/tasks", params=params)
                self.statuses.add(answer.status_code)
                if answer.status_code != 200:
                    break
                page = answer.json()
                for task in page["tasks"]:
                    self.received.append(task["task_id"])
                    self.watermarks[project_id] = task["completed_at"]
                if "next_token" not in page:
                    break
                params = {"next_token": page["next_token"]}


@pytest.fixture
def nodes(tmp_path):
    with citus_nodes(tmp_path) as nodes:
        yield nodes


def under_writers(nodes: CitusNodes, act) -> tuple[Writers, Consumer]:
    """Let eight writers write and a consumer sync while `act` is done; both go on afterwards."""
    writers = Writers(nodes.coordinator.url(), nodes.projects)
    with nodes.world.client() as client, ThreadPoolExecutor(2) as pool:
        consumer = Consumer(client, nodes.projects)
        writing: Future[None] = pool.submit(writers.run)
        acting: Future[None] = pool.submit(act)
        try:
            while not acting.done():
                consumer.poll()
            acting.result()
            until = time.monotonic() + 3
            while time.monotonic() < until:
                consumer.poll()
        finally:
            writers.end()
        writing.result()
        wait_until(
            lambda: client.get("/v2/projects").status_code == 200, "the store can be reached"
        )
        consumer.poll()
    return writers, consumer


def assert_nothing_is_lost(nodes: CitusNodes, writers: Writers, consumer: Consumer) -> None:
    assert writers.faults == []
    assert len(writers.acknowledged) > 20
    assert set(writers.acknowledged) - set(consumer.received) == set(), "missed"
    assert len(consumer.received) == len(set(consumer.received)), "twice"
    assert consumer.statuses <= {200, 503}
    assert nodes.world.run(checks.violations(nodes.world.db)) == {}
    print(
        f"{len(writers.acknowledged)} completions acknowledged, {writers.refused} refused with 503"
    )


def test_a_worker_stops_and_comes_back_and_no_completion_is_missed_or_comes_twice(nodes):
    worker = nodes.worker_of(nodes.projects[0])

    def act() -> None:
        time.sleep(2)
        worker.stop()
        time.sleep(3)
        worker.start()

    writers, consumer = under_writers(nodes, act)

    assert_nothing_is_lost(nodes, writers, consumer)
    assert writers.refused > 0


def test_shards_move_to_a_new_worker_under_load_and_nothing_is_missed_or_comes_twice(nodes):
    new = nodes.workers[2]
    moved = nodes.coordinator.run(
        """SELECT s.shardid, n.nodename, n.nodeport FROM pg_dist_shard AS s
            JOIN pg_dist_placement AS p ON p.shardid = s.shardid
            JOIN pg_dist_node AS n ON n.groupid = p.groupid
            WHERE s.logicalrelid = 'task'::regclass ORDER BY s.shardid LIMIT $1::int""",
        MOVED,
    )

    def act() -> None:
        nodes.coordinator.run("SELECT replicate_reference_tables('force_logical')")
        for shard, host, port in moved:
            nodes.coordinator.run(
                "SELECT citus_move_shard_placement($1::bigint, $2::text, $3::int, '127.0.0.1',"
                " $4::int, 'force_logical')",
                shard,
                host,
                port,
                new.port,
            )

    writers, consumer = under_writers(nodes, act)

    assert_nothing_is_lost(nodes, writers, consumer)
    placed = nodes.coordinator.run(
        """SELECT count(*) FROM pg_dist_shard AS s JOIN pg_dist_placement AS p USING (shardid)
            JOIN pg_dist_node AS n USING (groupid)
            WHERE s.logicalrelid = 'task'::regclass AND n.nodeport = $1::int""",
        new.port,
    )
    assert placed == [(MOVED,)]


def test_no_id_that_a_promoted_standby_lost_answers_with_another_task(nodes):
    project = nodes.projects[0]
    worker, node_id = nodes.worker_of(project), nodes.node_id(nodes.worker_of(project))
    nodes.create(project, 20)
    standby = Cluster(**OPTIONS)
    try:
        standby.copy_of(worker).start()
        worker.wait_for_standby()
        with nodes.world.client() as client:
            asked = {"project_id": project.project_id, "limit": 5}
            token = client.get("/v2/tasks", params=asked).json()["next_token"]
            worker.stop_sending()
            lost = nodes.create(project, 30)
            assert client.get("/v2/task", params={"task_id": lost[0]}).status_code == 200

            worker.kill()
            standby.promote()
            nodes.coordinator.run(
                "SELECT citus_update_node($1::int, '127.0.0.1', $2::int)", node_id, standby.port
            )
            begun = run_cli("db", "begin-epoch", *store_arguments(nodes.settings))
            assert begun.returncode == 0, begun.stderr
            wait_until(
                lambda: client.get("/v2/tasks", params=asked).status_code == 200, "it is back"
            )

            refused = client.get("/v2/tasks", params={"next_token": token})
            assert (refused.status_code, refused.json()["code"]) == (400, "page_token_expired")
            answers = [client.get("/v2/task", params={"task_id": one}) for one in lost]
            assert {answer.status_code for answer in answers} == {404}
            new = nodes.create(project, 40)
            after = [client.get("/v2/task", params={"task_id": one}) for one in lost]
            assert {answer.status_code for answer in after} == {404}
            found = [client.get("/v2/task", params={"task_id": one}).json() for one in new]
            assert [task["task_id"] for task in found] == new
        violated = nodes.world.run(checks.violations(nodes.world.db))
        assert set(violated) == {"every id leads to a task"}, "locators on other workers remain"
    finally:
        standby.remove()
