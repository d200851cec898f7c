"""The command line. Each command reads its arguments, calls core, and says how it went.

Exit code 0 is done, 1 is refused with one line on standard error, 2 is wrong usage.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import cyclopts
import msgspec
from cyclopts import App, Parameter, validators

import plaudit
from plaudit import app as server
from plaudit import demo as demonstration
from plaudit import worker as background
from plaudit.cli.data import import_files, write_archive
from plaudit.cli.database import db
from plaudit.cli.deliver import deliver
from plaudit.cli.keys import keys, projects_app
from plaudit.cli.place import DEFAULT_ORG, CliContext, refuse, say, with_store
from plaudit.cli.users import users
from plaudit.cli.webhooks import webhooks
from plaudit.core.accounts import api_keys
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidContent, NotFound, Problem
from plaudit.settings import Settings
from plaudit.store.accounts import organizations
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database

app = App(name="plaudit", help=plaudit.__doc__, version=plaudit.__version__)
app.command(keys)
app.command(db)
app.command(projects_app)
app.command(users)
app.command(webhooks)
app.command(import_files, name="import")
app.command(write_archive, name="archive")
app.command(deliver)


@app.command
def init(place: CliContext | None = None) -> None:
    """Create the store, or bring it up to date. Running it again does no harm."""
    chosen = (place or CliContext()).settings()
    applied = connect.prepare(chosen)
    made_secret = _make_secret(chosen)

    async def work(db: Database, secret: ServerSecret) -> None:
        try:
            await api_keys.get_environment(db, DEFAULT_ORG, "live")
        except NotFound:
            await api_keys.create_organization(db, DEFAULT_ORG)

    with_store(chosen, work)
    done = ", ".join(applied) if applied else "it was up to date"
    note = f"; the server secret is in {chosen.secret_path}, keep a copy" if made_secret else ""
    where = f"in {chosen.data}" if chosen.database is None else "in PostgreSQL"
    say.print(f"The store {where} is ready ({done}){note}.")


@app.command
def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8000,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
    worker: bool | None = None,
    place: CliContext | None = None,
) -> None:
    """Run the server. It listens on loopback unless told otherwise.

    Parameters
    ----------
    host
        The address to listen on.
    port
        The port to listen on.
    workers
        How many processes serve; more than one on PostgreSQL alone.
    worker
        Whether they also send callbacks; default $PLAUDIT_WORKER, else yes.
    """
    chosen = (place or CliContext()).settings()
    if worker is not None:
        chosen = msgspec.structs.replace(chosen, worker=worker)
    if workers != 1 and chosen.database is None:
        refuse("the embedded store is served by one process; leave --workers out")
    # Refuse here, with a sentence, what would otherwise fail inside the server's start.
    with_store(chosen, _nothing)
    server.require_free_port(host, port)
    server.serve(chosen, host=host, port=port, workers=workers)


@app.command(name="worker")
def work(*, place: CliContext | None = None) -> None:
    """Send callbacks and forget what is old, without serving; beside `serve --no-worker`."""
    chosen = (place or CliContext()).settings()
    with_store(chosen, _nothing)
    server.configure_logs(chosen)
    background.run(chosen)


@app.command
def demo(
    *, port: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65535))] = 8000
) -> None:
    """Run a server with sample data in a throw-away folder.

    Parameters
    ----------
    port
        Where it listens, on loopback.
    """
    demonstration.run(port)


def _make_secret(chosen: Settings) -> bool:
    """Make the server secret of a store that never had one; False if it is there."""

    async def has_one() -> bool:
        db = connect.open_database(chosen)
        try:
            async with db.read() as tx:
                return bool(await organizations.list_secret_fingerprints(tx))
        finally:
            await db.close()

    if not chosen.secret_path.exists() and asyncio.run(has_one()):
        return False  # a new one would open nothing; what follows says which file is missing
    return server_secret.make(chosen.secret_path)


def main() -> None:
    """Run the command line and exit."""
    if any("\udc80" <= char <= "\udcff" for argument in sys.argv for char in argument):
        refuse("the arguments are not valid UTF-8")
    try:
        app(exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        sys.exit(2)
    except Problem as problem:
        pointer = f"{problem.pointer}: " if isinstance(problem, InvalidContent) else ""
        reason = f" ({problem.detail})" if problem.detail else ""
        refuse((pointer if pointer != ": " else "") + problem.message + reason)
    except KeyboardInterrupt:
        sys.exit(130)


async def _nothing(db: Database, secret: ServerSecret) -> None:
    return None
