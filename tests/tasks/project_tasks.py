"""A project whose tasks are moved from one status to another."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.projects import create_batch
from plaudit.errors import Conflict
from plaudit.model.core import BatchStatus
from plaudit.settings import Settings
from plaudit.store.engine import migrator
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import tasks
from plaudit.wire.v2.task import ErrorDetail
from tests.support.builders import make_thread
from tests.support.databases.shard_rules import OF_SQLITE
from tests.support.harness import World

TABLES = re.findall(
    r"CREATE TABLE (\w+)",
    "".join("".join(m.statements) for m in migrator.migrations(migrator.SQLITE)),
)
THREADS = [make_thread()]


ERRORS = [ErrorDetail(type="LANGUAGE_MISMATCH", message="not in English")]


class ProjectTasks:
    """A project with a batch in progress, and short words for what tests do with its tasks."""

    def __init__(self, world: World, status: BatchStatus = BatchStatus.in_progress) -> None:
        self.world, self.environment_id = world, world.org()
        self.project = world.project()
        self.batch = self.write(
            lambda tx: create_batch(tx, self.project, name="First batch", status=status)
        )

    def write(self, work, world: World | None = None):
        world = world or self.world
        return world.run(world.db.write(work))

    def create(self, **fields) -> str:
        fields.setdefault("batch", self.batch)
        return self.write(lambda tx: lifecycle.create_task(tx, self.project, **fields)).task_id

    def move(self, kind: str, task_id: str, threads=THREADS, world: World | None = None):
        async def work(tx):
            task = await tasks.find_task(tx, self.environment_id, task_id)
            match kind:
                case "complete":
                    return await lifecycle.complete_task(tx, self.environment_id, task, threads)
                case "cancel":
                    return await lifecycle.cancel_task(tx, self.environment_id, task)
                case "fail":
                    return await lifecycle.fail_task(tx, self.environment_id, task, ERRORS)
                case "reopen":
                    return await lifecycle.reopen_task(tx, self.environment_id, task)

        return self.write(work, world)

    def create_many(self, count: int) -> list[str]:
        async def work(tx):
            return [
                (await lifecycle.create_task(tx, self.project, batch=self.batch)).task_id
                for _ in range(count)
            ]

        return self.write(work)

    def stored(self, task_id: str):
        return self.stored_many([task_id])[0]

    def stored_many(self, task_ids: list[str]):
        async def work(tx):
            return [await tasks.find_task(tx, self.environment_id, task_id) for task_id in task_ids]

        return self.write(work)

    def fresh_batch(self):
        return self.write(
            lambda tx: batches_store.find_batch(tx, self.environment_id, self.batch.batch_id)
        )

    def counts(self) -> dict[str, int]:
        found = self.write(
            lambda tx: batches_store.add_progress(
                tx, self.project.project_key, self.batch.batch_id, {}
            )
        )
        return {status.value: count for status, count in found.items() if count}

    def everything(self) -> list:
        """All rows of all tables."""

        missing = set() if self.world.settings.database is None else OF_SQLITE

        async def read():
            async with self.world.db.read() as tx:
                return [(name, sorted(map(repr, await tx.all(f"SELECT * FROM {name}", {}))))
                        for name in TABLES if name not in missing]  # fmt: skip

        return self.world.run(read())


def race(world: World, contenders) -> list:
    """Let each contender run at the same moment on an engine of its own; what each came to."""
    start = threading.Barrier(len(contenders))

    def run(contender):
        own = World(world.settings)
        try:
            start.wait(10)
            return contender(own)
        except Conflict as conflict:
            return conflict
        finally:
            own.close()

    with ThreadPoolExecutor(len(contenders)) as pool:
        return list(pool.map(run, contenders))


async def _complete_all(world: World, environment_id: str, task_ids: list[str]) -> None:
    """Complete tasks, four at once, and write each down as soon as it is acknowledged."""

    async def complete(some: list[str]) -> None:
        for task_id in some:

            async def work(tx: Transaction, task_id: str = task_id) -> int:
                task = await tasks.find_task(tx, environment_id, task_id)
                return await lifecycle.complete_task(tx, environment_id, task, [make_thread()])

            completed_ms = await world.db.write(work)
            # One write(2), so that a kill leaves no half of a line.
            os.write(1, f"{task_id} {completed_ms}\n".encode())

    await asyncio.gather(*(complete(task_ids[n::4]) for n in range(4)))


def complete_until_killed(settings: Settings, task_ids: list[str], talk: Connection) -> None:
    """Say "ready", complete tasks in a process of its own, and wait to be killed."""
    world = World(settings)
    talk.send("ready")
    world.run(_complete_all(world, world.org(), task_ids))
    signal.pause()
