"""`plaudit db distribute`: what it would run, when it refuses, and that it can be run again.

Citus itself cannot run here. Where its functions are called, a stand-in answers: tables and
functions of the same names in a real PostgreSQL, which note each call and cut nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from plaudit.errors import StoreRefused
from plaudit.store.engine import citus, connect, migrator
from plaudit.store.engine.citus import DISTRIBUTED, REFERENCE
from tests.support.builders import make_tasks
from tests.support.databases.postgres_cluster import wait_until
from tests.support.harness import World, run_cli, store_arguments

GOLDEN = Path(__file__).with_name("citus.sql")

STAND_IN = """
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    SELECT 99999, 'citus', extowner, extnamespace, false, '0' FROM pg_extension LIMIT 1;
CREATE TABLE pg_dist_partition (logicalrelid REGCLASS PRIMARY KEY);
CREATE TABLE pg_dist_node (isactive BOOLEAN, shouldhaveshards BOOLEAN);
CREATE TABLE stand_in_call (number INTEGER, call TEXT);
CREATE FUNCTION note(one REGCLASS, call TEXT) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (one);
    INSERT INTO stand_in_call SELECT (SELECT COUNT(*) FROM stand_in_call), $2;
$$;
CREATE FUNCTION create_reference_table(one REGCLASS) RETURNS VOID LANGUAGE sql AS $$
    SELECT note(one, format('%s everywhere', one));
$$;
CREATE FUNCTION create_distributed_table(
    one REGCLASS, by TEXT, colocate_with TEXT DEFAULT 'default'
) RETURNS VOID LANGUAGE sql AS $$
    SELECT note(one, format('%s by %s with %s', one, by, colocate_with));
$$;
CREATE FUNCTION truncate_local_data_after_distributing_table(one REGCLASS) RETURNS VOID
    LANGUAGE sql AS '';
CREATE TABLE stand_in_setting (setting TEXT);
INSERT INTO stand_in_setting VALUES
    ('enable_hashjoin=off'), ('enable_mergejoin=off'), ('random_page_cost=1.1');
CREATE FUNCTION run_command_on_workers(command TEXT)
    RETURNS TABLE (nodename TEXT, nodeport INTEGER, success BOOLEAN, result TEXT)
    LANGUAGE sql AS $$
    SELECT 'w1', 5432, true, coalesce(string_agg(setting, ' '), '') FROM stand_in_setting;
