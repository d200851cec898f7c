"""Show what was measured: tables on the terminal, and RESULTS.md with every ratio and target.

Beside RESULTS.md stands `results.json` with what it says, so that one part can be measured anew.
"""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.servers import NGINX

PACKAGES = (
    "plaudit", "apsw", "asyncpg", "msgspec", "starlette", "uvicorn", "uvloop", "httptools",
    "fastapi", "pydantic", "sqlalchemy",
)  # fmt: skip

METHOD = """\
A figure is **server CPU per request** (user plus system time of the server's process tree,
divided by the requests it answered) unless its line says otherwise. All servers run on this
machine with one worker each; runs are interleaved, and every figure is the median over the
rounds. Every body is in the page cache: cold disks are not measured. The client is one process
with 8 connections and a receive window of 64 KiB each, and shares the machine; requests per
second therefore say little and are given only for orientation. "Ordinary" is the FastAPI +
pydantic + SQLAlchemy ORM + OFFSET server in `benchmarks/ordinary.py`; nginx serves the bytes of
Plaudit's own answers as files. Plaudit runs with its defaults and logs every request; the other
two log none. Tasks are synthetic (`benchmarks/generate.py`).
"""


@dataclass(frozen=True)
class Figure:
    """One ratio; with a target it is judged, and `why_missed` explains a miss to the reader."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"
    why_missed: str = ""

    @property
    def is_reached(self) -> bool:
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self.unit}"
        return f"≤ {self.at_most:g}{self.unit}" if self.at_most is not None else "none"

    @property
    def verdict(self) -> str:
        if self.at_least is None and self.at_most is None:
            return ""
        return "reached" if self.is_reached else "missed"

    def cells(self) -> tuple[str, ...]:
        digits = 1 if self.value >= 10 else 2
        return self.name, f"{self.value:.{digits}f}{self.unit}", self.target, self.verdict


@dataclass
class Section:
    """One measured question: a table of costs and the figures drawn from it."""

    title: str
    about: str
    columns: Sequence[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


@dataclass
class Run:
    """One part as it was measured: when, on what, and what was found."""

    when: str
    machine: str
    sections: list[Section] = field(default_factory=list)


FIGURE_COLUMNS = ("figure", "measured", "target", "")


def print_section(console: Console, section: Section) -> None:
    console.print(f"\n[bold]{section.title}[/bold]\n{section.about}")
    console.print(_rich_table(section.columns, section.rows))
    if section.figures:
        console.print(_rich_table(FIGURE_COLUMNS, [each.cells() for each in section.figures]))


def print_summary(console: Console, sections: Sequence[Section]) -> None:
    """Print every judged figure again in one table, and why the missed ones were missed."""
    judged = [each for section in sections for each in section.figures if each.verdict]
    console.print("\n[bold]All targets[/bold]")
    console.print(_rich_table(FIGURE_COLUMNS, [each.cells() for each in judged]))
    for why, names in _missed(judged).items():
        console.print(f"missed: {'; '.join(names)}\n  {why}")


def write_results(folder: Path, runs: Mapping[str, Run]) -> None:
    """Write RESULTS.md anew from the runs given, and for other parts from the runs before."""
    path = folder / "results.json"
    kept = msgspec.json.decode(path.read_bytes(), type=dict[str, Run]) if path.exists() else {}
    all_runs = kept | dict(runs)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(all_runs), indent=1) + b"\n")
    (folder / "RESULTS.md").write_text(results_markdown(all_runs))


def results_markdown(runs: Mapping[str, Run]) -> str:
    """Return the text of RESULTS.md from the runs by the names of their parts."""
    sections = [section for run in runs.values() for section in run.sections]
    judged = [each for section in sections for each in section.figures if each.verdict]
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`; do not edit.",
        "",
        *(f"- {part}: {run.when}" for part, run in runs.items()),
        *(f"- {machine}" for machine in dict.fromkeys(run.machine for run in runs.values())),
        "",
        METHOD,
        "## Targets",
        "",
        *_markdown_table(FIGURE_COLUMNS, [each.cells() for each in judged]),
    ]
    if missed := _missed(judged):
        lines += ["", "## Missed", ""]
        lines += [f"- **{'; '.join(names)}**: {why}" for why, names in missed.items()]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.about, ""]
        lines += _markdown_table(section.columns, section.rows)
        if section.figures:
            cells = [each.cells() for each in section.figures]
            lines += ["", *_markdown_table(FIGURE_COLUMNS, cells)]
    return "\n".join(lines) + "\n"


def new_run(started_at: float, load_before: float, sections: list[Section]) -> Run:
    """A run that ends now; `started_at` is the monotonic clock's."""
    minutes = (time.monotonic() - started_at) / 60
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes"
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    machine = [
        _processor(),
        f"{os.cpu_count()} cores",
        f"{_memory_gb():.0f} GB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        _nginx_version(),
        *versions,
    ]
    return Run(f"{when}, load average before {load_before:.1f}", ", ".join(machine), sections)


def _missed(judged: Sequence[Figure]) -> dict[str, list[str]]:
    """Return the names of the missed figures by what explains them."""
    found: dict[str, list[str]] = {}
    for figure in judged:
        if not figure.is_reached:
            why = figure.why_missed or "no explanation is recorded."
            found.setdefault(why, []).append(figure.name)
    return found


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _nginx_version() -> str:
    if NGINX is None:
        return "nginx: not installed"
    said = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=False).stderr
    return said.strip().removeprefix("nginx version: ")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
