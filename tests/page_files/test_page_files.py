"""A page that is sent from page files has the bytes that the tables give, whatever changes."""

from __future__ import annotations

import errno
import os
import shutil

import apsw
import pytest

from plaudit.core.tasks import page_records
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import Unavailable
from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.common import pages
from plaudit.store.engine import migrator
from plaudit.store.page_files import file_runs
from tests.support.builders import make_task, make_tasks
from tests.support.harness import World, run_cli, store_arguments
from tests.support.running.built_files import PROJECT, BuiltFiles, built_files


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


def loaded(world: World, count: int = 30) -> World:
    """Completed, pending and canceled tasks, some of them in a batch."""
    world.load(make_tasks(count, batch="batch_1"))
    world.load([make_task(f"pending_{n}", "pending") for n in range(5)])
    world.load([make_task(f"canceled_{n}", "canceled", metadata={"é": "\u2028"}) for n in range(5)])
    return world


def sql(world: World, statement: str, **args: object) -> list[tuple[object, ...]]:
    async def work(tx):
        return await tx.all(statement, args)

    return world.run(world.db.write(work))


def places(world: World) -> dict[int, int]:
    """File of each task by its seq; 0 and below for those without a place."""
    return dict(sql(world, "SELECT seq, file FROM task_place"))


def test_pages_come_from_files_once_these_are_built(world):
    built = BuiltFiles(loaded(world))
    before = built.compare_all()
    built.build()
    batch = ScopeNames(batch_id="batch_1")

    after = built.compare_all(ScopeNames(project_id=PROJECT), batch)

    assert not any(before)
    assert sum(after) > len(after) / 2  # the others are empty
    assert len(built.page(limit=100).parts) == 3, "neighbours are one run"
    built.builder.close()


def test_a_walk_is_the_same_walk(world):
    with built_files(loaded(world)) as built:
        token, pages = None, 0
        while token is not None or not pages:
            assert built.compare(limit=7, next_token=token)
            page = b"".join(built.page(limit=7, next_token=token).read())
            _, found, rest = page.rpartition(b'"next_token":"')
            token = rest[:-2].decode() if found else None
            pages += 1

    assert pages == 6


SHOWN = {
    "task": {"project_key", "seq", "batch_id", "head"},
    "task_body": {"project_key", "seq", "body", "patches"},
}
"""Columns of which a record or its line shows something."""


def columns_of(world: World, table: str) -> set[str]:
    return {str(row[1]) for row in sql(world, f"PRAGMA table_info({table})")}


@pytest.mark.parametrize(("table", "column"), [(t, c) for t in SHOWN for c in sorted(SHOWN[t])])
def test_every_change_of_what_a_record_shows_takes_its_place_away(world, table, column):
    """In the same statement, whichever it is: the sweep is over what can be changed at all."""
    with built_files(loaded(world)):
        is_text = column in ("head", "body", "patches")
        kind = "X'7b0a'" if is_text else "'b'" if column == "batch_id" else None
        value = f"{column} + 1000" if kind is None else kind

        sql(world, f"UPDATE {table} SET {column} = {value} WHERE seq = 3")

        assert [seq for seq, file in places(world).items() if file <= 0] == [3]


def test_no_table_has_a_column_that_nobody_decided_on(world):
    unshown = {
        "task": {"task_id", "status", "created_ms", "completed_ms"},
        "task_body": set(),
    }

    assert {table: columns_of(world, table) for table in SHOWN} == {
        table: SHOWN[table] | unshown[table] for table in SHOWN
    }


@pytest.mark.parametrize(
    ("statement", "file"),
    [
        ("DELETE FROM task_body WHERE seq = 3", 0),
        ("DELETE FROM task WHERE seq = 3", None),
        (
            "INSERT INTO task_body SELECT project_key, 33, X'7b', NULL FROM task LIMIT 1",
            0,
        ),
        (
            "REPLACE INTO task_body SELECT project_key, 3, X'7b', NULL FROM task LIMIT 1",
            0,
        ),
    ],
)
def test_what_is_added_or_removed_takes_the_place_away_too(world, statement, file):
    with built_files(loaded(world)) as built:
        sql(world, statement)

        found = places(world)
        assert [found.get(3), found[33]].count(file) >= 1
        assert sql(world, "SELECT COUNT(*) FROM dead_record") == [(3,)], "it, and it in each coding"
        built.build()
        assert all(file > 0 for file in places(world).values())


