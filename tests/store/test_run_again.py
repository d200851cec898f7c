"""Work in a transaction may be run again, and has no effect but through its transaction.

PostgreSQL does it after serialization failures and lost connections. Here every write of the
product runs twice on each engine: first in a transaction that is rolled back, then for good.
"""

from __future__ import annotations

import pytest

from plaudit.store.engine.checks import violations
from tests.support.builders import make_task
from tests.support.databases.run_twice import run_twice
from tests.support.databases.store_workload import put_through_everything
from tests.support.harness import World
from tests.support.sample_tasks import archive_rows, mixed_tasks


@pytest.fixture
def twice(monkeypatch):
    """Let each write run twice from now on."""
    run_twice(monkeypatch)


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


@pytest.mark.parametrize("settings", ["postgres"], indirect=True)
def test_everything_that_is_run_again_succeeds(world, twice):
    """On SQLite test_shard_rules.py holds the same."""
    put_through_everything(world)

    assert world.run(violations(world.db)) == {}


def stored_count(world: World) -> int:
    async def count(tx):
        (found,) = await tx.one("SELECT COUNT(*) FROM task", {})
        return found

    return world.run(world.db.write(count))
