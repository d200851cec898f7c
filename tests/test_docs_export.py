"""The manual of exports: every format is described, and every command in it runs."""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import Any

from plaudit.cli import main
from plaudit.cli.export import RowChoices, TaskOptions
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.support.harness import on_sqlite_alone
from tests.test_docs import text_of

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


def test_every_format_is_in_the_manual_with_an_example():
    manual = text_of(MANUAL)

    table = manual[manual.index("## Which format") : manual.index("## Options")]
    shown = {re.findall(r"--format (\S+)", command)[0] for command in COMMANDS}
    assert [name for name in EXPORT_FORMATS if f"`{name}`" not in table] == []
    assert shown == set(EXPORT_FORMATS)


def test_every_option_is_in_the_manual():
    manual = text_of(MANUAL)
    options = manual[manual.index("## Options") : manual.index("## Files")]

    names = {
        "project", "out", "split", "formula_safe",
        *TaskOptions.__dataclass_fields__, *RowChoices.__dataclass_fields__,
    }  # fmt: skip
    missing = [name for name in names if f"`--{name.replace('_', '-')}" not in options]
    assert missing == []


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
