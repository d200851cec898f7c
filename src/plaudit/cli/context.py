"""Store, organization and environment that a command works on, from its options or the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from cyclopts import Parameter, validators

from plaudit import settings
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database

T = TypeVar("T")

DEFAULT_ORG = "default"

ExistingFile = Annotated[Path, Parameter(validator=validators.Path(exists=True, dir_okay=False))]


@Parameter(name="*")
@dataclass
class CliContext:
    """Options that name the store."""

    data: Path | None = None
    """Folder of the embedded store; default $PLAUDIT_DATA or ./plaudit-data."""
    database: str | None = None
    """URL of a PostgreSQL database instead; default $PLAUDIT_DATABASE."""

    def settings(self) -> Settings:
        """Settings of the environment variables, with the store that the options name."""
        defaults = settings.from_environment()
        return msgspec.structs.replace(
            defaults, data=self.data or defaults.data, database=self.database or defaults.database
        )


@Parameter(name="*")
@dataclass
class OrganizationContext(CliContext):
    """Options that name the store and an organization in it."""

    org: str = DEFAULT_ORG
    """The organization."""


@Parameter(name="*")
@dataclass
class EnvironmentContext(OrganizationContext):
    """Options that name the store and an environment: an organization's live or test data."""

    mode: Literal["live", "test"] = "live"
    """Its live or its test data."""


def with_store(
    chosen: Settings,
    work: Callable[[Database, ServerSecret], Awaitable[T]],
    *,
    reads_whole_tables: bool = False,
) -> T:
    """Open the store, run `work` on it in an event loop of its own, and return its result.

    Work of which each statement reads whole tables, not a page, says so.

    Raises StoreRefused or Misconfigured for a store that is absent, of another version, or of
    another server secret.
    """

    async def opened() -> T:
        db = connect.open_database(chosen, patient=True, reads_whole_tables=reads_whole_tables)
        try:
            await connect.require_current(db, chosen)
            secret = server_secret.load(chosen.secret_path)
            await server_secret.bind(db, secret, chosen.secret_path)
            return await work(db, secret)
        finally:
            await db.close()

    return asyncio.run(opened())


async def check_store(db: Database, secret: ServerSecret) -> None:
    """Do nothing; as the work of `with_store`, it leaves the checks made while opening."""
