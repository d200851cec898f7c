"""The schema: how a store is brought up to date, and what is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys

import apsw
import pytest

from plaudit.core.labeling import statistics, task_notes
from plaudit.errors import StoreRefused
from plaudit.settings import Settings
from plaudit.store.engine import checks, connect, migrator
from tests.support.harness import World, clean_environment
from tests.support.labeling_project import LabelingProject

NAMES = [migration.name for migration in migrator.migrations(migrator.SQLITE)]


def open_and_check(settings: Settings) -> None:
    """What every command does before it touches a store."""

    async def work():
        db = connect.open_database(settings)
        try:
            await connect.require_current(db, settings)
        finally:
            await db.close()

    asyncio.run(work())


def dump(settings: Settings) -> list:
    """The schema and all rows of a database file, and how it is kept."""
    file = apsw.Connection(str(settings.data / connect.FILE_NAME))
    try:
        things = file.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
        rows = [
            (name, file.execute(f"SELECT * FROM {name}").fetchall())
            for kind, name, _ in things
            if kind == "table"
        ]
        return [things, rows, file.execute("PRAGMA journal_mode").fetchall()]
    finally:
        file.close()


def what_was_made(settings: Settings) -> list:
    """The schema of a database file, the migrations that it has had with their hashes, and how
    it is kept: all that is looked at before a store is opened."""
    things, rows, kept = dump(settings)
    applied = sorted((name, digest) for name, _, digest in dict(rows).get("schema_migration", ()))
    return [things, applied, kept]


def tables(settings: Settings) -> set[str]:
    return {name for kind, name, _ in dump(settings)[0] if kind == "table"}


@pytest.fixture
def empty(tmp_path):
    """The settings of a store that has not been made."""
    (tmp_path / "data").mkdir()
    return Settings(data=tmp_path / "data")


def test_a_new_store_gets_every_migration_once_and_can_be_opened(empty):
    assert connect.prepare(empty) == NAMES
    was = dump(empty)

    assert connect.prepare(empty) == []

    assert dump(empty) == was
    open_and_check(empty)


def test_a_store_that_lacks_a_migration_is_refused_until_it_is_upgraded(empty):
    connect.prepare(empty)
    file = apsw.Connection(str(empty.data / connect.FILE_NAME))
    file.execute("DELETE FROM schema_migration WHERE name = ?", (NAMES[-1],))
    if len(NAMES) == 1:
        for name in tables(empty) - {"schema_migration", "sqlite_sequence"}:
            file.execute(f"DROP TABLE IF EXISTS {name}")
    file.close()

    with pytest.raises(StoreRefused, match="plaudit init"):
        open_and_check(empty)


@pytest.mark.parametrize("also_lacks_one", [False, True])
def test_a_store_of_a_newer_version_is_refused_untouched(empty, also_lacks_one):
    connect.prepare(empty)
    file = apsw.Connection(str(empty.data / connect.FILE_NAME))
    file.execute("INSERT INTO schema_migration VALUES ('9999_from_the_future.sql', 0, 'x')")
    if also_lacks_one:
        file.execute("DELETE FROM schema_migration WHERE name = ?", (NAMES[-1],))
    file.close()
    was = dump(empty)

    for attempt in (connect.prepare, open_and_check):
        with pytest.raises(StoreRefused, match="9999_from_the_future"):
            attempt(empty)

    assert dump(empty) == was


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_with_tables_of_others_is_refused_untouched(empty, journal):
    """Neither a table nor a setting is left behind in somebody else's file."""
    file = apsw.Connection(str(empty.data / connect.FILE_NAME))
    file.execute(f"PRAGMA journal_mode={journal}").fetchall()
    file.execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
    file.close()
    was = dump(empty)

    with pytest.raises(StoreRefused, match="not Plaudit's"):
        connect.prepare(empty)

    assert dump(empty) == was


