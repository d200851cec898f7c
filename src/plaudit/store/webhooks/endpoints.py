"""Where organizations want to be told of events, and the secrets that it is signed with."""

from __future__ import annotations

from msgspec import Struct

from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "environment_id, endpoint_id, url, events, status, reason, created_ms, secret, old_secret,"
    " old_until_ms"
)


class SealedSecret(Struct, frozen=True):
    """A secret and the one it replaced, which is valid until `old_until_ms`; both sealed."""

    secret: bytes
    old_secret: bytes | None = None
    old_until_ms: int | None = None


class WebhookEndpoint(Struct, frozen=True):
    """Where an organization wants to be told of events."""

    environment_id: str
    endpoint_id: str
    url: str
    events: bytes
    """JSON list of event types, or of `*` alone."""
    is_active: bool
    reason: str
    """Why it is disabled; empty while it is active."""
    created_ms: int
    secret: SealedSecret


async def insert_endpoint(tx: Transaction, endpoint: WebhookEndpoint) -> None:
    """Add an endpoint."""
    await tx.run(
        f"INSERT INTO webhook_endpoint ({_COLUMNS}) VALUES (:environment_id, :endpoint_id, :url,"
        " :events,"
        " :status, :reason, :created_ms, :secret, :old_secret, :old_until_ms)",
        _args(endpoint),
    )


async def count_endpoints(tx: Transaction, environment_id: str) -> int:
    """How many endpoints a world has, disabled ones included."""
    row = await tx.one(
        "SELECT COUNT(*) FROM webhook_endpoint WHERE environment_id = :environment_id",
        {"environment_id": environment_id},
    )
    assert row is not None
    return int(row[0])


async def list_endpoints(tx: Transaction, environment_id: str) -> list[WebhookEndpoint]:
    """All endpoints of a world, oldest first; their number is bounded when they are made."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM webhook_endpoint WHERE environment_id = :environment_id ORDER BY"
        " endpoint_id",
        {"environment_id": environment_id},
    )
    return [_endpoint(row) for row in rows]


async def find_endpoint(
    tx: Transaction, environment_id: str, endpoint_id: str
) -> WebhookEndpoint | None:
    """An endpoint of this world by its id."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM webhook_endpoint"
        " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id",
        {"environment_id": environment_id, "endpoint_id": endpoint_id},
    )
    return _endpoint(row) if row else None


async def replace_endpoint(
    tx: Transaction, was: WebhookEndpoint, endpoint: WebhookEndpoint
) -> bool:
    """Write an endpoint anew; False if it is no longer what `was` says."""
    conditions = " AND ".join(
        f"{name} = :was_{name}" for name in ("url", "events", "status", "secret")
    )
    args = _args(endpoint) | {f"was_{name}": value for name, value in _args(was).items()}
    names = ("url", "events", "status", "secret")
    wanted = {name: value for name, value in args.items() if name.removeprefix("was_") in names}
    return bool(
        await tx.run(
            "UPDATE webhook_endpoint SET url = :url, events = :events, status = :status,"
            " reason = :reason, secret = :secret, old_secret = :old_secret,"
            " old_until_ms = :old_until_ms"
            " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id AND"
            f" {conditions}",
            wanted
            | {
                name: args[name]
                for name in (
                    "environment_id",
                    "endpoint_id",
                    "reason",
                    "old_secret",
                    "old_until_ms",
                )
            },
        )
    )


async def disable_endpoint(
    tx: Transaction, environment_id: str, endpoint_id: str, *, reason: str
) -> bool:
    """Send an active endpoint nothing more; False if it is not active."""
    return bool(
        await tx.run(
            "UPDATE webhook_endpoint SET status = 'disabled', reason = :reason"
            " WHERE environment_id = :environment_id AND endpoint_id = :endpoint_id AND status ="
            " 'active'",
            {"environment_id": environment_id, "endpoint_id": endpoint_id, "reason": reason},
        )
    )


async def delete_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> bool:
    """Delete an endpoint; False if there is none. What was told to it stays on record."""
    return bool(
        await tx.run(
            "DELETE FROM webhook_endpoint WHERE environment_id = :environment_id AND endpoint_id ="
            " :endpoint_id",
            {"environment_id": environment_id, "endpoint_id": endpoint_id},
        )
    )


async def find_callback_secret(tx: Transaction, environment_id: str) -> SealedSecret | None:
    """The secret that a world's callbacks are signed with."""
    row = await tx.one(
        "SELECT secret, old_secret, old_until_ms FROM callback_secret WHERE environment_id ="
        " :environment_id",
        {"environment_id": environment_id},
    )
    return SealedSecret(*row) if row else None


async def insert_callback_secret(
    tx: Transaction, environment_id: str, sealed: SealedSecret
) -> bool:
    """Give a world its first secret; False if it has one."""
    return bool(
        await tx.run(
            "INSERT INTO callback_secret (environment_id, secret, old_secret, old_until_ms)"
            " VALUES (:environment_id, :secret, :old_secret, :old_until_ms) ON CONFLICT DO NOTHING",
            {"environment_id": environment_id, **_secret_args(sealed)},
        )
    )


async def replace_callback_secret(
    tx: Transaction, environment_id: str, was: SealedSecret, sealed: SealedSecret
) -> bool:
    """Put another secret in the place of one; False if it is no longer the one that is there."""
    return bool(
        await tx.run(
            "UPDATE callback_secret SET secret = :secret, old_secret = :old_secret,"
            " old_until_ms = :old_until_ms WHERE environment_id = :environment_id AND secret ="
            " :was",
            {"environment_id": environment_id, "was": was.secret, **_secret_args(sealed)},
        )
    )


def _secret_args(sealed: SealedSecret) -> dict[str, object]:
    return {
        "secret": sealed.secret,
        "old_secret": sealed.old_secret,
        "old_until_ms": sealed.old_until_ms,
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
        secret=SealedSecret(*secret),
    )
