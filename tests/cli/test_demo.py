"""`plaudit demo`: it answers what it prints, keeps nothing, and stops whenever it is told to."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from plaudit import app as server
from plaudit import demo as demonstration
from plaudit.store.engine import connect
from tests.cli.test_cli import KEY, assert_refused
from tests.support.forked_process import ForkedProcess, forked_command
from tests.support.harness import (
    clean_environment,
    free_port,
)
from tests.support.pages.gallery_stage import wait_until_ready

LAST_LINE = "Stop it with Ctrl-C; nothing is kept.\n"


def lines_of(text: str) -> list[str]:
    """Lines that say something, without the warnings of a loop that a busy machine stalls."""
    return [line for line in text.split("\n") if line and '"loop stalled"' not in line]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary files of the demo."""
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture
def demo(temporary: Path) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Start `python -m plaudit demo` with a folder of its own for temporary files."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        started.append(subprocess.Popen(
            [sys.executable, "-m", "plaudit", "demo", "--port", str(port)], text=True,
            env=clean_environment(TMPDIR=str(temporary)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ))  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def forked_demo(temporary: Path) -> Iterator[tuple[ForkedProcess, Path]]:
    """A demo that is starting in a process that was forked, and the file of what it says."""
    log = temporary.with_name("log")
    process = forked_command(
        *("demo", "--port", str(free_port())),
        environ=clean_environment(TMPDIR=str(temporary)),
        log=log,
    )
    yield process, log
    process.kill()
    process.wait(120)


def test_the_demo_answers_the_curl_line_it_prints_and_keeps_nothing(demo, run, temporary):
    port = free_port()
    process = demo(port)
    said = "".join(iter(process.stdout.readline, LAST_LINE))
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    folders = [path.name for path in temporary.iterdir()]
    taken = run("demo", "--port", str(port))
    if shutil.which("curl"):
        line = said[said.index("curl -s") : said.index("  Read on")]
        answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert len(json.loads(answer.stdout)["tasks"]) == 1

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)

    assert [name.startswith("plaudit-demo-") for name in folders] == [True]
    assert list(temporary.iterdir()) == []
    assert KEY.search(said)
    assert lines_of(err) == []
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert_refused(taken, f"port {port} is in use")


class StopInAFinalizer:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_demo_that_is_stopped_where_nothing_can_be_raised_does_not_begin_to_serve(monkeypatch):
    prepare = connect.prepare
    monkeypatch.setattr(connect, "prepare", lambda chosen: (StopInAFinalizer(), prepare(chosen)))
    monkeypatch.setattr(server, "serve", lambda *_, **__: pytest.fail("it serves"))
    before = signal.getsignal(signal.SIGTERM)

    try:
        demonstration.run(free_port())
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_demo_that_is_stopped_while_it_starts_keeps_nothing(forked_demo, temporary):
    process, _ = forked_demo
    while process.poll() is None and not list(temporary.iterdir()):
        time.sleep(0.005)

    process.terminate()
    process.wait(120)

    assert list(temporary.iterdir()) == []


def test_the_demo_has_something_to_review_and_keeps_nothing_when_it_is_terminated(
    forked_demo, temporary
):
    """There are tasks to review, votes, flags and gold; at its end it says nothing more."""
    process, log = forked_demo
    while process.poll() is None and not (log.exists() and LAST_LINE in log.read_text()):
        time.sleep(0.02)
    said = log.read_text()
    url, key = re.search(r"http://[\d.:]+", said), re.search(r"API key +(\S+)", said)
    assert url is not None
    assert key is not None
    wait_until_ready(url[0])
    base = f"{url[0]}/manage/v1/projects/project_kitchen"
    folders = [path.name for path in temporary.iterdir()]
    with httpx2.Client(auth=(key[1], ""), timeout=60) as client:
        waiting = client.get(f"{base}/task_list", params={"only": "in_review"}).json()["tasks"]
        flagged = client.get(f"{base}/task_list", params={"only": "flagged"}).json()["tasks"]
        gold = client.get(f"{base}/gold").json()["tasks"]
        params = {"task_id": "task_kitchen07", "opts": "submissions"}
        old = client.get(f"{url[0]}/v2/task", params=params).json()

    process.terminate()
    code = process.wait(120)

    assert [name.startswith("plaudit-demo-") for name in folders] == [True]
    assert list(temporary.iterdir()) == []
    assert lines_of(log.read_text()) == lines_of(said)
    assert code in (0, 143, -signal.SIGTERM)
    assert [one["task_id"] for one in waiting] == [f"task_kitchen{n}" for n in ("09", "10", "11")]
    assert min(one["disagreement"] for one in waiting) > 0
    assert [one["task_id"] for one in flagged] == ["task_kitchen12"]
    assert [one["expected"][0]["value"] for one in gold] == [1]
    [verdict, why] = old["threads"][0]["turns"][0]["annotations"]
    assert [vote["value"] for vote in verdict["votes"]] == [1, 5, 2]
    assert len({vote["contributor_id"] for vote in why["votes"]}) == 3
