"""plaudit init: create the store and its server secret, or bring the store up to date."""

from __future__ import annotations

import asyncio

from plaudit.cli.context import DEFAULT_ORG, CliContext, with_store
from plaudit.cli.terminal import say
from plaudit.core.accounts import api_keys
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import NotFound
from plaudit.settings import Settings
from plaudit.store.accounts import organizations
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database


def init(context: CliContext | None = None) -> None:
    """Create the store, or bring it up to date. Running it again does no harm."""
    chosen = (context or CliContext()).settings()
    applied = connect.prepare(chosen)
    made_secret = _make_secret(chosen)

    async def work(db: Database, secret: ServerSecret) -> None:
        try:
            await api_keys.get_environment(db, DEFAULT_ORG, "live")
        except NotFound:
            await api_keys.create_organization(db, DEFAULT_ORG)

    with_store(chosen, work)
    done = ", ".join(applied) if applied else "it was up to date"
    note = f"; the server secret is in {chosen.secret_path}, keep a copy" if made_secret else ""
    where = f"in {chosen.data}" if chosen.database is None else "in PostgreSQL"
    say.print(f"The store {where} is ready ({done}){note}.")


def _make_secret(chosen: Settings) -> bool:
    """Make the server secret of a store that never had one; False if it is there."""

    async def has_one() -> bool:
        db = connect.open_database(chosen)
        try:
            async with db.read() as tx:
                return bool(await organizations.list_secret_fingerprints(tx))
        finally:
            await db.close()

    if not chosen.secret_path.exists() and asyncio.run(has_one()):
        return False  # a new one would open nothing; what follows says which file is missing
    return server_secret.make(chosen.secret_path)
