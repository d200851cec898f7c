"""plaudit users: the people of an organization."""

from __future__ import annotations

from typing import Literal

from cyclopts import App
from rich.table import Table

from plaudit import clock
from plaudit.cli.context import OrganizationContext, with_store
from plaudit.cli.terminal import say, show
from plaudit.core.accounts import api_keys, authentication
from plaudit.core.accounts import users as people
from plaudit.core.common import audit
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import NotFound
from plaudit.model.core import Actor, Person, PersonRole, PersonStatus
from plaudit.store.accounts.users import find_person_by_email, list_people
from plaudit.store.engine.engine import Database, Transaction

users = App(name="users")

PAGE = 500
"""Persons read at once."""


@users.command(name="create")
def create_user(
    email: str,
    *,
    role: Literal["admin", "manager", "reviewer", "annotator"],
    name: str | None = None,
    guest: bool = False,
    context: OrganizationContext | None = None,
) -> None:
    """Invite a person and print the link with which they choose a password, once.

    It holds for a week, and once; its address is that of PLAUDIT_PUBLIC_URL.

    Parameters
    ----------
    email
        Their e-mail address, or a user name; nobody else of the organization has it.
    role
        What they may do.
    name
        What they are called.
    guest
        Show them only the projects that they are a member of.
    """
    chosen = context or OrganizationContext()

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, "live")

        async def create(tx: Transaction) -> str:
            organization_id = await _organization_id(tx, environment_id)
            is_name = people.is_user_name(email)
            person = await people.invite(
                tx,
                organization_id,
                email=None if is_name else email,
                user_name=email if is_name else None,
                is_guest=guest,
                name=name,
                role=PersonRole(role),
            )
            token = await authentication.make_invitation(tx, secret, person)
            actor = Actor("command", "users create")
            await audit.record(
                tx,
                environment_id,
                actor,
                "create_user",
                "user",
                person.user_id,
                detail={"role": role},
            )
            return token

        return await db.write(create)

    settings = chosen.settings()
    print(authentication.invitation_link(settings.public_url, with_store(settings, work)))


@users.command(name="invite")
def invite_user(email: str, *, context: OrganizationContext | None = None) -> None:
    """Print a new link for somebody who has lost theirs, or their password, or was removed.

    Parameters
    ----------
    email
        Their e-mail address.
    """
    chosen = context or OrganizationContext()

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, "live")

        async def invite(tx: Transaction) -> str:
            organization_id = await _organization_id(tx, environment_id)
            person = await find_person_by_email(tx, organization_id, people.email_key(email))
            if person is None:
                raise NotFound(f"nobody of {chosen.org!r} has the e-mail address {email!r}")
            _, token = await authentication.invite_again(
                tx, secret, organization_id, person.user_id
            )
            actor = Actor("command", "users invite")
            await audit.record(tx, environment_id, actor, "invite_user", "user", person.user_id)
            return token

        return await db.write(invite)

    settings = chosen.settings()
    print(authentication.invitation_link(settings.public_url, with_store(settings, work)))


@users.command(name="list")
def list_users(
    *,
    status: Literal["invited", "active", "removed"] | None = None,
    context: OrganizationContext | None = None,
) -> None:
    """List an organization's people, removed ones included.

    Parameters
    ----------
    status
        Only people in this status.
    """
    chosen = context or OrganizationContext()
    wanted = None if status is None else PersonStatus(status)

    async def work(db: Database, secret: ServerSecret) -> list[Person]:
        environment_id = await api_keys.get_environment(db, chosen.org, "live")
        listed: list[Person] = []
        after = (-1, "")
        async with db.read() as tx:
            organization_id = await _organization_id(tx, environment_id)
            while page := await list_people(
                tx, organization_id, status=wanted, after=after, limit=PAGE
            ):
                listed += page
                after = (page[-1].created_ms, page[-1].user_id)
        return listed

    persons = with_store(chosen.settings(), work)
    if not persons:
        say.print("Nobody yet; invite people with 'plaudit users create'.")
        return
    table = Table("id", "e-mail", "name", "role", "status", "created")
    for person in persons:
        cells = [person.user_id, person.email, person.name or "", person.role, person.status]
        table.add_row(*cells, clock.format_ms(person.created_ms))
    show(table)


async def _organization_id(tx: Transaction, environment_id: str) -> str:
    organization_id = await people.find_live_organization(tx, environment_id)
    assert organization_id is not None  # the commands name live environments alone
    return organization_id
