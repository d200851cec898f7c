"""Delivery attempts of webhook messages: lease one, post or mail it, record the result.

A message is leased for longer than an attempt can take. The result is recorded under the lease's
number, so a worker that slept past the lease's end changes nothing that another one did since. An
attempt that could not be recorded is repeated: delivery is at least once, and receivers tell
repetitions by `webhook-id`.
"""

from __future__ import annotations

import asyncio
import random

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import audit
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.outbound import smtp
from plaudit.core.outbound.callback_urls import is_mail
from plaudit.core.outbound.http_client import HttpClient
from plaudit.core.webhooks import endpoints, retry_policy, signatures
from plaudit.errors import Unavailable
from plaudit.model.core import SERVER
from plaudit.model.webhooks import Attempt, AttemptResult, AttemptStatus, Event, MessageState
from plaudit.settings import Settings
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks import outbox
from plaudit.store.webhooks.outbox import LeasedMessage

LEASE_MS = 25_000
"""Milliseconds of a lease: the 15 s that an attempt may take, and time to record it."""

CANDIDATES = 8
"""Due messages among which one is chosen at random, so that workers rarely collide."""

RECORD_AGAIN_S = 0.5
"""Seconds between tries to record a result while the store is unavailable."""

_GONE = "the receiver answered 410 Gone"
_JSON = {"Content-Type": "application/json"}


class AttemptEnd(Struct, frozen=True):
    """Attempt and the message's new state; None if another worker has leased it since."""

    message: LeasedMessage
    result: AttemptResult
    state: MessageState | None
    disabled_endpoint: bool = False


class _Post(Struct, frozen=True):
    """HTTP POST of a signed message."""

    url: str
    body: bytes
    headers: dict[str, str]


class _PayloadSubject(Struct):
    """Task or batch of a payload, for the mail's text."""

    status: str
    task_id: str | None = None
    batch_id: str | None = None


_decode_subject = msgspec.json.Decoder(_PayloadSubject).decode


