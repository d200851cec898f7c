"""Page tokens: signed cursors of listings (docs/adr/0005-page-tokens.md).

A token holds a cursor, not an offset, so pages cost the same at any depth, and rows added or
changed before it neither shift nor repeat others. It carries:

- the operation, scope and filters of the listing, so that it can be used alone, and so that filters
  sent with it can be checked against it;
- the key of the last row, after which the next page starts;
- an upper bound taken on the first page, so that a walk over a growing set ends.

It is authenticated, bound to the environment, and deterministic: equal requests get equal tokens.
Anything else is refused with one message. `limit`, `expand` and `opts` may change between pages.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TypeVar

import msgspec
from msgspec import Struct

from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidPageToken

T = TypeVar("T", bound=Struct)

VERSION = 1
TOKEN_CHARS_MAX = 2048
MAC_BYTES = 16


def encode(secret: ServerSecret, environment_id: str, cursor: Struct) -> str:
    """Encode and sign a cursor; the struct's tag names the operation."""
    payload = bytes([VERSION]) + msgspec.msgpack.encode(cursor)
    mac = secret.token_macs(_bound(payload, environment_id))[0]
    return base64.urlsafe_b64encode(payload + mac).rstrip(b"=").decode()


def decode(secret: ServerSecret, environment_id: str, token: str, kind: type[T]) -> T:
    """Decode a token of this environment into a cursor of type `kind`; raises InvalidPageToken."""
    if len(token) > TOKEN_CHARS_MAX:
        raise InvalidPageToken
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidPageToken from exc
    # The last character may carry bits that decoding drops; only one spelling is ours.
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != token:
        raise InvalidPageToken
    payload, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    expected = secret.token_macs(_bound(payload, environment_id))
    if not any(hmac.compare_digest(mac, code) for code in expected) or payload[:1] != bytes(
        [VERSION]
    ):
        raise InvalidPageToken
    try:
        return msgspec.msgpack.decode(payload[1:], type=kind)
    except msgspec.DecodeError as exc:
        raise InvalidPageToken from exc


def _bound(payload: bytes, environment_id: str) -> bytes:
    return environment_id.encode() + b"\x00" + payload
