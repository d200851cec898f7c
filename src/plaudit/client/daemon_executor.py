"""Threads that fetch pages, and that a program does not wait for when it ends.

Those of `concurrent.futures` are joined at the end of a program: one that was interrupted would
hang until its last requests are given up.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class DaemonExecutor(Executor):
    """Up to `threads_max` daemon threads, started as they are needed; they end with this."""

    def __init__(self, threads_max: int) -> None:
        self._threads_max = threads_max
        self._count = 0
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._end = weakref.finalize(self, self._queue.put, None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a thread call a function; after `shutdown` the future is cancelled."""
        future: Future[T] = Future()
        if not self._end.alive:
            future.cancel()
            return future
        self._queue.put((future, lambda: fn(*args, **kwargs)))
        if not self._idle.acquire(blocking=False):
            with self._lock:
                if self._count < self._threads_max:
                    self._count += 1
                    threading.Thread(
                        target=_work, args=(self._queue, self._idle), daemon=True
                    ).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Take no more work, and let the threads end after what they are at; never waits."""
        self._end()


def _work(queue: SimpleQueue[_Work | None], idle: threading.Semaphore) -> None:
    while (work := queue.get()) is not None:
        future, call = work
        if future.set_running_or_notify_cancel():
            try:
                result = call()
            except BaseException as exc:
                future.set_exception(exc)
                del exc
            else:
                future.set_result(result)
                del result
        del work, future, call
        idle.release()
    queue.put(None)  # for the next thread
