"""A hot standby answers reads as the primary would, or leaves them to it."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import httpx2
import msgspec
import pytest
from scaleapi import ScaleClient

from plaudit import clock, settings
from plaudit.api.http.replica_reads import is_for_replicas
from plaudit.core.tasks import lifecycle
from plaudit.model.core import LogMark
from plaudit.store.engine import citus, epochs
from plaudit.store.engine.engine import AskPrimary, ReplicaState
from plaudit.store.engine.postgres import PostgresTransaction
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import SECONDS_MAX, Cluster, pair, wait_until
from tests.support.databases.replica_site import (
    Site,
    answered,
    open_unwatched,
    read_for_another_primary,
    read_once,
    state_of,
)
from tests.support.harness import Server, World, run_cli, store_arguments, walk
from tests.support.operations import GOOD, KEYED, ask, comparable

THREADS = [make_thread()]
EPOCH = "1970-01-01T00:00:00.000Z"
READING = [one for one in KEYED if is_for_replicas(one.path, one.method)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pair(fsync="off", wal_receiver_status_interval="1") as clusters:
        site = Site(*clusters, tmp_path_factory.mktemp("replica"))
        yield site
        site.world.close()


def test_every_reading_operation_of_the_v2_api_gets_the_same_bytes_from_the_replica(site):
    headers = {"X-Request-Id": "pinned", "Authorization": f"Bearer {site.key}"}
    requests = [
        (one, params, method)
        for one in READING
        for params in [*GOOD[one.operation_id], {"limit": "0"}, {"task_id": "absent"}]
        for method in ("GET", "HEAD")
    ]
    with site.client() as client, site.world.connect(headers=headers) as direct:
        before = answered(client)
        for one, params, method in requests:
            shown = ask(client, one, params, method=method, headers=headers)
            expected = ask(direct, one, params, method=method)
            if one.operation_id != "get_dataset_task_attachment":  # its links hold the time
                assert comparable(shown) == comparable(expected), (one.operation_id, params)
            assert shown.status_code == expected.status_code
        found = answered(client) - before

    assert len(READING) >= 17
    assert set(found) == {("replica", "")}
    assert found.total() > len(READING) * 2


def test_what_was_written_is_read_at_once_and_mostly_by_the_replica(site):
    """Through another process than the one that wrote, as after a webhook."""
    project = site.world.project("Read at once")
    with site.client() as client:
        before = answered(client)
        for number in range(40):
            [task_id] = site.create(project)
            assert client.get("/v2/task", params={"task_id": task_id}).status_code == 200
            site.world.run(site.complete(site.world.db, project, task_id))
            task = client.get("/v2/task", params={"task_id": task_id}).json()
            assert task["status"] == "completed", number
        found = answered(client) - before

    assert found["replica", ""] > 40, found


def test_a_replica_that_lags_too_far_is_waited_for_once_and_then_left_alone(site):
    project = site.world.project("Paused")
    lag_ms, seconds = 800, []
    with site.client(database_read_lag_ms=lag_ms) as client:
        with site.paused():
            [task_id] = site.create(project)
            for _ in range(6):
                started = time.monotonic()
                assert client.get("/v2/task", params={"task_id": task_id}).status_code == 200
                seconds.append(time.monotonic() - started)
            site.wait_for_state(client, "behind")
            wait_until(lambda: state_of(client)["lag_ms"] > lag_ms, "the lag is told")
            [behind] = [n for (_, why), n in answered(client).items() if why == "behind"]
        site.wait_for_state(client, "ready")
        wait_until(lambda: state_of(client)["lag_ms"] == 0, "it has caught up")
        before = answered(client)
        assert client.get("/v2/task", params={"task_id": task_id}).status_code == 200

        assert answered(client) - before == {("replica", ""): 1}
    assert behind == 6
    assert lag_ms / 1050 <= seconds[0] < SECONDS_MAX
    assert min(seconds[1:]) < lag_ms / 1000, "each of them was waited for"


def test_a_replica_of_a_primary_that_writes_nothing_has_no_lag_and_is_not_waited_for(site):
    with site.client(database_read_lag_ms=50) as client:
        wait_until(lambda: state_of(client) == {"state": "ready", "lag_ms": 0}, "all is still")
        before = answered(client)
        for _ in range(5):
            client.get("/v2/projects")

        assert (answered(client) - before)["replica", ""] >= 4


def test_the_primary_may_stand_behind_a_pooler(site):
    """Each of its transactions then opens by itself, and says how far it is all the same."""
    project = site.world.project("Pooled")
    with site.client(database_pooler=True) as client:
        before = answered(client)
        for _ in range(5):
            [task_id] = site.create(project)
            assert client.get("/v2/task", params={"task_id": task_id}).status_code == 200

        assert (answered(client) - before)["replica", ""] >= 4


def test_a_revoked_key_opens_nothing_though_the_replica_still_has_it(site):
    world = site.world
    key = world.key()
    with site.client() as client, site.paused():
        asked = {"Authorization": f"Bearer {key}"}
        assert client.get("/v2/projects", headers=asked).status_code == 200

        async def revoke(tx):
            await tx.run("UPDATE api_key SET revoked_ms = 1 WHERE digest = :digest", wanted)

        wanted = {"digest": world.secret.key_digests(key)[0]}
        world.run(world.db.write(revoke))

        assert client.get("/v2/projects", headers=asked).status_code == 401


def test_walks_go_on_at_either_server_and_expire_with_the_epoch_on_both(site):
    project = site.world.project("Walked")
    site.create(project, 12)
    headers = {"Authorization": f"Bearer {site.key}"}
    with site.client() as client, site.world.connect(headers=headers) as direct:
        token, shown = None, []
        for number in range(4):
            asked = {"project_id": project.project_id, "limit": 3} | (
                {"next_token": token} if token else {}
            )
            page, again = (one.get("/v2/tasks", params=asked).json() for one in (client, direct))
            assert page == again, number
            shown += [task["task_id"] for task in page["tasks"]]
            token = page.get("next_token", token)

        async def begin(tx):
            _, timeline = await epochs.current(tx)
            await epochs.begin(tx, old_timeline=timeline, timeline=timeline, now=clock.now_ms())
            await epochs.end_other_sessions(tx)

        site.world.run(site.world.db.write(begin))
        wait_until(lambda: client.get("/v2/projects").status_code == 200, "it is back")
        site.wait_for_state(client, "ready")
        before = answered(client)
        stale = client.get("/v2/tasks", params={"next_token": token})

        assert stale.json()["code"] == "page_token_expired"
        assert answered(client) - before == {("replica", ""): 1}
    assert len(set(shown)) == 12


def test_syncing_under_writers_while_replay_stops_and_goes_on_misses_nothing_and_repeats_nothing(
    site,
):
    """Each poll walks what is new, in pages of three, and then everything that had been made."""
    project, count, writers = site.world.project("Synced"), 120, 4
    task_ids = site.create(project, count)
    made = list(task_ids)
    watermark, received, is_over = EPOCH, [], threading.Event()

    async def write() -> None:
        async def one(number: int) -> None:
            for task_id in task_ids[number::writers]:
                await site.complete(site.world.db, project, task_id)
                task = await site.world.db.write(lambda tx: lifecycle.create_task(tx, project))
                made.append(task.task_id)
                await asyncio.sleep(0.01)

        await asyncio.gather(*map(one, range(writers)))

    def stop_and_go() -> None:
        while not is_over.is_set():
            with site.paused():
                is_over.wait(0.15)
            is_over.wait(0.1)

    with site.client(database_read_lag_ms=50) as client:
        before = answered(client)
        pausing = threading.Thread(target=stop_and_go)
        writing = threading.Thread(target=lambda: site.world.run(write()))
        pausing.start(), writing.start()
        try:
            while True:
                is_last = not writing.is_alive()
                asked = {"project_id": project.project_id, "limit": 3, "completed_after": watermark}
                for task in walk(client, **asked):
                    received.append(task["task_id"])
                    watermark = max(watermark, task["completed_at"])
                expected = set(made)
                everything = walk(client, project_id=project.project_id, limit=20)
                walked = [task["task_id"] for task in everything]
                assert len(set(walked)) == len(walked)
                assert expected <= set(walked)
                if is_last:
                    break
        finally:
            is_over.set()
            pausing.join(), writing.join()
        found = answered(client) - before

    assert sorted(received) == sorted(task_ids)
    assert found["replica", ""] > 0, found
    assert found["primary", "behind"] > 0, found


def test_a_replica_that_stops_in_the_middle_of_a_walk_costs_nothing_but_its_help(site):
    project = site.world.project("Stopped")
    expected = site.create(project, 9)
    with site.client() as client:
        first = client.get("/v2/tasks", params={"project_id": project.project_id, "limit": 2})
        site.standby.stop(signal.SIGINT)
        try:
            page = first.json()
            rest = walk(client, next_token=page["next_token"], limit=2)
            site.wait_for_state(client, "gone")
            assert client.get("/v2/projects").status_code == 200
        finally:
            site.standby.start()
        site.wait_for_state(client, "ready")

    assert [task["task_id"] for task in page["tasks"] + rest] == expected


def test_a_read_that_replay_cancels_is_run_again_on_the_primary(site, monkeypatch):
    project = site.world.project("Cancelled")
    [task_id] = site.create(project)
    site.standby.run("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    site.standby.run("SELECT pg_reload_conf()")
    site.primary.wait_for_standby()

    async def conflict() -> str:
        """Read rows on the replica while the primary forgets them."""
        db = site.world.db
        opened = await open_unwatched(site, site.standby)
        try:
            async with db.read() as tx:
                mark = LogMark(tx.epoch, 0)
            async with opened.at(mark).read() as tx:
                await tx.all("SELECT * FROM project", {})
                for sql in ("UPDATE %s", "VACUUM project", "UPDATE %s"):
                    sql = sql.replace("%s", "project SET name = name")
                    await asyncio.to_thread(site.primary.run, sql)
                await asyncio.to_thread(site.primary.wait_for_standby)
                await tx.all("SELECT * FROM project", {})
        except AskPrimary as exc:
            return exc.reason
        finally:
            await opened.stop()
        return "answered"

    assert site.world.run(conflict()) in ("conflict", "gone")

    one = PostgresTransaction.one
    cancelled = []

    async def cancelled_once(tx, sql, args):
        if not cancelled and tx.log_position == "0" and "task_locator" in sql:
            cancelled.append(sql)
            await one(tx, "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", {})
        return await one(tx, sql, args)

    with site.client() as client:
        monkeypatch.setattr(PostgresTransaction, "one", cancelled_once)
        answer = client.get("/v2/task", params={"task_id": task_id})

        assert answer.json()["task_id"] == task_id
        assert len(cancelled) == 1
        assert answered(client)["primary", "conflict"] == 1


def test_a_promoted_replica_is_not_read_though_it_has_rows_of_its_own(site):
    """Not even by a read between its promotion and the next look at it."""
    [task_id] = site.create(site.world.project("Promoted"))
    second = Cluster(fsync="off")
    try:
        second.copy_of(site.primary).start()
        with site.client(database_read=second.url()) as client:
            opened = site.world.run(open_unwatched(site, second))
            outcomes = [site.world.run(read_once(site, opened))]
            second.promote()
            second.run(f"DELETE FROM task_locator WHERE task_id = '{task_id}'")

            answer = client.get("/v2/task", params={"task_id": task_id})
            outcomes += [site.world.run(read_once(site, opened)) for _ in range(2)]
            site.world.run(opened.stop())
            site.wait_for_state(client, "promoted")
            former = site.world.run(read_for_another_primary(site, second))
        assert former == ReplicaState.behind
        assert answer.json()["status"] == "pending"
        assert outcomes == ["answered", ReplicaState.promoted, ReplicaState.promoted]
    finally:
        second.remove()


def test_a_connection_to_a_replica_that_was_restarted_waits_until_it_was_looked_at_again(site):
    """It may show less than before until it has replayed its log."""

    async def work() -> list[str]:
        opened = await open_unwatched(site, site.standby)
        try:
            outcomes = [await read_once(site, opened)]
            for connection in opened.pool.incarnations:
                opened.pool.incarnations[connection] = "before"
            return [*outcomes, await read_once(site, opened), await read_once(site, opened)]
        finally:
            await opened.stop()

    assert site.world.run(work()) == ["answered", ReplicaState.gone, "answered"]


def test_what_is_no_replica_of_the_store_is_refused_at_the_start(site, tmp_path, monkeypatch):
    arguments = ["serve", *store_arguments(site.settings), "--port", "1"]
    site.primary.run("CREATE DATABASE other")
    site.primary.wait_for_standby()
    other = site.standby.url().replace("/postgres?", "/other?")
    for database in (other, "mysql://localhost/plaudit"):
        refused = run_cli(*arguments, "--database-read", database)
        assert refused.returncode == 1
        assert "--database-read" in refused.stderr
    with_sqlite = run_cli("init", "--data", str(tmp_path / "data"))
    assert with_sqlite.returncode == 0
    refused = run_cli("serve", "--data", str(tmp_path / "data"), "--database-read", other)
    assert "embedded store has no replica" in refused.stderr

    async def is_cluster(tx) -> bool:
        return True

    monkeypatch.setattr(citus, "is_cluster", is_cluster)
    refused = run_cli(
        *arguments, PLAUDIT_DATABASE_READ=site.standby.url(), PLAUDIT_DATABASE_READ_LAG_MS="1000"
    )
    assert "coordinator of a Citus cluster" in refused.stderr


def test_the_official_client_reads_a_running_server_through_the_replica(site):
    project = site.world.project("Official")
    expected = site.create(project, 30)
    server = Server(
        site.world.settings,
        PLAUDIT_DATABASE_READ=site.standby.url(),
        PLAUDIT_DATABASE_READ_LAG_MS="1000",
    )
    try:
        client = ScaleClient(site.key)
        client.v2.api_client.configuration.host = server.url
        asked = {"project_id": project.project_id, "limit": 7}
        with httpx2.Client(base_url=server.url) as plain:
            site.wait_for_state(plain, "ready")
            walked = [task.task_id for task in client.v2_get_tasks(**asked)]
            found = answered(plain)
    finally:
        server.stop()

    assert walked == expected
    assert found["replica", ""] == 5
    log = server.log_path.read_text()
    assert log.count('"answered_by":"replica"') == 5
    assert '"event":"replica"' in log


def test_the_replica_is_named_to_each_serving_process(site, monkeypatch):
    chosen = msgspec.structs.replace(site.settings, database_read_lag_ms=250)
    with monkeypatch.context() as patch:
        for name in [*settings.VARIABLES, settings.METRICS_FOLDER]:
            patch.setenv(name, "")
        settings.to_environment(chosen, metrics_folder="unused")
        found = settings.from_environment()

    assert (found.database_read, found.database_read_lag_ms) == (site.standby.url(), 250)


def test_a_replica_that_is_not_there_at_the_start_is_told_of_and_serving_begins(site):
    absent = Cluster().url()
    settings = msgspec.structs.replace(site.settings, database_read=absent)
    world = World(settings)
    try:
        with world.client(site.key) as client:
            assert client.get("/v2/projects").status_code == 200
            assert state_of(client)["state"] == "gone"
    finally:
        world.close()
