"""Background worker: sends webhooks, ends leases, decides tasks, reads words, deletes old rows.

Runs in each serving process or in a process of its own. It needs no leader: messages are leased
before they are sent, and the sweep of leases skips tasks that another worker has locked, so any
number of workers share the work. A commit of this process wakes it at once; commits of other
processes are found by polling once a second.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from plaudit import settings as limits
from plaudit.core.common import idempotency, server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.labeling import leases
from plaudit.core.labeling.counting import vote_writing
from plaudit.core.managing import actions, indexing
from plaudit.core.outbound.http_client import HttpClient
from plaudit.core.quality_control import follow_up, paces, undecided
from plaudit.core.transfer import jobs
from plaudit.core.webhooks import messages
from plaudit.core.webhooks.dispatcher import Dispatcher
from plaudit.core.webhooks.sender import LEASE_MS, AttemptEnd, Sender
from plaudit.errors import Problem, Unavailable
from plaudit.model.webhooks import MessageState
from plaudit.settings import Settings
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import unread_votes
from plaudit.store.managing import words
from plaudit.store.quality_control import paces as paces_store
from plaudit.store.tasks import work_queue

POLL_S = 1.0
POLL_S_MIN = 0.02
"""Shortest time between two polls, however often the worker is woken."""

PAUSE_S_MAX = 30.0
"""Longest pause after a failed poll; it doubles from `POLL_S`."""

CLEAN_UP_S = 60.0
DELETE_BATCH_SIZE = 500
EXPIRE_LEASES_S = 5.0
"""Mean seconds between two sweeps of expired leases."""

WRITE_VOTES_S = 1.0
"""Mean seconds between two looks for votes of an older store that are still to be written."""

READ_WORDS_S = 1.0
"""Mean seconds between two looks for tasks whose words are still to be read."""

BETWEEN_WORDS_S = 0.01
"""Seconds between two transactions that write words, in which others can write."""

DECIDE_TASKS_S = 1.0
"""Mean seconds between two looks for tasks that changed settings may decide."""

FOLLOW_UP_S = 1.0
"""Mean seconds between two looks for people who crossed a rule that is not carried out yet."""

REFRESH_PACES_S = 5.0
"""Mean seconds between two looks for usual times that are old."""

PROJECTS_AT_ONCE = 100
SWEEPS_MAX = 50
"""Transactions in a row for one project; the next sweep goes on from there."""

STOP_S = 8.0
"""Seconds for running attempts when a server stops, after its requests have ended."""


class Worker:
    """Background loops of one process, all on the event loop that calls `start`.

    `observe` is called with each attempt, for metrics, and `watch` with the name of each loop and
    its coroutine; it returns what is run instead. `lease_ms` is in milliseconds.
    """

    def __init__(
        self,
        db: Database,
        secret: ServerSecret,
        settings: Settings,
        *,
        http_client: HttpClient | None = None,
        lease_ms: int = LEASE_MS,
        observe: Callable[[AttemptEnd], None] | None = None,
        watch: Callable[[str, Coroutine[Any, Any, None]], Awaitable[None]] | None = None,
    ) -> None:
        self._db = db
        self._blobs = BlobStore(settings.attachments_location)
        sender = Sender(db, secret, settings, http_client=http_client, lease_ms=lease_ms)
        self._dispatcher = Dispatcher(sender, on_ended=self._log_attempt, on_fault=self._log_fault)
        self._observe = observe
        self._watch = watch
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger("plaudit.worker")

    def start(self) -> None:
        """Start the loops; needs a running event loop."""
        loops = {
            "worker.send": self._send(),
            "worker.expire_leases": self._run_periodically(EXPIRE_LEASES_S, self.expire_leases),
            "worker.decide_tasks": self._run_periodically(DECIDE_TASKS_S, self.decide_tasks),
            "worker.follow_up": self._run_periodically(FOLLOW_UP_S, self.follow_up),
            "worker.refresh_paces": self._run_periodically(REFRESH_PACES_S, self.refresh_paces),
            "worker.write_votes": self._run_periodically(WRITE_VOTES_S, self.write_votes),
            "worker.read_words": self._run_periodically(READ_WORDS_S, self.read_words),
            "worker.delete_expired": self._run_periodically(CLEAN_UP_S, self.delete_expired),
            "worker.delete_files": self._run_periodically(
                CLEAN_UP_S, lambda: jobs.delete_expired_files(self._db, self._blobs)
            ),
        }
        self._tasks = [
            asyncio.create_task(self._watched(name, loop)) for name, loop in loops.items()
        ]

    def wake(self) -> None:
        """Poll now: a message may be due. Called on the worker's own event loop."""
        self._woken.set()

    async def stop(self, seconds: float) -> None:
        """Stop the loops; running attempts have `seconds` to end, then they are cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dispatcher.stop(seconds)

    async def _watched(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        await (loop if self._watch is None else self._watch(name, loop))

    async def _send(self) -> None:
        pause_s = 0.0
        while True:
            await asyncio.sleep(POLL_S_MIN)
            self._woken.clear()
            try:
                soonest_s = await self._dispatcher.poll()
                pause_s = 0.0
            except Exception as exc:
                pause_s = min(max(POLL_S, pause_s * 2), PAUSE_S_MAX)
                self._log_fault(exc)
                await asyncio.sleep(pause_s)
                continue
            await self._wait(POLL_S if soonest_s is None else min(soonest_s, POLL_S))

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until woken."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _run_periodically(self, seconds: float, run: Callable[[], Awaitable[int]]) -> None:
        """Call `run` forever, on average every so many seconds; log its failures."""
        while True:
            # Jitter, so that processes that started together do not run together.
            await asyncio.sleep(random.uniform(0.5, 1.5) * seconds)
            try:
                await run()
            except Exception as exc:
                self._log_fault(exc)

    async def expire_leases(self) -> int:
        """Expire the leases of tasks that have run out, in all projects; return the count."""
        async with self._db.read(snapshot=False) as tx:
            project_keys = await leases_store.list_projects_due(
                tx, now=await tx.now_ms(), limit=PROJECTS_AT_ONCE
            )
        total = await self._sweep(project_keys, leases.expire_leases, leases.EXPIRED_AT_ONCE_MAX)
        if total:
            self._log.info("leases expired", count=total)
        return total

    async def decide_tasks(self) -> int:
        """Decide the tasks that changed settings may decide, in all projects; return the count."""
        async with self._db.read(snapshot=False) as tx:
            project_keys = await work_queue.list_undecided_projects(tx, limit=PROJECTS_AT_ONCE)
        total = await self._sweep(project_keys, undecided.decide, undecided.DECIDED_AT_ONCE_MAX)
        if total:
            self._log.info("tasks decided by changed settings", count=total)
        return total

    async def follow_up(self) -> int:
        """Give back leases and submissions after rules that people crossed; return how many steps.

        Each step is a transaction.
        """
        async with self._db.read(snapshot=False) as tx:
            project_keys = await follow_up.list_projects(tx, limit=PROJECTS_AT_ONCE)
        return sum([await follow_up.follow_up(self._db, key) for key in project_keys])

    async def refresh_paces(self) -> int:
        """Compute the usual times of tasks anew where they are old; return how many projects'."""
        async with self._db.read(snapshot=False) as tx:
            project_keys = await paces_store.list_projects_due(
                tx, now=await tx.now_ms(), limit=PROJECTS_AT_ONCE
            )
        for project_key in project_keys:

            async def work(tx: Transaction, project_key: int = project_key) -> None:
                await paces.refresh(tx, project_key)

            await self._db.write(work)
        return len(project_keys)

    async def write_votes(self) -> int:
        """Write votes of submissions and threads from before there were votes; return the count.

        The count is that of submissions and tasks.
        """
        async with self._db.read(snapshot=False) as tx:
            project_keys = await unread_votes.list_projects_to_read(tx, limit=PROJECTS_AT_ONCE)
        total = await self._sweep(project_keys, vote_writing.fill, vote_writing.FILLED_AT_ONCE_MAX)
        if total:
            self._log.info("votes written of an older store", count=total)
        return total

    async def read_words(self) -> int:
        """Read the words of new and changed tasks, for searches; return the number of tasks.

        A project whose words cannot be read keeps no other one waiting.
        """
        async with self._db.read(snapshot=False) as tx:
            project_keys = await words.list_projects_to_index(tx, limit=PROJECTS_AT_ONCE)
        total = 0
        for project_key in project_keys:
            try:
                total += await self._read_words_of(project_key)
            except Problem:
                raise  # the store is not there, for any project
            except Exception as exc:
                self._log_fault(exc)
        return total

    async def _read_words_of(self, project_key: int) -> int:
        total = 0
        for _ in range(SWEEPS_MAX):
            count = await indexing.read_words(self._db, project_key)
            total += count
            if count == 0:
                break
            await asyncio.sleep(BETWEEN_WORDS_S)
        return total

    async def _sweep(self, project_keys: list[int], sweep: _SweepProject, at_once_max: int) -> int:
        """Sweep projects, one after the other, each until less than `at_once_max` are left.

        `sweep` is one transaction, and returns the number of rows it dealt with. Returns their sum.
        """
        total = 0
        for project_key in project_keys:

            async def work(tx: Transaction, project_key: int = project_key) -> int:
                return await sweep(tx, project_key)

            for _ in range(SWEEPS_MAX):
                count = await self._db.write(work)
                total += count
                if count < at_once_max:
                    break
        return total

    async def delete_expired(self) -> int:
        """Delete idempotency keys, webhook messages, jobs and actions past their retention.

        Returns their number; rows that are deleted with one are not counted.
        """
        total = 0
        for delete in (
            idempotency.delete_expired,
            messages.delete_expired,
            jobs.delete_ended_jobs,
            actions.delete_old,
        ):

            async def work(tx: Transaction, delete: _DeleteExpired = delete) -> int:
                return await delete(tx, limit=DELETE_BATCH_SIZE)

            while True:
                count = await self._db.write(work)
                total += count
                if count < DELETE_BATCH_SIZE:
                    break
        return total

    def _log_attempt(self, ended: AttemptEnd) -> None:
        message = ended.message
        fields = {
            "event_id": message.event_id,
            "message_id": message.message_id,
            "endpoint_id": message.endpoint_id,
            "attempt": message.attempt_count + 1,
            "outcome": ended.result.outcome,
            "status": ended.result.status,
            "ms": ended.result.duration_ms,
        }
        if ended.state is None:
            self._log.warning("lease lost", **fields)
        elif ended.state is MessageState.failed:
            self._log.warning("message failed", **fields)
        else:
            event = "delivered" if ended.state is MessageState.delivered else "attempt failed"
            self._log.info(event, **fields)
        if ended.disabled_endpoint:
            self._log.warning("webhook disabled", endpoint_id=message.endpoint_id)
        if self._observe is not None:
            self._observe(ended)

    def _log_fault(self, fault: BaseException) -> None:
        if isinstance(fault, Unavailable):
            self._log.warning("worker waits", reason=fault.message, detail=fault.detail)
        elif isinstance(fault, Problem):
            self._log.error("problem", reason=fault.message, detail=fault.detail)
        else:
            self._log.error("failed", exc_info=fault)


_DeleteExpired = Callable[..., Awaitable[int]]
_SweepProject = Callable[[Transaction, int], Awaitable[int]]


def run(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT; running attempts are finished first."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    secret = server_secret.load(settings.secret_path)
    db = connect.open_database(settings)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    worker = Worker(db, secret, settings)
    worker.start()
    try:
        await stopped.wait()
        await worker.stop(limits.DRAIN_SECONDS_MAX)
    finally:
        await db.close()
