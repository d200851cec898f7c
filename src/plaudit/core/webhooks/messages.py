"""Webhook messages of an environment: pages of them, replays, and their retention."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Conflict, InvalidPageToken, NotFound, PageTokenExpired
from plaudit.model.webhooks import MESSAGE_STATES, Attempt, MessageState, StoredMessage
from plaudit.store.engine.engine import Transaction
from plaudit.store.webhooks import endpoints, messages

REPLAYED_AT_ONCE = 500
KEPT_MS = 30 * 24 * 3600 * 1000
"""Retention of a message after it was delivered or failed: 30 days, in milliseconds."""


class MessageQuery(Struct, frozen=True, kw_only=True):
    """Filters and position of a page of messages; None filters nothing."""

    endpoint_id: str | None = None
    state: MessageState | None = None
    limit: int = 100
    next_token: str | None = None


class MessageWithAttempts(Struct, frozen=True):
    """Message with its event's type and all its attempts, oldest first."""

    message: StoredMessage
    event_type: str
    attempts: list[Attempt]


class _MessageToken(Struct, frozen=True, array_like=True, tag="webhook messages"):
    """Cursor of a listing of messages: its filters, and the id before which it goes on."""

    epoch: int
    endpoint_id: str | None
    state: MessageState | None
    before: str


async def get_message_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: MessageQuery
) -> tuple[list[MessageWithAttempts], str | None]:
    """Return one page of messages, newest first, and the next page's token, None on the last.

    Raises NotFound for an unknown endpoint, InvalidPageToken or PageTokenExpired for a token.
    """
    endpoint_id, state, before = query.endpoint_id, query.state, None
    if query.next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, query.next_token, _MessageToken)
        if cursor.epoch != tx.epoch:
            raise PageTokenExpired
        for sent, pinned in ((endpoint_id, cursor.endpoint_id), (state, cursor.state)):
            if sent is not None and sent != pinned:
                raise InvalidPageToken("next_token belongs to a request with other filters")
        endpoint_id, state, before = cursor.endpoint_id, cursor.state, cursor.before
    rows: list[StoredMessage] = []
    for listed_state in MESSAGE_STATES if state is None else (state,):
        rows += await messages.list_messages(
            tx,
            environment_id,
            state=listed_state,
            endpoint_id=endpoint_id,
            before=before,
            limit=query.limit + 1,
        )
    if not rows and before is None and endpoint_id is not None:
        await _require_endpoint(tx, environment_id, endpoint_id)
    rows.sort(key=lambda message: message.message_id, reverse=True)
    page, token = rows[: query.limit], None
    if len(rows) > query.limit:
        cursor = _MessageToken(tx.epoch, endpoint_id, state, page[-1].message_id)
        token = page_tokens.encode(secret, environment_id, cursor)
    return await _load_attempts(tx, page), token


async def load_attempts(tx: Transaction, message: StoredMessage) -> MessageWithAttempts:
    """Load the event type and the attempts of a message."""
    [loaded] = await _load_attempts(tx, [message])
    return loaded


async def _load_attempts(
    tx: Transaction, listed: Sequence[StoredMessage]
) -> list[MessageWithAttempts]:
    event_types = await messages.list_event_types(tx, listed)
    attempts = await messages.list_attempts(tx, listed)
    return list(map(MessageWithAttempts, listed, event_types, attempts))


async def replay(tx: Transaction, environment_id: str, message_id: str) -> StoredMessage:
    """Make a delivered or failed message pending, with all its retries; return it.

    Raises NotFound, and Conflict if it is pending or its endpoint is disabled or deleted.
    """
    message = await messages.find_message(tx, environment_id, message_id)
    if message is None:
        raise NotFound("there is no webhook message of that id here")
    if message.endpoint_id is not None:
        await _require_active(tx, environment_id, message.endpoint_id)
    if not await messages.replay(tx, message, now=clock.now_ms()):
        raise Conflict("the webhook message is still pending")
    replayed = await messages.find_message(tx, environment_id, message_id)
    assert replayed is not None
    return replayed


async def replay_failed(
    tx: Transaction, environment_id: str, endpoint_id: str | None, *, before: str | None = None
) -> tuple[list[StoredMessage], str | None]:
    """Make up to `REPLAYED_AT_ONCE` failed messages pending, newest first.

    Takes those of one endpoint, or of all active endpoints and callbacks if None; only ids less
    than `before`. Returns them, and the `before` of the next call, None once nothing is left.
    Raises NotFound for an unknown endpoint, Conflict for a disabled one.
    """
    if endpoint_id is not None:
        await _require_endpoint(tx, environment_id, endpoint_id)
        await _require_active(tx, environment_id, endpoint_id)
    stored_endpoints = await endpoints.list_endpoints(tx, environment_id)
    active = {None, *(endpoint.endpoint_id for endpoint in stored_endpoints if endpoint.is_active)}
    failed = await messages.list_messages(
        tx,
        environment_id,
        state=MessageState.failed,
        endpoint_id=endpoint_id,
        before=before,
        limit=REPLAYED_AT_ONCE,
    )
    now = clock.now_ms()
    replayed = [
        message
        for message in failed
        if message.endpoint_id in active and await messages.replay(tx, message, now=now)
    ]
    return replayed, failed[-1].message_id if len(failed) == REPLAYED_AT_ONCE else None


async def delete_expired(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` messages whose retention is over; return the count."""
    return await messages.delete_ended(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def _require_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    if await endpoints.find_endpoint(tx, environment_id, endpoint_id) is None:
        raise NotFound("there is no webhook of that id here")


async def _require_active(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    endpoint = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if endpoint is None:
        raise Conflict("the webhook of this message was deleted")
    if not endpoint.is_active:
        raise Conflict("the webhook is disabled; enable it first")
