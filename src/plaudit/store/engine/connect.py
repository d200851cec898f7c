"""Create, open and check the store that the settings name, SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from plaudit import private_files
from plaudit.errors import Misconfigured, StoreRefused
from plaudit.settings import Settings
from plaudit.store.engine import citus, migrator, schema_check, sqlite
from plaudit.store.engine.engine import Database
from plaudit.store.engine.migrator import Dialect

if TYPE_CHECKING:
    from plaudit.store.engine.postgres import PostgresDatabase
    from plaudit.store.engine.replica import Replica

FILE_NAME = "plaudit.sqlite"
_SCHEMES = ("postgresql://", "postgres://")


def prepare(settings: Settings) -> list[str]:
    """Create the store or bring it up to date; return the migrations applied.

    On a Citus cluster whose tables are distributed, those that a migration made are as well.
    """

    async def upgrade() -> list[str]:
        db = _open(settings, create=True, patient=True, reads_whole_tables=True)
        try:
            applied = await migrator.upgrade(db, _dialect(settings))
            if applied and settings.database is not None:
                await db.write(migrator.pack_columns)
                await db.write(citus.distribute_the_rest)
            return applied
        finally:
            await db.close()

    return asyncio.run(upgrade())


def open_database(
    settings: Settings, *, patient: bool = False, reads_whole_tables: bool = False
) -> Database:
    """Open an existing store; raises StoreRefused if there is none, Misconfigured for a bad URL.

    `patient` lifts the time limit on statements, for jobs and an operator's commands that take
    minutes; one whose statements read whole tables rather than pages says so.
    """
    return _open(settings, create=False, patient=patient, reads_whole_tables=reads_whole_tables)


async def open_replica(
    settings: Settings, db: Database, on_look: Callable[[Replica], None]
) -> Replica | None:
    """Open the replica of an open store that the settings name, None if they name none.

    It is watched once it is started, and `on_look` is called after each look. Raises
    Misconfigured for one that is no replica of the store.
    """
    if settings.database_read is None:
        return None
    if settings.database is None:
        raise Misconfigured("--database-read needs --database: the embedded store has no replica")
    if not settings.database_read.startswith(_SCHEMES):
        raise Misconfigured("--database-read takes a URL that begins with postgresql://")
    opened: Replica = await import_module("plaudit.store.engine.replica").open_replica(
        settings.database_read,
        db,
        lag_s_max=settings.database_read_lag_ms / 1000,
        on_look=on_look,
    )
    return opened


async def require_current(db: Database, settings: Settings) -> None:
    """Raise StoreRefused unless the store has exactly the schema of this version."""
    await migrator.require_current(db, _dialect(settings))


async def schema_differences(db: Database, settings: Settings) -> list[str]:
    """Names of what differs from the schema of a new store; empty if nothing does."""
    return await schema_check.differences(db, _dialect(settings))


def _open(settings: Settings, *, create: bool, patient: bool, reads_whole_tables: bool) -> Database:
    if settings.database is not None:
        return _open_postgres(settings, patient=patient, reads_whole_tables=reads_whole_tables)
    try:
        if create:
            private_files.make_folder(settings.data)
    except OSError as exc:
        raise StoreRefused(f"cannot make the folder {settings.data}: {exc.strerror}") from exc
    path = settings.data / FILE_NAME
    if not create and not path.exists():
        raise StoreRefused(f"there is no store in {settings.data}; run 'plaudit init' first")
    return sqlite.open_sqlite(path, create=create, mmap_bytes=settings.mmap_bytes or 0)


def _open_postgres(settings: Settings, *, patient: bool, reads_whole_tables: bool) -> Database:
    url = settings.database or ""
    if not url.startswith(_SCHEMES):
        raise Misconfigured("--database takes a URL that begins with postgresql://")
    # Imported here alone: a command on SQLite does not wait for it, nor need the extra.
    try:
        engine: type[PostgresDatabase] = import_module(
            "plaudit.store.engine.postgres"
        ).PostgresDatabase
    except ImportError as exc:
        raise Misconfigured("PostgreSQL needs the extra: pip install 'plaudit[postgres]'") from exc
    return engine(
        url,
        behind_pooler=settings.database_pooler,
        patient=patient,
        reads_whole_tables=reads_whole_tables,
        has_replica=settings.database_read is not None,
    )


def _dialect(settings: Settings) -> Dialect:
    return migrator.SQLITE if settings.database is None else migrator.POSTGRES
