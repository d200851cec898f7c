"""The manual of exports: every format is described, and every command in it runs."""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import Any

import pytest

from plaudit.cli import main
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.support.harness import on_sqlite_alone
from tests.test_docs import text_of

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

MANUAL = "docs/export.md"
COMMANDS = [
    line
    for block in re.findall(r"```sh export\n(.*?)```", text_of(MANUAL), re.S)
    for line in block.splitlines()
]
PAIRS = [
    {
        "messages": [{"role": "user", "content": f"Name a prime above {n}."}],
        "chosen": {"role": "assistant", "content": f"{n} is too small; take 97."},
        "rejected": {"role": "assistant", "content": "I do not know."},
    }
    for n in range(40)
]


def test_every_format_is_in_the_manual():
    manual = text_of(MANUAL)

    assert [name for name in EXPORT_FORMATS if f"`{name}`" not in manual] == []
    assert len(COMMANDS) > 15


@on_sqlite_alone
def test_every_command_of_the_manual_runs(world: Any, monkeypatch, tmp_path, capfd):
    world.org()
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    at = ["--data", str(world.settings.data)]
    said = {}
    for command in ["plaudit import rows.jsonl --project 'Support chats'", *COMMANDS]:
        monkeypatch.setattr(sys, "argv", [*shlex.split(command), *at])
        try:
            main()
            code: Any = 0
        except SystemExit as ended:
            code = ended.code or 0
        said[command] = code, capfd.readouterr()

    # Rows that nobody gave reference texts or roles of their own are honestly none.
    failed = {
        command: (code, output)
        for command, (code, output) in said.items()
        if code and "has no row" not in output.err
    }
    assert failed == {}
    assert sum(code == 0 for code, _ in said.values()) > len(COMMANDS) * 0.8
