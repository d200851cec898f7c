"""Event loops that are used again by the next test, and with them the sessions that belong to them.

Each is empty when it is lent. One on which a task is left is closed instead, which cancels it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

IDLE_MAX = 4
LOOPS: set[asyncio.AbstractEventLoop] = set()
"""Loops that may be lent again, those that are in use included."""
WHEN_CLOSED: list[Callable[[asyncio.AbstractEventLoop], None]] = []
"""Called with a loop that is about to be closed, which does not run."""


class KeptLoops:
    """Loops for one purpose, as runners; the last one that was given back is lent first."""

    def __init__(self) -> None:
        self._idle: list[asyncio.Runner] = []

    def lend(self) -> asyncio.Runner:
        """A runner whose loop does not run and has no task."""
        if self._idle:
            return self._idle.pop()
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        LOOPS.add(runner.get_loop())
        return runner

    def give_back(self, runner: asyncio.Runner) -> None:
        """Take a runner back that its user is done with."""
        loop = runner.get_loop()
        if len(self._idle) < IDLE_MAX and not asyncio.all_tasks(loop):
            self._idle.append(runner)
            return
        self._close(runner)

    def close(self) -> None:
        """Close the loops that are idle."""
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, runner: asyncio.Runner) -> None:
        loop = runner.get_loop()
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