@pytest.mark.parametrize("content", [b"", b"this is no database, however long it is. " * 100])
def test_a_file_that_is_no_store_is_refused_and_says_so(empty, content):
    (empty.data / connect.FILE_NAME).write_bytes(content)

    with pytest.raises(StoreRefused):
        open_and_check(empty)


FORKER = """
import os, shutil, signal, sys
from pathlib import Path
import apsw
from plaudit.settings import Settings
from plaudit.store.engine import connect as opening

def upgrade(folder):
    return len(opening.prepare(Settings(data=Path(folder))))

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            code = work()
        except BaseException as exc:
            print(repr(exc), file=sys.stderr)
            code = 99
        os._exit(code)
    return pid

def before_each(act, folder):
    count = 0
    def trace(cursor, sql, bindings):
        nonlocal count
        if not sql.startswith("PRAGMA"):
            count += 1
            act(count)
        return True
    apsw.connection_hooks.append(lambda connection: connection.set_exec_trace(trace))
    return upgrade(folder)

def killed_at(step, folder):
    return before_each(lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL), folder)

def copied_at_each(folder, copy):
    was = None
    def act(at):
        nonlocal was
        now = {one.name: one.read_bytes() for one in Path(folder).iterdir()}
        if is_new := now != was:
            was = now
            shutil.copytree(folder, copy)
        print("at", "anew" if is_new else "as_before", flush=True)
        if not sys.stdin.readline():
            os._exit(99)
    return before_each(act, folder)

while words := sys.stdin.readline().split():
    if words[0] == "kill":
        pids = [child(lambda: killed_at(int(words[2]), words[1]))]
    elif words[0] == "copy":
        pids = [child(lambda: copied_at_each(words[1], words[2]))]
    else:
        gate, opener = os.pipe()
        def gated():
            os.close(opener)
            os.read(gate, 1)
            return upgrade(words[1])
        pids = [child(gated) for _ in range(4)]
        os.close(opener), os.close(gate)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(*codes, flush=True)
"""


