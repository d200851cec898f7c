"""People as the rules of staffing know them."""

from __future__ import annotations

from typing import Any

from plaudit.core.accounts import users
from plaudit.model.core import PersonRole, PersonStatus, SignedIn
from plaudit.store.accounts import organizations


def as_user(
    environment_id: str,
    user_id: str,
    role: PersonRole = PersonRole.annotator,
    organization_id: str = "",
) -> SignedIn:
    """Somebody who is signed in, with a role in the organization."""
    return SignedIn(
        environment_id=environment_id,
        organization_id=organization_id,
        user_id=user_id,
        email="somebody@example.org",
        name=None,
        role=role,
        session_id="session",
        seen_ms=0,
        org_role=role,
        project_role=None,
        is_guest=False,
        reach=role,
    )


async def add_person(
    tx: Any, environment_id: str, name: str, role: PersonRole = PersonRole.annotator
) -> str:
    """Add an active person to the organization of an environment; their user id."""
    account = await organizations.find_organization(tx, environment_id)
    person = await users.invite(
        tx, account[0], email=f"{name.lower()}@example.org", name=name, role=role
    )
    await users.change(tx, account[0], person.user_id, {"status": PersonStatus.active})
    found: str = person.user_id
    return found
