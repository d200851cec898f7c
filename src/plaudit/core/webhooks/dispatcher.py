"""Who is sent to next: every receiver has a line of its own, and no line waits for another.

A look goes through the lines that have something waiting, whatever its length, and sets up to
`IN_FLIGHT_PER_LINE` senders to work on each that has something due. They go on until nothing is
due there. Receivers that keep failing share a part of the places among themselves, are tried one
notice at a time, and are left alone for a while after each failure; all that is known of them is
in memory and is learned anew after a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plaudit import clock
from plaudit.core.webhooks import retry_policy
from plaudit.core.webhooks.sender import AttemptEnd, Sender
from plaudit.errors import Unavailable
from plaudit.model.webhooks import AttemptStatus
from plaudit.store.webhooks import outbox

IN_FLIGHT_MAX = 64
IN_FLIGHT_PER_LINE = 4
PROBES_MAX = 32
"""How many of the places are for receivers that keep failing."""

DOUBTED_AFTER = 5
"""So many failures in a row make a receiver one that keeps failing."""

HOLD_S = 0.5
HOLD_S_MAX = 15.0
"""How long such a receiver is left alone: twice as long each time, up to this."""

ASKED_S_MAX = 60.0
"""How long a whole line waits because a receiver asked one message to wait."""

LOOK_ROWS = 100


class _ReceiverQueue:
    """One receiver, as this process has come to know it."""

    def __init__(self) -> None:
        self.senders = 0
        self.failures = 0
        self.held_until = 0.0
        """By the loop's clock."""

    @property
    def is_doubted(self) -> bool:
        return self.failures >= DOUBTED_AFTER


class Dispatcher:
    """All lines of one process."""

    def __init__(
        self,
        sender: Sender,
        *,
        on_ended: Callable[[AttemptEnd], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._sender = sender
        self._on_ended = on_ended
        self._on_fault = on_fault
        self._lines: dict[str, _ReceiverQueue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._probes = asyncio.Semaphore(PROBES_MAX)
        self._is_stopping = False

    async def look(self) -> float | None:
        """Set senders to work where something is due; return the seconds until more will be.

        None if nothing waits for a later moment. Raises Unavailable.
        """
        soonest_s: float | None = None
        after, seen = "", set()
        while True:
            async with self._sender.db.read(snapshot=False) as tx:
                rows = await outbox.list_lines(tx, after=after, limit=LOOK_ROWS)
            now = clock.now_ms()
            due: dict[str, int] = {}
            for queue, next_ms in rows:
                due[queue] = due.get(queue, 0) + (next_ms <= now)
                seen.add(queue)
                if next_ms > now:
                    wait_s = (next_ms - now) / 1000
                    soonest_s = wait_s if soonest_s is None else min(soonest_s, wait_s)
            for queue, count in due.items():
                self._staff(queue, count)
            if len(rows) < LOOK_ROWS:
                break
            after = rows[-1][0]
        for queue in [one for one in self._lines if one not in seen]:
            if not self._lines[queue].senders:
                del self._lines[queue]
        return soonest_s

    async def stop(self, seconds: float) -> None:
        """Take nothing more, and wait for what is under way; cut it off after `seconds`."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _staff(self, queue: str, due: int) -> None:
        """Set senders to work on a line that has something due."""
        line = self._lines.setdefault(queue, _ReceiverQueue())
        if self._is_stopping or line.held_until > asyncio.get_running_loop().time():
            return
        wanted = min(due, 1 if line.is_doubted else IN_FLIGHT_PER_LINE)
        for _ in range(wanted - line.senders):
            line.senders += 1
            task = asyncio.create_task(self._work_off(queue, line))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _work_off(self, queue: str, line: _ReceiverQueue) -> None:
        """Send what is due in a line, one after the other, until nothing is or it is held."""
        now = asyncio.get_running_loop().time
        try:
            while not self._is_stopping and line.held_until <= now():
                is_probe = line.is_doubted
                if is_probe and line.senders > 1:
                    return
                if is_probe:
                    async with self._probes, self._places:
                        goes_on = await self._send_one(queue, line)
                else:
                    async with self._places:
                        goes_on = await self._send_one(queue, line)
                if not goes_on:
                    return
        finally:
            line.senders -= 1

    async def _send_one(self, queue: str, line: _ReceiverQueue) -> bool:
        """One attempt; False if there was nothing to send."""
        notice = None if self._is_stopping else await self._sender.lease_next(queue)
        if notice is None:
            return False
        ended = await self._sender.attempt(notice)
        if ended is not None:
            self._learn(line, ended)
            self._on_ended(ended)
        return True

    def _learn(self, line: _ReceiverQueue, ended: AttemptEnd) -> None:
        """Remember what an attempt says about its receiver."""
        result, now = ended.result, asyncio.get_running_loop().time()
        if result.outcome is AttemptStatus.ok:
            line.failures = 0
            return
        line.failures += 1
        if line.is_doubted:
            hold_s = HOLD_S * 2 ** min(line.failures - DOUBTED_AFTER, 10)
            line.held_until = now + min(hold_s, HOLD_S_MAX)
        if retry_policy.asks_to_wait(result):
            asked_s = min(float(result.retry_after_s or 0), ASKED_S_MAX)
            line.held_until = max(line.held_until, now + asked_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        fault = task.exception()
        # While the store is away, looking fails as well, and says so.
        if fault is not None and not isinstance(fault, Unavailable):
            self._on_fault(fault)
