"""The embedded engine: what a group commit keeps apart, and what passes when the store cannot."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
import time

import apsw
import pytest

from plaudit.errors import StoreRefused, Unavailable
from plaudit.store.engine import sqlite
from plaudit.store.engine.connect import FILE_NAME
from tests.support.harness import World
from tests.support.running.every_case import every_case

ADD = "INSERT INTO note (id, text) VALUES (:id, :text)"


@pytest.fixture
def quick(monkeypatch):
    """Waits of a fifth of a second instead of five seconds."""
    monkeypatch.setattr(sqlite, "BUSY_MS", 200)


@pytest.fixture
def notes(quick, sqlite_settings):
    """A store with a table of its own for these tests."""
    world = World(sqlite_settings)
    world.run(world.db.write(make_notes))
    yield world
    world.close()


async def make_notes(tx):
    await tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY, text)", {})


def outside(world: World) -> apsw.Connection:
    """A connection that is not the product's."""
    connection = apsw.Connection(str(world.settings.data / FILE_NAME))
    connection.set_busy_timeout(5000)
    return connection


def add(number: int, text: str = ""):
    async def work(tx):
        await tx.run(ADD, {"id": number, "text": text})
        return number

    return work


def stored(world: World) -> list[int]:
    async def read():
        async with world.db.read() as tx:
            return [row[0] for row in await tx.all("SELECT id FROM note ORDER BY id", {})]

    return world.run(read())


@contextlib.contextmanager
def writer_held(world: World):
    """While this is open, writes queue up and then share one group commit."""
    lock = outside(world)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


def write_together(world: World, works) -> list:
    """Run these in one group: they wait behind a job that does not end before all are queued."""
    queued = threading.Event()

    async def first(tx):
        assert queued.wait(5)

    async def run():
        ahead = asyncio.create_task(world.db.write(first))
        await asyncio.sleep(0.02)  # the writer has taken the first job alone
        rest = [asyncio.create_task(world.db.write(work)) for work in works]
        await asyncio.sleep(0.02)
        queued.set()
        await ahead
        return await asyncio.gather(*rest, return_exceptions=True)

    return world.run(run())


def test_an_acknowledged_write_is_synced_before_it_is_acknowledged(notes):
    """Only WAL with FULL syncs the log before a commit returns."""

    async def pragmas(tx):
        names = ("journal_mode", "synchronous", "foreign_keys", "page_size", "trusted_schema")
        return [(await tx.one(f"PRAGMA {name}", {}))[0] for name in names]

    assert notes.run(notes.db.write(pragmas)) == ["wal", 2, 1, 16384, 0]


def test_writes_that_wait_share_one_commit(notes):
    start = frames(notes)
    for number in range(8):
        notes.run(notes.db.write(add(number)))
    apart = frames(notes)

    assert write_together(notes, [add(n) for n in range(8, 16)]) == list(range(8, 16))

    assert apart - start >= 8
    assert frames(notes) - apart <= 2


def frames(world: World) -> int:
    """How many pages the log of writes holds."""
    path = world.settings.data / f"{FILE_NAME}-wal"
    return path.stat().st_size // (sqlite.PAGE_BYTES + 24)


class Refused(Exception):
    """What a job of these tests raises."""


async def add_and_fail(tx):
    await tx.run(ADD, {"id": 100, "text": "half done"})
    raise Refused


async def add_twice(tx):
    await tx.run(ADD, {"id": 101, "text": "half done"})
    await tx.run(ADD, {"id": 101, "text": "again"})


async def not_sql(tx):
    await tx.run(ADD, {"id": 102, "text": "half done"})
    await tx.run("NOT SQL", {})


async def awaits_a_turn(tx):
    await tx.run(ADD, {"id": 104, "text": "half done"})
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (add_and_fail, Refused),
        (add_twice, apsw.ConstraintError),
        (not_sql, apsw.SQLError),
        (awaits_a_turn, AssertionError),
    ],
)
def test_a_job_that_fails_takes_nothing_of_its_group_with_it(notes, job, error):
    outcomes = write_together(notes, [add(1), job, add(2), job, add(3)])

    assert [type(one) for one in outcomes[1::2]] == [error, error]
    assert outcomes[::2] == [1, 2, 3]
    assert stored(notes) == [1, 2, 3]
    assert notes.run(notes.db.write(add(4))) == 4


def test_a_write_that_awaits_something_else_is_refused_loudly(notes):
    """It would hold the lock for everybody for as long as that takes."""

    async def run():
        answer = asyncio.get_running_loop().create_future()

        async def work(tx):
            await tx.run(ADD, {"id": 103, "text": "half done"})
            await answer

        await notes.db.write(work)

    with pytest.raises(AssertionError, match="awaited"):
        notes.run(run())

    assert stored(notes) == []


def test_a_write_is_visible_only_once_it_is_committed(notes):
    inside, go_on = threading.Event(), threading.Event()

    async def work(tx):
        await tx.run(ADD, {"id": 1, "text": ""})
        inside.set()
        assert go_on.wait(5)

    async def run():
        writing = asyncio.create_task(notes.db.write(work))
        while not inside.is_set():
            await asyncio.sleep(0.001)
        async with notes.db.read() as tx:
            before = await tx.all("SELECT id FROM note", {})
        go_on.set()
        await writing
        return before

    assert notes.run(run()) == []
    assert stored(notes) == [1]


def test_a_read_sees_one_snapshot_from_its_first_statement_to_its_last(notes):
    other = outside(notes)

    async def run():
        async with notes.db.read() as tx:
            first = await tx.all("SELECT id FROM note", {})
            other.execute("INSERT INTO note VALUES (1, '')")
            async with notes.db.read() as inner:
                nested = await inner.all("SELECT id FROM note", {})
            second = await tx.all("SELECT id FROM note", {})
        return first, nested, second

    assert notes.run(run()) == ([], [], [])
    assert stored(notes) == [1]


