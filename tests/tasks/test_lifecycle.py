"""A task's life: what each move changes, who wins when several happen at once, what survives."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import apsw
import msgspec
import pytest

from plaudit.core.tasks import batches, lifecycle
from plaudit.core.tasks.projects import create_batch
from plaudit.errors import Conflict, IllegalMove, InvalidContent
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.store.engine import migrator
from plaudit.store.engine.connect import FILE_NAME
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import tasks
from plaudit.wire.v2 import render
from plaudit.wire.v2.task import ErrorDetail
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World, clean_environment

THREADS = [make_thread()]
ERRORS = [ErrorDetail(type="LANGUAGE_MISMATCH", message="not in English")]
RACERS = 6
TABLES = re.findall(
    r"CREATE TABLE (\w+)",
    "".join("".join(m.statements) for m in migrator.migrations(migrator.SQLITE)),
)


class Desk:
    """A project with a batch in progress, and short words for what tests do with its tasks."""

    def __init__(self, world: World, status: BatchStatus = BatchStatus.in_progress) -> None:
        self.world, self.environment_id = world, world.org()
        self.project = world.project()
        self.batch = self.write(
            lambda tx: create_batch(tx, self.project, name="First batch", status=status)
        )

    def write(self, work, world: World | None = None):
        world = world or self.world
        return world.run(world.db.write(work))

    def create(self, **fields) -> str:
        fields.setdefault("batch", self.batch)
        return self.write(lambda tx: lifecycle.create_task(tx, self.project, **fields)).task_id

    def move(self, kind: str, task_id: str, threads=THREADS, world: World | None = None):
        async def work(tx):
            task = await tasks.find_task(tx, self.environment_id, task_id)
            match kind:
                case "complete":
                    return await lifecycle.complete_task(tx, self.environment_id, task, threads)
                case "cancel":
                    return await lifecycle.cancel_task(tx, self.environment_id, task)
                case "fail":
                    return await lifecycle.fail_task(tx, self.environment_id, task, ERRORS)
                case "reopen":
                    return await lifecycle.reopen_task(tx, self.environment_id, task)

        return self.write(work, world)

    def create_many(self, count: int) -> list[str]:
        async def work(tx):
            return [
                (await lifecycle.create_task(tx, self.project, batch=self.batch)).task_id
                for _ in range(count)
            ]

        return self.write(work)

    def stored(self, task_id: str):
        return self.stored_many([task_id])[0]

    def stored_many(self, task_ids: list[str]):
        async def work(tx):
            return [await tasks.find_task(tx, self.environment_id, task_id) for task_id in task_ids]

        return self.write(work)

    def fresh_batch(self):
        return self.write(
            lambda tx: batches_store.find_batch(tx, self.environment_id, self.batch.batch_id)
        )

    def counts(self) -> dict[str, int]:
        found = self.write(
            lambda tx: batches_store.add_progress(
                tx, self.project.project_key, self.batch.batch_id, {}
            )
        )
        return {status.value: count for status, count in found.items() if count}

    def everything(self) -> list:
        """All rows of all tables."""

        async def read():
            async with self.world.db.read() as tx:
                return [(name, sorted(map(repr, await tx.all(f"SELECT * FROM {name}", {}))))
                        for name in TABLES]  # fmt: skip

        return self.world.run(read())


@pytest.fixture
def desk(world):
    return Desk(world)


def race(world: World, contenders) -> list:
    """Let each contender run at the same moment on an engine of its own; what each came to."""
    start = threading.Barrier(len(contenders))

    def run(contender):
        own = World(world.settings)
        try:
            start.wait(10)
            return contender(own)
        except Conflict as conflict:
            return conflict
        finally:
            own.close()

    with ThreadPoolExecutor(len(contenders)) as pool:
        return list(pool.map(run, contenders))


def test_of_a_cancel_and_a_completion_at_the_same_moment_exactly_one_wins(desk):
    task_ids = [desk.create() for _ in range(6)]
    desk.create()  # keeps the batch open

    for task_id in task_ids:
        kinds = ["cancel", "complete"] * (RACERS // 2)
        outcomes = race(
            desk.world,
            [
                lambda own, kind=kind, task_id=task_id: desk.move(kind, task_id, world=own)
                for kind in kinds
            ],
        )
        won = [
            kind
            for kind, outcome in zip(kinds, outcomes, strict=True)
            if not isinstance(outcome, Conflict)
        ]
        assert len(won) == 1
        task = desk.stored(task_id)
        assert task.status == {"cancel": "canceled", "complete": "completed"}[won[0]]
        assert (task.completed_ms is not None) == (task.body is not None) == (won == ["complete"])

    by_status = [desk.stored(task_id).status.value for task_id in task_ids]
    expected = {status: by_status.count(status) for status in by_status}
    assert desk.counts() == expected | {"pending": 1}
    assert desk.fresh_batch().status is BatchStatus.in_progress


def test_as_many_racers_as_tasks_complete_the_batch_once(desk):
    """Whoever ends the last task, and nobody else, completes the batch."""
    if desk.world.settings.database is not None:
        pytest.skip("the trigger that counts is in SQLite's words")
    file = apsw.Connection(str(desk.world.settings.data / FILE_NAME))
    file.execute(
        "CREATE TABLE ended (batch_id, status); CREATE TRIGGER note AFTER UPDATE OF status ON batch"
        " BEGIN INSERT INTO ended VALUES (new.batch_id, new.status); END"
    )
    task_ids = [desk.create() for _ in range(RACERS)]
    kinds = ["complete", "cancel", "fail"] * (RACERS // 3)

    outcomes = race(
        desk.world,
        [
            lambda own, kind=kind, task_id=task_id: desk.move(kind, task_id, world=own)
            for kind, task_id in zip(kinds, task_ids, strict=True)
        ],
    )

    assert not any(isinstance(outcome, Conflict) for outcome in outcomes)
    assert desk.counts() == {"completed": 2, "canceled": 2, "error": 2}
    assert desk.fresh_batch().status is BatchStatus.completed
    assert file.execute("SELECT * FROM ended").fetchall() == [(desk.batch.batch_id, "completed")]


@pytest.mark.parametrize("status", [one for one in BatchStatus if one != BatchStatus.in_progress])
def test_only_a_batch_in_progress_is_completed_by_its_last_task(world, status):
    desk = Desk(world, status)
    if status in (BatchStatus.completed, BatchStatus.cancelled):
        with pytest.raises(IllegalMove):
            desk.create()
        assert desk.counts() == {}
        return
    desk.move("complete", desk.create())

    assert desk.fresh_batch().status is status
    assert desk.counts() == {"completed": 1}


def test_a_batch_completed_meanwhile_takes_no_task_either(desk):
    as_read_before = desk.fresh_batch()
    desk.move("complete", desk.create())
    assert desk.fresh_batch().status is BatchStatus.completed

    with pytest.raises(IllegalMove):
        desk.create(batch=as_read_before)

    assert desk.counts() == {"completed": 1}


def test_reopening_a_task_leaves_its_completed_batch_completed(desk):
    task_id = desk.create()
    desk.move("complete", task_id)
    completed = desk.fresh_batch()

    desk.move("reopen", task_id)
    assert desk.counts() == {"pending": 1}
    desk.move("complete", task_id)

    assert desk.fresh_batch() == completed
    assert desk.counts() == {"completed": 1}


def test_a_task_of_a_cancelled_batch_is_not_reopened(desk):
    """It would be pending for good, and its threads gone."""
    done, _ = desk.create(), desk.create()
    desk.move("complete", done)
    desk.write(lambda tx: batches.apply_action(tx, desk.batch, "cancel"))
    before = desk.everything()

    with pytest.raises(Conflict, match="batch of this task is cancelled"):
        desk.move("reopen", done)

    assert desk.everything() == before


ALLOWED = {
    "pending": {"complete", "cancel", "fail"},
    "completed": {"reopen"},
    "canceled": set(),
    "error": set(),
}
REACHED_BY = {"pending": None, "completed": "complete", "canceled": "cancel", "error": "fail"}


@pytest.mark.parametrize("kind", ["complete", "cancel", "fail", "reopen"])
@pytest.mark.parametrize("status", list(ALLOWED))
def test_a_move_from_a_status_that_does_not_allow_it_changes_nothing(desk, status, kind):
    task_id = desk.create()
    desk.create()
    if REACHED_BY[status]:
        desk.move(REACHED_BY[status], task_id)
    before = desk.everything()

    if kind in ALLOWED[status]:
        desk.move(kind, task_id)
        assert desk.everything() != before
        return
    with pytest.raises(Conflict, match="no longer"):
        desk.move(kind, task_id)

    assert desk.everything() == before


FOUL = [
    None, [], {}, "threads", 7, [None], [{}], [[]], [{"id": "t", "turns": "no"}],
    [make_thread(turns=[{"id": "turn_0"}, 7])],
    [make_thread(turns=[make_turn(messages=[{"content": {"text": 7}}])])],
    [make_thread(turns=[make_turn(messages=[make_message("a"), make_message("a")])])],
    [make_thread(annotations=[{"value": 1}])],
    [make_thread(turns=[make_turn(annotations=[make_annotation(type="no such type")])])],
]  # fmt: skip


@pytest.mark.parametrize("threads", FOUL)
def test_completing_with_threads_that_are_not_valid_changes_nothing(desk, threads):
    task_id = desk.create()
    before = desk.everything()

    with pytest.raises(InvalidContent):
        desk.move("complete", task_id, threads)

    assert desk.everything() == before
    assert desk.move("complete", task_id)


def test_a_reopened_task_keeps_what_it_asked_and_nobody_s_answers(desk):
    """Its conversation becomes its content, once and for all."""
    thread = make_thread(annotations=[make_annotation("secret_verdict")])
    task_id = desk.create(metadata={"kept": [1, "two"]})
    desk.move("complete", task_id, [thread])

    desk.move("reopen", task_id)
    first = desk.stored(task_id)
    desk.move("complete", task_id, [make_thread(turns=[make_turn("another")])])
    desk.move("reopen", task_id)
    second = desk.stored(task_id)

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
    desk = object.__new__(Desk)
    desk.world, desk.environment_id = world, world.org()
    was = desk.stored("task_1").content
    desk.move("complete", "task_1")

    desk.move("reopen", "task_1")

    assert was is not None
    assert desk.stored("task_1").content == was
    shown = client.get("/v2/task", params={"task_id": "task_1"}).json()
    assert (shown["status"], shown.get("completed_at")) == ("pending", None)
    assert not shown.get("threads")


def test_what_a_move_changes_is_shown_at_once(desk, client):
    task_id = desk.create(metadata={"a": 1})
    show = lambda: client.get("/v2/task", params={"task_id": task_id}).json()  # noqa: E731
    created_at = show()["created_at"]

    desk.move("complete", task_id)
    assert (show()["status"], len(show()["threads"])) == ("completed", 1)
    desk.move("reopen", task_id)
    assert (show()["status"], show().get("completed_at")) == ("pending", None)
    desk.move("fail", task_id)

    assert show()["status"] == "error"
    assert show()["errors"][0]["type"] == "LANGUAGE_MISMATCH"
    assert (show()["created_at"], show()["metadata"]) == (created_at, {"a": 1})


WRITERS = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.support.builders import make_thread
from tests.support.harness import World
from plaudit.core.tasks import lifecycle
from plaudit.settings import Settings
from plaudit.store.tasks import tasks

async def complete(world, environment_id, task_ids):
    for task_id in task_ids:
        async def work(tx):
            task = await tasks.find_task(tx, environment_id, task_id)
            return await lifecycle.complete_task(tx, environment_id, task, [make_thread()])
        completed_ms = await world.db.write(work)
        # one write(2), so that a kill leaves no half of a line, with PYTHONUNBUFFERED too
        os.write(1, f"{task_id} {completed_ms}\\n".encode())

async def four_at_once(world, environment_id, task_ids):
    await asyncio.gather(*(complete(world, environment_id, task_ids[n::4]) for n in range(4)))

while task_ids := sys.stdin.readline().split():
    child = os.fork()
    if child == 0:
        world = World(Settings(data=Path(sys.argv[1]), database=sys.argv[2] or None))
        print("ready", os.getpid(), flush=True)
        world.run(four_at_once(world, world.org(), task_ids))
        signal.pause()
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_no_acknowledged_completion_is_lost_when_the_writer_is_killed(desk):
    """Fifteen writers, each killed with SIGKILL somewhere in the middle of its commits."""
    cycles, dice, killed_early, times = 15, random.Random(), 0, []
    place = [str(desk.world.settings.data), desk.world.settings.database or ""]
    nursery = subprocess.Popen(
        [sys.executable, "-c", WRITERS, *place],
        env=clean_environment(PYTHONPATH=":".join(sys.path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    desk.create_many(1)  # stays pending, so that the batch stays open
    with nursery:
        for _ in range(cycles):
            task_ids = desk.create_many(40)
            nursery.stdin.write(" ".join(task_ids) + "\n")
            nursery.stdin.flush()
            writer = int(nursery.stdout.readline().split()[1])
            time.sleep(dice.uniform(0.001, 0.05))
            os.kill(writer, signal.SIGKILL)
            acknowledged = [line.split() for line in iter(nursery.stdout.readline, "ended\n")]
            killed_early += len(acknowledged) < len(task_ids)
            stored = {task.task_id: task for task in desk.stored_many(task_ids)}
            for task_id, completed_ms in acknowledged:
                assert stored[task_id].completed_ms == int(completed_ms), "lost"
                times.append(int(completed_ms))
            for task in stored.values():
                assert (task.status is TaskStatus.completed) == (task.body is not None)
        nursery.stdin.close()

    assert killed_early > 0
    assert len(times) == len(set(times)) > 0
    stored = [row.split(", ")[4] for row in dict(desk.everything())["task"]]
    assert len(stored) == cycles * 40 + 1
    by_status = {status.value: stored.count(str(status.code)) for status in TaskStatus}
    assert desk.counts() == {status: count for status, count in by_status.items() if count}
    if desk.world.settings.database is None:
        check = apsw.Connection(str(desk.world.settings.data / FILE_NAME))
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
