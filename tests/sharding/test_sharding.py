"""Tables cut by project over two shards: real PostgreSQL, the product's own tables and statements.

See nodes.py for what stands in for Citus here, and what that cannot show.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from plaudit.core.common import server_secret
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.annotation_lookup import hash_annotation_id
from plaudit.core.transfer import export
from plaudit.errors import Unavailable
from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.citus import DISTRIBUTED
from plaudit.store.engine.postgres import positional
from plaudit.store.tasks import (
    annotation_locators,
    batches,
    projects,
    task_pages,
    tasks,
    unique_ids,
)
from plaudit.store.tasks.tasks import TaskFilter
from tests.support.builders import make_task, make_tasks, make_thread
from tests.support.databases import shard_nodes
from tests.support.harness import World, walk

NAMES = ["p1", "p2", "p3", "p4"]
"""Projects that no test changes."""
CHANGED = [f"c{number}" for number in range(12)]
"""Projects that tests change, enough to be on every shard: all on one is 1 in 2,048."""
CUT_BY_PROJECT = [table for table, column in DISTRIBUTED.items() if column == "project_key"]
TASKS = 30 * (len(NAMES) + len(CHANGED))
OPTS = "model_parameters,annotation_details,submissions"
QUESTIONS = [
    {},
    {"opts": OPTS},
    {"status": "pending"},
    {"status": "completed", "opts": OPTS, "expand": "project,batch"},
    {"completed_after": "2025-01-02T00:00:03.000Z"},
    {"completed_before": "2025-01-02T00:00:09Z", "status": "completed"},
]


def rows() -> list:
    """Projects with a batch each, and tasks in every status."""
    found = []
    for name in NAMES + CHANGED:
        of, at = {"project": name}, {"created_at": "2025-01-01T00:00:00Z"}
        found.append({"kind": "project", "value": {"id": name, "name": f"Project {name}", **at}})
        batch = {"id": f"batch_{name}", "name": "First", "status": "in_progress", **of, **at}
        found.append({"kind": "batch", "value": batch})
        made = make_tasks(12, f"{name}_done", **of)
        made += make_tasks(5, f"{name}_in_batch", batch=f"batch_{name}", **of)
        for status in ("pending", "canceled", "error"):
            made += [make_task(f"{name}_{status}_{n}", status, **of) for n in range(4)]
        made.append(make_task(f"{name}_batched", "pending", batch=f"batch_{name}", **of))
        made[0]["threads"][0]["annotations"] = [
            {"id": f"foreign_{name}", "key": "a", "value": 1, "type": "integer"}
        ]
        found += [{"kind": "task", "value": task} for task in made]
    return found


@pytest.fixture(scope="module")
def nodes():
    folder = Path(tempfile.mkdtemp(prefix="plaudit-nodes-"))
    try:
        found = shard_nodes.Nodes(folder)
        yield found
        found.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def opened(settings: Settings) -> World:
    settings.data.mkdir(exist_ok=True)
    server_secret.make(settings.secret_path)
    world = World(settings)
    summary, rejects = world.load(rows(), "archive")
    assert (rejects, summary.counts["task", "added"]) == ([], TASKS)
    return world


@pytest.fixture(scope="module")
def sharded(nodes, tmp_path_factory):
    """The data on the shards, reached through the router."""
    folder = tmp_path_factory.mktemp("sharded")
    world = opened(Settings(data=folder, database=nodes.router.url))
    yield world
    world.close()


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The same data in one place."""
    settings = Settings(data=tmp_path_factory.mktemp("single"))
    connect.prepare(settings)
    world = opened(settings)
    yield world
    world.close()


@pytest.fixture(scope="module")
def stored(sharded):
    """The projects by name."""

    environment_id = sharded.org()

    async def read():
        async with sharded.db.read() as tx:
            return await projects.list_projects(tx, environment_id)

    return {one.project_id: one for one in sharded.run(read())}


@pytest.fixture(scope="module")
def homes(nodes, stored):
    """A project that may be changed on each shard, in the order of the shards."""
    found = {nodes.shard_of(stored[name].project_key): stored[name] for name in CHANGED}
    assert len(found) == len(nodes.shards)
    return [found[number] for number in sorted(found)]


def test_everything_of_a_project_is_on_one_shard_and_only_there(nodes, sharded, stored):
    homes_of = {one.project_key: nodes.shard_of(one.project_key) for one in stored.values()}

    for table in CUT_BY_PROJECT:
        for number, shard in enumerate(nodes.shards):
            found = shard.all(f"SELECT DISTINCT project_key FROM {table}")
            strangers = [one for (one,) in found if homes_of[one] != number]
            assert strangers == [], table
    counts = [shard.all("SELECT count(*) FROM task")[0][0] for shard in nodes.shards]
    assert sum(counts) >= TASKS


