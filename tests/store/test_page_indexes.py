"""Pages of tasks are found through an index, at any depth, on SQLite."""

from __future__ import annotations

import itertools
import shutil

import apsw
import pytest

from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.sqlite import SqliteTransaction, drive
from plaudit.store.tasks import task_pages, tasks
from tests.support.builders import make_tasks
from tests.support.harness import World

SHAPES = [
    {"in_batch": in_batch, "one_status": one_status, "by_completion": by_completion,
     "with_patches": with_patches}
    for in_batch, one_status, by_completion, with_patches in itertools.product([0, 1], repeat=4)
]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(template, tmp_path_factory):
    """A connection to a store of 1,500 tasks, a third of them in a batch, a tenth canceled."""
    settings = Settings(data=tmp_path_factory.mktemp("shelf") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    rows = make_tasks(1500)
    for number, row in enumerate(rows):
        row["batch"] = "batch_1" if number % 3 == 0 else "batch_2"
        if number % 10 == 9:
            del row["completed_at"], row["threads"]
            row["status"] = "canceled" if number < 1470 else "pending"
    assert world.load(rows)[1] == []
    world.close()
    connection = apsw.Connection(str(settings.data / connect.FILE_NAME))
    yield connection
    connection.close()


def page(
    connection,
    shape,
    *,
    depth=0,
    limit=10,
    last=None,
    low=False,
    high=False,
    status=TaskStatus.completed,
):
    """Read one page of this shape after `depth` of its tasks; rows and steps of the engine."""
    (project_key,) = connection.execute("SELECT project_key FROM project").fetchone()
    order = "completed_ms, seq" if shape["by_completion"] else "seq"
    keys = connection.execute(
        "SELECT completed_ms, seq FROM task WHERE"
        + (" completed_ms IS NOT NULL" if shape["by_completion"] else " true")
        + (f" AND status = {status.code}" if shape["one_status"] else "")
        + (" AND batch_id = 'batch_1'" if shape["in_batch"] else "")
        + f" ORDER BY {order}"
    ).fetchall()
    times = [ms for ms, _ in keys if ms is not None]
    where = tasks.TaskFilter(
        project_key,
        "batch_1" if shape["in_batch"] else None,
        status if shape["one_status"] else None,
        (times[-limit] if low else 0) if shape["by_completion"] else None,
        times[limit] if high else None,
    )
    after = (
        where.start if depth == 0 else tasks.TaskCursor(keys[depth - 1][0] or 0, keys[depth - 1][1])
    )
    steps = 0

    def count():
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(count, 1)
    rows, _ = drive(
        task_pages.list_tasks(
            SqliteTransaction(connection), where, after=after, bound=last or 2**60, limit=limit,
            with_patches=bool(shape["with_patches"]),
        )
    )  # fmt: skip
    connection.set_progress_handler(None)
    return rows, steps, keys


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: " ".join(k for k in shape if shape[k]))
def test_a_page_is_found_through_an_index_at_any_depth(shelf, shape):
    """No table is walked, nothing is sorted but a page's index entries, and depth costs nothing."""
    statements = []
    shelf.set_exec_trace(lambda cursor, sql, bindings: statements.append((sql, bindings)) or True)
    first, at_start, keys = page(shelf, shape)
    shelf.set_exec_trace(None)
    sql, bindings = statements[-1]
    plan = [row[3] for row in shelf.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]

    walked = [line for line in plan if line.startswith("SCAN")]
    assert set(walked) <= {"SCAN k", "SCAN part"} | (
        {"SCAN t"} if "CO-ROUTINE t" in plan else set()
    )
    assert not any("AUTOMATIC" in line for line in plan)
    if "SCAN part" not in walked:  # what is merged of several statuses is as long as the page
        assert not any("TEMP B-TREE" in line for line in plan)
    used = [line for line in plan if line.startswith("SEARCH")]
    assert all(" INDEX " in line and "project_key=?" in line for line in used)

    deep, at_depth, _ = page(shelf, shape, depth=len(keys) - 15)
    assert [row[0] for row in first] == [seq for _, seq in keys[:10]]
    assert [row[0] for row in deep] == [seq for _, seq in keys[-15:-5]]
    assert at_depth < at_start * 1.3


@pytest.mark.parametrize("bounds", [{"low": True}, {"high": True}, {"last": 1}])
@pytest.mark.parametrize("shape", [one for one in SHAPES if one["by_completion"]])
def test_a_bound_on_completion_leaves_the_rest_of_the_project_unread(shelf, shape, bounds):
    """What lies outside the bounds is not read and dropped, but never read."""
    whole = page(shelf, shape)[1]

    rows, steps, _ = page(shelf, shape, **bounds)

    assert len(rows) == (0 if "last" in bounds else 10 if "high" in bounds else 9)
    assert steps < whole * 1.3


@pytest.mark.parametrize("in_batch", [0, 1])
def test_a_page_of_a_rare_status_leaves_the_others_unread(shelf, in_batch):
    """Three tasks are pending, at the very end of the project."""
    shape = {"in_batch": in_batch, "one_status": 1, "by_completion": 0, "with_patches": 0}
    whole = page(shelf, shape)[1]

    rows, steps, keys = page(shelf, shape, status=TaskStatus.pending)

    assert [row[0] for row in rows] == [seq for _, seq in keys]
    assert len(keys) == (1 if in_batch else 3)
    assert steps < whole
