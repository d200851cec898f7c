"""Event loops that are used again by the next test, and with them the sessions that belong to them.

Each is empty when it is lent. One on which a task is left is closed instead, which cancels it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable

IDLE_MAX = 12
LOOPS: set[asyncio.AbstractEventLoop] = set()
"""Loops that may be lent again, those that are in use included."""
WHEN_CLOSED: list[Callable[[asyncio.AbstractEventLoop], None]] = []
"""Called with a loop that is about to be closed, which does not run."""
_lock = threading.Lock()


class KeptLoops:
    """Loops for one purpose, as runners. The one that was made first is lent first, so that the
    first user of each test has the same one."""

    def __init__(self) -> None:
        self._idle: list[asyncio.Runner] = []
        self._numbers: dict[asyncio.Runner, int] = {}
        self._count = itertools.count()

    def lend(self) -> asyncio.Runner:
        """A runner whose loop does not run and has no task."""
        with _lock:
            if self._idle:
                runner = min(self._idle, key=self._numbers.__getitem__)
                self._idle.remove(runner)
                return runner
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._numbers[runner] = next(self._count)
        LOOPS.add(runner.get_loop())
        return runner

    def give_back(self, runner: asyncio.Runner) -> None:
        """Take a runner back that its user is done with."""
        loop = runner.get_loop()
        if len(self._idle) < IDLE_MAX and not asyncio.all_tasks(loop):
            with _lock:
                self._idle.append(runner)
            return
        self._close(runner)

    def close(self) -> None:
        """Close the loops that are idle."""
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, runner: asyncio.Runner) -> None:
        loop = runner.get_loop()
        del self._numbers[runner]
        LOOPS.discard(loop)
        for call in WHEN_CLOSED:
            call(loop)
        runner.run(_end_tasks())
        runner.close()


async def _end_tasks() -> None:
    """Cancel the tasks of this loop, and let what they close be closed."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)


of_worlds, of_applications = KeptLoops(), KeptLoops()
