"""A task's life: what each move changes, who wins when several happen at once, what survives."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from pathlib import Path

import apsw
import msgspec
import pytest

from plaudit.core.tasks import batches
from plaudit.errors import Conflict, IllegalMove, InvalidContent
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.store.engine.connect import FILE_NAME
from plaudit.wire.v2 import render
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.databases.postgres_cluster import wait_until
from tests.support.forked_process import ForkedProcess
from tests.support.harness import clean_environment
from tests.support.running.every_case import every_case
from tests.tasks.project_tasks import ProjectTasks, complete_until_killed, race

RACERS = 6


@pytest.fixture
def project_tasks(world):
    return ProjectTasks(world)


def test_of_a_cancel_and_a_completion_at_the_same_moment_exactly_one_wins(project_tasks):
    task_ids = [project_tasks.create() for _ in range(6)]
    project_tasks.create()  # keeps the batch open

    for task_id in task_ids:
        kinds = ["cancel", "complete"] * (RACERS // 2)
        outcomes = race(
            project_tasks.world,
            [
                lambda own, kind=kind, task_id=task_id: project_tasks.move(kind, task_id, world=own)
                for kind in kinds
            ],
        )
        won = [
            kind
            for kind, outcome in zip(kinds, outcomes, strict=True)
            if not isinstance(outcome, Conflict)
        ]
        assert len(won) == 1
        task = project_tasks.stored(task_id)
        assert task.status == {"cancel": "canceled", "complete": "completed"}[won[0]]
        assert (task.completed_ms is not None) == (task.body is not None) == (won == ["complete"])

    by_status = [project_tasks.stored(task_id).status.value for task_id in task_ids]
    expected = {status: by_status.count(status) for status in by_status}
    assert project_tasks.counts() == expected | {"pending": 1}
    assert project_tasks.fresh_batch().status is BatchStatus.in_progress


def test_as_many_racers_as_tasks_complete_the_batch_once(project_tasks):
    """Whoever ends the last task, and nobody else, completes the batch."""
    if project_tasks.world.settings.database is not None:
        pytest.skip("the trigger that counts is in SQLite's words")
    file = apsw.Connection(str(project_tasks.world.settings.data / FILE_NAME))
    file.execute(
        "CREATE TABLE ended (batch_id, status); CREATE TRIGGER note AFTER UPDATE OF status ON batch"
        " BEGIN INSERT INTO ended VALUES (new.batch_id, new.status); END"
    )
    task_ids = [project_tasks.create() for _ in range(RACERS)]
    kinds = ["complete", "cancel", "fail"] * (RACERS // 3)

    outcomes = race(
        project_tasks.world,
        [
            lambda own, kind=kind, task_id=task_id: project_tasks.move(kind, task_id, world=own)
            for kind, task_id in zip(kinds, task_ids, strict=True)
        ],
    )

    assert not any(isinstance(outcome, Conflict) for outcome in outcomes)
    assert project_tasks.counts() == {"completed": 2, "canceled": 2, "error": 2}
    assert project_tasks.fresh_batch().status is BatchStatus.completed
    assert file.execute("SELECT * FROM ended").fetchall() == [
        (project_tasks.batch.batch_id, "completed")
    ]


@pytest.mark.parametrize("status", [one for one in BatchStatus if one != BatchStatus.in_progress])
def test_only_a_batch_in_progress_is_completed_by_its_last_task(world, status):
    project_tasks = ProjectTasks(world, status)
    if status in (BatchStatus.completed, BatchStatus.cancelled):
        with pytest.raises(IllegalMove):
            project_tasks.create()
        assert project_tasks.counts() == {}
        return
    project_tasks.move("complete", project_tasks.create())

    assert project_tasks.fresh_batch().status is status
    assert project_tasks.counts() == {"completed": 1}


def test_a_batch_completed_meanwhile_takes_no_task_either(project_tasks):
    as_read_before = project_tasks.fresh_batch()
    project_tasks.move("complete", project_tasks.create())
    assert project_tasks.fresh_batch().status is BatchStatus.completed

    with pytest.raises(IllegalMove):
        project_tasks.create(batch=as_read_before)

    assert project_tasks.counts() == {"completed": 1}


def test_reopening_a_task_leaves_its_completed_batch_completed(project_tasks):
    task_id = project_tasks.create()
    project_tasks.move("complete", task_id)
    completed = project_tasks.fresh_batch()

    project_tasks.move("reopen", task_id)
    assert project_tasks.counts() == {"pending": 1}
    project_tasks.move("complete", task_id)

    assert project_tasks.fresh_batch() == completed
    assert project_tasks.counts() == {"completed": 1}


def test_a_task_of_a_cancelled_batch_is_not_reopened(project_tasks):
    """It would be pending for good, and its threads gone."""
    done, _ = project_tasks.create(), project_tasks.create()
    project_tasks.move("complete", done)
    project_tasks.write(lambda tx: batches.apply_action(tx, project_tasks.batch, "cancel"))
    before = project_tasks.everything()

    with pytest.raises(Conflict, match="batch of this task is cancelled"):
        project_tasks.move("reopen", done)

    assert project_tasks.everything() == before


ALLOWED = {
    "pending": {"complete", "cancel", "fail"},
    "completed": {"reopen"},
    "canceled": set(),
    "error": set(),
}
REACHED_BY = {"pending": None, "completed": "complete", "canceled": "cancel", "error": "fail"}


@every_case("status, kind", itertools.product(ALLOWED, ("complete", "cancel", "fail", "reopen")))
def test_a_move_from_a_status_that_does_not_allow_it_changes_nothing(project_tasks, status, kind):
    task_id = project_tasks.create()
    project_tasks.create()
    if REACHED_BY[status]:
        project_tasks.move(REACHED_BY[status], task_id)
    before = project_tasks.everything()

    if kind in ALLOWED[status]:
        project_tasks.move(kind, task_id)
        assert project_tasks.everything() != before
        return
    with pytest.raises(Conflict, match="no longer"):
        project_tasks.move(kind, task_id)

    assert project_tasks.everything() == before


FOUL = [
    None, [], {}, "threads", 7, [None], [{}], [[]], [{"id": "t", "turns": "no"}],
    [make_thread(turns=[{"id": "turn_0"}, 7])],
    [make_thread(turns=[make_turn(messages=[{"content": {"text": 7}}])])],
    [make_thread(turns=[make_turn(messages=[make_message("a"), make_message("a")])])],
    [make_thread(annotations=[{"value": 1}])],
    [make_thread(turns=[make_turn(annotations=[make_annotation(type="no such type")])])],
]  # fmt: skip


@every_case("threads", FOUL)
def test_completing_with_threads_that_are_not_valid_changes_nothing(project_tasks, threads):
    task_id, _ = project_tasks.create(), project_tasks.create()  # one keeps the batch open
    before = project_tasks.everything()

    with pytest.raises(InvalidContent):
        project_tasks.move("complete", task_id, threads)

    assert project_tasks.everything() == before
    assert project_tasks.move("complete", task_id)


def test_a_reopened_task_keeps_what_it_asked_and_nobody_s_answers(project_tasks):
    """Its conversation becomes its content, once and for all."""
    thread = make_thread(annotations=[make_annotation("secret_verdict")])
    task_id = project_tasks.create(metadata={"kept": [1, "two"]})
    project_tasks.move("complete", task_id, [thread])

    project_tasks.move("reopen", task_id)
    first = project_tasks.stored(task_id)
    project_tasks.move("complete", task_id, [make_thread(turns=[make_turn("another")])])
    project_tasks.move("reopen", task_id)
    second = project_tasks.stored(task_id)

    assert (first.status, first.body) == (TaskStatus.pending, None)
    assert second.content == first.content
    [asked] = msgspec.json.decode(first.content)
    texts = [message["content"]["text"] for message in asked["turns"][0]["messages"]]
    assert texts == ["A question?", "An answer.", "An answer."]
    assert b"secret_verdict" not in first.content
    assert b"overall" not in first.content
    assert render.read_head(first.head).metadata == {"kept": [1, "two"]}


def test_a_reopened_task_that_was_prepared_keeps_the_very_content(world, client):
    content = [make_thread(turns=[make_turn(messages=[make_message("user", "As prepared?")])])]
    assert world.load([make_task("task_1", "pending", content=content)])[1] == []
    project_tasks = object.__new__(ProjectTasks)
    project_tasks.world, project_tasks.environment_id = world, world.org()
    was = project_tasks.stored("task_1").content
    project_tasks.move("complete", "task_1")

    project_tasks.move("reopen", "task_1")

    assert was is not None
    assert project_tasks.stored("task_1").content == was
    shown = client.get("/v2/task", params={"task_id": "task_1"}).json()
    assert (shown["status"], shown.get("completed_at")) == ("pending", None)
    assert not shown.get("threads")


def test_what_a_move_changes_is_shown_at_once(project_tasks, client):
    task_id = project_tasks.create(metadata={"a": 1})
    show = lambda: client.get("/v2/task", params={"task_id": task_id}).json()  # noqa: E731
    created_at = show()["created_at"]

    project_tasks.move("complete", task_id)
    assert (show()["status"], len(show()["threads"])) == ("completed", 1)
    project_tasks.move("reopen", task_id)
    assert (show()["status"], show().get("completed_at")) == ("pending", None)
    project_tasks.move("fail", task_id)

    assert show()["status"] == "error"
    assert show()["errors"][0]["type"] == "LANGUAGE_MISMATCH"
    assert (show()["created_at"], show()["metadata"]) == (created_at, {"a": 1})


def line_count(log: Path) -> int:
    """How many whole lines a process has written, none before it opened its file."""
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_no_acknowledged_completion_is_lost_when_the_writer_is_killed(project_tasks):
    """Ten writers, each killed with SIGKILL in the commit after so many, or a later one."""
    cycles, dice, killed_early, times = 10, random.Random(), 0, []
    settings = project_tasks.world.settings
    project_tasks.create_many(1)  # stays pending, so that the batch stays open
    for cycle in range(cycles):
        task_ids = project_tasks.create_many(40)
        log = settings.data / f"acknowledged-{cycle}"
        here, there = multiprocessing.Pipe()
        writer = ForkedProcess(
            complete_until_killed, settings, task_ids, there, environ=clean_environment(), log=log
        )
        there.close()  # so that its end is noticed
        assert here.recv() == "ready"
        wanted = dice.randrange(20)
        wait_until(lambda log=log, wanted=wanted: line_count(log) >= wanted, f"{wanted} commits")
        time.sleep(dice.uniform(0, 0.005))
        writer.kill()
        writer.wait(30)
        acknowledged = [line.split() for line in log.read_text().splitlines()]
        killed_early += len(acknowledged) < len(task_ids)
        stored = {task.task_id: task for task in project_tasks.stored_many(task_ids)}
        for task_id, completed_ms in acknowledged:
            assert stored[task_id].completed_ms == int(completed_ms), "lost"
            times.append(int(completed_ms))
        for task in stored.values():
            assert (task.status is TaskStatus.completed) == (task.body is not None)

    assert killed_early > 0
    assert len(times) == len(set(times)) > 0
    stored = [row.split(", ")[4] for row in dict(project_tasks.everything())["task"]]
    assert len(stored) == cycles * 40 + 1
    by_status = {status.value: stored.count(str(status.code)) for status in TaskStatus}
    assert project_tasks.counts() == {status: count for status, count in by_status.items() if count}
    if project_tasks.world.settings.database is None:
        check = apsw.Connection(str(project_tasks.world.settings.data / FILE_NAME))
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
