"""The server secret: made at first start, kept in a file only its owner can read.

Keys are derived from it: to hash API keys with, to sign page tokens, to seal what the store must
keep secret and still be able to use. The store
remembers the secret's fingerprint; a process whose file does not match refuses to start, because
every key would be unknown to it. The file holds one secret a line, the current one first; older
lines keep what was made with them valid.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from plaudit import clock
from plaudit.errors import Misconfigured
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Database, Transaction

SECRET_BYTES = 32


class ServerSecret:
    """The keys derived from one or more server secrets, newest first."""

    def __init__(self, secrets_: list[bytes]) -> None:
        self.fingerprints = [
            hashlib.blake2b(secret, digest_size=12, person=b"plaudit-finger").hexdigest()
            for secret in secrets_
        ]
        self._api_keys = [_derive(secret, b"api-key") for secret in secrets_]
        self._tokens = [_derive(secret, b"page-token") for secret in secrets_]
        self._sessions = [_derive(secret, b"session") for secret in secrets_]
        self._invitations = [_derive(secret, b"invitation") for secret in secrets_]
        self._forms = [_derive(secret, b"form-token") for secret in secrets_]
        self._links = [_derive(secret, b"attachment-link") for secret in secrets_]
        self._seals = [_derive(secret, b"seal") for secret in secrets_]

    def key_digests(self, api_key: str) -> list[bytes]:
        """The digests under which an API key may be stored, the current secret's first."""
        return [_mac(key, api_key.encode(), 32) for key in self._api_keys]

    def token_macs(self, payload: bytes) -> list[bytes]:
        """The 16-byte codes that authenticate a page token, the current secret's first."""
        return [_mac(key, payload, 16) for key in self._tokens]

    def session_digests(self, token: str) -> list[bytes]:
        """The digests under which a browser's session may be stored, like `key_digests`."""
        return [_mac(key, token.encode(), 32) for key in self._sessions]

    def invitation_digests(self, token: str) -> list[bytes]:
        """The digests under which an invitation may be stored, like `key_digests`."""
        return [_mac(key, token.encode(), 32) for key in self._invitations]

    def form_tokens(self, cookie: str) -> list[str]:
        """What proves that a form was drawn for the browser with this cookie, like `key_digests`.

        It follows from the cookie, so nothing is stored; and not the other way round, so that
        a page which tells it gives no session away.
        """
        return [_mac(key, cookie.encode(), 24).hex() for key in self._forms]

    def link_macs(self, payload: bytes) -> list[bytes]:
        """The 32-byte codes that authenticate a link to a file, the current secret's first."""
        return [_mac(key, payload, 32) for key in self._links]

    def sealing_keys(self) -> dict[str, bytes]:
        """Fingerprint → key for AES-256, the current secret's first; for `core.sealing` alone."""
        return dict(zip(self.fingerprints, self._seals, strict=True))


def load(path: Path) -> ServerSecret:
    """Read the secret file; raises Misconfigured if it is absent, readable by others or foul."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii")
    except FileNotFoundError as exc:
        raise Misconfigured(
            f"the secret file {path} is missing; copy it from where the store was made"
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"the secret file {path} cannot be read") from exc
    if mode & 0o077:
        raise Misconfigured(f"the secret file {path} is open to others; run 'chmod 600' on it")
    try:
        found = [bytes.fromhex(line) for line in text.split()]
    except ValueError as exc:
        raise Misconfigured(f"the secret file {path} does not hold hexadecimal lines") from exc
    if not found or any(len(secret) != SECRET_BYTES or len(set(secret)) < 8 for secret in found):
        raise Misconfigured(
            f"the secret file {path} must hold random secrets of {SECRET_BYTES} bytes"
        )
    return ServerSecret(found)


def make(path: Path) -> bool:
    """Make the secret file unless it exists; False if it did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


async def bind(db: Database, secret: ServerSecret, path: Path) -> None:
    """Tie secret and store together; raises Misconfigured if the store knows another secret."""
    async with db.read() as tx:
        known = await organizations.list_secret_fingerprints(tx)
    if known and not known & set(secret.fingerprints):
        raise Misconfigured(
            f"the store was made with another server secret than {path} holds; copy the original "
            f"secret file (fingerprint {min(known)}) there, or name it in PLAUDIT_SECRET_FILE"
        )
    if secret.fingerprints[0] not in known:

        async def note(tx: Transaction) -> None:
            await organizations.insert_secret_fingerprint(
                tx, secret.fingerprints[0], clock.now_ms()
            )

        await db.write(note)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(secret, person=purpose.ljust(16, b"\0"), digest_size=32).digest()


def _mac(key: bytes, message: bytes, size: int) -> bytes:
    """Keyed BLAKE2b (RFC 7693): a MAC in one pass, at a tenth of the cost of HMAC."""
    return hashlib.blake2b(message, key=key, digest_size=size).digest()
