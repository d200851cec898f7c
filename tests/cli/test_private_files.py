"""Files that hold what people wrote: nobody but their owner reads them, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from plaudit import private_files
from plaudit.core.common import server_secret
from plaudit.formats import files
from plaudit.settings import Settings
from plaudit.store.engine import backup, connect
from tests.support.harness import World


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and of all in it, by name."""
    return {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


def open_world(data: Path) -> World:
    settings = Settings(data=data)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    return World(settings)


def test_a_store_and_its_log_are_its_owners_alone(tmp_path):
    world = open_world(tmp_path / "new" / "store")
    world.org()
    found = modes(world.settings.data)
    world.close()

    assert {"plaudit.sqlite", "plaudit.sqlite-wal", "plaudit.sqlite-shm", "secret"} < set(found)
    assert found.pop("store") == 0o700
    assert [name for name, mode in found.items() if mode != 0o600] == []


def test_a_secret_that_is_made_first_makes_no_open_folder(tmp_path):
    server_secret.make(tmp_path / "store" / "secret")

    assert modes(tmp_path / "store") == {"store": 0o700, "secret": 0o600}


def test_a_backup_and_what_is_restored_from_it_are_their_owners_alone(tmp_path):
    world = open_world(tmp_path / "store")
    world.close()
    copy, again = tmp_path / "copy", tmp_path / "again"

    backup.write_backup(world.settings, copy, lambda done, total: None)
    backup.read_backup(Settings(data=again), copy)

    assert copy.stat().st_mode & 0o777 == 0o600
    assert modes(again) == {"again": 0o700, "plaudit.sqlite": 0o600}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_archive_is_its_owners_alone(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"an older one, open to all")
    path.with_name(f".{name}.part").write_bytes(b"left behind by a kill")

    with files.writing(path) as write:
        write(b"{}\n")

    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_what_an_operator_opened_stays_open(tmp_path):
    world = open_world(tmp_path / "store")
    world.close()
    file = world.settings.data / connect.FILE_NAME
    file.chmod(0o640)
    world.settings.data.chmod(0o750)

    connect.prepare(world.settings)
    private_files.make_folder(world.settings.data)

    assert file.stat().st_mode & 0o777 == 0o640
    assert world.settings.data.stat().st_mode & 0o777 == 0o750
