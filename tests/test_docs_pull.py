"""The manual of pull and push: its commands run one after the other, and print what it shows."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from itertools import pairwise

import pytest

from plaudit.cli import remote
from plaudit.mirror import push_senders
from plaudit.settings import Settings
from tests.support.builders import make_message, make_task, make_tasks, make_thread, make_turn
from tests.support.deliveries import deliver, move
from tests.support.harness import World, on_sqlite_alone, run_cli, store_arguments
from tests.support.mirror.scripted_server import ScriptedServer, forward_to
from tests.test_docs import BLOCKS, text_of

MANUAL = [block for block in BLOCKS if block.document == "docs/pull.md"]
COMMANDS = [
    (block.text.strip(), answer.text.rstrip("\n"))
    for block, answer in pairwise(MANUAL)
    if block.marks == ("sh", "pull")
]
CONTENT = [make_thread(turns=[make_turn(messages=[make_message("user", "Which?")])])]


@pytest.fixture
def source(kept_world):
    """A project with six completed tasks, two pending ones in a batch, and a delivery."""
    kept_world.load(
        [
            *make_tasks(6),
            *(make_task(f"open_{number}", "pending", batch="week_48") for number in range(2)),
        ]
    )
    with kept_world.client() as client:
        deliver(client)
        renamed = client.patch("/manage/v1/projects/project_123", json={"name": "My Test Project"})
        assert renamed.status_code == 200, renamed.text
        server = ScriptedServer(forward_to(client))
        yield server
        server.close()


def printed(text):
    """Output without the log of the application, which runs in this process."""
    return "\n".join(line for line in text.splitlines() if not re.match(r"\d{4}-\d\d-", line))


@on_sqlite_alone
def test_the_commands_print_what_the_manual_shows(kept_world, source, template, tmp_path):
    folder = tmp_path / "here"
    shutil.copytree(template, folder / "plaudit-data")
    target = World(Settings(data=folder / "plaudit-data"))
    target.org("Mirror")
    target.org()
    rows = [
        make_task(f"new_{number}", "pending", content=CONTENT, project=None) for number in range(2)
    ]
    lines = [json.dumps({"kind": "task", "value": row}) for row in rows]
    (folder / "tasks.jsonl").write_text("\n".join(lines))

    for number, (command, shown) in enumerate(COMMANDS):
        if number == 1:
            move(kept_world, "complete", "open_0")
            kept_world.load([make_task("cancelled", "canceled")])
        arguments = shlex.split(command.replace("https://feedback.example.com", source.url))
        done = run_cli(*arguments[1:], cwd=folder, PLAUDIT_KEY="live_key")

        assert done.returncode == 0, done.stderr
        assert printed(done.stdout) == shown
    target.close()
    imported = run_cli("import", str(folder / "copy.jsonl.zst"), *store_arguments(target.settings))
    assert "tasks: 9 added" in imported.stdout


@on_sqlite_alone
def test_the_command_of_the_readme_runs(source, tmp_path):
    (block,) = [one for one in BLOCKS if (one.document, one.marks) == ("README.md", ("sh", "pull"))]
    command = block.text.replace("https://feedback.example.com", source.url)

    done = run_cli(*shlex.split(command)[1:], cwd=tmp_path, PLAUDIT_KEY="live_key")

    assert done.returncode == 0, done.stderr
    assert "Wrote 1 project, 1 batch, 8 tasks, 1 delivery" in done.stdout


def test_numbers_of_the_manual_are_those_of_the_code():
    manual = text_of("docs/pull.md")

    assert len(COMMANDS) == 5
    assert f"more than {remote.ANSWER_BYTES_MAX // 1024**2} MiB" in manual
    assert (remote.PATIENCE.total_s, "quarter of an hour" in manual) == (900, True)
    assert (push_senders.UPLOAD_ROWS, "a hundred tasks in a request" in manual) == (100, True)
