"""A pull that is killed at any moment goes on, and ends as if nothing had happened."""

from __future__ import annotations

import errno
import os
import queue
import random
import signal
import threading
from pathlib import Path

import pytest

from plaudit.mirror.spool import Spool
from tests.support.builders import make_task
from tests.support.mirror.scripted_server import ScriptedServer, json_answer
from tests.support.mirror.small_server import SmallServer, forked_pull, kill, run_pull, values_of

TASKS = 2000
KILLS = 10


class Died(BaseException):
    """End of the process, as far as a test in the same process can have it."""


@pytest.fixture
def small():
    """A server with tasks in each status, a batch and two deliveries."""
    small = SmallServer(TASKS)
    for number, status in enumerate(("pending", "canceled", "error")):
        for place in range(number, 300, 3):
            task = make_task(f"{status}{place:03d}", status, project="p1", batch="b1")
            small.tasks[task["task_id"]] = task
    small.batches["b1"] = {"id": "b1", "name": "First", "project": "p1", "status": "in_progress"}
    heads = [
        {"id": name, "name": name, "project": "p1", "task_count": 150} for name in ("d1", "d2")
    ]
    small.instead["/v2/deliveries"] = json_answer({"deliveries": heads})
    small.instead["/v2/delivery"] = lambda request: _delivery(small, request)
    return small


def _delivery(small, request):
    listed = list(small.tasks.values())[:150]
    if request.first("next_token") is None:
        return json_answer({"delivery": "d", "tasks": listed[:100], "next_token": "100"})
    return json_answer({"delivery": "d", "tasks": listed[100:]})


@pytest.fixture
def server(small):
    server = ScriptedServer(small)
    yield server
    server.close()


def leave_few(small: SmallServer) -> None:
    """Leave two pages of completed tasks, and five of the others."""
    small.tasks = dict(list(small.tasks.items())[:150] + list(small.tasks.items())[-5:])


def undisturbed(server: ScriptedServer, out: Path) -> tuple[bytes, int]:
    """Bytes of a pull that nothing interrupts, and the number of its requests."""
    done = run_pull(server.url, "--out", out)
    assert done.returncode == 0, done.stderr
    count = len(server.requests)
    server.requests.clear()
    return out.read_bytes(), count


@pytest.mark.slow
def test_a_pull_killed_ten_times_ends_with_the_same_bytes(small, server, tmp_path):
    whole, requests = undisturbed(server, tmp_path / "whole.jsonl")
    out, log = tmp_path / "copy.jsonl", tmp_path / "log"
    chance = random.Random(20261130)
    victims = queue.SimpleQueue()
    kill_at = -1

    def killing(request):
        if request.number == kill_at:
            kill(victims.get(timeout=30), signal.SIGKILL)
        return small(request)

    server.script = killing
    codes = []
    for _ in range(KILLS):
        # Each time a few requests further than where it began.
        kill_at = len(server.requests) + chance.randrange(1, 5)
        process = forked_pull(server.url, "--out", out, log=log)
        victims.put(process)
        codes.append(process.wait(60))
    kill_at = -1
    last = run_pull(server.url, "--out", out)

    assert codes == [-signal.SIGKILL] * KILLS
    assert last.returncode == 0, last.stderr
    assert "going on after" in last.stderr
    assert out.read_bytes() == whole
    assert len(server.requests) < requests + 5 * KILLS  # it did not begin anew each time


def test_a_pull_that_dies_around_any_renaming_ends_with_the_same_bytes(
    small, server, tmp_path, monkeypatch
):
    """Renaming is what makes the position, and in the end the file, take their place."""
    leave_few(small)
    whole, _ = undisturbed(server, tmp_path / "whole.jsonl")
    out = tmp_path / "copy.jsonl"
    replace, deaths = Path.replace, 0
    fuse = [0]

    def dying(self, target):
        """Rename, but die at the moment that the fuse says: odd ones before, even ones after."""
        fuse[0] -= 2
        if fuse[0] == -1:
            raise Died
        renamed = replace(self, target)
        if fuse[0] == 0:
            raise Died
        return renamed

    for moment in range(1, 40):
        fuse[0] = moment
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dying)
            try:
                done = run_pull(server.url, "--out", out)
            except Died:
                deaths += 1
                continue
        assert done.returncode == 0, done.stderr
        break

    assert deaths > 3
    assert run_pull(server.url, "--out", out).returncode == 0
    assert out.read_bytes() == whole


