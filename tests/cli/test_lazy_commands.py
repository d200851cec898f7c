"""A command imports what it needs, and its help says the same before it is imported and after."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from plaudit import cli
from plaudit.settings import Settings
from tests.support.builders import make_task
from tests.support.harness import World, clean_environment
from tests.support.running.every_case import every_case

SERVER = {
    "aiosmtplib", "httpcore2", "httpx2", "jinja2", "latex2mathml", "markdown_it", "nh3",
    "prometheus_client", "pygments", "starlette", "structlog", "uvicorn",
}  # fmt: skip
STORE = {"apsw", "asyncio", "asyncpg", "msgspec", "obstore"}
OTHERS = {"argon2", "asyncpg", "cryptography", "obstore", "rich.progress", "zxcvbn"}

OPTIONS = ("--help", "--version")
COMMANDS = {
    "init": set(),
    "keys create": set(),
    "keys list": set(),
    "projects create Pilot": set(),
    "users list": {"argon2"},
    "webhooks list": {"cryptography"},
    "import {data}/rows.jsonl --format v2": {"obstore", "rich.progress"},
    "db upgrade": {"obstore", "rich.progress"},
}
"""Commands, and those of SERVER and OTHERS that each needs."""

RUN_AND_LIST_MODULES = """
import json, os, sys
from plaudit.cli import main
for arguments in json.loads(sys.argv[1]):
    if os.fork():
        os.wait()
        continue
    sys.argv, code = ["plaudit", *arguments], 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    print("\\n" + json.dumps([code, sorted(sys.modules)]), flush=True)
    os._exit(0)
"""


def modules_after(commands: Sequence[Sequence[str]]) -> list[set[str]]:
    """Names of the modules that are loaded when each command has run in a process of its own.

    They are forked from one that has done what all of them begin with, which takes longest.
    """
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST_MODULES, json.dumps(commands)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    ended = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("[")]
    assert [code for code, _ in ended] == [0] * len(commands), done.stderr
    return [set(modules) for _, modules in ended]


@pytest.fixture(scope="module")
def loaded(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Names of the modules that each option and command on SQLite has loaded."""
    data = tmp_path_factory.mktemp("lazy") / "data"
    shutil.copytree(template, data)
    world = World(Settings(data=data))
    world.org()
    world.close()
    (data / "rows.jsonl").write_text(json.dumps(make_task()))
    on_data = ["--data", str(data)]
    commands = [[one] for one in OPTIONS]
    commands += [[*one.format(data=data).split(), *on_data] for one in COMMANDS]
    return dict(zip([*OPTIONS, *COMMANDS], modules_after(commands), strict=True))


@pytest.mark.parametrize("option", OPTIONS)
def test_the_overview_loads_neither_the_server_nor_a_store(loaded, option):
    modules = loaded[option]

    assert modules & (SERVER | STORE | OTHERS) == set()
    assert {name for name in modules if name.startswith(("plaudit.core", "plaudit.store"))} == set()


@pytest.mark.parametrize(("command", "needs"), COMMANDS.items())
def test_a_command_on_sqlite_loads_neither_the_server_nor_postgresql(loaded, command, needs):
    assert loaded[command] & (SERVER | OTHERS) == needs


@every_case("name, import_path, description", cli.COMMANDS)
def test_the_help_of_a_command_begins_like_its_docstring(name, import_path, description):
    command = cli.app[name]

    assert command.help == description
    if command.default_command is not None:
        documented = inspect.getdoc(command.default_command) or ""
        assert documented.partition("\n\nParameters\n")[0] == description
