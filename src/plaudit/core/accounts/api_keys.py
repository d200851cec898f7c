"""Organizations and API keys: make them, revoke them, and find out who is asking.

A key is `live_` or `test_`, 40 characters of base 62 (238 bits) and 6 more that are a checksum,
so that a scanner can tell a key from any other string without asking the server. The store holds
a keyed hash. A slow hash would add nothing at this entropy and would be a way to exhaust the
server.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import zlib

from plaudit import clock, ids
from plaudit.core.common import audit, names
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Conflict, Forbidden, InvalidContent, NotFound, Unauthenticated
from plaudit.model.core import SERVER, Actor, ApiKeyRow, Caller, Role
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Database, Transaction

RANDOM_CHARS = 40
DISPLAY_CHARS = 12
ACTIVE_KEYS_MAX = 1000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY_LIKE = re.compile(r"(live|test)_[0-9A-Za-z]{8,}")
_KEY = re.compile(rf"(?:live|test)_[0-9A-Za-z]{{{RANDOM_CHARS + 6}}}")


async def create_account(db: Database, name: str) -> None:
    """Add an account with its live and test worlds; raises Conflict if the name is taken."""
    name_key = names.check_name(name)

    async def work(tx: Transaction) -> None:
        organization_id = ids.mint("account")
        if not await organizations.insert_account(
            tx, organization_id=organization_id, name=name, name_key=name_key, now=clock.now_ms()
        ):
            raise Conflict(f"there is an organization {name!r} already")
        for mode in ("live", "test"):
            await organizations.insert_org(
                tx, environment_id=ids.mint("org"), organization_id=organization_id, mode=mode
            )

    await db.write(work)


async def get_org(db: Database, name: str, mode: str) -> str:
    """The environment_id of an account's world; raises NotFound."""
    async with db.read() as tx:
        environment_id = await organizations.find_org(
            tx, name_key=names.normalize_name(name), mode=mode
        )
    if environment_id is None:
        raise NotFound(f"there is no organization {name!r}")
    return environment_id


async def create_key(
    db: Database,
    secret: ServerSecret,
    *,
    environment_id: str,
    mode: str,
    name: str,
    role: Role,
    expires_ms: int | None = None,
    actor: Actor = SERVER,
) -> str:
    """Make an API key and return it; it cannot be shown again."""

    async def work(tx: Transaction) -> str:
        key, text = await add_key(
            tx,
            secret,
            environment_id=environment_id,
            mode=mode,
            name=name,
            role=role,
            expires_ms=expires_ms,
        )
        await audit.record(tx, environment_id, actor, "create_key", "key", key.key_id)
        return text

    return await db.write(work)


def checked_end(expires_ms: int | None) -> int | None:
    """When a key that somebody asks for is to end; raises InvalidContent for what is past."""
    if expires_ms is not None and expires_ms <= clock.now_ms():
        raise InvalidContent("expires_at lies in the past", pointer="/expires_at")
    return expires_ms


async def add_key(
    tx: Transaction,
    secret: ServerSecret,
    *,
    environment_id: str,
    mode: str,
    name: str,
    role: Role,
    expires_ms: int | None,
) -> tuple[ApiKeyRow, str]:
    """Make an API key; return it and its text, which cannot be shown again.

    Raises Conflict where a world has as many active keys as it may.
    """
    if name:
        names.check_name(name)
    text = mint_key(mode)
    key = ApiKeyRow(
        key_id=ids.mint("key"),
        environment_id=environment_id,
        name=name,
        role=role,
        display=text[:DISPLAY_CHARS],
        created_ms=clock.now_ms(),
        expires_ms=expires_ms,
        revoked_ms=None,
    )
    await organizations.lock_org(tx, environment_id)
    if await organizations.count_active_keys(tx, environment_id, key.created_ms) >= ACTIVE_KEYS_MAX:
        raise Conflict(f"there are {ACTIVE_KEYS_MAX} active keys already; revoke some first")
    await organizations.insert_key(tx, key, secret.key_digests(text)[0])
    return key, text