def test_the_shards_have_the_keys_and_indexes_that_the_migrations_make(nodes):
    listed = "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public'"

    found = [set(shard.all(listed)) for shard in nodes.shards]

    assert found[0] == found[1]
    assert {table for table, _ in found[0]} >= set(DISTRIBUTED)
    assert not {table for table, _ in nodes.router.all(listed)} & set(DISTRIBUTED)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_every_list_is_the_same_as_on_one_machine(sharded, single, question):
    with sharded.client() as here, single.client() as there:
        for name in NAMES:
            for scope in ({"project_id": name}, {"batch_id": f"batch_{name}"}):
                asked = scope | question | {"limit": 7}
                assert walk(here, **asked) == walk(there, **asked)


def test_single_objects_are_the_same_as_on_one_machine(sharded, single):
    questions = [("/v2/projects", {}), ("/v2/batches", {"limit": 50, "expand": "project"})]
    questions += [("/v2/task", {"task_id": f"{name}_done_00003"}) for name in NAMES]
    questions += [("/v2/annotation", {"annotation_id": f"foreign_{name}"}) for name in NAMES]
    with sharded.client() as here, single.client() as there:
        for path, params in questions:
            ours, theirs = here.get(path, params=params), there.get(path, params=params)
            assert ours.status_code == theirs.status_code == 200
            assert ours.content == theirs.content


def test_an_archive_is_the_same_from_shards_as_from_one_machine(sharded, single):
    def lines(world):
        environment_id = world.org()

        async def read():
            return [line async for line in export.archive_lines(world.db, environment_id)]

        values = [(line, json.loads(line)["value"]) for line in world.run(read())]
        return [line for line, value in values if value.get("project", value.get("id")) in NAMES]

    assert lines(sharded) == lines(single)
    assert len(lines(single)) == len(NAMES) * 32


class Recorder:
    """A transaction that also notes what is asked of it."""

    def __init__(self, tx) -> None:
        self._tx = tx
        self.epoch = tx.epoch
        self.asked: list[tuple[str, dict]] = []

    async def one(self, sql, args):
        self.asked.append((sql, dict(args)))
        return await self._tx.one(sql, args)

    async def all(self, sql, args):
        self.asked.append((sql, dict(args)))
        return await self._tx.all(sql, args)

    async def run(self, sql, args):
        self.asked.append((sql, dict(args)))
        return await self._tx.run(sql, args)


async def ask_everything(tx, project, batch_id):
    """Each hot statement of the store, about one project: pages in every shape, and changes."""
    key = project.project_key
    for in_batch in (None, batch_id):
        for status in (None, TaskStatus.completed, TaskStatus.pending):
            for after, before in ((None, None), (0, None), (None, 2**50), (0, 2**50)):
                where = TaskFilter(key, in_batch, status, after, before)
                for with_patches in (False, True):
                    await task_pages.list_tasks(
                        tx, where, after=where.start, bound=2**50, limit=5,
                        with_patches=with_patches,
                    )  # fmt: skip
    task = (await tasks.list_whole_tasks(tx, key, after_seq=0, limit=1))[0]
    await tasks.get_task(tx, key, task.seq)
    await projects.last_completion_time(tx, key)
    await projects.next_seq(tx, key)
    await projects.next_completion_time(tx, key, 1)
    await projects.advance_clock(tx, key, 1)
    await projects.reserve_seqs(tx, key, 1)
    await batches.add_progress(tx, key, batch_id, {TaskStatus.pending: 0})
    await tasks.change_status(
        tx, task, expected=task.status, status=task.status, completed_ms=task.completed_ms,
        head=task.head,
    )  # fmt: skip
    await tasks.delete_body(tx, key, task.seq)
    await tasks.insert_body(tx, key, task.seq, task.body, task.patches)
    await annotation_locators.list_annotation_locators(
        tx, project.environment_id, hash_annotation_id(f"foreign_{project.project_id}")
    )
    await unique_ids.reserve_unique_id(tx, project.environment_id, "unique_1", task.task_id)


async def shards_of(tx, sql, args):
    """The shards whose tables a statement's plan names."""
    text, names = positional(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}")
    plan = await tx._connection.fetchval(text, *[args[name] for name in names])
    # A scan names its table by itself, a join that a shard does names them with their schema.
    named = re.findall(r'"Relation Name": "(\w+)"|\bpublic\.(\w+)', plan)
    found = [re.fullmatch(r"(\w+)_(\d)", one or other) for one, other in named]
    return {one[2] for one in found if one is not None and one[1] in DISTRIBUTED}


def test_every_hot_statement_reaches_exactly_one_shard(nodes, sharded, homes):
    async def work(tx):
        found = []
        for number, project in enumerate(homes):
            recorder = Recorder(tx)
            await ask_everything(recorder, project, f"batch_{project.project_id}")
            for sql, args in recorder.asked:
                found.append((sql, await shards_of(tx, sql, args), number))
        return found

    found = sharded.run(sharded.db.write(work))

    assert len({sql for sql, _, _ in found}) >= 28
    for sql, reached, number in found:
        if sql.startswith("INSERT"):  # goes where its row belongs; its plan names no partition
            continue
        is_cut_by_project = "project_key = :project_key" in sql
        assert len(reached) == 1, sql
        assert not is_cut_by_project or reached == {str(number)}, sql


