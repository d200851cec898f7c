"""Sessions with the tests' PostgreSQL that are used again by the next test on the same database.

To begin one, and to prepare its statements anew, costs the server more than most tests ask of it.
Nobody has another one's transaction, settings, locks or cursors.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from tests.support.running.kept_loops import LOOPS, WHEN_CLOSED

RESTING = "resting"
"""Name of the application while a session waits for its next user."""
KEPT_MAX = max(2, min(12, 40 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
"""Sessions that rest in this process; the server has a hundred for all workers of a run."""
_REST_SQL = (
    "SELECT pg_advisory_unlock_all(); RESET ALL; UNLISTEN *; CLOSE ALL; DISCARD TEMP;"
    f" SET application_name = '{RESTING}'"
)
_WAKE_SQL = "RESET application_name"

Key = tuple[str, asyncio.AbstractEventLoop, str]
"""URL, loop and options."""

_databases: set[str] = set()
_resting: dict[Key, Session] = {}
"""Those that rest, the one that rests for longest first."""
_lock = threading.Lock()
_connect = asyncpg.connect


class Session(asyncpg.Connection):
    """A session that rests when it is closed, if it may."""

    key: Key

    async def close(self, *, timeout: float | None = None) -> None:
        """Rest, or end where that is not possible."""
        if not await self._rest(timeout):
            await super().close(timeout=timeout)

    async def _rest(self, timeout: float | None) -> bool:
        url, loop, _ = self.key
        if (
            self.is_closed()
            or self.is_in_transaction()
            or url not in _databases
            or loop not in LOOPS
            or self.key in _resting
        ):
            return False
        try:
            await self.execute(_REST_SQL, timeout=timeout)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        with _lock:
            if self.key in _resting:
                return False
            if len(_resting) >= KEPT_MAX:
                _resting.pop(next(iter(_resting))).terminate()
            _resting[self.key] = self
        return True

    async def end(self) -> None:
        """Disconnect."""
        await super().close(timeout=5)


async def connect(dsn: str | None = None, **options: Any) -> Any:
    """`asyncpg.connect`, or a session that rests."""
    loop = asyncio.get_running_loop()
    if dsn not in _databases or loop not in LOOPS or "connection_class" in options:
        return await _connect(dsn, **options)
    assert dsn is not None
    key = dsn, loop, repr(sorted(options.items()))
    with _lock:
        session = _resting.pop(key, None)
    if session is not None:
        try:
            await session.execute(_WAKE_SQL)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            session.terminate()  # a test ended all sessions of this database
        else:
            return session
    session = await _connect(dsn, connection_class=Session, **options)
    session.key = key
    return session


def keep(url: str) -> None:
    """Let sessions with this database rest."""
    _databases.add(url)


def forget(url: str) -> None:
    """End the sessions that rest with a database, and let no other one rest."""
    _databases.discard(url)
    _end(lambda key: key[0] == url)


def _forget_loop(loop: asyncio.AbstractEventLoop) -> None:
    _end(lambda key: key[1] is loop)


def _end(is_meant: Any) -> None:
    with _lock:
        meant = [_resting.pop(key) for key in list(_resting) if is_meant(key)]
    for session in meant:
        loop = session.key[1]
        if loop.is_running():
            session.terminate()
        else:
            loop.run_until_complete(session.end())


@contextmanager
def kept_sessions() -> Iterator[None]:
    """Keep sessions, of the databases that are named, until the end of the block."""
    WHEN_CLOSED.append(_forget_loop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg, "connect", connect)
        yield
    WHEN_CLOSED.remove(_forget_loop)