def test_a_change_while_a_record_is_written_leaves_the_task_without_a_place(world, monkeypatch):
    """The record is read before the change, and its place would be set after it."""
    built = BuiltFiles(loaded(world))
    append = built.builder._append

    def changed_meanwhile(writer, claimed):
        records = append(writer, claimed)
        other = apsw.Connection(str(world.settings.data / "plaudit.sqlite"))
        other.execute("UPDATE task SET head = CAST(replace(head, 'canceled', 'error') AS BLOB)")
        other.close()
        return records

    monkeypatch.setattr(built.builder, "_append", changed_meanwhile)
    world.run(built.builder.work())
    monkeypatch.undo()

    assert set(places(world).values()) == {0}
    built.build()
    assert all(built.compare_all(limits=(100,))[::4])
    built.builder.close()


HARMS = {
    "deleted": lambda path: path.unlink(),
    "its folder deleted": lambda path: shutil.rmtree(path.parent),
    "cut short": lambda path: os.truncate(path, 1000),
    "emptied": lambda path: os.truncate(path, 0),
    "another file": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_lost_is_built_anew(world, harm):
    loaded(world)
    with built_files(world) as first:
        [path] = first.files.folder.glob("*.dat")
    HARMS[harm](path)
    fresh = BuiltFiles(world)

    assert not any(fresh.compare_all())
    fresh.build()

    assert all(fresh.compare_all(limits=(100,))[::4])
    assert set(places(world).values()) == {2}, "no number is used again"
    fresh.builder.close()


def test_a_file_that_is_cut_short_under_a_reader_is_no_answer_and_then_built_anew(world):
    with built_files(loaded(world)) as built:
        page = built.page(limit=100)
        [path] = built.files.folder.glob("*.dat")
        os.truncate(path, 2000)

        with pytest.raises(Unavailable):
            page.read()

        assert not built.compare(limit=100)
        built.build()
        assert built.compare(limit=100)


def test_a_file_that_is_deleted_under_a_reader_is_read_to_the_end(world):
    with built_files(loaded(world)) as built:
        page = built.page(limit=100)
        shutil.rmtree(built.files.folder)
        built.build()

        assert b"".join(page.read()) == b"".join(built.page(from_tables=True, limit=100).read())
        assert built.compare(limit=100)


def test_records_of_what_has_changed_are_overwritten_and_the_file_gets_another_id(world):
    world.load([make_task("task_secret", metadata={"k": "SECRET"}), *make_tasks(9)])
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        head = path.read_bytes()[: file_runs.HEAD_BYTES]
        old = path.with_name("old")
        shutil.copy(path, old)
        sql(world, "UPDATE task SET head = X'7b7d' WHERE task_id = 'task_secret'")
        built.build()

        assert b"SECRET" in old.read_bytes()
        assert b"SECRET" not in path.read_bytes()
        assert path.read_bytes()[: file_runs.HEAD_BYTES] != head
        assert built.compare(limit=100)
        assert sql(world, "SELECT COUNT(*) FROM dead_record") == [(0,)]


def test_a_dead_record_is_left_while_an_answer_may_be_sending_it(world):
    world.load(make_tasks(9))
    with built_files(world, overwrite_s=1e6) as built:
        page = built.page(limit=100)
        expected = b"".join(page.read())
        sql(world, "UPDATE task SET head = X'7b7d'")
        built.build()

        assert b"".join(page.read()) == expected


def test_a_page_ends_where_that_of_the_tables_would_have_too_many_bytes(world, monkeypatch):
    world.load(make_tasks(20, metadata={"text": "x" * 1000}))
    with built_files(world) as built:
        size = built.page(from_tables=True, limit=1).size
        for most in range(3 * size, 4 * size, 37):
            monkeypatch.setattr(pages, "PAGE_BYTES_MAX", most)
            assert built.compare(limit=20)
            assert built.compare(limit=20, completed_after=1_735_000_000_000)
        monkeypatch.setattr(pages, "PAGE_BYTES_MAX", 10)
        assert built.compare(limit=20), "a page has at least one task"


def test_a_file_that_is_mostly_dead_is_written_anew(world):
    with built_files(loaded(world)) as built:
        for _ in range(2):
            sql(world, "UPDATE task SET head = head")
            built.build()

        assert all(built.compare_all(limits=(100,))[::4])
        [path] = built.files.folder.glob("*.dat")
        assert path.stat().st_size < 2 * len(b"".join(built.page(limit=100).read())) + 1000


def test_a_full_disk_leaves_pages_to_the_tables(world, monkeypatch):
    built = BuiltFiles(loaded(world))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="no space"):
        built.build()
    monkeypatch.undo()

    assert not any(built.compare_all())
    built.builder._has_claims = True
    built.build()
    assert built.compare(limit=100)
    built.builder.close()


def test_the_database_keeps_room_on_the_disk(world, monkeypatch):
    built = BuiltFiles(loaded(world))
    found = os.statvfs(world.settings.data)
    nearly_full = os.statvfs_result((*found[:3], 1, 1, *found[5:]))
    monkeypatch.setattr(os, "statvfs", lambda path: nearly_full)

    built.build()

    assert places(world) == {}
    built.builder.close()


