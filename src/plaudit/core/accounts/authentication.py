"""Authentication of users: invitations, sign-in with a password, and change of the password.

An invitation is a link that is valid once and for a week. A lost password needs a new one, which an
admin makes; so no mail is needed, and nobody else can ask for one. A failed sign-in gives the same
answer after the same work for known and unknown addresses. The link's secret stands behind a `#`,
which browsers never send, so that no log has it.
"""

from __future__ import annotations

import secrets

from msgspec import Struct

from plaudit import clock
from plaudit.core.accounts import passwords, sessions, sign_in_throttle, users
from plaudit.core.accounts.sign_in_throttle import ClientInfo, Throttle
from plaudit.core.common import audit, names
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import (
    Conflict,
    InvalidContent,
    NotFound,
    SignInRefused,
)
from plaudit.model.core import Actor, Person, PersonStatus, SignedIn
from plaudit.store.accounts import credentials
from plaudit.store.accounts import sessions as sessions_store
from plaudit.store.accounts import users as users_store
from plaudit.store.accounts.credentials import PendingInvitation
from plaudit.store.engine.engine import Database, Transaction

INVITATION_MS = 7 * 24 * 60 * 60 * 1000
DEFAULT_URL = "http://127.0.0.1:8000"

_TOKEN_BYTES = 32
_TOKEN_CHARS_MAX = 100
_INVITATION_LOST = (
    "this invitation has been used, replaced or taken back, or is older than a week; ask for a "
    "new one"
)


class StartedSession(Struct, frozen=True):
    """Cookies of a browser in which somebody has signed in; both are credentials."""

    token: str
    known_by: str
    """By this the browser is known at the next sign-in; see `sign_in_throttle`."""


class SignInAttempt(Struct, frozen=True):
    """Input of a sign-in. `agent` is the browser's User-Agent."""

    email: str
    password: str
    organization: str | None
    """Its name; needed only for an address that several organizations of the server know."""
    agent: str


async def make_invitation(tx: Transaction, secret: ServerSecret, person: Person) -> str:
    """Create an invitation and return its token; the user's earlier one becomes invalid."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = clock.now_ms()
    await credentials.put_invitation(
        tx,
        person.organization_id,
        person.user_id,
        digest=secret.invitation_digests(token)[0],
        now=now,
        expires_ms=now + INVITATION_MS,
    )
    return token


async def invite_again(
    tx: Transaction, secret: ServerSecret, organization_id: str, user_id: str
) -> tuple[Person, str]:
    """Create a new invitation for a user who lost theirs or their password, or was removed.

    Returns the user and the token. A removed user becomes invited; an active one stays active, with
    their password, until they choose another. Raises NotFound.
    """
    person = await users_store.find_person(tx, organization_id, user_id)
    if person is None:
        raise NotFound("there is no such user")
    if person.status == PersonStatus.removed:
        person = await users.change(tx, organization_id, user_id, {"status": PersonStatus.invited})
    return person, await make_invitation(tx, secret, person)


def invitation_link(base: str | None, token: str) -> str:
    """Return the URL that an invited person opens; `base` is the server's, None for DEFAULT_URL."""
    return f"{base or DEFAULT_URL}/welcome#{token}"


async def get_invitation(db: Database, secret: ServerSecret, token: str) -> PendingInvitation:
    """Return the valid invitation with this token; raises InvalidContent if there is none."""
    async with db.read(snapshot=False) as tx:
        for digest in secret.invitation_digests(token[:_TOKEN_CHARS_MAX]):
            invitation = await credentials.find_invited(tx, digest, clock.now_ms())
            if invitation is not None:
                return invitation
    raise InvalidContent(_INVITATION_LOST, pointer="/token")


async def accept_invitation(
    db: Database,
    secret: ServerSecret,
    token: str,
    password: str,
    *,
    name: str | None,
    agent: str,
    request_id: str,
) -> StartedSession:
    """Set an invited user's password, end their sessions, and start one.

    `name` replaces the user's name unless it is None. Raises InvalidContent for an invalid
    invitation, or a bad password or name.
    """
    invited = await get_invitation(db, secret, token)
    users.checked_name(name)
    await passwords.require_good(password, about=(invited.email, name))
    password_hash = await passwords.hashed(password)

    async def work(tx: Transaction) -> str:
        now = clock.now_ms()
        used = [
            await credentials.delete_invitation(tx, digest, now)
            for digest in secret.invitation_digests(token)
        ]
        if not any(used):
            raise InvalidContent(_INVITATION_LOST, pointer="/token")
        changes = {"status": PersonStatus.active} | ({} if name is None else {"name": name})
        await users.change(tx, invited.organization_id, invited.user_id, changes)
        await credentials.put_password(
            tx, invited.organization_id, invited.user_id, password_hash, now
        )
        await sessions_store.delete_sessions(tx, invited.organization_id, invited.user_id)
        await _record(tx, invited.environment_id, invited.user_id, request_id, "accept_invitation")
        return await sessions.start_session(
            tx,
            secret,
            organization_id=invited.organization_id,
            user_id=invited.user_id,
            agent=agent,
        )

    known_by = sign_in_throttle.make_known(secret, _account_of(invited.email))
    return StartedSession(await db.write(work), known_by)


