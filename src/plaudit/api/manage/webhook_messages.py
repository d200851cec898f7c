"""Notices: who was told of what, who still waits, and what is sent again."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import Call, Operation, WriteContext
from plaudit.api.http.parameters import Enum, IntRange, NoQuery, Text
from plaudit.core.webhooks import messages as notices
from plaudit.core.webhooks.messages import MessageQuery, MessageWithAttempts
from plaudit.model.core import Role
from plaudit.model.webhooks import MessageState
from plaudit.wire.manage.resources import Nothing

LIMIT_MAX = 100


class ListWebhookMessages(Struct, frozen=True):
    """Query of GET /manage/v1/notices."""

    endpoint_id: Annotated[
        str | None, Text(description="Only what goes to this webhook endpoint.")
    ] = None
    state: Annotated[
        MessageState | None, Enum(description="Only notices in this state.", words=MessageState)
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
    """One try. `status` is what the receiver answered, if it came to that; nothing else is kept."""

    number: int
    attempted_at: str
    outcome: str
    duration_ms: int
    status: int | None = None


class WebhookMessage(Struct, kw_only=True, omit_defaults=True):
    """One receiver of one event. `endpoint_id` is absent where a callback is told."""

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
    """One page of notices, newest first; `next_token` is present while more follow."""

    notices: list[WebhookMessage]
    next_token: str | None = None


async def list_notices(call: Call[ListWebhookMessages]) -> WebhookMessagePage:
    """GET /manage/v1/notices: one page."""
    query = call.query
    asked = MessageQuery(
        endpoint_id=query.endpoint_id,
        state=query.state,
        limit=query.limit,
        next_token=query.next_token,
    )
    async with call.services.db.read() as tx:
        found, token = await notices.notice_page(
            tx, call.services.secret, call.caller.environment_id, asked
        )
    return WebhookMessagePage(notices=[_shown(one) for one in found], next_token=token)


async def replay_notice(call: Call[NoQuery], body: Nothing, change: WriteContext) -> WebhookMessage:
    """POST /manage/v1/notices/{notice_id}/replay: send it again, with all its tries."""
    notice = await notices.replay(change.tx, change.environment_id, call.path["notice_id"])
    await change.note("notice", notice.notice_id, project_key=notice.project_key)
    return _shown(await notices.shown(change.tx, notice))


def _shown(one: MessageWithAttempts) -> WebhookMessage:
    notice, is_waiting = one.notice, one.notice.state is MessageState.waiting
    next_at = clock.format_ms(notice.next_ms)
    return WebhookMessage(
        id=notice.notice_id,
        event_id=notice.event_id,
        event_type=one.event_type,
        target=notice.target,
        state=notice.state,
        created_at=clock.format_ms(notice.created_ms),
        endpoint_id=notice.endpoint_id,
        outcome=notice.outcome,
        next_at=next_at if is_waiting else None,
        ended_at=None if is_waiting else next_at,
        attempts=[
            WebhookAttempt(
                number=attempt.number,
                attempted_at=clock.format_ms(attempt.at_ms),
                outcome=attempt.outcome,
                duration_ms=attempt.duration_ms,
                status=attempt.status,
            )
            for attempt in one.attempts
        ],
    )


_NOTICE: dict[str, Any] = {
    "id": "notice_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "event_id": "evt_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "event_type": "task.completed",
    "target": "https://feedback.example.com/plaudit",
    "state": "dead",
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
        operation_id="list_notices",
        path="/manage/v1/notices",
        handler=list_notices,
        summary="List who was told of events, and who was not",
        description="Newest first, with every attempt. `dead` ones were given up; replay them.",
        tag="Webhooks",
        role=Role.admin,
        query=ListWebhookMessages,
        answer=WebhookMessagePage,
        answer_description="One page of notices.",
        example={"notices": [_NOTICE]},
        errors=(403, 404),
    ),
    Operation(
        operation_id="replay_notice",
        path="/manage/v1/notices/{notice_id}/replay",
        handler=replay_notice,
        summary="Send a notice again",
        description="One that has arrived or was given up; it gets all its attempts anew, and "
        "keeps its `webhook-id`.",
        method="POST",
        tag="Webhooks",
        role=Role.admin,
        body=Nothing,
        body_example={},
        answer=WebhookMessage,
        answer_description="The notice, which waits again.",
        example=_NOTICE | {"state": "waiting"},
        errors=(403, 404),
    ),
)
