"""Turn interleaved runs of requests into server CPU per request."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import median

from benchmarks import load
from benchmarks.clock import cpu_between
from benchmarks.plan import Plan
from benchmarks.servers import Server

WARM_UP_REQUESTS = 400
SETTLE_SECONDS = 0.03


@dataclass(frozen=True)
class Trial:
    """Requests to send to a server in turn, over and over; `name` is unique in its table.

    A run goes on where the one before ended, so that slow servers are asked for every page too.
    """

    name: str
    server: Server
    requests: Iterator[bytes]
    connections: int


def trial(
    name: str,
    server: Server,
    targets: Iterable[str],
    *,
    connections: int = load.CONNECTIONS,
    coding: str = "",
) -> Trial:
    """Return the trial that asks a server for `targets`, over and over."""
    requests = [server.get(each, coding=coding) for each in targets]
    return Trial(name, server, cycle(requests), connections)


@dataclass(frozen=True)
class Cost:
    """Medians over the rounds of one trial; `spread` is (largest - smallest) / median.

    `least_us` is of the cheapest round.
    """

    cpu_us: float
    least_us: float
    spread: float
    requests_per_second: float
    body_bytes: float


def interleave(trials: Iterable[Trial], plan: Plan) -> Mapping[str, Cost]:
    """Run every trial once per round, in turn, and return the cost of each by name."""
    waiting = list(trials)
    counts = {each.name: _calibrate(each, plan) for each in waiting}
    runs: dict[str, list[tuple[float, load.Tally]]] = {each.name: [] for each in waiting}
    for _ in range(plan.rounds):
        for each in waiting:
            runs[each.name].append(_run(each, counts[each.name], plan.seconds_per_trial))
    return {name: _cost(found) for name, found in runs.items()}


def _calibrate(measured: Trial, plan: Plan) -> int:
    """Warm the server up and return how many requests make one run of this trial."""
    used, tally = _run(measured, WARM_UP_REQUESTS, plan.warm_up_seconds)
    per_request = used / tally.request_count
    return max(2 * load.CONNECTIONS, round(plan.cpu_seconds_per_trial / per_request))


def _run(measured: Trial, count: int, seconds: float) -> tuple[float, load.Tally]:
    """Return the server's CPU seconds and the tally of one run.

    The pause lets a server finish what it does after an answer before its clock is read.
    """
    before = measured.server.cpu_seconds()
    tally = load.drive(
        measured.server.port,
        measured.requests,
        count=count,
        seconds=seconds,
        connections=measured.connections,
    )
    time.sleep(SETTLE_SECONDS)
    return cpu_between(before, measured.server.cpu_seconds()), tally


def _cost(runs: Sequence[tuple[float, load.Tally]]) -> Cost:
    per_request = [used / tally.request_count * 1e6 for used, tally in runs]
    middle = median(per_request)
    return Cost(
        cpu_us=middle,
        least_us=min(per_request),
        spread=(max(per_request) - min(per_request)) / middle,
        requests_per_second=median(t.request_count / t.seconds for _, t in runs),
        body_bytes=median(t.body_bytes / t.request_count for _, t in runs),
    )
