"""Measure the download of whole tasks as JSON lines, beside a server that only sends the bytes."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.clock import cpu_between
from benchmarks.generate import LARGE, SMALL_IDS, Shape, write_tasks
from benchmarks.load import get
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import (
    Server,
    import_tasks,
    new_plaudit_store,
    run_plaudit,
    serve_bytes,
    serve_plaudit,
    wait_until_idle,
)

PROJECT = "Exports"
RATIO_MIN = 0.45
BATCH_TASKS = 1_000
RECEIVED_BYTES = 256 * 1024
SETTLE_SECONDS = 1.0
"""After a download, until the server has put the file among the blobs."""

WHY_MISSED = (
    "the places of all tasks are looked up, the records are read, joined with what every option "
    "shows and put into chunks before they are sent; the bare server copies its bytes once."
)


@dataclass(frozen=True)
class Download:
    """One download: seconds that passed, seconds of CPU of the server, and bytes."""

    seconds: float
    cpu: float
    size: int


def measure_downloads(plan: Plan) -> Iterator[Section]:
    """Yield the rates of downloads of large and of small tasks, on SQLite."""
    yield _section(plan, LARGE, plan.client_large_tasks, "20 kB")
    yield _section(plan, SMALL_IDS, plan.export_tasks, "1 kB")


def _section(plan: Plan, shape: Shape, count: int, size: str) -> Section:
    data = plan.work / f"downloads-{shape.name}"
    new_plaudit_store(data)
    import_tasks(data, write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS), PROJECT)
    sent = plan.work / f"{shape.name}.jsonl"
    run_plaudit("export", "--project", PROJECT, "--format", "v2", "--out", sent, "--data", data)
    runs: dict[str, list[Download]] = {"bare": [], "plaudit": []}
    with serve_bytes(sent) as bare, serve_plaudit(data) as server:
        wait_until_idle(server)  # the words of imported tasks are read, for minutes
        target = f"/manage/v1/projects/{_project_id(sent)}/export?format=v2"
        for _ in range(plan.rounds):
            runs["bare"].append(_download(bare, "/"))
            runs["plaudit"].append(_download(server, target))
    if not all(one.size >= sent.stat().st_size for found in runs.values() for one in found):
        raise ValueError("a download was not whole")
    return _report(runs, count, size, sent, is_judged=shape is LARGE)


def _report(
    runs: dict[str, list[Download]], count: int, size: str, sent: Path, *, is_judged: bool
) -> Section:
    megabytes = sent.stat().st_size / 1e6
    section = Section(
        f"Download of whole tasks of {size}",
        f"`GET …/export?format=v2` of {count:,} tasks ({megabytes:,.0f} MB of JSON lines) on "
        "SQLite, beside a process that sends the same bytes from memory. Runs are interleaved, "
        "figures are medians; CPU is that of the server, without that of the client.",
        ("server", "MB per second", "tasks per second", "MB per CPU second"),
    )
    seconds = {name: median(one.seconds for one in found) for name, found in runs.items()}
    cpu = {name: median(one.cpu for one in found) for name, found in runs.items()}
    for name, label in (("bare", "the bytes alone"), ("plaudit", "plaudit")):
        section.rows.append(
            (
                label,
                f"{megabytes / seconds[name]:,.0f}",
                f"{count / seconds[name]:,.0f}",
                f"{megabytes / cpu[name]:,.0f}",
            )
        )
    what = f"download of tasks of {size}: export / the bytes alone"
    section.figures += [
        Figure(
            f"{what}, MB/s",
            seconds["bare"] / seconds["plaudit"],
            at_least=RATIO_MIN if is_judged else None,
            why_missed=WHY_MISSED,
        ),
        Figure(f"{what}, MB per CPU second", cpu["bare"] / cpu["plaudit"]),
    ]
    return section


def _project_id(exported: Path) -> str:
    with exported.open("rb") as lines:
        return str(json.loads(next(lines))["project"])


def _download(server: Server, target: str) -> Download:
    """Ask once, and take whatever comes as fast as it does; the head counts as well."""
    request = get(server.port, target, server.key)
    request = request.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
    buffer, size, before = bytearray(RECEIVED_BYTES), 0, server.cpu_seconds()
    started_at = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        while received := connection.recv_into(buffer):
            size += received
    seconds = time.perf_counter() - started_at
    time.sleep(SETTLE_SECONDS)
    return Download(seconds, cpu_between(before, server.cpu_seconds()), size)
