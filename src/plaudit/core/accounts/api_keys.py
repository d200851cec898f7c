"""Organizations and API keys: creation, listing, revocation, and authentication by key.

A key is `live_` or `test_`, 40 characters of base 62 (238 bits) and a checksum of 6 more, so that a
secret scanner recognises a key without asking the server. The store has a keyed hash of it: at
this entropy a slow hash would add nothing, and would be a way to exhaust the server.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import zlib
from collections.abc import Sequence

from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.common import audit, look_alikes, names, page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Conflict, Forbidden, InvalidContent, NotFound, Unauthenticated
from plaudit.model.core import SERVER, Actor, ApiKeyRow, Caller, Role
from plaudit.store.accounts import organizations
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.manage import resources

RANDOM_CHARS = 40
DISPLAY_CHARS = 12
ACTIVE_KEYS_MAX = 1000

_BEFORE_ALL = (-(2**62), "")
"""Sorts before the (created_ms, key_id) of any key."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY_LIKE = re.compile(r"(live|test)_[0-9A-Za-z]{8,}")
_KEY = re.compile(rf"(?:live|test)_[0-9A-Za-z]{{{RANDOM_CHARS + 6}}}")


class _KeyCursor(Struct, frozen=True, array_like=True, tag="keys"):
    """Content of a page token: the last key of the page before."""

    created_ms: int
    key_id: str


async def create_organization(db: Database, name: str) -> None:
    """Create an organization with its live and test environments.

    Raises Conflict if the name is taken.
    """
    name_key = names.check_name(name)

    async def work(tx: Transaction) -> None:
        await look_alikes.refuse_twin(tx, Named.organization, None, name_key)
        organization_id = ids.mint("account")
        if not await organizations.insert_organization(
            tx, organization_id=organization_id, name=name, name_key=name_key, now=clock.now_ms()
        ):
            raise Conflict(f"there is an organization {name!r} already")
        for mode in ("live", "test"):
            await organizations.insert_environment(
                tx, environment_id=ids.mint("org"), organization_id=organization_id, mode=mode
            )

    await db.write(work)


async def get_environment(db: Database, name: str, mode: str) -> str:
    """Return the environment_id of an organization's `live` or `test` environment.

    Raises NotFound.
    """
    async with db.read() as tx:
        environment_id = await organizations.find_environment(
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
    """Create an API key, note it in the audit log, and return its text, which is not stored.

    Raises Conflict as `add_key` does.
    """

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


def checked_expiry(expires_ms: int | None) -> int | None:
    """Return a requested expiry as it is; raises InvalidContent if it lies in the past."""
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
    """Create an API key; return its row and its text, which is not stored.

    `mode` is that of the environment, live or test. Raises Conflict at ACTIVE_KEYS_MAX active keys
    of the environment, and as `names.checked` does.
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
    await organizations.lock_environment(tx, environment_id)
    if await organizations.count_active_keys(tx, environment_id, key.created_ms) >= ACTIVE_KEYS_MAX:
        raise Conflict(f"there are {ACTIVE_KEYS_MAX} active keys already; revoke some first")
    await organizations.insert_key(tx, key, secret.key_digests(text)[0])
    return key, text


async def add_key_for_caller(
    tx: Transaction,
    secret: ServerSecret,
    caller: Caller,
    *,
    name: str,
    role: Role,
    expires_ms: int | None,
) -> tuple[ApiKeyRow, str]:
    """Create a key in the caller's environment; raises Forbidden for a role above the caller's."""
    if role > caller.role:
        raise Forbidden("a key makes keys of its own role or below")
    organization = await organizations.find_organization(tx, caller.environment_id)
    assert organization is not None
    return await add_key(
        tx,
        secret,
        environment_id=caller.environment_id,
        mode=organization[1],
        name=name,
        role=role,
        expires_ms=expires_ms,
    )


async def list_keys(db: Database, environment_id: str) -> list[ApiKeyRow]:
    """List all keys of an environment, oldest first."""
    async with db.read() as tx:
        return await organizations.list_keys(tx, environment_id)


async def list_keys_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    *,
    limit: int,
    next_token: str | None,
) -> resources.ApiKeyPage:
    """List one page of an environment's keys, oldest first; raises InvalidPageToken."""
    after = _BEFORE_ALL
    if next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, next_token, _KeyCursor)
        after = (cursor.created_ms, cursor.key_id)
    keys = await organizations.list_keys_after(tx, environment_id, after=after, limit=limit + 1)
    token = None
    if len(keys) > limit:
        keys.pop()
        cursor = _KeyCursor(keys[-1].created_ms, keys[-1].key_id)
        token = page_tokens.encode(secret, environment_id, cursor)
    return resources.ApiKeyPage(keys=[resources.api_key(key) for key in keys], next_token=token)


