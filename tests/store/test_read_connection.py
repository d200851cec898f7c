"""The connection that reads: a page's statement is compiled once, and memory is mapped if told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import apsw
import pytest

from plaudit.errors import Misconfigured, NotFound
from plaudit.settings import from_environment
from plaudit.store.engine import connect
from plaudit.store.engine.connect import FILE_NAME
from plaudit.store.engine.sqlite import SqliteDatabase
from tests.support.builders import make_tasks
from tests.support.harness import World


@pytest.fixture
def compiled(sqlite_settings, monkeypatch):
    """A page asked for with several limits, and how often its statements were compiled."""
    world = World(sqlite_settings)
    world.load(make_tasks(12))
    reader = cast("SqliteDatabase", world.db).reader
    reader.execute("SELECT 1").fetchall()
    calls: list[int] = []

    def note(operation: int, *_: Any) -> int:
        calls.append(operation)
        return apsw.SQLITE_OK

    yield world, reader, calls, note
    world.close()


def test_a_pages_statement_is_compiled_once_for_all_limits_and_places(compiled):
    world, reader, calls, note = compiled

    async def page(limit: int, after: int) -> int:
        async with world.db.read(snapshot=False) as tx:
            sql = (
                "SELECT t.head FROM task AS t WHERE t.project_key = :key AND t.status = 1"
                " AND t.seq > :after ORDER BY t.seq LIMIT :most"
            )
            key = (await tx.one("SELECT project_key FROM project", {}))[0]
            return len(await tx.all(sql, {"key": key, "after": after, "most": limit}))

    world.run(page(3, 0))
    reader.set_authorizer(note)  # is asked for every part of a statement that is compiled
    world.run(page(3, 0))  # setting it has every statement compiled once more
    calls.clear()
    for limit, after in ((1, 0), (12, 0), (7, 5), (1, 5)):
        world.run(page(limit, after))
    assert calls == []


@pytest.mark.parametrize(("text", "mapped"), [("off", 0), ("", 0), ("1048576", 1048576)])
def test_the_reader_maps_as_much_of_the_file_as_the_setting_says(sqlite_settings, text, mapped):
    folder = str(sqlite_settings.data)
    settings = from_environment({"PLAUDIT_DATA": folder, "PLAUDIT_MMAP_BYTES": text})
    database = cast("SqliteDatabase", connect.open_database(settings))
    try:
        assert database.reader.pragma("mmap_size") == mapped
    finally:
        asyncio.run(database.close())


def test_a_size_that_is_no_number_is_refused():
    with pytest.raises(Misconfigured, match="PLAUDIT_MMAP_BYTES"):
        from_environment({"PLAUDIT_MMAP_BYTES": "much"})


@pytest.fixture
def counted(sqlite_settings):
    """A store with one row that says how many there are of the others."""
    world = World(sqlite_settings)

    async def make(tx):
        await tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY)", {})
        await tx.run("CREATE TABLE note_count (id INTEGER PRIMARY KEY, number INTEGER)", {})
        await tx.run("INSERT INTO note_count VALUES (1, 0)", {})

    world.run(world.db.write(make))
    yield world
    world.close()


async def add_note(tx):
    await tx.run("INSERT INTO note (id) SELECT COUNT(*) + 1 FROM note", {})
    await tx.run("UPDATE note_count SET number = number + 1", {})


async def count(tx):
    row = await tx.one("SELECT number FROM note_count WHERE id = :id", {"id": 1})
    return row[0]


def test_statements_that_are_read_at_once_are_of_one_snapshot(counted):
    """A row that is kept, and one that is read after somebody has committed, do not agree."""
    meanwhile = [False, True, False, True, True]

    async def work(tx):
        number = await count(tx)
        if meanwhile and meanwhile.pop():
            outside = apsw.Connection(str(counted.settings.data / FILE_NAME))
            outside.execute("BEGIN; INSERT INTO note (id) SELECT COUNT(*) + 1 FROM note;"
                            "UPDATE note_count SET number = number + 1; COMMIT")  # fmt: skip
            outside.close()
        return number, len(await tx.all("SELECT id FROM note", {}))

    for _ in range(6):
        number, found = counted.db.read_at_once(work)
        assert number == found
        counted.run(counted.db.write(add_note))
    assert counted.db.read_at_once(work) == (9, 9)


def test_a_kept_row_is_not_believed_where_no_statement_was_run(counted):
    assert counted.db.read_at_once(count) == 0
    assert counted.db.read_at_once(count) == 0
    counted.run(counted.db.write(add_note))
    assert counted.db.read_at_once(count) == 1


def test_what_is_read_at_once_leaves_no_snapshot_open(counted):
    async def fail(tx):
        await count(tx)
        raise NotFound

    for _ in range(2):
        with pytest.raises(NotFound):
            counted.db.read_at_once(fail)
        assert not cast("SqliteDatabase", counted.db).reader.in_transaction
