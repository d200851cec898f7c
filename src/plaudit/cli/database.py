"""plaudit db: upgrade, check, back up, restore and sweep the store, and distribute it on Citus."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cyclopts import App

from plaudit import clock
from plaudit.cli.context import CliContext, ExistingFile, with_store
from plaudit.cli.progress import progress, require_writable
from plaudit.cli.terminal import refuse, say
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.datasets import attachments
from plaudit.core.tasks import page_records
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine import backup, checks, citus, connect, epochs
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.page_files import file_writing

db = App(name="db")

PAGE_FILES_HOLD = "what page files hold is what the tables say (delete the folder `pages`)"


@db.command
def upgrade(*, context: CliContext | None = None) -> None:
    """Bring the store's schema up to date."""
    applied = connect.prepare((context or CliContext()).settings())
    say.print(f"Applied {', '.join(applied)}." if applied else "The store is up to date.")


@db.command
def check(*, context: CliContext | None = None) -> None:
    """Check that what must always be true of the stored data is. Reads all of it.

    The tables and indexes must be those of a new store.
    """
    chosen = (context or CliContext()).settings()

    async def work(database: Database, secret: ServerSecret) -> dict[str, int]:
        differing = await connect.schema_differences(database, chosen)
        for name in differing:
            say.print(f"differs from a new store: {name}")
        if differing:
            refuse(f"{len(differing)} parts of the schema are not those of a new store")
        found = await checks.violations(database)
        if chosen.database is None:
            wrong = await page_records.count_wrong(database, chosen.pages_folder)
            found |= {PAGE_FILES_HOLD: wrong} if wrong else {}
        return found

    violations = with_store(chosen, work, reads_whole_tables=True)
    for statement, count in violations.items():
        say.print(f"does not hold for {count} rows: {statement}")
    if violations:
        refuse(f"{len(violations)} of {len(checks.CHECKS)} statements do not hold")
    say.print(f"All {len(checks.CHECKS)} statements hold.")


@db.command(name="backup")
def write_backup(*, out: Path, context: CliContext | None = None) -> None:
    """Copy the whole store to one file, while it is in use.

    Parameters
    ----------
    out
        The file. Its hash goes into OUT.sha256 beside it; the server secret is not in it.
    """
    require_writable(out)
    with progress() as bars:
        bar = bars.add_task("copying", total=None)
        digest = backup.write_backup(
            (context or CliContext()).settings(),
            out,
            lambda done, total: bars.update(bar, completed=done, total=total),
        )
    say.print(f"Wrote {out} (sha256 {digest}).")


@db.command(name="restore")
def read_backup(source: ExistingFile, *, context: CliContext | None = None) -> None:
    """Bring a backup back into a store that does not exist yet.

    Page tokens given out before are refused afterwards, so that their walks begin anew.

    Parameters
    ----------
    source
        The backup; its .sha256 must stand beside it.
    """
    chosen = (context or CliContext()).settings()
    backup.read_backup(chosen, source)
    connect.prepare(chosen)

    async def work() -> None:
        database = connect.open_database(chosen)
        try:
            await database.write(_begin_epoch)
        finally:
            await database.close()

    asyncio.run(work())
    say.print(
        f"Restored {source}. Put the server secret that belongs to it at {chosen.secret_path}.",
    )


@db.command
def distribute(*, show: bool = False, context: CliContext | None = None) -> None:
    """Spread the tables over the workers of a Citus cluster. Running it again does no harm.

    Parameters
    ----------
    show
        Print the statements instead of running them.
    """
    if show:
        print(";\n".join(citus.statements()) + ";")
        return
    chosen = (context or CliContext()).settings()
    if chosen.database is None:
        refuse("SQLite stays on one machine; --database must name a Citus coordinator", code=2)

    async def work(database: Database, secret: ServerSecret) -> list[str]:
        done = await database.write(citus.distribute)
        await database.write(citus.require_equal_planning)
        return done

    done = with_store(chosen, work)
    result = f"Distributed {', '.join(done)}." if done else "Every table is distributed already."
    say.print(result)


@db.command
def sweep(*, context: CliContext | None = None) -> None:
    """Delete files of attachments that nothing in the store names, once they are a day old.

    They are left behind where the server was killed, or an import taken back, between keeping a
    file and writing its row. Page files are deleted where PLAUDIT_PAGE_FILES is 0.
    """
    chosen = (context or CliContext()).settings()

    async def work(database: Database, secret: ServerSecret) -> int:
        return await attachments.sweep(database, BlobStore(chosen.attachments_location))

    deleted = with_store(chosen, work)
    if not chosen.page_files:
        deleted += file_writing.remove_all(chosen.pages_folder)
    say.print(f"Deleted {deleted} files.")


@db.command
def begin_epoch(*, context: CliContext | None = None) -> None:
    """Begin a new epoch of a PostgreSQL store, after a machine of a cluster lost its last commits.

    Run it when the standby of a Citus worker has taken over; the coordinator's own is noticed by
    itself. Page tokens given out before are refused afterwards, so that whoever reads by completion
    time misses nothing. Servers may go on: their sessions are ended, and they open new ones.
    """
    chosen = (context or CliContext()).settings()
    if chosen.database is None:
        refuse("a backup of SQLite begins an epoch where it is restored; nothing to do", code=2)

    async def work(database: Database, secret: ServerSecret) -> int:
        await database.write(_begin_epoch)
        return await database.write(epochs.end_other_sessions)

    ended = with_store(chosen, work)
    say.print(
        "A new epoch begins: page tokens of before are refused with page_token_expired. Sessions "
        f"ended: {ended}."
    )


async def _begin_epoch(tx: Transaction) -> None:
    _, timeline = await epochs.current(tx)
    await epochs.begin(tx, old_timeline=timeline, timeline=timeline, now=clock.now_ms())
