"""Mint and check ids: a prefix, then 32 lowercase hex digits that sort by time.

Ids are opaque to clients and never carry information about other tenants: 44 of the bits are
the creation time, 84 are random.
"""

from __future__ import annotations

import re
import secrets

from plaudit import clock

ID_CHARS_MAX = 255

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def mint(prefix: str) -> str:
    """Return a new id such as `task_0193e8c1b2a4f0e1d2c3b4a5968778ab`."""
    return f"{prefix}_{clock.now_ms() & 0xFFF_FFFF_FFFF:011x}{secrets.randbits(84):021x}"


def storage_key() -> int:
    """Return a random positive 62-bit number, the store's own name for a project.

    Random rather than serial, so that no central sequence is needed and nothing can be counted.
    """
    return secrets.randbits(62) | 1


def is_usable(text: str) -> bool:
    """Whether a foreign id can be kept as it is: 1 to 255 characters, no control characters."""
    return 0 < len(text) <= ID_CHARS_MAX and _FORBIDDEN.search(text) is None
