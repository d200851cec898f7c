"""A command imports what it needs, and its help says the same before it is imported and after."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

from plaudit import cli
from plaudit.settings import Settings
from tests.support.builders import make_task
from tests.support.harness import World, clean_environment, on_sqlite_alone
from tests.support.running.every_case import every_case

SERVER = {
    "aiosmtplib", "httpcore2", "httpx2", "jinja2", "latex2mathml", "markdown_it", "nh3",
    "prometheus_client", "pygments", "starlette", "structlog", "uvicorn",
}  # fmt: skip
STORE = {"apsw", "asyncio", "asyncpg", "msgspec", "obstore"}
OTHERS = {"argon2", "asyncpg", "cryptography", "obstore", "rich.progress", "zxcvbn"}

RUN_AND_LIST_MODULES = """
import json, sys
from plaudit.cli import main
sys.argv = ["plaudit", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("\\n" + json.dumps(sorted(sys.modules)))
"""


def modules_after(*arguments: str) -> set[str]:
    """Names of the modules that are loaded when a command has run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST_MODULES, *arguments],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_overview_loads_neither_the_server_nor_a_store(option):
    loaded = modules_after(option)

    assert loaded & (SERVER | STORE | OTHERS) == set()
    assert {name for name in loaded if name.startswith(("plaudit.core", "plaudit.store"))} == set()


@on_sqlite_alone
@pytest.mark.parametrize(
    ("command", "needs"),
    [
        ("init", set()),
        ("keys create", set()),
        ("keys list", set()),
        ("projects create Pilot", set()),
        ("users list", {"argon2"}),
        ("webhooks list", {"cryptography"}),
        ("import {data}/rows.jsonl --format v2", {"obstore", "rich.progress"}),
        ("db upgrade", {"obstore", "rich.progress"}),
    ],
)
def test_a_command_on_sqlite_loads_neither_the_server_nor_postgresql(
    settings: Settings, command, needs
):
    world = World(settings)
    world.org()
    world.close()
    (settings.data / "rows.jsonl").write_text(json.dumps(make_task()))
    arguments = command.format(data=settings.data).split()

    loaded = modules_after(*arguments, "--data", str(settings.data))

    assert loaded & (SERVER | OTHERS) == needs


@every_case("name, import_path, description", cli.COMMANDS)
def test_the_help_of_a_command_begins_like_its_docstring(name, import_path, description):
    command = cli.app[name]

    assert command.help == description
    if command.default_command is not None:
        documented = inspect.getdoc(command.default_command) or ""
        assert documented.partition("\n\nParameters\n")[0] == description
