"""plaudit keys: the API keys of an organization."""

from __future__ import annotations

from typing import Literal

from cyclopts import App
from rich.table import Table

from plaudit import clock
from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.terminal import refuse, say, show
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import NotFound
from plaudit.model.core import Actor, ApiKeyRow, Role
from plaudit.store.engine.engine import Database

keys = App(name="keys")


@keys.command(name="create")
def create_key(
    *,
    name: str = "",
    role: Literal["read", "write", "admin"] = "admin",
    expires: str | None = None,
    create: bool = False,
    context: EnvironmentContext | None = None,
) -> None:
    """Make an API key and print it alone, once.

    Parameters
    ----------
    name
        What the key is for.
    role
        What it may do.
    expires
        When it ends: an ISO 8601 date or date-time. Never, if left out.
    create
        Create the organization if there is none of that name.
    """
    chosen = context or EnvironmentContext()
    expires_ms = None
    if expires is not None:
        try:
            expires_ms = clock.parse_moment(expires)
        except ValueError:
            refuse(f"--expires must be an ISO 8601 date or date-time, not {expires!r}", code=2)

    async def work(db: Database, secret: ServerSecret) -> str:
        try:
            environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        except NotFound:
            if not create:
                raise
            await api_keys.create_organization(db, chosen.org)
            environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        return await api_keys.create_key(
            db,
            secret,
            environment_id=environment_id,
            mode=chosen.mode,
            name=name,
            role=Role[role],
            expires_ms=expires_ms,
            actor=Actor("command", "keys create"),
        )

    print(with_store(chosen.settings(), work))


@keys.command(name="list")
def list_keys(*, context: EnvironmentContext | None = None) -> None:
    """List an organization's keys. Their secrets are not kept, so they cannot be shown."""
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> list[ApiKeyRow]:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        return await api_keys.list_keys(db, environment_id)

    stored = with_store(chosen.settings(), work)
    if not stored:
        say.print("No keys yet; make one with 'plaudit keys create'.")
        return
    table = Table("id", "begins", "role", "name", "created", "expires", "revoked")
    for key in stored:
        times = (key.created_ms, key.expires_ms, key.revoked_ms)
        cells = ["" if ms is None else clock.format_ms(ms) for ms in times]
        table.add_row(key.key_id, key.display + "…", key.role.name, key.name, *cells)
    show(table)


@keys.command(name="revoke")
def revoke_key(key: str, *, context: EnvironmentContext | None = None) -> None:
    """Revoke a key for good.

    Parameters
    ----------
    key
        Its id, the key itself, or its first 12 characters.
    """
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        actor = Actor("command", "keys revoke")
        return (
            await api_keys.revoke_key(db, environment_id=environment_id, key=key, actor=actor)
        ).key_id

    say.print(f"Revoked {with_store(chosen.settings(), work)}.")
