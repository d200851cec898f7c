"""A builder whose store or disk fails leaves nothing open, and goes on once it may."""

from __future__ import annotations

import os
import secrets

import apsw
import pytest

from plaudit import page_builder
from plaudit.settings import Settings
from tests.support.builders import make_task, make_tasks
from tests.support.harness import World
from tests.support.running.built_files import built_files

REFUSED = (
    "CREATE TRIGGER refused BEFORE UPDATE OF epoch ON page_file WHEN OLD.epoch = -2"
    " BEGIN SELECT RAISE(ABORT, 'the store takes nothing'); END"
)


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


def run(world: World, sql: str) -> int:
    return world.run(world.db.write(lambda tx: tx.run(sql, {})))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_file_that_could_not_be_made_known_is_closed(world):
    with built_files(world) as built:
        world.load(make_tasks(9))
        run(world, REFUSED)
        before = open_files()
        for _ in range(5):
            with pytest.raises(apsw.ConstraintError):
                built.build()

        assert open_files() <= before
        run(world, "DROP TRIGGER refused")
        built.build()

        assert built.compare(limit=100)


def test_a_stop_does_not_wait_until_a_file_of_many_places_is_given_up(world, monkeypatch):
    """The file is believed by nobody from then on, and the next builder goes on with it."""
    world.load(make_tasks(30))
    monkeypatch.setattr(page_builder, "CLAIMED_MAX", 5)
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        path.unlink()
        built.builder._is_stopping.set()
        world.run(built.builder.work())
        left = run(world, "UPDATE page_file SET dead = 0")

        assert left == 1
        assert not built.compare(limit=100)
    with built_files(world) as built:
        assert run(world, "UPDATE page_file SET dead = 0") == 1
        assert built.compare(limit=100)
        assert [one.name for one in built.files.folder.glob("*.dat")] == ["2.dat"]


def test_a_round_takes_no_more_of_memory_and_disk_than_is_kept_free_for_it(world, monkeypatch):
    """What goes with the records counts too: lines that differ, and both codings."""
    monkeypatch.setattr(page_builder, "ROUND_BYTES", 30_000)
    monkeypatch.setattr(page_builder, "PIECE_BYTES", 1)
    texts = (secrets.token_hex(1_000) for _ in range(60))
    world.load([make_task(f"task_{n}", metadata={"x": text}) for n, text in enumerate(texts)])
    with built_files(world) as built:
        [path] = built.files.folder.glob("*.dat")
        path.unlink()
        built.files.close_others(set())
        sizes, before = [], 0
        while not world.run(built.builder.work()):
            found = sum(one.stat().st_size for one in built.files.folder.glob("*.dat"))
            sizes.append(found - before)
            before = found

    assert max(sizes) <= 36_000
    assert len(sizes) > 3
