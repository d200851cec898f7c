"""Measure a store of ten million tasks: pages at three depths, and what it took to get there.

The tasks come in files, each made, imported and deleted again, so that the disk holds one of them
beside the store. Pages are compared with those of a small store, which are as full.
Progress goes to the standard error: the whole takes hours on a busy machine. With a folder to keep
the stores in, those that are there already are measured as they are.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from pathlib import Path

import apsw
import msgspec

from benchmarks.depth import RANGES, SCOPES, STATUSES, Store, compare_pages, trial_name
from benchmarks.generate import SMALL, project_of, task_lines
from benchmarks.measure import Trial, interleave, trial
from benchmarks.plan import Plan
from benchmarks.report import Section
from benchmarks.scale.copies import copy_tasks
from benchmarks.scale.finding import measure_finding
from benchmarks.scale.lists import full_pages, token_before
from benchmarks.servers import PLAUDIT, new_plaudit_store, serve_plaudit
from benchmarks.walk import PAGE_TASKS, page_tokens, target

BUILDER = (sys.executable, "-m", "benchmarks.scale.page_files")
PLACES = {"first": 0.0, "middle": 0.5, "deep": 0.9}
"""Share of a list that comes before a page."""

PAGES_AT_A_PLACE = 10
SCALE_COST = (
    "B-trees are a level deeper. Finding a page, by thread CPU in one process and without HTTP, "
    "took 1.00 to 1.13 times as long with ten million tasks (least of 150, every list, first and "
    "deep), and reading its records as long as with few; beyond that the worst of many ratios "
    "carries the noise of the machine."
)


@dataclass
class Build:
    """Building of a store: seconds of wall and CPU, the greatest memory of an import, and bytes."""

    task_count: int = 0
    imported_count: int = 0
    """Tasks that were imported; the rest are copies of them."""
    wall: float = 0.0
    cpu: float = 0.0
    memory_mb: float = 0.0
    file_gb: float = 0.0
    vacuum_wall: float = 0.0
    vacuumed_gb: float = 0.0
    page_files_cpu: float = 0.0
    page_files_gb: float = 0.0
    whole_gb: float = 0.0
    """Store and page files with all tasks."""


@dataclass(frozen=True)
class Usage:
    """A command that has ended: seconds of wall and CPU, and the greatest memory of a process."""

    wall: float
    cpu: float
    memory_mb: float


def measure_scale(plan: Plan) -> Iterator[Section]:
    """Yield the section on building the large store, and the one on its pages."""
    with ExitStack() as running:
        builds, stores = [], []
        for count in (plan.shallow_tasks, plan.scale_tasks):
            data = (plan.kept or plan.work) / f"scale-{count}"
            build = _built(plan, count, data)
            builds.append(build)
            server = running.enter_context(serve_plaudit(data, has_worker=False))
            stores.append((Store(server, build.task_count, plan.batch_tasks), data))
        trials = [
            each
            for combination in product(SCOPES, STATUSES, RANGES)
            for store, data in stores
            for each in _trials(store, data, combination)
        ]
        _tell("pages")
        costs = interleave(
            trials, replace(plan, cpu_seconds_per_trial=plan.cpu_seconds_per_trial / 2)
        )
        memory_mb = [store.server.memory_mb()[0] for store, _ in stores]
    yield measure_finding({store.task_count: (store, data) for store, data in stores}, PLACES)
    yield _building(builds, memory_mb, plan.scale_file_tasks)
    few, many = (build.task_count for build in builds)
    yield compare_pages(costs, few, many, PLACES, why_missed=SCALE_COST)


def _built(plan: Plan, count: int, data: Path) -> Build:
    """Building of a store, which is made unless it is there."""
    note = data.with_suffix(".json")
    if plan.kept and note.exists():
        return msgspec.json.decode(note.read_bytes(), type=Build)
    build = _build(plan, count, data)
    note.write_bytes(msgspec.json.encode(build))
    return build


def _build(plan: Plan, count: int, data: Path) -> Build:
    """Import the tasks of a store file by file, copy it by VACUUM, and build its page files.

    No further file is begun once the minutes of the plan have passed. Then tasks are copied.
    """
    build, began_at = Build(), time.monotonic()
    new_plaudit_store(data)
    lines = task_lines(SMALL, count, batch_tasks=plan.batch_tasks)
    tasks = plan.work / "scale.jsonl"
    for first in lines:
        with tasks.open("wb") as out:
            out.writelines(chain([first], islice(lines, plan.scale_file_tasks - 1)))
        used = _run(*PLAUDIT, "import", tasks, *_IMPORT, "--data", data)
        tasks.unlink()
        build.imported_count = min(count, build.imported_count + plan.scale_file_tasks)
        build.wall += used.wall
        build.cpu += used.cpu
        build.memory_mb = max(build.memory_mb, used.memory_mb)
        _tell(f"{build.imported_count:,} imported in {build.wall:,.0f} s, {build.cpu:,.0f} of CPU")
        if time.monotonic() - began_at > plan.scale_minutes * 60:
            break
    _vacuum(data, build)
    built = _run(*BUILDER, data)
    build.page_files_cpu = built.cpu
    build.page_files_gb = _gigabytes(*(data / "pages").iterdir())
    _tell(f"page files built in {built.wall:,.0f} s, {built.cpu:,.0f} of CPU")
    copy_tasks(data, base=build.imported_count, total=count, batch_tasks=plan.batch_tasks)
    build.task_count = count
    build.whole_gb = _gigabytes(data / "plaudit.sqlite", *(data / "pages").iterdir())
    return build


_IMPORT = ("--format", "v2", "--project", project_of(SMALL))


def _vacuum(data: Path, build: Build) -> None:
    """Time a VACUUM into another file: in place it would need twice the space, in its log."""
    store, copy = data / "plaudit.sqlite", data / "copy.sqlite"
    build.file_gb = _gigabytes(store)
    started_at = time.perf_counter()
    with closing(apsw.Connection(str(store))) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    build.vacuum_wall = time.perf_counter() - started_at
    build.vacuumed_gb = _gigabytes(copy)
    copy.unlink()
    _tell(f"{build.file_gb:.2f} GB, vacuumed in {build.vacuum_wall:,.0f} s")


def _run(*command: str | Path) -> Usage:
    """Run a command to its end; raises RuntimeError if it fails."""
    started_at = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[2]} ended with {process.returncode}")
    wall = time.perf_counter() - started_at
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _gigabytes(*files: Path) -> float:
    return sum(file.stat().st_size for file in files) / 1e9


def _tell(progress: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} scale: {progress}", file=sys.stderr, flush=True)


def _trials(store: Store, data: Path, combination: tuple[str, str, str]) -> Iterator[Trial]:
    """Yield the trials of a list at each place."""
    filters = store.filters(*combination)
    first = page_tokens(store.server, filters, page_count=2)
    page_count = full_pages(data, first[1])
    for place, share in PLACES.items():
        token = token_before(data, first[1], int(share * page_count)) if share else None
        count = PAGES_AT_A_PLACE if share else 1
        found = page_tokens(store.server, filters, token=token, page_count=count)
        targets = [target(filters, limit=PAGE_TASKS, next_token=each) for each in found]
        yield trial(trial_name(combination, place, store.task_count), store.server, targets)


def _building(builds: list[Build], memory_mb: list[float], file_tasks: int) -> Section:
    section = Section(
        f"Scale: building {builds[-1].task_count:,} tasks of 1 kB",
        f"Files of {file_tasks:,} tasks, one command each, then VACUUM into another file, and page "
        "files by a process that does nothing else; times and sizes are of what was imported. The "
        "rest of all tasks are copies of these that the database made, with copies of the page "
        "files. Memory is the greatest of a command and of its processes, one by one, and that of "
        "the server after all pages were read.",
        (
            "imported",
            "import s",
            "rows/s",
            "CPU µs/row",
            "import MB",
            "file GB",
            "vacuum s",
            "after it GB",
            "page files GB",
            "CPU µs/task",
            "all tasks",
            "whole GB",
            "server MB",
        ),
    )
    for build, server_mb in zip(builds, memory_mb, strict=True):
        section.rows.append(
            (
                f"{build.imported_count:,}",
                f"{build.wall:,.0f}",
                f"{build.imported_count / build.wall:,.0f}",
                f"{build.cpu / build.imported_count * 1e6:,.0f}",
                f"{build.memory_mb:,.0f}",
                f"{build.file_gb:,.2f}",
                f"{build.vacuum_wall:,.1f}",
                f"{build.vacuumed_gb:,.2f}",
                f"{build.page_files_gb:,.2f}",
                f"{build.page_files_cpu / build.imported_count * 1e6:,.0f}",
                f"{build.task_count:,}",
                f"{build.whole_gb:,.2f}",
                f"{server_mb:,.0f}",
            )
        )
    return section
