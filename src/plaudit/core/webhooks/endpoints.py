"""Webhook endpoints of an environment, and the secrets that sign messages to receivers.

Secrets are encrypted in the store and shown once, when they are made. While one is being rotated,
both sign, so that a receiver may switch at any time until the old one ends.
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
from plaudit.store.webhooks.endpoints import EncryptedSecret, WebhookEndpoint

ENDPOINTS_MAX = 100
KEEP_OLD_S = 24 * 3600
KEEP_OLD_S_MAX = 30 * 24 * 3600
DISCARD_BATCH_SIZE = 500
OUTSIDE = 0
"""`project_key` of events that belong to no project."""

CALLBACK_HEADER = "scale-callback-auth"

_encode = msgspec.json.Encoder().encode


def check_events(chosen: Sequence[str]) -> None:
    """Raise InvalidContent unless this is `*` alone, or known event types, each once."""
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
    """Raise InvalidContent unless this is 0 to `KEEP_OLD_S_MAX` seconds."""
    if not 0 <= keep_old_s <= KEEP_OLD_S_MAX:
        raise InvalidContent(
            f"keep_old_s is a number of seconds from 0 to {KEEP_OLD_S_MAX}",
            pointer="/keep_old_s",
        )


async def create_endpoint(
    tx: Transaction, secret: ServerSecret, environment_id: str, *, url: str, events: Sequence[str]
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint; return it and its secret, which is readable only now.

    Raises InvalidContent for its events, Conflict above `ENDPOINTS_MAX` endpoints.
    """
    return await restore_endpoint(
        tx,
        secret,
        environment_id,
        endpoint_id=ids.mint("webhook"),
        url=url,
        events=events,
        reason=None,
        created_ms=clock.now_ms(),
    )


