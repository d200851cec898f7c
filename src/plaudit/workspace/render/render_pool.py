"""Pool of rendering processes with a budget for each page, and the layout of pages in threads.

Foreign text can be made so that rendering takes minutes, and a thread cannot be ended. So what is
not certainly cheap is rendered by a process (docs/adr/0028) that a limit on its CPU time kills.
Organizations take turns. What could not be rendered is shown as plain text with a note.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import msgspec
import structlog
from markupsafe import Markup

from plaudit import settings
from plaudit.core.common.fair_semaphore import FairSemaphore
from plaudit.errors import Unavailable
from plaudit.workspace.render import render_process, rich_text
from plaudit.workspace.render.render_process import (
    LENGTH_BYTES,
    RenderRequest,
    RenderResponse,
    write_message,
)
from plaudit.workspace.render.text_batch import RenderCache, RenderedText, TextBatch

T = TypeVar("T")

THREADS_MAX = 2
INLINE_CHARACTERS_MAX = 10_000
"""Characters of a page that are rendered in its thread; the worst of them take 120 ms."""

PROCESSES_MAX = min(4, max(2, os.cpu_count() or 1))
BUDGET_S = 4.0
"""CPU seconds for the texts of a page that are not in the cache."""

RUN_SECONDS_MAX = 15.0
"""Longest time that a process works for one page; reached on a busy machine alone."""

WAIT_SECONDS_MAX = 10.0
"""Longest wait for a process; after it a page is shown without one."""

IDLE_SECONDS_MAX = 600.0
"""Seconds without work after which a process is ended."""

MEMORY_KEPT_MAX = 256 * 1024 * 1024
"""Most bytes with which a process is kept for the next page."""

OVER_BUDGET = "Shown as plain text: rendering took too long."
BUSY = "Shown as plain text: the server is busy. Load the page again to see it rendered."

_decode = msgspec.msgpack.Decoder(RenderResponse).decode


class ProcessEnded(Exception):
    """A rendering process that ended while it worked."""


class RenderProcess:
    """A rendering process, for one page at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.resident_bytes = 0

    @classmethod
    async def start(cls) -> RenderProcess:
        """Start a process; raises OSError if the system has none to give."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", render_process.__name__),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # a traceback may quote the text
                env=settings.child_environment(),
            )
        )

    @property
    def is_alive(self) -> bool:
        """False once the end of the process was noticed."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def render(self, text: RenderedText, budget_s: float | None) -> Markup:
        """Render a text; raises ProcessEnded if the budget was spent, or the process died."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            request = RenderRequest(text.text, text.attachments, budget_s, text.is_mapped)
            stdin.write(write_message(request))
            await stdin.drain()
            length = int.from_bytes(await stdout.readexactly(LENGTH_BYTES))
            response = _decode(await stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise ProcessEnded from exc
        self.resident_bytes = response.resident_bytes
        return Markup(response.html)

    def kill(self) -> None:
        """End the process at once; does nothing if it has ended."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def wait(self) -> int:
        """Wait for the end of the process; returns its exit code, negative for a signal."""
        return await self._process.wait()


