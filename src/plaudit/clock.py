"""Wall clock and ISO 8601: times are integer milliseconds since the epoch, UTC.

Nothing else reads the wall clock.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_CANONICAL = len("2025-01-01T08:31:03.169Z")
"""Length of the times that the server writes; most that come in look like them."""
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:([Zz])|\s?([+-])(\d\d):?(\d\d)?|( \d\d:?\d\d))?)?",
    re.ASCII,
)


def now_ms() -> int:
    """Milliseconds since the epoch, by the wall clock."""
    return time.time_ns() // 1_000_000


def format_now() -> str:
    """The wall clock as ISO 8601 UTC with microseconds, as the log has it."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_format_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=1)
def _format_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def format_ms(ms: int) -> str:
    """Format epoch milliseconds as ISO 8601 UTC with three decimals: `2025-01-01T08:31:03.169Z`."""
    return f"{(_NAIVE_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec='milliseconds')}Z"


def is_canonical(text: str) -> bool:
    """True for a text that is as `format_ms` writes it, if it is an ISO 8601 date-time at all."""
    return len(text) == _CANONICAL and text[7] + text[10] + text[19] + text[23] == "-T.Z"


def parse_moment(text: str, *, round_up: bool = False) -> int:
    """Parse an ISO 8601 date or date-time into epoch milliseconds; raises ValueError.

    Accepts what clients of Scale's API send (docs/compatibility.md): `Z`, `+00:00`, `+0000`, no
    offset (UTC), a date alone (midnight UTC), and an offset whose `+` a URL decoder turned into
    a space. Fractions finer than a millisecond are cut off. `round_up` rounds them up instead,
    for exclusive upper bounds: `t < bound` then still includes the bound's last millisecond.
    """
    if is_canonical(text):
        # As we write times ourselves, so most of those that are read.
        try:
            since = datetime.fromisoformat(text) - _EPOCH
        except ValueError:
            pass  # said below
        else:
            seconds = since.days * 86_400 + since.seconds
            return seconds * 1000 + since.microseconds // 1000
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an ISO 8601 date-time")
    year, month, day, hour, minute, second, fraction, _, sign, off_h, off_m, bare = match.groups()
    moment = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
        tzinfo=UTC,
    )  # fmt: skip
    if bare:
        sign, digits = "+", bare.strip().replace(":", "")
        off_h, off_m = digits[:2], digits[2:]
    if sign:
        if int(off_h) > 23 or int(off_m or 0) > 59:
            raise ValueError("not an ISO 8601 offset")
        offset = timedelta(hours=int(off_h), minutes=int(off_m or 0))
        try:
            moment += -offset if sign == "+" else offset
        except OverflowError as exc:
            raise ValueError("outside the years 1 to 9999") from exc
    fine = (fraction or "").ljust(9, "0")
    ms = (moment - _EPOCH) // timedelta(milliseconds=1) + int(fine[:3])
    return ms + 1 if round_up and int(fine[3:]) else ms
