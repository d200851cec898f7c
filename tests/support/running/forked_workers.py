"""`--forks N`: run the tests in N processes that are forked once all tests are collected.

Workers of pytest-xdist import and collect all tests again, each of them, and every test passes
through four more hooks and a channel of text: 7 s of CPU for a worker and 1 ms for a test. A fork
has what was collected. Each begins with a piece of the list, and takes over the end of the longest
piece when it is done.
"""

from __future__ import annotations

import atexit
import random
import selectors
import sys
import traceback
from dataclasses import dataclass, field
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from _pytest.config import create_terminal_writer

from tests.support.forked_process import kill_left

SERVERS = frozenset(("start_server", "shared_server"))
"""Fixtures of tests that start processes from the one that `tests.support.forked_process` has."""

NOBODY = -1
"""Stands for the index of a test where there is none."""

_context = get_context("fork")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--forks", type=int, default=0, metavar="N",
        help="run in N processes, forked once all tests are collected",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    options = session.config.option
    if not options.forks or options.collectonly or session.testsfailed or not session.items:
        return None
    Run(session, options.forks).run()
    return True


class Shares:
    """Tests that nobody has begun: a piece of the list for each worker, in memory of all."""

    def __init__(self, tests: int, workers: int) -> None:
        bounds = [tests * number // workers for number in range(workers + 1)]
        self._lock = _context.Lock()
        self._begin = _context.RawArray("i", bounds[:-1])
        self._end = _context.RawArray("i", bounds[1:])
        self.running = _context.RawArray("i", [NOBODY] * workers)
        """The test that each worker runs."""
        self.following = _context.RawArray("i", [NOBODY] * workers)
        """The test that each worker runs next."""

    def take(self, worker: int) -> int:
        """The next test for a worker, half of the longest piece if its own is done."""
        begin, end = self._begin, self._end
        with self._lock:
            if begin[worker] == end[worker]:
                longest = max(range(len(begin)), key=lambda one: end[one] - begin[one])
                count = (end[longest] - begin[longest] + 1) // 2
                begin[worker], end[worker] = end[longest] - count, end[longest]
                end[longest] -= count
            if begin[worker] == end[worker]:
                return NOBODY
            begin[worker] += 1
            return begin[worker] - 1

    def stop(self) -> None:
        """Leave nothing to begin."""
        with self._lock:
            for worker in range(len(self._begin)):
                self._begin[worker] = self._end[worker]


class Run:
    """The process that collected: starts workers, and reports what they tell."""

    def __init__(self, session: pytest.Session, workers: int) -> None:
        self._session = session
        self._config = session.config
        self._shares = Shares(len(session.items), workers)
        self._base = self._config._tmp_path_factory.getbasetemp()
        self._selector = selectors.DefaultSelector()
        self._workers: dict[Connection, tuple[int, BaseProcess]] = {}
        self._starts = 0
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.showfspath = False  # tests of many files are reported in turn

    def run(self) -> None:
        session = self._session
        if any(SERVERS & set(getattr(item, "fixturenames", ())) for item in session.items):
            forkserver.ensure_running()  # one for all workers: it imports the product, too
        try:
            for number in range(len(self._shares.running)):
                self._start(number)
            while self._workers:
                for key, _ in self._selector.select():
                    self._hear(key.fileobj)
                if session.shouldfail or session.shouldstop:
                    self._shares.stop()
        finally:
            for _, process in self._workers.values():
                process.terminate()
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)

    def _start(self, number: int) -> None:
        self._starts += 1
        ours, theirs = _context.Pipe(duplex=False)
        worker = Worker(self._session, self._shares, number, theirs, self._base, self._starts)
        process = _context.Process(target=worker.main, name=worker.name)
        process.start()
        theirs.close()
        self._workers[ours] = (number, process)
        self._selector.register(ours, selectors.EVENT_READ)

    def _hear(self, pipe: Any) -> None:
        try:
            kind, content = pipe.recv()
        except EOFError:
            self._selector.unregister(pipe)
            number, process = self._workers.pop(pipe)
            process.join()
            if self._shares.running[number] != NOBODY:
                self._report_crash(number, process)
                self._start(number)
            return
        hook = self._config.hook
        if kind == "test":
            item = self._session.items[content[0]]
            self._report(item, [self._read(data) for data in content[1]])
        elif kind == "warning":
            hook.pytest_warning_recorded.call_historic(kwargs=content)
        else:
            raise RuntimeError(f"a worker ended:\n{content}")

    def _read(self, data: dict[str, Any]) -> pytest.TestReport:
        report: pytest.TestReport = self._config.hook.pytest_report_from_serializable(
            config=self._config, data=data
        )
        return report

    def _report(self, item: pytest.Item, reports: list[pytest.TestReport]) -> None:
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _report_crash(self, number: int, process: BaseProcess) -> None:
        item = self._session.items[self._shares.running[number]]
        said = f"{process.name} ended with {process.exitcode} while it ran {item.nodeid}"
        self._report(
            item, [pytest.TestReport(item.nodeid, item.location, {}, "failed", said, "call")]
        )


@dataclass(eq=False)
class Worker:
    """A process that runs one test after the other."""

    session: pytest.Session
    shares: Shares
    number: int
    pipe: Connection
    base: Any
    """The folder in which it has a folder of its own for files of tests."""
    start: int
    """How many workers have been started with this one."""
    reports: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"fork{self.start}"

    def main(self) -> None:
        try:
            self._prepare()
            self._work()
        except BaseException:
            self.pipe.send(("broken", traceback.format_exc()))
        finally:
            atexit._run_exitfuncs()

    def _prepare(self) -> None:
        """Leave to the first process what is its own, and have what no two may share."""
        config = self.session.config
        plugins = config.pluginmanager
        # What is left at the end there is nothing of this process.
        atexit._clear()
        atexit.register(kill_left)
        capture = plugins.get_plugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture(in_=False)
        plugins.unregister(name="terminalreporter")
        plugins.register(_Silent(config), "terminalreporter")
        plugins.register(self, "forked worker")
        if forkserver._forkserver._forkserver_pid is not None:
            forkserver._forkserver.ensure_running = lambda: None  # no child of this process
        config.workerinput = {"workerid": self.name}
        folder = self.base / self.name
        folder.mkdir(mode=0o700)
        config._tmp_path_factory._basetemp = folder
        random.seed()

    def _work(self) -> None:
        session, shares, number = self.session, self.shares, self.number
        running = shares.following[number]  # of a worker that ended in a test
        if running == NOBODY:
            running = shares.take(number)
        while running != NOBODY:
            following = shares.take(number)
            shares.running[number], shares.following[number] = running, following
            item = session.items[running]
            nextitem = None if following == NOBODY else session.items[following]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            self.pipe.send(("test", (running, self.reports)))
            self.reports = []
            running = following
            if session.shouldfail or session.shouldstop:
                break
        session._setupstate.teardown_exact(None)
        shares.running[number] = NOBODY

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self.session.config.hook
        data = hook.pytest_report_to_serializable(config=self.session.config, report=report)
        self.reports.append(data)

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        if when == "runtest":  # others were seen before it was forked
            content = {"when": when, "nodeid": nodeid, "location": location}
            self.pipe.send(("warning", content | {"warning_message": warning_message}))


class _Silent:
    """Stands where the terminal's reporter was, for plugins that print when a test hangs."""

    def __init__(self, config: pytest.Config) -> None:
        self._tw = create_terminal_writer(config, sys.__stderr__)