def test_a_read_that_fails_leaves_no_snapshot_open(notes):
    async def run():
        with contextlib.suppress(apsw.SQLError):
            async with notes.db.read() as tx:
                await tx.all("SELECT id FROM note", {})
                await tx.all("NOT SQL", {})

    notes.run(run())
    notes.run(notes.db.write(add(1)))

    assert stored(notes) == [1]


def test_a_reader_cannot_write(notes):
    async def run():
        async with notes.db.read() as tx:
            await tx.run(ADD, {"id": 1, "text": ""})

    with pytest.raises(Unavailable):
        notes.run(run())


def test_a_busy_store_is_unavailable_for_writes_open_for_reads_and_recovers(notes):
    notes.run(notes.db.write(add(1)))
    with writer_held(notes):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            notes.run(notes.db.write(add(2)))
        assert 0.1 < time.monotonic() - started < 30
        assert stored(notes) == [1]

    assert notes.run(notes.db.write(add(3))) == 3
    assert stored(notes) == [1, 3]


def test_a_writer_that_waits_does_not_hold_up_the_event_loop(notes):
    async def run():
        with writer_held(notes):
            writing = asyncio.create_task(notes.db.write(add(1)))
            longest = 0.0
            for _ in range(10):
                started = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - started)
        with contextlib.suppress(Unavailable):
            await writing
        return longest

    assert notes.run(run()) < 0.15


def test_a_full_disk_is_unavailable_and_writes_resume_when_there_is_room(notes):
    """The limit stands for the disk: SQLite reports both as SQLITE_FULL."""

    async def limit(tx, pages=None):
        (count,) = await tx.one("PRAGMA page_count", {})
        await tx.one(f"PRAGMA max_page_count={pages or count}", {})

    notes.run(notes.db.write(add(1)))
    notes.run(notes.db.write(limit))
    large = "x" * sqlite.PAGE_BYTES * 4

    for number in (10, 11):
        with pytest.raises(Unavailable):
            notes.run(notes.db.write(add(number, large)))
    outcomes = write_together(notes, [add(2), add(12, large), add(3)])
    assert all(isinstance(one, int | Unavailable) for one in outcomes)
    assert isinstance(outcomes[1], Unavailable)
    kept = [one for one in outcomes if isinstance(one, int)]
    assert stored(notes) == [1, *kept]
    notes.run(notes.db.write(lambda tx: limit(tx, 10**6)))

    assert notes.run(notes.db.write(add(20, large))) == 20
    assert stored(notes) == [1, *kept, 20]
    assert outside(notes).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full_loses_nothing_and_recovers(quick, small_disk):
    path = small_disk / FILE_NAME
    ballast = small_disk / "ballast"
    acknowledged = []

    async def run():
        db = sqlite.open_sqlite(path, create=True)
        await db.write(make_notes)
        await db.write(add(1, "first"))
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        refused = 0
        for number in range(100, 200):
            try:
                acknowledged.append(await db.write(add(number, "x" * 10_000)))
            except Unavailable:
                refused += 1
        async with db.read() as tx:
            during = [row[0] for row in await tx.all("SELECT id FROM note ORDER BY id", {})]
        ballast.unlink()
        await db.write(add(300, "x" * 100_000))
        async with db.read() as tx:
            after = [row[0] for row in await tx.all("SELECT id FROM note ORDER BY id", {})]
        await db.close()
        return refused, during, after

    refused, during, after = asyncio.run(run())

    assert refused > 0
    assert during == [1, *acknowledged]
    assert after == [1, *acknowledged, 300]
    check = apsw.Connection(str(path))
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()


def test_closing_finishes_what_is_queued_and_takes_no_more(notes):
    async def run():
        queued = [asyncio.create_task(notes.db.write(add(n))) for n in range(100)]
        await asyncio.sleep(0)
        await notes.db.close()
        with pytest.raises(Unavailable):
            await notes.db.write(add(200))
        return await asyncio.gather(*queued)

    assert notes.run(run()) == list(range(100))
    rows = outside(notes).execute("SELECT count(*) FROM note").fetchall()
    assert rows == [(100,)]


def test_a_caller_that_gives_up_does_not_undo_its_write(notes):
    """A request that is cut off leaves a write that is whole, not one that is half done."""

    async def run():
        with writer_held(notes):
            writing = asyncio.create_task(notes.db.write(add(1)))
            await asyncio.sleep(0.01)
            writing.cancel()
        await notes.db.write(add(2))

    notes.run(run())

    assert stored(notes) == [1, 2]


@every_case(
    "version, is_safe",
    [
        ("3.7.0", False), ("3.40.1", False), ("3.44.5", False), ("3.44.6", True),
        ("3.44.10", True), ("3.45.0", False), ("3.46.1", False), ("3.50.6", False),
        ("3.50.7", True), ("3.50.10", True), ("3.51.0", False), ("3.51.2", False),
        ("3.51.3", True), ("3.52.0", True), ("3.54.1", True), ("4.0.0", True),
        ("3.9.2", False), ("3.100.0", True),
    ],
)  # fmt: skip
def test_a_sqlite_that_can_corrupt_a_store_is_refused(version, is_safe):
    if is_safe:
        sqlite.require_safe_version(version)
        return
    with pytest.raises(StoreRefused, match="apsw"):
        sqlite.require_safe_version(version)


def test_a_store_that_is_not_there_is_refused_and_not_made(tmp_path):
    with pytest.raises(StoreRefused):
        sqlite.open_sqlite(tmp_path / FILE_NAME)

    assert list(tmp_path.iterdir()) == []
