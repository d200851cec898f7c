"""Course of one request, without input or output: attempts, pauses between them, and the outcome.

A generator says what to do next and is told what came of it. So the blocking client and the
asynchronous one follow the same rules.
"""

from __future__ import annotations

import logging
import math
import random
import re
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.client.client_error import ClientError, error_of_answer

_log = logging.getLogger(__name__)

RETRIED = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})
"""Statuses after which a request is sent again."""


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Number of attempts and their pauses; a pause doubles with each, and is spread by chance.

    A `Retry-After` of the server is waited for whole, or the request fails at once where that
    would take longer than is left of `total_s`.
    """

    attempts: int = 6
    total_s: float = 120.0
    """Seconds for all attempts and pauses together, the answer's body included."""
    pause_s: float = 0.25
    pause_s_max: float = 15.0
    retry_after_s_max: float = math.inf
    """Seconds of a `Retry-After` from which it is not waited for any longer."""


class Attempts:
    """Attempts of one request, and the pauses between them; `deadline` is that of them all."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.deadline = time.monotonic() + policy.total_s
        self._policy = policy
        self._failed = 0

    def pause_s(self, retry_after: str = "") -> float | None:
        """Seconds to wait after an attempt that failed, None if there is no further one.

        `retry_after` is the header of an answer, if it has one.
        """
        policy, number = self._policy, self._failed
        self._failed += 1
        usual: float = min(policy.pause_s * 2**number, policy.pause_s_max)
        pause = usual * random.uniform(0.5, 1.0)
        asked = retry_after_s(retry_after)
        if asked is not None:  # and a bit, so that many clients do not come back in one moment
            pause = min(asked, policy.retry_after_s_max) + pause / 4
        is_last = self._failed >= policy.attempts or time.monotonic() + pause >= self.deadline
        return None if is_last else pause

    def begin_again(self) -> None:
        """Count anew, after an attempt that has brought something."""
        self._failed = 0


class Request(Struct, frozen=True, kw_only=True):
    """Request as it is sent; sending it twice does no harm, as it reads or names its key."""

    method: str
    path: str
    params: Sequence[tuple[str, str]] = ()
    content: bytes | None = None
    headers: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """Method and path, as messages name the request."""
        return f"{self.method} {self.path}"


def write_request(path: str, body: Any, key: str | None) -> Request:
    """POST with a body as JSON, under an Idempotency-Key that is made up if None.

    A server that knows such keys does the same request once, however often it is sent. Raises
    ValueError for a key that no header can hold.
    """
    if key is not None and not re.fullmatch(r"[!-~]{1,255}", key):
        raise ValueError("an idempotency key has 1 to 255 visible ASCII characters")
    return Request(
        method="POST",
        path=path,
        content=msgspec.json.encode(body),
        headers={"Idempotency-Key": key or uuid.uuid4().hex},
    )


class ServerAnswer(Struct, frozen=True):
    """Answer of a server, its content decoded; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Broken(Struct, frozen=True):
    """An attempt without a whole answer: what the server did instead, in words."""

    words: str


class Send(Struct, frozen=True):
    """Step: send the request, and give up at `deadline` (seconds of `time.monotonic`)."""

    deadline: float


class Pause(Struct, frozen=True):
    """Step: wait before the next attempt."""

    seconds: float


Exchange = Generator[Send | Pause, ServerAnswer | Broken | None, ServerAnswer]


def exchange(request: Request, policy: RetryPolicy) -> Exchange:
    """Yield steps until there is an answer of success; raises ClientError.

    A Send is answered with a ServerAnswer or a Broken, a Pause with None.
    """
    attempts = Attempts(policy)
    while True:
        came = yield Send(attempts.deadline)
        assert came is not None
        if isinstance(came, ServerAnswer) and 200 <= came.status < 300:
            return came
        failure = _failure(request, came)
        if isinstance(came, ServerAnswer) and came.status not in RETRIED:
            raise failure
        asked = came.headers.get("retry-after", "") if isinstance(came, ServerAnswer) else ""
        pause = attempts.pause_s(asked)
        if pause is None:
            raise failure
        _log.info("trying again in %.1f s: %s", pause, failure)
        yield Pause(pause)


def _failure(request: Request, came: ServerAnswer | Broken) -> ClientError:
    if isinstance(came, Broken):
        return ClientError(f"{request.name}: the server {came.words}")
    if 300 <= came.status < 400:
        return ClientError(
            f"{request.name}: the server redirects, which is not followed; give its address",
            status=came.status,
        )
    return error_of_answer(
        request.name, came.status, came.content, came.headers.get("x-request-id") or None
    )


def retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header, a number or a date (RFC 9110); None if neither."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - clock.now_ms() / 1000)
