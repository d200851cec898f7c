"""An organization's webhook endpoints, and the secrets that messages to receivers are signed with.

Secrets are sealed in the store and shown once, when they are made. While one is being replaced,
both sign, so that a receiver may change over at any moment until the old one ends.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

import msgspec

from plaudit import clock, ids
from plaudit.core.common import encryption
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.webhooks import signatures
from plaudit.errors import Conflict, IllegalMove, InvalidContent, NotFound, Unavailable
from plaudit.model.webhooks import CHOOSABLE, EVERY_EVENT, Event, EventType, WebhookMessageRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.webhooks import endpoints, outbox
from plaudit.store.webhooks.endpoints import SealedSecret, WebhookEndpoint

ENDPOINTS_MAX = 100
KEEP_OLD_S = 24 * 3600
KEEP_OLD_S_MAX = 30 * 24 * 3600
BURIED_AT_ONCE = 500
OUTSIDE = 0
"""The project number of events that belong to no project."""

CALLBACK_HEADER = "scale-callback-auth"

_encode = msgspec.json.Encoder().encode


def check_events(chosen: Sequence[str]) -> None:
    """Raise InvalidContent unless these are events to choose: `*` alone, or some by name."""
    if not chosen:
        raise InvalidContent("choose at least one event, or *", pointer="/events")
    if list(chosen) == [EVERY_EVENT]:
        return
    for number, name in enumerate(chosen):
        if name not in CHOOSABLE or name in chosen[:number]:
            known = ", ".join(CHOOSABLE)
            raise InvalidContent(
                f"events are {known}, each once, or * alone", pointer=f"/events/{number}"
            )


def check_keep_old(keep_old_s: int) -> None:
    """Raise InvalidContent unless a secret may be kept this long beside its successor."""
    if not 0 <= keep_old_s <= KEEP_OLD_S_MAX:
        raise InvalidContent(
            f"keep_old_s is a number of seconds from 0 to {KEEP_OLD_S_MAX}",
            pointer="/keep_old_s",
        )


async def create_endpoint(
    tx: Transaction, secret: ServerSecret, environment_id: str, *, url: str, events: Sequence[str]
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; return it and its secret, which is not to be had again."""
    check_events(events)
    if await endpoints.count_endpoints(tx, environment_id) >= ENDPOINTS_MAX:
        raise Conflict(f"there are {ENDPOINTS_MAX} endpoints already; delete one first")
    endpoint_id, text = ids.mint("webhook"), signatures.mint_secret()
    endpoint = WebhookEndpoint(
        environment_id=environment_id,
        endpoint_id=endpoint_id,
        url=url,
        events=_encode(list(events)),
        is_active=True,
        reason="",
        created_ms=clock.now_ms(),
        secret=SealedSecret(encryption.seal(secret, text.encode(), row=_endpoint_row(endpoint_id))),
    )
    await endpoints.insert_endpoint(tx, endpoint)
    return endpoint, text


async def get_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> WebhookEndpoint:
    """An endpoint of this world; raises NotFound."""
    found = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if found is None:
        raise NotFound("there is no webhook of that id here")
    return found


