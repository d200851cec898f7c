"""Measure what the statistics of quality cost, from votes in memory to the report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.plan import Plan
from benchmarks.quality.statistics import CASES, JUDGES
from benchmarks.report import Figure, Section

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
