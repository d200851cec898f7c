"""A Citus cluster of a test's own, whose workers it may stop, move shards between, and fail over.

`PLAUDIT_TEST_CITUS_FAILURES=1` allows that, with the binaries in `PLAUDIT_TEST_PG_BIN`, which must
have the extension.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.model.core import ProjectRow
from plaudit.settings import Settings
from plaudit.store.engine import citus
from tests.support.databases.postgres_cluster import BIN_VARIABLE, Cluster, make_store
from tests.support.harness import World

VARIABLE = "PLAUDIT_TEST_CITUS_FAILURES"
SHARDS = 32
OPTIONS = {
    "shared_preload_libraries": "citus",
    "wal_level": "logical",
    "max_prepared_transactions": "100",
    "max_connections": "200",
    "max_worker_processes": "32",
    "max_replication_slots": "64",
    "max_wal_senders": "64",
    "citus.shard_count": str(SHARDS),
    "citus.enable_statistics_collection": "off",
    "citus.node_conninfo": "sslmode=disable",
    "fsync": "off",
}
_NODES_OF_SQL = """SELECT nodeid, nodename, nodeport FROM pg_dist_node AS n
    JOIN pg_dist_placement AS p ON p.groupid = n.groupid
    WHERE p.shardid = get_shard_id_for_distribution_column('task', $1::bigint)"""


class CitusNodes:
    """A coordinator, two workers with shards, and a third that has none yet; a store on them."""

    def __init__(self, folder: Path, coordinator: Cluster, workers: list[Cluster]) -> None:
        self.coordinator, self.workers = coordinator, workers
        for node in (coordinator, *workers):
            node.run("CREATE EXTENSION citus")
        coordinator.run("SELECT citus_set_coordinator_host('127.0.0.1', $1::int)", coordinator.port)
        for worker in workers[:2]:
            coordinator.run("SELECT citus_add_node('127.0.0.1', $1::int)", worker.port)
        self.settings: Settings = make_store(folder, coordinator.url())
        self.world = World(self.settings)
        self.world.run(self.world.db.write(citus.distribute))
        self.world.org()
        # Each worker is added knowing nothing; the third gets shards when a test moves them.
        coordinator.run("SELECT citus_add_node('127.0.0.1', $1::int)", workers[2].port)
        self.projects = [self.world.project(f"Project {number}") for number in range(8)]

    def port_of(self, project: ProjectRow) -> int:
        """Port of the worker that has a project's tasks."""
        ((_, _, port),) = self.coordinator.run(_NODES_OF_SQL, project.project_key)
        return int(port)

    def worker_of(self, project: ProjectRow) -> Cluster:
        """The worker that has a project's tasks."""
        port = self.port_of(project)
        return next(worker for worker in self.workers if worker.port == port)

    def node_id(self, worker: Cluster) -> int:
        """Number by which the coordinator knows a worker."""
        ((node_id,),) = self.coordinator.run(
            "SELECT nodeid FROM pg_dist_node WHERE nodeport = $1::int", worker.port
        )
        return int(node_id)

    def create(self, project: ProjectRow, count: int) -> list[str]:
        """Ids of new tasks of a project."""

        async def work(tx):
            return [(await lifecycle.create_task(tx, project)).task_id for _ in range(count)]

        return self.world.run(self.world.db.write(work))

    def close(self) -> None:
        """Close the store; the nodes are their owner's."""
        self.world.close()


@contextmanager
def citus_nodes(folder: Path) -> Iterator[CitusNodes]:
    """A cluster for the length of a block; skips the test where that is not allowed."""
    if os.environ.get(VARIABLE) != "1" or BIN_VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} is not 1, or {BIN_VARIABLE} names no binaries with Citus")
    clusters = [Cluster(**OPTIONS) for _ in range(4)]
    try:
        for one in clusters:
            one.create().start()
        nodes = CitusNodes(folder, clusters[0], clusters[1:])
        try:
            yield nodes
        finally:
            nodes.close()
    finally:
        for one in clusters:
            one.remove()
