"""Comparison of a store's tables and indexes with those that the migrations make afresh."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from plaudit.store.engine import migrator
from plaudit.store.engine.engine import Database, Row, Transaction
from plaudit.store.engine.migrator import LEDGER, Dialect

_SQLITE_OBJECTS = "SELECT name, COALESCE(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
_POSTGRES_OBJECTS = """
    SELECT c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        a.attcollation::text, a.attnotnull::text, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = {namespace} AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
    UNION ALL SELECT c.relname::text,
        regexp_replace(pg_get_indexdef(c.oid), ' ON (ONLY )?[^ ]+ ', ' ON ')
    FROM pg_class AS c WHERE c.relnamespace = {namespace} AND c.relkind IN ('i', 'I')
    UNION ALL SELECT c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
    FROM pg_class AS c JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'c'
    WHERE c.relnamespace = {namespace}
"""
_STORED = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
_FRESH = "pg_my_temp_schema()"


class _Found(Exception):
    """Rolls a transaction back; carries the objects of the store and of a fresh schema."""

    def __init__(self, stored: dict[str, str], fresh: dict[str, str]) -> None:
        super().__init__()
        self.stored = stored
        self.fresh = fresh


async def differences(db: Database, dialect: Dialect) -> list[str]:
    """Names of the tables, columns, indexes and checks that differ from a fresh schema, sorted.

    Nothing is changed. Tables of others in the same schema of PostgreSQL count as differences.
    """
    if dialect is migrator.SQLITE:
        async with db.read() as tx:
            stored = _by_name(await tx.all(_SQLITE_OBJECTS, {}))
        fresh = _fresh_on_sqlite()
    else:
        try:
            await db.write(_compare_on_postgres)
            raise AssertionError("the comparison ends by rolling back")
        except _Found as found:
            stored, fresh = found.stored, found.fresh
    return sorted(
        name
        for name in {*stored, *fresh}
        if name.partition(".")[0].removesuffix("_pkey") != LEDGER
        and stored.get(name) != fresh.get(name)
    )


def _fresh_on_sqlite() -> dict[str, str]:
    connection = apsw.Connection(":memory:")
    try:
        for migration in migrator.migrations(migrator.SQLITE):
            for statement in migration.statements:
                connection.execute(statement)
        return _by_name(connection.execute(_SQLITE_OBJECTS).fetchall())
    finally:
        connection.close()


async def _compare_on_postgres(tx: Transaction) -> None:
    """Make the schema as temporary tables, which every role may; raises _Found."""
    stored = _by_name(await tx.all(_POSTGRES_OBJECTS.format(namespace=_STORED), {}))
    await tx.run("SET LOCAL search_path TO pg_temp", {})
    for migration in migrator.migrations(migrator.POSTGRES):
        for statement in migration.statements:
            await tx.run(statement, {})
    raise _Found(stored, _by_name(await tx.all(_POSTGRES_OBJECTS.format(namespace=_FRESH), {})))


def _by_name(rows: Iterable[Row]) -> dict[str, str]:
    return {str(name): str(definition) for name, definition in rows}
