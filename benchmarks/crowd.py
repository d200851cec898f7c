"""Measure whether strangers who hold connections keep honest clients waiting, or out.

Everybody comes from this machine, whose address is a trusted proxy's: nothing but the use that is
made of a connection tells strangers and clients apart.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import count, cycle
from statistics import quantiles

from benchmarks import load
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, new_plaudit_store, serve_plaudit
from benchmarks.strangers import KINDS, REOPEN_SECONDS

CLIENTS = 20
PAUSE_SECONDS = 0.2
"""Of an honest client, between two requests."""
GATHER_SECONDS = 5


def measure_crowd(plan: Plan) -> Iterator[Section]:
    """Yield the section that compares clients alone with clients beside strangers."""
    data = plan.work / "crowd"
    new_plaudit_store(data)
    rows, failed = [], 0
    with serve_plaudit(data) as server:
        for name, strangers in (("nobody", 0), ("strangers", plan.strangers)):
            with _strangers(server, strangers, GATHER_SECONDS * plan.rest_share):
                waits, failures = _ask(server, plan.crowd_seconds)
            cuts = quantiles(waits, n=100)
            figures = [f"{seconds * 1e3:.1f}" for seconds in (cuts[49], cuts[98])]
            memory = f"{server.memory_mb()[0]:.0f}"
            rows.append((name, str(len(waits)), str(failures), *figures, memory))
            failed += failures
    yield Section(
        "Strangers who hold connections",
        f"{CLIENTS} clients with a key ask for their projects five times a second each, in turn "
        "over a connection of their own and a new one, beside "
        f"{plan.strangers} connections of each of {len(KINDS)} kinds that make no use of them "
        f"({', '.join(KINDS)}) and are opened again "
        f"{REOPEN_SECONDS:.0f} s after they were closed. Clients and "
        "strangers share the machine with the server.",
        ("beside", "requests", "failed", "median ms", "p99 ms", "MB"),
        rows=rows,
        figures=[Figure("failed requests of honest clients", failed, at_most=0, unit="")],
    )


@contextmanager
def _strangers(server: Server, number: int, gather_seconds: float) -> Iterator[None]:
    """Let `number` strangers of each kind hold connections meanwhile."""
    command = [sys.executable, "-m", "benchmarks.strangers", str(server.port), str(number)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(gather_seconds)
        yield
    finally:
        process.kill()
        process.wait()


def _ask(server: Server, seconds: float) -> tuple[list[float], int]:
    """Let the clients ask for so long; the seconds of each answer, and the number of failures."""
    waits: list[float] = []
    failures = count()
    lock = threading.Lock()
    until = time.monotonic() + seconds

    def ask() -> None:
        request = server.get("/v2/projects")
        own = load.Connection(server.port)
        for is_new in cycle((False, True)):
            if time.monotonic() > until:
                break
            began = time.monotonic()
            try:
                with load.Connection(server.port) if is_new else nullcontext(own) as connection:
                    connection.fetch(request)
            except (OSError, load.LoadError):
                next(failures)
                own = load.Connection(server.port)
            with lock:
                waits.append(time.monotonic() - began)
            time.sleep(PAUSE_SECONDS)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for running in [pool.submit(ask) for _ in range(CLIENTS)]:
            running.result()
    return waits, next(failures)