async def change_endpoint(
    tx: Transaction,
    was: WebhookEndpoint,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    is_active: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; return the endpoint as it now is.

    What waits for it goes to the new URL. If it is disabled, what waits for it is given up.
    """
    if events is not None:
        check_events(events)
    changed = msgspec.structs.replace(
        was,
        url=was.url if url is None else url,
        events=was.events if events is None else _encode(list(events)),
        is_active=was.is_active if is_active is None else is_active,
    )
    reason = "" if changed.is_active else was.reason or "disabled on request"
    changed = msgspec.structs.replace(changed, reason=reason)
    return await _replace(tx, was, changed)


async def rotate_endpoint(
    tx: Transaction, secret: ServerSecret, was: WebhookEndpoint, *, keep_old_s: int
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret beside the old one; return it and the secret."""
    check_keep_old(keep_old_s)
    text = signatures.mint_secret()
    row = _endpoint_row(was.endpoint_id)
    rotated = _rotated(secret, was.secret, text, row=row, keep_old_s=keep_old_s)
    return await _replace(tx, was, msgspec.structs.replace(was, secret=rotated)), text


async def delete_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    """Delete an endpoint. Its notices stay on record; those that wait will be given up."""
    if not await endpoints.delete_endpoint(tx, environment_id, endpoint_id):
        raise NotFound("there is no webhook of that id here")


async def ping(tx: Transaction, endpoint: WebhookEndpoint) -> str:
    """Put a test event for one endpoint into the outbox; return the event's id."""
    if not endpoint.is_active:
        raise IllegalMove("the webhook is disabled; enable it first")
    now, event_id = clock.now_ms(), ids.mint("evt")
    payload = b'{"webhook_id":%b}' % _encode(endpoint.endpoint_id)
    await outbox.insert_events(
        tx, [Event(OUTSIDE, event_id, endpoint.environment_id, EventType.ping, now, payload)]
    )
    notice = WebhookMessageRow(
        project_key=OUTSIDE,
        notice_id=ids.mint("notice"),
        environment_id=endpoint.environment_id,
        event_id=event_id,
        endpoint_id=endpoint.endpoint_id,
        target=endpoint.url,
        queue=endpoint.endpoint_id,
        created_ms=now,
    )
    await outbox.insert_notices(tx, [notice])
    return event_id


async def rotate_callback_secret(
    tx: Transaction, secret: ServerSecret, environment_id: str, *, keep_old_s: int
) -> tuple[SealedSecret, str]:
    """Give a world a new secret for its callbacks, or the first one; return it and its text."""
    check_keep_old(keep_old_s)
    was = await endpoints.find_callback_secret(tx, environment_id)
    row, text = _callback_row(environment_id), signatures.mint_secret()
    if was is None:
        first = SealedSecret(encryption.seal(secret, text.encode(), row=row))
        is_done = await endpoints.insert_callback_secret(tx, environment_id, first)
        made = first
    else:
        made = _rotated(secret, was, text, row=row, keep_old_s=keep_old_s)
        is_done = await endpoints.replace_callback_secret(tx, environment_id, was, made)
    if not is_done:
        raise Unavailable("the secret was changed at the same moment; try again")
    return made, text


async def ensure_callback_secret(
    tx: Transaction, secret: ServerSecret, environment_id: str
) -> SealedSecret:
    """The secret of a world's callbacks, which is made if there is none."""
    row = _callback_row(environment_id)
    first = SealedSecret(encryption.seal(secret, signatures.mint_secret().encode(), row=row))
    await endpoints.insert_callback_secret(tx, environment_id, first)
    found = await endpoints.find_callback_secret(tx, environment_id)
    assert found is not None
    return found


def endpoint_secrets(secret: ServerSecret, endpoint: WebhookEndpoint) -> list[str]:
    """The secrets that sign what goes to an endpoint now: the current one, then the old one."""
    return _valid(secret, endpoint.secret, row=_endpoint_row(endpoint.endpoint_id))


def callback_secrets(secret: ServerSecret, environment_id: str, sealed: SealedSecret) -> list[str]:
    """The secrets that sign a world's callbacks now: the current one, then the old one."""
    return _valid(secret, sealed, row=_callback_row(environment_id))


def callback_key(text: str) -> str:
    """What callbacks carry in `scale-callback-auth`; the secret cannot be told from it."""
    key = base64.b64decode(text.removeprefix(signatures.SECRET_PREFIX))
    return hmac.digest(key, CALLBACK_HEADER.encode(), "sha256").hex()


async def bury_if_inactive(
    tx: Transaction, environment_id: str, endpoint_id: str, outcome: str
) -> int:
    """Give up some of what waits for an endpoint that is not active; return how many."""
    endpoint = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if endpoint is not None and endpoint.is_active:
        return 0
    return await outbox.bury(
        tx, endpoint_id, outcome=outcome, now=clock.now_ms(), limit=BURIED_AT_ONCE
    )


async def _replace(
    tx: Transaction, was: WebhookEndpoint, changed: WebhookEndpoint
) -> WebhookEndpoint:
    if not await endpoints.replace_endpoint(tx, was, changed):
        raise Unavailable("the webhook was changed at the same moment; try again")
    return changed


def _rotated(
    secret: ServerSecret, was: SealedSecret, text: str, *, row: str, keep_old_s: int
) -> SealedSecret:
    sealed = encryption.seal(secret, text.encode(), row=row)
    if not keep_old_s:
        return SealedSecret(sealed)
    return SealedSecret(sealed, was.secret, clock.now_ms() + keep_old_s * 1000)


def _valid(secret: ServerSecret, sealed: SealedSecret, *, row: str) -> list[str]:
    found = [sealed.secret]
    if sealed.old_secret is not None and clock.now_ms() < (sealed.old_until_ms or 0):
        found.append(sealed.old_secret)
    return [encryption.unseal(secret, one, row=row).decode() for one in found]


def _endpoint_row(endpoint_id: str) -> str:
    return f"webhook_endpoint:{endpoint_id}"


def _callback_row(environment_id: str) -> str:
    return f"callback_secret:{environment_id}"
