"""Random changes, each followed by pages and an export that are compared with the tables.

PLAUDIT_TEST_CHANGES says how many; the suite makes two hundred.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from plaudit.core.tasks import batches as batch_rules
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import Problem
from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.tasks import batches, projects, tasks
from plaudit.wire.v2.task import ErrorDetail
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.running.built_files import PROJECT, BuiltFiles, built_files
from tests.support.running.page_files import harm

CHANGES = int(os.environ.get("PLAUDIT_TEST_CHANGES", "200"))
TASKS = 60
BUILD_SHARE, HARM_SHARE, KEPT_SHARE = 0.5, 0.02, 0.1


class Changer:
    """A store of tasks, and changes of them by dice."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.made = 0
        world.load(self.new(status="completed") for _ in range(TASKS))
        self.environment_id = world.org()
        self.kinds = (
            *(self.status, self.status, self.metadata, self.correction, self.recall),
            *(self.import_new, self.import_again, self.batch, self.create, self.erasure),
        )

    def text(self) -> str:
        return "é\u2028" * self.dice.randrange(1, 400)

    def threads(self) -> list[Any]:
        return [make_thread(turns=[make_turn(messages=[make_message("user", self.text())])])]

    def new(self, **fields: Any) -> Any:
        self.made += 1
        task_id = fields.pop("task_id", f"task_{self.made:06d}")
        status = fields.pop("status", self.dice.choice(["completed", "pending", "canceled"]))
        task = make_task(task_id, status, metadata={"text": self.text()}, **fields)
        if status == "completed":
            task["threads"] = self.threads()
        if self.dice.random() < 0.5:
            task.setdefault("batch", f"batch_{self.dice.randrange(3)}")
        return task

    def change(self) -> str:
        kind = self.dice.choice(self.kinds)
        try:
            kind()
        except Problem as problem:
            return f"{kind.__name__}: {problem.code}"
        return kind.__name__

    def of_any(self, work: Any, *args: Any, status: TaskStatus | None = None) -> None:
        """Do something with a task, of a status if one is given, if there is any."""

        async def done(tx: Any) -> None:
            wanted = "" if status is None else f" AND status = {status.code}"
            rows = await tx.all(
                f"SELECT project_key, seq FROM task WHERE project_key > 0{wanted}", {}
            )
            if rows:
                task = await tasks.get_task(tx, *self.dice.choice(rows))
                await work(tx, self.environment_id, task, *args)

        self.world.run(self.world.db.write(done))

    def status(self) -> None:
        match self.dice.randrange(3):
            case 0:
                self.of_any(lifecycle.complete_task, self.threads(), status=TaskStatus.pending)
            case 1:
                self.of_any(lifecycle.cancel_task, status=TaskStatus.pending)
            case _:
                errors = [ErrorDetail(message=self.text())]
                self.of_any(lifecycle.fail_task, errors, status=TaskStatus.pending)

    def metadata(self) -> None:
        async def set_metadata(tx: Any, environment_id: str, task: Any) -> None:
            value = {"text": self.text()}
            merge = self.dice.random() < 0.5
            await lifecycle.set_metadata(tx, environment_id, task.task_id, value, merge=merge)

        self.of_any(set_metadata)

    def correction(self) -> None:
        self.of_any(lifecycle.correct_task, self.threads(), status=TaskStatus.completed)

    def recall(self) -> None:
        self.of_any(lifecycle.reopen_task, status=TaskStatus.completed)

    def import_new(self) -> None:
        self.world.load([self.new() for _ in range(self.dice.randrange(1, 5))])

    def import_again(self) -> None:
        number = self.dice.randrange(1, self.made + 1)
        self.world.load([self.new(task_id=f"task_{number:06d}")], replace=True)

    def batch(self) -> None:
        async def cancel(tx: Any) -> None:
            rows = await tx.all("SELECT batch_id FROM batch ORDER BY batch_id", {})
            if rows:
                [name] = self.dice.choice(rows)
                # Tasks go on coming into it, as an import brings them.
                await tx.run("UPDATE batch SET status = 'in_progress'", {})
                found = await batches.find_batch(tx, self.environment_id, name)
                assert found is not None
                await batch_rules.apply_action(tx, found, "cancel")

        self.world.run(self.world.db.write(cancel))

    def create(self) -> None:
        async def create(tx: Any, environment_id: str, task: Any) -> None:
            project = await projects.find_project_by_key(tx, environment_id, task.project_key)
            assert project is not None
            await lifecycle.create_task(tx, project, metadata={"text": self.text()})

        self.of_any(create)

    def erasure(self) -> None:
        """No function of the product removes a task yet; the triggers are ready for it."""

        async def erase(tx: Any, _: str, task: Any) -> None:
            key = {"project_key": task.project_key, "seq": task.seq}
            if task.batch_id is not None:
                change = {task.status: -1}
                await batches.add_progress(tx, task.project_key, task.batch_id, change)
            for table in ("task_body", "task_content", "task_work", "task", "task_locator"):
                where = "project_key = :project_key AND seq = :seq"
                await tx.run(f"DELETE FROM {table} WHERE {where}", key)

        self.of_any(erase)


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


def compare_some(built: BuiltFiles, dice: random.Random) -> int:
    """Compare pages, and return how many came from files."""
    scopes = [ScopeNames(project_id=PROJECT), ScopeNames(batch_id="batch_1")]
    found = [built.compare(scope=scopes[0], limit=100)]
    for _ in range(2):
        found.append(
            built.compare(
                scope=dice.choice(scopes),
                status=dice.choice([None, *list(TaskStatus)[:4]]),
                completed_after=dice.choice([None, None, 1_735_000_000_000]),
                limit=dice.choice([1, 3, 20, 100]),
            )
        )
    return sum(found)


@pytest.mark.timeout(120 + CHANGES // 2)
def test_after_each_of_many_random_changes_pages_are_those_of_the_tables(world):
    dice = random.Random(CHANGES)
    world.load([make_task("first", batch="batch_1")])
    changer = Changer(world, dice)
    done: dict[str, int] = {}
    kept: list[tuple[Any, bytes]] = []
    from_files = lines_from_files = 0
    with built_files(world, overwrite_s=1e6) as built:
        for _ in range(CHANGES):
            kind = changer.change()
            done[kind] = done.get(kind, 0) + 1
            if dice.random() < HARM_SHARE:
                harm(built.files, dice)
                kept.clear()  # bytes that were cut off cannot be read
            if dice.random() < BUILD_SHARE:
                built.build()
            from_files += compare_some(built, dice)
            lines_from_files += built.compare_lines(
                status=dice.choice([None, TaskStatus.completed, TaskStatus.pending]),
                completed_after=dice.choice([None, None, 1_735_000_000_000]),
            )
            for page, expected in kept:
                assert b"".join(page.read()) == expected, "an answer that is under way"
            if dice.random() < KEPT_SHARE:
                page = built.page(limit=100)
                kept = [*kept[-5:], (page, b"".join(page.read()))]
    print(done, f"{from_files} pages and {lines_from_files} lines from files")

    assert from_files > CHANGES * 0.5
    assert lines_from_files > CHANGES * TASKS * 0.5
