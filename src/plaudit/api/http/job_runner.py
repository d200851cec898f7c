"""Job runner: each job runs in a thread with an event loop of its own, once it is its turn.

The thread reports progress to a `Tracker` and learns from it when to stop. The server's event loop
stores the progress once a second, which also renews the job's lease.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from plaudit import clock, private_files
from plaudit.api.http.job_turns import Turns
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import Reject
from plaudit.core.transfer.jobs import JobProgress
from plaudit.errors import Problem, Unavailable
from plaudit.settings import Settings
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine import connect, disk_space
from plaudit.store.engine.engine import Database, Transaction, Work
from plaudit.store.transfer.jobs import Job, JobState

T = TypeVar("T")

HEARTBEAT_S = 1.0
THREADS_MAX = 4
"""Most jobs that a process runs at once; further ones wait for their turn."""
THREADS_PER_ENVIRONMENT_MAX = 2
WAITING = "waiting"
"""Phase of a job that waits for its turn."""

SCRATCH_FOLDER = "jobs"
SCRATCH_MS_MAX = 24 * 3600 * 1000
"""Age in milliseconds after which a scratch file counts as abandoned."""


class JobServices(Protocol):
    """Services of the process that its jobs use; `db` is set when the application starts."""

    settings: Settings
    db: Database
    objects: BlobStore


class Tracker:
    """Progress, refused rows and stop flag of a job; shared by its thread and the server's."""

    def __init__(self, phase: str) -> None:
        self.progress = JobProgress(phase=phase)
        self.reject_count = 0
        """Refused rows that were kept, at most REJECTS_KEPT_MAX; further ones are dropped."""
        self._rejects: deque[Reject] = deque()
        self._stop = threading.Event()
        self._stop_reason = ""

    @property
    def is_stopped(self) -> bool:
        """True once the job was told to stop."""
        return self._stop.is_set()

    def stop(self, reason: str) -> None:
        """Tell the job to stop at its next report; `reason` is for its user."""
        self._stop_reason = reason
        self._stop.set()

    def check(self) -> None:
        """Raise Unavailable if the job was told to stop."""
        if self._stop.is_set():
            raise Unavailable(self._stop_reason)

    def update(self, **changes: Any) -> None:
        """Replace fields of the progress."""
        self.progress = msgspec.structs.replace(self.progress, **changes)

    def report(self, **changes: Any) -> None:
        """Replace fields of the progress; raises Unavailable if the job was told to stop."""
        self.update(**changes)
        self.check()

    def remark(self, remark: str) -> None:
        """Add a remark to those of the progress."""
        self.update(notes=[*self.progress.notes, remark])

    def reject(self, row: Reject) -> None:
        """Keep a refused row, up to REJECTS_KEPT_MAX of them."""
        if self.reject_count < jobs.REJECTS_KEPT_MAX:
            self.reject_count += 1
            self._rejects.append(row)

    def pop_rejects(self) -> list[Reject]:
        """Take the refused rows that were kept since the last call, oldest first."""
        return [self._rejects.popleft() for _ in range(len(self._rejects))]


