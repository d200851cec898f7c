"""Work in a thread for a request that waits for it, and ends when the client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.types import Receive

from plaudit.api.http.job_runner import ThreadRun
from plaudit.store.engine.engine import Database

T = TypeVar("T")

CLIENT_GONE = "the client went away"


async def run_for_client(
    run: ThreadRun, work: Callable[[Database], Awaitable[T]], receive: Receive
) -> T:
    """Run `work` in a thread; raises Unavailable when the client goes away meanwhile."""
    making = asyncio.ensure_future(run.run_in_thread(work))
    leaving = asyncio.ensure_future(wait_until_gone(receive))
    try:
        await asyncio.wait([making, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            run.stop(CLIENT_GONE)
        return await making
    finally:
        leaving.cancel()
        if not making.done():  # the request was cancelled, and its thread stops by itself
            run.stop(CLIENT_GONE)
            making.cancel()


async def wait_until_gone(receive: Receive) -> None:
    """Return once the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
