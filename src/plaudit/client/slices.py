"""Walk over completed tasks in several ranges of completion time at once.

It asks nothing of a server but the bounds of v2, in no particular order of tasks. A range whose
first page is not its last is halved while there are few ranges. Ranges begin a millisecond early,
because bounds are exclusive and servers differ in how finely they compare, so a task may come
twice: whoever reads the pages leaves repeated ids out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.client.client_error import ClientError
from plaudit.client.interruptible import STEP_SECONDS
from plaudit.client.pages import ListingPage, PageWalk, page_of
from plaudit.client.transport import AsyncTransport, Transport
from plaudit.model.core import TaskStatus

AFTER, BEFORE, STATUS = "completed_after", "completed_before", "status"
RANGES_PER_WALK = 4
"""Ranges for each of the parallel walks, so that a long one is not left alone at the end."""
SECOND_MS = 1000
"""Ranges meet at whole seconds, which is as finely as some servers compare."""
Query = Sequence[tuple[str, str]]


class _Completed(Struct):
    completed_at: str | None = None


class _CompletedPage(Struct):
    tasks: list[_Completed] = []


_decode = msgspec.json.Decoder(_CompletedPage).decode


class _Slice:
    """Walk over one range, both ends in milliseconds and None where it is open."""

    def __init__(self, walk: PageWalk, least: int | None, most: int | None) -> None:
        self.walk = walk
        self.least = least
        self.most = most
        self.is_first = True


class SlicePlan:
    """Division of a listing into walks, `parallel` of which are under way."""

    def __init__(self, path: str, params: Query, parallel: int) -> None:
        self._path = path
        self._params = [pair for pair in params if pair[0] not in (AFTER, BEFORE, STATUS)]
        self._bounds = {name: text for name, text in params if name in (AFTER, BEFORE)}
        self._parallel = parallel
        self._is_by_time = dict(params).get(STATUS) in (None, TaskStatus.completed)
        self._active = 0
        self._waiting: deque[_Slice] = deque()
        self._later: list[_Slice] = []
        if not self._is_by_time:
            self._waiting.append(_Slice(PageWalk(path, params, is_checked=True), None, None))
            return
        if STATUS not in dict(params) and not self._bounds:
            for status in TaskStatus:
                if status is not TaskStatus.completed:
                    query = [*self._params, (STATUS, status.value)]
                    self._waiting.append(_Slice(PageWalk(path, query, is_checked=True), None, None))
                    self._waiting[-1].is_first = False
        # Last, so that a task which is completed meanwhile is among one or the other.
        self._later.append(self._slice(_ms_of(self._bounds, AFTER), _ms_of(self._bounds, BEFORE)))

    def ready(self) -> list[_Slice]:
        """Walks whose next page is to be asked for now, besides those under way."""
        found = []
        if not self._waiting and not self._active:
            self._waiting.extend(self._later)
            self._later.clear()
        while self._waiting and self._active < self._parallel:
            found.append(self._waiting.popleft())
            self._active += 1
        return found

    def take(self, walked: _Slice, page: ListingPage) -> bool:
        """Note a page; return True if the walk goes on, False if it has ended or was halved."""
        is_first, walked.is_first = walked.is_first, False
        if page.next_token is None:
            self._active -= 1
            return False
        are_few = self._active + len(self._waiting) < RANGES_PER_WALK * self._parallel
        if not (self._is_by_time and is_first and are_few):
            return True
        place = self._middle(walked, page)
        if place is None:
            return True
        self._active -= 1
        self._waiting.append(self._slice(walked.least, place))
        self._waiting.append(self._slice(place, walked.most))
        return False

    def _middle(self, walked: _Slice, page: ListingPage) -> int | None:
        """Moment that halves what a range has left, None for a range that is short."""
        try:
            times = [
                clock.parse_moment(one.completed_at or "") for one in _decode(page.content).tasks
            ]
        except (msgspec.DecodeError, ValueError):
            return None
        least = max([walked.least or 0, *times])
        most = walked.most if walked.most is not None else clock.now_ms()
        middle = (least + most) // 2 // SECOND_MS * SECOND_MS
        return middle if least < middle < most else None

    def _slice(self, least: int | None, most: int | None) -> _Slice:
        query = [*self._params, (STATUS, TaskStatus.completed.value)]
        if least is not None:
            is_own = least == _ms_of(self._bounds, AFTER)
            query.append((AFTER, self._bounds[AFTER] if is_own else clock.format_ms(least - 1)))
        if most is not None:
            is_own = most == _ms_of(self._bounds, BEFORE)
            query.append((BEFORE, self._bounds[BEFORE] if is_own else clock.format_ms(most)))
        return _Slice(PageWalk(self._path, query, is_checked=True), least, most)


def _ms_of(bounds: dict[str, str], name: str) -> int | None:
    text = bounds.get(name)
    try:
        return None if text is None else clock.parse_moment(text, round_up=name == BEFORE)
    except ValueError:
        raise ClientError(f"{name} is no ISO 8601 date-time") from None


def walk_slices(transport: Transport, executor: Executor, plan: SlicePlan) -> Iterator[ListingPage]:
    """Yield the pages of all walks of a plan as they come."""
    coming: dict[Future[ListingPage], _Slice] = {}

    def submit(walked: _Slice) -> None:
        coming[executor.submit(_fetching(transport, walked.walk))] = walked

    try:
        while True:
            for walked in plan.ready():
                submit(walked)
            if not coming:
                return
            for done in wait(coming, STEP_SECONDS, FIRST_COMPLETED).done:
                walked = coming.pop(done)
                page = page_of(done)
                if plan.take(walked, page):
                    submit(walked)
                for other in plan.ready():
                    submit(other)
                yield page
    finally:
        for future in coming:
            future.cancel()


def _fetching(transport: Transport, walk: PageWalk) -> Callable[[], ListingPage]:
    return lambda: walk.take(transport.send(walk.request()))


async def walk_slices_async(
    transport: AsyncTransport, plan: SlicePlan
) -> AsyncIterator[ListingPage]:
    """Yield the pages of all walks of a plan as they come."""
    coming: dict[asyncio.Task[ListingPage], _Slice] = {}

    async def fetch(walk: PageWalk) -> ListingPage:
        return walk.take(await transport.send(walk.request()))

    def submit(walked: _Slice) -> None:
        coming[asyncio.create_task(fetch(walked.walk))] = walked

    try:
        while True:
            for walked in plan.ready():
                submit(walked)
            if not coming:
                return
            finished, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for done in finished:
                walked = coming.pop(done)
                page = done.result()
                if plan.take(walked, page):
                    submit(walked)
                for other in plan.ready():
                    submit(other)
                yield page
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
