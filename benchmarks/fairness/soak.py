"""Serve requests of every kind for minutes or hours, and see whether anything only ever grows."""

import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.fairness.store import make_tenants
from benchmarks.fairness.traffic import Config, Sample, Traffic
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, serve_plaudit
from plaudit.settings import Settings

ACTORS = (
    *("lists", "lists", "pages", "pages", "pages", "pages", "claims", "claims"),
    *("work", "work", "work", "work", "uploads", "uploads", "deliveries"),
)
RATE = 15.0
"""Requests a second."""
UPLOAD_BYTES = 50_000
WARM_UP_MINUTES = 10
"""In which caches fill; growth is counted afterwards."""
GROWTH_MB_MAX = 2.0
"""In an hour."""
MEGABYTE = 1024 * 1024


class Reading:
    """Sizes of a server at one moment."""

    def __init__(self, server: Server, data: Path, minute: float) -> None:
        pid = server.process.pid
        self.minute = minute
        self.resident_mb = _resident_mb(pid)
        self.tree_mb = server.memory_mb()[0]
        self.open_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        self.log_mb = (data / "plaudit.sqlite-wal").stat().st_size / MEGABYTE

    def cells(self, samples: Sequence[Sample]) -> tuple[str, ...]:
        seconds = sorted(sample.seconds for sample in samples)
        p99 = seconds[math.ceil(0.99 * len(seconds)) - 1] * 1e3 if seconds else math.nan
        return (
            f"{self.minute:.0f}",
            f"{self.resident_mb:.1f}",
            f"{self.tree_mb:.1f}",
            str(self.open_files),
            f"{self.log_mb:.1f}",
            str(len(samples)),
            statuses(samples),
            f"{p99:.1f}",
        )


COLUMNS = (
    "minute", "RSS MB", "with rendering MB", "files", "WAL MB", "requests", "statuses", "p99 ms",
)  # fmt: skip


def measure_soak(plan: Plan) -> Iterator[Section]:
    """Yield the section on a served SQLite store, with a line for each minute."""
    minutes = plan.soak_minutes
    data = plan.work / "soak"
    tasks = int(minutes * 60 * RATE / len(ACTORS) * ACTORS.count("work")) + 100
    (tenant,) = make_tenants(Settings(data=data), names=("soak",), tasks=tasks)
    readings, rows = [], []
    config = Config(
        port=0, tenant=tenant, actors=[*ACTORS], rate=RATE, page_limit=20, upload_bytes=UPLOAD_BYTES
    )
    failures = 0
    with serve_plaudit(data, key=tenant.key) as server:
        config.port = server.port
        began = time.monotonic()
        with Traffic(config) as traffic:
            for minute in range(1, math.ceil(minutes) + 1):
                time.sleep(max(0.0, began + 60 * min(minute, minutes) - time.monotonic()))
                samples = traffic.read()
                failures += sum(sample.status not in (200, 303) for sample in samples)
                readings.append(Reading(server, data, (time.monotonic() - began) / 60))
                rows.append(readings[-1].cells(samples))
                print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    growth = growth_mb_per_hour([(one.minute, one.resident_mb) for one in readings])
    yield Section(
        "Memory over time",
        f"{RATE:.0f} requests a second over every kind: lists, pages, claims, drafts, submissions, "
        "uploads and deliveries, on SQLite. RSS is the serving process's; growth is the slope of a "
        f"line through its values after the first {WARM_UP_MINUTES} minutes, or in a shorter run "
        "through those of its second half.",
        COLUMNS,
        rows=rows,
        figures=[
            Figure("growth of memory", growth, at_most=GROWTH_MB_MAX, unit=" MB an hour"),
            Figure("requests that failed", failures, at_most=0, unit=""),
            Figure("largest WAL", max(one.log_mb for one in readings), unit=" MB"),
            Figure("most open files", max(one.open_files for one in readings), unit=""),
        ],
    )


def growth_mb_per_hour(sizes: Sequence[tuple[float, float]]) -> float:
    """Slope of a line through (minute, MB) after the warm-up, in MB an hour."""
    begin = min(WARM_UP_MINUTES, sizes[-1][0] / 2)
    counted = [(minute, size) for minute, size in sizes if minute >= begin]
    middle = sum(minute for minute, _ in counted) / len(counted)
    spread = sum((minute - middle) ** 2 for minute, _ in counted)
    if not spread:
        return 0.0
    return 60 * sum((minute - middle) * size for minute, size in counted) / spread


def statuses(samples: Sequence[Sample]) -> str:
    """Number of answers of each status; 0 is none."""
    counts = Counter(sample.status for sample in samples)
    return ", ".join(f"{count}×{status}" for status, count in sorted(counts.items()))


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return math.nan
