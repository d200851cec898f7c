"""Semaphore whose permits go to organizations in turn, however much one of them asks for."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from plaudit.errors import Unavailable

WAITING_MAX = 64
"""Most waiting calls of one organization; further ones are refused."""

PAUSE_SHARE = 3
"""Times that a turn took for which those who wait are then held back."""

PAUSE_SECONDS_MAX = 0.02
"""Longest time for which those who wait are held back, for others who do not."""

EXPECTED_SECONDS_MAX = 0.05
"""Time for which a call that gave its permit back to go on in a moment counts as if it had it."""

TURN_SECONDS = 0.002
"""Time that one organization's calls that are done at once may take of a turn of the loop."""

ALONE_SECONDS = 0.01
"""Time for an organization that was the only one for ALONE_AFTER_S."""

ALONE_AFTER_S = 1.0


class _Waiter(Struct, eq=False):
    key: bytes
    granted: asyncio.Future[None]


class LoopTurn:
    """Organizations that were granted a permit in this turn of the event loop.

    While one has permits and few calls that wait for more, those of which many wait get a quarter
    of the time: after each turn they are granted nothing for three times as long as it took.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        """Seconds; None for the event loop's."""
        self.served: set[str] = set()
        self.semaphores: list[FairSemaphore] = []
        self._expected: Counter[str] = Counter()
        self._began = 0.0
        self._is_paused = False
        self._spent: dict[str, float] = {}
        """Seconds that calls which are done at once took in this turn, by organization."""
        self._last = ""
        self._last_changed_at = 0.0
        """Time at which `_last`, the organization served last, was not that of the call before."""

    def serve(self, organization_id: str) -> None:
        """Note that an organization was served."""
        if organization_id != self._last:
            self._last = ""
        if self._is_paused:
            return
        if not self.served:
            self._began = self._now()
            asyncio.get_running_loop().call_soon(self._end)
        self.served.add(organization_id)

    def has_time(self, organization_id: str, now: float) -> bool:
        """True if a call of the organization may be done at once; `now` is a monotonic time."""
        spent = self._spent.get(organization_id)
        if spent is None:
            return organization_id not in self.served
        is_alone = now - self._last_changed_at > ALONE_AFTER_S
        return spent < (ALONE_SECONDS if is_alone else TURN_SECONDS)

    def spend(self, organization_id: str, seconds: float, now: float) -> None:
        """Note a call that was done at once and took so many seconds until `now`."""
        if organization_id not in self.served:
            self.serve(organization_id)
        self._spent[organization_id] = self._spent.get(organization_id, 0.0) + seconds
        if organization_id != self._last:
            self._last, self._last_changed_at = organization_id, now

    def expect(self, organization_id: str) -> Callable[[], None]:
        """Count a call without a permit as if it had one; returns what ends that."""
        self._expected[organization_id] += 1
        is_expected = True

        def end() -> None:
            nonlocal is_expected
            if is_expected:
                is_expected = False
                self._expected -= Counter([organization_id])

        asyncio.get_running_loop().call_later(EXPECTED_SECONDS_MAX, end)
        return end

    def _end(self) -> None:
        """End the turn: what was granted in it has run as far as it could."""
        self._spent.clear()
        crowded = {name for one in self.semaphores for name in one.crowded}
        held_back = self.served & crowded
        holders = {name for one in self.semaphores for name in one.holders} | self._expected.keys()
        if held_back and not holders <= crowded:
            self.served, self._is_paused = held_back, True
            seconds = min(PAUSE_SHARE * (self._now() - self._began), PAUSE_SECONDS_MAX)
            asyncio.get_running_loop().call_later(seconds, self._begin)
        else:
            self._begin()

    def _now(self) -> float:
        return asyncio.get_running_loop().time() if self._clock is None else self._clock()

    def _begin(self) -> None:
        self._is_paused = False
        self.served.clear()
        self._spent.clear()
        self.semaphores.append(self.semaphores.pop(0))  # another one is first each time
        for semaphore in self.semaphores:
            semaphore.grant()


