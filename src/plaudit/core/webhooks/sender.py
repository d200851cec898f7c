"""One attempt to tell one receiver: take the notice, send it in the receiver's format, record it.

The notice is leased for longer than an attempt can take. The outcome is recorded under the lease's
number, so whoever slept past its end changes nothing over the one who took the notice since. What
could not be recorded is sent again: a receiver hears of an event at least once, and `webhook-id`
tells it that it has.
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
from plaudit.core.webhooks import (
    endpoints,
    retry_policy,
    signatures,
)
from plaudit.errors import Unavailable
from plaudit.model.core import SERVER
from plaudit.model.webhooks import Attempt, AttemptResult, AttemptStatus, Event, MessageState
from plaudit.settings import Settings
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks import outbox
from plaudit.store.webhooks.outbox import LeasedMessage

LEASE_MS = 25_000
"""Longer than the 15 s that an attempt may take, with time to record it."""

CANDIDATES = 8
"""How many due notices are looked at to take one, so that several takers rarely want the same."""

RECORD_AGAIN_S = 0.5

_GONE = "the receiver answered 410 Gone"
_JSON = {"Content-Type": "application/json"}


class AttemptEnd(Struct, frozen=True):
    """An attempt that is over, and what became of the notice; state None if it was lost to us."""

    notice: LeasedMessage
    result: AttemptResult
    state: MessageState | None
    disabled_endpoint: bool = False


class _Post(Struct, frozen=True):
    """A message on its way to a URL."""

    url: str
    body: bytes
    headers: dict[str, str]


class _Named(Struct):
    """What a payload tells of."""

    status: str
    task_id: str | None = None
    batch_id: str | None = None


_named = msgspec.json.Decoder(_Named).decode


class Sender:
    """Makes attempts. Everything from outside is an argument."""

    def __init__(
        self,
        db: Database,
        secret: ServerSecret,
        settings: Settings,
        *,
        egress: HttpClient | None = None,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self.db = db
        self._secret = secret
        self._smtp = settings.smtp
        self._waits_s = settings.webhook_retry_s or retry_policy.RETRY_S
        self._egress = egress or HttpClient(settings.egress_allow)
        self._lease_ms = lease_ms

    async def lease_next(self, queue: str) -> LeasedMessage | None:
        """Take one of a queue's notices that are due; None if there is none to be had."""
        async with self.db.read(snapshot=False) as tx:
            found = await outbox.list_due(tx, queue, now=clock.now_ms(), limit=CANDIDATES)
        if not found:
            return None
        random.shuffle(found)

        async def work(tx: Transaction) -> LeasedMessage | None:
            now = clock.now_ms()
            for one in found:
                until = now + self._lease_ms
                if await outbox.lease(tx, one, now=now, until=until):
                    return msgspec.structs.replace(one, lease_no=one.lease_no + 1, until_ms=until)
            return None

        return await self.db.write(work)

    async def attempt(self, notice: LeasedMessage) -> AttemptEnd | None:
        """Send a leased notice and record how it went; None if the lease had run out before."""
        prepared = await self._prepared(notice)
        at_ms = clock.now_ms()
        if at_ms >= notice.until_ms:
            return None
        if isinstance(prepared, AttemptResult):
            result = prepared
        elif isinstance(prepared, _Post):
            result = await self._egress.post(prepared.url, prepared.body, prepared.headers)
        else:
            result = await self._mail(notice, prepared)
        return await self._record(notice, at_ms, result)

    async def _prepared(self, notice: LeasedMessage) -> _Post | Event | AttemptResult:
        """What is to be posted, or mailed; or why there is nothing to send."""
        async with self.db.read(snapshot=False) as tx:
            event = await outbox.get_event(tx, notice.project_key, notice.event_id)
            if notice.endpoint_id is not None:
                return await self._for_endpoint(tx, notice, notice.endpoint_id, event)
            sealed = await endpoints_store.find_callback_secret(tx, notice.environment_id)
        if is_mail(notice.target):
            return event if self._smtp is not None else _refused(AttemptStatus.mail_off)
        if sealed is None:
            sealed = await self.db.write(
                lambda tx: endpoints.ensure_callback_secret(tx, self._secret, notice.environment_id)
            )
        secrets = endpoints.callback_secrets(self._secret, notice.environment_id, sealed)
        # A header that is compared has one value: the old one for as long as it is valid.
        headers = {endpoints.CALLBACK_HEADER: endpoints.callback_key(secrets[-1])}
        return _Post(notice.target, event.payload, headers | _signed(secrets, event, event.payload))

    async def _for_endpoint(
        self, tx: Transaction, notice: LeasedMessage, endpoint_id: str, event: Event
    ) -> _Post | AttemptResult:
        endpoint = await endpoints_store.find_endpoint(tx, notice.environment_id, endpoint_id)
        if endpoint is None:
            return _refused(AttemptStatus.endpoint_deleted)
        if not endpoint.is_active:
            return _refused(AttemptStatus.endpoint_disabled)
        body = b'{"type":"%b","timestamp":"%b","data":%b}' % (
            event.type.encode(),
            clock.format_ms(event.created_ms).encode(),
            event.payload,
        )
        secrets = endpoints.endpoint_secrets(self._secret, endpoint)
        return _Post(endpoint.url, body, _signed(secrets, event, body))

    async def _mail(self, notice: LeasedMessage, event: Event) -> AttemptResult:
        """Say in words what happened; the content of tasks does not go out by mail."""
        assert self._smtp is not None
        named = _named(event.payload)
        kind, name = ("Task", named.task_id) if named.task_id else ("Batch", named.batch_id)
        what = f"{kind} {name} is {named.status}"
        return await smtp.send(
            self._smtp,
            to=notice.target,
            subject=what,
            text=f"{what}.\n\nThis is {event.type} of {clock.format_ms(event.created_ms)}"
            f" ({event.event_id}).\n"
            f"You get this mail because your address is the callback of the {kind.lower()}.\n",
            message_id=event.event_id,
        )

    async def _record(self, notice: LeasedMessage, at_ms: int, result: AttemptResult) -> AttemptEnd:
        """Write down an attempt; tries again while the store is away and the lease is ours."""
        by_mail = notice.endpoint_id is None and is_mail(notice.target)
        settled = retry_policy.verdict(
            notice,
            result,
            at_ms=at_ms,
            ended_ms=clock.now_ms(),
            waits_s=self._waits_s,
            is_mail=by_mail,
        )
        attempt = Attempt(
            notice.attempt_count + 1, at_ms, result.outcome, result.status, result.duration_ms
        )
        is_gone = notice.endpoint_id is not None and retry_policy.is_gone(result, is_mail=False)

        async def work(tx: Transaction) -> AttemptEnd:
            if not await outbox.settle(tx, notice, attempt, settled):
                return AttemptEnd(notice, result, None)
            disabled = is_gone and await self._disable(tx, notice)
            return AttemptEnd(notice, result, settled.state, disabled_endpoint=disabled)

        while True:
            try:
                ended = await self.db.write(work)
                break
            except Unavailable:
                if clock.now_ms() >= notice.until_ms:
                    return AttemptEnd(notice, result, None)
                await asyncio.sleep(RECORD_AGAIN_S)
        if is_gone or result.outcome in (
            AttemptStatus.endpoint_disabled,
            AttemptStatus.endpoint_deleted,
        ):
            await self._bury(notice, AttemptStatus.endpoint_disabled if is_gone else result.outcome)
        return ended

    async def _disable(self, tx: Transaction, notice: LeasedMessage) -> bool:
        assert notice.endpoint_id is not None
        if not await endpoints_store.disable_endpoint(
            tx, notice.environment_id, notice.endpoint_id, reason=_GONE
        ):
            return False
        await audit.record(
            tx,
            notice.environment_id,
            SERVER,
            "disable_webhook",
            "webhook",
            notice.endpoint_id,
            detail={"reason": _GONE, "notice_id": notice.notice_id},
        )
        return True

    async def _bury(self, notice: LeasedMessage, outcome: AttemptStatus) -> None:
        """Give up all that waits for an endpoint which is not there any more."""
        environment_id, endpoint_id = notice.environment_id, notice.endpoint_id
        assert endpoint_id is not None

        async def work(tx: Transaction) -> int:
            return await endpoints.bury_if_inactive(tx, environment_id, endpoint_id, outcome)

        while await self.db.write(work):
            pass


def _signed(secrets: list[str], event: Event, body: bytes) -> dict[str, str]:
    return _JSON | signatures.signature_headers(
        secrets, message_id=event.event_id, sent_ms=clock.now_ms(), body=body
    )


def _refused(outcome: AttemptStatus) -> AttemptResult:
    return AttemptResult(outcome=outcome, duration_ms=0)
