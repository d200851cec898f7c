"""Measure whether a request holds the event loop, or keeps another organization waiting.

Each request is sent to a served store while a process of its own asks steadily for something small
of another organization. What a request takes is read from /proc and from the server's metrics.
"""

import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load
from benchmarks.clock import cpu_between
from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, serve_plaudit
from benchmarks.stalls.cases import known_cases, operation_cases, page_cases
from benchmarks.stalls.probe import PAUSE_SECONDS, TARGET, Probe
from benchmarks.stalls.requests import Case, send
from benchmarks.stalls.store import StallStore, made
from plaudit.settings import Settings

STEP_MS_MAX = 50
"""CPU of one step on the event loop."""
WAIT_MS_MAX = 100
"""Of another organization's small request."""
SETTLE_SECONDS = 0.03
ALONE_SECONDS = 1.0
SHARED_MACHINE = (
    "waits are of the clock on the wall, and the client, the probe, the store and whatever else "
    "ran at that time share the machine's cores with the server. The load average before the run "
    "stands above, and in the table how long the loop waited for a core."
)
_SAMPLE = re.compile(r'^(plaudit_\w+)(?:\{operation="(\w[\w.]*)"\})? (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Snapshot:
    """Metrics of a server at one moment, in seconds."""

    steps: dict[str, float]
    """Most CPU of one step by its operation, from 10 ms on."""
    longest: float
    """Longest time for which the loop did not turn, of the last five minutes."""
    stalled: float
    """Sum of these times, from 10 ms on."""

    @classmethod
    def of(cls, server: Server) -> "Snapshot":
        with load.Connection(server.port) as connection:
            return cls.read(connection.fetch(load.get(server.port, "/metrics")).decode())

    @classmethod
    def read(cls, text: str) -> "Snapshot":
        found = {(name, label): float(value) for name, label, value in _SAMPLE.findall(text)}
        return cls(
            {
                label: value
                for (name, label), value in found.items()
                if name == "plaudit_step_cpu_max_seconds"
            },
            found["plaudit_loop_stall_max_seconds", ""],
            found["plaudit_loop_stall_seconds_sum", ""],
        )


@dataclass(frozen=True)
class Cost:
    """What a case took and how long others waited; seconds."""

    case: Case
    statuses: Sequence[int]
    answer_bytes: int
    cpu: float
    step: float
    """CPU of the longest step of its operation, 0 if none took 10 ms."""
    stall: float
    """Longest time for which the loop did not turn, at most; 0 if none was 10 ms."""
    queued: float
    """For which the event loop waited for a core."""
    waits: Sequence[float]

    @property
    def p99(self) -> float:
        ordered = sorted(self.waits)
        return ordered[math.ceil(0.99 * len(ordered)) - 1]

    @property
    def cells(self) -> tuple[str, ...]:
        step, wait = self.step * 1e3, self.p99 * 1e3
        return (
            self.case.name,
            "/".join(str(status) for status in sorted(set(self.statuses))),
            f"{self.case.body_bytes / 1e3:,.0f}",
            f"{self.answer_bytes / 1e3:,.0f}",
            f"{self.cpu * 1e3:,.0f}",
            f"{step:.0f}" if step else "< 10",
            f"{step / STEP_MS_MAX:.2f}" if step else "< 0.2",
            f"{self.stall * 1e3:.0f}" if self.stall else "< 10",
            f"{self.queued * 1e3:.0f}",
            f"{wait:.1f}",
            f"{wait / WAIT_MS_MAX:.2f}",
            f"{max(self.waits) * 1e3:.0f}",
        )


COLUMNS = (
    "request", "status", "sent kB", "answered kB", "CPU ms", "step CPU ms", f"÷ {STEP_MS_MAX}",
    "stall ms", "queued ms", "other's p99 ms", f"÷ {WAIT_MS_MAX}", "slowest ms",
)  # fmt: skip


class Servers:
    """The server of a store and its probe, one pair after the other.

    Metrics keep the longest step of an operation since the start, so that a server on which one
    is noted is left for a new one before the operation is measured again.
    """

    def __init__(self, settings: Settings, store: StallStore) -> None:
        self._settings, self._store = settings, store
        self._start()

    def _start(self) -> None:
        data, database = self._settings.data, self._settings.database
        self._server = serve_plaudit(data, database=database, key=self._store.key)
        self._probe = Probe(self._server.port, self._store.other_key)
        self._before = Snapshot.of(self._server)

    def stop(self) -> None:
        self._probe.stop()
        self._server.stop()

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def cost(self, case: Case) -> Cost:
        """Send the requests of a case at once, and see what they took."""
        if case.operation in self._before.steps:
            self.stop()
            self._start()
        server, before = self._server, self._before
        cpu, queued = server.cpu_seconds(), _queued_seconds(server)
        self._probe.read()
        with ThreadPoolExecutor(max(1, len(case.requests))) as pool:
            answers = list(pool.map(lambda request: send(server.port, request), case.requests))
        time.sleep(SETTLE_SECONDS if answers else ALONE_SECONDS)
        waits = self._probe.read()
        while not waits:
            time.sleep(SETTLE_SECONDS)
            waits = self._probe.read()
        after = self._before = Snapshot.of(server)
        return Cost(
            case,
            [status for status, _ in answers],
            sum(size for _, size in answers),
            cpu_between(cpu, server.cpu_seconds()),
            after.steps.get(case.operation, 0.0),
            min(after.stalled - before.stalled, after.longest),
            _queued_seconds(server) - queued,
            waits,
        )


def _queued_seconds(server: Server) -> float:
    """Seconds for which the thread of the event loop could run and had no core."""
    statistics = Path(f"/proc/{server.process.pid}/schedstat").read_text()
    return int(statistics.split()[1]) / 1e9


def measure_stalls(plan: Plan) -> Iterator[Section]:
    """Yield the sections on each engine; on SQLite alone in a quick run."""
    yield from _measure(plan, "SQLite", Settings(data=plan.work / "sqlite"))
    for binaries in (plan.postgres_binaries or find_binaries())[: plan.stall_postgres]:
        with running(binaries) as url:
            settings = Settings(data=plan.work / "postgres", database=url)
            yield from _measure(plan, "PostgreSQL", settings)


def _measure(plan: Plan, engine: str, settings: Settings) -> Iterator[Section]:
    with made(settings, plan) as store, Servers(settings, store) as servers:
        parts = {
            "requests that once held the loop": list(known_cases(store)),
            "every page, every change with its largest body": _some(plan, page_cases(store)),
            "every operation, with the largest task or body": _some(plan, operation_cases(store)),
        }
        note = _note_of_load()
        alone = servers.cost(Case("nothing", "none", []))
        for name, cases in parts.items():
            costs = [servers.cost(case) for case in cases]
            yield _section(f"{engine}: {name}", alone, costs, note)


def _some(plan: Plan, cases: Iterable[Case]) -> list[Case]:
    return list(cases)[:: plan.stall_stride]


def _note_of_load() -> str:
    """A sentence for the reader if others use the machine, empty otherwise."""
    load_average, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load_average < cores:
        return ""
    return (
        f" The machine was busy when this began (load average {load_average:.1f} on {cores} cores):"
        " waits and stalls are for the most part those for a core, and say little about the server."
    )


def _section(title: str, alone: Cost, costs: Sequence[Cost], note: str) -> Section:
    step = max(costs, key=lambda cost: cost.step)
    wait = max(costs, key=lambda cost: cost.p99)
    return Section(
        title,
        f"Meanwhile another organization asks for {TARGET} {1 / PAUSE_SECONDS:.0f} times a second, "
        "whose CPU is among the server's. A step is what the event loop does for the request at a "
        "stretch, a stall the time for which the loop did not turn (at most; of several it may be "
        "the sum); below 10 ms neither is noted. Queued is how long the loop could run and had no "
        "core. A request that is refused shows what its refusal takes." + note,
        COLUMNS,
        rows=[cost.cells for cost in (alone, *costs)],
        figures=[
            Figure(
                f"{title}: CPU of the longest step ({step.case.name})",
                step.step * 1e3,
                at_most=STEP_MS_MAX,
                unit=" ms",
            ),
            Figure(
                f"{title}: another organization's p99 ({wait.case.name})",
                wait.p99 * 1e3,
                at_most=WAIT_MS_MAX,
                unit=" ms",
                why_missed=SHARED_MACHINE,
            ),
        ],
    )
