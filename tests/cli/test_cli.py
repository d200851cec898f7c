"""The command line: exit codes, one line when refused, and what each command prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plaudit.cli import main
from plaudit.settings import Settings
from tests.support.builders import make_task, make_tasks
from tests.support.harness import (
    World,
    on_sqlite_alone,
    one_engine,
    run_cli_process,
)
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows, mixed_tasks

Done = subprocess.CompletedProcess[str]


KEY = re.compile(r"(live|test)_[0-9A-Za-z]{46}")


@pytest.fixture
def run(monkeypatch: Any, capfd: Any, tmp_path: Path) -> Callable[..., Done]:
    """Run a command in this process, in a folder of its own; it may exit, but not fail."""
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()

    def run(*arguments: str, **environ: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["plaudit", *arguments])
            for name, value in environ.items():
                patch.setenv(name, value)
            try:
                main()
                code: Any = 0
            except SystemExit as ended:
                code = ended.code or 0
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def at(settings: Settings) -> list[str]:
    """The options that lead to a store with the organization "default"."""
    world = World(settings)
    world.org()
    world.close()
    found = ["--data", str(settings.data)]
    return found if settings.database is None else [*found, "--database", settings.database]


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., str]:
    """Write values, one a line, and return the path."""

    def write(*values: Any, name: str = "rows.jsonl") -> str:
        lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
        (tmp_path / name).write_text("\n".join(lines))
        return str(tmp_path / name)

    return write


def assert_refused(done: Done, *words: str) -> None:
    """Exit code 1, nothing on standard output, one plain line on standard error."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(r"plaudit: .*\n", done.stderr), done.stderr
    for word in words:
        assert word in done.stderr


def test_init_makes_a_store_and_again_does_no_harm(run, tmp_path):
    first = run("init", "--data", "new/store")
    secret = tmp_path / "new/store/secret"
    made = secret.read_bytes()
    key = run("keys", "create", "--data", "new/store").stdout
    second = run("init", "--data", "new/store")

    assert (first.returncode, second.returncode) == (0, 0)
    assert "new/store/secret, keep a copy" in first.stdout
    assert "it was up to date" in second.stdout
    assert (secret.read_bytes(), secret.stat().st_mode & 0o777) == (made, 0o600)
    assert run("keys", "list", "--data", "new/store").stdout.count(key[:12]) == 1


def test_the_store_is_where_the_environment_says_unless_an_option_does(run, tmp_path):
    run("init", PLAUDIT_DATA="from-environment")
    run("init", "--data", "from-option", PLAUDIT_DATA="unused")
    run("init")

    made = {path.parent.name for path in tmp_path.glob("*/secret")}
    assert made == {"from-environment", "from-option", "plaudit-data"}
    assert KEY.fullmatch(run("keys", "create", PLAUDIT_DATA="from-environment").stdout.strip())


