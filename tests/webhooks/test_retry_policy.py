"""Retry policy: waits, the last attempt, and the table of waits in the documents."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from plaudit import clock
from plaudit.core.webhooks import retry_policy, signatures
from plaudit.model.webhooks import AttemptResult, AttemptStatus, MessageState
from plaudit.store.webhooks.outbox import LeasedMessage

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
DAY_MS = 24 * 3600 * 1000


def failed(status: int | None = 500, retry_after_s: int | None = None) -> AttemptResult:
    outcome = AttemptStatus.timeout if status is None else AttemptStatus.status
    return AttemptResult(outcome=outcome, status=status, duration_ms=1, retry_after_s=retry_after_s)


def walk(*answers: AttemptResult, waits_s=retry_policy.RETRY_S, start_ms: int = 1_000_000):
    """The times of a message's attempts, if they go like this and the last one over and over."""
    message = LeasedMessage(1, "n", "o", "e", None, "https://x.test/", "q", 0, 0, 0, 1, 0)
    times, now = [], start_ms
    for number in range(200):
        times.append(now)
        result = answers[min(number, len(answers) - 1)]
        recorded = retry_policy.decide(message, result, at_ms=now, ended_ms=now, waits_s=waits_s)
        if recorded.state is not MessageState.pending:
            return times, recorded.state
        now = recorded.next_ms
        message = msgspec.structs.replace(
            message, retry_no=recorded.retry_no, since_ms=recorded.since_ms
        )
    raise AssertionError("the attempts do not end")


def test_there_are_twenty_attempts_within_a_day():
    for _ in range(50):
        times, state = walk(failed())

        assert (len(times), state) == (20, MessageState.failed)
        assert times[-1] - times[0] <= DAY_MS
        assert times[-1] - times[0] > DAY_MS * 0.85


def test_waits_grow_and_none_is_exactly_another_s():
    waits = [[b - a for a, b in pairwise(walk(failed())[0])] for _ in range(20)]

    assert all(x <= y * 1.2 for one in waits for x, y in pairwise(one))
    assert len({one[10] for one in waits}) > 15
    for one in waits:
        for wait, planned in zip(one, retry_policy.RETRY_S, strict=True):
            assert planned * 900 - 1 <= wait <= planned * 1000


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked_s", [3600, 24 * 3600])
def test_a_receiver_that_asks_to_wait_still_gets_a_last_attempt_within_the_day(status, asked_s):
    times, state = walk(failed(status, asked_s))

    assert state is MessageState.failed
    assert times[1] - times[0] == asked_s * 1000
    assert times[-1] - times[0] <= DAY_MS
    assert len(times) <= 20


def test_a_short_retry_after_does_not_shorten_the_wait():
    times, _ = walk(failed(503, 0))

    assert times[1] - times[0] >= 4500


def test_the_day_begins_with_the_first_attempt_however_late_that_is():
    times, _ = walk(failed(), start_ms=10**12)

    assert len(times) == 20


@pytest.mark.parametrize("waits_s", [(), (0.0,), (1.0, 1.0), (86_400.0,) * 7])
def test_as_many_waits_as_are_set_and_one_attempt_more(waits_s):
    assert len(walk(failed(None), waits_s=waits_s)[0]) == len(waits_s) + 1


def test_success_ends_it():
    times, state = walk(
        failed(), AttemptResult(outcome=AttemptStatus.ok, status=200, duration_ms=1)
    )

    assert (len(times), state) == (2, MessageState.delivered)


@pytest.mark.parametrize("outcome", ["mail_off", "endpoint_disabled", "endpoint_deleted"])
def test_what_cannot_get_better_is_not_tried_again(outcome):
    assert len(walk(AttemptResult(outcome=AttemptStatus(outcome), duration_ms=0))[0]) == 1


def test_the_table_of_waits_is_the_one_there_is():
    [table] = re.findall(r"\| attempt \| after \|\n\| --- \| --- \|\n((?:\|.*\n)+)", API)
    shown, units = [], {"s": 1, "min": 60, "h": 3600}
    for cell in re.findall(r"\| [^|]+ \| ([^|]+) \|", table):
        for wait in cell.split(","):
            parts = re.findall(r"(\d+) (s|min|h)", wait)
            shown.append(sum(int(number) * units[unit] for number, unit in parts))

    assert tuple(shown) == retry_policy.RETRY_S


def test_every_outcome_is_described():
    [table] = re.findall(r"\| `outcome` \| means \|\n\| --- \| --- \|\n((?:\|.*\n)+)", API)

    described = re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| ([^|]+) \|", table)))

    assert sorted(described) == sorted(AttemptStatus)


def test_the_verification_shown_to_receivers_works():
    [block] = re.findall(r"```python verify\n(.*?)```", API, re.S)
    made: dict[str, object] = {}
    exec(block, made)  # what the document tells others to run
    verify = made["verify"]
    secret, other = signatures.mint_secret(), signatures.mint_secret()
    body = b'{"type":"ping"}'
    now = clock.now_ms()
    headers = signatures.signature_headers(
        [other, secret], event_id="evt_1", sent_ms=now, body=body
    )
    old = signatures.signature_headers([secret], event_id="evt_1", sent_ms=now - 400_000, body=body)

    assert verify(secret, headers, body)
    assert verify(other, headers, body)
    assert not verify(signatures.mint_secret(), headers, body)
    assert not verify(secret, headers, body + b" ")
    assert not verify(secret, headers | {"webhook-id": "evt_2"}, body)
    assert not verify(secret, old, body)
