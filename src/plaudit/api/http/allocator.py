"""glibc's allocator: memory of short responses stays with the process, that of long ones does not.

A response of 2 MB costs 500 page faults if its memory is mapped anew each time, so what is freed is
kept, up to KEPT_BYTES at the end of the heap. Blocks of MAPPED_BYTES and more, such as long tasks,
are mapped for themselves and go back to the system at once. What lies between is handed back soon
after a long response has been sent. All of it does nothing without glibc.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import Any

KEPT_BYTES = 24 * 1024 * 1024
MAPPED_BYTES = 8 * 1024 * 1024
RETURN_SECONDS = 0.1
"""Time after a long response until free memory is handed back, for all that end meanwhile.

It takes the loop 2 ms for each 32 MiB, so that it must not be put off until there is much.
"""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def _load() -> Any:
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if library.mallopt and library.malloc_trim else None
    except (OSError, AttributeError):
        return None


_glibc = _load()
_due: asyncio.TimerHandle | None = None


def tune() -> None:
    """Set how much of the freed memory the process keeps."""
    if _glibc is not None:
        _glibc.mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)
        _glibc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def return_memory_soon() -> None:
    """Hand free memory back to the system in RETURN_SECONDS, once for all calls until then."""
    global _due
    loop = asyncio.get_running_loop()
    if _glibc is not None and (_due is None or _due.when() < loop.time()):
        _due = loop.call_later(RETURN_SECONDS, _return_memory)


def _return_memory() -> None:
    global _due
    _due = None
    _glibc.malloc_trim(0)