@pytest.mark.parametrize("name", ["nowhere", "file", "file/below"])
def test_a_folder_without_a_store_is_refused_and_left_alone(run, tmp_path, name):
    (tmp_path / "file").write_text("mine")

    assert_refused(run("keys", "list", "--data", name), f"no store in {name}", "plaudit init")
    if name != "nowhere":
        assert_refused(run("init", "--data", name), f"cannot make the folder {name}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def status_of(settings: Settings, key: str) -> int:
    """What the API answers to this key."""
    world = World(settings)
    with world.client(key) as client:
        status = client.get("/v2/projects").status_code
    world.close()
    return status


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_new_key_is_printed_alone_and_opens_the_api(run, at, settings, mode):
    done = run("keys", "create", *at, "--mode", mode, "--role", "read", "--name", "CI")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(mode + r"_[0-9A-Za-z]{46}\n", done.stdout)
    assert status_of(settings, done.stdout.strip()) == 200


def test_a_key_of_an_unknown_organization_needs_create(run, at):
    refused = run("keys", "create", *at, "--org", "New Org")
    for _ in range(2):
        run("keys", "create", *at, "--org", "New Org", "--create")

    assert_refused(refused, "there is no organization 'New Org'")
    assert run("keys", "list", *at, "--org", "New Org").stdout.count("live_") == 2
    assert "No keys yet" in run("keys", "list", *at).stdout


def test_a_key_that_has_expired_or_was_revoked_opens_nothing(run, at, settings):
    options = ["--expires=2020-01-01"], ["--expires=2999-01-01T00:00:00Z"], [], ["--name=by id"]
    keys = [run("keys", "create", *at, *one).stdout.strip() for one in options]
    key_id = re.findall(r"(key_[0-9a-f]{32}).*by id", run("keys", "list", *at).stdout)[0]

    revoked = [run("keys", "revoke", one, *at) for one in (keys[2], key_id)]

    assert [done.returncode for done in revoked] == [0, 0]
    assert revoked[1].stdout == f"Revoked {key_id}.\n"
    assert [status_of(settings, key) for key in keys] == [401, 200, 401, 401]
    listed = run("keys", "list", *at).stdout
    assert [key in listed for key in keys] == [False] * 4
    assert [key[:12] in listed for key in keys] == [True] * 4


def test_a_key_is_revoked_once_and_only_in_its_own_organization(run, at):
    key = run("keys", "create", *at, "--org", "Other", "--create").stdout.strip()

    done = [run("keys", "revoke", key, *at, "--org", org) for org in ("default", "Other", "Other")]

    assert [one.returncode for one in done] == [1, 0, 1]
    for refused in (done[0], done[2]):
        assert_refused(refused, "there is no active key")
        assert key not in refused.stderr


def test_a_project_is_made_once_and_its_id_printed_alone(run, at, tmp_path):
    form = {"fields": [{"key": "overall", "level": "message", "type": "integer"}]}
    (tmp_path / "form.json").write_text(json.dumps(form))

    made = run("projects", "create", "Pilot", *at, "--types", "SFT", "--form", "form.json")
    again = run("projects", "create", " Pilot", *at)
    run("archive", *at, "--out", "a.jsonl")

    project = json.loads(Path("a.jsonl").read_text().splitlines()[1])["value"]
    assert (made.returncode, made.stdout) == (0, f"{project['id']}\n")
    assert project["types"] == ["SFT"]
    assert project["form"] == form
    assert_refused(again, "already")
    assert_refused(run("projects", "create", "a\u202eb", *at), "bidirectional")


@one_engine
@every_case("form, place", [
        (b"{", "form.json"), (b"[]", "form.json"), (b'{"a": "\xff"}', "form.json"),
        (b'{"a":' * 5000, "form.json"), (b'{"a": "\\u0000"}', "form.json"),
        (b'{"a":1,"a":2}', "form.json"), (b"{}", "/form"),
        (b'{"fields": [{"key": "overall"}]}', "/form/fields/0"),
    ])  # fmt: skip
def test_a_form_that_is_none_is_refused(run, at, tmp_path, form, place):
    (tmp_path / "form.json").write_bytes(form)

    assert_refused(run("projects", "create", "Pilot", *at, "--form", "form.json"), place)


def test_an_import_says_how_it_went_and_goes_to_one_world_of_one_organization(run, at, rows):
    arguments = ["import", rows(*archive_rows(mixed_tasks())), *at, "--format", "archive"]
    run("keys", "create", *at, "--org", "Other", "--create")

    first = run(*arguments, "--org", "Other", "--mode", "test", "--strict")
    second = run(*arguments, "--org", "Other", "--mode", "test")

    assert (first.returncode, first.stderr) == (0, "")
    assert [done.stdout.partition("\n")[0] for done in (first, second)] == [
        "projects: 1 added; batches: 1 added; tasks: 11 added",
        "projects: 1 unchanged; batches: 1 unchanged; tasks: 11 unchanged",
    ]
    for org, mode, lines in (("default", "test", 1), ("Other", "live", 2), ("Other", "test", 14)):
        done = run("archive", *at, "--org", org, "--mode", mode, "--out", "x.jsonl.gz")
        assert done.stdout == f"Wrote {lines} lines to x.jsonl.gz.\n"
    assert_refused(run(*arguments, "--org", "Third"), "'Third'")


def test_a_lenient_import_names_the_refused_rows_and_is_done(run, at, rows):
    one = rows(make_task("task_a"), "{", make_task("task_b", "bogus"), name="one [x].jsonl")
    two = rows(*make_tasks(2), make_task("task_a", "canceled"), name="two.jsonl")

    done = run("import", one, two, *at, "--format", "v2", "--project", "P")

    assert done.returncode == 0
    assert done.stdout == "tasks: 3 added, 2 rejected; rows: 1 rejected\n"
    starts = ["one [x].jsonl:2: ", "one [x].jsonl:3: /status ", "two.jsonl:3: "]
    for line, start in zip(done.stderr.splitlines(), starts, strict=True):
        assert line.startswith(start)


STRICT = {
    "a broken row": [make_task("task_a"), "{"],
    "a unique_id twice": [make_task(f"task_{n}", unique_id="u") for n in range(3)],
    "a conflict": [make_task("task_a"), make_task("task_a", "canceled")],
}


@pytest.mark.parametrize("values", STRICT.values(), ids=STRICT)
def test_a_strict_import_with_a_refused_row_stores_nothing(run, at, rows, values):
    done = run("import", rows(*values), *at, "--format", "v2", "--strict")
    run("archive", *at, "--out", "after.jsonl")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("plaudit: nothing was imported: ")
    assert Path("after.jsonl").read_text().count("\n") == 1


UNUSABLE = {
    "a file that cannot be opened": "import socket --format v2",
    "a file that is cut off": "import rows.jsonl cut.gz --format v2",
    "a folder that takes no files": "archive --out /proc/archive.jsonl",
    "a name that is too long": f"archive --out {'x' * 300}.jsonl",
}


@pytest.mark.parametrize("command", UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_cannot_be_read_or_written_is_refused(run, at, rows, tmp_path, command):
    rows(make_task())
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

        assert_refused(run(*command.split(), *at))


def overwrite(path: Path, text: str) -> None:
    """Write over a database, and drop the log beside it."""
    path.write_text(text)
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no secret": ("secret", Path.unlink, "secret"),
    "another secret": ("secret", lambda p: p.write_text(os.urandom(32).hex()), "another server"),
    "an empty secret": ("secret", lambda path: path.write_text(""), "secret"),
    "no hexadecimal": ("secret", lambda path: path.write_text("é"), "secret"),
    "a secret open to others": ("secret", lambda path: path.chmod(0o644), "chmod 600"),
    "no store": ("plaudit.sqlite", Path.unlink, "plaudit init"),
    "no database": ("plaudit.sqlite", lambda path: overwrite(path, "x" * 9000), "plaudit"),
    "an empty database": ("plaudit.sqlite", lambda path: overwrite(path, ""), "plaudit"),
}


@pytest.mark.parametrize(("name", "spoil", "word"), BROKEN.values(), ids=BROKEN)
def test_every_command_refuses_a_store_it_cannot_trust(
    run, template, tmp_path, rows, name, spoil, word
):
    path = rows(make_task())
    shutil.copytree(template, tmp_path / "data")
    world = World(Settings(data=tmp_path / "data"))
    world.org()
    world.close()
    spoil(tmp_path / "data" / name)

    for command in (
        ["keys", "create"], ["keys", "list"], ["keys", "revoke", "x"], ["projects", "create", "P"],
        ["import", path, "--format", "v2"], ["archive", "--out", "a.jsonl"], ["serve"],
    ):  # fmt: skip
        assert_refused(run(*command, "--data", "data"), word)
    assert not Path("a.jsonl").exists()


USAGE = (
    "frobnicate", "init --frobnicate", "keys create --role king", "keys create --mode prod",
    "keys create --expires 2025-02-30", "keys revoke", "projects create", "import --format v2",
    "import rows.jsonl --suggestions", "import rows.jsonl --format xml",
    "import absent.jsonl --format v2", "import . --format v2",
    "import rows.jsonl --format v2 --pending", "import rows.jsonl --format archive --project P",
    "archive",
    "archive --out .", "archive --out absent/a.jsonl", "serve --port 65536", "serve --port x",
    "serve --workers 0", "demo --port 65536", "demo --port -1",
)  # fmt: skip


@one_engine
@every_case("command", USAGE)
def test_wrong_usage_is_exit_code_2(run, at, rows, command):
    rows(make_task())
    needs_store = not command.startswith(("frob", "init", "demo"))

    done = run(*command.split(), *(at if needs_store else ()))

    assert done.returncode == 2, done


@on_sqlite_alone
def test_settings_and_options_that_make_no_sense_are_refused(run, at):
    assert_refused(run("serve", *at, "--workers", "2"), "one process", "--workers")
    assert_refused(run("keys", "list", *at, PLAUDIT_DEFAULT_OPTS="x"), "PLAUDIT_DEFAULT_OPTS")
    assert_refused(run("keys", "list", "--database", "mysql://x"), "--database")


@every_case("command", ["keys list --org", "keys create --name", "keys revoke", "projects create"])
def test_an_argument_that_is_no_text_is_refused_in_one_line(run, at, command):
    """Bytes that are not UTF-8 reach Python as lone surrogates."""
    assert_refused(run(*command.split(), "\udcff", *at))


def test_a_terminal_sees_no_control_characters_of_a_key_name(run, at):
    run("keys", "create", *at, "--name", "a\x1b[2Jb\r\n")

    assert "\x1b[2J" not in run("keys", "list", *at).stdout


def test_the_help_and_the_version_are_exit_code_0(run):
    shown, version = run("--help"), run_cli_process("--version")

    assert (shown.returncode, version.returncode) == (0, 0)
    assert "import" in shown.stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)
