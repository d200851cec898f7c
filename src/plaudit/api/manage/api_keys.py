"""API keys: create, list and revoke them under /manage/v1/keys."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Struct

from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.openapi import examples
from plaudit.core.accounts import api_keys
from plaudit.model.core import Role
from plaudit.wire.manage import resources
from plaudit.wire.manage.resources import ApiKey, ApiKeyPage, CreatedApiKey, CreateKey, Nothing
from plaudit.wire.v2.parse import moment


class ListKeys(Struct, frozen=True):
    """Query of GET /manage/v1/keys."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def create_key(call: Call[NoQuery], body: CreateKey, context: WriteContext) -> CreatedApiKey:
    """POST /manage/v1/keys: create a key of the caller's environment; its text is shown once."""
    key, text = await api_keys.add_key_for_caller(
        context.tx,
        call.services.secret,
        call.caller,
        name=body.name or "",
        role=Role[body.role],
        expires_ms=api_keys.checked_expiry(moment(body.expires_at, "/expires_at")),
    )
    await context.note("key", key.key_id, detail={"role": body.role})
    return resources.created_key(key, text)


async def list_keys(call: Call[ListKeys]) -> ApiKeyPage:
    """GET /manage/v1/keys: one page of keys, oldest first."""
    async with call.services.db.read() as tx:
        return await api_keys.list_keys_page(
            tx,
            call.services.secret,
            call.caller.environment_id,
            limit=call.query.limit,
            next_token=call.query.next_token,
        )


async def revoke_key(call: Call[NoQuery], body: Nothing, context: WriteContext) -> ApiKey:
    """POST /manage/v1/keys/{key_id}/revoke: revoke a key; raises NotFound, Conflict."""
    key = await api_keys.revoke_key_of_id(context.tx, context.environment_id, call.path["key_id"])
    await context.note("key", key.key_id)
    return resources.api_key(key)


def _without_text(answer: CreatedApiKey) -> CreatedApiKey:
    """Answer without the key's text, for storage under an Idempotency-Key."""
    return msgspec.structs.replace(answer, key=UNSET)


OPERATIONS = (
    declare(
        "create_key",
        "POST",
        "/keys",
        role=Role.admin,
        handler=create_key,
        body=CreateKey,
        kept=_without_text,
        summary="Make an API key",
        description="Of the environment that the calling key opens, with its role or one below. "
        "The answer is the only place where the key's text ever stands: repeated under the same "
        "`Idempotency-Key`, the request is answered without it. Revoke that key then, and make "
        "another one.",
        answer=CreatedApiKey,
        answer_description="The key, with its text.",
        example=examples.API_KEY | {"key": "live_…"},
        body_example={"name": "nightly pipeline", "role": "write"},
    ),
    declare(
        "list_keys",
        "GET",
        "/keys",
        role=Role.admin,
        handler=list_keys,
        query=ListKeys,
        summary="List API keys",
        description="Revoked and expired ones included. Their texts are not kept.",
        answer=ApiKeyPage,
        answer_description="One page of keys, oldest first.",
        example={"keys": [examples.API_KEY]},
    ),
    declare(
        "revoke_key",
        "POST",
        "/keys/{key_id}/revoke",
        role=Role.admin,
        handler=revoke_key,
        body=Nothing,
        summary="Revoke an API key for good",
        description="A key may revoke itself, and the last admin key too: after that only the "
        "command line makes another. 409 if it was revoked before.",
        answer=ApiKey,
        answer_description="The key, revoked.",
        example=examples.API_KEY | {"revoked_at": "2025-02-01T08:00:00.000Z"},
        body_example={},
        errors=(404,),
    ),
)
