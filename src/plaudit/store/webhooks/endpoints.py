"""Webhook endpoints and callback secrets of environments."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "environment_id, endpoint_id, url, events, status, reason, created_ms, secret, old_secret,"
    " old_until_ms"
)


class EncryptedSecret(Struct, frozen=True):
    """Encrypted signing secret, and the one it replaced, which is valid until `old_until_ms`."""

    secret: bytes
    old_secret: bytes | None = None
    old_until_ms: int | None = None


class WebhookEndpoint(Struct, frozen=True):
    """Webhook endpoint of an environment, with the events it subscribes to."""

    environment_id: str
    endpoint_id: str
    url: str
    events: bytes
    """JSON list of event types, or of `*` alone."""
    is_active: bool
    reason: str
    """Reason for being disabled; empty while active."""
    created_ms: int
    secret: EncryptedSecret


async def insert_endpoint(tx: Transaction, endpoint: WebhookEndpoint) -> None:
    """Insert an endpoint."""
    await tx.run(
        f"INSERT INTO webhook_endpoint ({_COLUMNS}) VALUES (:environment_id, :endpoint_id, :url,"
        " :events,"
        " :status, :reason, :created_ms, :secret, :old_secret, :old_until_ms)",
        _args(endpoint),
    )


async def count_endpoints(tx: Transaction, environment_id: str) -> int:
    """Count the endpoints of an environment, disabled ones included."""
    row = await tx.one(
        "SELECT COUNT(*) FROM webhook_endpoint WHERE environment_id = :environment_id",
        {"environment_id": environment_id},
    )
    assert row is not None
    return int(row[0])


async def list_endpoints(tx: Transaction, environment_id: str) -> list[WebhookEndpoint]:
    """List all endpoints of an environment, oldest first; creation bounds their number."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM webhook_endpoint WHERE environment_id = :environment_id ORDER BY"
        " endpoint_id",
        {"environment_id": environment_id},
    )
    return [_endpoint(row) for row in rows]


async def find_endpoint_urls(
    tx: Transaction, environment_id: str, endpoint_ids: Sequence[str]
) -> dict[str, str]:
    """URLs of endpoints of this environment by id; unknown ids are left out."""
    if not endpoint_ids:
        return {}
    listed, args = value_lists.in_list("id", endpoint_ids)
    rows = await tx.all(
        "SELECT endpoint_id, url FROM webhook_endpoint WHERE environment_id = :environment_id"
        f" AND endpoint_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    return dict(rows)


async def find_endpoint(
    tx: Transaction, environment_id: str, endpoint_id: str
) -> WebhookEndpoint | None:
    """Return an endpoint of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM webhook_endpoint"
        " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id",
        {"environment_id": environment_id, "endpoint_id": endpoint_id},
    )
    return _endpoint(row) if row else None


async def replace_endpoint(
    tx: Transaction, previous: WebhookEndpoint, endpoint: WebhookEndpoint
) -> bool:
    """Replace an endpoint; False if its URL, events, status or secret differ from `previous`."""
    compared = ("url", "events", "status", "secret")
    conditions = " AND ".join(f"{name} = :previous_{name}" for name in compared)
    values, stored = _args(endpoint), _args(previous)
    del values["created_ms"]  # stays as it was
    return bool(
        await tx.run(
            "UPDATE webhook_endpoint SET url = :url, events = :events, status = :status,"
            " reason = :reason, secret = :secret, old_secret = :old_secret,"
            " old_until_ms = :old_until_ms"
            " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id AND"
            f" {conditions}",
            values | {f"previous_{name}": stored[name] for name in compared},
        )
    )


async def disable_endpoint(
    tx: Transaction, environment_id: str, endpoint_id: str, *, reason: str
) -> bool:
    """Disable an active endpoint; False if it is disabled or absent."""
    return bool(
        await tx.run(
            "UPDATE webhook_endpoint SET status = 'disabled', reason = :reason"
            " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id AND status ="
            " 'active'",
            {"environment_id": environment_id, "endpoint_id": endpoint_id, "reason": reason},
        )
    )


async def delete_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> bool:
    """Delete an endpoint, and keep its messages; False if there is none."""
    return bool(
        await tx.run(
            "DELETE FROM webhook_endpoint WHERE environment_id = :environment_id AND endpoint_id ="
            " :endpoint_id",
            {"environment_id": environment_id, "endpoint_id": endpoint_id},
        )
    )


async def find_callback_secret(tx: Transaction, environment_id: str) -> EncryptedSecret | None:
    """Return the secret that signs an environment's callbacks; None before the first one."""
    row = await tx.one(
        "SELECT secret, old_secret, old_until_ms FROM callback_secret WHERE environment_id ="
        " :environment_id",
        {"environment_id": environment_id},
    )
    return EncryptedSecret(*row) if row else None


async def insert_callback_secret(
    tx: Transaction, environment_id: str, encrypted: EncryptedSecret
) -> bool:
    """Insert an environment's first callback secret; False if it has one."""
    return bool(
        await tx.run(
            "INSERT INTO callback_secret (environment_id, secret, old_secret, old_until_ms)"
            " VALUES (:environment_id, :secret, :old_secret, :old_until_ms) ON CONFLICT DO NOTHING",
            {"environment_id": environment_id, **_secret_args(encrypted)},
        )
    )


async def replace_callback_secret(
    tx: Transaction, environment_id: str, previous: EncryptedSecret, encrypted: EncryptedSecret
) -> bool:
    """Replace an environment's callback secret; False if the stored one is not `previous`."""
    return bool(
        await tx.run(
            "UPDATE callback_secret SET secret = :secret, old_secret = :old_secret,"
            " old_until_ms = :old_until_ms WHERE environment_id = :environment_id AND secret ="
            " :previous",
            {
                "environment_id": environment_id,
                "previous": previous.secret,
                **_secret_args(encrypted),
            },
        )
    )


def _secret_args(encrypted: EncryptedSecret) -> dict[str, object]:
    return {
        "secret": encrypted.secret,
        "old_secret": encrypted.old_secret,
        "old_until_ms": encrypted.old_until_ms,
    }


def _args(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "environment_id": endpoint.environment_id,
        "endpoint_id": endpoint.endpoint_id,
        "url": endpoint.url,
        "events": endpoint.events,
        "status": "active" if endpoint.is_active else "disabled",
        "reason": endpoint.reason,
        "created_ms": endpoint.created_ms,
        **_secret_args(endpoint.secret),
    }


def _endpoint(row: Row) -> WebhookEndpoint:
    environment_id, endpoint_id, url, events, status, reason, created_ms, *secret = row
    return WebhookEndpoint(
        environment_id=environment_id,
        endpoint_id=endpoint_id,
        url=url,
        events=events,
        is_active=status == "active",
        reason=reason,
        created_ms=created_ms,
        secret=EncryptedSecret(*secret),
    )
