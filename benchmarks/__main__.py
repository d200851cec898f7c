"""Run the measurements: `python -m benchmarks` writes RESULTS.md, `--quick` only prints.

`--only PART` runs one part and replaces its sections of RESULTS.md. `soak` and `scale` take long,
and run only where they are named: `--only soak --minutes 40`.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.claims import measure_claims
from benchmarks.clients.measurement import measure_clients
from benchmarks.commands import measure_commands
from benchmarks.crowd import measure_crowd
from benchmarks.depth import measure_depth
from benchmarks.exports.measurement import measure_exports
from benchmarks.fairness.measurement import measure_fairness
from benchmarks.fairness.soak import measure_soak
from benchmarks.ingest import measure_imports
from benchmarks.lists.measurement import measure_lists
from benchmarks.plan import Plan, full_plan, quick_plan
from benchmarks.postgres.measurement import measure_postgres, measure_serving
from benchmarks.postgres.replica import measure_replica
from benchmarks.quality.measurement import measure_quality
from benchmarks.read import measure_reads
from benchmarks.report import Run, Section, new_run, print_section, print_summary, write_results
from benchmarks.rows.measurement import measure_rows
from benchmarks.scale.measurement import measure_scale
from benchmarks.servers import NGINX
from benchmarks.stalls.long_pages import measure_pages
from benchmarks.stalls.measurement import measure_stalls
from benchmarks.statements import measure_statements

FOLDER = Path(__file__).parent
PARTS: dict[str, Callable[[Plan], Iterable[Section]]] = {
    "reads": measure_reads,
    "depth": measure_depth,
    "imports": measure_imports,
    "rows": measure_rows,
    "exports": measure_exports,
    "clients": measure_clients,
    "postgres": measure_postgres,
    "workers": measure_serving,
    "replica": measure_replica,
    "claims": measure_claims,
    "commands": measure_commands,
    "crowd": measure_crowd,
    "stalls": measure_stalls,
    "pages": measure_pages,
    "statements": measure_statements,
    "quality": measure_quality,
    "lists": measure_lists,
    "fairness": measure_fairness,
    "soak": measure_soak,
    "scale": measure_scale,
}
ON_REQUEST = ("scale", "soak")
"""Parts that run only where `--only` names them."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    plan = quick_plan(FOLDER) if options.quick else full_plan(FOLDER)
    plan = replace(plan, postgres_binaries=tuple(options.postgres_bin), kept=options.keep)
    if options.minutes is not None:
        plan = replace(plan, soak_minutes=options.minutes, scale_minutes=options.minutes)
    signal.signal(signal.SIGTERM, _stop)
    console = Console(width=None if Console().is_terminal else 140)
    if NGINX is None:
        console.print("nginx: not installed")
    parts = options.only or [part for part in PARTS if part not in ON_REQUEST]
    runs = {part: _measure(plan, part, console) for part in parts}
    print_summary(console, [section for run in runs.values() for section in run.sections])
    console.print(*(f"{part}: {run.when}" for part, run in runs.items()), sep="\n")
    if not options.quick:
        write_results(FOLDER, runs)


def _measure(plan: Plan, part: str, console: Console) -> Run:
    """Run one part in an emptied work folder, printing its sections as they end."""
    load_before, started_at = os.getloadavg()[0], time.monotonic()
    shutil.rmtree(plan.work, ignore_errors=True)
    plan.work.mkdir(parents=True)
    sections = []
    try:
        for section in PARTS[part](plan):
            print_section(console, section)
            sections.append(section)
    finally:
        shutil.rmtree(plan.work, ignore_errors=True)
    return new_run(started_at, load_before, sections)


def _stop(number: int, _frame: object) -> None:
    """Leave by an exception when told to end, so that servers are stopped and files removed."""
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, no RESULTS.md")
    parser.add_argument("--only", action="append", choices=PARTS, help="run only this part")
    parser.add_argument(
        "--minutes",
        type=float,
        help="how long `soak` takes (default: 40), or for how long `scale` imports",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="folder in which `scale` keeps its stores, and takes them from another time",
    )
    parser.add_argument(
        "--postgres-bin",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="measure the PostgreSQL whose binaries are in this folder (default: the test extra's"
        " and the system's newest)",
    )
    return parser


if __name__ == "__main__":
    main()
