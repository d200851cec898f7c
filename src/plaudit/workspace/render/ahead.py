"""Work ahead: what is likely to be asked for next is drawn while nobody waits for it.

Nothing depends on it. It begins a while after the answer that gave the reason for it, little of it
runs at a time, what comes beyond that is left undone, and failures are told to the log alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import structlog

from plaudit.errors import Problem

PAUSE_S = 0.5
"""Seconds before work begins: the browser asks for files meanwhile."""

RUNNING_MAX = 2
REMEMBERED_MAX = 5_000


class Ahead:
    """Work ahead of one serving process; used on its event loop alone."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._done: OrderedDict[Hashable, None] = OrderedDict()
        self._log = structlog.get_logger("plaudit.render")

    def begin(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Begin some work after a pause, unless enough is under way."""
        if len(self._running) < RUNNING_MAX:
            task = asyncio.create_task(self._run(work))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def is_first(self, thing: Hashable) -> bool:
        """True the first time that something is asked about, as far back as is remembered."""
        if thing in self._done:
            self._done.move_to_end(thing)
            return False
        self._done[thing] = None
        if len(self._done) > REMEMBERED_MAX:
            self._done.popitem(last=False)
        return True

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, work: Callable[[], Awaitable[Any]]) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            await work()
        except Problem:
            pass  # the server is busy, or the task is gone
        except Exception as exc:
            self._log.warning("drawing ahead failed", detail=repr(exc))
