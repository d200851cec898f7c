"""plaudit serve, worker, demo: the commands that run until they are stopped."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from plaudit import app as server
from plaudit import demo as demonstration
from plaudit import worker as background
from plaudit.cli.context import CliContext, check_store, with_store
from plaudit.cli.terminal import refuse


def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8000,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
    worker: bool | None = None,
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
    """
    chosen = (context or CliContext()).settings()
    if worker is not None:
        chosen = msgspec.structs.replace(chosen, worker=worker)
    if workers != 1 and chosen.database is None:
        refuse("the embedded store is served by one process; leave --workers out")
    # Refuse here, with a sentence, what would otherwise fail inside the server's start.
    with_store(chosen, check_store)
    server.require_free_port(host, port)
    server.serve(chosen, host=host, port=port, workers=workers)


def work(*, context: CliContext | None = None) -> None:
    """Send callbacks and forget what is old, without serving; beside serve --no-worker."""
    chosen = (context or CliContext()).settings()
    with_store(chosen, check_store)
    server.configure_logs(chosen)
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
