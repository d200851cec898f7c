"""Sessions of browsers: begun at sign-in, looked up at every request, ended one by one or all.

The cookie holds 256 random bits, the store a keyed hash of them. A session ends 12 hours after it
was last used and 7 days after it was begun. Its use is written down every five minutes at most,
so that reading pages is not a write each time.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from plaudit import clock, ids
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Problem
from plaudit.model.core import Session, SignedIn
from plaudit.store.accounts import sessions
from plaudit.store.engine.engine import Database, Transaction

IDLE_MS = 12 * 60 * 60 * 1000
WHOLE_MS = 7 * 24 * 60 * 60 * 1000
TOUCHED_EVERY_MS = 5 * 60 * 1000
AGENT_CHARS_MAX = 300
SHOWN_MAX = 100

_TOKEN_BYTES = 32


def mint_token() -> str:
    """A cookie's value: 256 random bits in characters that a cookie may hold."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


async def begin(
    tx: Transaction, secret: ServerSecret, *, organization_id: str, user_id: str, agent: str
) -> str:
    """Begin a session and return what its cookie holds; it cannot be shown again."""
    now = clock.now_ms()
    token = mint_token()
    session = Session(
        session_id=ids.mint("session"),
        agent=agent[:AGENT_CHARS_MAX],
        created_ms=now,
        seen_ms=now,
        expires_ms=now + WHOLE_MS,
    )
    await sessions.delete_expired_sessions(
        tx, organization_id, user_id, now=now, seen_before=now - IDLE_MS
    )
    await sessions.insert_session(
        tx,
        session,
        organization_id=organization_id,
        user_id=user_id,
        digest=secret.session_digests(token)[0],
    )
    return token


async def find(tx: Transaction, secret: ServerSecret, token: str) -> SignedIn | None:
    """Who has the session of this cookie, as they are at this moment; None if it is over."""
    now = clock.now_ms()
    for digest in secret.session_digests(token):
        found = await sessions.find_signed_in(tx, digest, now=now, seen_after=now - IDLE_MS)
        if found is not None:
            return found
    return None


class SessionActivity:
    """Writes down which sessions are in use, every few minutes and beside the requests.

    So pages are read while the store cannot be written.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def touch(self, db: Database, user: SignedIn) -> None:
        """Note a session, if that was not done in the last minutes and is not being done."""
        now, session_id = clock.now_ms(), user.session_id
        if now - user.seen_ms < TOUCHED_EVERY_MS or session_id in self._running:
            return
        task = asyncio.create_task(self._touch(db, session_id, now))
        self._running[session_id] = task
        task.add_done_callback(lambda _: self._running.pop(session_id, None))

    async def stop(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._running.values())

    async def _touch(self, db: Database, session_id: str, now: int) -> None:
        with suppress(Problem):  # the next request tries again
            await db.write(lambda tx: sessions.touch_session(tx, session_id, now))


async def list_of(tx: Transaction, user: SignedIn) -> list[Session]:
    """The person's own sessions, the newest first."""
    now = clock.now_ms()
    return await sessions.list_sessions(
        tx,
        user.organization_id,
        user.user_id,
        now=now,
        seen_after=now - IDLE_MS,
        limit=SHOWN_MAX,
    )
