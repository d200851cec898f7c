"""Measure what a replica takes off the primary: CPU per request of each, with it and without."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median
from typing import Any

from benchmarks import load
from benchmarks.generate import LARGE, project_of, write_tasks
from benchmarks.plan import Plan
from benchmarks.postgres.server import Postgres, find_binaries, running_pair
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, cpu_seconds_of, run_plaudit, serve_plaudit

READY_SECONDS = 30
PAGE_TASKS = 100
WRITES_PER_SECOND = 50
COUNTS = {"one page of 100 × 20 kB": 100, "one task of 20 kB, by its id": 1_000}
"""Requests of each kind in a round."""
_READS = re.compile(rb'^plaudit_replica_reads_total\{answered_by="(\w+)"[^}]*\} ([\d.]+)$', re.M)


@dataclass
class Costs:
    """Microseconds of CPU per request of the rounds, and what share the replica answered."""

    server: list[float] = field(default_factory=list)
    primary: list[float] = field(default_factory=list)
    standby: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)


def measure_replica(plan: Plan) -> Iterator[Section]:
    """Yield the section that compares a server that reads a replica with one that does not."""
    binaries = (plan.postgres_binaries or find_binaries())[0]
    data = plan.work / "replica"
    with running_pair(binaries) as (primary, standby):
        place = ("--data", data, "--database", primary.url)
        run_plaudit("init", *place)
        key = run_plaudit("keys", "create", *place).strip()
        path = write_tasks(plan.cache, LARGE, plan.detail_tasks, batch_tasks=plan.detail_tasks)
        run_plaudit("import", path, "--format", "v2", *place)
        with ExitStack() as stack:
            servers = {}
            for name, replica in (("primary alone", ""), ("with a replica", standby.url)):
                serving = serve_plaudit(data, database=primary.url, replica=replica, key=key)
                servers[name] = stack.enter_context(serving)
            _wait_until_ready(servers["with a replica"])
            yield _section(plan, servers, primary, standby)


def _section(
    plan: Plan, servers: dict[str, Server], primary: Postgres, standby: Postgres
) -> Section:
    costs: dict[tuple[str, str, str], Costs] = {}
    targets = _targets(servers["primary alone"])
    for number in range(plan.rounds + 1):
        for writes in ("nothing is written", f"{WRITES_PER_SECOND} tasks are created a second"):
            writing = _writer(servers["primary alone"]) if writes[0].isdigit() else nullcontext()
            with writing:
                for kind, count in COUNTS.items():
                    for name, server in servers.items():
                        found = costs.setdefault((kind, writes, name), Costs())
                        requests = max(10, count if plan.rounds > 1 else count // 10)
                        _trial(server, targets[kind], requests, primary, standby, found)
                        if not number:  # the first round warms up
                            costs[kind, writes, name] = Costs()
    section = Section(
        "PostgreSQL: reads from a replica",
        "CPU per request in µs (user and system) of each process, over unix sockets on one "
        "machine; two connections of a client. The primary looks up each key and says how far it "
        "is, whoever answers. Beside writes the primary's figure holds the writing too. `answered "
        "there` is the share of requests that the replica answered, the rest being left to the "
        "primary after a wait.",
        ("request", "meanwhile", "reads", "server", "primary", "replica", "requests/s",
         "answered there"),
    )  # fmt: skip
    for (kind, writes, name), found in costs.items():
        cells = [f"{median(values):,.0f}" for values in
                 (found.server, found.primary, found.standby, found.rate)]  # fmt: skip
        share = f"{median(found.share):.0%}" if found.share else ""
        section.rows.append((kind, writes, name, *cells, share))
    for kind in COUNTS:
        alone, beside = (
            median(costs[kind, "nothing is written", name].primary) for name in servers
        )
        section.figures.append(
            Figure(
                f"{kind}: CPU of the primary with a replica / alone", beside / alone, at_most=0.6
            )
        )
    return section


def _trial(
    server: Server,
    targets: list[str],
    count: int,
    primary: Postgres,
    standby: Postgres,
    found: Costs,
) -> None:
    requests = cycle([server.get(target) for target in targets])
    pids = (server.process.pid, primary.pid, standby.pid)
    reads, before = _reads(server), [cpu_seconds_of(pid) for pid in pids]
    tally = load.drive(server.port, requests, count=count, seconds=120, connections=2)
    after = [cpu_seconds_of(pid) for pid in pids]
    answered, total = (now - then for now, then in zip(_reads(server), reads, strict=True))
    costs = [(b - a) * 1e6 / tally.request_count for a, b in zip(before, after, strict=True)]
    found.server.append(costs[0])
    found.primary.append(costs[1])
    found.standby.append(costs[2])
    found.rate.append(tally.request_count / tally.seconds)
    if total:
        found.share.append(answered / total)


def _targets(server: Server) -> dict[str, list[str]]:
    """Requests of each kind: all pages of a walk, and the tasks of the first one."""
    pages, task_ids, token = [], [], ""
    with load.Connection(server.port) as connection:
        while True:
            first = f"/v2/tasks?limit={PAGE_TASKS}&project_id={project_of(LARGE)}"
            target = f"/v2/tasks?limit={PAGE_TASKS}&next_token={token}" if token else first
            page = json.loads(connection.fetch(server.get(target)))
            pages.append(target)
            task_ids += [task["task_id"] for task in page["tasks"]]
            token = page.get("next_token", "")
            if not token:
                break
    by_id = [f"/v2/task?task_id={task_id}" for task_id in task_ids]
    return dict(zip(COUNTS, (pages, by_id), strict=True))


def _reads(server: Server) -> tuple[float, float]:
    """Requests that the replica has answered, and all that it was to answer."""
    with load.Connection(server.port) as connection:
        text = connection.fetch(load.get(server.port, "/metrics"))
    rows = _READS.findall(text)
    return (
        sum(float(number) for who, number in rows if who == b"replica"),
        sum(float(number) for _, number in rows),
    )


def _wait_until_ready(server: Server) -> None:
    give_up_at = time.monotonic() + READY_SECONDS
    with load.Connection(server.port) as connection:
        while b'"ready","lag' not in connection.fetch(load.get(server.port, "/readyz")):
            if time.monotonic() > give_up_at:
                raise AssertionError("the replica does not get ready")
            time.sleep(0.1)


@contextmanager
def _writer(server: Server) -> Iterator[None]:
    """Create tasks at a steady rate meanwhile, in a project of their own."""
    is_over = threading.Event()

    def write() -> None:
        with load.Connection(server.port) as connection:
            name = f"Written at {time.time()}"
            _post(connection, server, "/manage/v1/projects", {"name": name})
            chat = {"project_name": name, "template_variables": {"prompt": "Why?"}}
            while not is_over.wait(1 / WRITES_PER_SECOND):
                _post(connection, server, "/v2/task/chat", chat)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _post(connection: load.Connection, server: Server, path: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    head = server.get(path).replace(b"GET ", b"POST ", 1)
    length = b"Content-Length: %d\r\nContent-Type: application/json\r\n\r\n" % len(raw)
    connection.fetch(head[:-2] + length + raw)
