"""Webhook dispatcher: one queue per receiver, up to 4 concurrent sends each, circuit breakers.

A poll walks through all queues with pending messages, however long they are, and starts up to
`IN_FLIGHT_PER_QUEUE` senders for each queue with due ones. Senders run until nothing is due in
their queue. After `FAILURES_TO_OPEN` failures in a row the receiver's circuit is open: its messages
are sent one at a time, with a cooldown after each failure, and all open circuits together use at
most `PROBES_MAX` of the slots. Circuits are kept in memory and start closed.
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
IN_FLIGHT_PER_QUEUE = 4
PROBES_MAX = 32
"""Slots that receivers with an open circuit may use, of `IN_FLIGHT_MAX`."""

FAILURES_TO_OPEN = 5
"""Failures in a row after which a receiver's circuit opens."""

COOLDOWN_S = 0.5
COOLDOWN_S_MAX = 15.0
"""Pause of a receiver with an open circuit: doubled after each failure, up to this."""

ASKED_S_MAX = 60.0
"""Longest pause of a whole queue for the Retry-After of one message."""

POLL_ROWS = 100


class _ReceiverQueue:
    """Circuit breaker and number of senders of one receiver, in this process."""

    def __init__(self) -> None:
        self.senders = 0
        self.failures = 0
        self.paused_until = 0.0
        """Time of the event loop's clock, in seconds."""

    @property
    def is_circuit_open(self) -> bool:
        return self.failures >= FAILURES_TO_OPEN


class Dispatcher:
    """All receiver queues of one process.

    `on_ended` gets each recorded or lost attempt, `on_fault` each unexpected exception of a sender.
    """

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
        self._queues: dict[str, _ReceiverQueue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._probes = asyncio.Semaphore(PROBES_MAX)
        self._is_stopping = False

    async def poll(self) -> float | None:
        """Start senders for all due messages; return seconds until the next one is due.

        None if no message is due later. Raises Unavailable while the store is.
        """
        soonest_s: float | None = None
        after, seen = "", set()
        while True:
            async with self._sender.db.read(snapshot=False) as tx:
                rows = await outbox.list_queues(tx, after=after, limit=POLL_ROWS)
            now = clock.now_ms()
            due: dict[str, int] = {}
            for queue, next_ms in rows:
                due[queue] = due.get(queue, 0) + (next_ms <= now)
                seen.add(queue)
                if next_ms > now:
                    wait_s = (next_ms - now) / 1000
                    soonest_s = wait_s if soonest_s is None else min(soonest_s, wait_s)
            for queue, count in due.items():
                self._start_senders(queue, count)
            if len(rows) < POLL_ROWS:
                break
            after = rows[-1][0]
        for queue in [known for known in self._queues if known not in seen]:
            if not self._queues[queue].senders:
                del self._queues[queue]
        return soonest_s

    async def stop(self, seconds: float) -> None:
        """Lease nothing more, wait up to `seconds` for running attempts, then cancel them."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_senders(self, queue: str, due: int) -> None:
        """Start the senders that a queue with `due` messages lacks."""
        receiver = self._queues.setdefault(queue, _ReceiverQueue())
        if self._is_stopping or receiver.paused_until > asyncio.get_running_loop().time():
            return
        wanted = min(due, 1 if receiver.is_circuit_open else IN_FLIGHT_PER_QUEUE)
        for _ in range(wanted - receiver.senders):
            receiver.senders += 1
            task = asyncio.create_task(self._run_sender(queue, receiver))
            self._tasks.add(task)
            task.add_done_callback(self._on_sender_done)

    async def _run_sender(self, queue: str, receiver: _ReceiverQueue) -> None:
        """Send due messages of a queue one by one, until none is left or the queue is paused."""
        now = asyncio.get_running_loop().time
        try:
            while not self._is_stopping and receiver.paused_until <= now():
                is_probe = receiver.is_circuit_open
                if is_probe and receiver.senders > 1:
                    return
                if is_probe:
                    async with self._probes, self._slots:
                        has_sent = await self._send_next(queue, receiver)
                else:
                    async with self._slots:
                        has_sent = await self._send_next(queue, receiver)
                if not has_sent:
                    return
        finally:
            receiver.senders -= 1

    async def _send_next(self, queue: str, receiver: _ReceiverQueue) -> bool:
        """Lease and attempt one message; False if none was to be had."""
        message = None if self._is_stopping else await self._sender.lease_next(queue)
        if message is None:
            return False
        ended = await self._sender.attempt(message)
        if ended is not None:
            self._update_circuit(receiver, ended)
            self._on_ended(ended)
        return True

    def _update_circuit(self, receiver: _ReceiverQueue, ended: AttemptEnd) -> None:
        """Close the circuit after a success; count a failure and pause the queue after one."""
        result, now = ended.result, asyncio.get_running_loop().time()
        if result.outcome is AttemptStatus.ok:
            receiver.failures = 0
            return
        receiver.failures += 1
        if receiver.is_circuit_open:
            cooldown_s = COOLDOWN_S * 2 ** min(receiver.failures - FAILURES_TO_OPEN, 10)
            receiver.paused_until = now + min(cooldown_s, COOLDOWN_S_MAX)
        if retry_policy.asks_to_wait(result):
            asked_s = min(float(result.retry_after_s or 0), ASKED_S_MAX)
            receiver.paused_until = max(receiver.paused_until, now + asked_s)

    def _on_sender_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        fault = task.exception()
        # While the store is unavailable, polling fails as well, and reports it.
        if fault is not None and not isinstance(fault, Unavailable):
            self._on_fault(fault)
