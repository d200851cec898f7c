"""How people get in: invited, with a link that holds a week and once; then with a password.

A lost password is a new invitation, which an admin makes; so no mail is needed, and nobody else
can ask for one. What a stranger learns is the same whether an address is known or not: one answer,
after the same work. The link holds its secret behind a `#`, which browsers never send, so that it
stands in no log.
"""

from __future__ import annotations

import secrets

from msgspec import Struct

from plaudit import clock
from plaudit.core.accounts import passwords, sessions, users
from plaudit.core.common import audit, names
from plaudit.core.common.rate_limits import Bucket, bound_wait_s
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import (
    Conflict,
    InvalidContent,
    NotFound,
    SignInRefused,
    TooManyRequests,
)
from plaudit.model.core import Actor, Person, PersonStatus, Quota, SignedIn
from plaudit.store.accounts import credentials
from plaudit.store.accounts import sessions as sessions_store
from plaudit.store.accounts import users as users_store
from plaudit.store.accounts.credentials import PendingInvitation
from plaudit.store.engine.engine import Database, Transaction

INVITATION_MS = 7 * 24 * 60 * 60 * 1000
PER_ADDRESS = Quota(10, 15 * 60)
PER_CLIENT = Quota(60, 5 * 60)
DEFAULT_URL = "http://127.0.0.1:8000"

_TOKEN_BYTES = 32
_TOKEN_CHARS_MAX = 100
_LOST = (
    "this invitation has been used, replaced or taken back, or is older than a week; ask for a "
    "new one"
)


class Throttle:
    """Counts failed sign-ins, by the address that was given and by where they come from.

    Addresses nobody has are counted like others. Limits are a process's own, as in ratelimits.
    """

    def __init__(self) -> None:
        self._address = Bucket("sign-in-address", PER_ADDRESS)
        self._client = Bucket("sign-in-client", PER_CLIENT)

    def admit(self, address: str, client: str, now: float) -> None:
        """Let an attempt through; raises TooManyRequests where too many have failed.

        It counts as failed until `succeeded`, so that many at once are no way around.
        """
        wait = max(self._address.wait(address, now), self._client.wait(client, now))
        if wait:
            raise TooManyRequests(
                "too many attempts with a wrong password; wait a few minutes and try again",
                wait_s=bound_wait_s(wait),
            )
        self._address.take(address, now)
        self._client.take(client, now)

    def succeeded(self, address: str, client: str) -> None:
        """The attempt was none to hold against anybody."""
        self._address.give_back(address)
        self._client.give_back(client)


class ClientInfo(Struct, frozen=True):
    """Where an attempt comes from, and when by a clock that never goes back."""

    client: str
    at: float


class SignInAttempt(Struct, frozen=True):
    """What somebody who wants to sign in gives."""

    email: str
    password: str
    organization: str | None
    """Needed only by who has the same address in several organizations of a server."""
    agent: str


async def make_invitation(tx: Transaction, secret: ServerSecret, person: Person) -> str:
    """Make the token of an invitation; the person's earlier one holds no more."""
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
    """Make a new invitation for somebody: who has lost theirs, or their password, or was removed.

    Who is active stays so, with their password, until they choose another one. Raises NotFound.
    """
    person = await users_store.find_person(tx, organization_id, user_id)
    if person is None:
        raise NotFound("there is no such user")
    if person.status == PersonStatus.removed:
        person = await users.change(tx, organization_id, user_id, {"status": PersonStatus.invited})
    return person, await make_invitation(tx, secret, person)


def link(base: str | None, token: str) -> str:
    """The address that an invited person opens."""
    return f"{(base or DEFAULT_URL).rstrip('/')}/welcome#{token}"


async def look_at_invitation(db: Database, secret: ServerSecret, token: str) -> PendingInvitation:
    """Whom an invitation is for; raises InvalidContent if it holds no more, or never did."""
    async with db.read(snapshot=False) as tx:
        for digest in secret.invitation_digests(token[:_TOKEN_CHARS_MAX]):
            found = await credentials.find_invited(tx, digest, clock.now_ms())
            if found is not None:
                return found
    raise InvalidContent(_LOST, pointer="/token")


