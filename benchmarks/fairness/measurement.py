"""Measure how long an organization waits beside another one that asks for all it can get.

Both come from this machine, each from a process of its own. The crowd's requests are sent as soon
as the one before is answered, whatever `Retry-After` says.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.clock import cpu_between
from benchmarks.fairness.soak import statuses
from benchmarks.fairness.store import make_tenants
from benchmarks.fairness.tenant import Tenant
from benchmarks.fairness.traffic import Config, Sample, Traffic
from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, serve_plaudit
from plaudit.settings import Settings

CROWD = ("lists", "pages", "claims", "uploads")
"""Kinds of the crowd's connections, which are as many of each."""
CROWD_NICE = 10
OTHERS = ("lists", "pages", "pages", "claims", "work", "work", "uploads", "deliveries")
OTHERS_RATE = 40.0
"""Requests a second of the other organization."""
OTHERS_LIMIT = 20
OTHERS_UPLOAD_BYTES = 10_000
RATIO_MAX = 3.0
CAPACITY_CONNECTIONS = 1
"""Connections of each kind that use the server's capacity, and do not exceed it by much."""
SETTLE_SECONDS = 0.3
SHARED_MACHINE = (
    "waits are of the clock on the wall, and the crowd, the other organization, the store and "
    "whatever else ran at that time share the machine's cores with the server."
)


def measure_fairness(plan: Plan) -> Iterator[Section]:
    """Yield the sections of each engine; of SQLite alone in a quick run."""
    yield _measure(plan, "SQLite", Settings(data=plan.work / "sqlite"))
    for binaries in (plan.postgres_binaries or find_binaries())[: plan.fairness_postgres]:
        with running(binaries) as url:
            yield _measure(plan, "PostgreSQL", Settings(data=plan.work / "postgres", database=url))


@dataclass
class Rounds:
    """Answers of all rounds, alone and beside the crowd, and what the server took beside it."""

    alone: list[Sample] = field(default_factory=list)
    beside: list[Sample] = field(default_factory=list)
    crowd: list[Sample] = field(default_factory=list)
    seconds_alone: float = 0.0
    seconds_beside: float = 0.0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0

    def add(self, plan: Plan, server: Server, crowd: Tenant, traffic: Traffic) -> None:
        """Let the other organization be alone for a while, and then beside the crowd."""
        time.sleep(SETTLE_SECONDS)
        traffic.read()
        began = time.monotonic()
        time.sleep(plan.fairness_seconds)
        self.alone += traffic.read()
        self.seconds_alone += time.monotonic() - began
        with Traffic(_crowd(server, crowd, plan.fairness_connections)) as pressure:
            time.sleep(SETTLE_SECONDS)
            traffic.read(), pressure.read()
            cpu, began = server.cpu_seconds(), time.monotonic()
            time.sleep(plan.fairness_seconds)
            self.beside += traffic.read()
            self.crowd += pressure.read()
            self.seconds_beside += time.monotonic() - began
            self.cpu_seconds += cpu_between(cpu, server.cpu_seconds())
            self.memory_mb = max(self.memory_mb, server.memory_mb()[0])


