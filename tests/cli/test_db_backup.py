"""`plaudit db backup` and `restore`: whole, sound, never over what is there; on both engines."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial

import apsw
import pytest

from plaudit.core.tasks import lifecycle
from plaudit.settings import Settings
from plaudit.store.engine import backup
from plaudit.store.engine.connect import FILE_NAME
from tests.cli.test_db_commands import assert_refused, opened
from tests.support.builders import make_task
from tests.support.harness import World, store_arguments
from tests.support.sample_tasks import archive_rows, mixed_tasks


class Writer:
    """Adds tasks from another thread, one transaction each, until told to stop."""

    def __init__(self, settings: Settings) -> None:
        self.acknowledged: list[str] = []
        self._is_over = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(settings,))
        self._thread.start()
        assert self._begun.wait(60)

    def _write(self, settings: Settings) -> None:
        world = World(settings)
        project = world.project("Busy", project_id="busy")
        while not self._is_over.is_set():
            task_id = f"busy_{len(self.acknowledged):06d}"
            work = partial(lifecycle.create_task, project=project, task_id=task_id)
            world.run(world.db.write(work))
            self.acknowledged.append(task_id)
            if len(self.acknowledged) >= 20:
                self._begun.set()
        world.close()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(60)


def test_a_backup_made_during_writes_has_everything_acknowledged_before_it(
    run, store, elsewhere, tmp_path
):
    opened(store, archive_rows(mixed_tasks())).close()
    writer = Writer(store)
    before = list(writer.acknowledged)
    made = run("db", "backup", "--out", tmp_path / "copy", *store_arguments(store))
    after = len(writer.acknowledged)
    writer.stop()

    brought = run("db", "restore", tmp_path / "copy", *store_arguments(elsewhere))
    checked = run("db", "check", *store_arguments(elsewhere))

    assert (made.returncode, brought.returncode, checked.returncode) == (0, 0, 0), brought
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    digest = backup.sha256_of(tmp_path / "copy")
    assert made.stdout == f"Wrote {tmp_path / 'copy'} (sha256 {digest}).\n"
    assert (tmp_path / "copy.sha256").read_text() == f"{digest}  copy\n"
    assert str(elsewhere.secret_path) in brought.stdout
    assert {path.name for path in tmp_path.glob("*copy*")} == {"copy", "copy.sha256"}
    asked = ["task_full", *writer.acknowledged[: after + 1]]
    world = World(elsewhere)
    with world.client() as client:
        found = [client.get("/v2/task", params={"task_id": one}).status_code for one in asked]
    world.close()
    kept = found.count(200)
    assert len(before) < after
    assert kept > len(before)
    assert found == [200] * kept + [404] * (len(found) - kept)  # a moment, nothing mixed


def test_a_backup_ends_however_much_is_written_meanwhile(sqlite_settings, tmp_path, monkeypatch):
    """A write between two steps must not make SQLite begin the copy anew."""
    opened(sqlite_settings, archive_rows(mixed_tasks())).close()
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 4)
    other = apsw.Connection(str(sqlite_settings.data / FILE_NAME))
    steps = []

    def write_between_steps(done, total):
        steps.append((done, total))
        assert len(steps) <= total, "the copy begins anew"
        other.execute("UPDATE project_sequence SET next_seq = next_seq + 1")

    try:
        backup.write_backup(sqlite_settings, tmp_path / "copy", write_between_steps)
    finally:
        other.close()

    assert steps[-1][0] == steps[-1][1] > 4


@pytest.fixture
def copy(run, store, tmp_path):
    """A backup of a store with some tasks."""
    opened(store, archive_rows(mixed_tasks())).close()
    assert run("db", "backup", "--out", tmp_path / "copy", *store_arguments(store)).returncode == 0
    return tmp_path / "copy"


def is_empty(settings: Settings) -> bool:
    if settings.database is None:
        return not (settings.data / FILE_NAME).exists()
    from tests.cli.test_distribute import on  # noqa: PLC0415

    return on(settings.database, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("at", [0.0, 0.3, 0.999])
def test_a_backup_with_a_flipped_bit_is_refused(run, elsewhere, copy, at):
    content = bytearray(copy.read_bytes())
    content[int(len(content) * at)] ^= 1
    copy.write_bytes(content)

    assert_refused(run("db", "restore", copy, *store_arguments(elsewhere)), "is damaged")
    assert is_empty(elsewhere)


def test_a_backup_that_is_cut_off_is_refused(run, elsewhere, copy):
    copy.write_bytes(copy.read_bytes()[:-1])

    assert_refused(run("db", "restore", copy, *store_arguments(elsewhere)), "is damaged")
    assert is_empty(elsewhere)


@pytest.mark.parametrize("content", [None, "", "0" * 64 + "  copy\n", "nonsense"])
def test_a_backup_without_its_hash_is_refused(run, elsewhere, copy, content):
    beside = copy.with_name("copy.sha256")
    beside.unlink()
    if content is not None:
        beside.write_text(content)

    assert_refused(run("db", "restore", copy, *store_arguments(elsewhere)), "copy.sha256")
    assert is_empty(elsewhere)


def test_what_is_no_backup_is_refused_even_with_its_hash(run, elsewhere, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"not a store " * 1000)
    other.with_name("other.sha256").write_text(f"{backup.sha256_of(other)}  other\n")

    assert_refused(run("db", "restore", other, *store_arguments(elsewhere)))
    assert is_empty(elsewhere)
    assert not list(elsewhere.data.glob(".*"))


def test_a_store_that_is_there_is_not_overwritten(run, store, copy):
    world = opened(store, [{"kind": "task", "value": make_task("newer")}])
    world.close()

    assert_refused(run("db", "restore", copy, *store_arguments(store)))

    world = World(store)
    with world.client() as client:
        assert client.get("/v2/task", params={"task_id": "newer"}).status_code == 200
    world.close()


def test_a_store_that_is_there_is_named_as_the_reason(run, store, copy):
    assert_refused(run("db", "restore", copy, *store_arguments(store)), "exist")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_restore_takes_nothing_from_a_log_that_was_left_behind(run, store, copy):
    """Who moves plaudit.sqlite away after a crash may leave its write-ahead log."""
    crash = (
        "import apsw, os, sys; c = apsw.Connection(sys.argv[1]); c.execute(sys.argv[2]);"
        " os._exit(1)"
    )
    late = "UPDATE project SET name = 'Written after the backup'"
    path = store.data / FILE_NAME
    subprocess.run([sys.executable, "-c", crash, str(path), late], check=False)
    path.rename(store.data / "away.sqlite")
    assert path.with_name(f"{FILE_NAME}-wal").exists()

    done = run("db", "restore", copy, *store_arguments(store))

    if done.returncode == 0:
        names = apsw.Connection(str(path)).execute("SELECT name FROM project").fetchall()
        assert names == [("My Test Project",)]
    else:
        assert_refused(done, "-wal")


def test_page_tokens_of_before_a_restore_are_refused_and_the_walk_begins_anew(
    run, store, elsewhere, copy
):
    world = World(store)
    key, asked = world.key(), {"project_id": "project_123", "limit": 2}
    batches = {"limit": 1}
    world.load([{"kind": "batch", "value": {"id": "b2", "project": "project_123"}}], "archive")
    run("db", "backup", "--out", copy, *store_arguments(store))
    with world.client(key) as client:
        token = client.get("/v2/tasks", params=asked).json()["next_token"]
        other = client.get("/v2/batches", params=batches).json()["next_token"]

        run("db", "restore", copy, *store_arguments(elsewhere))

        assert client.get("/v2/tasks", params=asked | {"next_token": token}).status_code == 200
    world.close()
    world = World(elsewhere)
    with world.client(key) as client:
        for path, one in (("/v2/tasks", token), ("/v2/batches", other)):
            answer = client.get(path, params={"next_token": one})
            assert (answer.status_code, answer.json()["code"]) == (400, "page_token_expired")
        anew = client.get("/v2/tasks", params=asked).json()["next_token"]
        assert client.get("/v2/tasks", params={"next_token": anew}).status_code == 200
    world.close()


def test_completions_after_a_restore_are_later_than_any_that_can_have_been_seen(
    run, store, elsewhere, copy
):
    seen, later = [], []
    for settings, found in ((store, seen), (elsewhere, later)):
        if settings is elsewhere:
            run("db", "restore", copy, *store_arguments(elsewhere))
        world = World(settings)
        done = make_task("after", completed_at=None)
        world.load([{"kind": "task", "value": done}], "archive")
        with world.client() as client:
            found.append(client.get("/v2/task", params={"task_id": "after"}).json()["completed_at"])
        world.close()

    assert seen[0] < later[0]
