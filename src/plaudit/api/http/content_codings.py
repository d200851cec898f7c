"""Choice of the coding of an answer by Accept-Encoding, and codings made for one answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from plaudit.api.http.streams import cut_pieces
from plaudit.model.codings import Coding
from plaudit.wire.v2 import packing

PACKED_BYTES_MIN = 16 * 1024
"""Bytes of an answer from which it is compressed if nothing of it has been before."""

WAITING_MAX = 4
"""Answers that are compressed at once or wait for it; further ones are sent as they are."""

_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)


OFFERED = (Coding.gzip, Coding.zstd)
"""Codings of a page, the better known first: where a client wants both equally it gets gzip.

Its zstd consists of many frames, of which several readers read the first one alone.
"""


def accepted_codings(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Accept-Encoding of a request: all its lines as one list (RFC 9110, section 5.3)."""
    return b",".join([value for name, value in headers if name == b"accept-encoding"])


@lru_cache(maxsize=256)
def chosen_coding(accepted: bytes, offered: tuple[Coding, ...] = OFFERED) -> Coding | None:
    """Coding that an Accept-Encoding prefers (RFC 9110, section 12.5.3); None for none of these.

    Of equal ones it is the one that is offered first. What is malformed is not accepted.
    """
    weights: dict[str, float] = {}
    for item in accepted.decode("latin-1").lower().split(","):
        name, semicolon, parameter = (part.strip() for part in item.partition(";"))
        match = _WEIGHT.fullmatch(parameter)
        if not semicolon or match is not None:
            weights[name] = 1.0 if match is None else float(match[1])
    rest = weights.get("*", 0.0)
    best, most = None, weights.get("identity", 0.0)
    for coding in offered:
        weight = weights.get(coding, rest)
        if weight > 0 and (weight > most or (best is None and weight == most)):
            best, most = coding, weight
    return best


class PackingPool:
    """Thread that compresses answers, one at a time, with a bounded queue."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="packing")
        self._waiting = 0

    async def pack(self, coding: Coding, parts: list[bytes]) -> list[bytes] | None:
        """An answer in a coding, of its parts, which are emptied; None where too many wait."""
        if self._waiting >= WAITING_MAX:
            return None
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._thread, lambda: [packing.packed_whole(coding, cut_pieces(parts))]
            )
        finally:
            self._waiting -= 1
