"""A store on a real Citus cluster: distributed empty, filled and old, and read as the plan says.

They run where `PLAUDIT_TEST_CITUS` names a coordinator (tests/support/databases/citus_cluster.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import checks, citus, connect, migrator
from plaudit.store.engine.citus import DISTRIBUTED, REFERENCE
from tests.support.builders import make_tasks
from tests.support.databases.citus_cluster import CitusCluster
from tests.support.harness import World, run_cli, store_arguments, walk

FILLED = 300
PLANNED = 12_000
TABLES_SQL = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture
def local_settings(citus_server: CitusCluster, tmp_path: Path) -> Iterator[Settings]:
    """A database of the cluster without a schema."""
    url = citus_server.create()
    settings = Settings(data=tmp_path / "data", database=url)
    settings.data.mkdir()
    server_secret.make(settings.secret_path)
    yield settings
    citus_server.drop(url)


def on(url: str, statement: str) -> list[tuple]:
    async def work() -> list[tuple]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(work())


def archive(settings: Settings, out: Path) -> bytes:
    done = run_cli("archive", "--out", str(out), *store_arguments(settings))
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def fill(settings: Settings, count: int = FILLED) -> None:
    world = World(settings)
    world.org()
    for number in range(4):
        made = make_tasks(count // 4, f"t{number}", project=f"p{number}")
        project = {"id": f"p{number}", "name": f"P{number}"}
        rows = [{"kind": "project", "value": project}]
        summary, rejects = world.load(
            rows + [{"kind": "task", "value": task} for task in made], "archive"
        )
        assert (rejects, summary.counts["task", "added"]) == ([], count // 4)
    world.close()


def violations(settings: Settings) -> dict[str, int]:
    world = World(settings)
    try:
        return world.run(checks.violations(world.db))
    finally:
        world.close()


def rows_left_behind(url: str) -> dict[str, int]:
    """Rows in the coordinator's own tables, which the shards stand in for."""
    found = {}
    for table in DISTRIBUTED:
        (size,) = on(url, f"SELECT pg_catalog.pg_relation_size('{table}')")[0]
        if size:
            found[table] = size
    return found


def test_an_empty_store_is_distributed_and_again_nothing_is_done(local_settings):
    connect.prepare(local_settings)

    first = run_cli("db", "distribute", *store_arguments(local_settings))
    again = run_cli("db", "distribute", *store_arguments(local_settings))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"Distributed {', '.join((*REFERENCE, *DISTRIBUTED))}.\n"
    assert (again.returncode, again.stdout) == (0, "Every table is distributed already.\n")
    assert violations(local_settings) == {}


def test_a_filled_store_is_the_same_after_it_is_distributed_and_no_row_stays_behind(
    local_settings, tmp_path
):
    connect.prepare(local_settings)
    fill(local_settings)
    before = archive(local_settings, tmp_path / "before.jsonl")

    done = run_cli("db", "distribute", *store_arguments(local_settings))

    assert (done.returncode, done.stderr) == (0, "")
    assert archive(local_settings, tmp_path / "after.jsonl") == before
    assert rows_left_behind(local_settings.database) == {}
    assert violations(local_settings) == {}


@pytest.mark.parametrize("count", [6, 11, 15])
def test_a_store_of_an_older_version_that_was_distributed_is_upgraded(
    local_settings, monkeypatch, count
):
    url, all_of_them = local_settings.database, migrator.migrations
    with monkeypatch.context() as earlier:
        earlier.setattr(migrator, "migrations", lambda dialect: all_of_them(dialect)[:count])
        earlier.setattr(migrator, "PACKED_COLUMNS", ())
        connect.prepare(local_settings)
    there = {table for (table,) in on(url, TABLES_SQL)}
    for table in (*REFERENCE, *DISTRIBUTED):
        if table in there:
            on(url, citus.statement_for(table))

    done = run_cli("db", "upgrade", *store_arguments(local_settings))

    assert (done.returncode, done.stderr) == (0, "")
    spread = {str(row[0]) for row in on(url, "SELECT logicalrelid::text FROM pg_dist_partition")}
    assert spread == {*REFERENCE, *DISTRIBUTED}
    fill(local_settings)
    assert violations(local_settings) == {}


def test_a_worker_reads_a_page_by_time_in_order_and_hashes_no_table(citus_settings, citus_server):
    fill(citus_settings, PLANNED)
    world = World(citus_settings)
    on(citus_settings.database, "ANALYZE")
    with world.client() as client:
        asked = {"project_id": "p1", "completed_after": "2025-01-02T00:30:00.000Z", "limit": 100}
        assert len(walk(client, **asked)) == PLANNED // 4 - 1801
    (row,) = on(citus_settings.database, "SELECT project_key FROM project WHERE project_id = 'p1'")
    world.close()

    plan = json.dumps(
        on(
            citus_settings.database,
            "EXPLAIN (FORMAT JSON) SELECT t.seq, b.body FROM task AS t JOIN task_body AS b"
            " ON b.project_key = t.project_key AND b.seq = t.seq"
            f" WHERE t.project_key = {row[0]} AND t.completed_ms > 1735777800000"
            " ORDER BY t.completed_ms LIMIT 101",
        ),
        default=str,
    )

    assert "Nested Loop" in plan
    assert "Hash Join" not in plan
    assert "Merge Join" not in plan
