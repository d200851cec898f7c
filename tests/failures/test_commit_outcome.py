"""When the connection fails around a COMMIT, nothing acknowledged is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.errors import Conflict, Unavailable
from plaudit.store.engine import postgres
from plaudit.store.engine.postgres import CONNECTIONS_MAX, WAIT_SECONDS_MAX, PostgresDatabase
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import Cluster, make_store, running
from tests.support.databases.postgres_proxy import AtCommit, Proxy
from tests.support.harness import World

THREADS = [make_thread()]
STATEMENT_SECONDS = 2.0
SLACK_SECONDS = 4.0
"""What a busy machine may add to a limit of the product."""
_names = itertools.count()


@pytest.fixture(scope="module")
def cluster():
    # Commits reach the disk in time, but nothing is written early: a crash finds the most to lose.
    with running(wal_writer_delay="10s") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def store(cluster: Cluster, tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), cluster.url())


@pytest.fixture
def world(store):
    world = World(store)
    world.org()
    yield world
    world.close()


@pytest.fixture
def proxy(cluster: Cluster):
    with Proxy(cluster.port) as proxy:
        yield proxy


@pytest.fixture
def project(world: World):
    return world.project(f"Project {next(_names)}")


@pytest.fixture
def db(world: World, cluster: Cluster, proxy: Proxy):
    """A database behind the proxy; used in the world's loop."""
    db = PostgresDatabase(cluster.url(proxy.port))
    yield db
    world.run(db.close())


@pytest.fixture
def hasty(monkeypatch, request):
    """The same, with 2 s for a statement instead of 10, to save time."""
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS_MAX", STATEMENT_SECONDS)
    return request.getfixturevalue("db")


def stored(cluster: Cluster, project) -> dict[str, tuple[int, int | None]]:
    """Status and completion time by id of a project's tasks; fails if an id is there twice."""
    rows = cluster.run(
        "SELECT task_id, status, completed_ms FROM task WHERE project_key = $1", project.project_key
    )
    found = {task_id: (status, completed_ms) for task_id, status, completed_ms in rows}
    assert len(found) == len(rows)
    return found


def create(db, project):
    """Add a task whose id is minted anew each time the work runs, so that a second run shows."""
    return db.write(lambda tx: lifecycle.create_task(tx, project))


def complete(db, project, task_id):
    async def work(tx):
        task = await tasks.find_task(tx, project.environment_id, task_id)
        return await lifecycle.complete_task(tx, project.environment_id, task, THREADS)

    return db.write(work)


async def use_all_places(db):
    """Hold as many connections as there may be, all at the same time."""

    async def one():
        async with db.read(snapshot=False) as tx:
            await tx.one("SELECT 1", {})
            await meeting.wait()

    meeting = asyncio.Barrier(CONNECTIONS_MAX)
    await asyncio.wait_for(asyncio.gather(*[one() for _ in range(CONNECTIONS_MAX)]), 15)


@pytest.mark.parametrize("fates", [[AtCommit.reply_dropped], [*AtCommit][:4]], ids=["drop", "any"])
def test_a_lost_answer_to_commit_neither_doubles_nor_loses_a_write(
    world, cluster, proxy, project, db, fates
):
    """Each of 32 writes by four writers meets a fault at its COMMIT, or at random one of them."""
    dice = random.Random(1)
    completed = {}

    async def write():
        for _ in range(4):
            task = await create(db, project)
            completed[task.task_id] = await complete(db, project, task.task_id)

    async def writers():
        await asyncio.gather(*[write() for _ in range(4)])

    proxy.at_commit = lambda: dice.choice(fates)
    world.run(writers())

    assert proxy.commits >= 32
    assert {one: ms for one, (_, ms) in stored(cluster, project).items()} == completed
    assert len(set(completed.values())) == len(completed)


def test_a_connection_lost_before_commit_runs_the_whole_transaction_again(
    world, cluster, proxy, project, db
):
    fates = itertools.chain([AtCommit.cut_before], itertools.repeat(AtCommit.passes))
    proxy.at_commit = lambda: next(fates)
    runs = []

    async def work(tx):
        runs.append(1)
        return [(await lifecycle.create_task(tx, project)).task_id for _ in range(2)]

    created = world.run(db.write(work))

    assert len(runs) == 2
    assert stored(cluster, project).keys() == set(created)


CLUSTER = "CREATE TABLE pg_dist_node (nodeid INTEGER)"
"""What tells that a database is a cluster's."""


@pytest.fixture
def coordinator(cluster: Cluster):
    cluster.run(CLUSTER)
    yield
    cluster.run("DROP TABLE pg_dist_node")


def test_on_a_cluster_a_commit_without_proof_has_an_unknown_outcome(
    world, cluster, proxy, project, db, coordinator
):
    """The coordinator may have rolled back what its only worker has committed."""
    proxy.at_commit = lambda: AtCommit.cut_before

    with pytest.raises(Unavailable, match="look whether the change is there"):
        world.run(create(db, project))


def test_a_connection_lost_between_two_statements_runs_the_whole_transaction_again(
    world, cluster, proxy, project, db
):
    runs = []

    async def work(tx):
        runs.append(1)
        first = await lifecycle.create_task(tx, project)
        if len(runs) == 1:
            await asyncio.to_thread(proxy.cut)
        return [first.task_id, (await lifecycle.create_task(tx, project)).task_id]

    created = world.run(db.write(work))

    assert len(runs) == 2
    assert stored(cluster, project).keys() == set(created)


