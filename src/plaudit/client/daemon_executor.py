"""Threads that fetch pages, and that a program does not wait for when it ends.

Those of `concurrent.futures` are joined at the end of a program: one that was interrupted would
hang until its last requests are given up.
"""

from __future__ import annotations

import os
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
    """Up to `threads_max` daemon threads, started as they are needed; they end with this.

    A forked process has none of them, and starts its own.
    """

    def __init__(self, threads_max: int) -> None:
        self._threads_max = threads_max
        self._is_shut = False
        self._begin()

    def _begin(self) -> None:
        self._process_id = os.getpid()
        self._count = 0
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._end = weakref.finalize(self, self._queue.put, None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a thread call a function; after `shutdown` the future is cancelled."""
        if self._process_id != os.getpid():
            self._end.detach()
            self._begin()
        future: Future[T] = Future()
        with self._lock:  # so that no work comes behind the end, where no thread would take it
            if self._is_shut:
                future.cancel()
                future.set_running_or_notify_cancel()  # else `wait` would wait for it for ever
                return future
            self._queue.put((future, lambda: fn(*args, **kwargs)))
            if not self._idle.acquire(blocking=False) and self._count < self._threads_max:
                self._count += 1
                threading.Thread(target=_work, args=(self._queue, self._idle), daemon=True).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Take no more work, and let the threads end after what they are at; never waits."""
        self._is_shut = True
        with self._lock:
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