class FairSemaphore:
    """Permits for the calls of one event loop, of which an organization has up to `held_max`.

    Unless that is given, one is always left for another organization. In each turn of the event
    loop an organization is granted one at most, over all semaphores with the same `turn`, so that
    others come between. Calls with the same key, unless it is empty, have a permit one after the
    other.
    """

    def __init__(
        self,
        permits: int,
        *,
        held_max: int | None = None,
        waiting_max: int | None = None,
        turn: LoopTurn | None = None,
    ) -> None:
        self._free = permits
        self._held_max = max(1, permits - 1) if held_max is None else held_max
        self._waiting_max = WAITING_MAX if waiting_max is None else waiting_max
        self._held: Counter[str] = Counter()
        self._keys: set[bytes] = set()
        self._waiting: dict[str, deque[_Waiter]] = {}
        self._turn = LoopTurn() if turn is None else turn
        self._turn.semaphores.append(self)

    @property
    def crowded(self) -> Iterable[str]:
        """Organizations of which more calls wait than may have permits at a time."""
        return [name for name, queue in self._waiting.items() if len(queue) > self._held_max]

    @property
    def holders(self) -> Iterable[str]:
        """Organizations that have permits."""
        return self._held

    def is_full(self, organization_id: str) -> bool:
        """True if so many calls of an organization wait that a further one is refused."""
        waiting = len(self._waiting.get(organization_id, ()))
        # Those to be granted in the next turns do not wait for others to end.
        return waiting >= self._waiting_max + self._held_max - self._held[organization_id]

    def take_now(self, organization_id: str, key: bytes = b"") -> bool:
        """Take a permit without waiting; returns False, taking none, if one has to wait."""
        is_turn = organization_id not in self._waiting and organization_id not in self._turn.served
        return is_turn and self._take_free(organization_id, key)

    def is_passable(self, organization_id: str, now: float) -> bool:
        """True if a call that is done at once need not wait, and takes no permit for it."""
        return organization_id not in self._waiting and self._turn.has_time(organization_id, now)

    async def take(
        self, organization_id: str, key: bytes = b"", *, goes_first: bool = False
    ) -> None:
        """Wait for a permit, which `release` gives back; raises Unavailable if too many wait.

        What `goes_first` is never refused, and comes before the organization's other calls.
        """
        if not self.take_now(organization_id, key):
            await self._wait(organization_id, key, goes_first=goes_first)

    async def retake(self, organization_id: str) -> None:
        """Take a permit that was given back, before calls that have not begun; is never refused.

        A free one is taken though it is not the organization's turn: the turn was had before.
        """
        if not self._take_free(organization_id, b""):
            await self._wait(organization_id, b"", goes_first=True)

    def _take_free(self, organization_id: str, key: bytes) -> bool:
        is_taken = self._is_free(organization_id) and key not in self._keys
        if is_taken:
            self._hold(organization_id, key)
        return is_taken

    async def _wait(self, organization_id: str, key: bytes, *, goes_first: bool) -> None:
        queue = self._waiting.setdefault(organization_id, deque())
        if self.is_full(organization_id) and not goes_first:
            raise Unavailable("too many large tasks are opened at this moment; try again soon")
        waiter = _Waiter(key, asyncio.get_running_loop().create_future())
        if goes_first:
            queue.appendleft(waiter)
        else:
            queue.append(waiter)
        self.grant()
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

    def expect(self, organization_id: str) -> Callable[[], None]:
        """Say that a call gives its permit back to retake it soon; returns what ends that.

        Until then, and for EXPECTED_SECONDS_MAX at most, others are held back as if it had one.
        """
        return self._turn.expect(organization_id)

    def release(self, organization_id: str, key: bytes = b"") -> None:
        """Give a permit back."""
        self._free += 1
        self._held[organization_id] -= 1
        if not self._held[organization_id]:
            del self._held[organization_id]
        self._keys.discard(key)
        self.grant()

    def grant(self) -> None:
        """Grant what is free, to one call of each organization in turn."""
        while self._waiting and (found := self._next()) is not None:
            organization_id, waiter = found
            queue = self._waiting.pop(organization_id)
            queue.remove(waiter)
            if queue:
                self._waiting[organization_id] = queue  # at the end of the round
            waiter.granted.set_result(None)
            self._hold(organization_id, waiter.key)

    def _next(self) -> tuple[str, _Waiter] | None:
        for organization_id, queue in self._waiting.items():
            if organization_id not in self._turn.served and self._is_free(organization_id):
                for waiter in queue:
                    if waiter.key not in self._keys and not waiter.granted.cancelled():
                        return organization_id, waiter
        return None

    def _is_free(self, organization_id: str) -> bool:
        return self._free > 0 and self._held[organization_id] < self._held_max

    def _hold(self, organization_id: str, key: bytes) -> None:
        self._free -= 1
        self._held[organization_id] += 1
        if key:
            self._keys.add(key)
        self._turn.serve(organization_id)
