"""Stall meter: how long the event loop does not turn, and on whose behalf.

One loop answers everybody, so a step that takes long makes all others wait. Requests and loops of
the worker are driven step by step; a step ends where its coroutine waits for something. A tick
sees the rest as well: parsing of HTTP, callbacks, threads that hold the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import structlog

from plaudit.api.http.metrics import Metrics

T = TypeVar("T")

NOTED_S = 0.01
"""Shorter steps and shorter lateness are not noted."""

STALL_S = 0.05
"""From here on a step is a stall: counted by its operation, and a line of the log."""

TICK_S = 0.025
MINUTES = 5
"""Minutes in whose course the longest stall is a metric."""

NoteStep = Callable[[float, float], None]


class Steps(Generic[T]):
    """Awaitable that drives a coroutine and reports its long steps.

    `note` is called with a step's wall and CPU seconds, for steps of NOTED_S and more.
    """

    __slots__ = ("_coroutine", "_note")

    def __init__(self, coroutine: Coroutine[Any, Any, T], note: NoteStep) -> None:
        self._coroutine = coroutine
        self._note = note

    def __await__(self) -> Steps[T]:
        return self

    def __iter__(self) -> Steps[T]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Run the next step; raises StopIteration with the coroutine's return value."""
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            return self._coroutine.send(value)
        finally:
            self._measure(cpu, wall)

    def throw(self, *fault: Any) -> Any:
        """Run the next step with an exception, such as a cancellation."""
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            return self._coroutine.throw(*fault)
        finally:
            self._measure(cpu, wall)

    def close(self) -> None:
        """End the coroutine where it waits."""
        self._coroutine.close()

    def _measure(self, cpu: float, wall: float) -> None:
        seconds = time.perf_counter() - wall
        if seconds >= NOTED_S:
            self._note(seconds, time.thread_time() - cpu)


class StallMeter:
    """Meter of one event loop; start and stop it there."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("plaudit.loop")
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._cpu = 0.0
        self._is_named = False
        """True if a stall was logged under its name since the last tick."""
        self._maxima: deque[float] = deque([0.0], MINUTES)
        """Longest lateness of each minute, the current one last."""
        self._minute = 0

    def watch(self, operation: str, coroutine: Coroutine[Any, Any, T]) -> Steps[T]:
        """Awaitable of a background coroutine whose long steps are noted under this name."""
        return Steps(coroutine, lambda seconds, cpu_s: self.note(operation, seconds, cpu_s))

    def note(self, operation: str, seconds: float, cpu_s: float, **fields: str) -> None:
        """Note a step's wall and CPU seconds; `fields` go into the line of a stall."""
        if cpu_s >= NOTED_S:
            self._metrics.observe_step(operation, cpu_s)
        if seconds >= STALL_S:
            self._is_named = True
            self._report(operation, seconds, cpu_s, fields)

    def cpu_seconds(self, seconds: float) -> float:
        """Bound of the CPU seconds of what took so many until now: of those since the last tick."""
        return min(seconds, time.thread_time() - self._cpu)

    def start(self) -> None:
        """Begin to tick on the running event loop."""
        self._schedule(asyncio.get_running_loop())

    def stop(self) -> None:
        """End the tick; the longest stall of a process that ended is not reported any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._metrics.set_longest_stall(0.0)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_named = False
        self._cpu = time.thread_time()
        self._due = time.perf_counter() + TICK_S
        self._timer = loop.call_later(TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.perf_counter()
        late_s = max(0.0, now - self._due)
        self._keep_longest(int(now // 60), late_s)
        if late_s >= NOTED_S:
            self._metrics.observe_stall(late_s)
            if late_s >= STALL_S and not self._is_named:
                self._report("none", late_s, time.thread_time() - self._cpu, {})
        self._schedule(loop)

    def _keep_longest(self, minute: int, late_s: float) -> None:
        if minute != self._minute:
            self._minute = minute
            self._maxima.append(late_s)
        elif late_s > self._maxima[-1]:
            self._maxima[-1] = late_s
        else:
            return
        self._metrics.set_longest_stall(max(self._maxima))

    def _report(self, operation: str, seconds: float, cpu_s: float, fields: dict[str, str]) -> None:
        self._metrics.count_stall(operation)
        self._log.warning(
            "loop stalled",
            operation=operation,
            ms=round(seconds * 1000, 1),
            cpu_ms=round(cpu_s * 1000, 1),
            **fields,
        )
