"""Seals secrets of others (webhook secrets, credentials) so that the store alone cannot tell them.

AES-256-GCM under a key derived from the server secret. The fingerprint of that secret stands in
front, so that what an older line of the secret file sealed still opens; the row that the value is
kept in is authenticated with it, so that a sealed value opens in no other.

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


def seal(secret: ServerSecret, value: bytes, *, row: str) -> bytes:
    """Seal a value for one row, such as `endpoint_secret:<id>`; never the same bytes twice."""
    fingerprint, key = next(iter(secret.sealing_keys().items()))
    head = _VERSION + bytes.fromhex(fingerprint)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(key).encrypt(nonce, value, head + row.encode())


def unseal(secret: ServerSecret, sealed: bytes, *, row: str) -> bytes:
    """Open what `seal` made for the same row.

    Raises Misconfigured if the secret file lacks the secret it was sealed with, ServerFault if it
    was changed or comes from another row.
    """
    head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
    if head[:1] != _VERSION or len(sealed) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise ServerFault(detail=f"what is sealed in {row} is not of a known form")
    fingerprint = head[1:].hex()
    key = secret.sealing_keys().get(fingerprint)
    if key is None:
        raise Misconfigured(
            "the secret file lacks a line that stored secrets were sealed with (fingerprint "
            f"{fingerprint}); put it back below the first line"
        )
    try:
        return AESGCM(key).decrypt(nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], head + row.encode())
    except InvalidTag as exc:
        raise ServerFault(detail=f"what is sealed in {row} does not open there") from exc
