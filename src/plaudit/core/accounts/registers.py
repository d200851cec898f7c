"""Pages of what an organization keeps about itself: keys, people, the audit log."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidPageToken
from plaudit.model.core import PersonStatus
from plaudit.store.accounts import organizations, users
from plaudit.store.common import audit
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage import resources

_START = (-(2**62), "")


class _KeyPlace(Struct, frozen=True, array_like=True, tag="keys"):
    """The key after which a page starts."""

    created_ms: int
    key_id: str


class _PersonPlace(Struct, frozen=True, array_like=True, tag="users"):
    """The person after whom a page starts, and what the walk is narrowed down to."""

    status: PersonStatus | None
    created_ms: int
    user_id: str


class _AuditPlace(Struct, frozen=True, array_like=True, tag="audit"):
    """The entry before which a page starts, and what the walk is narrowed down to."""

    object_id: str | None
    entry_id: str


async def key_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    *,
    limit: int,
    next_token: str | None,
) -> resources.ApiKeyPage:
    """One page of a world's keys, oldest first."""
    after = _START
    if next_token is not None:
        place = page_tokens.decode(secret, environment_id, next_token, _KeyPlace)
        after = (place.created_ms, place.key_id)
    found = await organizations.list_keys_after(tx, environment_id, after=after, limit=limit + 1)
    token = None
    if len(found) > limit:
        found.pop()
        token = page_tokens.encode(
            secret, environment_id, _KeyPlace(found[-1].created_ms, found[-1].key_id)
        )
    return resources.ApiKeyPage(keys=[resources.api_key(one) for one in found], next_token=token)


async def person_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    organization_id: str,
    *,
    status: PersonStatus | None,
    limit: int,
    next_token: str | None,
) -> resources.UserPage:
    """One page of an account's people, oldest first."""
    after = _START
    if next_token is not None:
        place = page_tokens.decode(secret, environment_id, next_token, _PersonPlace)
        if status not in (None, place.status):
            raise InvalidPageToken
        status, after = place.status, (place.created_ms, place.user_id)
    found = await users.list_people(
        tx, organization_id, status=status, after=after, limit=limit + 1
    )
    token = None
    if len(found) > limit:
        found.pop()
        place = _PersonPlace(status, found[-1].created_ms, found[-1].user_id)
        token = page_tokens.encode(secret, environment_id, place)
    return resources.UserPage(users=[resources.user(one) for one in found], next_token=token)


async def audit_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    *,
    object_id: str | None,
    limit: int,
    next_token: str | None,
) -> resources.AuditPage:
    """One page of a world's audit log, newest first."""
    before = None
    if next_token is not None:
        place = page_tokens.decode(secret, environment_id, next_token, _AuditPlace)
        if object_id not in (None, place.object_id):
            raise InvalidPageToken
        object_id, before = place.object_id, place.entry_id
    found = await audit.list_entries(
        tx, environment_id, before=before, object_id=object_id, limit=limit + 1
    )
    token = None
    if len(found) > limit:
        found.pop()
        token = page_tokens.encode(
            secret, environment_id, _AuditPlace(object_id, found[-1].entry_id)
        )
    entries = [
        resources.AuditEntry(
            entry_id=one.entry_id,
            created_at=clock.format_ms(one.at_ms),
            actor=resources.Acting(kind=one.actor.kind, id=one.actor.id),
            action=one.action,
            object_kind=one.object_kind,
            object_id=one.object_id,
            request_id=one.actor.request_id or None,
            detail=msgspec.json.decode(one.detail) or None,
        )
        for one in found
    ]
    return resources.AuditPage(entries=entries, next_token=token)
