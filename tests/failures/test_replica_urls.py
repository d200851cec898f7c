"""Addresses of a primary and its replica: through poolers, of copies, with each scheme."""

from __future__ import annotations

import httpx2
import msgspec
import pytest

from tests.support.databases import pgbouncer
from tests.support.databases.pgbouncer import BEHIND, needs_pooler, pooling
from tests.support.databases.postgres_cluster import make_store, pair
from tests.support.databases.replica_site import Site, answered
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
