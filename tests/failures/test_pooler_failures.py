"""What fails around a transaction pooler costs no more than what fails without one."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.store.engine import (
    postgres,
    postgres_session,
)
from plaudit.store.engine.postgres import PostgresDatabase
from tests.support.databases.pgbouncer import (
    SERVER_CONNECTIONS,
    Patient,
    complete,
    create,
    needs_pooler,
    patiently,
    pooling,
    serving,
    stored,
    until_back,
)
from tests.support.databases.postgres_cluster import make_store, pair, running, wait_until
from tests.support.databases.postgres_proxy import AtCommit, Proxy
from tests.support.harness import World, walk

pytestmark = needs_pooler

SLACK_SECONDS = 4.0
"""What a busy machine may add to a limit of the product."""
_CANCEL_WAITING_SQL = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
)
_names = itertools.count()


@pytest.fixture(scope="module")
def cluster():
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pooler(cluster):
    with pooling(cluster.port) as pooler:
        yield pooler


@pytest.fixture(scope="module")
def store(pooler, tmp_path_factory):
    """A store that was made through the pooler."""
    return make_store(tmp_path_factory.mktemp("store"), pooler.url, behind_pooler=True)


@pytest.fixture
def world(store):
    world = World(store)
    world.org()
    yield world
    world.close()


@pytest.fixture
def project(world):
    return world.project(f"Project {next(_names)}")


@pytest.mark.parametrize("place", ["before the pooler", "behind the pooler"])
@pytest.mark.parametrize("fates", [[AtCommit.reply_dropped], [*AtCommit][:4]], ids=["drop", "any"])
def test_a_lost_answer_to_commit_neither_doubles_nor_loses_a_write(
    world, cluster, pooler, project, fates, place
):
    """Each of 24 writes meets a fault at its COMMIT, on the wire to the pooler or from it."""
    dice = random.Random(1)
    completed = {}

    async def write(db):
        for _ in range(3):
            task = await create(db, project)
            completed[task.task_id] = await complete(db, project, task.task_id)

    async def writers(url):
        db = PostgresDatabase(url, behind_pooler=True)
        await asyncio.gather(*[write(db) for _ in range(4)])
        await db.close()

    if place == "before the pooler":
        with Proxy(pooler.port) as proxy:
            proxy.at_commit = lambda: dice.choice(fates)
            world.run(writers(cluster.url(proxy.port)))
            commits = proxy.commits
    else:
        with Proxy(cluster.port) as proxy, pooling(proxy.port) as another:
            proxy.at_commit = lambda: dice.choice(fates)
            world.run(writers(another.url))
            commits = proxy.commits

    assert commits >= 24
    assert stored(cluster, project) == completed
    assert len(set(completed.values())) == len(completed)


@pytest.mark.slow
def test_a_commit_that_a_synchronous_standby_lacks_is_not_acknowledged(tmp_path, monkeypatch):
    """The look-up finds it committed; but that must not count before the standby has it."""
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS_MAX", 2.0)
    with pair() as (primary, _), pooling(primary.port) as pooler, Proxy(pooler.port) as proxy:
        world = World(make_store(tmp_path, pooler.url, behind_pooler=True))
        world.org()
        project = world.project("Kept")
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.run("SELECT pg_reload_conf()")
        sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: bool(primary.run(sql)), "the standby is synchronous")
        db = PostgresDatabase(primary.url(proxy.port), behind_pooler=True)
        kept = world.run(create(db, project)).task_id
        primary.stop_sending()
        proxy.at_commit = AtCommit.cut_after

        with ThreadPoolExecutor(1) as pool:
            cancel = pool.submit(
                wait_until, lambda: bool(primary.run(_CANCEL_WAITING_SQL)), "a commit waits"
            )
            with pytest.raises(Unavailable):
                world.run(create(db, project))
            cancel.result()

        world.run(db.close())
        world.close()
        assert len(stored(primary, project)) == 2, "it is there; nobody was told so"
        assert kept in stored(primary, project)


@pytest.mark.slow
def test_a_session_that_falls_asleep_in_its_transaction_is_ended_there_too(world, cluster, project):
    runs = []

    async def sleep(tx):
        runs.append(1)
        task = await lifecycle.create_task(tx, project)
        if len(runs) == 1:
            await asyncio.sleep(postgres_session.IDLE_IN_TRANSACTION_SECONDS_MAX + 2)
        return (await lifecycle.create_task(tx, project)).task_id, task.task_id

    created = world.run(world.db.write(sleep))

    assert len(runs) == 2
    assert stored(cluster, project).keys() == set(created)


def test_a_stopped_pooler_is_a_503_with_retry_after_until_it_is_back(world, pooler, project):
    asked = {"project_id": project.project_id}
    with serving(world) as client:
        assert client.get("/v2/tasks", params=asked).status_code == 200
        pooler.stop()
        refused = [client.get("/v2/tasks", params=asked) for _ in range(3)]
        ready = client.get("/readyz")
        pooler.start()
        seconds = wait_until(
            lambda: client.get("/v2/tasks", params=asked).status_code == 200, "the API is back"
        )

    assert [one.status_code for one in refused] == [503] * 3
    assert all(one.headers["retry-after"].isdigit() for one in refused)
    assert {one.json()["code"] for one in refused} == {"unavailable"}
    assert ready.status_code == 503
    assert seconds < SLACK_SECONDS


def test_a_pooler_that_hangs_or_is_full_is_a_503_within_the_stated_limits(world, pooler, project):
    asked = {"project_id": project.project_id}
    limit = postgres.WAIT_SECONDS_MAX + postgres.CONNECT_SECONDS_MAX + SLACK_SECONDS

    def timed(client):
        started = time.monotonic()
        answer = client.get("/v2/tasks", params=asked)
        return answer.status_code, time.monotonic() - started < limit

    async def occupy(enough, is_over):
        connection = await asyncpg.connect(pooler.url, statement_cache_size=0)
        async with connection.transaction():
            await enough.wait()
            await is_over.wait()
        await connection.close()

    async def while_full(client):
        enough, is_over = asyncio.Barrier(SERVER_CONNECTIONS + 1), asyncio.Event()
        takers = [asyncio.ensure_future(occupy(enough, is_over)) for _ in range(SERVER_CONNECTIONS)]
        await enough.wait()
        try:
            return await asyncio.to_thread(timed, client)
        finally:
            is_over.set()
            await asyncio.gather(*takers)

    with serving(world) as client:
        assert timed(client) == (200, True)
        full = world.run(while_full(client))
        after_full = patiently(lambda: client.get("/v2/tasks", params=asked))
        with pooler.hanging():
            hanging = timed(client)
        after_hanging = patiently(lambda: client.get("/v2/tasks", params=asked))

    assert full == (503, True)
    assert hanging == (503, True)
    assert after_full.status_code == after_hanging.status_code == 200


def test_a_promotion_behind_the_pooler_is_noticed_by_connections_that_outlive_it(tmp_path):
    """Its clients keep their connections; yet tokens of before are refused, and clocks go on."""
    with (
        pair() as (primary, standby),
        Proxy(primary.port) as proxy,
        pooling(proxy.port) as pooler,
    ):
        world = World(make_store(tmp_path, pooler.url, behind_pooler=True))
        world.org()
        project = world.project("Kept", project_id="project_123")
        task_ids = [world.run(create(world.db, project)).task_id for _ in range(9)]
        before = [world.run(complete(world.db, project, one)) for one in task_ids[:5]]

        async def kept_connection():
            async with world.db.read() as tx:
                return tx.epoch, tx._connection

        with serving(world) as client:
            asked = {"project_id": "project_123", "limit": 2}
            token = client.get("/v2/tasks", params=asked).json()["next_token"]
            primary.wait_for_standby()
            epoch, connection = world.run(kept_connection())

            primary.kill()
            standby.promote()
            proxy.target = standby.port
            is_back = patiently(lambda: client.get("/v2/tasks", params=asked))
            refused = client.get("/v2/tasks", params={"next_token": token})
            received = walk(Patient(client), **asked)
            began, same = until_back(world, kept_connection)
            after = [world.run(complete(world.db, project, one)) for one in task_ids[5:]]

        world.close()
    assert is_back.status_code == 200
    assert refused.status_code == 400
    assert refused.json()["code"] == "page_token_expired"
    assert [one["task_id"] for one in received] == task_ids
    assert began > epoch
    assert same is connection, "the connection to the pooler was kept, or this shows nothing"
    assert [*before, *after] == sorted({*before, *after})
    assert after[0] > before[-1] + 60_000