async def add_key_of(
    tx: Transaction,
    secret: ServerSecret,
    caller: Caller,
    *,
    name: str,
    role: Role,
    expires_ms: int | None,
) -> tuple[ApiKeyRow, str]:
    """Make a key for the caller's world that may do no more than the caller may."""
    if role > caller.role:
        raise Forbidden("a key makes keys of its own role or below")
    account = await organizations.find_account(tx, caller.environment_id)
    assert account is not None
    return await add_key(
        tx,
        secret,
        environment_id=caller.environment_id,
        mode=account[1],
        name=name,
        role=role,
        expires_ms=expires_ms,
    )


async def list_keys(db: Database, environment_id: str) -> list[ApiKeyRow]:
    """All keys of a world, oldest first."""
    async with db.read() as tx:
        return await organizations.list_keys(tx, environment_id)


async def revoke_key(
    db: Database, *, environment_id: str, key: str, actor: Actor = SERVER
) -> ApiKeyRow:
    """Revoke the key with this id or beginning; raises NotFound, or Conflict if several match."""

    async def work(tx: Transaction) -> ApiKeyRow:
        found = [
            candidate
            for candidate in await organizations.list_keys(tx, environment_id)
            if candidate.revoked_ms is None
            and (candidate.key_id == key or candidate.display == key[:DISPLAY_CHARS])
        ]
        if not found:
            raise NotFound(
                f"there is no active key {key[:DISPLAY_CHARS]!r}; see 'plaudit keys list'"
            )
        if len(found) > 1:
            raise Conflict("several keys begin like that; name one by its id")
        revoked = await revoke_key_of_id(tx, environment_id, found[0].key_id)
        await audit.record(tx, environment_id, actor, "revoke_key", "key", revoked.key_id)
        return revoked

    return await db.write(work)


async def revoke_key_of_id(tx: Transaction, environment_id: str, key_id: str) -> ApiKeyRow:
    """Revoke a key for good; raises NotFound, or Conflict if that was done before."""
    is_done = await organizations.revoke_key(
        tx, environment_id=environment_id, key_id=key_id, now=clock.now_ms()
    )
    key = await organizations.find_key(tx, environment_id, key_id)
    if key is None:
        raise NotFound("there is no such key")
    if not is_done:
        raise Conflict("the key was revoked before")
    return key


async def authenticate(tx: Transaction, secret: ServerSecret, header: str | None) -> Caller:
    """Find out who sends this Authorization header.

    Bearer carries the key; Basic carries it as the user name, the password is ignored. Missing,
    malformed, unknown, revoked and expired keys are told apart by nothing in the answer.
    """
    text = _key_of_header(header)
    if text is None or not is_key(text):
        raise Unauthenticated
    for digest in secret.key_digests(text):
        key = await organizations.find_key_by_digest(tx, digest)
        if key is None:
            continue
        is_expired = key.expires_ms is not None and key.expires_ms <= clock.now_ms()
        if key.revoked_ms is None and not is_expired:
            return Caller(environment_id=key.environment_id, key_id=key.key_id, role=key.role)
    raise Unauthenticated


def mint_key(mode: str) -> str:
    """Return a new key's text."""
    start = f"{mode}_" + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARS))
    return start + _checksum(start)


def is_key(text: str) -> bool:
    """Whether the text has a key's form and checksum."""
    return _KEY.fullmatch(text) is not None and text[-6:] == _checksum(text[:-6])


def holds_key(text: str) -> bool:
    """Whether a key stands anywhere in the text."""
    return any(is_key(found[0]) for found in _KEY.finditer(text))


def mask_keys(text: str) -> str:
    """The text with everything that looks like a key, or a part of one, cut short."""
    return _KEY_LIKE.sub(r"\1_…", text)


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def _key_of_header(header: str | None) -> str | None:
    scheme, _, rest = (header or "").partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
