"""Pages of datasets: each is one range of an index, and costs the same at any depth."""

from __future__ import annotations

import shutil
from typing import Any

import apsw
import pytest

from plaudit.model.deliveries import DatasetDeliveryRow
from plaudit.settings import Settings
from plaudit.store.datasets import dataset_tasks
from plaudit.store.engine import connect
from plaudit.store.engine.sqlite import SqliteTransaction, drive
from tests.support.harness import World

COUNT = 1500
FAR = 2**62


@pytest.fixture(scope="module")
def shelf(template, tmp_path_factory):
    """A connection to a dataset of 1,500 tasks in 30 deliveries, and another beside it."""
    settings = Settings(data=tmp_path_factory.mktemp("shelf") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.org()
    rows = []
    for number in range(30):
        value = {"id": f"v{number}", "dataset": "d", "delivered_at": f"2024-01-{number + 1:02}"}
        rows.append({"kind": "dataset_delivery", "value": value})
    for number in range(COUNT):
        delivery, dataset = (f"v{number % 30}", "d") if number % 2 else ("w", "other")
        value = {"task_id": f"t{number}", "dataset": dataset, "delivery": delivery, "response": {}}
        rows.append({"kind": "dataset_task", "value": value})
    assert world.load(rows, "archive")[1] == []
    world.close()
    connection = apsw.Connection(str(settings.data / connect.FILE_NAME))
    yield connection
    connection.close()


def page(connection: apsw.Connection, shape: str, place: tuple[int, int]) -> Any:
    """The seqs of a page after a place, the steps of the engine, and the plan."""
    key = connection.execute("SELECT dataset_key FROM dataset WHERE dataset_id = 'd'").fetchone()[0]
    tx = SqliteTransaction(connection)
    delivery = DatasetDeliveryRow("", "v7", key, "", 0)
    work = {
        "by sequence": lambda: dataset_tasks.list_dataset_tasks(
            tx, key, after_seq=place[1], bound=FAR, limit=10
        ),
        "by time": lambda: dataset_tasks.list_tasks_by_delivery_time(
            tx, key, after=place, bound=FAR, limit=10
        ),
        "of a delivery": lambda: dataset_tasks.list_tasks_of_delivery(
            tx, delivery, after_seq=place[1], limit=10
        ),
    }[shape]
    steps, statements = [0], []

    def count() -> bool:
        steps[0] += 1
        return False

    connection.set_exec_trace(lambda cursor, sql, args: statements.append((sql, args)) or True)
    connection.set_progress_handler(count, 1)
    found = drive(work())
    rows = found if shape == "by sequence" else found[0]
    connection.set_progress_handler(None)
    connection.set_exec_trace(None)
    sql, args = statements[-1]
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
    return [(row.delivered_ms, row.seq) for row in rows], steps[0], plan


@pytest.mark.parametrize("shape", ["by sequence", "by time", "of a delivery"])
def test_a_page_is_one_range_of_an_index_and_costs_the_same_at_any_depth(shelf, shape):
    where = " AND delivery_id = 'v7'" if shape == "of a delivery" else ""
    order = "seq" if shape != "by time" else "delivered_ms, seq"
    keys = shelf.execute(
        "SELECT delivered_ms, seq FROM dataset_task WHERE dataset_key ="
        f" (SELECT dataset_key FROM dataset WHERE dataset_id = 'd'){where} ORDER BY {order}"
    ).fetchall()

    first, at_start, plan = page(shelf, shape, (-FAR, 0))
    deep, at_depth, _ = page(shelf, shape, keys[-11])

    assert not any("TEMP B-TREE" in line or "AUTOMATIC" in line for line in plan)
    assert [line for line in plan if line.startswith("SCAN") and line != "SCAN k"] == []
    used = [line for line in plan if line.startswith("SEARCH")]
    assert all("dataset_key=?" in line for line in used), plan
    assert first == keys[:10]
    assert deep == keys[-10:]
    assert at_depth < at_start * 1.3