async def revoke_key(
    db: Database, *, environment_id: str, key: str, actor: Actor = SERVER
) -> ApiKeyRow:
    """Revoke the active key with this id or beginning, and note it in the audit log.

    Raises NotFound, or Conflict if several match.
    """

    async def work(tx: Transaction) -> ApiKeyRow:
        matching = [
            candidate
            for candidate in await organizations.list_keys(tx, environment_id)
            if candidate.revoked_ms is None
            and (candidate.key_id == key or candidate.display == key[:DISPLAY_CHARS])
        ]
        if not matching:
            raise NotFound(
                f"there is no active key {key[:DISPLAY_CHARS]!r}; see 'plaudit keys list'"
            )
        if len(matching) > 1:
            raise Conflict("several keys begin like that; name one by its id")
        revoked = await revoke_key_of_id(tx, environment_id, matching[0].key_id)
        await audit.record(tx, environment_id, actor, "revoke_key", "key", revoked.key_id)
        return revoked

    return await db.write(work)


async def revoke_key_of_id(tx: Transaction, environment_id: str, key_id: str) -> ApiKeyRow:
    """Revoke a key for good; raises NotFound, or Conflict if it was revoked before."""
    is_revoked_now = await organizations.revoke_key(
        tx, environment_id=environment_id, key_id=key_id, now=clock.now_ms()
    )
    key = await organizations.find_key(tx, environment_id, key_id)
    if key is None:
        raise NotFound("there is no such key")
    if not is_revoked_now:
        raise Conflict("the key was revoked before")
    return key


async def authenticate(tx: Transaction, secret: ServerSecret, header: str | None) -> Caller:
    """Return the caller whose key stands in this Authorization header; raises Unauthenticated.

    Bearer carries the key; Basic carries it as the user name, the password is ignored. The error
    is the same for missing, malformed, unknown, revoked and expired keys.
    """
    return await find_caller(tx, header_digests(secret, header))


def header_digests(secret: ServerSecret, header: str | None) -> list[bytes]:
    """Digests under which the key in an Authorization header may be stored.

    Raises Unauthenticated if none stands there.
    """
    text = _key_of_header(header)
    if text is None or not is_key(text):
        raise Unauthenticated
    return secret.key_digests(text)


async def find_caller(tx: Transaction, digests: Sequence[bytes]) -> Caller:
    """Return the caller whose active key has one of these digests; raises Unauthenticated."""
    for digest in digests:
        found = await organizations.find_key_by_digest(tx, digest)
        if found is None:
            continue
        key, mark = found
        is_expired = key.expires_ms is not None and key.expires_ms <= clock.now_ms()
        if key.revoked_ms is None and not is_expired:
            return Caller(
                environment_id=key.environment_id, key_id=key.key_id, role=key.role, log_mark=mark
            )
    raise Unauthenticated


def mint_key(mode: str) -> str:
    """Generate the text of a new key for mode `live` or `test`."""
    start = f"{mode}_" + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARS))
    return start + _checksum(start)


def is_key(text: str) -> bool:
    """True if the text has a key's form and checksum."""
    return _KEY.fullmatch(text) is not None and text[-6:] == _checksum(text[:-6])


def contains_key(text: str) -> bool:
    """True if a key stands anywhere in the text."""
    return any(is_key(match[0]) for match in _KEY.finditer(text))


def mask_keys(text: str) -> str:
    """Return the text with everything that looks like a key, or a part of one, cut short."""
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
