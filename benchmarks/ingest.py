"""Measure the bulk import: rows per second beside the ordinary server's, and where time goes."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.clock import children_cpu_seconds, cpu_between
from benchmarks.generate import (
    LARGE,
    LARGE_PLAIN,
    SMALL_IDS,
    SMALL_PLAIN,
    Shape,
    project_of,
    write_tasks,
)
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import (
    Server,
    import_tasks,
    new_plaudit_store,
    serve_ordinary,
)

POST_TASKS = 500
POST_TIMEOUT_SECONDS = 600
BATCH_TASKS = 1_000
DISK_PROBE_MB = 256
DISK_PROBES = 3
STAGES = {
    "read_file": "read file",
    "parse": "decode + check + body",
    "prepare": "head + votes",
    "write_rows": "write rows",
    "commit": "commit",
    "rest": "rest",
}

IMPORT_RATE = (
    "starting the command is a good part of so short an import, and the checks of every annotation "
    "and its vote run as Python code. The stages below say where the time goes."
)
LOADS_RATE = (
    "on two cores one process reads and one writes: a task is six rows in as many indexes, an "
    "annotation one or two, each on disk before the import ends, while `json.loads` forgets them."
)


@dataclass(frozen=True)
class Case:
    """One file to import."""

    label: str
    shape: Shape
    task_count: int
    tasks: Path

    @property
    def size_mb(self) -> float:
        return self.tasks.stat().st_size / 1e6


@dataclass(frozen=True)
class Run:
    """Seconds that one import took: on the wall, and of CPU (the ordinary server's own)."""

    wall: float
    cpu: float


@dataclass
class Runs:
    """The imports of one case, one of each kind per round."""

    plaudit: list[Run] = field(default_factory=list)
    ordinary: list[Run] = field(default_factory=list)
    loads: list[Run] = field(default_factory=list)


def measure_imports(plan: Plan) -> Iterable[Section]:
    """Yield the section on import rates, and the one on the stages of an import."""
    cases = _cases(plan)
    runs = {case.label: Runs() for case in cases}
    start_ups = []
    for _ in range(plan.import_rounds):
        start_ups.append(_import_plaudit(plan, _first_task(plan, cases[0].tasks)))
        for case in cases:
            runs[case.label].plaudit.append(_import_plaudit(plan, case.tasks))
            runs[case.label].ordinary.append(_import_ordinary(plan, case))
            runs[case.label].loads.append(_load_lines(case.tasks))
    yield _rates(plan, cases, runs, _median(start_ups))
    yield _stages(plan, cases)


def post_tasks(server: Server, tasks: Path, project: str) -> None:
    """Send a file of tasks to the ordinary server, a list of 500 per request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=POST_TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    with tasks.open("rb") as lines:
        while body := b",".join(islice(lines, POST_TASKS)):
            target = f"/v2/tasks/bulk?project_name={project}"
            connection.request("POST", target, b"[%b]" % body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the ordinary server refused tasks: {said[:500]!r}")
    connection.close()


def _cases(plan: Plan) -> list[Case]:
    wanted = (
        ("20 kB, key and value", LARGE_PLAIN, plan.import_large_tasks),
        ("20 kB, foreign ids", LARGE, plan.import_large_tasks),
        ("1 kB, key and value", SMALL_PLAIN, plan.import_small_tasks),
        ("1 kB, foreign ids", SMALL_IDS, plan.import_small_tasks),
    )
    return [
        Case(label, shape, count, write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS))
        for label, shape, count in wanted
    ]


def _first_task(plan: Plan, tasks: Path) -> Path:
    """Return a file with the first task alone: importing it costs what starting costs."""
    one_task = plan.work / "one.jsonl"
    with tasks.open("rb") as lines:
        one_task.write_bytes(next(lines))
    return one_task


def _import_plaudit(plan: Plan, tasks: Path) -> Run:
    """Time the command as a user runs it, from its start to its end."""
    data = _empty_store(plan)
    wall, cpu = time.perf_counter(), children_cpu_seconds()
    import_tasks(data, tasks, "imported")
    run = Run(time.perf_counter() - wall, cpu_between(cpu, children_cpu_seconds()))
    shutil.rmtree(data)
    return run


def _load_lines(tasks: Path) -> Run:
    """Time a bare loop of `json.loads` over the lines of a file."""
    wall, cpu = time.perf_counter(), time.process_time()
    with tasks.open("rb") as lines:
        for line in lines:
            json.loads(line)
    return Run(time.perf_counter() - wall, cpu_between(cpu, time.process_time()))


def _import_ordinary(plan: Plan, case: Case) -> Run:
    """Time the requests alone: the server is already running."""
    folder = plan.work / "import-ordinary"
    folder.mkdir()
    with serve_ordinary(folder / "ordinary.db") as server:
        wall, cpu = time.perf_counter(), server.cpu_seconds()
        post_tasks(server, case.tasks, project_of(case.shape))
        run = Run(time.perf_counter() - wall, cpu_between(cpu, server.cpu_seconds()))
    shutil.rmtree(folder)
    return run


def _empty_store(plan: Plan) -> Path:
    """Return a store without tasks: a copy of the first one, which saves a start of the CLI."""
    pristine = plan.work / "empty"
    if not pristine.exists():
        new_plaudit_store(pristine)
    return shutil.copytree(pristine, plan.work / "import")


def _median(runs: Sequence[Run]) -> Run:
    return Run(median(run.wall for run in runs), median(run.cpu for run in runs))


def _rates(plan: Plan, cases: Iterable[Case], runs: dict[str, Runs], start_up: Run) -> Section:
    disk = disk_write_mb_per_second(plan.work)
    section = Section(
        "Validated import",
        "Wall time, as a user sees it: `plaudit import` from start to end, and lists of "
        f"{POST_TASKS} tasks posted to the ordinary server, which is already running; both "
        'commit durably. "Working" leaves out the start-up of `plaudit import`, which is '
        f"{start_up.wall:.2f} s, measured on a file of one task. "
        f"Raw disk writing with fdatasync: {disk:,.0f} MB/s.",
        (
            "tasks",
            "rows",
            "MB",
            "ordinary rows/s",
            "our rows/s",
            "working",
            "working MB/s",
            "ordinary CPU µs/row",
            "our CPU µs/row",
            "json.loads CPU µs/row",
        ),
    )
    for case in cases:
        ours, ordinary = _median(runs[case.label].plaudit), _median(runs[case.label].ordinary)
        loads = _median(runs[case.label].loads)
        working = Run(max(ours.wall - start_up.wall, 0.001), max(ours.cpu - start_up.cpu, 0.001))
        section.rows.append(
            (
                case.label,
                f"{case.task_count:,}",
                f"{case.size_mb:,.0f}",
                f"{case.task_count / ordinary.wall:,.0f}",
                f"{case.task_count / ours.wall:,.0f}",
                f"{case.task_count / working.wall:,.0f}",
                f"{case.size_mb / working.wall:,.0f}",
                f"{ordinary.cpu / case.task_count * 1e6:,.0f}",
                f"{working.cpu / case.task_count * 1e6:,.0f}",
                f"{loads.cpu / case.task_count * 1e6:,.1f}",
            )
        )
        section.figures += _rate_figures(case, ordinary, ours, working)
        section.figures += _loads_figures(case, loads, ours, working)
    return section


def _rate_figures(case: Case, ordinary: Run, ours: Run, working: Run) -> list[Figure]:
    return [
        Figure(
            f"import, {case.label}: our rows/s / ordinary",
            ordinary.wall / ours.wall,
            at_least=5,
            why_missed=IMPORT_RATE,
        ),
        Figure(f"import, {case.label}: the same, working", ordinary.wall / working.wall),
        Figure(f"import, {case.label}: ordinary CPU / ours, working", ordinary.cpu / working.cpu),
    ]


def _loads_figures(case: Case, loads: Run, ours: Run, working: Run) -> list[Figure]:
    return [
        Figure(
            f"import, {case.label}: our rows/s / a loop of json.loads",
            loads.wall / ours.wall,
            at_least=0.35,
            why_missed=LOADS_RATE,
        ),
        Figure(f"import, {case.label}: the same, working", loads.wall / working.wall),
    ]


def _stages(plan: Plan, cases: Iterable[Case]) -> Section:
    """Show what share of an import's CPU each stage takes, and how long it waits for the disk."""
    section = Section(
        "Stages of an import",
        "CPU µs per row and share of the import's CPU, start-up left out, taken with clocks "
        "around the stages, which slow the whole down by a few per cent, and in one process: the "
        "command reads in others. Rows are written by a thread of its own; the wait for the disk "
        "is wall time and overlaps with the rest.",
        ("tasks", *STAGES.values(), "CPU µs", "disk wait µs", "wall µs"),
    )
    for case in cases:
        data = _empty_store(plan)
        stages = _profile_import(case.tasks, data)
        shutil.rmtree(data)
        parts = [stages[name] for name in STAGES]

        def per_row(seconds: float, count: int = case.task_count) -> str:
            return f"{seconds / count * 1e6:,.0f}"

        section.rows.append(
            (
                case.label,
                *(f"{per_row(part)} ({part / stages['cpu']:.0%})" for part in parts),
                per_row(stages["cpu"]),
                per_row(stages["disk_wait"]),
                per_row(stages["wall"]),
            )
        )
    return section


def _profile_import(tasks: Path, data: Path) -> dict[str, float]:
    """Return the seconds of each stage, taken in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.stages", str(tasks), "imported", str(data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def disk_write_mb_per_second(folder: Path) -> float:
    """Return how fast a file of 256 MB is written and flushed to the disk, median of a few."""
    block = os.urandom(1 << 20)
    seconds = [_write_probe(folder / "disk-probe", block) for _ in range(DISK_PROBES)]
    return DISK_PROBE_MB * len(block) / 1e6 / median(seconds)


def _write_probe(probe: Path, block: bytes) -> float:
    started_at = time.perf_counter()
    with probe.open("wb", buffering=0) as out:
        for _ in range(DISK_PROBE_MB):
            out.write(block)
        os.fdatasync(out.fileno())
    seconds = time.perf_counter() - started_at
    probe.unlink()
    return seconds
