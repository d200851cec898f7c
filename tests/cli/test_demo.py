"""`plaudit demo`: it answers what it prints, keeps nothing, and stops whenever it is told to."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plaudit import app as server
from plaudit import demo as demonstration
from plaudit.store.engine import connect
from tests.cli.test_cli import KEY, assert_refused
from tests.support.harness import (
    clean_environment,
    free_port,
)

# The library warns that it is called from tests without arguments; `main` reads sys.argv.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `plaudit demo` with a folder of its own for temporary files."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        (tmp_path / "tmp").mkdir()
        started.append(subprocess.Popen(
            [sys.executable, "-m", "plaudit", "demo", "--port", str(port)], text=True,
            env=clean_environment(TMPDIR=str(tmp_path / "tmp")),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ))  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_demo_answers_the_curl_line_it_prints_and_keeps_nothing(demo, run, tmp_path, how):
    port = free_port()
    process = demo(port)
    said = "".join(iter(process.stdout.readline, "Stop it with Ctrl-C; nothing is kept.\n"))
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    folders = [path.name for path in (tmp_path / "tmp").iterdir()]
    taken = run("demo", "--port", str(port))
    if shutil.which("curl"):
        line = said[said.index("curl -s") : said.index("  Read on")]
        answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert len(json.loads(answer.stdout)["tasks"]) == 1

    process.send_signal(how)
    _, err = process.communicate(timeout=35)

    assert [name.startswith("plaudit-demo-") for name in folders] == [True]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert KEY.search(said)
    assert err == ""
    assert process.returncode in (0, 130, 143, -how)
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


def test_a_demo_that_is_stopped_while_it_starts_keeps_nothing(demo, tmp_path):
    process = demo(free_port())
    while process.poll() is None and not list((tmp_path / "tmp").iterdir()):
        time.sleep(0.005)
    time.sleep(0.1)

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=35)

    assert list((tmp_path / "tmp").iterdir()) == []