def _measure(plan: Plan, engine: str, settings: Settings) -> Section:
    crowd, others = make_tenants(settings, names=("crowd", "others"), tasks=plan.fairness_tasks)
    found = Rounds()
    with serve_plaudit(settings.data, database=settings.database, key=others.key) as server:
        capacity = _capacity(plan, server, crowd)
        with Traffic(_others(server, others)) as traffic:
            for _ in range(plan.fairness_rounds):
                found.add(plan, server, crowd, traffic)
    ratio = p99(found.beside) / p99(found.alone)
    failures = [
        one for one in (*found.beside, *found.crowd) if one.status >= 500 and one.status != 503
    ]
    seconds = found.seconds_beside
    rows = [
        ("other organization, alone", *_cells(found.alone, found.seconds_alone)),
        ("other organization, beside the crowd", *_cells(found.beside, seconds)),
        ("crowd", *_cells(found.crowd, seconds)),
    ]
    rows += [
        (
            f"beside the crowd: {kind}",
            *_cells([one for one in found.beside if one.kind == kind], seconds),
        )
        for kind in sorted({one.kind for one in found.beside})
    ]
    return Section(
        f"{engine}: an organization beside a crowd",
        f"The other organization sends {OTHERS_RATE:.0f} requests a second over every kind. The "
        f"crowd has {plan.fairness_connections} connections, which ask for large pages of tasks, "
        "for pages of the workspace, for the next task, and upload files and tasks, each as soon "
        f"as its last request was answered. With {CAPACITY_CONNECTIONS * len(CROWD)} connections "
        f"it got {capacity:.0f} answers a second. Beside the crowd the server took "
        f"{found.cpu_seconds / seconds * 100:.0f} % of a core, and at most "
        f"{found.memory_mb:.0f} MB.",
        (
            "who",
            "a second",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "slowest ms",
            "CPU p50 ms",
            "CPU p99 ms",
            "statuses",
        ),
        rows=rows,
        figures=[
            Figure(
                f"{engine}: another organization's p99 beside a crowd / alone",
                ratio,
                at_most=RATIO_MAX,
                why_missed=SHARED_MACHINE,
            ),
            Figure(
                f"{engine}: server's CPU while another organization waits, p99, beside / alone",
                cpu_p99(found.beside) / cpu_p99(found.alone),
            ),
            Figure(
                f"{engine}: answers 5xx but 503 beside a crowd", len(failures), at_most=0, unit=""
            ),
            Figure(
                f"{engine}: requests of another organization that failed beside a crowd",
                sum(one.status not in (200, 303) for one in found.beside),
                at_most=0,
                unit="",
            ),
        ],
    )


def _capacity(plan: Plan, server: Server, crowd: Tenant) -> float:
    """Answers a second that a few connections get."""
    with Traffic(_crowd(server, crowd, CAPACITY_CONNECTIONS * len(CROWD))) as traffic:
        traffic.read()
        began = time.monotonic()
        time.sleep(plan.fairness_seconds)
        return len(traffic.read()) / (time.monotonic() - began)


def _others(server: Server, tenant: Tenant) -> Config:
    return Config(
        port=server.port,
        tenant=tenant,
        actors=[*OTHERS] * 2,
        rate=OTHERS_RATE,
        page_limit=OTHERS_LIMIT,
        upload_bytes=OTHERS_UPLOAD_BYTES,
        server_pid=server.process.pid,
    )


def _crowd(server: Server, tenant: Tenant, connections: int) -> Config:
    kinds = [CROWD[number % len(CROWD)] for number in range(connections)]
    return Config(port=server.port, tenant=tenant, actors=kinds, nice=CROWD_NICE)


def p99(samples: Sequence[Sample]) -> float:
    """The 99th percentile of seconds; NaN of nothing."""
    return quantile([sample.seconds for sample in samples], 0.99)


def cpu_p99(samples: Sequence[Sample]) -> float:
    """The 99th percentile of the server's CPU seconds while a request waited; NaN of nothing."""
    return quantile([sample.cpu_seconds for sample in samples], 0.99)


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest rank; NaN of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


def _cells(samples: Sequence[Sample], seconds: float) -> tuple[str, ...]:
    waits = [sample.seconds for sample in samples]
    cpu = [sample.cpu_seconds for sample in samples]
    quantiles = [f"{quantile(waits, share) * 1e3:.1f}" for share in (0.5, 0.9, 0.99, 1.0)]
    quantiles += [f"{quantile(cpu, share) * 1e3:.1f}" for share in (0.5, 0.99)]
    return f"{len(samples) / seconds:.0f}", *quantiles, statuses(samples)
