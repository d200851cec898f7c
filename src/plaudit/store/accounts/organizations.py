"""Statements for organizations, their live and test environments, API keys and server secrets."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import ApiKeyRow, LogMark, Role
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_KEY_COLUMNS = "key_id, environment_id, name, role, display, created_ms, expires_ms, revoked_ms"


async def insert_organization(
    tx: Transaction, *, organization_id: str, name: str, name_key: str, now: int
) -> bool:
    """Insert an organization; False if the name is taken."""
    return bool(
        await tx.run(
            "INSERT INTO organization (organization_id, name, name_key, created_ms)"
            " VALUES (:organization_id, :name, :name_key, :now) ON CONFLICT DO NOTHING",
            {"organization_id": organization_id, "name": name, "name_key": name_key, "now": now},
        )
    )


async def insert_environment(
    tx: Transaction, *, environment_id: str, organization_id: str, mode: str
) -> None:
    """Insert an environment of an organization; `mode` is live or test."""
    await tx.run(
        "INSERT INTO environment (environment_id, organization_id, mode) VALUES (:environment_id,"
        " :organization_id, :mode)",
        {"environment_id": environment_id, "organization_id": organization_id, "mode": mode},
    )


async def find_environment(tx: Transaction, *, name_key: str, mode: str) -> str | None:
    """Find the environment_id of an organization's live or test environment."""
    row = await tx.one(
        "SELECT environment_id FROM environment JOIN organization ON organization.organization_id"
        " = environment.organization_id"
        " WHERE name_key = :name_key AND mode = :mode",
        {"name_key": name_key, "mode": mode},
    )
    return row[0] if row else None


async def find_organization(tx: Transaction, environment_id: str) -> tuple[str, str] | None:
    """Find the organization_id and the mode (live or test) of an environment."""
    row = await tx.one(
        "SELECT organization_id, mode FROM environment WHERE environment_id = :environment_id",
        {"environment_id": environment_id},
    )
    return (row[0], row[1]) if row else None


async def list_environments(tx: Transaction, organization_id: str) -> list[str]:
    """List the environment_ids of an organization, live before test."""
    rows = await tx.all(
        "SELECT environment_id FROM environment WHERE organization_id = :organization_id"
        " ORDER BY mode",
        {"organization_id": organization_id},
    )
    return [row[0] for row in rows]


async def get_organization_name(tx: Transaction, organization_id: str) -> str:
    """Return an organization's name; it must exist."""
    row = await tx.one(
        "SELECT name FROM organization WHERE organization_id = :organization_id",
        {"organization_id": organization_id},
    )
    assert row is not None
    return str(row[0])


async def has_several_organizations(tx: Transaction) -> bool:
    """True if more than one organization shares this server."""
    return len(await tx.all("SELECT organization_id FROM organization LIMIT 2", {})) > 1


async def lock_environment(tx: Transaction, environment_id: str) -> None:
    """Lock an environment's row until the transaction ends."""
    await tx.run(
        "UPDATE environment SET mode = mode WHERE environment_id = :environment_id",
        {"environment_id": environment_id},
    )


async def insert_key(tx: Transaction, key: ApiKeyRow, digest: bytes) -> None:
    """Insert an API key with the digest of its text."""
    await tx.run(
        f"INSERT INTO api_key ({_KEY_COLUMNS}, digest) VALUES (:key_id, :environment_id, :name,"
        " :role, :display, :created_ms, :expires_ms, NULL, :digest)",
        {
            "key_id": key.key_id,
            "environment_id": key.environment_id,
            "name": key.name,
            "role": int(key.role),
            "display": key.display,
            "created_ms": key.created_ms,
            "expires_ms": key.expires_ms,
            "digest": digest,
        },
    )


async def find_key_by_digest(tx: Transaction, digest: bytes) -> tuple[ApiKeyRow, LogMark] | None:
    """Find the key with this digest, revoked and expired ones included, and the store's moment."""
    row = await tx.one(
        f"SELECT {tx.log_position}, {_KEY_COLUMNS} FROM api_key WHERE digest = :digest",
        {"digest": digest},
    )
    return (_api_key(row[1:]), LogMark(tx.epoch, row[0])) if row else None


