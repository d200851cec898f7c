"""Apply numbered migrations; refuse a schema this version does not know.

Each migration runs in one transaction together with the row that says it ran, so a kill at any
step leaves the schema before it or after it. A database that names a migration which is not here
was written by a newer version and is refused untouched.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

import apsw
from msgspec import Struct

from plaudit import clock
from plaudit.errors import StoreRefused
from plaudit.store.engine_sqlite import connect_for_migration

SQLITE_WORDS = {"id": "TEXT", "bytes": "BLOB", "packed": "BLOB", "clustered": " WITHOUT ROWID"}
POSTGRES_WORDS = {
    "id": 'TEXT COLLATE "C"',
    "bytes": "BYTEA",
    "packed": "BYTEA COMPRESSION lz4",
    "clustered": "",
}

_LEDGER = "CREATE TABLE IF NOT EXISTS schema_migration (name TEXT PRIMARY KEY, applied_ms BIGINT)"


class Migration(Struct, frozen=True):
    """One change of the schema, filled in for one engine."""

    name: str
    sql: str


def migrations(words: dict[str, str]) -> list[Migration]:
    """All migrations in order."""
    folder = files("plaudit.store") / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [
        Migration(name, Template((folder / name).read_text("utf-8")).substitute(words))
        for name in names
    ]


def upgrade_sqlite(path: Path) -> list[str]:
    """Bring a database file (made if absent) up to date; return what was applied."""
    connection = connect_for_migration(path)
    try:
        applied = []
        for migration in _outstanding(connection):
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have been quicker; the lock makes this look final.
                if migration in _outstanding(connection):
                    connection.execute(migration.sql)
                    connection.execute(
                        "INSERT INTO schema_migration (name, applied_ms) VALUES (:name, :now)",
                        {"name": migration.name, "now": clock.now_ms()},
                    )
                    applied.append(migration.name)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        return applied
    finally:
        connection.close()


def require_current_sqlite(path: Path) -> None:
    """Raise StoreRefused unless the file has exactly the schema of this version."""
    connection = connect_for_migration(path)
    try:
        outstanding = _outstanding(connection)
    finally:
        connection.close()
    if outstanding:
        raise StoreRefused(
            f"the store lacks migration {outstanding[0].name}; run 'plaudit init' to upgrade it"
        )


def _outstanding(connection: apsw.Connection) -> list[Migration]:
    connection.execute(_LEDGER)
    done = {row[0] for row in connection.execute("SELECT name FROM schema_migration")}
    known = migrations(SQLITE_WORDS)
    unknown = done - {migration.name for migration in known}
    if unknown:
        raise StoreRefused(
            f"the store has migration {min(unknown)}, which this version does not know; "
            "use the version that wrote it, or a newer one"
        )
    if (
        not done
        and connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migration'"
        ).fetchone()
    ):
        raise StoreRefused("the database holds tables that are not Plaudit's")
    return [migration for migration in known if migration.name not in done]