async def accept_invitation(
    db: Database,
    secret: ServerSecret,
    token: str,
    password: str,
    *,
    name: str | None,
    agent: str,
    request_id: str,
) -> str:
    """Set the password, end all sessions there were, and begin one; return its token.

    Raises InvalidContent for an invitation that holds no more, or a bad password or name.
    """
    invited = await look_at_invitation(db, secret, token)
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
            raise InvalidContent(_LOST, pointer="/token")
        changes = {"status": PersonStatus.active} | ({} if name is None else {"name": name})
        await users.change(tx, invited.organization_id, invited.user_id, changes)
        await credentials.put_password(
            tx, invited.organization_id, invited.user_id, password_hash, now
        )
        await sessions_store.delete_sessions(tx, invited.organization_id, invited.user_id)
        await _record(tx, invited.environment_id, invited.user_id, request_id, "accept_invitation")
        return await sessions.begin(
            tx,
            secret,
            organization_id=invited.organization_id,
            user_id=invited.user_id,
            agent=agent,
        )

    return await db.write(work)


async def sign_in(
    db: Database, secret: ServerSecret, throttle: Throttle, entry: SignInAttempt, place: ClientInfo
) -> str:
    """Check an address and a password, and begin a session; return its token.

    Raises SignInRefused, or TooManyRequests.
    """
    email_key = users.email_key(entry.email)[: users.EMAIL_CHARS_MAX]
    throttle.admit(email_key, place.client, place.at)
    account_key = None if entry.organization is None else names.normalize_name(entry.organization)
    async with db.read(snapshot=False) as tx:
        found = await credentials.list_known(tx, email_key, account_key=account_key, limit=2)
    # With two there is no telling who is meant; whoever it is can name the organization.
    known = found[0] if len(found) == 1 else None
    is_right = await passwords.matches(None if known is None else known.hash, entry.password)
    if not is_right or known is None:
        raise SignInRefused
    throttle.succeeded(email_key, place.client)
    fresh = await passwords.hashed(entry.password) if passwords.needs_new_hash(known.hash) else None

    async def work(tx: Transaction) -> str:
        # Between the look and now they may have been removed, or their password changed.
        is_active = await users_store.hold_active(tx, known.organization_id, known.user_id)
        current = await credentials.find_password(tx, known.organization_id, known.user_id)
        if not is_active or current != known.hash:
            raise SignInRefused
        if fresh is not None:
            await credentials.put_password(
                tx, known.organization_id, known.user_id, fresh, clock.now_ms()
            )
        return await sessions.begin(
            tx,
            secret,
            organization_id=known.organization_id,
            user_id=known.user_id,
            agent=entry.agent,
        )

    return await db.write(work)


async def change_password(
    db: Database,
    throttle: Throttle,
    user: SignedIn,
    place: ClientInfo,
    *,
    old: str,
    new: str,
    request_id: str,
) -> None:
    """Choose another password; the person's other sessions end.

    Raises InvalidContent for a wrong old or a bad new one, or TooManyRequests.
    """
    throttle.admit(user.user_id, place.client, place.at)
    async with db.read(snapshot=False) as tx:
        was = await credentials.find_password(tx, user.organization_id, user.user_id)
    if was is None or not await passwords.matches(was, old):
        raise InvalidContent("this is not your password", pointer="/old_password")
    throttle.succeeded(user.user_id, place.client)
    await passwords.require_good(new, about=(user.email, user.name), pointer="/new_password")
    password_hash = await passwords.hashed(new)

    async def work(tx: Transaction) -> None:
        await users_store.hold_active(tx, user.organization_id, user.user_id)
        if not await credentials.replace_password(
            tx,
            user.organization_id,
            user.user_id,
            was=was,
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


async def _record(
    tx: Transaction, environment_id: str, user_id: str, request_id: str, action: str
) -> None:
    actor = Actor("user", user_id, request_id)
    await audit.record(tx, environment_id, actor, action, "user", user_id)
