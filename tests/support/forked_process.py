"""Real processes that cost little to start: forked from one that has imported the product.

Starting Python and importing the server takes more CPU than most tests do afterwards. What is
started here has a pid, an exit code and signals like any process; only its imports were done
before. `python -m plaudit` itself is started by `run_cli_process`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from plaudit.cli import main

PRELOADED = (
    "benchmarks.annotators",
    "plaudit.app", "plaudit.cli.pull", "plaudit.cli.push", "plaudit.cli.serve",
    "tests.support.sender_process", "tests.support.warm_fork_server",
)  # fmt: skip
"""Modules that are imported once, for all processes that are started."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, *PRELOADED])
_running: set[ForkedProcess] = set()


class ForkedProcess:
    """A function in a process of its own, with the methods of `subprocess.Popen` that tests use.

    Its environment is `environ` alone, and what it writes is appended to `log`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        environ: Mapping[str, str],
        log: Path | str = os.devnull,
    ) -> None:
        self._process: BaseProcess = _context.Process(
            target=_run, args=(function, arguments, dict(environ), os.fspath(log))
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        _running.add(self)

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code; raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        _running.discard(self)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def forked_command(
    *arguments: str, environ: Mapping[str, str], log: Path | str = os.devnull
) -> ForkedProcess:
    """Start `plaudit` with these arguments."""
    return ForkedProcess(_command, list(arguments), environ=environ, log=log)


def _command(arguments: list[str]) -> None:
    sys.argv = ["plaudit", *arguments]
    main()


def _run(
    function: Callable[..., Any], arguments: tuple[Any, ...], environ: dict[str, str], log: str
) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(environ)
    # The library would take this for a test without arguments, and look through the stack for it.
    os.environ.pop("PYTEST_VERSION", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(*arguments)


@atexit.register
def _kill_left() -> None:
    """Kill what a test left running, or multiprocessing would wait for it at the end."""
    for process in list(_running):
        process.kill()
