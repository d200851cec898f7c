"""Measure what reports on quality cost: the statistics alone, and the whole command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.quality.job import measure_job
from benchmarks.quality.published_shape import write_comparisons
from benchmarks.quality.statistics import CASES, JUDGES
from benchmarks.report import Figure, Section
from benchmarks.servers import new_plaudit_store, run_plaudit

SECONDS_MAX = 90
MEMORY_MIB_MAX = 400
JUDGED = "one scale of 5"
"""The case that has a target: a million votes on one question."""


def measure_quality(plan: Plan) -> Iterator[Section]:
    """Yield CPU seconds and the peak of memory, each case in a process of its own."""
    section = Section(
        "Statistics of quality",
        "Agreement, intervals of 500 replicates, pairs of people and the record of each person,"
        f" {JUDGES} votes a task; from votes in memory to the report, without the store. CPU"
        " seconds of one core; the peak of memory is that of the process, votes included.",
        ("questions", "tasks", "votes", "CPU s", "peak MiB"),
    )
    for case in CASES:
        found = _measured(case, plan.quality_tasks)
        section.rows.append(
            (
                case,
                f"{plan.quality_tasks:,}",
                f"{plan.quality_tasks * JUDGES:,}",
                f"{found['seconds']:.1f}",
                f"{found['peak_kib'] / 1024:.0f}",
            )
        )
        if case == JUDGED:
            section.figures += [
                Figure("CPU of the statistics", found["seconds"], at_most=SECONDS_MAX, unit=" s"),
                Figure(
                    "peak memory of the statistics",
                    found["peak_kib"] / 1024,
                    at_most=MEMORY_MIB_MAX,
                    unit=" MiB",
                ),
            ]
    yield section
    yield _command(plan)
    yield measure_job(plan, "SQLite", plan.work / "store")
    for binaries in (plan.postgres_binaries or find_binaries())[: plan.stall_postgres]:
        with running(binaries) as url:
            yield _on_postgres(plan, url)


def _on_postgres(plan: Plan, url: str) -> Section:
    """The job on a store of the same tasks in PostgreSQL."""
    data = plan.work / "postgres"
    place = ("--data", data, "--database", url)
    run_plaudit("init", *place)
    key = run_plaudit("keys", "create", *place).strip()
    rows = plan.work / "comparisons.jsonl"
    run_plaudit("import", rows, "--format", "pandalm", "--project", "Judged", *place)
    return measure_job(plan, "PostgreSQL", data, database=url, key=key)


def _command(plan: Plan) -> Section:
    """The command on a project of judged comparisons, in a store on SQLite."""
    rows, data = plan.work / "comparisons.jsonl", plan.work / "store"
    write_comparisons(rows, plan.quality_tasks)
    new_plaudit_store(data)
    run_plaudit("import", rows, "--format", "pandalm", "--project", "Judged", "--data", data)
    found = _reported(data)
    section = Section(
        "plaudit report",
        f"The whole command with `--json --style length` on SQLite: {plan.quality_tasks:,} tasks of"
        f" two responses of some 300 characters, judged by {JUDGES} people each. CPU seconds are"
        " user and system time; nothing else reads the store.",
        ("tasks", "votes", "CPU s", "peak MiB"),
        [
            (
                f"{plan.quality_tasks:,}",
                f"{plan.quality_tasks * JUDGES:,}",
                f"{found['seconds']:.1f}",
                f"{found['peak_kib'] / 1024:.0f}",
            )
        ],
    )
    section.figures += [
        Figure("CPU of plaudit report", found["seconds"], at_most=SECONDS_MAX, unit=" s"),
        Figure(
            "peak memory of plaudit report",
            found["peak_kib"] / 1024,
            at_most=MEMORY_MIB_MAX,
            unit=" MiB",
        ),
    ]
    return section


def _reported(data: Path) -> dict[str, float]:
    """Run the command in a process of its own; raises CalledProcessError if it fails."""
    arguments = (
        *(sys.executable, "-m", "plaudit", "report", "--project", "Judged"),
        *("--json", "--style", "length", "--data", str(data)),
    )
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return {"seconds": usage.ru_utime + usage.ru_stime, "peak_kib": float(usage.ru_maxrss)}


def _measured(case: str, tasks: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.quality.statistics", case, str(tasks)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found
