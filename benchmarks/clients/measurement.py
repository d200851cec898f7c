"""Measure what reading tasks costs a client: ours, raw and decoded, beside the official one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.clients.walker import PAGE_TASKS, PROJECT
from benchmarks.generate import LARGE, SMALL_IDS, Shape, write_tasks
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, import_tasks, new_plaudit_store, serve_plaudit

RATIO_MIN = 50
OFFICIAL_SHARE = 20
"""The official client reads so many times fewer tasks."""
BATCH_TASKS = 1_000
ROW_NAMES = {
    "official": "official client",
    "decoded": "ours, decoded",
    "raw": "ours, bytes",
}


@dataclass(frozen=True)
class Rates:
    """Tasks per second of the client's own CPU, and per second that passes."""

    per_cpu: float
    per_wall: float


def measure_clients(plan: Plan) -> Iterator[Section]:
    """Yield the rates of the clients for small and for large tasks."""
    yield _section(plan, SMALL_IDS, plan.client_small_tasks, "1 kB")
    yield _section(plan, LARGE, plan.client_large_tasks, "20 kB")


def _section(plan: Plan, shape: Shape, count: int, size: str) -> Section:
    tasks = write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS)
    data = plan.work / f"clients-{shape.name}"
    new_plaudit_store(data)
    import_tasks(data, tasks, PROJECT)
    with serve_plaudit(data) as server:
        rates = _median_rates(plan, server, count)
    section = Section(
        f"Clients, tasks of {size}",
        f"One walk over {count:,} tasks in pages of 100, on SQLite, server and client on this "
        f"machine; the official client reads {_official_tasks(count):,} of them. Seconds of CPU "
        "are the client's own. Our client asks for the next page while one is used.",
        ("client", "tasks per CPU second", "tasks per second", "× official CPU", "× official"),
    )
    official = rates["official"]
    for way, rate in rates.items():
        by_cpu, by_wall = rate.per_cpu / official.per_cpu, rate.per_wall / official.per_wall
        section.rows.append(
            (
                ROW_NAMES[way],
                f"{rate.per_cpu:,.0f}",
                f"{rate.per_wall:,.0f}",
                f"{by_cpu:.1f}",
                f"{by_wall:.1f}",
            )
        )
        if way != "official":
            section.figures.append(
                Figure(
                    f"{ROW_NAMES[way]}, tasks of {size}: tasks per CPU second / official client",
                    by_cpu,
                    at_least=RATIO_MIN,
                )
            )
    return section


def _median_rates(plan: Plan, server: Server, count: int) -> dict[str, Rates]:
    """Medians over the rounds, in each of which all clients run one after the other."""
    found: dict[str, list[Rates]] = {way: [] for way in ROW_NAMES}
    for _ in range(plan.rounds):
        for way, rates in found.items():
            rates.append(_walk(server, way, _official_tasks(count) if way == "official" else count))
    return {
        way: Rates(median(one.per_cpu for one in rates), median(one.per_wall for one in rates))
        for way, rates in found.items()
    }


def _official_tasks(count: int) -> int:
    """Tasks that the official client reads: whole pages, for it reads no part of one."""
    return max(1, count // OFFICIAL_SHARE // PAGE_TASKS) * PAGE_TASKS


def _walk(server: Server, way: str, count: int) -> Rates:
    url = f"http://127.0.0.1:{server.port}"
    command = [sys.executable, "-m", "benchmarks.clients.walker", way, url, server.key, str(count)]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Rates(said["tasks"] / said["cpu"], said["tasks"] / said["wall"])