async def find_key(tx: Transaction, environment_id: str, key_id: str) -> ApiKeyRow | None:
    """Find a key of an environment by its id, revoked and expired ones included."""
    row = await tx.one(
        f"SELECT {_KEY_COLUMNS} FROM api_key WHERE environment_id = :environment_id AND key_id ="
        " :key_id",
        {"environment_id": environment_id, "key_id": key_id},
    )
    return _api_key(row) if row else None


async def list_key_names(
    tx: Transaction, environment_id: str, key_ids: Sequence[str]
) -> dict[str, str]:
    """Names of these keys of an environment by id, empty for one without; unknown are left out."""
    if not key_ids:
        return {}
    listed, args = value_lists.in_list("id", key_ids)
    rows = await tx.all(
        "SELECT key_id, name FROM api_key WHERE environment_id = :environment_id"
        f" AND key_id IN {listed}",
        args | {"environment_id": environment_id},
    )
    return {str(key_id): str(name) for key_id, name in rows}


async def list_keys(tx: Transaction, environment_id: str) -> list[ApiKeyRow]:
    """List all keys of an environment, oldest first."""
    rows = await tx.all(
        f"SELECT {_KEY_COLUMNS} FROM api_key WHERE environment_id = :environment_id ORDER BY"
        " created_ms, key_id",
        {"environment_id": environment_id},
    )
    return [_api_key(row) for row in rows]


async def list_keys_after(
    tx: Transaction, environment_id: str, *, after: tuple[int, str], limit: int
) -> list[ApiKeyRow]:
    """List up to `limit` keys of an environment by (created_ms, key_id), from behind `after`."""
    rows = await tx.all(
        f"SELECT {_KEY_COLUMNS} FROM api_key WHERE environment_id = :environment_id"
        " AND (created_ms, key_id) > (:after_ms, :after_id)"
        " ORDER BY created_ms, key_id LIMIT :row_limit",
        {
            "environment_id": environment_id,
            "after_ms": after[0],
            "after_id": after[1],
            "row_limit": limit,
        },
    )
    return [_api_key(row) for row in rows]


async def count_active_keys(tx: Transaction, environment_id: str, now: int) -> int:
    """Count keys of an environment that are neither revoked nor expired at `now`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM api_key WHERE environment_id = :environment_id AND revoked_ms IS NULL"
        " AND (expires_ms IS NULL OR expires_ms > :now)",
        {"environment_id": environment_id, "now": now},
    )
    assert row is not None
    return int(row[0])


async def revoke_key(tx: Transaction, *, environment_id: str, key_id: str, now: int) -> bool:
    """Revoke a key for good; False if there is no such key that is not revoked."""
    return bool(
        await tx.run(
            "UPDATE api_key SET revoked_ms = :now"
            " WHERE environment_id = :environment_id AND key_id = :key_id AND revoked_ms IS NULL",
            {"environment_id": environment_id, "key_id": key_id, "now": now},
        )
    )


async def list_secret_fingerprints(tx: Transaction) -> set[str]:
    """List the fingerprints of the server secrets that this store has been used with."""
    return {row[0] for row in await tx.all("SELECT fingerprint FROM server_secret", {})}


async def insert_secret_fingerprint(tx: Transaction, fingerprint: str, now: int) -> None:
    """Insert the fingerprint of a server secret, unless it is known."""
    await tx.run(
        "INSERT INTO server_secret (fingerprint, created_ms) VALUES (:fingerprint, :now)"
        " ON CONFLICT DO NOTHING",
        {"fingerprint": fingerprint, "now": now},
    )


def _api_key(row: Row) -> ApiKeyRow:
    key_id, environment_id, name, role, display, created_ms, expires_ms, revoked_ms = row
    return ApiKeyRow(
        key_id, environment_id, name, Role(role), display, created_ms, expires_ms, revoked_ms
    )


async def list_environment_ids(tx: Transaction) -> set[str]:
    """List the environment_ids of all organizations."""
    return {row[0] for row in await tx.all("SELECT environment_id FROM environment", {})}
