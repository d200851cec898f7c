"""Read one file in a process of its own: `python -m benchmarks.rows.reader READER FILE`.

Prints the rows, the CPU seconds and the peak of memory in KiB as JSON.
"""

import csv
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.clock import cpu_between
from plaudit.formats.containers.reading import read_rows


def _read_rows(path: Path) -> int:
    return sum(row.problem is None for row in read_rows(path, path.name))


def _csv_reader(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def _json_load(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return len(json.load(file))


READERS: dict[str, Callable[[Path], int]] = {
    "read_rows": _read_rows,
    "csv.reader": _csv_reader,
    "json.load": _json_load,
}


def _peak_kib() -> int:
    """Peak of this program; what `getrusage` says counts the one that started it, too."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split()[0])


def main(name: str, path: Path) -> None:
    began = time.process_time()
    rows = READERS[name](path)
    seconds = cpu_between(began, time.process_time())
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_kib": _peak_kib()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
