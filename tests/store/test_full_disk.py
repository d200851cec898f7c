"""A disk that is full, or read-only: reads go on, writes say why not, and nothing is half done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from plaudit.errors import StorageFull
from plaudit.settings import Settings
from plaudit.store.engine import disk_space
from tests.support.builders import make_tasks
from tests.support.harness import World, on_sqlite_alone, run_cli, store_arguments
from tests.support.operations import assert_is_error

DISK_BYTES = 16 * 1024 * 1024


def grow(client: Any) -> Any:
    """A write that needs space: a batch with much metadata."""
    names = {f"k{n}": "x" * 1000 for n in range(900)}
    body = {"project": "P", "name": os.urandom(6).hex(), "metadata": names}
    return client.post("/v2/batch", json=body)


@pytest.fixture
def full(monkeypatch) -> list[apsw.Connection]:
    """Stores that are opened from now on may not grow, which to SQLite is a full disk."""
    opened: list[apsw.Connection] = []

    def limit(connection: apsw.Connection) -> None:
        connection.execute("PRAGMA max_page_count=1").fetchall()
        opened.append(connection)

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, limit])
    return opened


@on_sqlite_alone
def test_a_full_disk_refuses_writes_by_name_and_goes_on_reading(world, full, monkeypatch):
    world.project("P")
    with world.client() as client:
        refused = grow(client)
        listed = client.get("/v2/projects")
        ready = client.get("/readyz")
        for connection in full:
            connection.execute("PRAGMA max_page_count=1000000").fetchall()
        monkeypatch.setattr(disk_space, "FULL_MS", 0)
        again = grow(client)
        ready_again = client.get("/readyz")

    for answer in (refused, ready):
        assert_is_error(503, answer.headers, answer.json())
        assert answer.json()["code"] == "storage_full"
        assert answer.headers["retry-after"]
    assert listed.status_code == 200
    assert (again.status_code, ready_again.status_code) == (200, 200)


@on_sqlite_alone
def test_an_import_onto_a_full_disk_ends_in_one_line(world, full, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"\n".join(msgspec.json.encode(row) for row in make_tasks(2000)))

    done = run_cli("import", str(rows), "--format", "v2", *store_arguments(world.settings))

    assert done.returncode == 1
    assert done.stderr.startswith("plaudit: The disk of the server is full")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_of_postgresql_is_told_too(postgres_settings):
    world = World(postgres_settings)

    async def fill(tx: Any) -> None:
        await tx.run("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$", {})

    with pytest.raises(StorageFull):
        world.run(world.db.write(fill))
    with pytest.raises(StorageFull):
        world.run(world.db.check())
    world.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of DISK_BYTES."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts a disk, and not everywhere")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def on_small_disk(small_disk: Path, template: Path) -> World:
    shutil.copytree(template, small_disk / "data")
    world = World(Settings(data=small_disk / "data"))
    world.org()
    world.project("P")
    return world


def test_a_disk_without_a_byte_left_is_full_and_recovers_without_a_restart(on_small_disk):
    world = on_small_disk
    filler = world.settings.data / "filler"
    with world.client() as client:
        fill_up(filler)
        refused = [grow(client), client.post("/manage/v1/attachments", content=bytes(100_000))]
        ready = client.get("/readyz")
        listed = client.get("/v2/projects")
        filler.unlink()
        again = grow(client)
    world.close()

    assert [one.json()["code"] for one in (*refused, ready)] == ["storage_full"] * 3
    assert listed.status_code == 200
    assert again.status_code == 200


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(16 * 1024)):
                pass
        except OSError:
            return


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_read_only_disk_is_served_to_readers(on_small_disk, tmp_path, is_cut_off):
    """Also what a server that was killed left: its log beside the database."""
    world, data = on_small_disk, on_small_disk.settings.data
    key = world.key()
    if is_cut_off:
        shutil.copytree(data, tmp_path / "killed")
    world.close()
    if is_cut_off:
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "killed", data)
    subprocess.run(["mount", "-o", "remount,ro", str(data.parent)], check=True)

    listed = run_cli("keys", "list", "--data", str(data))
    with world.connect() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        read, written, ready = client.get("/v2/projects"), grow(client), client.get("/readyz")

    assert listed.returncode == 0
    assert [one["name"] for one in read.json()["projects"]] == ["P"]
    for answer in (written, ready):
        assert_is_error(503, answer.headers, answer.json())
