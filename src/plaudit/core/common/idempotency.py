"""Idempotency keys: a request sent twice under one Idempotency-Key has one effect and one answer.

The key, the change and the answer are written in one transaction. A repeated request is answered
with the stored bytes; one that is refused stores nothing, so that it can be corrected and sent
again under the same key. Keys belong to an environment and are kept for two days. The header
follows draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from plaudit import clock
from plaudit.errors import IdempotencyMismatch, InvalidParameter
from plaudit.store.common import idempotency
from plaudit.store.engine.engine import Transaction

KEY_CHARS_MAX = 255
KEPT_MS = 48 * 60 * 60 * 1000


def check_key(text: str) -> str:
    """Return the header's key: 1 to 255 visible ASCII characters; raises InvalidParameter."""
    if not 0 < len(text) <= KEY_CHARS_MAX or not all(" " < char <= "~" for char in text):
        raise InvalidParameter(
            f"Idempotency-Key has 1 to {KEY_CHARS_MAX} visible ASCII characters",
            param="Idempotency-Key",
        )
    return text


def hash_request(*parts: bytes) -> bytes:
    """Return a 16-byte hash of a request's method, path, query and body."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def run_once(
    tx: Transaction,
    environment_id: str,
    key: str,
    request_hash: bytes,
    work: Callable[[], Awaitable[bytes]],
) -> tuple[bytes, bool]:
    """Run `work` once per key; return its answer, and whether that was stored before.

    Raises IdempotencyMismatch if the key was used for another request.
    """
    if not await idempotency.reserve(
        tx, environment_id, key, request_hash=request_hash, now=clock.now_ms()
    ):
        stored = await idempotency.find(tx, environment_id, key)
        if stored is None or stored[1] is None or stored[0] != request_hash:
            raise IdempotencyMismatch
        return stored[1], True
    answer = await work()
    await idempotency.store_answer(tx, environment_id, key, answer)
    return answer, False


async def delete_expired(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` keys past their retention; return how many."""
    return await idempotency.delete_before(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def is_used(tx: Transaction, environment_id: str, key: str) -> bool:
    """True if a request has used the key; for checks before the transaction."""
    return await idempotency.find(tx, environment_id, key) is not None
