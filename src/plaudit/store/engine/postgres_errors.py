"""Errors of PostgreSQL: which are tried again, and in which form callers see the others."""

from __future__ import annotations

import re
from typing import NoReturn

import asyncpg

from plaudit.errors import Problem, StorageFull, Unavailable
from plaudit.store.engine.engine import RunAgain

AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # another transaction inserted it meanwhile; a retry reads it
    RunAgain,
)
"""Errors after which a write is run again as a whole."""
OVERDUE = (TimeoutError, asyncpg.QueryCanceledError)
"""Errors of what took too long; it is not tried again: the caller has waited enough."""
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)
"""Errors after which a connection is of no more use."""
_CLUSTER_FAULTS = (asyncpg.InternalServerError, asyncpg.PostgresIOError)
_LOST_WORKER = re.compile(
    "connection marked as essential|server closed the connection|connection to the remote node"
    "|could not connect|connection .* (lost|closed|refused)|terminating connection"
    "|failed to COPY to shard"
)
"""Messages of a Citus coordinator that lost a worker; their code is that of its own faults."""
_DUPLICATE = re.compile("duplicate key value violates unique constraint")
"""Message of a Citus worker that refused rows of a COPY, which the coordinator hands on as its own
fault; else it is a UniqueViolationError."""


def is_duplicate(exc: BaseException) -> bool:
    """True if another transaction inserted a row of a COPY meanwhile, which a retry reads."""
    return isinstance(exc, asyncpg.InternalServerError) and bool(_DUPLICATE.search(str(exc)))


def translated(exc: BaseException) -> BaseException:
    """Unavailable for a lost, refused or overdue connection; any other exception unchanged."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, asyncpg.DiskFullError):
        return StorageFull(detail=repr(exc))
    if isinstance(exc, (*LOST, asyncpg.QueryCanceledError, asyncpg.InsufficientResourcesError)):
        return Unavailable("the store cannot be reached now", detail=repr(exc))
    if isinstance(exc, _CLUSTER_FAULTS) and _LOST_WORKER.search(str(exc)):
        return Unavailable("a part of the store cannot be reached now", detail=repr(exc))
    if isinstance(
        exc, (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
    ):
        return Unavailable("the store cannot be reached now", detail=repr(exc))
    return exc


def fail(exc: BaseException) -> NoReturn:
    """Raise an exception in the form that callers may see."""
    problem = translated(exc)
    if problem is exc:
        raise exc
    raise problem from exc
