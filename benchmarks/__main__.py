"""Run the measurements: `python -m benchmarks` writes RESULTS.md, `--quick` only prints."""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.depth import measure_depth
from benchmarks.ingest import measure_imports
from benchmarks.plan import Plan, full_plan, quick_plan
from benchmarks.postgres import measure_postgres
from benchmarks.read import measure_reads
from benchmarks.report import (
    Section,
    machine_lines,
    print_section,
    print_summary,
    results_markdown,
)
from benchmarks.servers import NGINX

FOLDER = Path(__file__).parent
PARTS: dict[str, Callable[[Plan], Iterable[Section]]] = {
    "reads": measure_reads,
    "depth": measure_depth,
    "imports": measure_imports,
    "postgres": measure_postgres,
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    plan = quick_plan(FOLDER) if options.quick else full_plan(FOLDER)
    signal.signal(signal.SIGTERM, _stop)
    console = Console(width=None if Console().is_terminal else 140)
    if NGINX is None:
        console.print("nginx: not installed")
    load_before, started_at = os.getloadavg()[0], time.monotonic()
    sections = _measure(plan, options.only or list(PARTS), console)
    machine = machine_lines(time.monotonic() - started_at, load_before)
    print_summary(console, sections)
    console.print(*machine, sep="\n")
    if not options.quick and not options.only:
        (FOLDER / "RESULTS.md").write_text(results_markdown(sections, machine))


def _measure(plan: Plan, parts: Sequence[str], console: Console) -> list[Section]:
    """Run the parts one after the other in an emptied work folder, printing as they end."""
    sections: list[Section] = []
    for part in parts:
        shutil.rmtree(plan.work, ignore_errors=True)
        plan.work.mkdir(parents=True)
        try:
            for section in PARTS[part](plan):
                print_section(console, section)
                sections.append(section)
        finally:
            shutil.rmtree(plan.work, ignore_errors=True)
    return sections


def _stop(number: int, _frame: object) -> None:
    """Leave by an exception when told to end, so that servers are stopped and files removed."""
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, no RESULTS.md")
    parser.add_argument("--only", action="append", choices=PARTS, help="run only this part")
    return parser


if __name__ == "__main__":
    main()
