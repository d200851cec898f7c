"""Behind a transaction pooler with three connections, everything is as it is without one."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from plaudit.errors import Unavailable
from plaudit.settings import Settings
from plaudit.store.engine import (
    backup,
    postgres,
    postgres_session,
)
from plaudit.store.engine.postgres import PostgresDatabase
from tests.support.builders import make_tasks
from tests.support.databases.pgbouncer import (
    BEHIND,
    SERVER_CONNECTIONS,
    Patient,
    complete,
    create,
    needs_pooler,
    pooling,
    serving,
    stored,
)
from tests.support.databases.postgres_cluster import make_store, running
from tests.support.forked_process import forked_command
from tests.support.harness import World, clean_environment, run_cli, store_arguments, walk

pytestmark = needs_pooler

EPOCH = "1970-01-01T00:00:00.000Z"
COMPLETERS = 8
WALKERS = 6
IMPORTERS = 2
ROWS = 250
_SETTINGS_SQL = "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[]) ORDER BY name"
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


def test_imports_completions_and_walks_by_twenty_clients_are_all_right(world, cluster, tmp_path):
    """While others import, complete and walk, a poller misses no completion and none is lost."""
    raced = world.project("Raced")
    walked = make_tasks(60, "walked")
    assert world.load(walked, project="Walked")[1] == []
    task_ids = [world.run(create(world.db, raced)).task_id for _ in range(COMPLETERS * 6)]
    is_over = threading.Event()

    async def patiently_complete(db, task_id):
        for _ in range(50):
            try:
                return await complete(db, raced, task_id)
            except Unavailable:  # a busy machine may let it wait too long for a connection
                await asyncio.sleep(0.1)
        raise AssertionError("the store does not come back")

    def complete_some(number):
        async def work():
            db = PostgresDatabase(world.settings.database, behind_pooler=True)
            found = {}
            for task_id in task_ids[number::COMPLETERS]:
                found[task_id] = await patiently_complete(db, task_id)
                await asyncio.sleep(0.05)
            await db.close()
            return found

        return asyncio.run(work())

    def import_some(number):
        path, log = tmp_path / f"{number}.jsonl", tmp_path / f"{number}.log"
        rows = make_tasks(ROWS, f"imported_{number}")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        process = forked_command(
            *("import", str(path), "--format", "v2", "--project", f"Imported {number}"),
            *store_arguments(world.settings),
            environ=clean_environment(**BEHIND),
            log=log,
        )
        return process.wait(120), log.read_text()

    def walk_again_and_again(client):
        walks = []
        while not (walks and is_over.is_set()):
            walks.append([one["task_id"] for one in walk(client, project_name="Walked", limit=7)])
            time.sleep(0.02)
        return walks

    def poll(client):
        received, watermark = [], EPOCH
        while True:
            is_last = is_over.is_set()
            asked = {"project_id": raced.project_id, "completed_after": watermark, "limit": 7}
            found = walk(client, **asked)
            received += [one["task_id"] for one in found]
            watermark = max([watermark, *(one["completed_at"] for one in found)])
            if is_last:
                return received
            time.sleep(0.02)

    with serving(world) as client, ThreadPoolExecutor(32) as pool:
        poller = pool.submit(poll, Patient(client))
        walkers = [pool.submit(walk_again_and_again, Patient(client)) for _ in range(WALKERS)]
        importers = [pool.submit(import_some, number) for number in range(IMPORTERS)]
        completers = [pool.submit(complete_some, number) for number in range(COMPLETERS)]
        try:
            completed = {k: v for one in completers for k, v in one.result(120).items()}
            imports = [one.result(120) for one in importers]
        finally:
            is_over.set()
        walks = [found for one in walkers for found in one.result(60)]
        received = poller.result(60)

    print(f"{len(walks)} walks, {len(completed)} completions beside {IMPORTERS} imports")
    assert [said for code, said in imports if code != 0] == []
    assert all(found == [row["task_id"] for row in walked] for found in walks)
    assert sorted(received) == sorted(task_ids)
    assert stored(cluster, raced) == completed
    rows = cluster.run("SELECT count(*) FROM task WHERE task_id LIKE 'imported%'")
    assert rows == [(IMPORTERS * ROWS,)]


def test_a_page_is_byte_for_byte_the_one_without_a_pooler(world, cluster):
    world.load(make_tasks(30, "same"), project="Same")
    direct = World(Settings(data=world.settings.data, database=cluster.url()))
    asked = {"project_name": "Same", "limit": 20, "opts": "annotation_details"}
    headers = {"X-Request-Id": "same"}

    with world.client() as through, direct.client() as without:
        answers = [
            client.get("/v2/tasks", params=asked, headers=headers) for client in (through, without)
        ]

    direct.close()
    assert answers[0].status_code == 200
    assert answers[0].content == answers[1].content


def test_our_settings_hold_in_each_of_our_transactions_and_reach_nobody_else(
    world, pooler, project
):
    """Neither they nor a prepared statement is left on any of the pooler's connections."""
    ours = postgres_session.settings(postgres.STATEMENT_SECONDS_MAX, reads_whole_tables=False)
    names = [*ours]
    stranger = {}

    async def in_ours(tx):
        rows = [await tx.one(f"SELECT current_setting('{name}')", {}) for name in names]
        return {name: row[0] for name, row in zip(names, rows, strict=True)}

    async def in_reads(snapshot):
        async with world.db.read(snapshot=snapshot) as tx:
            return await in_ours(tx)

    async def look(at_once):
        connection = await asyncpg.connect(pooler.url, statement_cache_size=0)
        async with connection.transaction():
            await at_once.wait()  # each is on a connection of its own
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            kept = await connection.fetch(
                "SELECT name FROM pg_prepared_statements WHERE name <> ''"
            )
            found = await connection.fetch(_SETTINGS_SQL, names)
            stranger[pid] = ([*kept], {row["name"]: row["setting"] for row in found})
            await at_once.wait()
        await connection.close()

    async def work():
        inside = [
            await world.db.write(in_ours),
            await in_reads(snapshot=True),
            await in_reads(snapshot=False),
        ]
        await asyncio.gather(*[create(world.db, project) for _ in range(20)])
        at_once = asyncio.Barrier(SERVER_CONNECTIONS)
        await asyncio.gather(*[look(at_once) for _ in range(SERVER_CONNECTIONS)])
        return inside

    inside = world.run(work())

    expected = ours | {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "5s"}
    assert inside == [expected] * 3
    assert len(stranger) == SERVER_CONNECTIONS
    defaults = {
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "enable_hashjoin": "on",
        "enable_mergejoin": "on",
        "random_page_cost": "4",
    }
    assert list(stranger.values()) == [([], defaults)] * SERVER_CONNECTIONS


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_backup_is_not_taken_or_brought_back_through_the_pooler(store, tmp_path, command):
    """The programs that do it set things for their session, which is not theirs there."""
    copy = tmp_path / "copy"
    copy.write_bytes(b"anything")
    copy.with_name("copy.sha256").write_text(f"{backup.sha256_of(copy)}  copy\n")
    arguments = ["--out", str(tmp_path / "new")] if command == "backup" else [str(copy)]

    done = run_cli("db", command, *arguments, *store_arguments(store), **BEHIND)

    assert done.returncode == 1
    assert "PLAUDIT_DATABASE_POOLER=0" in done.stderr
    assert not (tmp_path / "new").exists()