class RenderPool:
    """Rendering for the pages of one serving process; used on its event loop alone."""

    def __init__(self, *, processes_max: int = PROCESSES_MAX, budget_s: float = BUDGET_S) -> None:
        self._cache = RenderCache()
        self._budget_s = budget_s
        self._threads = ThreadPoolExecutor(THREADS_MAX, "render")
        self._thread_permits = FairSemaphore(THREADS_MAX)
        self._process_permits = FairSemaphore(processes_max)
        self.processes: set[RenderProcess] = set()
        """Processes that were started and not ended, working or idle."""
        self._idle: dict[RenderProcess, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[int]] = set()
        self._log = structlog.get_logger("plaudit.render")

    async def build(self, organization_id: str, layout: Callable[[TextBatch], T]) -> T:
        """Lay out a page in a thread, and render the texts that it added to the batch.

        Raises Unavailable if too many pages of the organization wait, and whatever `layout` raises.
        """
        texts = TextBatch(organization_id)

        def lay_out() -> T:
            page = layout(texts)
            missing = self._cache.fill(texts)
            if sum(len(text.text) for text in missing) <= INLINE_CHARACTERS_MAX:
                for text in missing:
                    text.html = rich_text.render(text.text, text.attachments, text.is_mapped)
                    self._cache.keep(text)
            return page

        page = await self.run_in_thread(organization_id, lay_out)
        if texts.missing():
            await self._render(organization_id, texts)
        return page

    async def render(self, organization_id: str, text: str) -> Markup:
        """Render one text without attachments; raises Unavailable."""
        rendered = await self.build(organization_id, lambda texts: texts.add(text))
        return Markup(rendered)

    async def run_in_thread(self, organization_id: str, work: Callable[[], T]) -> T:
        """Run `work` in a thread of the pool; raises Unavailable if too many calls wait.

        If the request ends earlier, the thread goes on, and holds its permit until it is done.
        """
        await self._thread_permits.take(organization_id)
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, contextvars.copy_context().run, work
        )

        def release(done: asyncio.Future[T]) -> None:
            self._thread_permits.release(organization_id)
            if not done.cancelled():
                done.exception()  # nobody is left to be told if the request has ended

        future.add_done_callback(release)
        return await asyncio.shield(future)

    async def stop(self) -> None:
        """End all processes, whatever they do."""
        for timer in self._idle.values():
            timer.cancel()
        self._idle.clear()
        for process in list(self.processes):
            self._end(process)
        await asyncio.gather(*self._ending)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _render(self, organization_id: str, texts: TextBatch) -> None:
        """Render what has no HTML yet, in a process."""
        key = texts.key()
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._process_permits.take(organization_id, key)
        except (TimeoutError, Unavailable):
            self._log.warning("rendering not begun", reason="all processes are busy")
            await self._show_plain(organization_id, texts, BUSY)
            return
        try:
            # Somebody else may have opened the same page, and have been first.
            if missing := self._cache.fill(texts):
                note = await self._run(missing)
                await self._show_plain(organization_id, texts, note)
        finally:
            self._process_permits.release(organization_id, key)

    async def _show_plain(self, organization_id: str, texts: TextBatch, note: str) -> None:
        """Show what has no HTML yet as plain text, also the next time if the budget was spent."""

        def fill() -> None:
            key = texts.key()
            for text in unrendered:
                text.html = rich_text.render_plain(text.text, note, is_mapped=text.is_mapped)
                if note == OVER_BUDGET:
                    self._cache.keep_plain(key, text)

        if unrendered := texts.missing():
            await self.run_in_thread(organization_id, fill)

    async def _run(self, missing: list[RenderedText]) -> str:
        """Render texts in a process until its budget is spent; returns a note on what is left."""
        try:
            process = await self._take()
        except OSError as exc:
            self._log.warning("rendering not begun", reason=exc.strerror)
            return BUSY
        is_whole = False
        try:
            async with asyncio.timeout(RUN_SECONDS_MAX):
                budget_s: float | None = self._budget_s
                for text in missing:
                    text.html = await process.render(text, budget_s)
                    self._cache.keep(text)
                    budget_s = None
                is_whole = True
        except ProcessEnded:
            code = await process.wait()
            characters = sum(len(text.text) for text in missing if text.html is None)
            self._log.warning("rendering ended", exit_code=code, characters=characters)
            # Killed from outside, such as for want of memory, it may succeed the next time.
            return BUSY if code == -signal.SIGKILL else OVER_BUDGET
        except TimeoutError:
            self._log.warning("rendering ended", reason="the machine is busy")
        finally:
            self._give_back(process, is_reusable=is_whole)
        return BUSY

    async def _take(self) -> RenderProcess:
        """An idle process, or a new one; raises OSError."""
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            if process.is_alive:
                return process
            self._end(process)
        process = await RenderProcess.start()
        self.processes.add(process)
        return process

    def _give_back(self, process: RenderProcess, *, is_reusable: bool) -> None:
        """Keep a process for the next page, or end it in the middle of its work."""
        if is_reusable and process.resident_bytes <= MEMORY_KEPT_MAX:
            loop = asyncio.get_running_loop()
            self._idle[process] = loop.call_later(IDLE_SECONDS_MAX, self._end_idle, process)
        else:
            self._end(process)

    def _end_idle(self, process: RenderProcess) -> None:
        del self._idle[process]
        self._end(process)

    def _end(self, process: RenderProcess) -> None:
        """Kill a process; does nothing if that was done."""
        process.kill()
        if process in self.processes:
            self.processes.remove(process)
            self._ending.add(task := asyncio.create_task(process.wait()))
            task.add_done_callback(self._ending.discard)
