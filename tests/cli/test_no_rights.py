"""Commands on files that are somebody else's: one line with the file's name, no traceback."""

from __future__ import annotations

import pytest

from tests.support.builders import make_tasks
from tests.support.harness import World, on_sqlite_alone, run_cli
from tests.support.other_user import without_rights
from tests.support.running.every_case import every_case

COMMANDS = (
    ("init",),
    ("serve",),
    ("worker",),
    ("keys", "create"),
    ("keys", "list"),
    ("users", "list"),
    ("webhooks", "list"),
    ("projects", "create", "P"),
    ("deliver", "--project", "project_123", "--name", "May"),
    ("archive", "--out", "out.jsonl"),
    ("db", "check"),
    ("db", "upgrade"),
    ("db", "backup", "--out", "copy"),
    ("db", "sweep"),
)


@on_sqlite_alone
@every_case("command", COMMANDS)
def test_a_folder_that_is_another_s_is_named_in_one_line(world: World, command, tmp_path):
    folder = world.settings.data

    with without_rights(folder):
        done = run_cli(*command, "--data", str(folder), cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("plaudit: ")
    assert str(folder) in done.stderr
    assert "ermission" in done.stderr
    assert done.stderr.count("\n") == 1


@on_sqlite_alone
@pytest.mark.parametrize("name", ["plaudit.sqlite", "secret"])
def test_a_file_of_the_store_that_is_another_s_is_named_in_one_line(world: World, name):
    path = world.settings.data / name

    with without_rights(path):
        done = run_cli("keys", "list", "--data", str(world.settings.data))

    assert done.returncode == 1
    assert str(path) in done.stderr
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


@on_sqlite_alone
def test_a_file_to_import_that_is_another_s_is_named_in_one_line(world: World, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = folder / "tasks.jsonl"
    path.write_text(str(make_tasks(1)))

    with without_rights(folder):
        done = run_cli("import", str(path), "--format", "v2", "--data", str(world.settings.data))

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "ermission" in done.stderr
