"""Measure `plaudit serve --workers` on PostgreSQL: requests a second, and what each one costs.

The servers run side by side on one store and are asked in turn, so that all meet the same machine.
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from benchmarks import load
from benchmarks.clock import cpu_between
from benchmarks.generate import LARGE, SMALL, project_of
from benchmarks.plan import Plan
from benchmarks.report import Section
from benchmarks.servers import Server, cpu_seconds_of, run_plaudit, serve_plaudit
from benchmarks.walk import PAGE_TASKS, page_tokens, target

SEED = 1
CONNECTIONS = 16
TOKENS_MAX = 100


@dataclass
class Runs:
    """Runs of one kind of request: requests a second, and CPU µs a request of both sides."""

    rates: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)


def measure_workers(plan: Plan, name: str, url: str) -> Section:
    """Ask servers with so many workers each for pages, `name` being the PostgreSQL's."""
    data = plan.work / "workers"
    run_plaudit("init", "--data", data, "--database", url)
    key = run_plaudit("keys", "create", "--data", data, "--database", url).strip()
    with ExitStack() as running:
        servers = {
            count: running.enter_context(serve_plaudit(data, database=url, key=key, workers=count))
            for count in plan.worker_counts
        }
        runs = _rounds(plan, servers, _postmaster(url))
    listed = ", ".join(map(str, plan.worker_counts[:-1])) + f" and {plan.worker_counts[-1]}"
    section = Section(
        f"{name}: servers of {listed} workers",
        f"`plaudit serve --workers N`, {CONNECTIONS} connections, pages at random places. The "
        "database's CPU is that of all its processes. Client, workers and database share this "
        "machine, so the rates say what these cores do together, and not how a server grows: "
        "the client, one process, takes a core where answers are long. More workers than cores "
        "share them. What a request costs should be alike in every row.",
        ("request", "workers", "requests/s", "server CPU µs", "database CPU µs"),
    )
    for (kind, workers), found in runs.items():
        costs = (found.rates, found.server_us, found.database_us)
        section.rows.append((kind, str(workers), *(f"{median(each):,.0f}" for each in costs)))
    return section


def _rounds(plan: Plan, servers: dict[int, Server], postmaster: int) -> dict[tuple[str, int], Runs]:
    """Send each server each kind of request once per round, after one that warms up."""
    asked = {
        (kind, workers): cycle([server.get(each) for each in targets])
        for kind, targets in _targets(servers[1]).items()
        for workers, server in servers.items()
    }
    runs = {each: Runs() for each in asked}
    counts: dict[tuple[str, int], int] = {}
    for number in range(plan.rounds + 1):
        for (kind, workers), requests in asked.items():
            count = counts.get((kind, workers), plan.worker_warm_up_requests)
            found = _run(servers[workers], postmaster, requests, count, plan.seconds_per_trial)
            spent = found.server_us[0] * 1e-6
            counts[kind, workers] = max(CONNECTIONS, round(plan.cpu_seconds_per_trial / spent))
            if number:
                runs[kind, workers].rates += found.rates
                runs[kind, workers].server_us += found.server_us
                runs[kind, workers].database_us += found.database_us
    return runs


def _targets(server: Server) -> dict[str, list[str]]:
    """Paths to ask for, by what they are, in random order."""
    found = {}
    for kind, shape, limit in (
        ("100 × 20 kB", LARGE, PAGE_TASKS),
        ("1 × 20 kB", LARGE, 1),
        ("100 × 1 kB", SMALL, PAGE_TASKS),
    ):
        filters = {"project_name": project_of(shape), "status": "completed"}
        tokens = page_tokens(server, filters, page_count=TOKENS_MAX)
        random.Random(SEED).shuffle(tokens)
        found[kind] = [target(filters, limit=limit, next_token=token) for token in tokens]
    return found


def _run(
    server: Server, postmaster: int, requests: Iterator[bytes], count: int, seconds: float
) -> Runs:
    before = server.cpu_seconds(), cpu_seconds_of(postmaster)
    tally = load.drive(server.port, requests, count=count, seconds=seconds, connections=CONNECTIONS)
    after = server.cpu_seconds(), cpu_seconds_of(postmaster)
    costs: Iterable[float] = (
        cpu_between(began, ended) / tally.request_count * 1e6
        for began, ended in zip(before, after, strict=True)
    )
    server_us, database_us = costs
    return Runs([tally.request_count / tally.seconds], [server_us], [database_us])


def _postmaster(url: str) -> int:
    """Process id of the server whose socket a URL names."""
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
