"""The same request twice, one effect: what an Idempotency-Key stands for.

The key, the change and the answer are written in one transaction. A repeated request is answered
with the stored bytes; one that is refused stores nothing, so that it can be corrected and sent
again under the same key. Keys are a world's own, and are kept for at least a day.
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


def checked_key(text: str) -> str:
    """The key of a header; raises InvalidParameter for one that cannot be kept."""
    if not 0 < len(text) <= KEY_CHARS_MAX or not all(" " < char <= "~" for char in text):
        raise InvalidParameter(
            f"Idempotency-Key has 1 to {KEY_CHARS_MAX} visible ASCII characters",
            param="Idempotency-Key",
        )
    return text


def hash_of(*parts: bytes) -> bytes:
    """What two requests must share to be the same: method, path, query and body."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def once(
    tx: Transaction,
    environment_id: str,
    key: str,
    request_hash: bytes,
    work: Callable[[], Awaitable[bytes]],
) -> tuple[bytes, bool]:
    """The answer of `work`, and whether it was given before; raises IdempotencyMismatch."""
    if not await idempotency.claim(
        tx, environment_id, key, request_hash=request_hash, now=clock.now_ms()
    ):
        found = await idempotency.find(tx, environment_id, key)
        if found is None or found[1] is None or found[0] != request_hash:
            raise IdempotencyMismatch
        return found[1], True
    answer = await work()
    await idempotency.keep_answer(tx, environment_id, key, answer)
    return answer, False


async def forget_old(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` keys that are older than they are kept; return how many."""
    return await idempotency.forget(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def is_taken(tx: Transaction, environment_id: str, key: str) -> bool:
    """Whether a request has used the key; for what comes before the transaction."""
    return await idempotency.find(tx, environment_id, key) is not None
