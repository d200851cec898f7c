"""What pages of deliveries cost: found through indexes, alike at any depth."""

from __future__ import annotations

import re

import apsw
import pytest

from plaudit.store.deliveries import delivered
from plaudit.store.engine.connect import FILE_NAME
from plaudit.store.engine.sqlite import SqliteTransaction, drive
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter
from tests.support.builders import make_tasks
from tests.support.deliveries import deliver, select, start_delivery
from tests.support.harness import on_sqlite_alone, walk

TASKS = [f"task_{number:05d}" for number in range(900)]


# What pages cost


@pytest.fixture
def shelf(many, client):
    """A connection to a store with three deliveries of 900 tasks and one that is being made."""
    for name in ("a", "b", "c"):
        deliver(client, name)
    delivery_builder, _ = start_delivery(many, "d")
    many.run(delivery_builder.freeze(select(many), lambda count: None))
    connection = apsw.Connection(str(many.settings.data / FILE_NAME))
    yield connection
    connection.close()


def cost(connection, read):
    """The plan and the engine's steps of what `read` asks of a transaction, and what it returns."""
    statements, steps = [], 0

    def count():
        nonlocal steps
        steps += 1
        return False

    connection.set_exec_trace(lambda cursor, sql, bindings: statements.append((sql, bindings)) or 1)
    connection.set_progress_handler(count, 1)
    rows = drive(read(SqliteTransaction(connection)))
    connection.set_progress_handler(None)
    connection.set_exec_trace(None)
    sql, bindings = statements[-1]
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]
    return plan, steps, rows


def readers(project_key, delivery_seq, times):
    """What reads pages, each from a place; `times` are those of the tasks' completion."""
    where = TaskFilter(project_key)
    by_time = TaskFilter(project_key, None, None, 0)

    def ranged(name, **more):
        function = getattr(delivered, name)
        return lambda tx, at: function(
            tx, project_key, delivery_seq, after=at, until=at + 10, **more
        )

    def page(read):
        async def rows(tx, at):
            found, _ = await read(tx, at)
            return found

        return rows

    return {
        "frozen": page(ranged("list_frozen", with_patches=True)),
        "versions": ranged("list_versions", other_seq=delivery_seq),
        "now": ranged("list_versions_now"),
        "rows of a delivery": page(
            lambda tx, at: delivered.list_rows_of_delivery(
                tx, where, delivery_seq, after=at, until=at + 1000, limit=10
            )
        ),
        "rows of a project": page(
            lambda tx, at: delivered.list_rows_of_project(
                tx, where, after=TaskCursor(0, at), bound=10**6, limit=10
            )
        ),
        "rows by completion": page(
            lambda tx, at: delivered.list_rows_of_project(
                tx, by_time, after=TaskCursor(times[at - 1] if at else 0, at), bound=2**60, limit=10
            )
        ),
    }


@on_sqlite_alone
@pytest.mark.parametrize(
    "name",
    ["frozen", "versions", "now", "rows of a delivery", "rows of a project", "rows by completion"],
)
def test_a_page_is_found_through_indexes_and_costs_the_same_at_any_depth(shelf, name):
    place = shelf.execute(
        "SELECT project_key, delivery_seq FROM delivery WHERE name = 'b'"
    ).fetchone()
    times = [row[0] for row in shelf.execute("SELECT completed_ms FROM task ORDER BY 1")]
    read = readers(*place, times)[name]

    plan, at_start, first = cost(shelf, lambda tx: read(tx, 0))
    _, at_depth, deep = cost(shelf, lambda tx: read(tx, 880))

    walked = [line for line in plan if line.startswith("SCAN") and line not in ("SCAN k", "SCAN n")]
    assert walked == []
    assert not any("AUTOMATIC" in line or "TEMP B-TREE" in line for line in plan)
    assert (len(first), len(deep)) == (10, 10)
    assert at_depth < at_start * 1.3


@pytest.mark.parametrize("settings", ["postgres"], indirect=True)
def test_postgresql_finds_every_page_through_indexes(world, client):
    """Also after it has counted the rows, which tempts it to read tables as a whole."""
    world.load(make_tasks(3000))
    for name in ("a", "b", "c"):
        deliver(client, name)

    class Explaining:
        def __init__(self, tx):
            self.tx = tx

        async def all(self, sql, args):
            plans.append([row[0] for row in await self.tx.all(f"EXPLAIN {sql}", args)])
            return []

    async def explain():
        async with world.db.read() as tx:
            found = [
                await tx.all("SELECT project_key, delivery_seq FROM delivery WHERE name = 'b'", {})
            ]
            found += [await tx.all("SELECT completed_ms FROM task ORDER BY 1", {})]
            for read in readers(*found[0][0], [row[0] for row in found[1]]).values():
                await read(Explaining(tx), 1500)

    plans = []
    for _ in range(2):
        world.run(explain())
        world.run(world.db.write(lambda tx: tx.run("ANALYZE", {})))

    assert len(plans) == 12
    walked = [line for plan in plans for line in plan if re.search(r"Seq Scan on \w*task", line)]
    assert walked == []


@on_sqlite_alone
def test_the_latest_delivery_costs_the_same_however_many_there_are(world, client):
    world.load(make_tasks(100))
    connection = apsw.Connection(str(world.settings.data / FILE_NAME))
    steps = []
    for number in range(20):
        deliver(client, f"{number}")
        if number in (0, 19):
            read = readers_of_project(connection)
            steps.append(cost(connection, read)[1])
    connection.close()

    assert steps[1] < steps[0] * 1.1


def readers_of_project(connection):
    (project_key,) = connection.execute("SELECT project_key FROM project").fetchone()
    return lambda tx: delivered.list_rows_of_project(
        tx, TaskFilter(project_key), after=TaskCursor(0, 0), bound=10**6, limit=50
    )


def test_a_long_walk_beside_a_new_delivery_shows_each_task_once(many, client):
    first = client.get("/v2/delivery/tasks?project_id=project_123&limit=100").json()
    made = deliver(client, "meanwhile")

    rest = walk(client, "/v2/delivery/tasks", "docs", next_token=first["next_token"])

    assert [row["task_id"] for row in first["docs"] + rest] == TASKS
    assert {row["delivery_id"] for row in rest} == {made["id"]}
