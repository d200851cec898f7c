"""Encryption of secrets in the store, such as webhook secrets, by AES-256-GCM.

The key is derived from the server secret, whose fingerprint stands in front of the ciphertext, so
that values encrypted under an older line of the secret file can still be decrypted. The row that
holds a value is authenticated with it, so it cannot be moved to another row.

    version (1 byte) · fingerprint (12) · nonce (12) · ciphertext · tag (16)
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Misconfigured, ServerFault

_VERSION = b"\x01"
_FINGERPRINT_BYTES = 12
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + _FINGERPRINT_BYTES
_TAG_BYTES = 16


def encrypt(secret: ServerSecret, value: bytes, *, row: str) -> bytes:
    """Encrypt a value for one row, such as `webhook_endpoint:<id>`, with a random nonce."""
    fingerprint, key = next(iter(secret.encryption_keys().items()))
    head = _VERSION + bytes.fromhex(fingerprint)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(key).encrypt(nonce, value, head + row.encode())


def decrypt(secret: ServerSecret, encrypted: bytes, *, row: str) -> bytes:
    """Decrypt a value that `encrypt` made for the same row.

    Raises Misconfigured if the secret file lacks the server secret it was encrypted under,
    ServerFault if it was changed or comes from another row.
    """
    head, nonce = encrypted[:_HEAD_BYTES], encrypted[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
    if head[:1] != _VERSION or len(encrypted) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise ServerFault(detail=f"the encrypted value of {row} has an unknown format")
    fingerprint = head[1:].hex()
    key = secret.encryption_keys().get(fingerprint)
    if key is None:
        raise Misconfigured(
            "the secret file lacks a line that stored secrets were encrypted with (fingerprint "
            f"{fingerprint}); put it back below the first line"
        )
    try:
        return AESGCM(key).decrypt(
            nonce, encrypted[_HEAD_BYTES + _NONCE_BYTES :], head + row.encode()
        )
    except InvalidTag as exc:
        raise ServerFault(detail=f"the encrypted value of {row} cannot be decrypted there") from exc
