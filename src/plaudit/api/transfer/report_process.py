"""Process that makes a large report on quality: `python -m plaudit.api.transfer.report_process`.

Minutes of computing in a thread would make every request wait for the interpreter's lock. The
request comes as one JSON object on standard input; progress, and in the end the snapshot's row or
a refusal, go to standard output as lines of JSON. It works for as long as somebody reads them.
"""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.snapshots import OnProgress, SnapshotMaker
from plaudit.errors import InvalidContent, NotFound, Problem, Unavailable
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.quality.snapshots import SnapshotRow
from plaudit.store.tasks.projects import find_project

COMMAND = (sys.executable, "-m", "plaudit.api.transfer.report_process")
LINE_SECONDS = 0.2
"""Least time between two lines of progress."""

CHECK_SECONDS = 0.5
"""Time after which whoever waits for a line looks whether the job is to stop."""

NICENESS = 5
READ_BYTES = 65_536


class ReportRequest(Struct, frozen=True, kw_only=True):
    """Store, project and options of a report, and the id of its snapshot."""

    data: str
    database: str | None
    database_pooler: bool
    environment_id: str
    project_id: str
    options: ReportOptions
    snapshot_id: str


class _Line(Struct, omit_defaults=True, kw_only=True):
    """Line of the process: progress, or what came of it."""

    phase: str = ""
    done: int = 0
    row: SnapshotRow | None = None
    refusal: str | None = None
    failure: str | None = None


_encode = msgspec.json.Encoder().encode
_read_line = msgspec.json.Decoder(_Line).decode
_read_request = msgspec.json.Decoder(ReportRequest).decode


def make_apart(
    request: ReportRequest, on_progress: OnProgress, check: Callable[[], None]
) -> SnapshotRow:
    """Have a snapshot made by a process of its own; blocks until it has ended.

    What `on_progress` and `check` raise ends the process. Raises InvalidContent for options that
    do not fit the project, and Unavailable where the store fails.
    """
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            row = _follow(process, request, on_progress, check)
        finally:
            process.kill()
    return row


def _follow(
    process: subprocess.Popen[bytes],
    request: ReportRequest,
    on_progress: OnProgress,
    check: Callable[[], None],
) -> SnapshotRow:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_encode(request))
    process.stdin.close()
    pending = b""
    while True:
        while b"\n" not in pending:
            check()
            if not select.select([process.stdout], [], [], CHECK_SECONDS)[0]:
                continue
            read = os.read(process.stdout.fileno(), READ_BYTES)
            if not read:
                raise RuntimeError(f"the process of a report ended with {process.wait()}")
            pending += read
        first, _, pending = pending.partition(b"\n")
        line = _read_line(first)
        if line.row is not None:
            return line.row
        if line.refusal is not None:
            raise InvalidContent(line.refusal)
        if line.failure is not None:
            raise Unavailable(line.failure)
        on_progress(line.phase, line.done)


class _Progress:
    """Progress as lines, a few a second."""

    def __init__(self) -> None:
        self._phase, self._until = "", 0.0

    def __call__(self, phase: str, done: int) -> None:
        now = time.monotonic()
        if phase != self._phase or now >= self._until:
            self._phase, self._until = phase, now + LINE_SECONDS
            _say(_Line(phase=phase, done=done))


def _say(line: _Line) -> None:
    sys.stdout.buffer.write(_encode(line) + b"\n")
    sys.stdout.buffer.flush()


async def _make(request: ReportRequest) -> SnapshotRow:
    settings = Settings(
        data=Path(request.data),
        database=request.database,
        database_pooler=request.database_pooler,
    )
    db = connect.open_database(settings, patient=True)
    try:
        async with db.read() as tx:
            project = await find_project(tx, request.environment_id, request.project_id)
        if project is None:
            raise NotFound("there is no such project")
        maker = SnapshotMaker(db, project, request.options, request.snapshot_id)
        return await maker.make(_Progress())
    finally:
        await db.close()


def main() -> None:
    """Make the snapshot that standard input asks for; standard output gets its row."""
    os.nice(NICENESS)
    request = _read_request(sys.stdin.buffer.read())
    try:
        _say(_Line(row=asyncio.run(_make(request))))
    except InvalidContent as problem:
        _say(_Line(refusal=problem.message))
    except Problem as problem:
        _say(_Line(failure=problem.message))


if __name__ == "__main__":
    main()
