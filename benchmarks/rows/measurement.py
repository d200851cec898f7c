"""Measure how fast files of rows are read, and in how much memory."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.plan import Plan
from benchmarks.report import Figure, Section

MEMORY_MIB_MAX = 250
CSV_RATIO_MIN = 0.5
_TEXT = "An answer of some length, with a comma, that a model could have given. " * 4


def measure_rows(plan: Plan) -> Iterator[Section]:
    """Yield rows a second and the peak of memory, each reader in a process of its own."""
    section = Section(
        "Reading files of rows",
        "Plaudit's reader checks every row (`NaN`, duplicate keys, NUL, depth, ragged rows); the"
        " readers of the standard library read alone. CPU seconds and peak memory are those of one"
        " process each, from its start.",
        ("file", "MB", "reader", "rows", "rows/s", "peak MiB"),
    )
    table, array = plan.work / "rows.csv", plan.work / "rows.json"
    _write_csv(table, plan.rows_of_csv)
    _write_array(array, plan.bytes_of_array)
    for path, other in ((table, "csv.reader"), (array, "json.load")):
        rates = {}
        for reader in (other, "read_rows"):
            found = _measured(reader, path)
            rates[reader] = found["rows"] / found["seconds"]
            peak_mib = found["peak_kib"] / 1024
            section.rows.append(
                (
                    path.suffix[1:],
                    f"{path.stat().st_size / 1e6:.0f}",
                    reader,
                    f"{found['rows']:,.0f}",
                    f"{rates[reader]:,.0f}",
                    f"{peak_mib:.0f}",
                )
            )
        kind = "CSV" if path is table else "a JSON array"
        section.figures.append(
            Figure(f"peak memory, {kind}", peak_mib, at_most=MEMORY_MIB_MAX, unit=" MiB")
        )
        section.figures.append(
            Figure(
                f"rate of reading {kind}, beside {other}",
                rates["read_rows"] / rates[other],
                at_least=CSV_RATIO_MIN if path is table and plan.name == "full" else None,
            )
        )
    yield section


def _measured(reader: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rows.reader", reader, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _write_csv(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "prompt", "response_a", "response_b", "label"))
        for number in range(count):
            asked = f'Question {number}, "why"?' if number % 5 == 0 else f"Question {number}?"
            texts = _TEXT[: 80 + number % 40], _TEXT[: 60 + number % 50]
            writer.writerow((number, asked, *texts, number % 3))


def _write_array(path: Path, size: int) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Question?"},
            {"role": "assistant", "content": _TEXT},
        ],
        "chosen": _TEXT,
        "rejected": _TEXT[:100],
    }
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n")
        number = 0
        while file.tell() < size:
            file.writelines(
                f"{',' if number + at else ''}\n{json.dumps({'id': number + at} | row)}"
                for at in range(100)
            )
            number += 100
        file.write("\n]\n")
