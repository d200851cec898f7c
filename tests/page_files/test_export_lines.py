"""Lines of exports that come from page files are those that the tables give."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from plaudit.formats.exporting import selection
from plaudit.formats.exporting.whole_tasks import placed_lines
from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.page_files import building
from plaudit.wire.v2 import export_lines, parse, render
from tests.formats.test_stored_lines import varied_tasks
from tests.support.builders import (
    make_annotation,
    make_message,
    make_task,
    make_tasks,
    make_thread,
    make_turn,
)
from tests.support.harness import World
from tests.support.running.built_files import BuiltFiles, built_files
from tests.support.sample_tasks import archive_rows
from tests.support.strategies import THREADS

CHOICES = {
    "all": {},
    "completed": {"status": TaskStatus.completed},
    "pending": {"status": TaskStatus.pending},
    "deleted": {"status": TaskStatus.deleted},
    "by completion": {"completed_after": 0},
    "until": {"completed_before": 1_900_000_000_000, "status": TaskStatus.completed},
    "a range": {"after": 3, "until": 20},
}


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


@pytest.fixture
def loaded(world: World) -> World:
    assert world.load(archive_rows(varied_tasks()), "archive")[1] == []
    return world


def sql(world: World, statement: str, **args: object) -> list[tuple[object, ...]]:
    async def work(tx):
        return await tx.all(statement, args)

    return world.run(world.db.write(work))


def test_lines_come_from_files_in_each_order_and_piece(loaded, monkeypatch):
    with built_files(loaded) as built:
        for size in (1, 1000, 10**6):
            monkeypatch.setattr(placed_lines, "BYTES_PER_READ", size)
            found = {name: built.compare_lines(**choice) for name, choice in CHOICES.items()}
        monkeypatch.setattr(placed_lines, "PLACES_PER_READ", 3)
        assert found == {name: built.compare_lines(**choice) for name, choice in CHOICES.items()}

    assert found["all"] == len(varied_tasks())
    assert found["deleted"] == 0
    assert all(found[name] > 10 for name in ("completed", "by completion", "until", "a range"))


def test_what_has_no_place_is_read_from_the_tables_in_its_place(loaded, monkeypatch):
    monkeypatch.setattr(selection, "TASKS_PER_READ", 3)
    with built_files(loaded) as built:
        sql(loaded, "UPDATE task SET head = head WHERE seq % 7 < 3")

        found = {name: built.compare_lines(**choice) for name, choice in CHOICES.items()}

    assert 0 < found["all"] < len(varied_tasks())


def test_a_file_that_is_lost_or_cut_short_leaves_lines_to_the_tables(loaded):
    with built_files(loaded) as built:
        assert built.compare_lines() > 0
        [path] = built.files.folder.glob("*.dat")
        os.truncate(path, path.stat().st_size // 2)
        assert 0 <= built.compare_lines() < len(varied_tasks()), "it is open"
        assert built.compare_lines() == 0
        shutil.rmtree(built.files.folder)
        assert BuiltFiles(loaded).compare_lines() == 0


def test_only_what_a_line_has_more_is_written_beside_a_record(world):
    turn = make_turn(messages=[make_message("user", "x" * 5000)])
    thread = make_thread(turns=[turn])
    votes = [make_annotation("quality", 4, title="How good?", description="d" * 100)]
    world.load(
        [
            make_task("plain", threads=[thread]),
            make_task("detailed", threads=[make_thread(turns=[turn], annotations=votes)]),
        ]
    )
    with built_files(world) as built:
        lengths = sql(world, "SELECT length, fixes_length FROM task_place ORDER BY seq")

        assert built.compare_lines() == 2
    assert lengths[0][1] < 100
    assert 100 < lengths[1][1] < 1000


def test_fixes_of_what_has_changed_are_overwritten_with_the_record(world):
    votes = [make_annotation("quality", 4, title="SECRET")]
    thread = make_thread(annotations=votes)
    world.load([make_task("task_secret", threads=[thread]), *make_tasks(9)])
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        assert b"SECRET" in path.read_bytes()
        sql(world, "UPDATE task SET head = CAST(replace(head, 's', 'S') AS BLOB) WHERE seq = 1")
        sql(world, "UPDATE task_body SET patches = NULL WHERE seq = 1")
        built.build()

        assert b"SECRET" not in path.read_bytes()
        assert sql(world, "SELECT COUNT(*) FROM dead_record") == [(0,)]


def test_a_change_while_fixes_are_written_leaves_them_dead(world, monkeypatch):
    thread = make_thread(annotations=[make_annotation("quality", 4, title="SECRET")])
    world.load([make_task("task_secret", threads=[thread])])
    built = BuiltFiles(world)
    set_places = building.set_places

    async def changed_before(tx, *args):
        await tx.run("UPDATE task_body SET patches = NULL", {})
        return await set_places(tx, *args)

    monkeypatch.setattr(building, "set_places", changed_before)
    world.run(built.builder.work())
    monkeypatch.undo()

    assert sql(world, "SELECT COUNT(*) FROM dead_record") == [(4,)]
    built.build()
    [path] = built.files.folder.glob("*.dat")
    assert b"SECRET" not in path.read_bytes()
    assert built.compare_lines() == 1
    built.builder.close()


@given(threads=THREADS)
@hypothesis_settings(max_examples=60)
def test_a_record_with_its_fixes_is_the_line(threads):
    task = parse.read_task(make_task("task_é", threads=threads, batch="batch_1")).task
    rendered = render.render(task, 0, 1)
    row = (1, 1, "batch_1", rendered.head, rendered.body, rendered.patches, 1)
    refs = render.head_refs(b'"project_\xe2\x80\xa8"', b'"batch_1"')

    record, fixes = export_lines.record_and_fixes(row, refs)

    assert record == render.record(rendered.head, rendered.body, refs)
    assert export_lines.fixed(record, fixes) == export_lines.join_lines([row], {"batch_1": refs})
    assert export_lines.id_member(record, 0) == render.id_member(rendered.head)
