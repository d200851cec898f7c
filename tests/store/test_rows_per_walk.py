"""Walks over a whole project, of jobs and commands, read each page once on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from plaudit.core.quality import vote_reading
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database
from plaudit.store.quality import task_pages, vote_pages
from tests.support.databases.statement_counter import counting
from tests.support.harness import World, on_shared_postgres
from tests.support.labeling_project import LabelingProject

TASKS = 20_000
PAGE = 100
DEEP = TASKS // 2
READ_MAX = 4 * PAGE
"""Rows or index pages that a page may look at."""

pytestmark = on_shared_postgres

_NUMBERS = "FROM generate_series(1, :count) AS n(i)"
_FILL = (
    "INSERT INTO task (project_key, seq, task_id, status, created_ms, completed_ms, head)"
    f" SELECT :key, i, 'walk_' || i, 1, i, i, 'h' {_NUMBERS}",
    f"INSERT INTO task_body (project_key, seq, body) SELECT :key, i, 'b' {_NUMBERS}",
    f"INSERT INTO task_content (project_key, seq, content) SELECT :key, i, 'c' {_NUMBERS}",
    f"INSERT INTO voted_threads (project_key, seq, change_no) SELECT :key, i, 0 {_NUMBERS}",
    "INSERT INTO vote (project_key, seq, contributor_id, number, is_imported, question_key, at)"
    f" SELECT :key, i, 'ann', 0, 1, 'overall', 't0' {_NUMBERS}",
)


@pytest.fixture(scope="module")
def filled(open_shared) -> tuple[World, int]:
    """A store with many tasks in a project, and the project's key."""
    world = open_shared()
    key = LabelingProject(world).project.project_key

    async def fill(tx: Any) -> None:
        for sql in _FILL:
            await tx.run(sql, {"key": key, "count": TASKS})
        await tx.run("ANALYZE", {})

    world.run(world.db.write(fill))
    return world, key


def test_a_page_of_a_job_s_walk_looks_at_that_page(filled):
    """Left to itself, the planner merges tables from their beginning for each page."""
    world, key = filled

    async def walk() -> list[float]:
        db = connect.open_database(world.settings, patient=True)
        try:
            with counting() as counter:
                async with db.read() as tx:
                    tasks = await task_pages.list_judged_tasks(tx, key, after_seq=DEEP, limit=PAGE)
                    after = DEEP, "", 0
                    votes = await vote_pages.list_page(tx, key, after, limit=PAGE, value_bytes=9)
            assert len(tasks) == len(votes) == PAGE
            return [most for sql, args in counter.calls for most in await _rows_of(db, sql, args)]
        finally:
            await db.close()

    assert max(world.run(walk())) <= READ_MAX


def test_changes_are_numbered_without_passing_by_those_that_are_numbered(filled, monkeypatch):
    """PostgreSQL keeps a row's old places in an index; the walk must not begin before them."""
    world, key = filled
    monkeypatch.setattr(vote_reading, "NUMBERED_AT_ONCE", PAGE)

    with counting() as counter:
        world.run(vote_reading.number_changes(world.db, key))

    updates = [args for sql, args in counter.calls if sql.startswith("UPDATE voted_threads")]
    assert len(updates) >= TASKS // PAGE
    assert [one["from_seq"] for one in updates[1:]] == [
        number * PAGE for number in range(1, len(updates))
    ]

    async def count(tx: Any) -> Any:
        return await tx.one(
            "SELECT COUNT(*) FROM voted_threads WHERE project_key = :key AND change_no > 0",
            {"key": key},
        )

    assert world.run(world.db.write(count))[0] == TASKS


async def _rows_of(db: Database, sql: str, args: Any) -> list[float]:
    """Rows that each step of a query's plan looks at, as PostgreSQL counts them."""
    async with db.read() as tx:
        [[text]] = await tx.all(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", args)
    [explained] = json.loads(text)
    return list(_steps(explained["Plan"]))


def _steps(step: dict[str, Any]) -> Iterator[float]:
    removed = sum(count for name, count in step.items() if name.startswith("Rows Removed"))
    yield (step["Actual Rows"] + removed) * step["Actual Loops"]
    for inner in step.get("Plans", ()):
        yield from _steps(inner)