def test_a_statement_without_the_shard_column_reaches_every_shard(sharded):
    """The test above would notice."""

    async def work(tx):
        return await shards_of(tx, "SELECT seq FROM task WHERE task_id = :id", {"id": "x"})

    reached = sharded.run(sharded.db.write(work))

    assert reached == {"0", "1"}


async def finish(world, project, task_id):
    async def find(tx):
        task = await tasks.find_task(tx, project.environment_id, task_id)
        return await lifecycle.complete_task(tx, project.environment_id, task, [make_thread()])

    return await world.db.write(find)


def test_tasks_are_added_and_completed_on_their_own_shard(nodes, sharded, homes):
    for number, project in enumerate(homes):
        world, task_id = sharded, f"new_{project.project_id}"
        world.run(
            world.db.write(lambda tx, p=project, t=task_id: lifecycle.create_task(tx, p, task_id=t))
        )
        completed_ms = world.run(finish(world, project, task_id))

        sql = "SELECT t.status, t.completed_ms, b.body IS NOT NULL, c.last_ms FROM task AS t"
        sql += " JOIN task_body AS b USING (project_key, seq) JOIN project_clock AS c"
        sql += " USING (project_key) WHERE task_id = $1"
        expected = [(TaskStatus.completed.code, completed_ms, True, completed_ms)]
        found = [shard.all(sql, task_id) for shard in nodes.shards]
        assert found[number] == expected
        assert found[1 - number] == []


def test_completions_at_the_same_moment_have_times_of_their_own(sharded, homes):
    """Each waits for the clock's row on the shard, or is run again."""
    project = homes[0]

    async def at_once():
        for number in range(6):
            await sharded.db.write(
                lambda tx, n=number: lifecycle.create_task(tx, project, task_id=f"race_{n}")
            )
        return await asyncio.gather(*[finish(sharded, project, f"race_{n}") for n in range(6)])

    found = sharded.run(at_once())

    assert len(set(found)) == 6


@pytest.mark.parametrize("lost", [0, 1])
def test_a_shard_that_is_gone_is_a_503_for_its_projects_and_no_others(nodes, sharded, homes, lost):
    gone, there = homes[lost], homes[1 - lost]
    pages = [{"project_id": there.project_id, "limit": 7} | question for question in QUESTIONS]
    with sharded.client() as client:
        nodes.shards[lost].stop()
        try:
            # More often than PostgreSQL plans anew: plans for any project must prune as well.
            for _ in range(7):
                answer = client.get("/v2/tasks", params={"project_id": gone.project_id})
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert int(answer.headers["retry-after"]) > 0
                for params in pages:
                    assert client.get("/v2/tasks", params=params).status_code == 200
            assert client.get("/v2/projects").status_code == 200
            assert client.get("/v2/batches").status_code == 200
            assert client.get("/readyz").status_code == 200
        finally:
            nodes.shards[lost].start()
        answer = client.get("/v2/tasks", params={"project_id": gone.project_id})

    assert answer.status_code == 200


def test_a_write_to_a_shard_that_is_gone_is_refused_and_leaves_nothing(nodes, sharded, homes):
    gone, there = homes

    async def pending(project, task_id):
        await sharded.db.write(lambda tx: lifecycle.create_task(tx, project, task_id=task_id))
        async with sharded.db.read() as tx:
            return await tasks.find_task(tx, project.environment_id, task_id)

    async def finish_stored(task):
        return await sharded.db.write(
            lambda tx: lifecycle.complete_task(tx, gone.environment_id, task, [make_thread()])
        )

    lost, kept = sharded.run(pending(gone, "lost_1")), sharded.run(pending(there, "kept_1"))
    nodes.shards[0].stop()
    try:
        with pytest.raises(Unavailable):
            sharded.run(finish_stored(lost))
        assert sharded.run(finish_stored(kept)) > 0
    finally:
        nodes.shards[0].start()

    sql = "SELECT status FROM task WHERE task_id = 'lost_1'"
    assert nodes.shards[0].all(sql) == [(TaskStatus.pending.code,)]
    assert sharded.run(finish_stored(lost)) > 0


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_shard_that_goes_in_the_middle_of_a_read_is_unavailable(nodes, sharded, homes, snapshot):
    async def read():
        async with sharded.db.read(snapshot=snapshot) as tx:
            await projects.last_completion_time(tx, homes[0].project_key)
            nodes.shards[0].stop()
            await projects.last_completion_time(tx, homes[0].project_key)

    try:
        with pytest.raises(Unavailable):
            sharded.run(read())
    finally:
        nodes.shards[0].start()
