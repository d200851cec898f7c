"""Import a file once more with a clock around each stage: where an import spends its time.

All is read in one process (docs/adr/0043-import-processes.md), this one, and not in several.
Runs in a process of its own (`python -m benchmarks.stages FILE PROJECT DATA`) and prints what it
found as JSON. Reading and rendering run on one thread and writing on another, so stages are
given in CPU seconds of their thread; only waiting for the disk is wall time.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from benchmarks.clock import cpu_between
from plaudit.cli import import_files
from plaudit.cli import main as plaudit
from plaudit.core.transfer import prepared_tasks
from plaudit.wire.v2.task_lines import LineReader

CPU_STAGES = ("read_file", "parse", "prepare", "write_rows", "commit")

Seconds = dict[str, float]


def measure_stages(tasks: str, project: str, data: str) -> Seconds:
    """Import a file into an existing store; return the seconds of each stage and of the whole."""
    stages: Seconds = dict.fromkeys(CPU_STAGES, 0.0) | {"disk_wait": 0.0}
    import_files.process_count = lambda: 0
    _clock_functions(stages)
    _clock_statements(stages)
    with _timed(stages, "read_file"), open(tasks, "rb") as lines:
        for _ in lines:
            pass
    wall, cpu = time.perf_counter(), time.process_time()
    sys.argv = ["plaudit", "import", tasks, "--format", "v2", "--project", project, "--data", data]
    try:
        plaudit()
    except SystemExit as end:
        if end.code:
            raise
    whole_wall = time.perf_counter() - wall
    whole_cpu = cpu_between(cpu, time.process_time())
    rest = whole_cpu - sum(stages[name] for name in CPU_STAGES)
    return stages | {"rest": rest, "cpu": whole_cpu, "wall": whole_wall}


@contextmanager
def _timed(stages: Seconds, stage: str) -> Iterator[None]:
    started_at = time.thread_time()
    try:
        yield
    finally:
        stages[stage] += time.thread_time() - started_at


def _clock_functions(stages: Seconds) -> None:
    """Put a clock around the pure stages."""
    for owner, name, stage in (
        (LineReader, "read", "parse"),
        (prepared_tasks, "prepare", "prepare"),
    ):
        setattr(owner, name, _clocked(getattr(owner, name), stages, stage))


def _clocked(function: Callable[..., Any], stages: Seconds, stage: str) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        with _timed(stages, stage):
            return function(*arguments, **options)

    return run


def _clock_statements(stages: Seconds) -> None:
    """Have every SQLite connection clock its statements, a COMMIT apart from the others."""

    class ClockedConnection(apsw.Connection):
        def execute(self, statements: Any, *arguments: Any, **options: Any) -> Any:
            is_commit = statements == "COMMIT"
            wall, cpu = time.perf_counter(), time.thread_time()
            with _timed(stages, "commit" if is_commit else "write_rows"):
                found = super().execute(statements, *arguments, **options)
            if is_commit:
                waited = time.perf_counter() - wall - (time.thread_time() - cpu)
                stages["disk_wait"] += waited
            return found

        def executemany(self, *arguments: Any, **options: Any) -> Any:
            with _timed(stages, "write_rows"):
                return super().executemany(*arguments, **options)

    apsw.Connection = ClockedConnection


if __name__ == "__main__":
    print(json.dumps(measure_stages(*sys.argv[1:])))
