"""Wait for the work of another thread in such a way that Ctrl-C always ends the wait."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.5


def result_of(future: Future[T]) -> T:
    """Result of a future; raises what its work raises.

    Waited for in steps, because a signal that comes just before a wait does not end that wait: its
    handler runs only once the interpreter does.
    """
    while not future.done():
        with suppress(TimeoutError):
            future.result(STEP_SECONDS)
    return future.result()
