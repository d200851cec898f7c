"""Webhook messages over HTTP: list them with their attempts, and replay one."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import Call, Operation, WriteContext
from plaudit.api.http.parameters import Enum, IntRange, NoQuery, Text
from plaudit.core.webhooks import messages
from plaudit.core.webhooks.messages import MessageQuery, MessageWithAttempts
from plaudit.model.core import Role
from plaudit.model.webhooks import MessageState
from plaudit.wire.manage.resources import Nothing

LIMIT_MAX = 100


class ListWebhookMessages(Struct, frozen=True):
    """Query of GET /manage/v1/webhook_messages."""

    endpoint_id: Annotated[
        str | None, Text(description="Only what goes to this webhook endpoint.")
    ] = None
    state: Annotated[
        MessageState | None,
        Enum(description="Only webhook messages in this state.", words=MessageState),
    ] = None
    limit: Annotated[
        int,
        IntRange(
            description="How many to return at the most.",
            least=1,
            most=LIMIT_MAX,
            default=LIMIT_MAX,
        ),
    ] = LIMIT_MAX
    next_token: Annotated[
        str | None, Text(description="Where the next page starts: `next_token` of the one before.")
    ] = None


class WebhookAttempt(Struct, kw_only=True, omit_defaults=True):
    """One attempt. `status` is what the receiver answered, if it did; nothing else is kept."""

    number: int
    attempted_at: str
    outcome: str
    duration_ms: int
    status: int | None = None


class WebhookMessage(Struct, kw_only=True, omit_defaults=True):
    """One event for one receiver. `endpoint_id` is absent for callbacks."""

    id: str
    event_id: str
    event_type: str
    target: str
    state: MessageState
    created_at: str
    attempts: list[WebhookAttempt]
    endpoint_id: str | None = None
    outcome: str | None = None
    next_at: str | None = None
    ended_at: str | None = None


class WebhookMessagePage(Struct, kw_only=True, omit_defaults=True):
    """One page of webhook messages, newest first; `next_token` is present while more follow."""

    webhook_messages: list[WebhookMessage]
    next_token: str | None = None


async def list_webhook_messages(call: Call[ListWebhookMessages]) -> WebhookMessagePage:
    """GET /manage/v1/webhook_messages: one page."""
    query = call.query
    page_query = MessageQuery(
        endpoint_id=query.endpoint_id,
        state=query.state,
        limit=query.limit,
        next_token=query.next_token,
    )
    async with call.services.db.read() as tx:
        page, token = await messages.get_message_page(
            tx, call.services.secret, call.caller.environment_id, page_query
        )
    return WebhookMessagePage(
        webhook_messages=[_to_wire(message) for message in page], next_token=token
    )


async def replay_webhook_message(
    call: Call[NoQuery], body: Nothing, context: WriteContext
) -> WebhookMessage:
    """POST /manage/v1/webhook_messages/{message_id}/replay: send it again, with all its tries."""
    message = await messages.replay(context.tx, context.environment_id, call.path["message_id"])
    await context.note("webhook_message", message.message_id, project_key=message.project_key)
    return _to_wire(await messages.load_attempts(context.tx, message))


def _to_wire(loaded: MessageWithAttempts) -> WebhookMessage:
    message, is_pending = loaded.message, loaded.message.state is MessageState.pending
    next_at = clock.format_ms(message.next_ms)
    return WebhookMessage(
        id=message.message_id,
        event_id=message.event_id,
        event_type=loaded.event_type,
        target=message.target,
        state=message.state,
        created_at=clock.format_ms(message.created_ms),
        endpoint_id=message.endpoint_id,
        outcome=message.outcome,
        next_at=next_at if is_pending else None,
        ended_at=None if is_pending else next_at,
        attempts=[
            WebhookAttempt(
                number=attempt.number,
                attempted_at=clock.format_ms(attempt.at_ms),
                outcome=attempt.outcome,
                duration_ms=attempt.duration_ms,
                status=attempt.status,
            )
            for attempt in loaded.attempts
        ],
    )


_MESSAGE: dict[str, Any] = {
    "id": "message_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "event_id": "evt_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "event_type": "task.completed",
    "target": "https://feedback.example.com/plaudit",
    "state": "failed",
    "created_at": "2025-01-02T04:00:39.923Z",
    "outcome": "status",
    "ended_at": "2025-01-02T04:00:40.160Z",
    "attempts": [
        {
            "number": 1,
            "attempted_at": "2025-01-02T04:00:40.101Z",
            "outcome": "status",
            "duration_ms": 58,
            "status": 410,
        }
    ],
}

OPERATIONS = (
    Operation(
        operation_id="list_webhook_messages",
        path="/manage/v1/webhook_messages",
        handler=list_webhook_messages,
        summary="List webhook messages",
        description="Newest first, with every attempt. `failed` ones were given up; replay them.",
        tag="Webhooks",
        role=Role.admin,
        query=ListWebhookMessages,
        answer=WebhookMessagePage,
        answer_description="One page of webhook messages.",
        example={"webhook_messages": [_MESSAGE]},
        errors=(403, 404),
    ),
    Operation(
        operation_id="replay_webhook_message",
        path="/manage/v1/webhook_messages/{message_id}/replay",
        handler=replay_webhook_message,
        summary="Replay a webhook message",
        description="One that is `delivered` or `failed`; it gets all its attempts anew, and "
        "keeps its `webhook-id`.",
        method="POST",
        tag="Webhooks",
        role=Role.admin,
        body=Nothing,
        body_example={},
        answer=WebhookMessage,
        answer_description="The webhook message, pending again.",
        example=_MESSAGE | {"state": "pending"},
        errors=(403, 404),
    ),
)
