"""A page reads a number of rows that depends on what it shows, with 32,000 behind each list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from plaudit.core.labeling import statistics
from plaudit.core.managing import task_list
from plaudit.core.tasks import listing
from plaudit.store.common import names
from plaudit.store.engine.connect import FILE_NAME
from plaudit.workspace.quality import own_pages
from tests.support.databases import many_rows
from tests.support.databases.statement_counter import counting
from tests.support.harness import World, above_the_store, on_shared_postgres
from tests.support.listings import OPERATIONS, PAGES, Furnished
from tests.support.pages.browser_client import signed_in
from tests.support.running.every_case import every_case

STEPS_MAX = 2 * many_rows.ROWS
"""Instructions of SQLite's machine for one statement: it needs three or more for each row."""

COUNTED = 400
"""Rows that are counted, or looked through, for one page where the product has a greater bound, so
that all that is behind the lists is more."""

TAKING = "a person takes the next task"
WHOLE = {"list_projects?", "list_deliveries?project_id={project_id}&expand=project"}
"""Listings that show all there is, by the API that we follow, and are too long to be asked for."""


@pytest.fixture(scope="module")
def many(open_shared) -> dict[str, dict[str, int]]:
    """Steps of each statement of each listing, in a store with many rows behind each."""
    world = open_shared()
    furnished = Furnished(world)
    furnished.add()
    furnished.add()
    key = furnished.main.project.project_key
    with signed_in(world, furnished.admin):  # a session, to be copied
        many_rows.copy_rows(world, {"project_key": key, "admin_id": furnished.admin.user_id})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "COUNTED_MAX", COUNTED)
        patch.setattr(listing, "SCANNED_MAX", COUNTED)
        patch.setattr(task_list, "COUNTED_MAX", COUNTED)
        patch.setattr(task_list, "UNREAD_COUNTED_MAX", COUNTED)
        patch.setattr(task_list, "LOOKED_MAX", COUNTED)
        patch.setattr(task_list, "GATHERED_MAX", COUNTED)
        patch.setattr(statistics, "SKIPPED_MAX", COUNTED)
        patch.setattr(names, "SCANNED_MAX", COUNTED)
        patch.setattr(own_pages, "COUNTED_MAX", COUNTED)
        found = {
            name: steps_of(world, counter.calls)
            for name, counter in furnished.run_each(leave=WHOLE)
        }
        with counting() as counter:
            assert furnished.main.take("new")
        return found | {TAKING: steps_of(world, counter.calls)}


def steps_of(world: World, calls: list[tuple[str, Any]]) -> dict[str, int]:
    """Steps that each of these queries and updates takes, by its text."""
    steps: dict[str, int] = {}
    connection = apsw.Connection(str(world.settings.data / FILE_NAME))

    def note(event: dict[str, Any]) -> None:
        steps[event["sql"]] = event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    try:
        connection.execute("BEGIN")
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
        for sql, args in calls:
            if sql.startswith(("SELECT", "UPDATE")):
                connection.execute(sql, args).fetchall()
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return steps


@above_the_store
@every_case("name", [TAKING, *(name for name, _ in (*OPERATIONS, *PAGES) if name not in WHOLE)])
def test_a_listing_reads_what_it_shows(many, name):
    assert many[name]
    assert {sql: steps for sql, steps in many[name].items() if steps >= STEPS_MAX} == {}


def test_sqlite_knows_the_condition_of_every_partial_index_again(sqlite_settings):
    """It turns some comparisons round, and then never takes the index."""
    connection = apsw.Connection(str(sqlite_settings.data / FILE_NAME))
    partial = connection.execute(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql LIKE '%WHERE%'"
    ).fetchall()
    for name, table, sql in partial:
        condition = sql.partition("WHERE")[2]
        connection.execute(f"EXPLAIN SELECT 1 FROM {table} INDEXED BY {name} WHERE {condition}")
    connection.close()

    assert len(partial) > 10


ON_POSTGRES = {
    name: path
    for name, path in (*OPERATIONS, *PAGES)
    if name.startswith(
        ("list_tasks", "list_batches", "show_tasks", "show_batches", "show_review_list")
    )
}
POSTGRES_ROWS = 20_000
READ_MAX = 6 * COUNTED
"""Rows of one step of a plan: a page for each status."""


@on_shared_postgres
def test_postgresql_stops_at_the_end_of_the_page_in_every_order(open_shared, monkeypatch):
    """Ranges of several statuses are merged: it reads each only as far as the page goes."""
    monkeypatch.setattr(listing, "SCANNED_MAX", COUNTED)
    monkeypatch.setattr(task_list, "COUNTED_MAX", COUNTED)
    monkeypatch.setattr(task_list, "UNREAD_COUNTED_MAX", COUNTED)
    monkeypatch.setattr(task_list, "LOOKED_MAX", COUNTED)
    monkeypatch.setattr(task_list, "GATHERED_MAX", COUNTED)
    world = open_shared()
    furnished = Furnished(world)
    furnished.add()
    args = {"project_key": furnished.main.project.project_key, "admin_id": furnished.admin.user_id}
    tables = ("batch", "batch_progress", "task", "task_body", "task_work", "review_order")
    many_rows.copy_rows(world, args, POSTGRES_ROWS, tables)
    world.run(
        world.db.write(
            lambda tx: tx.run("ANALYZE batch, batch_progress, task, task_work, review_order", {})
        )
    )
    leave = {name for name, _ in (*OPERATIONS, *PAGES)} - ON_POSTGRES.keys()

    read = {
        (name, sql): max(world.run(rows_of_plan(world, sql, args)))
        for name, counter in furnished.run_each(leave=leave)
        for sql, args in counter.calls
        if sql.startswith("SELECT")
    }

    assert {name for name, _ in read} == ON_POSTGRES.keys()
    assert {one: rows for one, rows in read.items() if rows > READ_MAX} == {}


async def rows_of_plan(world: World, sql: str, args: Any) -> list[float]:
    """Rows that each step of a query's plan looks at, as PostgreSQL counts them."""
    async with world.db.read() as tx:
        [[text]] = await tx.all(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", args)
    [explained] = json.loads(text)
    return list(_rows_of(explained["Plan"]))


def _rows_of(step: dict[str, Any]) -> Iterator[float]:
    removed = sum(count for name, count in step.items() if name.startswith("Rows Removed"))
    yield (step["Actual Rows"] + removed) * step["Actual Loops"]
    for inner in step.get("Plans", ()):
        yield from _rows_of(inner)
