"""Webhook endpoints and callback secrets over HTTP."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import Call, Operation, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.webhooks import endpoints, messages
from plaudit.model.core import Role
from plaudit.model.webhooks import EVERY_EVENT
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks.endpoints import EncryptedSecret, WebhookEndpoint
from plaudit.wire.manage.resources import Nothing

_events = msgspec.json.Decoder(list[str]).decode


class WebhookStatus(StrEnum):
    """Whether an endpoint is sent anything."""

    active = "active"
    disabled = "disabled"


class CreateWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /manage/v1/webhooks. Without events, all of them."""

    url: str
    events: list[str] | None = None


class ChangeWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PATCH /manage/v1/webhooks/{endpoint_id}. What is left out stays."""

    url: str | None = None
    events: list[str] | None = None
    status: WebhookStatus | None = None


class RotateSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many seconds the old secret stays valid beside the new one."""

    keep_old_s: int = endpoints.KEEP_OLD_S


class Webhook(Struct, kw_only=True, omit_defaults=True):
    """An endpoint. `secret` is shown only in the answer that makes it."""

    id: str
    url: str
    events: list[str]
    status: WebhookStatus
    created_at: str
    reason: str | None = None
    old_secret_until: str | None = None
    secret: str | None = None


class WebhookList(Struct, kw_only=True):
    """All endpoints, oldest first."""

    webhooks: list[Webhook]


class DeletedWebhook(Struct, kw_only=True):
    """An endpoint that is no more."""

    id: str
    deleted: bool


class Pinged(Struct, kw_only=True):
    """The test event that is on its way."""

    event_id: str


class Replayed(Struct, kw_only=True):
    """How many messages are sent again; `has_more` if more are left than one request takes."""

    replayed: int
    has_more: bool


class CallbackSecret(Struct, kw_only=True, omit_defaults=True):
    """What callbacks are signed with. Secret and key are shown only in the answer that makes them.

    `callback_key` is what callbacks carry in `scale-callback-auth`; it follows from the secret.
    """

    exists: bool
    old_secret_until: str | None = None
    secret: str | None = None
    callback_key: str | None = None


async def check_url(call: Call[NoQuery], body: CreateWebhook | ChangeWebhook) -> None:
    """Raise InvalidContent for a URL that may not be called; DNS is asked outside a transaction."""
    if body.url is not None:
        async with call.aside():
            await call.services.http_client.check_url(body.url, pointer="/url")


async def create_webhook(
    call: Call[NoQuery], body: CreateWebhook, context: WriteContext
) -> Webhook:
    """POST /manage/v1/webhooks: one endpoint, with a secret of its own."""
    endpoint, secret = await endpoints.create_endpoint(
        context.tx,
        call.services.secret,
        context.environment_id,
        url=body.url,
        events=[EVERY_EVENT] if body.events is None else body.events,
    )
    detail = msgspec.to_builtins(_to_wire(endpoint))
    await context.note("webhook", endpoint.endpoint_id, detail=detail)
    return _to_wire(endpoint, secret)


async def list_webhooks(call: Call[NoQuery]) -> WebhookList:
    """GET /manage/v1/webhooks: all endpoints."""
    async with call.services.db.read() as tx:
        stored = await endpoints_store.list_endpoints(tx, call.caller.environment_id)
    return WebhookList(webhooks=[_to_wire(endpoint) for endpoint in stored])


async def get_webhook(call: Call[NoQuery]) -> Webhook:
    """GET /manage/v1/webhooks/{endpoint_id}: one endpoint."""
    async with call.services.db.read() as tx:
        endpoint = await endpoints.get_endpoint(
            tx, call.caller.environment_id, call.path["endpoint_id"]
        )
    return _to_wire(endpoint)


async def change_webhook(
    call: Call[NoQuery], body: ChangeWebhook, context: WriteContext
) -> Webhook:
    """PATCH /manage/v1/webhooks/{endpoint_id}: another URL, other events, on or off."""
    previous = await _get_endpoint(call, context)
    is_active = None if body.status is None else body.status is WebhookStatus.active
    endpoint = await endpoints.change_endpoint(
        context.tx, previous, url=body.url, events=body.events, is_active=is_active
    )
    await context.note(
        "webhook",
        endpoint.endpoint_id,
        detail={
            "from": msgspec.to_builtins(_to_wire(previous)),
            "to": msgspec.to_builtins(_to_wire(endpoint)),
        },
    )
    return _to_wire(endpoint)


