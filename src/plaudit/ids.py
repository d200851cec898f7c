"""Ids: a prefix and 32 lowercase hex digits that sort by creation time.

Ids are opaque to clients and reveal nothing about other tenants: 44 bits are the creation time in
milliseconds, the others are random. Ids of one process within a millisecond sort in the order of
their creation, so that entries of a history keep their order.
"""

from __future__ import annotations

import re
import secrets
import threading

from plaudit import clock

ID_CHARS_MAX = 255

_SET_BACK_MS_MAX = 1000

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class _Sequence:
    """Source of increasing 128-bit numbers, also within a millisecond and after small clock steps.

    Each millisecond starts at a random number of 83 bits, which leaves room for 64-bit steps.
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


_sequence = _Sequence()


def mint(prefix: str) -> str:
    """Make a new id such as `task_0193e8c1b2a4f0e1d2c3b4a5968778ab`."""
    return f"{prefix}_{_sequence.next():032x}"


def first_at(prefix: str, ms: int) -> str:
    """Least id of a moment (epoch milliseconds): all that are made from then on are greater."""
    return f"{prefix}_{(ms & 0xFFF_FFFF_FFFF) << 84:032x}"


def mint_key() -> int:
    """Make a random positive 62-bit key of a project or dataset.

    Random rather than serial, so that no central sequence is needed and none can be guessed.
    """
    return secrets.randbits(62) | 1


def is_usable(text: str) -> bool:
    """True for a client's id that can be stored: 1 to 255 characters, no control characters."""
    if not 0 < len(text) <= ID_CHARS_MAX:
        return False
    # Most ids are of letters, digits and punctuation, which is seen at once.
    return (text.isascii() and text.isprintable()) or _FORBIDDEN.search(text) is None
