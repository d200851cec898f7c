"""Faults that a Citus coordinator reports under codes of its own, told apart by their messages."""

from __future__ import annotations

import asyncpg
import pytest

from plaudit.errors import Unavailable
from plaudit.store.engine.postgres import PostgresDatabase
from tests.failures.test_commit_outcome import use_all_places
from tests.support.harness import World


@pytest.fixture
def world(postgres_settings):
    world = World(postgres_settings)
    yield world
    world.close()


@pytest.fixture
def db(world: World):
    db = PostgresDatabase(world.settings.database)
    yield db
    world.run(db.close())


LOST_WORKERS = (
    ("XX000", "failure on connection marked as essential: worker-1:5432"),
    (
        "XX000",
        "connection to the remote node w1:5432 failed with the following error: timeout",
    ),
    ("XX000", "server closed the connection unexpectedly"),
    ("XX000", "could not connect to any active placements"),
    ("58030", "failed to COPY to shard 102034 on worker-1:5432"),
)
FAULTS = (
    ("XX000", "cache lookup failed for relation 7"),
    ("58030", "could not read block 7 in file base/5/1259"),
)


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
def test_a_worker_that_is_lost_is_unavailable_and_another_fault_is_a_fault(world, db, is_write):
    async def fail(tx, message):
        code, said = message
        await tx.run(f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '{code}'; END $$", {})

    async def use(message):
        if is_write:
            await db.write(lambda tx: fail(tx, message))
        else:
            async with db.read() as tx:
                await fail(tx, message)

    for message in LOST_WORKERS:
        with pytest.raises(Unavailable):
            world.run(use(message))
    for message in FAULTS:
        with pytest.raises((asyncpg.InternalServerError, asyncpg.PostgresIOError)):
            world.run(use(message))
    world.run(use_all_places(db))  # none of them is lost


def test_a_row_that_a_worker_of_a_cluster_has_already_makes_the_write_run_again(world, db):
    """The coordinator reports under the code of its own faults what a worker said of a COPY."""
    runs = []

    async def work(tx):
        runs.append(1)
        if len(runs) == 1:
            said = 'duplicate key value violates unique constraint "task_pkey_102008"'
            await tx.run(
                f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = 'XX000'; END $$", {}
            )
        return "done"

    assert world.run(db.write(work)) == "done"
    assert len(runs) == 2
