"""plaudit serve, worker, demo: the commands that run until they are stopped."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from plaudit import app as server
from plaudit import demo as demonstration
from plaudit import logs
from plaudit import worker as background
from plaudit.cli.context import CliContext, check_store, with_store
from plaudit.cli.terminal import err, refuse
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database, ReplicaState


def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8000,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
    worker: bool | None = None,
    database_read: str | None = None,
    context: CliContext | None = None,
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
    database_read
        URL of a hot standby of --database, which then answers GET requests of the v2 API; default
        $PLAUDIT_DATABASE_READ.
    """
    chosen = (context or CliContext()).settings()
    if worker is not None:
        chosen = msgspec.structs.replace(chosen, worker=worker)
    if database_read is not None:
        chosen = msgspec.structs.replace(chosen, database_read=database_read)
    if workers != 1 and chosen.database is None:
        refuse("the embedded store is served by one process; leave --workers out")
    # Refuse here, with a sentence, what would otherwise fail inside the server's start.
    with_store(chosen, lambda db, secret: check_replica(db, chosen))
    server.require_free_port(host, port)
    server.serve(chosen, host=host, port=port, workers=workers)


async def check_replica(db: Database, chosen: Settings) -> None:
    """Look at the replica that the settings name, and say on standard error if it does not answer.

    Raises Misconfigured where it is none of this store.
    """
    replica = await connect.open_replica(chosen, db, lambda _: None)
    if replica is not None:
        state = replica.state
        await replica.stop()
        if state is not ReplicaState.ready:
            err.print(
                f"plaudit: the replica of --database-read is {state}; "
                "--database answers until it is ready"
            )


def work(*, context: CliContext | None = None) -> None:
    """Send callbacks and forget what is old, without serving; beside serve --no-worker."""
    chosen = (context or CliContext()).settings()
    with_store(chosen, check_store)
    logs.configure_logs(chosen)
    background.run(chosen)


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
