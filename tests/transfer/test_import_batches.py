"""Importing into stored batches: what their lines may change, and which tasks they take."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from plaudit.core.tasks import batches
from plaudit.store.engine import checks
from plaudit.store.tasks import batches as batches_store
from plaudit.wire.v2 import size_limits
from tests.support.builders import make_task, make_thread
from tests.support.harness import World, one_engine
from tests.support.running.every_case import every_case
from tests.tasks.project_tasks import race
from tests.transfer.test_import import batch_row, project_row, rows_of, stored, task_row


def make_batch(world: World, **fields: Any) -> None:
    status = "canceled" if fields.get("status") == "cancelled" else "pending"
    rows = [project_row("project_123"), batch_row("batch_1", **({"name": "One"} | fields)),
            task_row("task_a", status, batch="batch_1")]  # fmt: skip
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


@one_engine
@every_case(
    "was, said, replace",
    itertools.product(
        [{"status": "in_progress"}, {"status": "paused"},
         {"status": "completed", "completed_at": "2024-02-01T00:00:00Z"}],
        [{}, {"name": "One"}, {"metadata": {"a": [True], "b": 1}}, {"status": "staging"}],
        [False, True],
    ),
)  # fmt: skip
def test_what_a_batch_s_line_leaves_out_stays(world, was, said, replace):
    world = world.tenant()
    make_batch(world, **RICH, **was)
    before = rows_of(world)

    summary, rejects = world.load([batch_row("batch_1", **said)], "archive", replace=replace)

    assert (str(summary), rejects) == ("batches: 1 unchanged", [])
    assert rows_of(world) == before


@one_engine
@every_case(
    "was, said",
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
    world = world.tenant()
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


@every_case(
    "name, move, is_task_first",
    itertools.product(
        ["One", "batch_1"],
        [
            ("paused", ["resume"]), ("in_progress", ["pause"]), ("in_progress", ["cancel"]),
            ("staging", ["finalize", "pause"]), ("paused", ["cancel"]),
        ],
        [False, True],
    ),
)  # fmt: skip
def test_an_old_archive_again_moves_no_batch(world, name, move, is_task_first):
    world, (was, actions) = world.tenant(), move
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


# --- a closed batch takes no pending task ---


@pytest.mark.parametrize("status", ["completed", "cancelled"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_closed_batch_takes_finished_tasks_and_refuses_pending_ones_by_name(
    world, status, replace
):
    world.load([project_row("project_123"), batch_row("batch_1", status=status)], "archive")
    rows = [
        make_task("task_new", "pending", batch="batch_1", unique_id="u", content=[make_thread()]),
        make_task("task_done", batch="batch_1"),
        make_task("task_again", "pending", unique_id="u"),
    ]

    summary, [reject] = world.load(rows, replace=replace)

    assert str(summary) == "tasks: 2 added, 1 rejected"
    assert (reject.line, reject.pointer) == (1, "/batch")
    assert reject.message == f"batch 'batch_1' is {status}; it takes no more tasks"
    assert set(stored(world)) == {"task_done", "task_again"}
    assert world.run(checks.violations(world.db)) == {}


def test_a_file_that_declares_a_cancelled_batch_puts_no_pending_task_into_it(world):
    rows = [project_row("project_123"), batch_row("batch_1", status="cancelled"),
            task_row("task_a", "pending", batch="batch_1"),
            task_row("task_b", "canceled", batch="batch_1")]  # fmt: skip

    _, [reject] = world.load(rows, "archive")

    assert (reject.line, reject.pointer) == (3, "/value/batch")
    assert "is cancelled; it takes no more tasks" in reject.message
    assert set(stored(world)) == {"task_b"}


def test_an_archive_brings_back_tasks_that_were_reopened_in_a_completed_batch(world):
    """Reopening leaves the batch completed, so a file that declares it so holds such tasks."""
    rows = [project_row("project_123"), batch_row("batch_1", status="completed"),
            task_row("task_a", "pending", batch="batch_1", content=[make_thread()])]  # fmt: skip

    first, rejects = world.load(rows, "archive")
    second, rejects_again = world.load(rows, "archive")

    assert (str(first), rejects) == ("projects: 1 added; batches: 1 added; tasks: 1 added", [])
    assert ("tasks: 1 unchanged" in str(second), rejects_again) == (True, [])


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_task_of_a_batch_that_its_own_row_calls_closed_leaves_no_batch_behind(world, status):
    world.load([make_task("task_old")])
    before = rows_of(world)
    batch = {"id": "batch_1", "name": "One", "project": "project_123",
             "created_at": "2025-01-01T00:00:00Z", "status": status}  # fmt: skip

    _, [reject] = world.load([make_task("task_a", "pending", batch=batch)])

    assert (reject.pointer, status in reject.message) == ("/batch", True)
    assert rows_of(world) == before


def test_a_batch_whose_last_task_ends_beside_a_new_one_stays_open(world):
    make_batch(world)
    rows = [make_task("task_a", batch="batch_1"), make_task("task_b", "pending", batch="batch_1")]

    summary, rejects = world.load(rows)
    half = stored(world, "batch")["batch_1"]["status"]
    world.load([make_task("task_b", batch="batch_1")])

    assert (str(summary), rejects) == ("tasks: 1 added, 1 updated", [])
    assert (half, stored(world, "batch")["batch_1"]["status"]) == ("in_progress", "completed")


def test_a_batch_that_is_cancelled_beside_an_import_never_keeps_a_pending_task(world):
    environment_id = world.org()
    for number in range(12):
        batch_id = f"batch_{number}"
        world.load([project_row("project_123"), batch_row(batch_id)], "archive")
        row = make_task(f"task_{number}", "pending", batch=batch_id)

        async def cancel(tx: Any, batch_id: str = batch_id) -> None:
            batch = await batches_store.find_batch(tx, environment_id, batch_id)
            assert batch is not None
            await batches.apply_action(tx, batch, "cancel")

        race(world, [lambda own, row=row: own.load([row]),
                     lambda own, cancel=cancel: own.run(own.db.write(cancel))])  # fmt: skip

    assert {task["status"] for task in stored(world).values()} <= {"canceled"}
    assert world.run(checks.violations(world.db)) == {}


@every_case(
    "fields, format_name, is_same_file",
    itertools.product(
        [{"batch": "batch_2"}, {"project": "project_new"},
         {"project": "project_new", "batch": "batch_2"}],
        ["archive", "v2"],
        [False, True],
    ),
)  # fmt: skip
def test_a_task_that_is_stored_elsewhere_leaves_no_project_or_batch_behind(
    world, fields, format_name, is_same_file
):
    world = world.tenant()
    base = make_task("task_a", batch="batch_1")
    again = make_task("task_a", **({"batch": "batch_1"} | fields))
    rows = [{"kind": "task", "value": row} if format_name == "archive" else row
            for row in (base, again)]  # fmt: skip
    if not is_same_file:
        assert world.load(rows[:1], format_name)[1] == []

    _, rejects = world.load(rows if is_same_file else rows[1:], format_name)

    assert ["is stored in" in reject.message or "another project" in reject.message
            for reject in rejects] == [True]  # fmt: skip
    assert set(stored(world, "batch")) == {"batch_1"}
    assert set(stored(world, "project")) == {"project_123"}


def test_a_task_that_is_stored_elsewhere_leaves_no_named_project_behind(world):
    world.load([make_task("task_a")])

    _, [reject] = world.load([make_task("task_a")], project="New")

    assert reject.message == "task 'task_a' is stored in another project"
    assert [one["id"] for one in stored(world, "project").values()] == ["project_123"]


def test_a_task_that_is_too_long_leaves_no_project_or_batch_behind(world, monkeypatch):
    monkeypatch.setattr(size_limits, "CONVERSATION_BYTES_MAX", 10)
    row = make_task("task_a", "pending", batch="batch_1", content=[make_thread()])

    _, [reject] = world.load([row])

    assert reject.pointer == "/content"
    assert (stored(world, "batch"), stored(world, "project")) == ({}, {})
