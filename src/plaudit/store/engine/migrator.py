"""Apply numbered migrations; refuse a schema this version does not know.

Each migration runs in one transaction together with the row that says it ran, so a kill at any
step leaves the schema before it or after it. A database that names a migration which is not here
was written by a newer version and is refused untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template

from msgspec import Struct

from plaudit import clock
from plaudit.errors import StoreRefused
from plaudit.store.engine.engine import Database, Transaction


class Migration(Struct, frozen=True):
    """One change of the schema, filled in for one engine."""

    name: str
    statements: list[str]


class Dialect(Struct, frozen=True):
    """What differs between engines when the schema is made."""

    words: Mapping[str, str]
    """What fills the words in braces of the migrations."""
    lock: str | None
    """Statement that keeps a second upgrade waiting; None where a write transaction does."""
    tables: str
    """Query for the names of all tables."""


LEDGER = "schema_migration"
_CREATE_LEDGER = f"CREATE TABLE IF NOT EXISTS {LEDGER} (name TEXT PRIMARY KEY, applied_ms BIGINT)"

SQLITE = Dialect(
    words={
        "id": "TEXT",
        "bytes": "BLOB",
        "packed": "BLOB",
        "clustered": " WITHOUT ROWID",
        "overlap": "COALESCE(json_extract(CAST(p.detail AS TEXT), '$.overlap'), 1)",
    },
    lock=None,
    tables="SELECT name FROM sqlite_schema WHERE type = 'table'",
)
POSTGRES = Dialect(
    words={
        "id": 'TEXT COLLATE "C"',
        "bytes": "BYTEA",
        "packed": "BYTEA",
        "clustered": "",
        "overlap": "COALESCE(CAST(convert_from(p.detail, 'UTF8')::json ->> 'overlap' AS INT), 1)",
    },
    lock=f"LOCK TABLE {LEDGER} IN EXCLUSIVE MODE",
    tables="SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
)
PACKED_COLUMNS = (
    ("task_body", "body"),
    ("task_body", "patches"),
    ("task_content", "content"),
    ("event", "payload"),
    ("assignment", "draft"),
    ("submission", "answers"),
    ("task_note", "detail"),
    ("dataset_task", "response"),
    ("frozen_task", "body"),
    ("frozen_task", "patches"),
)
"""Columns of finished JSON, which PostgreSQL keeps out of the row: see `pack_columns`."""


def migrations(dialect: Dialect) -> list[Migration]:
    """All migrations in order."""
    folder = files("plaudit.store.engine") / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    found = []
    for name in names:
        text = Template((folder / name).read_text("utf-8")).substitute(dialect.words)
        code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        found.append(Migration(name, [one.strip() for one in code.split(";") if one.strip()]))
    return found


async def upgrade(db: Database, dialect: Dialect) -> list[str]:
    """Bring a database up to date; return the names of the migrations applied."""
    await db.write(lambda tx: _make_ledger(tx, dialect))
    applied = []
    for migration in migrations(dialect):

        async def apply(tx: Transaction, migration: Migration = migration) -> bool:
            if dialect.lock is not None:
                await tx.run(dialect.lock, {})
            # Another process may have been quicker; the lock makes this look final.
            if migration.name not in await _outstanding(tx, dialect):
                return False
            for statement in migration.statements:
                await tx.run(statement, {})
            await tx.run(
                f"INSERT INTO {LEDGER} (name, applied_ms) VALUES (:name, :now)",
                {"name": migration.name, "now": clock.now_ms()},
            )
            return True

        if await db.write(apply):
            applied.append(migration.name)
    return applied


async def require_current(db: Database, dialect: Dialect) -> None:
    """Raise StoreRefused unless the database has exactly the schema of this version."""
    async with db.read() as tx:
        if LEDGER not in await _tables(tx, dialect):
            raise StoreRefused("there is no store here; run 'plaudit init' first")
        outstanding = await _outstanding(tx, dialect)
    if outstanding:
        raise StoreRefused(
            f"the store lacks migration {outstanding[0]}; run 'plaudit init' to upgrade it"
        )


async def pack_columns(tx: Transaction) -> None:
    """Choose how PostgreSQL keeps bodies: with lz4 where it was built with it, else as they are.

    The default, pglz, would cost more on every read than it saves (performance.md 4).
    """
    row = await tx.one(
        "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'", {}
    )
    has_lz4 = row is not None and row[0]
    for table, column in PACKED_COLUMNS:
        change = "COMPRESSION lz4" if has_lz4 else "STORAGE EXTERNAL"
        await tx.run(f"ALTER TABLE {table} ALTER COLUMN {column} SET {change}", {})


async def _make_ledger(tx: Transaction, dialect: Dialect) -> None:
    tables = await _tables(tx, dialect)
    if tables and LEDGER not in tables:
        raise StoreRefused("the database holds tables that are not Plaudit's")
    await tx.run(_CREATE_LEDGER, {})


async def _tables(tx: Transaction, dialect: Dialect) -> set[str]:
    return {row[0] for row in await tx.all(dialect.tables, {})}


async def _outstanding(tx: Transaction, dialect: Dialect) -> list[str]:
    done = {row[0] for row in await tx.all(f"SELECT name FROM {LEDGER}", {})}
    known = [migration.name for migration in migrations(dialect)]
    unknown = done.difference(known)
    if unknown:
        raise StoreRefused(
            f"the store has migration {min(unknown)}, which this version does not know; "
            "use the version that wrote it, or a newer one"
        )
    return [name for name in known if name not in done]