async def sign_in(
    db: Database,
    secret: ServerSecret,
    throttle: Throttle,
    attempt: SignInAttempt,
    client_info: ClientInfo,
) -> StartedSession:
    """Check an e-mail address and a password, and start a session.

    Raises SignInRefused, or TooManyRequests from the throttle.
    """
    account = _account_of(attempt.email)
    browser = sign_in_throttle.known_browser(secret, account, client_info)
    throttle.admit(account, client_info, browser)
    organization_key = (
        None if attempt.organization is None else names.normalize_name(attempt.organization)
    )
    async with db.read(snapshot=False) as tx:
        matching = await credentials.list_known(
            tx, account, organization_key=organization_key, limit=2
        )
    # Two match where two organizations know the address: then the attempt must name one.
    known = matching[0] if len(matching) == 1 else None
    is_right = await passwords.matches(None if known is None else known.hash, attempt.password)
    if not is_right or known is None:
        raise SignInRefused
    throttle.succeeded(account, client_info, browser)
    fresh = (
        await passwords.hashed(attempt.password) if passwords.needs_new_hash(known.hash) else None
    )

    async def work(tx: Transaction) -> str:
        # Since the read above they may have been removed, or their password changed.
        is_active = await users_store.lock_active(tx, known.organization_id, known.user_id)
        current = await credentials.find_password(tx, known.organization_id, known.user_id)
        if not is_active or current != known.hash:
            raise SignInRefused
        if fresh is not None:
            await credentials.put_password(
                tx, known.organization_id, known.user_id, fresh, clock.now_ms()
            )
        return await sessions.start_session(
            tx,
            secret,
            organization_id=known.organization_id,
            user_id=known.user_id,
            agent=attempt.agent,
        )

    return StartedSession(await db.write(work), sign_in_throttle.make_known(secret, account))


async def change_password(
    db: Database,
    throttle: Throttle,
    user: SignedIn,
    client_info: ClientInfo,
    *,
    old: str,
    new: str,
    request_id: str,
) -> None:
    """Change the signed-in user's password and end their other sessions.

    Raises InvalidContent for a wrong old or a bad new password, Conflict if it was changed at the
    same time, TooManyRequests from the throttle.
    """
    throttle.admit(user.user_id, client_info)
    async with db.read(snapshot=False) as tx:
        stored_hash = await credentials.find_password(tx, user.organization_id, user.user_id)
    if stored_hash is None or not await passwords.matches(stored_hash, old):
        raise InvalidContent("this is not your password", pointer="/old_password")
    throttle.succeeded(user.user_id, client_info)
    await passwords.require_good(new, about=(user.email, user.name), pointer="/new_password")
    password_hash = await passwords.hashed(new)

    async def work(tx: Transaction) -> None:
        await users_store.lock_active(tx, user.organization_id, user.user_id)
        if not await credentials.replace_password(
            tx,
            user.organization_id,
            user.user_id,
            expected_hash=stored_hash,
            password_hash=password_hash,
            now=clock.now_ms(),
        ):
            raise Conflict("the password was changed in another window at the same time")
        await credentials.delete_invitation_of(tx, user.organization_id, user.user_id)
        await sessions_store.delete_sessions(
            tx, user.organization_id, user.user_id, keep=user.session_id
        )
        await _record(tx, user.environment_id, user.user_id, request_id, "change_password")

    await db.write(work)


def _account_of(email: str) -> str:
    """Account that attempts are counted for: the address as it is looked up, known or not."""
    return users.email_key(email)[: users.EMAIL_CHARS_MAX]


async def _record(
    tx: Transaction, environment_id: str, user_id: str, request_id: str, action: str
) -> None:
    actor = Actor("user", user_id, request_id)
    await audit.record(tx, environment_id, actor, action, "user", user_id)
