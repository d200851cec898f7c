"""Back up a whole store to one file and restore it, verified by a SHA-256 beside the file.

SQLite is copied page by page through its own backup interface, while it is being written to;
PostgreSQL by pg_dump, from one snapshot. Beside FILE stands FILE.sha256, as sha256sum writes it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import apsw

from plaudit import private_files
from plaudit.errors import Misconfigured, StoreRefused
from plaudit.settings import Settings
from plaudit.store.engine import citus, connect

PAGES_PER_STEP = 1024
READ_BYTES = 1024 * 1024

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total), in pages of the database."""


def write_backup(settings: Settings, out: Path, on_progress: ProgressCallback) -> str:
    """Write and check a backup; return its SHA-256 in hexadecimal. Raises StoreRefused."""
    draft = out.with_name(f".{out.name}.part")
    draft.unlink(missing_ok=True)
    try:
        private_files.create(draft)
        if settings.database is None:
            _copy_sqlite(settings.data / connect.FILE_NAME, draft, on_progress)
            _check_sqlite(draft)
        else:
            url = _direct_url(settings)
            asyncio.run(_refuse_cluster(settings))
            _run(["pg_dump", "--format=custom", f"--file={draft}", url])
            _run(["pg_restore", "--list", str(draft)])
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        digest = sha256_of(draft)
        # The hash first: a kill in between leaves the old file refused, not a new one unproven.
        _sidecar(out).write_text(f"{digest}  {out.name}\n", "ascii")
        draft.replace(out)
    except (OSError, apsw.Error) as exc:
        raise StoreRefused(f"the backup was not written: {_reason(exc)}") from exc
    finally:
        draft.unlink(missing_ok=True)
    return digest


def read_backup(settings: Settings, source: Path) -> None:
    """Restore a backup into a store that does not exist yet; raises StoreRefused."""
    verify(source)
    if settings.database is not None:
        command = ["pg_restore", "--exit-on-error", "--no-owner", "--single-transaction"]
        _run([*command, f"--dbname={_direct_url(settings)}", str(source)])
        return
    target = settings.data / connect.FILE_NAME
    for existing in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))):
        if existing.exists():
            raise StoreRefused(f"{existing} exists; move the store's files away, then restore")
    private_files.make_folder(settings.data)
    draft = target.with_name(f".{target.name}.part")
    try:
        private_files.create(draft)
        shutil.copyfile(source, draft)
        _check_sqlite(draft)
        draft.replace(target)
    except OSError as exc:
        raise StoreRefused(f"the backup was not restored: {_reason(exc)}") from exc
    finally:
        draft.unlink(missing_ok=True)


def verify(source: Path) -> None:
    """Raise StoreRefused unless a backup has the SHA-256 that its `.sha256` file says."""
    try:
        expected = _sidecar(source).read_text("ascii").split()[0]
    except (OSError, IndexError) as exc:
        raise StoreRefused(
            f"{_sidecar(source)} is missing; a backup has its hash beside it"
        ) from exc
    if sha256_of(source) != expected:
        raise StoreRefused(f"{source} is damaged: its hash is not the one in {_sidecar(source)}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _copy_sqlite(source: Path, target: Path, on_progress: ProgressCallback) -> None:
    if not source.exists():
        raise StoreRefused(f"there is no store at {source}")
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    writer = apsw.Connection(str(target))
    try:
        # One snapshot for all steps; without it every other write would restart the copy.
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(PAGES_PER_STEP)
                on_progress(backup.page_count - backup.remaining, backup.page_count)
        # The copy stands alone: no write-ahead log goes with it.
        writer.execute("PRAGMA journal_mode=DELETE").fetchall()
    finally:
        writer.close()
        reader.close()


def _check_sqlite(path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        result = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except apsw.Error as exc:
        raise StoreRefused(f"{path} is not a sound database: {exc}") from exc
    finally:
        connection.close()
    if result != ("ok",):
        raise StoreRefused(f"{path} is not a sound database: {result and result[0]}")


def _reason(exc: OSError | apsw.Error) -> str:
    if isinstance(exc, OSError) and exc.filename is not None:
        return f"{exc.filename}: {exc.strerror}"
    return str(exc)


async def _refuse_cluster(settings: Settings) -> None:
    """Raise StoreRefused for Citus, whose workers pg_dump reads at different moments."""
    db = connect.open_database(settings)
    try:
        async with db.read(snapshot=False) as tx:
            if await citus.is_cluster(tx):
                raise StoreRefused(
                    "the machines of a cluster are not copied at one moment; take a restore point "
                    "with citus_create_restore_point and back up every node with PostgreSQL's own "
                    "tools, or write `plaudit archive` for each organization"
                )
    finally:
        await db.close()


def _direct_url(settings: Settings) -> str:
    """The URL of the PostgreSQL server; raises Misconfigured behind a pooler.

    Session settings of pg_dump and pg_restore would leak to the pooler's other clients, and part
    of them would not reach their own transaction.
    """
    assert settings.database is not None
    if settings.database_pooler:
        raise Misconfigured(
            "a backup cannot go through a pooler; name the server itself with --database"
            " and set PLAUDIT_DATABASE_POOLER=0"
        )
    return settings.database


def _run(command: list[str]) -> None:
    """Run one of PostgreSQL's own tools, which must be on the PATH."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise Misconfigured(
            f"{command[0]} is not on the PATH; install PostgreSQL's client tools"
        ) from exc
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if "error:" in line.lower()), lines[-1])
        raise StoreRefused(f"{command[0]} failed: {reason}")
