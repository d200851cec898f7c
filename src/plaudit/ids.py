"""Mint and check ids: a prefix, then 32 lowercase hex digits that sort by time.

Ids are opaque to clients and never carry information about other tenants: 44 of the bits are
the creation time, the others are random. Those that one process mints within a millisecond sort
in the order they were minted in, so that two entries of a history never change places.
"""

from __future__ import annotations

import re
import secrets
import threading

from plaudit import clock

ID_CHARS_MAX = 255

_SET_BACK_MS_MAX = 1000

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class _Moments:
    """Numbers of 128 bits that grow within a millisecond, and while a clock is set back a little.

    A moment begins with a random number of 83 bits, so that steps of 64 bits fit behind it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            moment = clock.now_ms() & 0xFFF_FFFF_FFFF
            if 0 <= (self._last >> 84) - moment < _SET_BACK_MS_MAX:
                self._last += 1 + secrets.randbits(64)
            else:
                self._last = moment << 84 | secrets.randbits(83)
            return self._last


_moments = _Moments()


def mint(prefix: str) -> str:
    """Return a new id such as `task_0193e8c1b2a4f0e1d2c3b4a5968778ab`."""
    return f"{prefix}_{_moments.next():032x}"


def storage_key() -> int:
    """Return a random positive 62-bit number, the store's own name for a project.

    Random rather than serial, so that no central sequence is needed and nothing can be counted.
    """
    return secrets.randbits(62) | 1


def is_usable(text: str) -> bool:
    """Whether a foreign id can be kept as it is: 1 to 255 characters, no control characters."""
    return 0 < len(text) <= ID_CHARS_MAX and _FORBIDDEN.search(text) is None
