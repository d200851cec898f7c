"""Run jobs: each in a thread and on an event loop of its own, so that no request waits for one.

What the thread does is told to a tracker, which it also asks whether to go on. Meanwhile the
server's own loop writes down once a second how far the job is, and thereby that it is alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from plaudit import clock
from plaudit.api.http.operation import Services
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import Reject
from plaudit.core.transfer.jobs import JobProgress
from plaudit.errors import Problem, Unavailable
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database, Transaction, Work
from plaudit.store.transfer.jobs import Job, JobState

T = TypeVar("T")

BEAT_S = 1.0
THREADS_MAX = 4
"""How many jobs a process works on at once; others wait, and show it."""

SCRATCH_FOLDER = "jobs"
LEFT_BEHIND_MS = 24 * 3600 * 1000


class Tracker:
    """What a job and its server tell one another; used by both threads."""

    def __init__(self, phase: str) -> None:
        self.progress = JobProgress(phase=phase)
        self.reject_count = 0
        """How many refused rows were taken down; those beyond are only counted."""
        self._rejects: deque[Reject] = deque()
        self._stop = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether the job was told to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let the job end where it next looks."""
        self._stop.set()

    def check(self) -> None:
        """Raise Unavailable if the job is to stop."""
        if self._stop.is_set():
            raise Unavailable("the server was stopped, or took the job for dead")

    def note(self, **changes: Any) -> None:
        """Say how far the job is."""
        self.progress = msgspec.structs.replace(self.progress, **changes)

    def tell(self, **changes: Any) -> None:
        """Say how far the job is, and learn whether to go on; raises Unavailable if not."""
        self.note(**changes)
        self.check()

    def reject(self, one: Reject) -> None:
        """Take a refused row down, if it is one of the first."""
        if self.reject_count < jobs.REJECTS_KEPT_MAX:
            self.reject_count += 1
            self._rejects.append(one)

    def new_rejects(self) -> list[Reject]:
        """The refused rows that nobody has asked for yet."""
        return [self._rejects.popleft() for _ in range(len(self._rejects))]


class JobRun:
    """One job under way in this process: its tracker, and the beat that keeps it alive."""

    def __init__(self, services: Services, threads: ThreadPoolExecutor, job: Job) -> None:
        self.job = job
        self.tracker = Tracker(jobs.job_progress(job).phase)
        self._services = services
        self._threads = threads
        self._unwritten: list[Reject] = []
        self._written_count = 0
        self._log = structlog.get_logger("plaudit.jobs")
        self._beating = asyncio.create_task(self._beat())

    def scratch(self, suffix: str) -> Path:
        """Where this process may write the job's file; what others left behind there goes.

        Raises Unavailable where it may not.
        """
        folder = self._services.settings.data / SCRATCH_FOLDER
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise Unavailable("files cannot be kept now", detail=str(exc)) from exc
        for path in folder.iterdir():
            with suppress(OSError):
                if clock.now_ms() - path.stat().st_mtime * 1000 > LEFT_BEHIND_MS:
                    path.unlink()
        return folder / f"{self.job.job_id}{suffix}"

    async def beside(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Do something in a thread of its own, with a database that may be used there."""
        settings, main = self._services.settings, self._services.db

        async def opened() -> T:
            own = connect.open_database(settings, patient=True)
            try:
                return await work(own if settings.database is not None else _JobThread(own, main))
            finally:
                await own.close()

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: asyncio.run(opened()))

    async def end(self, state: JobState, *, reason: str = "", file_size: int | None = None) -> None:
        """End the job; nothing happens if it is no longer ours."""
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._unwritten += self.tracker.new_rejects()
        try:
            await jobs.end_job(
                self._services.db,
                self.job,
                state,
                self.tracker.progress,
                self._unwritten,
                self._written_count,
                reason=reason,
                file_size=file_size,
            )
        except Problem as problem:  # its lease will end
            self._log.warning("job not ended", job_id=self.job.job_id, reason=problem.message)

    async def to_end(self, work: Coroutine[Any, Any, int | None]) -> None:
        """Do the job, and end it as it went. The work returns the size of the file it made."""
        state, reason, size = JobState.done, "", None
        try:
            size = await work
        except Problem as problem:
            state = JobState.broken if self.tracker.is_stopped else JobState.failed
            reason = problem.message
            self._log.warning(
                "job not done", job_id=self.job.job_id, reason=reason, detail=problem.detail
            )
        except Exception as exc:
            self._log.error("job failed", job_id=self.job.job_id, exc_info=exc)
            state, reason = JobState.failed, f"the server failed; its log names {self.job.job_id}"
        await self.end(state, reason=reason, file_size=size)

    async def save(self) -> bool:
        """Write down how far the job is, and that it is alive; False if it is no longer ours."""
        self._unwritten += self.tracker.new_rejects()
        is_ours = await jobs.save_progress(
            self._services.db,
            self.job,
            self.tracker.progress,
            self._unwritten,
            self._written_count,
        )
        self._written_count += len(self._unwritten)
        self._unwritten = []
        return is_ours

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                is_ours = await self.save()
            except Problem as problem:
                self._log.warning("job waits", job_id=self.job.job_id, reason=problem.message)
                continue
            if not is_ours:
                self.tracker.stop()
                return


class JobRunner:
    """The jobs of one process. Belongs to the event loop of the application."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(THREADS_MAX, "job")
        self._runs: set[JobRun] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, job: Job) -> JobRun:
        """Keep a job that was begun alive, until it is ended or handed to `go`."""
        run = JobRun(self._services, self._threads, job)
        self._runs.add(run)
        return run

    def go(self, run: JobRun, work: Coroutine[Any, Any, int | None]) -> None:
        """Do the job's work while the request that began it is answered."""
        task = asyncio.create_task(self._whole(run, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, run: JobRun, state: JobState, reason: str) -> None:
        """End a job that was opened and cannot be handed to `go`."""
        await run.end(state, reason=reason)
        self._runs.discard(run)

    async def stop(self, seconds: float) -> None:
        """Tell all jobs to stop; they have `seconds` to write down where they are."""
        for run in self._runs:
            run.tracker.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _whole(self, run: JobRun, work: Coroutine[Any, Any, int | None]) -> None:
        try:
            await run.to_end(work)
        finally:
            self._runs.discard(run)


class _JobThread:
    """The embedded store for another thread: it reads on a connection of its own.

    What it writes passes through the server's one writer, which takes turns; with a connection of
    its own a long job would leave the server waiting for the lock.
    """

    def __init__(self, own: Database, main: Database) -> None:
        self._own = own
        self._main = main

    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Transaction]:
        return self._own.read(snapshot=snapshot)

    async def write(self, work: Work[T]) -> T:
        return await self._main.write(work)

    async def check(self) -> None:
        await self._own.check()

    async def close(self) -> None:
        await self._own.close()
