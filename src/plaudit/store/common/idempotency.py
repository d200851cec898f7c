"""Requests under an Idempotency-Key, and what they were answered."""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def claim(
    tx: Transaction, environment_id: str, idem_key: str, *, request_hash: bytes, now: int
) -> bool:
    """Take a key for a request; False if it is taken.

    While another transaction holds the key and is not over, this waits for its end, so that of
    two equal requests at the same moment one works and the other is answered likewise.
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
    """The hash of the request that took a key, and its answer."""
    row = await tx.one(
        "SELECT request_hash, answer FROM idempotency"
        " WHERE idem_key = :idem_key AND environment_id = :environment_id",
        {"idem_key": idem_key, "environment_id": environment_id},
    )
    return (row[0], row[1]) if row else None


async def keep_answer(tx: Transaction, environment_id: str, idem_key: str, answer: bytes) -> None:
    """Keep what the request that took a key is answered."""
    await tx.run(
        "UPDATE idempotency SET answer = :answer WHERE idem_key = :idem_key AND environment_id ="
        " :environment_id",
        {"idem_key": idem_key, "environment_id": environment_id, "answer": answer},
    )


async def forget(tx: Transaction, *, before: int, limit: int) -> int:
    """Delete up to `limit` keys taken before a moment; return how many."""
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
