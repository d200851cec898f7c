"""Databases that tests have used, emptied for the next test: to clone one costs five times as much.

One is used again only if nobody is connected to it, it stayed small, and its schema, its statistics
and its settings are those of the template.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.support.databases import kept_sessions

BYTES_MAX = 2 * 1024**2
"""Bytes of rows, deleted ones included, more than in the template with which a database is not used
again."""
USES_MAX = 40

_STATE_SQL = """SELECT
    (SELECT concat_ws(' ', count(*), sum(xmin::text::bigint), sum(relpages), sum(reltuples))
        FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_attribute
        WHERE attrelid >= 16384),
    (SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_constraint),
    (SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_trigger),
    (SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM pg_proc WHERE oid >= 16384),
    (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%temp\\_%'),
    (SELECT count(*) FROM pg_extension),
    (SELECT count(*) FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
        WHERE d.datname = current_database())"""
"""What only a change of the schema, ANALYZE, VACUUM and settings change; rows do not."""
_SIZE_SQL = """SELECT sum(pg_relation_size(oid))::bigint FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
_USE_SQL = f"""SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name NOT IN ('emptying', '{kept_sessions.RESTING}')),
    ({_SIZE_SQL})"""
_TABLES_SQL = """SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY oid DESC"""
_ROWS_SQL = "SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM {table}"


class Template:
    """The state of a database that no test has used, and how one is brought back to it."""

    def __init__(self) -> None:
        self.state: tuple[Any, ...] = ()
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        """The rows that every copy has from the beginning, by table."""
        self.counted: dict[str, str] = {}
        """What tells whether these rows are still the same, by table."""
        self.size = 0
        self.counts_sql = ""
        """A query for that of each table with rows, and for the tables that had none and have some;
        those that refer to others come before these."""

    async def read(self, url: str) -> None:
        """Read the template; nobody is connected to it afterwards."""
        connection = await asyncpg.connect(url)
        try:
            self.state = tuple(await connection.fetchrow(_STATE_SQL))
            self.size = await connection.fetchval(_SIZE_SQL)
            parts = []
            for (table,) in await connection.fetch(_TABLES_SQL):
                found = [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table}")]
                if found:
                    self.rows[table] = found
                    parts.append(_counted(table))
                else:
                    parts.append(f"SELECT '{table}', '' WHERE EXISTS (SELECT FROM {table})")
            self.counts_sql = " UNION ALL ".join(parts)
            rows = await connection.fetch(self.counts_sql)
            self.counted = dict(map(tuple, rows))
        finally:
            await connection.close()


def _counted(table: str) -> str:
    """A query for a table's name, and for what is another text once its rows have changed."""
    return f"SELECT '{table}', ({_ROWS_SQL.format(table=table)})"


async def connect(url: str) -> Any:
    """A session that does not count as somebody's."""
    return await asyncpg.connect(url, server_settings={"application_name": "emptying"})


class UsedDatabase:
    """A database that a test is done with, and a session in which it is brought back."""

    def __init__(self, url: str, template: Template) -> None:
        self.url = url
        self._template = template
        self._counted = dict(template.counted)
        self._connection: Any = None
        self._uses = 1

    async def empty(self) -> bool:
        """Bring it back to the template's state; False if it is not to be used again."""
        try:
            return await self._empty()
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # a test removed it, or ended all of its sessions

    async def _empty(self) -> bool:
        if self._connection is None:
            self._connection = await connect(self.url)
        run, template = self._connection, self._template
        others, size = await run.fetchrow(_USE_SQL)
        self._uses += 1
        if others > 0 or size > template.size + BYTES_MAX or self._uses > USES_MAX:
            return False
        if tuple(await run.fetchrow(_STATE_SQL)) != template.state:
            return False
        rows = await run.fetch(template.counts_sql)
        used = [table for table, counted in rows if self._counted.get(table) != counted]
        if not used:
            return True
        full = [table for table in used if table in template.rows]
        async with run.transaction():
            if len(full) > 0:  # what refers to their rows finds the same ones again
                await run.execute("SET LOCAL session_replication_role = replica")
            await run.execute(";".join(f"DELETE FROM {table}" for table in used))
            for table in full:
                await run.copy_records_to_table(table, records=template.rows[table])
        for table in full:
            self._counted[table] = (await run.fetchrow(_counted(table)))[1]
        return True

    async def close(self) -> None:
        """End the session."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()
