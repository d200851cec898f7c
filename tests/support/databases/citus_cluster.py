"""Databases on a real Citus cluster for the tests, each with the current schema, distributed.

`PLAUDIT_TEST_CITUS` is the URL of a database of the coordinator that knows its workers; its user
must be allowed to create databases and the extension on every node. A database of a test exists on
every node under the same name, has few shards, and is dropped from all of them afterwards.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from plaudit.settings import Settings
from plaudit.store.engine import citus, connect
from plaudit.store.engine.connect import open_database

VARIABLE = "PLAUDIT_TEST_CITUS"
SHARDS = 4
"""Shards of a table: enough to be on every worker, and few to make and to ask."""
USES_MAX = 60

_WORKERS_SQL = """SELECT nodename, nodeport FROM pg_dist_node
    WHERE isactive AND shouldhaveshards AND noderole = 'primary' ORDER BY nodeid"""
_COORDINATOR_SQL = "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0"
_OTHERS_SQL = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND application_name NOT LIKE 'citus%' AND pid <> pg_backend_pid()"""


class CitusCluster:
    """The cluster that `PLAUDIT_TEST_CITUS` names, and the databases that tests have of it."""

    def __init__(self, worker: str) -> None:
        self._admin_url = os.environ[VARIABLE]
        self._runner = asyncio.Runner()
        self._prefix = f"plaudit_{os.getpid()}_{worker}"
        self._count = 0
        rows = self._fetch(self._admin_url, _WORKERS_SQL)
        self.workers = [(str(host), int(port)) for host, port in rows]
        assert self.workers, f"the database of {VARIABLE} knows no worker"
        (here,) = self._fetch(self._admin_url, _COORDINATOR_SQL)
        self.coordinator = (str(here[0]), int(here[1]))
        self._tables: list[str] = []
        self._first_rows: dict[str, list[tuple[Any, ...]]] = {}
        self._resting: deque[tuple[str, int]] = deque()
        self._uses: dict[str, int] = {}

    def lend(self) -> str:
        """An empty database with the current schema, distributed; returns its URL."""
        while self._resting:
            url, uses = self._resting.popleft()
            if uses < USES_MAX and self._empty(url):
                self._uses[url] = uses + 1
                return url
            self.drop(url)
        url = self.create()
        connect.prepare(Settings(database=url))
        self.distribute(url)
        if not self._tables:
            self._read_template(url)
        self._uses[url] = 1
        return url

    def give_back(self, url: str) -> None:
        """Take a database back from the test that is done with it."""
        self._resting.append((url, self._uses.pop(url)))

    def create(self) -> str:
        """A database on every node, with the extension and without a schema; returns its URL."""
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        for node in (self.coordinator, *self.workers):
            self._run(self._url(node, None), f"CREATE DATABASE {name}")
            self._run(self._url(node, name), "CREATE EXTENSION citus")
        url = self._url(self.coordinator, name)
        host, port = self.coordinator
        self._run(url, f"SELECT citus_set_coordinator_host('{host}', {port})")
        for host, port in self.workers:
            self._run(url, f"SELECT citus_add_node('{host}', {port})")
        self._run(url, f"ALTER DATABASE {name} SET citus.shard_count = {SHARDS}")
        return url

    def distribute(self, url: str) -> None:
        """Distribute the tables of a database by the product's own command."""

        async def work() -> None:
            database = open_database(Settings(database=url), patient=True)
            try:
                await database.write(citus.distribute)
                await database.write(citus.require_equal_planning)
            finally:
                await database.close()

        self._runner.run(work())

    def url_on(self, node: tuple[str, int], url: str) -> str:
        """URL of the same database on a node."""
        return self._url(node, urlsplit(url).path.lstrip("/"))

    def drop(self, url: str) -> None:
        """Remove a database from every node, whoever is still connected."""
        name = urlsplit(url).path.lstrip("/")
        for node in (self.coordinator, *self.workers):
            self._run(self._url(node, None), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """Drop every database that was lent."""
        for url in [*(url for url, _ in self._resting), *self._uses]:
            self.drop(url)
        self._runner.close()

    def _read_template(self, url: str) -> None:
        rows = self._fetch(
            url,
            """SELECT relname FROM pg_class WHERE relkind = 'r'
                AND relnamespace = 'public'::regnamespace ORDER BY oid DESC""",
        )
        self._tables = [str(name) for (name,) in rows]
        for table in self._tables:
            if found := self._fetch(url, f"SELECT * FROM {table}"):
                self._first_rows[table] = found

    def _empty(self, url: str) -> bool:
        """Delete what a test wrote; False where somebody is still connected."""

        async def work() -> bool:
            connection = await asyncpg.connect(url)
            try:
                if await connection.fetchval(_OTHERS_SQL):
                    return False
                async with connection.transaction():
                    for table in self._tables:
                        await connection.execute(f"DELETE FROM {table}")
                    for table, rows in self._first_rows.items():
                        await connection.copy_records_to_table(table, records=rows)
                return True
            finally:
                await connection.close()

        try:
            return self._runner.run(work())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    def _run(self, url: str, statement: str) -> None:
        self._fetch(url, statement)

    def _fetch(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        async def work() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return self._runner.run(work())

    def _url(self, node: tuple[str, int], database: str | None) -> str:
        parts = urlsplit(self._admin_url)
        user = parts.netloc.rpartition("@")[0]
        place = f"{user}@" if user else ""
        path = parts.path if database is None else f"/{database}"
        return urlunsplit(parts._replace(netloc=f"{place}{node[0]}:{node[1]}", path=path))
