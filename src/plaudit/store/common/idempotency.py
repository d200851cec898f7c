"""Idempotency keys of an environment, with the request's hash and the stored answer."""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def reserve(
    tx: Transaction, environment_id: str, idem_key: str, *, request_hash: bytes, now: int
) -> bool:
    """Reserve a key for a request; False if it is reserved or used already.

    While another transaction that reserved the key is open, this waits for its end, so that of two
    equal requests at the same moment one runs and the other gets the same answer.
    """
    return bool(
        await tx.run(
            "INSERT INTO idempotency (idem_key, environment_id, request_hash, answer, created_ms)"
            " VALUES (:idem_key, :environment_id, :request_hash, NULL, :now) ON CONFLICT DO"
            " NOTHING",
            {
                "idem_key": idem_key,
                "environment_id": environment_id,
                "request_hash": request_hash,
                "now": now,
            },
        )
    )


async def find(
    tx: Transaction, environment_id: str, idem_key: str
) -> tuple[bytes, bytes | None] | None:
    """Return the request's hash and the answer of a key; None for an unused key.

    The answer is None while the request that reserved the key runs.
    """
    row = await tx.one(
        "SELECT request_hash, answer FROM idempotency"
        " WHERE idem_key = :idem_key AND environment_id = :environment_id",
        {"idem_key": idem_key, "environment_id": environment_id},
    )
    return (row[0], row[1]) if row else None


async def store_answer(tx: Transaction, environment_id: str, idem_key: str, answer: bytes) -> None:
    """Store the answer of the request that reserved a key."""
    await tx.run(
        "UPDATE idempotency SET answer = :answer WHERE idem_key = :idem_key AND environment_id ="
        " :environment_id",
        {"idem_key": idem_key, "environment_id": environment_id, "answer": answer},
    )


async def delete_before(tx: Transaction, *, before: int, limit: int) -> int:
    """Delete up to `limit` keys reserved before a time in milliseconds; return how many."""
    rows = await tx.all(
        "SELECT idem_key, environment_id FROM idempotency WHERE created_ms < :before"
        " ORDER BY created_ms LIMIT :row_limit",
        {"before": before, "row_limit": limit},
    )
    await tx.many(
        "DELETE FROM idempotency WHERE idem_key = :idem_key AND environment_id = :environment_id",
        [
            {"idem_key": idem_key, "environment_id": environment_id}
            for idem_key, environment_id in rows
        ],
    )
    return len(rows)
