"""The primary dies and its standby takes over: clients reconnect, and miss nothing from then on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from plaudit import clock
from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.store.engine import postgres
from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.tasks import tasks
from tests.support.builders import make_task, make_thread
from tests.support.databases.postgres_cluster import Cluster, make_store, pair, wait_until
from tests.support.databases.postgres_proxy import AtCommit, Proxy
from tests.support.harness import Server, World, walk

THREADS = [make_thread()]
RECOVERY_SECONDS_MAX = 30.0
EPOCH = "1970-01-01T00:00:00.000Z"
_CANCEL_WAITING_SQL = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
)


class Place:
    """A pair of clusters behind one address, with a store that is on both."""

    def __init__(self, primary: Cluster, standby: Cluster, folder) -> None:
        self.primary, self.standby = primary, standby
        self.proxy = Proxy(primary.port)
        self.settings = make_store(folder, primary.url(self.proxy.port))
        self.world = World(self.settings)
        self.world.org()
        self.project = self.world.project("Kept", project_id="project_123")
        self.databases: list[PostgresDatabase] = []

    def database(self, url: str) -> PostgresDatabase:
        """A database of its own, used in the world's loop and closed with this."""
        self.databases.append(PostgresDatabase(url))
        return self.databases[-1]

    def fail_over(self) -> None:
        """Kill the primary, promote the standby, and let the address lead to it."""
        self.primary.kill()
        self.standby.promote()
        self.proxy.target = self.standby.port

    def create(self, count: int) -> list[str]:
        async def work(tx):
            made = [await lifecycle.create_task(tx, self.project) for _ in range(count)]
            return [one.task_id for one in made]

        return self.world.run(self.world.db.write(work))

    def complete(self, task_id: str) -> int:
        async def work(tx):
            task = await tasks.find_task(tx, self.project.environment_id, task_id)
            return await lifecycle.complete_task(tx, self.project.environment_id, task, THREADS)

        return self.patiently(lambda: self.world.run(self.world.db.write(work)))

    def patiently(self, act):
        """Do it again, as a client does, while the store cannot be reached."""
        for _ in range(300):
            try:
                return act()
            except Unavailable:
                time.sleep(0.1)
        raise AssertionError("the store does not come back")

    def stored(self, cluster: Cluster) -> set[str]:
        rows = cluster.run("SELECT task_id FROM task")
        assert len(rows) == len(set(rows))
        return {row[0] for row in rows}

    def close(self) -> None:
        for one in self.databases:
            self.world.run(one.close())
        self.world.close()
        self.proxy.close()


class Consumer:
    """A syncing client that keeps the greatest completion time it has received."""

    def __init__(self, client, project) -> None:
        self.client, self.project = client, project
        self.watermark = EPOCH

    def poll(self) -> list[str]:
        found = walk(
            self.client,
            project_id=self.project.project_id,
            completed_after=self.watermark,
            limit=7,
        )
        times = [task["completed_at"] for task in found]
        assert times == sorted(times)
        self.watermark = max([self.watermark, *times])
        return [task["task_id"] for task in found]


@contextmanager
def serving(place: Place) -> Iterator[httpx2.Client]:
    """A client of a server of its own."""
    headers = {"Authorization": f"Bearer {place.world.key()}"}
    server = Server(place.settings)
    try:
        with httpx2.Client(base_url=server.url, headers=headers, timeout=40) as client:
            yield client
    finally:
        server.stop(9)


@pytest.fixture
def place(tmp_path):
    with pair() as (primary, standby):
        place = Place(primary, standby, tmp_path)
        try:
            yield place
        finally:
            place.close()


