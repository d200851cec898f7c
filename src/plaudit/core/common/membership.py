"""Membership of people in the organization of an environment."""

from __future__ import annotations

from plaudit.errors import Forbidden
from plaudit.model.core import PersonStatus
from plaudit.store.accounts import organizations, users
from plaudit.store.engine.engine import Transaction


async def is_removed(tx: Transaction, environment_id: str, user_id: str) -> bool:
    """True if a person was removed from this environment's organization."""
    account = await organizations.find_organization(tx, environment_id)
    person = None if account is None else await users.find_person(tx, account[0], user_id)
    return person is not None and person.status is PersonStatus.removed


async def require_present(tx: Transaction, environment_id: str, user_id: str) -> None:
    """Raise Forbidden for a removed person, also one removed while the request runs."""
    if await is_removed(tx, environment_id, user_id):
        raise Forbidden("you do not belong to this organization any more")
