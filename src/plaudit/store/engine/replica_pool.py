"""Connections to a replica, each with the incarnation of the server that it reached."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg

from plaudit.errors import Misconfigured
from plaudit.store.engine import postgres_session
from plaudit.store.engine.postgres import CONNECT_SECONDS_MAX, PostgresDatabase

_INCARNATION_SQL = f"SELECT {postgres_session.INCARNATION}"
_PROCESS_SQL = "SELECT pg_backend_pid()"
_POOLED = (
    "--database-read leads to a pooler: name the hot standby itself, since how far it has replayed "
    "holds for one server; PLAUDIT_DATABASE_POOLER concerns --database alone"
)


class ReplicaPool(PostgresDatabase):
    """The database of a replica, whose connections lead to its server itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.incarnations: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    async def connect_alone(self) -> Any:
        """A connection beside those of reads.

        Raises what the driver raises, and Misconfigured for a pooler. That tells what its server
        told it at some time, so that a read could not see when this one was promoted; and it makes
        up the number of the server's process.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                connection = await self._connect()
        except asyncpg.ProtocolViolationError as exc:  # it takes none of the settings
            raise Misconfigured(_POOLED, detail=repr(exc)) from exc
        is_direct = False
        try:
            is_direct = await connection.fetchval(_PROCESS_SQL) == connection.get_server_pid()
        finally:
            if not is_direct:
                connection.terminate()
        if not is_direct:
            raise Misconfigured(_POOLED)
        return connection

    def end_all(self) -> None:
        """End all connections; whoever is using one is told that it is lost."""
        for connection in list(self.incarnations):
            connection.terminate()
        self.incarnations.clear()

    async def _read_history(self, connection: Any) -> postgres_session.History:
        self.incarnations[connection] = await connection.fetchval(_INCARNATION_SQL)
        return postgres_session.UNKNOWN_HISTORY
