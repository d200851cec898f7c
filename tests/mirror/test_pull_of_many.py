"""A long pull killed at random moments, and since-last while tasks complete; only when asked for.

`PLAUDIT_TEST_PULL_TASKS=20000 pytest tests/mirror/test_pull_of_many.py` takes some minutes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

from plaudit.settings import Settings
from tests.support.builders import make_task, make_tasks
from tests.support.deliveries import deliver, move
from tests.support.forked_process import forked_command
from tests.support.harness import (
    World,
    clean_environment,
    on_sqlite_alone,
    run_cli,
    store_arguments,
)
from tests.support.mirror.small_server import kill, run_pull, values_of
from tests.support.mirror.v2_view import everything_of

TASKS = int(os.environ.get("PLAUDIT_TEST_PULL_TASKS", "0"))
KILLS = 10

pytestmark = [
    pytest.mark.skipif(not TASKS, reason="asked for by PLAUDIT_TEST_PULL_TASKS"),
    pytest.mark.timeout(3600),
]


@on_sqlite_alone
def test_a_pull_killed_at_random_moments_equals_its_source(
    world, start_server, template, tmp_path, capsys
):
    open_count = TASKS // 20
    world.load([*make_tasks(TASKS - open_count), *_open_tasks(open_count)])
    key, out, log = world.key(), tmp_path / "copy.jsonl", tmp_path / "log"
    with world.client(key) as client:
        deliver(client, "January", completed_before="2025-01-02T01:20:00Z")
    server = start_server()
    chance = random.Random(1)
    environ = clean_environment(PLAUDIT_KEY=key)
    told = ["pull", "--url", server.url, "--out", str(out)]
    kills, started = 0, time.monotonic()
    while kills < KILLS:
        process = forked_command(*told, environ=environ, log=log)
        try:
            process.wait(chance.uniform(0.3, 2.0))
            break
        except subprocess.TimeoutExpired:
            kill(process, signal.SIGKILL)
            process.wait(30)
            kills += 1
    last = run_pull(server.url, "--out", out, key=key)
    assert last.returncode == 0, last.stderr
    told_seconds = time.monotonic() - started

    _complete_meanwhile(world, open_count, lambda: _pull_since_last(server.url, out, key))

    with capsys.disabled():
        print(f"\n{TASKS} tasks, {kills} kills, {told_seconds:.1f} s")
    assert len(values_of(out, "task")) == TASKS
    shutil.copytree(template, tmp_path / "target")
    target = World(Settings(data=tmp_path / "target"))
    target.org()
    imported = run_cli("import", str(out), *store_arguments(target.settings))
    assert "rejected" not in imported.stdout
    with world.client(key) as there, target.client() as here:
        assert everything_of(here) == everything_of(there)
    target.close()


def _open_tasks(count):
    return [make_task(f"open_{number:05d}", "pending") for number in range(count)]


def _pull_since_last(url, out, key):
    done = run_pull(url, "--out", out, "--since-last", key=key)
    assert done.returncode == 0, done.stderr


def _complete_meanwhile(world, count, pull):
    other = World(world.settings)

    def complete_all():
        for number in range(count):
            move(other, "complete", f"open_{number * 7 % count:05d}")

    worker = threading.Thread(target=complete_all)
    worker.start()
    while worker.is_alive():
        pull()
    worker.join()
    other.close()
    pull()
