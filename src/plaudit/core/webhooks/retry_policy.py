"""Retry policy of webhook messages: delivered, pending until the next attempt, or failed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from http import HTTPStatus

from plaudit.model.webhooks import AttemptResult, AttemptStatus, MessageState
from plaudit.store.webhooks.outbox import LeasedMessage, RecordedResult

RETRY_S = (
    *(5, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700),
    *(3600, 3600, 5400, 7200, 10800, 14400, 14400, 18000),
)  # fmt: skip
"""Seconds between attempts: 20 attempts within 23 hours and 39 minutes."""

BUDGET_S = 24 * 3600
"""Seconds from the first attempt to the last at the most, whatever Retry-After says."""

JITTER = 0.1
"""Random share of each wait, so that messages that failed together are not retried together."""

_ASKS_TO_WAIT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_FINAL = (AttemptStatus.mail_off, AttemptStatus.endpoint_disabled, AttemptStatus.endpoint_deleted)


def is_gone(result: AttemptResult, *, is_mail: bool) -> bool:
    """True for 410 Gone over HTTP: the receiver wants no further messages."""
    return not is_mail and result.status == HTTPStatus.GONE


def asks_to_wait(result: AttemptResult) -> bool:
    """True for 429 or 503 with a Retry-After header."""
    return result.status in _ASKS_TO_WAIT and result.retry_after_s is not None


def decide(
    message: LeasedMessage,
    result: AttemptResult,
    *,
    at_ms: int,
    ended_ms: int,
    waits_s: Sequence[float],
    is_mail: bool = False,
) -> RecordedResult:
    """State and time of a message after an attempt from `at_ms` to `ended_ms` (milliseconds).

    Failed once all waits of `waits_s` (seconds) are used, the time since the first attempt is over,
    the receiver is gone, or the outcome is final; else pending after the next wait, made longer by
    Retry-After.
    """
    since_ms = at_ms if message.retry_no == 0 else message.since_ms
    if result.outcome is AttemptStatus.ok:
        return RecordedResult(MessageState.delivered, ended_ms, message.retry_no + 1, since_ms)
    last_ms = since_ms + round(max(BUDGET_S, sum(waits_s)) * 1000)
    is_over = (
        message.retry_no >= len(waits_s)
        or ended_ms >= last_ms
        or result.outcome in _FINAL
        or is_gone(result, is_mail=is_mail)
    )
    if is_over:
        return RecordedResult(MessageState.failed, ended_ms, message.retry_no + 1, since_ms)
    wait_s = waits_s[message.retry_no] * random.uniform(1 - JITTER, 1)
    if asks_to_wait(result):
        wait_s = max(wait_s, result.retry_after_s or 0)
    next_ms = min(ended_ms + round(wait_s * 1000), last_ms)
    return RecordedResult(MessageState.pending, next_ms, message.retry_no + 1, since_ms)