class Sender:
    """Leases messages and delivers them; `lease_ms` is in milliseconds."""

    def __init__(
        self,
        db: Database,
        secret: ServerSecret,
        settings: Settings,
        *,
        http_client: HttpClient | None = None,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self.db = db
        self._secret = secret
        self._smtp = settings.smtp
        self._waits_s = settings.webhook_retry_s or retry_policy.RETRY_S
        self._http_client = http_client or HttpClient(settings.egress_allow)
        self._lease_ms = lease_ms

    async def lease_next(self, queue: str) -> LeasedMessage | None:
        """Lease one due message of a queue; None if there is none, or others were faster."""
        async with self.db.read(snapshot=False) as tx:
            candidates = await outbox.list_due(tx, queue, now=clock.now_ms(), limit=CANDIDATES)
        if not candidates:
            return None
        random.shuffle(candidates)

        async def work(tx: Transaction) -> LeasedMessage | None:
            now = clock.now_ms()
            until = now + self._lease_ms
            for message in candidates:
                if await outbox.lease(tx, message, now=now, until=until):
                    return msgspec.structs.replace(
                        message, lease_no=message.lease_no + 1, until_ms=until
                    )
            return None

        return await self.db.write(work)

    async def attempt(self, message: LeasedMessage) -> AttemptEnd | None:
        """Send a leased message and record the result; None if its lease has expired already."""
        prepared = await self._prepare(message)
        at_ms = clock.now_ms()
        if at_ms >= message.until_ms:
            return None
        if isinstance(prepared, AttemptResult):
            result = prepared
        elif isinstance(prepared, _Post):
            result = await self._http_client.post(prepared.url, prepared.body, prepared.headers)
        else:
            result = await self._mail(message, prepared)
        return await self._record(message, at_ms, result)

    async def _prepare(self, message: LeasedMessage) -> _Post | Event | AttemptResult:
        """Return the POST, the event to mail, or the result where nothing can be sent."""
        async with self.db.read(snapshot=False) as tx:
            event = await outbox.get_event(tx, message.project_key, message.event_id)
            if message.endpoint_id is not None:
                return await self._prepare_post(tx, message, message.endpoint_id, event)
            encrypted = await endpoints_store.find_callback_secret(tx, message.environment_id)
        if is_mail(message.target):
            return event if self._smtp is not None else _unsent(AttemptStatus.mail_off)
        if encrypted is None:
            encrypted = await self.db.write(
                lambda tx: endpoints.ensure_callback_secret(
                    tx, self._secret, message.environment_id
                )
            )
        secrets = endpoints.callback_secrets(self._secret, message.environment_id, encrypted)
        # Receivers compare this header with one value: the old key for as long as it is valid.
        headers = {endpoints.CALLBACK_HEADER: endpoints.callback_key(secrets[-1])}
        return _Post(
            message.target, event.payload, headers | _signed_headers(secrets, event, event.payload)
        )

    async def _prepare_post(
        self, tx: Transaction, message: LeasedMessage, endpoint_id: str, event: Event
    ) -> _Post | AttemptResult:
        endpoint = await endpoints_store.find_endpoint(tx, message.environment_id, endpoint_id)
        if endpoint is None:
            return _unsent(AttemptStatus.endpoint_deleted)
        if not endpoint.is_active:
            return _unsent(AttemptStatus.endpoint_disabled)
        body = b'{"type":"%b","timestamp":"%b","data":%b}' % (
            event.type.encode(),
            clock.format_ms(event.created_ms).encode(),
            event.payload,
        )
        secrets = endpoints.endpoint_secrets(self._secret, endpoint)
        return _Post(endpoint.url, body, _signed_headers(secrets, event, body))

    async def _mail(self, message: LeasedMessage, event: Event) -> AttemptResult:
        """Mail a sentence about the event; task contents are never mailed."""
        assert self._smtp is not None
        about = _decode_subject(event.payload)
        kind, name = ("Task", about.task_id) if about.task_id else ("Batch", about.batch_id)
        sentence = f"{kind} {name} is {about.status}"
        return await smtp.send(
            self._smtp,
            to=message.target,
            subject=sentence,
            text=f"{sentence}.\n\nThis is {event.type} of {clock.format_ms(event.created_ms)}"
            f" ({event.event_id}).\n"
            f"You get this mail because your address is the callback of the {kind.lower()}.\n",
            message_id=event.event_id,
        )

    async def _record(
        self, message: LeasedMessage, at_ms: int, result: AttemptResult
    ) -> AttemptEnd:
        """Record an attempt; retries while the store is unavailable and the lease lasts."""
        by_mail = message.endpoint_id is None and is_mail(message.target)
        recorded = retry_policy.decide(
            message,
            result,
            at_ms=at_ms,
            ended_ms=clock.now_ms(),
            waits_s=self._waits_s,
            is_mail=by_mail,
        )
        attempt = Attempt(
            message.attempt_count + 1, at_ms, result.outcome, result.status, result.duration_ms
        )
        is_gone = message.endpoint_id is not None and retry_policy.is_gone(result, is_mail=False)

        async def work(tx: Transaction) -> AttemptEnd:
            if not await outbox.record_result(tx, message, attempt, recorded):
                return AttemptEnd(message, result, None)
            disabled = is_gone and await self._disable(tx, message)
            return AttemptEnd(message, result, recorded.state, disabled_endpoint=disabled)

        while True:
            try:
                ended = await self.db.write(work)
                break
            except Unavailable:
                if clock.now_ms() >= message.until_ms:
                    return AttemptEnd(message, result, None)
                await asyncio.sleep(RECORD_AGAIN_S)
        if is_gone or result.outcome in (
            AttemptStatus.endpoint_disabled,
            AttemptStatus.endpoint_deleted,
        ):
            await self._discard_pending(
                message, AttemptStatus.endpoint_disabled if is_gone else result.outcome
            )
        return ended

    async def _disable(self, tx: Transaction, message: LeasedMessage) -> bool:
        assert message.endpoint_id is not None
        if not await endpoints_store.disable_endpoint(
            tx, message.environment_id, message.endpoint_id, reason=_GONE
        ):
            return False
        await audit.record(
            tx,
            message.environment_id,
            SERVER,
            "disable_webhook",
            "webhook",
            message.endpoint_id,
            detail={"reason": _GONE, "message_id": message.message_id},
        )
        return True

    async def _discard_pending(self, message: LeasedMessage, outcome: AttemptStatus) -> None:
        """Fail all pending messages of an endpoint that was disabled or deleted."""
        environment_id, endpoint_id = message.environment_id, message.endpoint_id
        assert endpoint_id is not None

        async def work(tx: Transaction) -> int:
            return await endpoints.discard_if_inactive(tx, environment_id, endpoint_id, outcome)

        while await self.db.write(work):
            pass


def _signed_headers(secrets: list[str], event: Event, body: bytes) -> dict[str, str]:
    return _JSON | signatures.signature_headers(
        secrets, event_id=event.event_id, sent_ms=clock.now_ms(), body=body
    )


def _unsent(outcome: AttemptStatus) -> AttemptResult:
    return AttemptResult(outcome=outcome, duration_ms=0)
