"""Request ids, and headers that tell a caller of its rate limits."""

from __future__ import annotations

import random
import re
import time

from plaudit.core.accounts import api_keys
from plaudit.core.common.rate_limits import RateLimits
from plaudit.model.core import Caller

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(header: bytes | None) -> str:
    """X-Request-Id of the client if it is well-formed and holds no API key, else a new id."""
    if header is not None and _REQUEST_ID.fullmatch(header):
        text = header.decode()
        if api_keys.mask_keys(text) == text:
            return text
    return f"req_{random.getrandbits(96):024x}"


def rate_headers(rates: RateLimits, caller: Caller) -> list[tuple[bytes, bytes]]:
    """RateLimit headers of a caller (IETF draft-ietf-httpapi-ratelimit-headers)."""
    policies = ", ".join(f'"{name}";q={q.amount};w={q.seconds}' for name, q in rates.policies)
    standings = ", ".join(
        f'"{standing.name}";r={standing.remaining};t={standing.reset_s}'
        for standing in rates.list_states(caller, time.monotonic())
    )
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", standings.encode())]
