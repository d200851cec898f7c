"""Log lines and metrics of requests that the hot route answers, written a few times a second.

A line made by the logger, written and flushed alone, cost as much as finding the task. What was
noted in the last FLUSH_S before a crash is lost.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict

from plaudit import clock
from plaudit.api.http.metrics import Metrics

FLUSH_S = 0.1
LINES_MAX = 2000
"""Lines after which the buffer is written before its time."""

_LINE = (
    '{"request_id":"%s","method":"GET","path":"%s","operation":"%s","status":200,"bytes":%d,'
    '"ms":%s,"key_id":"%s","user_id":null,"event":"request","level":"info","timestamp":"%s"}\n'
)
"""The fields of a request's line in `middleware.py`, none of which needs escaping here."""


class HotLog:
    """Buffer of one process; `flush` it before the process ends."""

    def __init__(self, metrics: Metrics, *, has_lines: bool) -> None:
        self._metrics = metrics
        self._has_lines = has_lines
        self._lines: list[str] = []
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None
        metrics.before_text = self.flush

    def note(
        self, request_id: str, path: str, operation: str, size: int, key_id: str, seconds: float
    ) -> None:
        """Note an answer of `size` bytes that took so many seconds."""
        self._seconds[operation].append(seconds)
        if self._has_lines:
            self._lines.append(
                _LINE
                % (
                    request_id,
                    path,
                    operation,
                    size,
                    round(seconds * 1000, 2),
                    key_id,
                    clock.format_now(),
                )
            )
            if len(self._lines) >= LINES_MAX:
                self.flush()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write the lines to standard error, and add to the metrics."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for operation, seconds in self._seconds.items():
            self._metrics.observe_many(operation, 200, seconds)
        self._seconds.clear()
        if self._lines:
            written = "".join(self._lines).encode()
            self._lines.clear()
            sys.stderr.buffer.write(written)
            sys.stderr.buffer.flush()
