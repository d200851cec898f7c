"""A database that a test has used serves another one as a new store, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from plaudit.settings import Settings
from tests.support.ann_data import fill
from tests.support.databases.postgres_cluster import wait_until
from tests.support.databases.used_database import Template, UsedDatabase, connect
from tests.support.harness import World


class Use:
    """A test's use of its database, all in the session that empties it in the end."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        template = Template()
        self.runner.run(template.read(url))
        self._used = UsedDatabase(url, template)
        self._session = self._used._connection = self.runner.run(connect(url))

    def run(self, sql: str) -> list[Any]:
        return [tuple(row) for row in self.runner.run(self._session.fetch(sql))]

    def empty(self) -> bool:
        return self.runner.run(self._used.empty())

    def tables(self) -> dict[str, list[Any]]:
        """All rows, by table."""
        tables = self.run("SELECT relname FROM pg_stat_user_tables")
        return {name: self.run(f"SELECT * FROM {name}") for (name,) in tables}

    def close(self) -> None:
        self.runner.run(self._used.close())
        self.runner.close()


@pytest.fixture
def use(postgres_settings: Settings) -> Iterator[Use]:
    assert postgres_settings.database is not None
    use = Use(postgres_settings.database)
    yield use
    use.close()


def test_a_full_store_becomes_a_new_one(postgres_settings, use):
    new = use.tables()
    world = World(postgres_settings)
    world.org()
    fill(world)
    world.close()
    assert use.tables() != new

    wait_until(use.empty, "the sessions have ended")

    assert use.tables() == new


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (id BIGINT)",
        "CREATE INDEX other ON task (created_ms)",
        "ALTER TABLE task ADD COLUMN other BIGINT",
        "ALTER TABLE task DROP COLUMN created_ms",
        "CREATE FUNCTION other() RETURNS BIGINT LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA other",
        "ANALYZE schema_migration",
        "INSERT INTO organization (organization_id, name, name_key, created_ms)"
        " SELECT 'o' || i, repeat('x', 900), 'o' || i, 1 FROM generate_series(1, 3000) AS i",
    ],
)
def test_one_that_was_changed_is_not_used_again(use, change):
    wait_until(use.empty, "the sessions have ended")

    use.run(change)

    assert not use.empty()


def test_one_that_somebody_is_connected_to_is_not_used_again(postgres_settings, use):
    other = use.runner.run(asyncpg.connect(postgres_settings.database))

    assert not use.empty()

    use.runner.run(other.close())


def test_the_next_user_of_a_session_finds_nothing_of_the_last_one(postgres_settings):
    """The same process of the server, as if it had begun anew."""

    async def look(tx):
        return [
            await tx.one(sql, {})
            for sql in (
                "SELECT pg_backend_pid()",
                "SELECT current_setting('work_mem'), current_setting('application_name')",
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
                "SELECT count(*) FROM pg_class WHERE relname = 'mine'",
                "SELECT count(*) FROM pg_listening_channels()",
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'resting'"
                " AND datname = current_database()",
            )
        ]

    async def leave_things(tx):
        found = await look(tx)
        for sql in (
            "SET work_mem = '7MB'",
            "SELECT pg_advisory_lock(7)",
            "CREATE TEMP TABLE mine (it BIGINT)",
            "LISTEN news",
        ):
            await tx.run(sql, {})
        return found

    found = []
    for work in (leave_things, look):
        world = World(postgres_settings)
        found.append(world.run(world.db.write(work)))
        world.close()

    assert found[0] == found[1]
    assert found[0][1][1] == "plaudit"


def rows_of(url: str) -> dict[str, list[Any]]:
    """All rows of a database, by table."""

    async def read() -> dict[str, list[Any]]:
        session = await connect(url)
        found = await session.fetch("SELECT relname FROM pg_stat_user_tables")
        rows = {name: await session.fetch(f"SELECT * FROM {name}") for (name,) in found}
        await session.close()
        return {name: sorted(map(repr, some)) for name, some in rows.items()}

    return asyncio.run(read())


def test_a_copy_of_a_full_store_becomes_one_again(postgres_server, full_postgres):
    """Whatever a test deleted, changed and added, in the order of its own references."""
    source = full_postgres("copied_full").database
    wanted, lent = rows_of(source), list[str]()

    async def change(url: str) -> None:
        session = await connect(url)
        for sql in (
            "DELETE FROM task_locator",
            "UPDATE task SET status = 3, completed_ms = NULL",
            "UPDATE organization SET name = 'other'",
            "INSERT INTO reserved_unique_id (unique_id, environment_id, task_id)"
            " SELECT 'u', environment_id, 't' FROM project LIMIT 1",
        ):
            await session.execute(sql)
        await session.close()

    while len(lent) == len(set(lent)) and len(lent) < 12:
        lent.append(postgres_server.lend(source))
        found = rows_of(lent[-1])
        asyncio.run(change(lent[-1]))
        postgres_server.give_back(lent[-1])
        assert found == wanted

    assert wanted["task_locator"]
    assert len(lent) > len(set(lent)), "none was used again"
