"""Semaphore whose permits go to organizations in turn, however much one of them asks for."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

from msgspec import Struct

from plaudit.errors import Unavailable

WAITING_MAX = 64
"""Most waiting calls of one organization; further ones are refused."""


class _Waiter(Struct, eq=False):
    key: bytes
    granted: asyncio.Future[None]


class FairSemaphore:
    """Permits for the calls of one event loop; one is always left for another organization.

    Calls with the same key, unless it is empty, have a permit one after the other.
    """

    def __init__(self, permits: int) -> None:
        self._free = permits
        self._held_max = max(1, permits - 1)
        self._held: Counter[str] = Counter()
        self._keys: set[bytes] = set()
        self._waiting: dict[str, deque[_Waiter]] = {}

    async def take(self, organization_id: str, key: bytes = b"") -> None:
        """Wait for a permit, which `release` gives back; raises Unavailable if too many wait."""
        queue = self._waiting.setdefault(organization_id, deque())
        if len(queue) >= WAITING_MAX:
            raise Unavailable("too many large tasks are opened at this moment; try again soon")
        waiter = _Waiter(key, asyncio.get_running_loop().create_future())
        queue.append(waiter)
        self._grant()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in queue:
                queue.remove(waiter)
                if not queue:
                    del self._waiting[organization_id]
            else:  # granted and cancelled in one turn of the loop
                self.release(organization_id, key)
            raise

    def release(self, organization_id: str, key: bytes = b"") -> None:
        """Give a permit back."""
        self._free += 1
        self._held[organization_id] -= 1
        self._keys.discard(key)
        self._grant()

    def _grant(self) -> None:
        """Grant what is free, to one call of each organization in turn."""
        while self._free and (found := self._next()) is not None:
            organization_id, waiter = found
            queue = self._waiting.pop(organization_id)
            queue.remove(waiter)
            if queue:
                self._waiting[organization_id] = queue  # at the end of the round
            self._free -= 1
            self._held[organization_id] += 1
            if waiter.key:
                self._keys.add(waiter.key)
            waiter.granted.set_result(None)
        self._held = +self._held

    def _next(self) -> tuple[str, _Waiter] | None:
        for organization_id, queue in self._waiting.items():
            if self._held[organization_id] < self._held_max:
                for waiter in queue:
                    if waiter.key not in self._keys and not waiter.granted.cancelled():
                        return organization_id, waiter
        return None