def test_ctrl_c_keeps_what_was_received(small, server, tmp_path):
    whole, _ = undisturbed(server, tmp_path / "whole.jsonl")
    out, log = tmp_path / "copy.jsonl", tmp_path / "log"
    victims = queue.SimpleQueue()

    def interrupting(request):
        if request.number == 15:
            kill(victims.get(timeout=30), signal.SIGINT)
        return small(request)

    server.script = interrupting
    process = forked_pull(server.url, "--out", out, log=log)
    victims.put(process)
    code = process.wait(60)
    said = log.read_text()
    assert (code, out.exists()) == (130, False), said
    assert said.endswith("what was received is kept, and the same command goes on\n")

    assert run_pull(server.url, "--out", out).returncode == 0

    assert out.read_bytes() == whole


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(small, server, tmp_path):
    """Its answer, and the tries after it, would take many minutes."""
    out, log = tmp_path / "copy.jsonl", tmp_path / "log"
    victims, is_over = queue.SimpleQueue(), threading.Event()

    def hanging(request):
        if request.number == 5:
            kill(victims.get(timeout=30), signal.SIGINT)
            is_over.wait(60)
        return small(request)

    server.script = hanging
    process = forked_pull(server.url, "--out", out, log=log)
    victims.put(process)
    try:
        code = process.wait(30)
    finally:
        is_over.set()

    assert code == 130, log.read_text()
    assert log.read_text().endswith("the same command goes on\n")


def test_a_token_that_no_longer_holds_begins_its_listing_again(small, server, tmp_path):
    """As after days, or when the server was restored from a backup."""
    out = tmp_path / "copy.jsonl"
    is_restored = False

    def restored(request):
        nonlocal is_restored
        token = request.first("next_token")
        if request.first("status") == "completed" and token == "900" and not is_restored:
            is_restored = True
            return json_answer({"error": "next_token has expired"}, 400)
        return small(request)

    server.script = restored
    done = run_pull(server.url, "--out", out)

    assert done.returncode == 0, done.stderr
    assert [task["task_id"] for task in values_of(out, "task")][-TASKS:] == [
        f"t{number:04d}" for number in range(TASKS)
    ]


def test_two_pulls_into_one_file_do_not_meet(small, server, tmp_path):
    out = tmp_path / "copy.jsonl"
    met = []

    def meeting(request):
        if request.number == 3:
            met.append(run_pull(server.url, "--out", out).stderr)
        return small(request)

    server.script = meeting
    log = tmp_path / "log"
    code = forked_pull(server.url, "--out", out, log=log).wait(60)

    assert code == 0, log.read_text()
    assert "another pull is at work" in met[0]


def test_a_full_disk_ends_the_pull_with_one_sentence(small, server, tmp_path, monkeypatch):
    leave_few(small)
    whole, _ = undisturbed(server, tmp_path / "whole.jsonl")
    out = tmp_path / "copy.jsonl"

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "sync", full)
        done = run_pull(server.url, "--out", out)

    assert done.returncode == 1
    assert "cannot be written: No space left on device" in done.stderr
    assert not out.exists()
    assert run_pull(server.url, "--out", out).returncode == 0
    assert out.read_bytes() == whole


def test_the_file_is_on_disk_before_it_takes_its_name(small, server, tmp_path, monkeypatch):
    """Else a loss of power could leave an empty file, and no received lines to make it of again."""
    leave_few(small)
    synced: list[int] = []
    kept, replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        kept(descriptor)

    def check(path: Path, target: Path) -> Path:
        assert path.stat().st_ino in synced
        assert path.stat().st_size > 0
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", check)

    for suffix in ("jsonl", "jsonl.gz", "jsonl.zst"):
        done = run_pull(server.url, "--out", tmp_path / f"copy.{suffix}")

        assert done.returncode == 0, done.stderr
    assert tmp_path.stat().st_ino in synced
