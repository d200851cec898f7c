"""Server secret: made at first start, kept in a file that only its owner can read.

Keys are derived from it: to hash API keys, to sign page tokens, to encrypt secrets in the store.
The store remembers the secret's fingerprint; a process with another secret refuses to start,
because every API key would be unknown to it. The file holds one secret a line, the current one
first; older lines keep valid what was made with them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from plaudit import clock, private_files
from plaudit.errors import Misconfigured
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Database, Transaction

SECRET_BYTES = 32


class ServerSecret:
    """Keys derived from one or more server secrets, the current one first."""

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
        self._studies = [_derive(secret, b"study") for secret in secrets_]
        self._browsers = [_derive(secret, b"known-browser") for secret in secrets_]
        self._encryption = [_derive(secret, b"seal") for secret in secrets_]

    def key_digests(self, api_key: str) -> list[bytes]:
        """Return the 32-byte digests under which an API key may be stored, one per secret."""
        return [_mac(key, api_key.encode(), 32) for key in self._api_keys]

    def token_macs(self, payload: bytes) -> list[bytes]:
        """Return the 16-byte MACs of a page token, one per secret."""
        return [_mac(key, payload, 16) for key in self._tokens]

    def session_digests(self, token: str) -> list[bytes]:
        """Return the 32-byte digests under which a session may be stored, one per secret."""
        return [_mac(key, token.encode(), 32) for key in self._sessions]

    def invitation_digests(self, token: str) -> list[bytes]:
        """Return the 32-byte digests under which an invitation may be stored, one per secret."""
        return [_mac(key, token.encode(), 32) for key in self._invitations]

    def study_digests(self, text: str) -> list[bytes]:
        """Return the 32-byte digests of a study link's token, or of an id of a participant."""
        return [_mac(key, text.encode("utf-8", "replace"), 32) for key in self._studies]

    def form_tokens(self, cookie: str) -> list[str]:
        """Return the CSRF tokens of a session cookie, 48 hexadecimal digits, one per secret.

        They are derived from the cookie, so nothing is stored, and do not reveal it (OWASP's
        "Signed Double-Submit Cookie").
        """
        return [_mac(key, cookie.encode(), 24).hex() for key in self._forms]

    def link_macs(self, payload: bytes) -> list[bytes]:
        """Return the 32-byte MACs of a link to a file, one per secret."""
        return [_mac(key, payload, 32) for key in self._links]

    def known_browser_macs(self, payload: bytes) -> list[bytes]:
        """Return the 24-byte MACs of the cookie of a known browser, one per secret."""
        return [_mac(key, payload, 24) for key in self._browsers]

    def encryption_keys(self) -> dict[str, bytes]:
        """Map fingerprints to AES-256 keys, the current secret's first; for `encryption` alone."""
        return dict(zip(self.fingerprints, self._encryption, strict=True))


def load(path: Path) -> ServerSecret:
    """Read the secret file; raises Misconfigured if it is absent, malformed or not private."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii")
    except FileNotFoundError as exc:
        raise Misconfigured(
            f"the secret file {path} is missing; copy it from where the store was made"
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise Misconfigured(f"the secret file {path} cannot be read: {reason}") from exc
    if mode & 0o077:
        raise Misconfigured(f"the secret file {path} is open to others; run 'chmod 600' on it")
    try:
        values = [bytes.fromhex(line) for line in text.split()]
    except ValueError as exc:
        raise Misconfigured(f"the secret file {path} does not hold hexadecimal lines") from exc
    if not values or any(len(value) != SECRET_BYTES or len(set(value)) < 8 for value in values):
        raise Misconfigured(
            f"the secret file {path} must hold random secrets of {SECRET_BYTES} bytes"
        )
    return ServerSecret(values)


def make(path: Path) -> bool:
    """Create the secret file with a random secret; False if it exists."""
    private_files.make_folder(path.parent)
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
    """Record the secret's fingerprint in the store; raises Misconfigured if it knows another."""
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
    """Keyed BLAKE2b (RFC 7693) of `size` bytes, at a tenth of the cost of HMAC."""
    return hashlib.blake2b(message, key=key, digest_size=size).digest()
