"""Importing a stored batch's line again: what it may change, and what it leaves as it is."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.tasks import batches
from plaudit.store.engine import checks
from plaudit.store.tasks import batches as batches_store
from tests.support.builders import make_task, make_thread
from tests.support.harness import World
from tests.tasks.test_lifecycle import race
from tests.transfer.test_import import batch_row, project_row, rows_of, stored, task_row


def make_batch(world: World, **fields: Any) -> None:
    rows = [project_row("project_123"), batch_row("batch_1", **({"name": "One"} | fields)),
            task_row("task_a", "pending", batch="batch_1")]  # fmt: skip
    assert world.load(rows, "archive")[1] == []


def move_batch(world: World, action: str) -> None:
    """Pause, resume or cancel batch_1, as the API does."""
    environment_id = world.org()

    async def work(tx: Any) -> None:
        batch = await batches_store.find_batch(tx, environment_id, "batch_1")
        assert batch is not None
        await batches.apply_action(tx, batch, action)

    world.run(world.db.write(work))


RICH = {"metadata": {"b": 1, "a": [True]}, "callback": "https://example.com/x",
        "created_at": "2024-01-01T00:00:00Z"}  # fmt: skip


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    "said", [{}, {"name": "One"}, {"metadata": {"a": [True], "b": 1}}, {"status": "staging"}]
)
@pytest.mark.parametrize(
    "was",
    [{"status": "in_progress"}, {"status": "paused"},
     {"status": "completed", "completed_at": "2024-02-01T00:00:00Z"}],
)  # fmt: skip
def test_what_a_batch_s_line_leaves_out_stays(world, was, said, replace):
    make_batch(world, **RICH, **was)
    before = rows_of(world)

    summary, rejects = world.load([batch_row("batch_1", **said)], "archive", replace=replace)

    assert (str(summary), rejects) == ("batches: 1 unchanged", [])
    assert rows_of(world) == before


@pytest.mark.parametrize(
    ("was", "said"),
    [
        ({}, {"metadata": {"a": 1}}),
        ({"metadata": {"a": 1}}, {"metadata": {"a": True}}),
        ({"metadata": {"a": 1}}, {"metadata": {}}),
        ({}, {"callback": "https://example.com/other"}),
        ({}, {"created_at": "2023-01-01T00:00:00Z"}),
        ({}, {"status": "paused"}),
        ({"status": "paused"}, {"status": "in_progress"}),
        ({"status": "cancelled"}, {"status": "completed"}),
        ({}, {"status": "completed", "metadata": {"a": 1}}),
    ],
)
def test_other_values_of_a_stored_batch_need_replace(world, was, said):
    make_batch(world, **was)
    before = rows_of(world)

    _, rejects = world.load([batch_row("batch_1", name="One", **said)], "archive")
    unchanged = rows_of(world)
    summary, _ = world.load([batch_row("batch_1", **said)], "archive", replace=True)

    assert ["--replace" in reject.message for reject in rejects] == [True]
    assert unchanged == before
    assert str(summary) == "batches: 1 updated"
    batch = stored(world, "batch")["batch_1"]
    assert {name: batch.get(name, {}) for name in said} == said | (
        {"created_at": batch["created_at"]} if "created_at" in said else {}
    )
    assert world.run(checks.violations(world.db)) == {}


@pytest.mark.parametrize("name", ["One", "batch_1"])
@pytest.mark.parametrize(
    ("was", "actions"),
    [
        ("paused", ["resume"]), ("in_progress", ["pause"]), ("in_progress", ["cancel"]),
        ("staging", ["finalize", "pause"]), ("paused", ["cancel"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_task_first", [False, True])
def test_an_old_archive_again_moves_no_batch(world, name, was, actions, is_task_first):
    rows = [project_row("project_123"), batch_row("batch_1", name=name, status=was),
            task_row("task_a", "pending", batch="batch_1")]  # fmt: skip
    if is_task_first:
        rows = [rows[2], rows[0], rows[1]]
    assert world.load(rows, "archive")[1] == []
    for action in actions:
        move_batch(world, action)
    before = rows_of(world)

    world.load(rows, "archive")

    assert rows_of(world) == before


def test_a_line_that_cancels_a_batch_cancels_its_pending_tasks(world, client):
    make_batch(world)
    prepared = make_task("task_c", "pending", batch="batch_1", content=[make_thread()])
    world.load([make_task("task_b", batch="batch_1"), prepared])
    rows = [batch_row("batch_1", name="One", status="cancelled")]

    first, _ = world.load(rows, "archive")
    before = rows_of(world)
    second, _ = world.load(rows, "archive")

    assert [str(first), str(second)] == ["batches: 1 updated", "batches: 1 unchanged"]
    assert {one: task["status"] for one, task in stored(world).items()} == {
        "task_a": "canceled", "task_b": "completed", "task_c": "canceled",
    }  # fmt: skip
    assert rows_of(world) == before
    assert world.run(checks.violations(world.db)) == {}


def test_a_line_beside_the_cancelling_of_its_batch_never_brings_it_back(world):
    environment_id = world.org()
    for number in range(12):
        batch_id = f"batch_{number}"
        world.load([project_row("project_123"),
                    batch_row(batch_id, name=f"B{number}", status="staging"),
                    task_row(f"task_{number}", "pending", batch=batch_id)], "archive")  # fmt: skip
        line = batch_row(batch_id, name=f"B{number}", status="in_progress")

        async def cancel(tx: Any, batch_id: str = batch_id) -> None:
            batch = await batches_store.find_batch(tx, environment_id, batch_id)
            assert batch is not None
            await batches.apply_action(tx, batch, "cancel")

        race(world, [lambda own, line=line: own.load([line], "archive"),
                     lambda own, cancel=cancel: own.run(own.db.write(cancel))])  # fmt: skip

    assert {one["status"] for one in stored(world, "batch").values()} == {"cancelled"}
    assert {one["status"] for one in stored(world).values()} == {"canceled"}
    assert world.run(checks.violations(world.db)) == {}
