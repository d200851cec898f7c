"""Plans of searches with many tasks, and actions that meet one another, on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from plaudit.core.labeling import leases
from plaudit.core.managing import actions, undo
from plaudit.core.managing.task_change import ActionRequest
from plaudit.model.managing import ActionKind, TaskConditions
from plaudit.store.tasks import unread_tasks
from tests.managing.managed_project import BOSS, ManagedProject
from tests.support.databases.statement_counter import counting
from tests.support.harness import World

TASKS = 2_000


@pytest.fixture
def project(postgres_settings):
    world = World(postgres_settings)
    world.org()
    project = ManagedProject(world, overlap=2)
    yield project
    assert project.violations() == {}
    world.close()


def test_a_search_goes_by_the_index_however_common_its_words_are(project):
    project.say("pizza")
    project.read_words()
    key = project.project.project_key

    async def fill(tx):
        indexed = await unread_tasks.find_indexed(tx, key)
        [lexeme] = tx.word_index.words_of(indexed, 1, [])
        await tx.run(
            "INSERT INTO task_words (project_key, seq, words) SELECT :key, n + 1,"
            " array_to_tsvector(ARRAY['common', CASE WHEN n % 500 = 0 THEN 'rare' ELSE 'x' END,"
            " CAST(:lexeme AS TEXT)] || CAST(ARRAY(SELECT 'w' || m FROM generate_series(1, 100)"
            " AS m) AS TEXT[])) FROM generate_series(1, CAST(:count AS BIGINT)) AS n",
            {"key": key, "lexeme": lexeme, "count": TASKS},
        )

    project.write(fill)
    project.write(lambda tx: tx.run("ANALYZE task_words", {}))

    async def plan(sql, args):
        async with project.world.db.read() as tx:
            await tx.run("SET LOCAL enable_seqscan = off", {})
            return str(await tx.all(f"EXPLAIN (FORMAT JSON) {sql}", args))

    for word in ("common", "rare", "nobody"):
        with counting() as counter:
            project.page(text=word)
        [(sql, args)] = [one for one in counter.calls if "page_limit" in one[0]]
        found = project.world.run(plan(sql, args))
        assert "task_words_by_word" in found
        assert '"Seq Scan"' not in found
        assert "task_words_pkey" not in found
    clear = "DELETE FROM task_words WHERE project_key = :key"
    project.write(lambda tx: tx.run(clear, {"key": key}))


def test_actions_undo_and_people_that_meet_on_the_same_tasks_end_without_a_deadlock(project):
    batches = [project.batch(name) for name in ("A", "B")]
    for batch in batches:
        project.create(20, batch=project.fresh_batch(batch))
    db, row = project.world.db, project.project

    async def act(kind, **sets):
        request = ActionRequest(kind=ActionKind(kind), **sets)
        action = await db.write(lambda tx: actions.begin(tx, row, "boss", request))
        done = await actions.run(db, row, action, BOSS, TaskConditions(), lambda one: None)
        begun = await db.write(lambda tx: undo.begin_undo(tx, row, done.action_id))
        return await undo.run_undo(db, row, begun, BOSS, lambda one: None)

    async def work(user_id):
        for _ in range(3):
            await db.write(lambda tx: leases.lease_next(tx, row, user_id))
            await asyncio.sleep(0)

    async def all_at_once():
        return await asyncio.gather(
            act("cancel"),
            act("priority", priority=5),
            act("batch", batch_id=batches[0].batch_id),
            act("cancel"),
            *(work(f"ann_{number}") for number in range(4)),
        )

    done = project.world.run(all_at_once())

    assert [one.state.value for one in done[:4]] == ["undone"] * 4
