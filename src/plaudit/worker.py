"""What happens by itself: sending, taking back leases that ran out, forgetting what is old.

In each serving process or in a process of its own. It needs no leader: whoever takes a notice
leases it, and whoever takes leases back passes over the tasks that others are at, so any number of
workers share the work. A commit of this process wakes the sending at once; what others commit is
found by looking once a second.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

import structlog

from plaudit import settings as limits
from plaudit.core.common import idempotency, server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.labeling import leases
from plaudit.core.outbound.http_client import HttpClient
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

LOOK_S = 1.0
LOOK_S_MIN = 0.02
"""However often it is woken, it looks this much apart."""

PAUSE_S_MAX = 30.0
TIDY_S = 60.0
FORGOTTEN_AT_ONCE = 500
TAKE_BACK_S = 5.0
"""How long a lease that ran out may wait before others are offered its task."""

PROJECTS_AT_ONCE = 100
SWEEPS_MAX = 50
"""Transactions in a row for one project; what is left is taken back the next time."""

STOP_S = 8.0
"""Inside a server, whose requests have had their time to end already."""


class Worker:
    """The loop of one process. Belongs to the event loop that starts it."""

    def __init__(
        self,
        db: Database,
        secret: ServerSecret,
        settings: Settings,
        *,
        egress: HttpClient | None = None,
        lease_ms: int = LEASE_MS,
        observe: Callable[[AttemptEnd], None] | None = None,
    ) -> None:
        self._db = db
        self._objects = BlobStore(settings.attachments_location)
        sender = Sender(db, secret, settings, egress=egress, lease_ms=lease_ms)
        self._lines = Dispatcher(sender, on_ended=self._note, on_fault=self._fault)
        self._observe = observe
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger("plaudit.worker")

    def start(self) -> None:
        """Begin; needs a running event loop."""
        every = (
            self._send(),
            self._now_and_then(TAKE_BACK_S, self.take_back),
            self._now_and_then(TIDY_S, self.forget_old),
            self._now_and_then(TIDY_S, lambda: jobs.drop_old_files(self._db, self._objects)),
        )
        self._tasks = [asyncio.create_task(one) for one in every]

    def wake(self) -> None:
        """Look soon: something may be due. Called on the worker's own event loop."""
        self._woken.set()

    async def stop(self, seconds: float) -> None:
        """Take up nothing more; what is being sent has `seconds` to end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lines.stop(seconds)

    async def _send(self) -> None:
        pause_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S_MIN)
            self._woken.clear()
            try:
                soonest_s = await self._lines.look()
                pause_s = 0.0
            except Exception as exc:
                pause_s = min(max(LOOK_S, pause_s * 2), PAUSE_S_MAX)
                self._fault(exc)
                await asyncio.sleep(pause_s)
                continue
            await self._wait(LOOK_S if soonest_s is None else min(soonest_s, LOOK_S))

    async def _wait(self, seconds: float) -> None:
        """Wait for a time, or until woken."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _now_and_then(self, seconds: float, run: Callable[[], Awaitable[int]]) -> None:
        """Do something about that often, in pieces that hold nobody up."""
        while True:
            # Left to chance, so that processes started together do not come together.
            await asyncio.sleep(random.uniform(0.5, 1.5) * seconds)
            try:
                await run()
            except Exception as exc:
                self._fault(exc)

    async def take_back(self) -> int:
        """Take back the leases that have run out; return how many it was."""
        async with self._db.read(snapshot=False) as tx:
            found = await leases_store.list_projects_due(
                tx, now=await tx.now_ms(), limit=PROJECTS_AT_ONCE
            )
        total = 0
        for project_key in found:

            async def work(tx: Transaction, project_key: int = project_key) -> int:
                return await leases.sweep(tx, project_key)

            for _ in range(SWEEPS_MAX):
                count = await self._db.write(work)
                total += count
                if count < leases.SWEPT_AT_ONCE:
                    break
        if total:
            self._log.info("leases taken back", count=total)
        return total

    async def forget_old(self) -> int:
        """Delete everything that is kept no longer; return how many rows were the first of it."""
        total = 0
        for forget in (idempotency.forget_old, messages.forget_old, jobs.forget_old):

            async def work(tx: Transaction, forget: _Forget = forget) -> int:
                return await forget(tx, limit=FORGOTTEN_AT_ONCE)

            while True:
                count = await self._db.write(work)
                total += count
                if count < FORGOTTEN_AT_ONCE:
                    break
        return total

    def _note(self, ended: AttemptEnd) -> None:
        notice = ended.notice
        about = {
            "event_id": notice.event_id,
            "notice_id": notice.notice_id,
            "endpoint_id": notice.endpoint_id,
            "attempt": notice.attempt_count + 1,
            "outcome": ended.result.outcome,
            "status": ended.result.status,
            "ms": ended.result.duration_ms,
        }
        if ended.state is None:
            self._log.warning("lease lost", **about)
        elif ended.state is MessageState.dead:
            self._log.warning("given up", **about)
        else:
            self._log.info("sent" if ended.state is MessageState.done else "not sent", **about)
        if ended.disabled_endpoint:
            self._log.warning("webhook disabled", endpoint_id=notice.endpoint_id)
        if self._observe is not None:
            self._observe(ended)

    def _fault(self, fault: BaseException) -> None:
        if isinstance(fault, Unavailable):
            self._log.warning("worker waits", reason=fault.message, detail=fault.detail)
        elif isinstance(fault, Problem):
            self._log.error("problem", reason=fault.message, detail=fault.detail)
        else:
            self._log.error("failed", exc_info=fault)


_Forget = Callable[..., Awaitable[int]]


def run(settings: Settings) -> None:
    """Work until told to stop by SIGTERM or SIGINT; what is being sent is finished first."""
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
