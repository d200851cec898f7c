"""Addresses of a primary and its replica: through poolers, of copies, with each scheme."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import httpx2
import msgspec
import psutil
import pytest

from plaudit.model.core import LogMark
from tests.support.databases import pgbouncer
from tests.support.databases.pgbouncer import BEHIND, needs_pooler, pooling
from tests.support.databases.postgres_cluster import SECONDS_MAX, make_store, pair
from tests.support.databases.replica_site import Site, answered, open_unwatched, read_once
from tests.support.harness import Server, run_cli, store_arguments, walk

TOLERANT = (
    "ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout,"
    "enable_hashjoin,enable_mergejoin,random_page_cost\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pair(fsync="off", wal_receiver_status_interval="1") as clusters:
        site = Site(*clusters, tmp_path_factory.mktemp("replica"))
        yield site
        site.world.close()


def test_a_copy_of_the_database_beside_it_on_the_standby_is_no_replica_of_it(site, tmp_path):
    """Made from a template it has the same tables under the same numbers, and the same epoch."""
    site.primary.run("CREATE DATABASE original")
    store = make_store(tmp_path, site.primary.url().replace("/postgres?", "/original?"))
    site.primary.run("CREATE DATABASE staging TEMPLATE original")
    site.primary.wait_for_standby()
    copy = site.standby.url().replace("/postgres?", "/staging?")

    refused = run_cli("serve", *store_arguments(store), "--port", "1", "--database-read", copy)

    assert refused.returncode == 1
    assert "another cluster or database" in refused.stderr


def test_what_was_acknowledged_before_it_was_on_disk_is_waited_for_too(site):
    """With `synchronous_commit = off` the log may reach the standby 0.2 s after the answer."""
    project = site.world.project("Not on disk")
    try:
        for sql in ("ALTER SYSTEM SET synchronous_commit = 'off'", "SELECT pg_reload_conf()"):
            site.primary.run(sql)
        with site.client() as client:
            [(setting,)] = site.primary.run("SELECT current_setting('synchronous_commit')")
            before = answered(client)
            for _ in range(10):
                [task_id] = site.create(project)
                assert client.get("/v2/task", params={"task_id": task_id}).status_code == 200
            found = answered(client) - before
    finally:
        for sql in ("ALTER SYSTEM RESET synchronous_commit", "SELECT pg_reload_conf()"):
            site.primary.run(sql)

    assert setting == "off"
    assert found["replica", ""] >= 5, found


def test_a_replica_that_hangs_holds_up_a_request_once_and_is_used_again_afterwards(site):
    """Nothing says that it is gone: it takes connections, and answers nothing."""
    project = site.world.project("Hung")
    expected = site.create(project, 9)
    assert site.standby.process is not None
    main = psutil.Process(site.standby.process.pid)
    seconds, walked = [], []
    with site.client() as client:
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            asked = {"project_id": project.project_id, "limit": 1}
            while asked:
                started = time.monotonic()
                page = client.get("/v2/tasks", params=asked).raise_for_status().json()
                seconds.append(time.monotonic() - started)
                walked += [task["task_id"] for task in page["tasks"]]
                token = page.get("next_token")
                asked = {"next_token": token, "limit": 1} if token else {}
            site.wait_for_state(client, "gone")
        finally:
            for process in processes:
                process.resume()
        site.wait_for_state(client, "ready")
        before = answered(client)
        assert client.get("/v2/projects").status_code == 200
        after = answered(client) - before

    assert walked == expected
    assert max(seconds) < SECONDS_MAX
    assert sum(one > 1.0 for one in seconds) < len(seconds) / 2, "each of them was held up"
    assert after == {("replica", ""): 1}


def test_reads_that_are_cancelled_at_any_point_give_their_connections_back(site):
    """While they wait for the replica, connect, begin, and run a statement."""

    async def work() -> list[str]:
        opened = await open_unwatched(site, site.standby)
        async with site.world.db.read() as tx:
            mark = LogMark(tx.epoch, 0)

        async def read() -> None:
            async with opened.at(mark).read() as tx:
                await tx.one("SELECT CAST(pg_sleep(5) AS text)", {})

        async def cancelled_after(seconds: float) -> None:
            reading = asyncio.create_task(read())
            await asyncio.sleep(seconds)
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

        try:
            for round_ in range(4):
                pauses = [(round_ * 25 + number) / 2000 for number in range(25)]
                await asyncio.gather(*map(cancelled_after, pauses))
            return await asyncio.gather(*(read_once(site, opened) for _ in range(20)))
        finally:
            await opened.stop()

    assert site.world.run(work()) == ["answered"] * 20


@needs_pooler
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_standby_is_read_while_the_primary_stands_behind_a_pooler(site, scheme):
    """Three connections of PgBouncer to the primary, none to the standby."""
    project = site.world.project(f"Behind {scheme}")
    with pooling(site.primary.port) as pooler:
        pooled = pooler.url.replace("postgresql", scheme)
        server = Server(
            msgspec.structs.replace(site.world.settings, database=pooled),
            **BEHIND,
            PLAUDIT_DATABASE_READ=site.standby.url().replace("postgresql", scheme),
            PLAUDIT_DATABASE_READ_LAG_MS="1000",
        )
        try:
            headers = {"Authorization": f"Bearer {site.key}"}
            with httpx2.Client(base_url=server.url, headers=headers, timeout=20) as client:
                site.wait_for_state(client, "ready")
                before, created = answered(client), []
                for _ in range(10):
                    body = {"project_id": project.project_id, "template_variables": {}}
                    task = client.post("/v2/task/chat", json=body).raise_for_status().json()
                    created.append(task["task_id"])
                    asked = {"task_id": created[-1]}
                    assert client.get("/v2/task", params=asked).json()["status"] == "pending"
                listed = walk(client, project_id=project.project_id, limit=3)
                found = answered(client) - before
        finally:
            server.stop()

    assert [task["task_id"] for task in listed] == created
    assert found["replica", ""] >= 10, found


@needs_pooler
@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("more", ["", TOLERANT])
def test_a_pooler_before_the_standby_is_refused_at_the_start(site, monkeypatch, mode, more):
    """Behind one a read could not tell that its server was promoted meanwhile."""
    chosen = pgbouncer._INI.replace("pool_mode = transaction", f"pool_mode = {mode}")
    monkeypatch.setattr(pgbouncer, "_INI", chosen + more)
    with pooling(site.standby.port) as pooler:
        arguments = ["serve", *store_arguments(site.world.settings), "--port", "1"]
        refused = run_cli(*arguments, "--database-read", pooler.url)

    assert refused.returncode == 1
    assert "--database-read" in refused.stderr
    assert "pooler" in refused.stderr
