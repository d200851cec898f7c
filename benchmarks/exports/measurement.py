"""Measure exports of training files: tasks per second and memory, beside reading the same tasks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.clock import cpu_between
from benchmarks.exports.downloads import measure_downloads
from benchmarks.generate import SMALL_IDS, write_tasks
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import import_tasks, new_plaudit_store

MEMORY_MB_MAX = 200
BATCH_TASKS = 1_000
FORMATS = {
    "TRL preferences, JSON lines": ("trl-preference", "out.jsonl"),
    "TRL preferences, Parquet": ("trl-preference", "out.parquet"),
    "annotations, Parquet": ("annotations", "out.parquet"),
    "whole tasks (v2), JSON lines": ("v2", "out.jsonl"),
}


@dataclass(frozen=True)
class Export:
    """One run of the command: CPU seconds, and the most memory it had in MB."""

    seconds: float
    memory_mb: float


def measure_exports(plan: Plan) -> Iterator[Section]:
    """Yield the rates and the memory of exports from a store on SQLite."""
    tasks = write_tasks(plan.cache, SMALL_IDS, plan.export_tasks, batch_tasks=BATCH_TASKS)
    data = plan.work / "store"
    new_plaudit_store(data)
    import_tasks(data, tasks, "Exports")
    section = Section(
        "Exports of training files",
        f"{plan.export_tasks:,} tasks of two responses, about 1 kB each, on SQLite. Seconds are"
        " user and system time of the whole command. Reading is `json.loads` of the same tasks, a"
        " line each, and nothing else.",
        ("export", "tasks per CPU second", "× reading", "memory MB"),
    )
    read = _median_reading(tasks, plan.rounds)
    section.rows.append(("json.loads of the tasks", _rate(plan, read), "1.0", ""))
    for label, (name, out) in FORMATS.items():
        runs = [_export(data, name, plan.work / out) for _ in range(plan.rounds)]
        seconds, memory = (
            median(run.seconds for run in runs),
            max(run.memory_mb for run in runs),
        )
        section.rows.append((label, _rate(plan, seconds), f"{seconds / read:.1f}", f"{memory:.0f}"))
        is_first = name == "trl-preference"
        section.figures.append(
            Figure(
                f"memory of an export, {label}",
                memory,
                at_most=MEMORY_MB_MAX if is_first else None,
                unit=" MB",
            )
        )
    yield section
    yield from measure_downloads(plan)


def _rate(plan: Plan, seconds: float) -> str:
    return f"{plan.export_tasks / seconds:,.0f}"


def _median_reading(tasks: Path, rounds: int) -> float:
    """CPU seconds of decoding every line of a file."""
    seconds = []
    for _ in range(rounds):
        started_at = time.process_time()
        with tasks.open("rb") as lines:
            for line in lines:
                json.loads(line)
        seconds.append(cpu_between(started_at, time.process_time()))
    return median(seconds)


def _export(data: Path, format_name: str, out: Path) -> Export:
    """Run the command in a process of its own; raises CalledProcessError if it fails."""
    arguments: Sequence[str] = (
        *(sys.executable, "-m", "plaudit", "export", "--project", "Exports"),
        *("--format", format_name, "--out", str(out), "--data", str(data)),
    )
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return Export(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