class ThreadRun:
    """Work of an organization that runs in a thread once it is its turn, and can be stopped."""

    def __init__(
        self,
        services: JobServices,
        threads: ThreadPoolExecutor,
        turns: Turns,
        owner: str,
        phase: str,
    ) -> None:
        self.tracker = Tracker(phase)
        self.settings = services.settings
        self._services = services
        self._threads = threads
        self._turns = turns
        self._owner = owner
        self._turn: asyncio.Future[None] | None = None

    def stop(self, reason: str) -> None:
        """Tell the work to stop at its next report, or while it waits; `reason` is for its user."""
        self.tracker.stop(reason)
        if self._turn is not None:
            self._turn.cancel()

    def scratch_folder(self) -> Path:
        """Folder for temporary files of jobs; what was abandoned in it is deleted.

        Raises Unavailable if it cannot be made.
        """
        folder = self._services.settings.data / SCRATCH_FOLDER
        try:
            private_files.make_folder(folder)
        except OSError as exc:
            raise disk_space.unwritable(exc, "files cannot be kept now") from exc
        for path in folder.iterdir():
            with suppress(OSError):
                if clock.now_ms() - path.stat().st_mtime * 1000 <= SCRATCH_MS_MAX:
                    continue
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        return folder

    async def run_in_thread(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Run `work` in a thread with its own event loop and a database usable there.

        Waits for the organization's turn before. Raises Unavailable if it was told to stop.
        """
        settings, main = self._services.settings, self._services.db

        async def with_database() -> T:
            own = connect.open_database(settings, patient=True)
            try:
                writer = main if settings.database is None else own
                return await work(_JobDatabase(own, writer, self.tracker))
            finally:
                await own.close()

        await self._take_turn()
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._threads, lambda: asyncio.run(with_database()))
        except RuntimeError as exc:  # the threads are shut down
            self._turns.end(self._owner)
            raise Unavailable("the server was stopped") from exc
        # The turn lasts as long as the thread, also where nobody waits for it any more.
        future.add_done_callback(self._end_turn)
        return await asyncio.shield(future)

    def _end_turn(self, done: asyncio.Future[Any]) -> None:
        self._turns.end(self._owner)
        if not done.cancelled():
            done.exception()

    async def _take_turn(self) -> None:
        """Wait for the turn; raises Unavailable if the work was told to stop."""
        self.tracker.check()
        phase, turn = self.tracker.progress.phase, self._turns.ask(self._owner)
        if turn.done():
            return
        self.tracker.update(phase=WAITING)
        self._turn = turn
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._turns.end(self._owner)
            self.tracker.check()
            raise
        finally:
            self._turn = None
            self.tracker.update(phase=phase)


class JobRun(ThreadRun):
    """Job that runs in this process, with its tracker and the heartbeat that renews its lease."""

    def __init__(
        self, services: JobServices, threads: ThreadPoolExecutor, turns: Turns, job: Job
    ) -> None:
        super().__init__(services, threads, turns, job.environment_id, jobs.job_progress(job).phase)
        self.job = job
        self._unwritten: list[Reject] = []
        self._written_count = 0
        self._log = structlog.get_logger("plaudit.jobs")
        self._heartbeat = asyncio.create_task(self._send_heartbeats())

    def scratch_path(self, suffix: str) -> Path:
        """Path for the job's temporary file; raises Unavailable if its folder cannot be made."""
        return self.scratch_folder() / f"{self.job.job_id}{suffix}"

    async def end(self, state: JobState, *, reason: str = "", file_size: int | None = None) -> bool:
        """Store the job's final state; False if it was cancelled or another process took it over.

        Of a cancelled job, its last progress is stored.
        """
        self._heartbeat.cancel()
        await asyncio.gather(self._heartbeat, return_exceptions=True)
        self._unwritten += self.tracker.pop_rejects()
        try:
            return await jobs.end_job(
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
            return True

    async def run_to_end(self, work: Coroutine[Any, Any, int | None]) -> None:
        """Run the job and store its outcome; `work` returns its file's size in bytes or None."""
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
        if not await self.end(state, reason=reason, file_size=size) and size is not None:
            with suppress(Problem):  # else it is deleted as a file that nothing refers to
                await self._services.objects.delete([jobs.file_key(self.job)])

    async def save(self) -> bool:
        """Store the progress and renew the lease; False if the job was taken over."""
        self._unwritten += self.tracker.pop_rejects()
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

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                is_ours = await self.save()
            except Problem as problem:
                self._log.warning("job waits", job_id=self.job.job_id, reason=problem.message)
                continue
            if not is_ours:
                self.stop("it was cancelled, or taken for dead because its server was too slow")
                return


class JobRunner:
    """Jobs of one process; used on the application's event loop alone."""

    def __init__(self, services: JobServices) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(THREADS_MAX, "job")
        self._turns = Turns(THREADS_MAX, THREADS_PER_ENVIRONMENT_MAX)
        self._runs: set[JobRun] = set()
        self._requests: set[ThreadRun] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def track(self, job: Job) -> JobRun:
        """Begin a job's heartbeat; the caller must pass the run to `start` or `close`."""
        run = JobRun(self._services, self._threads, self._turns, job)
        self._runs.add(run)
        return run

    @contextmanager
    def running_for(self, environment_id: str, phase: str) -> Iterator[ThreadRun]:
        """Yield a run without a row, for work that lasts no longer than its request.

        It is told to stop when the block ends, however that is.
        """
        run = ThreadRun(self._services, self._threads, self._turns, environment_id, phase)
        self._requests.add(run)
        try:
            yield run
        finally:
            self._requests.discard(run)
            run.stop("the request has ended")

    def start(self, run: JobRun, work: Coroutine[Any, Any, int | None]) -> None:
        """Run the job in the background; returns at once."""
        task = asyncio.create_task(self._run(run, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self, job_id: str) -> None:
        """Tell a cancelled job to stop at once, if this process runs it."""
        for run in self._runs:
            if run.job.job_id == job_id:
                run.stop(jobs.CANCELLED)

    async def close(self, run: JobRun, state: JobState, reason: str) -> None:
        """End a tracked job that cannot be started."""
        await run.end(state, reason=reason)
        self._runs.discard(run)

    async def stop(self, seconds: float) -> None:
        """Tell all jobs to stop, and cancel those that take longer than `seconds`."""
        for run in (*self._runs, *self._requests):
            run.stop("the server was stopped")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, run: JobRun, work: Coroutine[Any, Any, int | None]) -> None:
        try:
            await run.run_to_end(work)
        finally:
            self._runs.discard(run)


class _JobDatabase:
    """Store for a job's thread: a connection of its own, at whose reads it learns to stop.

    What is written then takes back what the job began. Writes to the embedded store go through the
    server's one writer, which serves jobs and requests in turn; a second writing connection would
    make requests wait for SQLite's lock.
    """

    def __init__(self, own: Database, writer: Database, tracker: Tracker) -> None:
        self._own = own
        self._writer = writer
        self._tracker = tracker

    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Transaction]:
        self._tracker.check()
        return self._own.read(snapshot=snapshot)

    def read_at_once(self, work: Work[T]) -> T:
        self._tracker.check()
        return self._own.read_at_once(work)

    async def write(self, work: Work[T]) -> T:
        return await self._writer.write(work)

    async def check(self) -> None:
        await self._own.check()

    async def close(self) -> None:
        await self._own.close()
