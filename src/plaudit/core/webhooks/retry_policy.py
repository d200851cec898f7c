"""What follows from an attempt: it has arrived, is tried again at some moment, or is given up."""

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
"""Within this time of the first attempt there is a last one, whatever a receiver asks for."""

JITTER = 0.1
"""The part of a wait that is left to chance, so that what failed together is not sent together."""

_ASKS_TO_WAIT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_FINAL = (AttemptStatus.mail_off, AttemptStatus.endpoint_disabled, AttemptStatus.endpoint_deleted)


def is_gone(result: AttemptResult, *, is_mail: bool) -> bool:
    """Whether a receiver says that it does not want to hear of anything any more."""
    return not is_mail and result.status == HTTPStatus.GONE


def asks_to_wait(result: AttemptResult) -> bool:
    """Whether a receiver says how long it wants to be left alone."""
    return result.status in _ASKS_TO_WAIT and result.retry_after_s is not None


def verdict(
    notice: LeasedMessage,
    result: AttemptResult,
    *,
    at_ms: int,
    ended_ms: int,
    waits_s: Sequence[float],
    is_mail: bool = False,
) -> RecordedResult:
    """What becomes of a notice after an attempt that began and ended at these moments."""
    since_ms = at_ms if notice.retry_no == 0 else notice.since_ms
    if result.outcome is AttemptStatus.ok:
        return RecordedResult(MessageState.done, ended_ms, notice.retry_no + 1, since_ms)
    last_ms = since_ms + round(max(BUDGET_S, sum(waits_s)) * 1000)
    is_over = (
        notice.retry_no >= len(waits_s)
        or ended_ms >= last_ms
        or result.outcome in _FINAL
        or is_gone(result, is_mail=is_mail)
    )
    if is_over:
        return RecordedResult(MessageState.dead, ended_ms, notice.retry_no + 1, since_ms)
    wait_s = waits_s[notice.retry_no] * random.uniform(1 - JITTER, 1)
    if asks_to_wait(result):
        wait_s = max(wait_s, result.retry_after_s or 0)
    next_ms = min(ended_ms + round(wait_s * 1000), last_ms)
    return RecordedResult(MessageState.waiting, next_ms, notice.retry_no + 1, since_ms)