$$;
"""


def on(url: str, *statements: str) -> list[tuple]:
    """Run statements past the product; the rows of the last."""

    async def work():
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            if statements[-1].startswith("SELECT"):
                return [tuple(row) for row in await connection.fetch(statements[-1])]
            await connection.execute(statements[-1])
            return []
        finally:
            await connection.close()

    return asyncio.run(work())


@pytest.fixture
def coordinator(postgres_settings):
    """A PostgreSQL with the stand-in for Citus, and one worker."""
    assert postgres_settings.database is not None
    on(postgres_settings.database, STAND_IN, "INSERT INTO pg_dist_node VALUES (true, true)")
    return postgres_settings


def calls(settings) -> list[str]:
    found = on(settings.database, "SELECT call FROM stand_in_call ORDER BY number")
    return [call for (call,) in found]


def expected_calls() -> list[str]:
    by_project = [table for table, by in DISTRIBUTED.items() if by == "project_key"]
    found = [f"{table} everywhere" for table in REFERENCE]
    for table, by in DISTRIBUTED.items():
        beside = "default" if table == "task" else "task" if table in by_project else "none"
        found.append(f"{table} by {by} with {beside}")
    return found


def test_the_statements_are_the_golden_ones_and_need_no_store(tmp_path):
    done = run_cli("db", "distribute", "--show", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == GOLDEN.read_text("utf-8")
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_refused_with_the_reason(sqlite_settings):
    done = run_cli("db", "distribute", *store_arguments(sqlite_settings))

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "SQLite stays on one machine" in done.stderr


def test_a_postgresql_without_citus_is_refused_with_the_reason(postgres_settings):
    done = run_cli("db", "distribute", *store_arguments(postgres_settings))

    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "CREATE EXTENSION citus" in done.stderr


@pytest.mark.parametrize(
    "workers", [[], ["(false, true)"], ["(true, false)"]], ids=["none", "down", "drained"]
)
def test_a_cluster_without_a_worker_is_refused_with_the_reason(coordinator, workers):
    on(coordinator.database, "TRUNCATE pg_dist_node")
    for worker in workers:
        on(coordinator.database, f"INSERT INTO pg_dist_node VALUES {worker}")
    world = World(coordinator)
    try:
        with pytest.raises(StoreRefused, match="no worker"):
            world.run(world.db.write(citus.distribute))
    finally:
        world.close()

    assert calls(coordinator) == []


def test_every_table_is_distributed_once_and_again_does_nothing(coordinator):
    first = run_cli("db", "distribute", *store_arguments(coordinator))
    again = run_cli("db", "distribute", *store_arguments(coordinator))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"Distributed {', '.join((*REFERENCE, *DISTRIBUTED))}.\n"
    assert (again.returncode, again.stdout) == (0, "Every table is distributed already.\n")
    assert calls(coordinator) == expected_calls()


def test_tables_that_are_distributed_are_left_alone(coordinator):
    done = ("server_secret", "project", "task", "task_locator")
    for table in done:
        on(coordinator.database, f"INSERT INTO pg_dist_partition VALUES ('{table}')")
    world = World(coordinator)

    told = world.run(world.db.write(citus.distribute))

    world.close()
    assert told == [table for table in (*REFERENCE, *DISTRIBUTED) if table not in done]
    assert calls(coordinator) == [one for one in expected_calls() if one.split()[0] not in done]


def test_a_run_that_fails_leaves_nothing_done_and_the_next_does_all(coordinator):
    fail = "ALTER TABLE pg_dist_partition ADD CHECK (logicalrelid <> 'task_body'::regclass)"
    on(coordinator.database, fail)
    world = World(coordinator)
    with pytest.raises(asyncpg.CheckViolationError):
        world.run(world.db.write(citus.distribute))
    assert calls(coordinator) == []
    on(
        coordinator.database,
        "ALTER TABLE pg_dist_partition DROP CONSTRAINT pg_dist_partition_logicalrelid_check",
    )

    world.run(world.db.write(citus.distribute))

    world.close()
    assert calls(coordinator) == expected_calls()


def test_a_worker_that_plans_in_another_way_is_named_with_what_to_run_there(coordinator):
    on(coordinator.database, "DELETE FROM stand_in_setting WHERE setting LIKE 'enable_hashjoin%'")

    done = run_cli("db", "distribute", *store_arguments(coordinator))

    assert (done.returncode, done.stdout) == (1, "")
    assert "worker w1:5432 would plan in another way" in done.stderr.replace("\n", " ")
    assert "SET enable_hashjoin = 'off'" in done.stderr.replace("\n", " ")
    assert calls(coordinator) == expected_calls()


def test_tables_that_an_upgrade_makes_are_distributed_with_the_others(
    postgres_settings, monkeypatch
):
    url, all_of_them = postgres_settings.database, migrator.migrations
    on(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with monkeypatch.context() as earlier:
        earlier.setattr(migrator, "migrations", lambda dialect: all_of_them(dialect)[:-1])
        earlier.setattr(migrator, "PACKED_COLUMNS", ())
        connect.prepare(postgres_settings)
    tables = on(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    before = {table for (table,) in tables} - {"schema_migration"}
    on(url, STAND_IN, "INSERT INTO pg_dist_node VALUES (true, true)")
    for table in before:
        on(url, f"INSERT INTO pg_dist_partition VALUES ('{table}')")

    connect.prepare(postgres_settings)

    made = {call.split()[0] for call in calls(postgres_settings)}
    assert made == {*REFERENCE, *DISTRIBUTED} - before != set()


def test_an_epoch_that_is_begun_ends_the_page_tokens_that_a_running_server_gave(
    postgres_settings,
):
    world = World(postgres_settings)
    world.org()
    world.load(make_tasks(3))
    asked = {"project_id": "project_123", "limit": 1}
    with world.client() as client:
        token = client.get("/v2/tasks", params=asked).json()["next_token"]
        done = run_cli("db", "begin-epoch", *store_arguments(postgres_settings))
        wait_until(lambda: client.get("/v2/tasks", params=asked).status_code == 200, "it is back")
        old = client.get("/v2/tasks", params={"next_token": token})
        new = client.get("/v2/tasks", params=asked).json()["next_token"]
        again = client.get("/v2/tasks", params={"next_token": new})

    world.close()
    assert (done.returncode, done.stderr) == (0, "")
    assert (old.status_code, old.json()["code"]) == (400, "page_token_expired")
    assert again.status_code == 200


def test_an_epoch_of_sqlite_is_begun_by_restoring_alone(sqlite_settings):
    done = run_cli("db", "begin-epoch", *store_arguments(sqlite_settings))

    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing to do" in done.stderr


def test_what_others_refer_to_goes_first(postgres_settings):
    """Citus takes no table whose foreign keys lead to one that is not there yet."""
    found = on(
        postgres_settings.database,
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f'",
    )
    order = [one.split()[0] for one in expected_calls()]

    late = [pair for pair in found if order.index(pair[1]) > order.index(pair[0])]
    assert (len(found) >= 5, late) == (True, [])


def test_a_cluster_is_not_backed_up_by_a_copy_that_is_of_no_moment(coordinator, tmp_path):
    out = tmp_path / "backup"

    done = run_cli("db", "backup", "--out", str(out), *store_arguments(coordinator))

    assert (done.returncode, done.stdout) == (1, "")
    assert "citus_create_restore_point" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []
