"""Measure a store of ten million tasks: pages at three depths, and what it took to get there.

The tasks come in files of a million, each made, imported and deleted again, so that the disk holds
one of them beside the store. Pages are compared with those of a small store, which are as full.
"""

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from pathlib import Path

from benchmarks.depth import RANGES, SCOPES, STATUSES, Store, compare_pages, trial_name
from benchmarks.generate import SMALL, project_of, task_lines
from benchmarks.measure import Trial, interleave, trial
from benchmarks.plan import Plan
from benchmarks.report import Section
from benchmarks.servers import PLAUDIT, new_plaudit_store, serve_plaudit
from benchmarks.walk import PAGE_TASKS, page_tokens, target

FILE_TASKS = 1_000_000
PLACES = {"first": 0.0, "middle": 0.5, "deep": 0.9}
"""Share of a list that comes before a page."""

PAGES_AT_A_PLACE = 10
SCALE_COST = (
    "the rows of a page lie further apart in a larger file, its B-trees are deeper, and the worst "
    "of many ratios carries the noise of the machine."
)


@dataclass
class Build:
    """Building of a store: seconds of wall and CPU, the greatest memory of an import, and bytes."""

    task_count: int
    wall: float = 0.0
    cpu: float = 0.0
    memory_mb: float = 0.0
    file_gb: float = 0.0
    vacuum_wall: float = 0.0
    vacuumed_gb: float = 0.0


def measure_scale(plan: Plan) -> Iterator[Section]:
    """Yield the section on building the large store, and the one on its pages."""
    with ExitStack() as running:
        stores, builds = [], []
        for count in (plan.shallow_tasks, plan.scale_tasks):
            data = plan.work / f"scale-{count}"
            builds.append(_build(plan, count, data))
            server = running.enter_context(serve_plaudit(data))
            stores.append(Store(server, count, plan.batch_tasks))
        trials = [
            each
            for combination in product(SCOPES, STATUSES, RANGES)
            for store in stores
            for each in _trials(store, combination)
        ]
        costs = interleave(
            trials, replace(plan, cpu_seconds_per_trial=plan.cpu_seconds_per_trial / 2)
        )
        memory_mb = [store.server.memory_mb()[0] for store in stores]
    yield _building(builds, memory_mb)
    yield compare_pages(costs, plan.shallow_tasks, plan.scale_tasks, PLACES, why_missed=SCALE_COST)


def _build(plan: Plan, count: int, data: Path) -> Build:
    """Import the tasks of a store, file by file, and vacuum it."""
    build = Build(count)
    new_plaudit_store(data)
    lines = task_lines(SMALL, count, batch_tasks=plan.batch_tasks)
    tasks = plan.work / "scale.jsonl"
    for first in lines:
        with tasks.open("wb") as out:
            out.writelines(chain([first], islice(lines, FILE_TASKS - 1)))
        _import(data, tasks, build)
        tasks.unlink()
    store = data / "plaudit.sqlite"
    build.file_gb = store.stat().st_size / 1e9
    started_at = time.perf_counter()
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("VACUUM")
    build.vacuum_wall = time.perf_counter() - started_at
    build.vacuumed_gb = store.stat().st_size / 1e9
    return build


def _import(data: Path, tasks: Path, build: Build) -> None:
    command = [*PLAUDIT, "import", str(tasks), "--format", "v2", "--project", project_of(SMALL)]
    started_at = time.perf_counter()
    process = subprocess.Popen([*command, "--data", str(data)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}")
    build.wall += time.perf_counter() - started_at
    build.cpu += used.ru_utime + used.ru_stime
    build.memory_mb = max(build.memory_mb, used.ru_maxrss / 1024)


def _trials(store: Store, combination: tuple[str, str, str]) -> Iterator[Trial]:
    """Yield the trials of a list at each place."""
    filters = store.filters(*combination)
    tokens = page_tokens(store.server, filters)
    for place, share in PLACES.items():
        start = int(share * len(tokens))
        found = tokens[start : start + (PAGES_AT_A_PLACE if start else 1)]
        targets = [target(filters, limit=PAGE_TASKS, next_token=token) for token in found]
        yield trial(trial_name(combination, place, store.task_count), store.server, targets)


def _building(builds: list[Build], memory_mb: list[float]) -> Section:
    section = Section(
        f"Scale: building {builds[-1].task_count:,} tasks of 1 kB",
        f"Files of {FILE_TASKS:,} tasks, one command each. Memory is the greatest of a command and "
        "of its processes, one by one, and that of the server after all pages were read.",
        (
            "tasks",
            "import s",
            "rows/s",
            "CPU µs/row",
            "import MB",
            "file GB",
            "vacuum s",
            "after it GB",
            "server MB",
        ),
    )
    for build, server_mb in zip(builds, memory_mb, strict=True):
        section.rows.append(
            (
                f"{build.task_count:,}",
                f"{build.wall:,.0f}",
                f"{build.task_count / build.wall:,.0f}",
                f"{build.cpu / build.task_count * 1e6:,.0f}",
                f"{build.memory_mb:,.0f}",
                f"{build.file_gb:,.2f}",
                f"{build.vacuum_wall:,.1f}",
                f"{build.vacuumed_gb:,.2f}",
                f"{server_mb:,.0f}",
            )
        )
    return section
