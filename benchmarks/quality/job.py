"""Measure the job that computes the report on quality, and what others wait for meanwhile."""

import base64
import json
import math
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.clock import cpu_between
from benchmarks.plan import Plan
from benchmarks.quality.published_shape import write_comparisons
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, run_plaudit, serve_plaudit
from benchmarks.stalls.measurement import Snapshot
from benchmarks.stalls.probe import Probe

SECONDS_MAX = 90
MEMORY_MIB_MAX = 400
STALL_MS_MAX = 50
CHANGES = 100
QUIET_SECONDS = 10
POLL_SECONDS = 0.25
OPTIONS = {"by": "batch", "style": ["length", "headers", "lists", "bold", "code"]}


@dataclass(frozen=True)
class _Run:
    """Seconds of CPU and of the clock, MiB more than before, and waits of others in seconds."""

    cpu: float
    seconds: float
    memory: float
    waits: list[float]
    stall: float


def measure_job(
    plan: Plan, name: str, data: Path, *, database: str | None = None, key: str = ""
) -> Section:
    """The first report of the project Judged in a store, and one after some changes."""
    section = Section(
        f"Report by a job, {name}",
        f"`POST /manage/v1/projects/Judged/quality` on a server with {plan.quality_tasks:,} judged"
        " tasks, while somebody else asks for `/v2/projects` every 10 ms. CPU and memory are those"
        " of the server and its processes, memory beside what it took before. The later report"
        f" comes after an import that changed the votes on {CHANGES} tasks.",
        ("run", "CPU s", "s", "MiB more", "other's p50 ms", "p99 ms", "slowest ms", "stall ms"),
    )
    with serve_plaudit(data, database=database, key=key) as server:
        probe = Probe(server.port, server.key)
        try:
            time.sleep(QUIET_SECONDS * plan.rest_share)
            quiet = probe.read()
            first = _computed(server, probe)
            rows = plan.work / "changed.jsonl"
            write_comparisons(rows, CHANGES, seed=21)
            store = ["--data", data] + ([] if database is None else ["--database", database])
            run_plaudit(
                *("import", rows, "--format", "pandalm", "--project", "Judged", "--replace"), *store
            )
            time.sleep(plan.rest_share)
            probe.read()
            later = _computed(server, probe)
        finally:
            probe.stop()
    section.rows.append(("nothing", "", "", "", *_waits(quiet), ""))
    for title, run in (("first", first), (f"after {CHANGES} changes", later)):
        section.rows.append(
            (
                title,
                f"{run.cpu:.1f}",
                f"{run.seconds:.1f}",
                f"{run.memory:.0f}",
                *_waits(run.waits),
                f"{run.stall * 1e3:.0f}" if run.stall else "< 10",
            )
        )
    section.figures += [
        Figure(f"{name}, first report: CPU", first.cpu, at_most=SECONDS_MAX, unit=" s"),
        Figure(f"{name}, first report: memory", first.memory, at_most=MEMORY_MIB_MAX, unit=" MiB"),
        Figure(f"{name}, later report: CPU", later.cpu, unit=" s"),
        Figure(
            f"{name}, while a report is computed: longest stall of the loop",
            max(first.stall, later.stall) * 1e3,
            at_most=STALL_MS_MAX,
            unit=" ms",
        ),
        Figure(f"{name}, while nothing is computed: p99 of others", _p99(quiet), unit=" ms"),
        Figure(f"{name}, while a report is computed: p99 of others", _p99(first.waits), unit=" ms"),
    ]
    return section


def _computed(server: Server, probe: Probe) -> _Run:
    """Have the report computed; raises RuntimeError if the job fails."""
    before, began = Snapshot.of(server), time.monotonic()
    cpu, (rss, _) = server.cpu_seconds(), server.memory_mb()
    path = f"/manage/v1/projects/{_project_id(server)}/quality"
    job, peak = _ask(server, path, OPTIONS), rss
    while job["state"] == "running":
        time.sleep(POLL_SECONDS)
        with suppress(OSError):  # a process that has just ended
            peak = max(peak, server.memory_mb()[0])
        job = _ask(server, f"{path}/jobs/{job['id']}")
    if job["state"] != "done":
        raise RuntimeError(job["reason"])
    after = Snapshot.of(server)
    return _Run(
        cpu=cpu_between(cpu, server.cpu_seconds()),
        seconds=time.monotonic() - began,
        memory=peak - rss,
        waits=probe.read(),
        stall=min(after.stalled - before.stalled, after.longest),
    )


def _project_id(server: Server) -> str:
    [project] = _ask(server, "/v2/projects")["projects"]
    return str(project["id"])


def _ask(server: Server, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    token = base64.b64encode(f"{server.key}:".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _percentile(waits: list[float], share: float) -> float:
    ordered = sorted(waits)
    return ordered[math.ceil(share * len(ordered)) - 1]


def _p99(waits: list[float]) -> float:
    return _percentile(waits, 0.99) * 1e3


def _waits(waits: list[float]) -> tuple[str, str, str]:
    return (
        f"{_percentile(waits, 0.5) * 1e3:.1f}",
        f"{_p99(waits):.1f}",
        f"{max(waits) * 1e3:.0f}",
    )
