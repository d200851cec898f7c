"""Who was told, who is still to be told, and who could not be: listed, and sent again."""

from __future__ import annotations

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Conflict, InvalidPageToken, NotFound, PageTokenExpired
from plaudit.model.webhooks import NOTICE_STATES, Attempt, MessageState, StoredMessage
from plaudit.store.engine.engine import Transaction
from plaudit.store.webhooks import endpoints, messages

REPLAYED_AT_ONCE = 500
KEPT_MS = 30 * 24 * 3600 * 1000
"""How long a notice stays on record after it has arrived or was given up."""


class MessageQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of notices."""

    endpoint_id: str | None = None
    state: MessageState | None = None
    limit: int = 100
    next_token: str | None = None


class MessageWithAttempts(Struct, frozen=True):
    """A notice with what it tells of and every try."""

    notice: StoredMessage
    event_type: str
    attempts: list[Attempt]


class _MessageToken(Struct, frozen=True, array_like=True, tag="notices"):
    """Where a walk over notices goes on."""

    epoch: int
    endpoint_id: str | None
    state: MessageState | None
    before: str


async def notice_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: MessageQuery
) -> tuple[list[MessageWithAttempts], str | None]:
    """One page of notices, newest first, and the token of the next; raises NotFound."""
    endpoint_id, state, before = query.endpoint_id, query.state, None
    if query.next_token is not None:
        pinned = page_tokens.decode(secret, environment_id, query.next_token, _MessageToken)
        if pinned.epoch != tx.epoch:
            raise PageTokenExpired
        for given, was in ((endpoint_id, pinned.endpoint_id), (state, pinned.state)):
            if given is not None and given != was:
                raise InvalidPageToken("next_token belongs to a request with other filters")
        endpoint_id, state, before = pinned.endpoint_id, pinned.state, pinned.before
    found: list[StoredMessage] = []
    for one in NOTICE_STATES if state is None else (state,):
        found += await messages.list_notices(
            tx,
            environment_id,
            state=one,
            endpoint_id=endpoint_id,
            before=before,
            limit=query.limit + 1,
        )
    if not found and before is None and endpoint_id is not None:
        await _require_endpoint(tx, environment_id, endpoint_id)
    found.sort(key=lambda one: one.notice_id, reverse=True)
    page, token = found[: query.limit], None
    if len(found) > query.limit:
        place = _MessageToken(tx.epoch, endpoint_id, state, page[-1].notice_id)
        token = page_tokens.encode(secret, environment_id, place)
    return [await shown(tx, one) for one in page], token


async def shown(tx: Transaction, notice: StoredMessage) -> MessageWithAttempts:
    """A notice with what belongs to it."""
    return MessageWithAttempts(
        notice,
        await messages.get_event_type(tx, notice),
        await messages.list_attempts(tx, notice),
    )


async def replay(tx: Transaction, environment_id: str, notice_id: str) -> StoredMessage:
    """Let a notice that has arrived or was given up be sent again; return it as it now is.

    Raises NotFound, and Conflict if it still waits or its endpoint takes nothing.
    """
    notice = await messages.find_notice(tx, environment_id, notice_id)
    if notice is None:
        raise NotFound("there is no notice of that id here")
    if notice.endpoint_id is not None:
        await _require_active(tx, environment_id, notice.endpoint_id)
    if not await messages.replay(tx, notice, now=clock.now_ms()):
        raise Conflict("the notice still waits to be sent")
    again = await messages.find_notice(tx, environment_id, notice_id)
    assert again is not None
    return again


async def replay_dead(
    tx: Transaction, environment_id: str, endpoint_id: str | None, *, before: str | None = None
) -> tuple[list[StoredMessage], str | None]:
    """Let up to `REPLAYED_AT_ONCE` notices that were given up be sent again, newest first.

    Those of one endpoint, or of all receivers that take anything; older than `before`. Returns
    them, and the `before` to go on with if there may be more.
    """
    if endpoint_id is not None:
        await _require_endpoint(tx, environment_id, endpoint_id)
        await _require_active(tx, environment_id, endpoint_id)
    listed = await endpoints.list_endpoints(tx, environment_id)
    taking = {None, *(one.endpoint_id for one in listed if one.is_active)}
    found = await messages.list_notices(
        tx,
        environment_id,
        state=MessageState.dead,
        endpoint_id=endpoint_id,
        before=before,
        limit=REPLAYED_AT_ONCE,
    )
    now = clock.now_ms()
    again = [
        one
        for one in found
        if one.endpoint_id in taking and await messages.replay(tx, one, now=now)
    ]
    return again, found[-1].notice_id if len(found) == REPLAYED_AT_ONCE else None


async def forget_old(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` notices that ended longer ago than they are kept; return how many."""
    return await messages.forget(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def _require_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    if await endpoints.find_endpoint(tx, environment_id, endpoint_id) is None:
        raise NotFound("there is no webhook of that id here")


async def _require_active(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    endpoint = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if endpoint is None:
        raise Conflict("the webhook of this notice was deleted")
    if not endpoint.is_active:
        raise Conflict("the webhook is disabled; enable it first")