async def enable_webhook(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Webhook:
    """POST /manage/v1/webhooks/{endpoint_id}/enable: send it events again."""
    endpoint = await endpoints.change_endpoint(
        context.tx, await _get_endpoint(call, context), is_active=True
    )
    await context.note("webhook", endpoint.endpoint_id)
    return _to_wire(endpoint)


async def delete_webhook(
    call: Call[NoQuery], body: Nothing, context: WriteContext
) -> DeletedWebhook:
    """DELETE /manage/v1/webhooks/{endpoint_id}: send it nothing any more."""
    endpoint_id = call.path["endpoint_id"]
    await endpoints.delete_endpoint(context.tx, context.environment_id, endpoint_id)
    await context.note("webhook", endpoint_id)
    return DeletedWebhook(id=endpoint_id, deleted=True)


async def rotate_webhook_secret(
    call: Call[NoQuery], body: RotateSecret, context: WriteContext
) -> Webhook:
    """POST /manage/v1/webhooks/{endpoint_id}/rotate: a new secret beside the old one."""
    endpoint, secret = await endpoints.rotate_endpoint(
        context.tx,
        call.services.secret,
        await _get_endpoint(call, context),
        keep_old_s=body.keep_old_s,
    )
    await context.note("webhook", endpoint.endpoint_id, detail={"keep_old_s": body.keep_old_s})
    return _to_wire(endpoint, secret)


async def test_webhook(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Pinged:
    """POST /manage/v1/webhooks/{endpoint_id}/test: send it a `ping`."""
    endpoint = await _get_endpoint(call, context)
    event_id = await endpoints.ping(context.tx, endpoint)
    await context.note("webhook", endpoint.endpoint_id, detail={"event_id": event_id})
    return Pinged(event_id=event_id)


async def replay_webhook(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Replayed:
    """POST /manage/v1/webhooks/{endpoint_id}/replay: send failed messages again."""
    endpoint = await _get_endpoint(call, context)
    replayed, before = await messages.replay_failed(
        context.tx, context.environment_id, endpoint.endpoint_id
    )
    await context.note("webhook", endpoint.endpoint_id, detail={"replayed": len(replayed)})
    return Replayed(replayed=len(replayed), has_more=before is not None)


async def get_callback_secret(call: Call[NoQuery]) -> CallbackSecret:
    """GET /manage/v1/callback_secret: whether there is one, and whether an old one is valid."""
    async with call.services.db.read() as tx:
        encrypted = await endpoints_store.find_callback_secret(tx, call.caller.environment_id)
    if encrypted is None:
        return CallbackSecret(exists=False)
    return CallbackSecret(exists=True, old_secret_until=_old_until(encrypted))


async def rotate_callback_secret(
    call: Call[NoQuery], body: RotateSecret, context: WriteContext
) -> CallbackSecret:
    """POST /manage/v1/callback_secret/rotate: a new secret for callbacks, or the first one."""
    encrypted, secret = await endpoints.rotate_callback_secret(
        context.tx, call.services.secret, context.environment_id, keep_old_s=body.keep_old_s
    )
    await context.note(
        "callback_secret", context.environment_id, detail={"keep_old_s": body.keep_old_s}
    )
    return CallbackSecret(
        exists=True,
        old_secret_until=_old_until(encrypted),
        secret=secret,
        callback_key=endpoints.callback_key(secret),
    )


async def _get_endpoint(call: Call[Any], context: WriteContext) -> WebhookEndpoint:
    return await endpoints.get_endpoint(
        context.tx, context.environment_id, call.path["endpoint_id"]
    )


def _to_wire(endpoint: WebhookEndpoint, secret: str | None = None) -> Webhook:
    return Webhook(
        id=endpoint.endpoint_id,
        url=endpoint.url,
        events=_events(endpoint.events),
        status=WebhookStatus.active if endpoint.is_active else WebhookStatus.disabled,
        created_at=clock.format_ms(endpoint.created_ms),
        reason=endpoint.reason or None,
        old_secret_until=_old_until(endpoint.secret),
        secret=secret,
    )


def _old_until(encrypted: EncryptedSecret) -> str | None:
    if encrypted.old_until_ms is None or encrypted.old_until_ms <= clock.now_ms():
        return None
    return clock.format_ms(encrypted.old_until_ms)


def _without_secret(answer: Webhook) -> Webhook:
    return msgspec.structs.replace(answer, secret=None)


def _without_key(answer: CallbackSecret) -> CallbackSecret:
    return msgspec.structs.replace(answer, secret=None, callback_key=None)


_WEBHOOK: dict[str, Any] = {
    "id": "webhook_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "url": "https://feedback.example.com/plaudit",
    "events": ["task.completed"],
    "status": "active",
    "created_at": "2025-01-01T08:31:03.169Z",
}
_SECRET = {"secret": "whsec_…"}
_ALL, _ONE = "/manage/v1/webhooks", "/manage/v1/webhooks/{endpoint_id}"


def _declare(operation_id: str, path: str, handler: Any, **fields: Any) -> Operation:
    usual: dict[str, Any] = {
        "tag": "Webhooks",
        "role": Role.admin,
        "answer": Webhook,
        "answer_description": "The endpoint.",
        "example": _WEBHOOK,
        "errors": (403, 404) if "{" in path else (403,),
    }
    if fields.get("method", "GET") != "GET":
        usual |= {"body": Nothing, "body_example": {}}
    return Operation(operation_id=operation_id, path=path, handler=handler, **(usual | fields))


OPERATIONS = (
    _declare(
        "create_webhook", _ALL, create_webhook, method="POST",
        summary="Add an endpoint that is told of events",
        description="Its `secret` is in this answer and nowhere else; a request that is repeated "
        "under its Idempotency-Key is answered without it.",
        body=CreateWebhook, body_example={"url": _WEBHOOK["url"], "events": ["task.completed"]},
        before=check_url, kept=_without_secret, example=_WEBHOOK | _SECRET, errors=(403,),
    ),
    _declare(
        "list_webhooks", _ALL, list_webhooks, summary="List the endpoints",
        answer=WebhookList, answer_description="All endpoints, oldest first.",
        example={"webhooks": [_WEBHOOK]},
    ),
    _declare("get_webhook", _ONE, get_webhook, summary="Get one endpoint"),
    _declare(
        "change_webhook", _ONE, change_webhook, method="PATCH",
        summary="Change an endpoint's URL, events or status",
        description="What waits for it goes to the new URL. If it is disabled, what waits is "
        "given up and can be replayed once it is enabled again.",
        body=ChangeWebhook, body_example={"events": ["*"]}, before=check_url,
    ),
    _declare(
        "delete_webhook", _ONE, delete_webhook, method="DELETE", summary="Delete an endpoint",
        answer=DeletedWebhook, answer_description="That it is deleted.",
        example={"id": _WEBHOOK["id"], "deleted": True},
    ),
    _declare(
        "enable_webhook", f"{_ONE}/enable", enable_webhook, method="POST",
        summary="Enable an endpoint that was disabled",
    ),
    _declare(
        "rotate_webhook_secret", f"{_ONE}/rotate", rotate_webhook_secret, method="POST",
        summary="Give an endpoint a new secret",
        description="Until the old secret ends, messages carry a signature of each.",
        body=RotateSecret, body_example={"keep_old_s": endpoints.KEEP_OLD_S},
        kept=_without_secret, example=_WEBHOOK | _SECRET,
    ),
    _declare(
        "test_webhook", f"{_ONE}/test", test_webhook, method="POST",
        summary="Send an endpoint a ping", answer=Pinged,
        answer_description="The event that is on its way.", example={"event_id": "evt_0193e8c1"},
        errors=(403, 404),
    ),
    _declare(
        "replay_webhook", f"{_ONE}/replay", replay_webhook, method="POST",
        summary="Send an endpoint again what was given up",
        description=f"Up to {messages.REPLAYED_AT_ONCE} at a time, the newest first.",
        answer=Replayed, answer_description="How many.",
        example={"replayed": 12, "has_more": False},
    ),
    _declare(
        "get_callback_secret", "/manage/v1/callback_secret", get_callback_secret,
        summary="Say whether callbacks have a secret", answer=CallbackSecret,
        answer_description="Whether they have; never the secret.", example={"exists": True},
    ),
    _declare(
        "rotate_callback_secret", "/manage/v1/callback_secret/rotate", rotate_callback_secret,
        method="POST", summary="Give callbacks a new secret, or their first",
        description="Until the old secret ends, callbacks carry a signature of each, and "
        "`scale-callback-auth` the key of the old one.",
        body=RotateSecret, body_example={"keep_old_s": endpoints.KEEP_OLD_S}, kept=_without_key,
        answer=CallbackSecret, answer_description="The secret and the callback key, once.",
        example={"exists": True, "callback_key": "6f1e…"} | _SECRET,
    ),
)  # fmt: skip