@pytest.fixture
def forker():
    """A process that runs upgrades in children of its own, and tells how they ended."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKER],
        env=clean_environment(PYTHONPATH=os.pathsep.join(sys.path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(*words: object) -> list:
            process.stdin.write(" ".join(map(str, words)) + "\n")
            process.stdin.flush()
            told = process.stdout.readline().split()
            return told if told[0] == "at" else [int(code) for code in told]

        yield ask
        process.stdin.close()


KILLED_EACH = 80


@pytest.mark.slow
def test_an_upgrade_killed_before_any_statement_is_completed_by_the_next(tmp_path, forker):
    """Its files are copied before each statement, which is what SIGKILL leaves of them then.

    They are looked at if a byte of them has changed since the statement before. What is left is as
    if the upgrade had ended after a migration. The first store that is left after each is
    completed. At one of eighty statements an upgrade is killed indeed: it leaves what was copied,
    and is completed too.
    """
    reference = Settings(data=tmp_path / "reference")
    connect.prepare(reference)
    open_and_check(reference)
    wanted = what_was_made(reference)
    left: dict[int, list] = {}
    steps: list[list] = []

    upgraded, copy = Settings(data=tmp_path / "upgraded"), Settings(data=tmp_path / "copy")
    while (told := forker("on" if steps else "copy", upgraded.data, copy.data))[0] == "at":
        if told[1] == "as_before":
            steps.append(steps[-1])
            continue
        steps.append(made := what_was_made(copy))
        is_first = len(made[1]) not in left
        if made[0]:
            before = left.setdefault(len(made[1]), made)
            assert before == made, f"copied at {len(steps)}: half of a migration is there"
        if not made[0] or is_first:
            connect.prepare(copy)
            assert what_was_made(copy) == wanted, f"copied at {len(steps)}"
        shutil.rmtree(copy.data)
    for step in range(KILLED_EACH, len(steps), KILLED_EACH):
        killed = Settings(data=tmp_path / str(step))
        assert forker("kill", killed.data, step) == [-9]
        assert what_was_made(killed) == steps[step - 1], f"killed at {step}"
        connect.prepare(killed)
        assert what_was_made(killed) == wanted, f"killed at {step}"

    assert told == [len(NAMES)]
    assert set(left) == set(range(len(NAMES)))
    assert what_was_made(upgraded) == wanted
    assert len(steps) > sum(len(one.statements) for one in migrator.migrations(migrator.SQLITE))


def test_upgrades_at_the_same_moment_apply_each_migration_once(tmp_path, forker):
    for number in range(3):
        settings = Settings(data=tmp_path / str(number))
        codes = forker("together", settings.data)

        assert 99 not in codes
        assert sum(codes) == len(NAMES)
        open_and_check(settings)


def test_tasks_that_wait_are_kept_by_the_migration_that_marks_undecided_ones(world_of_sqlite):
    world = world_of_sqlite
    labeling = LabelingProject(world, overlap=2)
    labeling.create(3)
    labeling.work_on("ann")
    name = next(name for name in NAMES if name.startswith("0009"))
    file = apsw.Connection(str(world.settings.data / connect.FILE_NAME))
    file.execute("DROP INDEX task_work_undecided; ALTER TABLE task_work DROP COLUMN is_undecided")
    file.execute("DELETE FROM schema_migration WHERE name = ?", (name,))
    file.close()

    assert connect.prepare(world.settings) == [name]

    assert world.run(checks.violations(world.db)) == {}
    labeling.set(overlap=1)
    assert labeling.follow_settings() == 1


def test_tasks_and_people_of_before_are_open_to_everybody_after_the_migration_of_staffing(
    world_of_sqlite,
):
    world = world_of_sqlite
    labeling = LabelingProject(world)
    labeling.create(3)
    labeling.work_on("ann")
    name = next(name for name in NAMES if name.endswith("_staffing.sql"))
    file = apsw.Connection(str(world.settings.data / connect.FILE_NAME))
    for table in (
        *("team_member", "team", "person_skill", "project_member", "batch_team"),
        *("task_requirement", "work_pool", "study_person", "study_link"),
    ):
        file.execute(f"DROP TABLE {table}")
    file.execute("DROP INDEX task_work_free; DROP INDEX project_open_by_age")
    file.execute("CREATE INDEX task_work_free ON task_work (project_key, rank)")
    for table, column in (
        ("task_work", "pool"),
        ("person", "is_guest"),
        *(("project", one) for one in ("is_members_only", "tasks_per_day", "tasks_in_all")),
    ):
        file.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    file.execute("DELETE FROM schema_migration WHERE name = ?", (name,))
    file.close()

    assert connect.prepare(world.settings) == [name]

    assert world.run(checks.violations(world.db)) == {}
    assert labeling.lease_next("ann") is not None
    assert labeling.lease_next("ben") is not None


def test_flags_and_skips_of_before_are_counted_by_the_migration_that_lists_them(world_of_sqlite):
    world = world_of_sqlite
    labeling = LabelingProject(world)
    labeling.create(2)
    for note in ("a", "b"):
        lease = labeling.take("ann")
        labeling.do(task_notes.flag, lease, reason="flagged", note=note)
        labeling.do(task_notes.skip, lease, reason="no")
    name = next(name for name in NAMES if name.endswith("_attention.sql"))
    file = apsw.Connection(str(world.settings.data / connect.FILE_NAME))
    file.execute("DROP INDEX task_work_skipped; ALTER TABLE task_work DROP COLUMN is_skipped")
    file.execute("DROP TABLE task_flag; DELETE FROM schema_migration WHERE name = ?", (name,))
    file.close()

    assert connect.prepare(world.settings) == [name]

    assert world.run(checks.violations(world.db)) == {}
    progress = labeling.write(lambda tx: statistics.progress(tx, labeling.project))
    assert (progress.flagged, progress.skipped) == (2, 2)


@pytest.fixture
def world_of_sqlite(template, tmp_path):
    """A store of this test alone."""
    settings = Settings(data=tmp_path / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    yield world
    world.close()
