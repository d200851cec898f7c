"""Bytes of what was removed leave the page files, whatever else goes on."""

from __future__ import annotations

from contextlib import closing

import apsw
import msgspec
import pytest

from plaudit import page_builder
from plaudit.errors import Unavailable
from plaudit.formats.exporting.whole_tasks import placed_lines
from plaudit.settings import IDLE_SECONDS_MAX, STREAM_SECONDS_MAX, Settings
from plaudit.store.engine import connect
from plaudit.store.page_files import building, file_runs, file_writing
from tests.support.builders import make_task, make_tasks
from tests.support.harness import ROOT, World
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


def test_records_outlast_what_the_kernel_sends_for_a_connection_that_is_closed():
    """It was lent the file's own pages, and gives a peer up after 924 s (tcp_retries2 of Linux)."""
    assert page_builder.OVERWRITE_S >= STREAM_SECONDS_MAX + IDLE_SECONDS_MAX + 924.6
    described = (ROOT / "docs" / "operate.md").read_text()
    assert f"is overwritten {page_builder.OVERWRITE_S / 60:.0f} minutes after" in described


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


def test_they_leave_though_another_process_gives_the_file_one_more_id_before_it_is_overwritten(
    world, monkeypatch
):
    world.load([make_task("task_secret", metadata={"k": "SECRET"}), *make_tasks(9)])
    overwrite, others = file_writing.overwrite, []

    def after_another_one(folder, number, ranges, head, old_id):
        if not others:
            others.append(file_runs.new_head())
            file_id, other_head = others[0]
            with closing(apsw.Connection(str(world.settings.data / connect.FILE_NAME))) as link:
                link.execute("UPDATE page_file SET file_id = ?", (file_id,))
            with file_runs.path_of(folder, number).open("r+b") as file:
                file.write(other_head)
        return overwrite(folder, number, ranges, head, old_id)

    with built_files(world) as built:
        monkeypatch.setattr(file_writing, "overwrite", after_another_one)
        change(world, "task_secret")
        built.build()

        assert others
        assert not has_secret(built)


def test_an_export_that_was_stopped_for_longer_than_records_last_has_none_of_the_zeros(
    world, monkeypatch
):
    """As `plaudit export` is by Ctrl-Z; what is overwritten meanwhile has changed."""
    monkeypatch.setattr(placed_lines, "BYTES_PER_READ", 2_000)
    world.load(make_tasks(40, metadata={"now": "before"}))
    with built_files(world) as built:
        pieces = built.pieces()

        async def lines(most: int = 1_000) -> list[bytes]:
            found = []
            async for piece in pieces:
                found += piece[0].splitlines()
                if len(found) >= most:
                    break
            return found

        found = world.run(lines(1))
        world.load(make_tasks(40, metadata={"now": "afterwards"}))
        built.build()
        found += world.run(lines())

    tasks = [msgspec.json.decode(line) for line in found]
    assert [task["task_id"] for task in tasks] == [task["task_id"] for task in make_tasks(40)]
    assert {task["metadata"]["now"] for task in tasks} == {"before", "afterwards"}


def test_an_export_of_a_record_that_is_gone_though_its_place_stands_is_refused(world):
    """Bytes that a disk has lost are neither exported nor looked for without an end."""
    world.load(make_tasks(40))
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        content = path.read_bytes()
        at = content.index(b',{"task_id":"task_00020"')
        path.write_bytes(content[:at] + bytes(100) + content[at + 100 :])

        with pytest.raises(Unavailable):
            built.lines()


def test_a_file_that_gets_another_id_at_this_moment_is_not_given_up(world, monkeypatch):
    world.load(make_tasks(9))
    is_there, looks = file_writing.is_there, []

    def before_the_id_is_written(folder, stored):
        looks.append(is_there(folder, stored))
        if len(looks) == 1:
            with file_runs.path_of(folder, stored.number).open("r+b") as file:
                file.write(head)
        return looks[-1]

    with built_files(world) as built:
        file_id, head = file_runs.new_head()

        async def work(tx):
            [stored] = await building.list_files(tx)
            return await building.set_file_id(tx, stored.number, stored.file_id, file_id)

        assert world.run(world.db.write(work))
        monkeypatch.setattr(file_writing, "is_there", before_the_id_is_written)
        built.build()

        assert looks[:2] == [False, True]
        assert built.compare(limit=100)
        assert [path.name for path in built.files.folder.glob("*.dat")] == ["1.dat"]
