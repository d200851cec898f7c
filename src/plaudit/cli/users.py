"""plaudit users: the people of an organization."""

from __future__ import annotations

import sys
from typing import Literal

from cyclopts import App
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plaudit import clock
from plaudit.cli.place import Organization, say, with_store
from plaudit.core import access, audit, people
from plaudit.core.secrets import ServerSecret
from plaudit.model import Actor, Person, PersonRole, PersonStatus
from plaudit.store.engine import Database, Transaction
from plaudit.store.people import list_people

users = App(name="users", help="People of an organization.")

PAGE = 500


@users.command(name="create")
def create_user(
    email: str,
    *,
    role: Literal["admin", "manager", "reviewer", "annotator"],
    name: str | None = None,
    organization: Organization | None = None,
) -> None:
    """Invite a person and print their id.

    Parameters
    ----------
    email
        Their e-mail address; nobody else of the organization has it.
    role
        What they may do.
    name
        What they are called.
    """
    chosen = organization or Organization()

    async def work(db: Database, secret: ServerSecret) -> str:
        org_id = await access.get_org(db, chosen.org, "live")

        async def create(tx: Transaction) -> str:
            account_id = await people.live_account(tx, org_id)
            assert account_id is not None
            made = await people.invite(
                tx, account_id, email=email, name=name, role=PersonRole(role)
            )
            actor = Actor("command", "users create")
            await audit.record(
                tx, org_id, actor, "create_user", "user", made.user_id, detail={"role": role}
            )
            return made.user_id

        return await db.write(create)

    print(with_store(chosen.settings(), work))


@users.command(name="list")
def list_users(
    *,
    status: Literal["invited", "active", "removed"] | None = None,
    organization: Organization | None = None,
) -> None:
    """List an organization's people, removed ones included.

    Parameters
    ----------
    status
        Only people in this status.
    """
    chosen = organization or Organization()
    wanted = None if status is None else PersonStatus(status)

    async def work(db: Database, secret: ServerSecret) -> list[Person]:
        org_id = await access.get_org(db, chosen.org, "live")
        found: list[Person] = []
        after = (-1, "")
        async with db.read() as tx:
            account_id = await people.live_account(tx, org_id)
            assert account_id is not None
            while some := await list_people(tx, account_id, status=wanted, after=after, limit=PAGE):
                found += some
                after = (some[-1].created_ms, some[-1].user_id)
        return found

    found = with_store(chosen.settings(), work)
    if not found:
        say.print("Nobody yet; invite people with 'plaudit users create'.")
        return
    table = Table("id", "e-mail", "name", "role", "status", "created")
    for one in found:
        # Names come from outside; square brackets in them are no markup.
        shown = [one.user_id, one.email, one.name or "", one.role, one.status]
        table.add_row(*(Text(text) for text in shown), clock.format_ms(one.created_ms))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
