"""Apply numbered migrations; refuse a schema this version does not know.

Each migration runs in one transaction together with the row that says it ran, so a kill at any
step leaves the schema before it or after it. A database that names a migration which is not here
was written by a newer version and is refused untouched; so is one whose row has the hash of another
text than the migration of that name has here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from msgspec import Struct

from plaudit import clock
from plaudit.errors import StoreRefused
from plaudit.store.engine import citus, word_index
from plaudit.store.engine.engine import Database, Transaction


class Migration(Struct, frozen=True):
    """One change of the schema, filled in for one engine."""

    name: str
    statements: list[str]

    @property
    def sha256(self) -> str:
        """SHA-256 of the statements in hexadecimal; comments are no part of it."""
        return hashlib.sha256(";\n".join(self.statements).encode()).hexdigest()


class Dialect(Struct, frozen=True):
    """SQL that differs between engines when the schema is created."""

    name: str
    """Word between two dots in the names of migrations that are for this engine alone."""
    words: Mapping[str, str]
    """Values of the `${placeholders}` in the migrations."""
    lock: str | None
    """Statement that makes a second upgrade wait; None where a write transaction does so."""
    tables: str
    """Query for the names of all tables."""


LEDGER = "schema_migration"
_CREATE_LEDGER = (
    f"CREATE TABLE IF NOT EXISTS {LEDGER}"
    " (name TEXT PRIMARY KEY, applied_ms BIGINT, sha256 TEXT NOT NULL)"
)

SQLITE = Dialect(
    name="sqlite",
    words={
        "id": "TEXT",
        "bytes": "BLOB",
        "packed": "BLOB",
        "clustered": " WITHOUT ROWID",
        "word_index": word_index.SQLITE.schema,
        "overlap": "COALESCE(json_extract(CAST(p.detail AS TEXT), '$.overlap'), 1)",
    },
    lock=None,
    tables="SELECT name FROM sqlite_schema WHERE type = 'table'",
)
POSTGRES = Dialect(
    name="postgres",
    words={
        "id": 'TEXT COLLATE "C"',
        "bytes": "BYTEA",
        "packed": "BYTEA",
        "clustered": "",
        "word_index": word_index.POSTGRES.schema,
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
    ("task_action_change", "before"),
    ("task_action_change", "after"),
    ("dataset_task", "response"),
    ("frozen_task", "body"),
    ("frozen_task", "patches"),
)
"""(table, column) of rendered JSON, which PostgreSQL stores out of line; see `pack_columns`."""


def migrations(dialect: Dialect) -> list[Migration]:
    """All migrations in the order of their numbers, as SQL of one engine."""
    folder = files("plaudit.store.engine") / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    result = []
    for name in names:
        if name.split(".")[1:-1] not in ([], [dialect.name]):
            continue
        text = Template((folder / name).read_text("utf-8")).substitute(dialect.words)
        code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        result.append(Migration(name, _statements(code)))
    return result


def _statements(code: str) -> list[str]:
    """Statements of a migration, without the semicolons that end them; a trigger has its own."""
    found = []
    trigger = ""
    for part in code.split(";"):
        statement = trigger + part.strip()
        is_trigger = statement.split(maxsplit=2)[:2] == ["CREATE", "TRIGGER"]
        if is_trigger and not statement.endswith("END"):
            trigger = f"{statement};\n"
        elif statement:
            found.append(statement)
            trigger = ""
    return found


async def upgrade(db: Database, dialect: Dialect) -> list[str]:
    """Apply the outstanding migrations; return their names.

    Raises StoreRefused for a schema of a newer version, one made by other migrations of these
    names, or tables that are not Plaudit's.
    """
    await db.write(lambda tx: _make_ledger(tx, dialect))
    applied = []
    for migration in migrations(dialect):

        async def apply(tx: Transaction, migration: Migration = migration) -> bool:
            if dialect.lock is not None:
                await tx.run(dialect.lock, {})
            # Another process may have applied it meanwhile; the lock makes this check final.
            if migration.name not in await _outstanding(tx, dialect):
                return False
            if dialect.lock is not None and await citus.is_cluster(tx):
                await citus.one_after_another(tx)
            for statement in migration.statements:
                await tx.run(statement, {})
            await tx.run(
                f"INSERT INTO {LEDGER} (name, applied_ms, sha256) VALUES (:name, :now, :sha256)",
                {"name": migration.name, "now": clock.now_ms(), "sha256": migration.sha256},
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
    """Set the compression of PACKED_COLUMNS on PostgreSQL: lz4 if built in, else none.

    The default, pglz, costs more time on every read than the space it saves is worth.
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
    """Names of the migrations to apply, in order; raises StoreRefused if others were applied."""
    # Every column, because the ledger of an unreleased version has no hashes.
    done = {row[0]: row[2:] for row in await tx.all(f"SELECT * FROM {LEDGER}", {})}
    known = migrations(dialect)
    unknown = set(done).difference(migration.name for migration in known)
    if unknown:
        raise StoreRefused(
            f"the store has migration {min(unknown)}, which this version does not know; "
            "use the version that wrote it, or a newer one"
        )
    for migration in known:
        if migration.name in done and done[migration.name] != (migration.sha256,):
            raise StoreRefused(
                f"the store was made with another text of migration {migration.name}; write an"
                " archive with the version that made it, and import that into a new store"
            )
    return [migration.name for migration in known if migration.name not in done]
