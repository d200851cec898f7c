"""A primary and its standby with a store on both, and applications that read the standby."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from plaudit.core.tasks import lifecycle
from plaudit.model.core import LogMark
from plaudit.store.engine import replica
from plaudit.store.engine.engine import AskPrimary
from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.tasks import tasks
from tests.support.ann_data import fill
from tests.support.app_client import AppClient
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import Cluster, make_store, wait_until
from tests.support.harness import World

THREADS = [make_thread()]
_ANSWERED = re.compile(
    r'^plaudit_replica_reads_total\{answered_by="(\w+)",reason="(\w*)"\} ([\d.]+)$', re.M
)


class Site:
    """A primary and its standby with a store, and applications that read both or the primary."""

    def __init__(self, primary: Cluster, standby: Cluster, folder) -> None:
        self.primary, self.standby = primary, standby
        store = make_store(folder, primary.url())
        self.settings = msgspec.structs.replace(
            store,
            database_read=standby.url(),
            database_read_lag_ms=1000,
            metrics_public=True,
        )
        self.world = World(store)
        fill(self.world)
        self.key = self.world.key()

    @contextmanager
    def client(self, **changes) -> Iterator[AppClient]:
        """A client of an application that reads the standby, which is ready."""
        world = World(msgspec.structs.replace(self.settings, **changes))
        try:
            with world.client(self.key) as client:
                self.wait_for_state(client, "ready")
                yield client
        finally:
            world.close()

    def wait_for_state(self, client: AppClient, state: str) -> None:
        wait_until(lambda: state_of(client)["state"] == state, f"the replica is {state}", 20)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The standby receives, and replays nothing."""
        self.standby.run("SELECT pg_wal_replay_pause()")
        paused = "SELECT 1 WHERE pg_get_wal_replay_pause_state() = 'paused'"
        wait_until(lambda: bool(self.standby.run(paused)), "replay pauses")
        try:
            yield
        finally:
            self.standby.run("SELECT pg_wal_replay_resume()")

    def create(self, project, count: int = 1) -> list[str]:
        async def work(tx):
            return [(await lifecycle.create_task(tx, project)).task_id for _ in range(count)]

        return self.world.run(self.world.db.write(work))

    async def complete(self, db, project, task_id: str) -> None:
        async def work(tx):
            task = await tasks.find_task(tx, project.environment_id, task_id)
            await lifecycle.complete_task(tx, project.environment_id, task, THREADS)

        await db.write(work)


def state_of(client: AppClient) -> dict:
    return client.get("/readyz").json()["replica"]


def answered(client: AppClient) -> Counter:
    """How many reads each server has answered so far, by (server, reason)."""
    text = client.get("/metrics").text
    return Counter({(who, why): int(float(n)) for who, why, n in _ANSWERED.findall(text)})


async def read_for_another_primary(site: Site, promoted: Cluster) -> str:
    """Outcome of a read of the former primary's standby for the new one, whose epoch it lacks."""
    db = PostgresDatabase(promoted.url(), has_replica=True)
    opened = await replica.open_replica(
        site.standby.url(), db, lag_s_max=0.2, on_look=lambda _: None
    )
    try:
        return await read_once(site, opened, db)
    finally:
        await opened.stop()
        await db.close()


async def open_unwatched(site: Site, cluster: Cluster) -> replica.Replica:
    """A replica that was looked at once, and is not again."""
    return await replica.open_replica(
        cluster.url(), site.world.db, lag_s_max=1.0, on_look=lambda _: None
    )


async def read_once(
    site: Site, opened: replica.Replica, primary: PostgresDatabase | None = None
) -> str:
    """Outcome of a read that asks for nothing new but the primary's epoch."""
    async with (primary or site.world.db).read() as tx:
        mark = LogMark(tx.epoch, 0)
    try:
        async with opened.at(mark).read(snapshot=False) as tx:
            await tx.one("SELECT 1", {})
    except AskPrimary as exc:
        return exc.reason
    return "answered"