def test_a_standby_that_lacks_the_last_commits_takes_over_and_consumers_miss_nothing(place):
    """The lost commits hold completions, and an import from minutes ahead: both were received."""
    kept = place.create(20)
    for task_id in kept[:10]:
        place.complete(task_id)
    with serving(place) as client:
        place.primary.wait_for_standby()
        consumer = Consumer(client, place.project)
        asked = {"project_id": place.project.project_id, "limit": "3"}
        tokens = [
            client.get("/v2/tasks", params=asked | more).json()["next_token"]
            for more in ({}, {"status": "completed"}, {"completed_after": EPOCH})
        ]
        place.primary.stop_sending()
        lost = place.create(5)
        for task_id in lost:
            place.complete(task_id)
        ahead = clock.now_ms() + 4 * 60_000 + 50_000
        assert place.world.load([make_task("ahead", completed_at=clock.format_ms(ahead))])[1] == []
        received = consumer.poll()
        assert set(received) == {*kept[:10], *lost, "ahead"}
        watermark = clock.parse_moment(consumer.watermark)
        assert watermark == ahead

        place.fail_over()
        seconds = wait_until(
            lambda: client.get("/v2/tasks", params=asked).status_code == 200, "the API is back"
        )

        for token in tokens:
            answer = client.get("/v2/tasks", params={"next_token": token})
            assert answer.status_code == 400
            assert answer.json()["code"] == "page_token_expired"
        times = [place.complete(task_id) for task_id in kept[10:15]]
        assert consumer.poll() == kept[10:15]
        times += [place.complete(task_id) for task_id in kept[15:]]
        assert consumer.poll() == kept[15:]
        assert [watermark, *times] == sorted({watermark, *times}), "no time goes backwards"
        assert times[-1] < watermark + 10 * 60_000, "nor far ahead"
        assert len(walk(client, limit=3, project_id=place.project.project_id)) == 20

    print(f"the API was back {seconds:.2f} s after the standby had taken over")
    assert seconds < RECOVERY_SECONDS_MAX
    assert place.stored(place.standby) == set(kept)


def test_a_commit_that_the_new_primary_lacks_is_not_taken_for_another_of_its_number(place):
    """The new primary hands the transaction's number out again before its author asks."""
    db = place.database(place.primary.url(place.proxy.port))
    others = []

    async def work():
        await place.world.db.check()
        await asyncio.to_thread(place.primary.wait_for_standby)
        await asyncio.to_thread(place.primary.stop_sending)
        place.proxy.at_commit = AtCommit.reply_held
        write = asyncio.ensure_future(
            db.write(lambda tx: lifecycle.create_task(tx, place.project, task_id="asked"))
        )
        await asyncio.to_thread(place.proxy.holds.wait, 30)
        await asyncio.to_thread(place.fail_over)
        elsewhere = place.database(place.standby.url())
        for _ in range(5):
            task = await elsewhere.write(lambda tx: lifecycle.create_task(tx, place.project))
            others.append(task.task_id)
        place.proxy.at_commit = AtCommit.passes
        await asyncio.to_thread(place.proxy.cut)
        return await asyncio.gather(write, return_exceptions=True)

    [outcome] = place.world.run(work())

    expected = set(others)
    if not isinstance(outcome, Unavailable):  # acknowledged, so it has to be there
        assert outcome.task_id == "asked"
        expected.add("asked")
    assert place.stored(place.standby) == expected


@pytest.mark.slow
def test_with_a_synchronous_standby_nothing_acknowledged_is_lost(place, monkeypatch):
    """Not even what the primary committed alone while its author did not know the outcome."""
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS_MAX", 2.0)
    place.primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
    place.primary.run("SELECT pg_reload_conf()")
    sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
    wait_until(lambda: bool(place.primary.run(sql)), "the standby is synchronous")
    db = place.database(place.primary.url(place.proxy.port))

    def create():
        return place.world.run(db.write(lambda tx: lifecycle.create_task(tx, place.project)))

    acknowledged = {create().task_id for _ in range(30)}
    place.primary.stop_sending()
    place.proxy.at_commit = AtCommit.cut_after
    with ThreadPoolExecutor(1) as pool:
        # Who waits for the standby is told to wait no longer; the commit then stands here alone.
        cancel = pool.submit(
            wait_until, lambda: bool(place.primary.run(_CANCEL_WAITING_SQL)), "a commit waits"
        )
        with pytest.raises(Unavailable):
            create()
        cancel.result()
    wait_until(lambda: len(place.stored(place.primary)) == 31, "the commit is there")
    place.proxy.at_commit = AtCommit.passes

    place.fail_over()
    later = place.patiently(lambda: create().task_id)

    assert place.stored(place.standby) == {*acknowledged, later}