def test_a_commit_lost_in_a_crash_is_not_taken_for_one_that_reused_its_number(
    world, cluster, proxy, project, db
):
    """A server that crashed hands out again the transaction numbers that had reached no disk."""
    proxy.at_commit = AtCommit.held
    cluster.run("CHECKPOINT")

    async def work():
        write = asyncio.ensure_future(create(db, project))
        await asyncio.to_thread(proxy.holds.wait, 30)
        await asyncio.to_thread(cluster.stop, signal.SIGQUIT)
        await asyncio.to_thread(cluster.start)
        for _ in range(5):
            others.append(await create(world.db, project))
        proxy.at_commit = AtCommit.passes
        await asyncio.to_thread(proxy.cut)
        return await asyncio.gather(write, return_exceptions=True)

    others = []
    [outcome] = world.run(work())

    expected = {task.task_id for task in others}
    if not isinstance(outcome, Unavailable):  # acknowledged, so it has to be there
        expected.add(outcome.task_id)
    assert stored(cluster, project).keys() == expected


@pytest.mark.parametrize("code", ["40001", "40P01"], ids=["serialization", "deadlock"])
def test_a_transaction_that_the_database_wants_again_is_run_again(
    world, cluster, project, db, code
):
    runs = []

    async def work(tx):
        runs.append(1)
        task = await lifecycle.create_task(tx, project)
        if len(runs) < 4:
            await tx.run(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$", {})
        return task.task_id

    created = world.run(db.write(work))

    assert len(runs) == 4
    assert stored(cluster, project).keys() == {created}


def test_two_transactions_that_deadlock_are_both_done(world, cluster, db):
    one, other = (world.project(f"Project {next(_names)}") for _ in range(2))
    begun = asyncio.Barrier(2)

    def both(first, second):
        runs = []

        async def work(tx):
            runs.append(1)
            tasks_made = [await lifecycle.create_task(tx, first)]
            if len(runs) == 1:
                await begun.wait()
            return [*tasks_made, await lifecycle.create_task(tx, second)]

        return db.write(work)

    async def run():
        return await asyncio.gather(both(one, other), both(other, one))

    made = [task for tasks_made in world.run(run()) for task in tasks_made]

    found = stored(cluster, one).keys() | stored(cluster, other).keys()
    assert found == {task.task_id for task in made}
    assert len(found) == 4


def test_a_database_that_hangs_is_unavailable_within_the_stated_limits(
    world, proxy, project, hasty
):
    """Statements hang on connections that were held, and then so does connecting."""
    db = hasty
    limit = STATEMENT_SECONDS + postgres.WAIT_SECONDS_MAX + postgres.CONNECT_SECONDS_MAX

    async def timed(awaitable):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await awaitable
        return time.monotonic() - started

    async def work():
        await use_all_places(db)
        proxy.is_stalled = True
        alone = await timed(create(db, project))
        waits = [timed(create(db, project)), *[timed(db.check()) for _ in range(20)]]
        return [alone, *await asyncio.gather(*waits)]

    seconds = world.run(work())

    print(f"a hanging database was given up after {min(seconds):.2f} to {max(seconds):.2f} s")
    assert max(seconds) < limit + SLACK_SECONDS
    proxy.is_stalled = False
    world.run(create(db, project))


def test_a_commit_that_hangs_is_unavailable_within_the_stated_limits(world, proxy, project, hasty):
    """The answer never comes and neither does one to the question what became of it."""

    def stall():
        proxy.is_stalled = True
        return AtCommit.passes

    async def work():
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await create(hasty, project)
        return time.monotonic() - started

    proxy.at_commit = stall
    seconds = world.run(work())

    print(f"a hanging COMMIT was given up after {seconds:.2f} s")
    assert seconds < STATEMENT_SECONDS + WAIT_SECONDS_MAX + SLACK_SECONDS
    proxy.at_commit, proxy.is_stalled = AtCommit.passes, False
    world.run(create(hasty, project))


def test_no_connection_is_leaked_by_a_hundred_failures(world, cluster, proxy, project, db):
    dice = random.Random(2)

    async def conflict(tx):
        await tx.one("SELECT 1", {})
        raise Conflict("no")

    async def broken(tx):
        await tx.one("SELECT no_such_column", {})

    async def cut(tx):
        await tx.one("SELECT 1", {})
        await asyncio.to_thread(proxy.cut)
        await tx.one("SELECT 1", {})

    async def read(work):
        async with db.read() as tx:
            await work(tx)

    async def cancelled(awaitable):
        running = asyncio.ensure_future(awaitable)
        await asyncio.sleep(dice.random() / 50)
        running.cancel()
        await running

    def refused(awaitable):
        proxy.target = 1
        proxy.cut()
        return awaitable

    async def fail():
        kinds = [
            lambda: db.write(conflict),
            lambda: db.write(broken),
            lambda: read(conflict),
            lambda: read(broken),
            lambda: read(cut),
            lambda: refused(db.check()),
            lambda: refused(create(db, project)),
            *[lambda: cancelled(create(db, project))] * 3,
            *[lambda: cancelled(read(lambda tx: tx.one("SELECT pg_sleep(0.01)", {})))] * 3,
        ]
        failures = 0
        while failures < 100:
            proxy.target = cluster.port
            try:
                await dice.choice(kinds)()
            except (Exception, asyncio.CancelledError):
                failures += 1

    world.run(fail())

    proxy.target = cluster.port
    world.run(use_all_places(db))
    [(open_now,)] = cluster.run(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'plaudit'"
    )
    assert open_now <= 2 * CONNECTIONS_MAX, "those of this database and of the world's"
