"""Locks of quality control are taken in one order: PostgreSQL ends nobody for a deadlock."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from plaudit.core.labeling import leases
from plaudit.core.quality_control import pauses
from plaudit.model.labeling import control_key
from plaudit.model.quality_control import Collector, GoldSettings
from plaudit.store.quality_control import counters
from plaudit.store.quality_control import pauses as pauses_store
from plaudit.store.tasks import work_queue
from tests.quality_control.controlled_project import MANAGER, rule
from tests.quality_control.test_qualification import TestedProject, asked
from tests.support.harness import World


@pytest.fixture
def project(postgres_settings):
    """A project on PostgreSQL, with gold and a test."""
    world = World(postgres_settings)
    world.org()
    made = TestedProject(world, qualification=asked(), gold=GoldSettings(rate=0))
    made.create(2)
    made.add_gold(3)
    yield made
    assert made.violations() == {}
    world.close()


def runs_beside(project, first, other, then) -> tuple[int, int]:
    """How often two transactions ran: one does `first`, and `then` once `other` waits for it."""
    runs = [0, 0]
    begun = asyncio.Event()

    async def one(tx):
        runs[0] += 1
        await first(tx)
        begun.set()
        while not (await tx.one("SELECT COUNT(*) FROM pg_locks WHERE NOT granted", {}))[0]:
            await asyncio.sleep(0.001)
            if runs[1] > 1 or runs[0] > 1:
                break
        await then(tx)

    async def two(tx):
        runs[1] += 1
        await begun.wait()
        await other(tx)

    async def both():
        db = project.world.db
        await asyncio.wait_for(asyncio.gather(db.write(one), db.write(two)), 20)

    project.world.run(both())
    return runs[0], runs[1]


def test_a_pause_is_lifted_while_the_person_crosses_a_rule_again(project):
    project.set(rules=[rule("gold", 0.7)])
    project.count("ann", Collector.gold, *[False] * 10)
    pause = project.pause()
    key = project.project.project_key

    async def count(tx):
        await counters.add_case(tx, key, "ann", Collector.gold, right=False)

    async def lift(tx):
        await pauses.lift(tx, project.project, pause.pause_id, answer=None, actor=MANAGER)

    async def pause_again(tx):
        assert not await pauses_store.insert_pause(tx, msgspec.structs.replace(pause, pause_id="b"))

    assert runs_beside(project, count, lift, pause_again) == (1, 1)
    assert project.pause() is None


def test_leases_of_both_kinds_are_given_back_in_the_order_of_removals(project):
    gold = project.take()
    project.ask(None)
    ordinary = project.take()
    assert gold.project_key == control_key(ordinary.project_key)

    async def lock(tx, lease):
        await work_queue.lock_work(tx, lease.project_key, lease.seq)

    async def give_back(tx):
        await leases.lock_annotator(tx, project.project, "ann")
        await pauses.release_leases(tx, project.project, "ann")

    found = runs_beside(
        project, lambda tx: lock(tx, gold), give_back, lambda tx: lock(tx, ordinary)
    )

    assert found == (1, 1)