async def restore_endpoint(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    *,
    endpoint_id: str,
    url: str,
    events: Sequence[str],
    reason: str | None,
    created_ms: int,
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint under an id that it had elsewhere, with a secret of its own.

    It is disabled for `reason`, or active for None. Returns and raises as `create_endpoint` does.
    """
    check_events(events)
    if await endpoints.count_endpoints(tx, environment_id) >= ENDPOINTS_MAX:
        raise Conflict(f"there are {ENDPOINTS_MAX} endpoints already; delete one first")
    text = signatures.mint_secret()
    endpoint = WebhookEndpoint(
        environment_id=environment_id,
        endpoint_id=endpoint_id,
        url=url,
        events=_encode(list(events)),
        is_active=reason is None,
        reason=reason or "",
        created_ms=created_ms,
        secret=EncryptedSecret(
            encryption.encrypt(secret, text.encode(), row=_endpoint_row(endpoint_id))
        ),
    )
    await endpoints.insert_endpoint(tx, endpoint)
    return endpoint, text


async def get_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> WebhookEndpoint:
    """Return an endpoint of this environment; raises NotFound."""
    endpoint = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if endpoint is None:
        raise NotFound("there is no webhook of that id here")
    return endpoint


async def change_endpoint(
    tx: Transaction,
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    is_active: bool | None = None,
) -> WebhookEndpoint:
    """Change URL, events or state of an endpoint, None keeping each; return the changed endpoint.

    Pending messages go to the new URL; those of a disabled endpoint fail. Raises InvalidContent for
    the events, Unavailable if `endpoint` was changed at the same moment.
    """
    if events is not None:
        check_events(events)
    changed = msgspec.structs.replace(
        endpoint,
        url=endpoint.url if url is None else url,
        events=endpoint.events if events is None else _encode(list(events)),
        is_active=endpoint.is_active if is_active is None else is_active,
    )
    reason = "" if changed.is_active else endpoint.reason or "disabled on request"
    changed = msgspec.structs.replace(changed, reason=reason)
    return await _replace(tx, endpoint, changed)


async def rotate_endpoint(
    tx: Transaction, secret: ServerSecret, endpoint: WebhookEndpoint, *, keep_old_s: int
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret; return the endpoint and the secret.

    The old secret signs as well for `keep_old_s` seconds. Raises InvalidContent, Unavailable.
    """
    check_keep_old(keep_old_s)
    text = signatures.mint_secret()
    row = _endpoint_row(endpoint.endpoint_id)
    rotated = _rotated(secret, endpoint.secret, text, row=row, keep_old_s=keep_old_s)
    return await _replace(tx, endpoint, msgspec.structs.replace(endpoint, secret=rotated)), text


async def delete_endpoint(tx: Transaction, environment_id: str, endpoint_id: str) -> None:
    """Delete an endpoint; raises NotFound. Its pending messages fail, all stay on record."""
    if not await endpoints.delete_endpoint(tx, environment_id, endpoint_id):
        raise NotFound("there is no webhook of that id here")


async def ping(tx: Transaction, endpoint: WebhookEndpoint) -> str:
    """Write a `ping` event for one endpoint; return the event's id. Raises IllegalMove."""
    if not endpoint.is_active:
        raise IllegalMove("the webhook is disabled; enable it first")
    now, event_id = clock.now_ms(), ids.mint("evt")
    payload = b'{"webhook_id":%b}' % _encode(endpoint.endpoint_id)
    await outbox.insert_events(
        tx, [Event(OUTSIDE, event_id, endpoint.environment_id, EventType.ping, now, payload)]
    )
    message = WebhookMessageRow(
        project_key=OUTSIDE,
        message_id=ids.mint("message"),
        environment_id=endpoint.environment_id,
        event_id=event_id,
        endpoint_id=endpoint.endpoint_id,
        target=endpoint.url,
        queue=endpoint.endpoint_id,
        created_ms=now,
    )
    await outbox.insert_messages(tx, [message])
    return event_id


async def rotate_callback_secret(
    tx: Transaction, secret: ServerSecret, environment_id: str, *, keep_old_s: int
) -> tuple[EncryptedSecret, str]:
    """Give an environment a new callback secret, or its first; return it encrypted and as text.

    The old secret signs as well for `keep_old_s` seconds. Raises InvalidContent, Unavailable.
    """
    check_keep_old(keep_old_s)
    previous = await endpoints.find_callback_secret(tx, environment_id)
    row, text = _callback_row(environment_id), signatures.mint_secret()
    if previous is None:
        encrypted = EncryptedSecret(encryption.encrypt(secret, text.encode(), row=row))
        is_stored = await endpoints.insert_callback_secret(tx, environment_id, encrypted)
    else:
        encrypted = _rotated(secret, previous, text, row=row, keep_old_s=keep_old_s)
        is_stored = await endpoints.replace_callback_secret(tx, environment_id, previous, encrypted)
    if not is_stored:
        raise Unavailable("the secret was changed at the same moment; try again")
    return encrypted, text


async def ensure_callback_secret(
    tx: Transaction, secret: ServerSecret, environment_id: str
) -> EncryptedSecret:
    """Return an environment's callback secret, and make it first if there is none."""
    row = _callback_row(environment_id)
    first = EncryptedSecret(encryption.encrypt(secret, signatures.mint_secret().encode(), row=row))
    await endpoints.insert_callback_secret(tx, environment_id, first)
    encrypted = await endpoints.find_callback_secret(tx, environment_id)
    assert encrypted is not None
    return encrypted


def endpoint_secrets(secret: ServerSecret, endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign an endpoint's messages: the current one, a valid old one."""
    return _valid(secret, endpoint.secret, row=_endpoint_row(endpoint.endpoint_id))


def callback_secrets(
    secret: ServerSecret, environment_id: str, encrypted: EncryptedSecret
) -> list[str]:
    """Return the secrets that sign callbacks: the current one, then a valid old one."""
    return _valid(secret, encrypted, row=_callback_row(environment_id))


def callback_key(text: str) -> str:
    """Return the value of `scale-callback-auth`, an HMAC that does not reveal the secret."""
    key = base64.b64decode(text.removeprefix(signatures.SECRET_PREFIX))
    return hmac.digest(key, CALLBACK_HEADER.encode(), "sha256").hex()


async def discard_if_inactive(
    tx: Transaction, environment_id: str, endpoint_id: str, outcome: str
) -> int:
    """Fail up to `DISCARD_BATCH_SIZE` pending messages of an endpoint; return the count.

    0 if it is active, or nothing is left.
    """
    endpoint = await endpoints.find_endpoint(tx, environment_id, endpoint_id)
    if endpoint is not None and endpoint.is_active:
        return 0
    return await outbox.discard(
        tx, endpoint_id, outcome=outcome, now=clock.now_ms(), limit=DISCARD_BATCH_SIZE
    )


async def _replace(
    tx: Transaction, previous: WebhookEndpoint, changed: WebhookEndpoint
) -> WebhookEndpoint:
    if not await endpoints.replace_endpoint(tx, previous, changed):
        raise Unavailable("the webhook was changed at the same moment; try again")
    return changed


def _rotated(
    secret: ServerSecret, previous: EncryptedSecret, text: str, *, row: str, keep_old_s: int
) -> EncryptedSecret:
    encrypted = encryption.encrypt(secret, text.encode(), row=row)
    if not keep_old_s:
        return EncryptedSecret(encrypted)
    return EncryptedSecret(encrypted, previous.secret, clock.now_ms() + keep_old_s * 1000)


def _valid(secret: ServerSecret, encrypted: EncryptedSecret, *, row: str) -> list[str]:
    values = [encrypted.secret]
    if encrypted.old_secret is not None and clock.now_ms() < (encrypted.old_until_ms or 0):
        values.append(encrypted.old_secret)
    return [encryption.decrypt(secret, value, row=row).decode() for value in values]


def _endpoint_row(endpoint_id: str) -> str:
    return f"webhook_endpoint:{endpoint_id}"


def _callback_row(environment_id: str) -> str:
    return f"callback_secret:{environment_id}"
