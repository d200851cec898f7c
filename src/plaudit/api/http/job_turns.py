"""Turns of jobs: how many run at once, in all and of one organization, and which is next."""

from __future__ import annotations

import asyncio
from collections import Counter


class Turns:
    """Turns of `total_max` jobs at once, `share_max` of one owner; used on one event loop.

    The next turn goes to an owner with the fewest jobs that run, among those to who waits longest.
    """

    def __init__(self, total_max: int, share_max: int) -> None:
        self._total_max = total_max
        self._share_max = share_max
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    def ask(self, owner: str) -> asyncio.Future[None]:
        """Future that is done once it is the owner's turn; cancel it to give up waiting."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((owner, turn))
        self._grant()
        return turn

    def end(self, owner: str) -> None:
        """End one turn of the owner's."""
        self._running[owner] -= 1
        self._grant()

    def _grant(self) -> None:
        while self._running.total() < self._total_max:
            self._waiting = [asked for asked in self._waiting if not asked[1].done()]
            able = [asked for asked in self._waiting if self._running[asked[0]] < self._share_max]
            if not able:
                break
            owner, turn = min(able, key=lambda asked: self._running[asked[0]])
            self._running[owner] += 1
            turn.set_result(None)
        self._running = +self._running