def test_two_builders_write_files_of_their_own(world):
    loaded(world)
    with built_files(world) as first:
        world.load(make_tasks(20, prefix="more"))
        with built_files(world) as second:
            assert set(places(world).values()) == {1, 2}
            assert first.compare(limit=100)
            assert second.compare(limit=100)


def test_what_a_killed_builder_left_is_cut_off_and_gone_on_with(world):
    loaded(world)
    with built_files(world) as first:
        [path] = first.files.folder.glob("*.dat")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"half a record")
    sql(world, "UPDATE task_place SET file = -77 WHERE seq = 2")
    with built_files(world) as second:
        assert set(places(world).values()) == {1}
        assert path.stat().st_size == pytest.approx(size, rel=0.1)
        assert second.compare(limit=100)


def test_after_a_restore_everything_is_built_anew(world):
    """The store may know less than the files: a record may have been overwritten since."""
    loaded(world)
    with built_files(world):
        sql(world, "UPDATE store_epoch SET epoch = epoch + 1")
    world.run(world.db.close())
    again = World(world.settings)
    fresh = BuiltFiles(again)

    assert not any(fresh.compare_all())
    fresh.build()

    assert fresh.compare(limit=100)
    assert set(places(again).values()) == {2}
    fresh.builder.close()
    again.close()


def test_a_copied_database_does_not_believe_files_in_which_something_was_overwritten(world):
    """Somebody may put an older plaudit.sqlite back by hand."""
    with built_files(loaded(world)) as built:
        old = sql(world, "SELECT * FROM page_file")
        sql(world, "UPDATE task SET head = CAST(replace(head, 'e', 'E') AS BLOB) WHERE seq < 4")
        built.build()
        sql(world, "UPDATE page_file SET file_id = :id", id=old[0][1])
        later = BuiltFiles(world)

        assert not any(later.compare_all())
        later.builder.close()


def test_a_newer_database_does_not_believe_files_that_an_older_one_has_gone_on_with(world):
    """An older plaudit.sqlite was put back by hand, and then the newer one again."""
    known = "SELECT number, file_id, epoch, size, dead FROM page_file"
    with built_files(loaded(world)):
        older = sql(world, known)
    world.load(make_tasks(9, prefix="newer"))
    with built_files(world):
        newer = sql(world, known)
    task_count = len(places(world))
    sql(world, "UPDATE page_file SET file_id = :id, size = :size", id=older[0][1], size=older[0][3])
    sql(world, "DELETE FROM task_place WHERE seq > 40")
    sql(world, "DELETE FROM dead_record")

    with built_files(world):
        assert set(places(world).values()) == {1}
        assert len(places(world)) == task_count
        assert sql(world, known)[0][3] >= newer[0][3]
    sql(world, "UPDATE page_file SET file_id = :id, size = :size", id=newer[0][1], size=newer[0][3])
    again = BuiltFiles(world)

    assert not any(again.compare_all())
    again.builder.close()


def test_the_check_of_a_store_compares_records_with_the_tables(world):
    loaded(world)
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        count = page_records.count_wrong(world.db, built.files.folder)
        assert world.run(count) == 0
        found = path.read_bytes()
        path.write_bytes(found.replace(b"canceled_3", b"canceled_4"))

        assert world.run(page_records.count_wrong(world.db, built.files.folder)) == 1


def test_deleted_tasks_and_other_options_are_read_from_the_tables(world):
    with built_files(loaded(world)) as built:
        assert not built.compare(limit=100, status=TaskStatus.deleted)
        assert not built.compare(limit=100, expand=frozenset({"project"}))


def test_control_tasks_are_in_no_file(world):
    with built_files(loaded(world)):
        sql(world, "INSERT INTO task SELECT -project_key, seq, task_id, batch_id, status,"
            " created_ms, completed_ms, head FROM task")  # fmt: skip
    with built_files(world):
        assert sql(world, "SELECT COUNT(*) FROM task_place WHERE project_key < 0") == [(0,)]


def test_postgresql_has_no_tables_of_page_files():
    names = [one.name for one in migrator.migrations(migrator.POSTGRES)]

    assert not any("sqlite" in name for name in names)
    assert len(names) == len(migrator.migrations(migrator.SQLITE)) - 3


def test_a_sweep_deletes_page_files_where_they_are_switched_off(world):
    with built_files(loaded(world)) as built:
        command = ("db", "sweep", *store_arguments(world.settings))

        kept = run_cli(*command)
        deleted = run_cli(*command, PLAUDIT_PAGE_FILES="0")

        assert (kept.stdout, deleted.stdout) == ("Deleted 0 files.\n", "Deleted 1 files.\n")
        assert list(built.files.folder.glob("*.dat")) == []
        assert not built.compare(limit=100)
