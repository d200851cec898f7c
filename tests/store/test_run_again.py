"""Work in a transaction may be run again, and has no effect but through its transaction.

PostgreSQL does it after serialization failures and lost connections. Here every write of the
product runs twice on each engine: first in a transaction that is rolled back, then for good.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from plaudit.store.engine.checks import violations
from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.engine.sqlite import SqliteDatabase
from tests.support.builders import make_task
from tests.support.databases.store_workload import put_through_everything
from tests.support.harness import World
from tests.support.sample_tasks import archive_rows, mixed_tasks


class RolledBack(Exception):
    """Ends the first run of a work."""


@pytest.fixture
def twice(monkeypatch):
    """Let each write run twice from now on."""

    def patched(write):
        async def write_twice(self, work):
            async def first(tx):
                with suppress(Exception):
                    await work(tx)
                raise RolledBack

            with suppress(RolledBack):
                await write(self, first)
            return await write(self, work)

        return write_twice

    for engine in (SqliteDatabase, PostgresDatabase):
        monkeypatch.setattr(engine, "write", patched(engine.write))


ROWS = [
    make_task("good"),
    {"task_id": "bad", "project": "project_123", "status": "unheard of"},
    make_task("also", unique_id="u"),
    make_task("late", completed_at="2999-01-01T00:00:00Z"),
    make_task("taken", unique_id="u"),
]


@pytest.mark.parametrize("strict", [False, True])
def test_an_import_that_is_run_again_reports_each_rejected_row_once(world, twice, strict):
    summary, rejects = world.load(ROWS, strict=strict)

    assert sorted(reject.line for reject in rejects) == [2, 4, 5]
    assert summary.total("rejected") == 3
    assert (summary.counts["task", "added"], stored_count(world)) == ((2, 2 - 2 * strict))


@pytest.mark.parametrize("strict", [False, True])
def test_an_import_that_is_run_again_restores_an_archive(world, twice, strict):
    rows = archive_rows(mixed_tasks())

    summary, rejects = world.load(rows, "archive", strict=strict)

    assert (rejects, summary.total("added")) == ([], len(rows))
    assert world.run(violations(world.db)) == {}


def test_everything_that_is_run_again_succeeds(world, twice):
    put_through_everything(world)

    assert world.run(violations(world.db)) == {}


def stored_count(world: World) -> int:
    async def count(tx):
        (found,) = await tx.one("SELECT COUNT(*) FROM task", {})
        return found

    return world.run(world.db.write(count))
