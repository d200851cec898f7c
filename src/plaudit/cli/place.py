"""What commands share: which store and organization they work on, and how they refuse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import msgspec
from cyclopts import Parameter, validators
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from plaudit import settings
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database

T = TypeVar("T")

DEFAULT_ORG = "default"

ExistingFile = Annotated[Path, Parameter(validator=validators.Path(exists=True, dir_okay=False))]

# Lines are never folded, whatever the terminal's width, and what stands in them is no markup.
say = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
err = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)

_PIPE_COLUMNS = 1_000_000


@Parameter(name="*")
@dataclass
class CliContext:
    """Which store."""

    data: Path | None = None
    """Folder of the embedded store; default $PLAUDIT_DATA or ./plaudit-data."""
    database: str | None = None
    """URL of a PostgreSQL database instead; default $PLAUDIT_DATABASE."""

    def settings(self) -> Settings:
        found = settings.from_environment()
        return msgspec.structs.replace(
            found, data=self.data or found.data, database=self.database or found.database
        )


@Parameter(name="*")
@dataclass
class Organization(CliContext):
    """Which store, and which organization in it."""

    org: str = DEFAULT_ORG
    """The organization."""


@Parameter(name="*")
@dataclass
class World(CliContext):
    """Which store, and whose data in it."""

    org: str = DEFAULT_ORG
    """The organization."""
    mode: Literal["live", "test"] = "live"
    """Its live or its test data."""


def with_store(chosen: Settings, work: Callable[[Database, ServerSecret], Awaitable[T]]) -> T:
    """Open the store, check that the secret belongs to it, and run `work`."""

    async def opened() -> T:
        db = connect.open_database(chosen, patient=True)
        try:
            await connect.require_current(db, chosen)
            secret = server_secret.load(chosen.secret_path)
            await server_secret.bind(db, secret, chosen.secret_path)
            return await work(db, secret)
        finally:
            await db.close()

    return asyncio.run(opened())


def require_writable(out: Path) -> None:
    """Refuse a file that cannot be made, before any work is done for it."""
    try:
        is_wrong = out.is_dir() or not out.parent.is_dir()
    except OSError as exc:
        refuse(f"{out} cannot be written: {exc.strerror}")
    if is_wrong:
        refuse(f"{out} cannot be written: its folder does not exist, or it is one", code=2)


def progress() -> Progress:
    """Progress bars on standard error, for people alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def show(table: Table) -> None:
    """Print a table: as wide as the terminal, or in a pipe with each row on one line."""
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def refuse(message: str, *, code: int = 1) -> NoReturn:
    """End with one line on standard error."""
    err.print(f"plaudit: {message}")
    sys.exit(code)
