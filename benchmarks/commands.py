"""Measure the CPU of commands that are started often, beside that of an empty Python."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.clock import children_cpu_seconds, cpu_between
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section

STARTS = 5
"""Starts of each command in a round."""

HELP_SECONDS_MAX = 0.35


def measure_commands(plan: Plan) -> Iterator[Section]:
    """Yield the CPU of each command on a store of its own, on SQLite."""
    data = plan.work / "store"
    _cpu_seconds(["-m", "plaudit", "init", "--data", str(data)])
    tasks = plan.work / "tasks.jsonl"
    tasks.write_text('{"task_id": "task_1", "project": "Commands", "status": "pending"}\n')
    store = ["--data", str(data)]
    commands = {
        "python -c pass": ["-c", "pass"],
        "plaudit --help": ["-m", "plaudit", "--help"],
        "plaudit keys list": ["-m", "plaudit", "keys", "list", *store],
        "plaudit import (one row)": [
            "-m", "plaudit", "import", str(tasks), "--format", "v2", *store,
        ],
    }  # fmt: skip
    costs = _medians(commands, plan.rounds * STARTS)
    section = Section(
        "Starting a command",
        "User and system time of the whole process, in the median of its starts. A command imports"
        " what it needs; the overview needs neither the server nor a store.",
        ("command", "CPU ms", "× python"),
    )
    for name, seconds in costs.items():
        times = seconds / costs["python -c pass"]
        section.rows.append((name, f"{seconds * 1000:.0f}", f"{times:.0f}"))
    section.figures.append(
        Figure(
            "CPU of `plaudit --help`",
            costs["plaudit --help"],
            at_most=HELP_SECONDS_MAX,
            unit=" s",
        )
    )
    yield section


def _medians(commands: dict[str, list[str]], starts: int) -> dict[str, float]:
    """Start every command once in turn, over and over; return the median CPU seconds of each."""
    costs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(starts):
        for name, arguments in commands.items():
            costs[name].append(_cpu_seconds(arguments))
    return {name: median(seconds) for name, seconds in costs.items()}


def _cpu_seconds(arguments: Sequence[str]) -> float:
    """Run Python to its end and return its CPU seconds; raises CalledProcessError if it fails."""
    before = children_cpu_seconds()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return cpu_between(before, children_cpu_seconds())
