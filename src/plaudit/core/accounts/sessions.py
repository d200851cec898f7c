"""Browser sessions: started at sign-in, looked up at every request, ended one by one or all.

The cookie has 256 random bits, the store a keyed hash of them. A session ends 12 hours after its
last use and 7 days after its start (OWASP's idle and absolute timeouts). Its use is stored every
five minutes at most, so that reading a page is no write.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from plaudit import clock, ids
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.staffing import roles
from plaudit.errors import Problem
from plaudit.model.core import PersonRole, Session, SignedIn
from plaudit.store.accounts import sessions, users
from plaudit.store.engine.engine import Database, Transaction

IDLE_MS = 12 * 60 * 60 * 1000
LIFETIME_MS = 7 * 24 * 60 * 60 * 1000
TOUCHED_EVERY_MS = 5 * 60 * 1000
AGENT_CHARS_MAX = 300
LISTED_MAX = 100

_TOKEN_BYTES = 32


def mint_token() -> str:
    """Generate a session token: 256 random bits, base64url."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


async def start_session(
    tx: Transaction, secret: ServerSecret, *, organization_id: str, user_id: str, agent: str
) -> str:
    """Start a session and return the token for its cookie, which is not stored.

    `agent` is the browser's User-Agent, cut to AGENT_CHARS_MAX. The user's expired sessions are
    deleted.
    """
    now = clock.now_ms()
    token = mint_token()
    session = Session(
        session_id=ids.mint("session"),
        agent=agent[:AGENT_CHARS_MAX],
        created_ms=now,
        seen_ms=now,
        expires_ms=now + LIFETIME_MS,
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


async def find_user(
    tx: Transaction, secret: ServerSecret, token: str, *, project_id: str = ""
) -> SignedIn | None:
    """Find the active user whose session has this token; None if it has ended.

    With a `project_id` their role is the one that holds in that project, if they have access to it
    and it exists.
    """
    now = clock.now_ms()
    for digest in secret.session_digests(token):
        row = await sessions.find_signed_in(
            tx, digest, now=now, seen_after=now - IDLE_MS, project_id=project_id
        )
        if row is not None:
            return _signed_in(row)
    return None


async def keep_language(tx: Transaction, secret: ServerSecret, token: str, code: str) -> None:
    """Keep a language for the user whose session has this token, unless they have chosen one."""
    user = await find_user(tx, secret, token) if code else None
    if user is not None and not user.language:
        await users.set_language(tx, user.organization_id, user.user_id, code)


def _signed_in(row: sessions.SignedInRow) -> SignedIn:
    role = PersonRole(row.role)
    in_project = None
    if row.is_members_only is not None:
        in_project = roles.role_in_project(
            role,
            row.member_rank,
            row.team_rank,
            is_open=not row.is_members_only and not row.is_guest,
        )
    reach = max(roles.RANKS[role], row.highest_rank or 0)
    return SignedIn(
        environment_id=row.environment_id,
        organization_id=row.organization_id,
        user_id=row.user_id,
        email=row.email,
        name=row.name,
        role=in_project or role,
        session_id=row.session_id,
        seen_ms=row.seen_ms,
        org_role=role,
        project_role=in_project,
        is_guest=bool(row.is_guest),
        reach=roles.role_of_rank(reach),
        language=row.language,
    )


class SessionActivity:
    """Background writer of `seen_ms` of sessions in use.

    Requests do not wait for it, so that pages are read while the store cannot be written.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def touch(self, db: Database, user: SignedIn) -> None:
        """Start to store a session's use, unless it was stored within TOUCHED_EVERY_MS."""
        now, session_id = clock.now_ms(), user.session_id
        if now - user.seen_ms < TOUCHED_EVERY_MS or session_id in self._running:
            return
        task = asyncio.create_task(self._touch(db, session_id, now))
        self._running[session_id] = task
        task.add_done_callback(lambda _: self._running.pop(session_id, None))

    async def stop(self) -> None:
        """Wait for the writes that have started."""
        await asyncio.gather(*self._running.values())

    async def _touch(self, db: Database, session_id: str, now: int) -> None:
        with suppress(Problem):  # the next request tries again
            await db.write(lambda tx: sessions.touch_session(tx, session_id, now))


async def list_own_sessions(tx: Transaction, user: SignedIn) -> list[Session]:
    """List up to LISTED_MAX sessions of a signed-in user that have not expired, newest first."""
    now = clock.now_ms()
    return await sessions.list_sessions(
        tx,
        user.organization_id,
        user.user_id,
        now=now,
        seen_after=now - IDLE_MS,
        limit=LISTED_MAX,
    )
