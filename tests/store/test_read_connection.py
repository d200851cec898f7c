"""The connection that reads: a page's statement is compiled once, and memory is mapped if told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import apsw
import pytest

from plaudit.errors import Misconfigured
from plaudit.settings import from_environment
from plaudit.store.engine import connect
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
