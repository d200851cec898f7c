"""What commands print into a pipe: whole lines, whatever is said of the terminal's width."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import structlog

from plaudit.settings import Settings
from tests.support.harness import World, clean_environment, on_sqlite_alone

ONE_AFTER_ANOTHER = """
import json, sys
from plaudit.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["plaudit", *arguments]
    try:
        main()
    except SystemExit:
        pass
    print("---", flush=True)
    print("---", file=sys.stderr, flush=True)
"""

NAME = "a [long] :name: " * 12


def piped(commands: list[list[str]], columns: str) -> tuple[str, str]:
    """Standard output and error of commands, in one process to save the starts of others."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(commands)],
        env=clean_environment(COLUMNS=columns),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, done.stderr


@on_sqlite_alone
def test_what_a_pipe_gets_does_not_depend_on_a_width(settings: Settings, tmp_path):
    World(settings).close()
    folder = tmp_path / NAME.strip()
    folder.mkdir()
    (folder / "rows.jsonl").write_text('{"kind": 1}\n')
    data = ["--data", str(settings.data)]
    out = ["--out", str(folder / "archive.jsonl.gz")]
    made = [
        ["db", "upgrade", "--data", str(folder / "another")],
        ["init", *data],
        ["keys", "create", *data, "--name", NAME],
        ["users", "create", "x" * 60 + "@example.org", *data, "--role", "admin", "--name", NAME],
    ]
    told = [
        ["init", *data],
        ["keys", "list", *data],
        ["keys", "revoke", NAME, *data],
        ["users", "list", *data],
        ["webhooks", "list", *data],
        ["webhooks", "replay", *data],
        ["db", "check", *data],
        ["db", "sweep", *data],
        ["db", "distribute", "--show", *data],
        ["archive", *data, *out],
        ["import", out[1], *data, "--format", "archive"],
        ["import", str(folder / "rows.jsonl"), *data, "--format", "v2"],
        ["deliver", *data, "--project", NAME, "--name", "first"],
    ]

    narrow, wide = piped(made + told, "40"), piped(told, "200")

    upgraded, *answers = narrow[0].split("---\n")
    assert upgraded.count("\n") == 1
    answers = answers[len(made) - 1 :]
    assert answers == wide[0].split("---\n")
    assert narrow[1].split("---\n")[len(made) :] == wide[1].split("---\n")
    assert len(answers) == len(told) + 1
    # The name, in each of the two lists, stands on one line and as it is.
    assert [answer.count(NAME.strip()) for answer in (answers[1], answers[3])] == [1, 1]
    assert answers[9] == f"Wrote {answers[9].split()[1]} lines to {out[1]}.\n"


def test_what_servers_of_this_process_log_is_not_in_what_a_command_prints():
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        structlog.get_logger("plaudit.loop").warning("loop stalled", ms=55.8)

    assert (out.getvalue(), err.getvalue()) == ("", "")
