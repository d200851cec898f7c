"""Form tokens as pages carry them: masked with a random pad, which is another one each time.

A token belongs to its session for as long as that lasts. Masked, it is no text that repeats in one
page after another, so that the lengths of compressed pages say nothing about it.
"""

from __future__ import annotations

import base64
import binascii
import secrets

TOKEN_BYTES = 24


def mask(token: str) -> str:
    """A token of 48 hexadecimal digits as 64 characters: a pad, and the token masked with it."""
    pad = secrets.token_bytes(TOKEN_BYTES)
    return base64.urlsafe_b64encode(pad + _xor(pad, bytes.fromhex(token))).decode()


def unmask(masked: str) -> str:
    """The token that was masked, as its hexadecimal digits; empty if it is none."""
    try:
        both = base64.b64decode(masked, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return ""
    if len(both) != 2 * TOKEN_BYTES:
        return ""
    return _xor(both[:TOKEN_BYTES], both[TOKEN_BYTES:]).hex()


def _xor(pad: bytes, text: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(pad, text, strict=True))
