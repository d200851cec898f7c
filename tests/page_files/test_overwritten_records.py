"""Bytes of what was removed leave the page files, whatever else goes on."""

from __future__ import annotations

import pytest

from plaudit.settings import Settings
from plaudit.store.page_files import building
from tests.support.builders import make_task, make_tasks
from tests.support.harness import World
from tests.support.running.built_files import BuiltFiles, built_files


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


def change(world: World, task_id: str) -> None:
    async def work(tx):
        return await tx.run(
            "UPDATE task SET head = X'7b7d' WHERE task_id = :task_id", {"task_id": task_id}
        )

    assert world.run(world.db.write(work))


def has_secret(built: BuiltFiles) -> bool:
    return any(b"SECRET" in path.read_bytes() for path in built.files.folder.glob("*.dat"))


def test_they_leave_while_something_else_changes_all_the_time(world):
    world.load([make_task("task_secret", metadata={"k": "SECRET"}), *make_tasks(9, prefix="more")])
    with built_files(world) as built:
        change(world, "task_secret")
        for _ in range(5):
            change(world, "more_00003")
            world.run(built.builder.work())

        assert not has_secret(built)


def test_they_leave_though_another_process_gives_the_file_an_id_at_this_moment(world, monkeypatch):
    world.load([make_task("task_secret", metadata={"k": "SECRET"}), *make_tasks(9)])
    set_file_id, refusals = building.set_file_id, []

    async def first_of_two(tx, number, old, new):
        if not refusals:
            refusals.append(old)
            return await set_file_id(tx, number, b"of another process", new)
        return await set_file_id(tx, number, old, new)

    with built_files(world) as built:
        monkeypatch.setattr(building, "set_file_id", first_of_two)
        change(world, "task_secret")
        built.build()

        assert refusals
        assert not has_secret(built)
