"""The same ten rows in every container become the same tasks, byte for byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.containers.content import zstd
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from tests.support.harness import run_cli, store_arguments, walk

ROWS = [
    {
        "question": f'Frage {n}: "was"?\nZeile zwei,\tTab; é 数据 🙂' if n % 3 else f" {n} ",
        "one": f"=1+{n}",
        "two": "" if n == 4 else f"two, {n}\nlines" if n == 5 else f"two {n}",
        "better": ("1", "2", "0")[n % 3],
        "score": str(n % 5 + 1),
    }
    for n in range(10)
]
MAPPING: dict[str, Any] = {
    "prompt": "question",
    "responses": [{"text": "one", "ratings": {"score": "score"}}, {"text": "two"}],
    "preference": {"column": "better", "values": {"1": "first", "2": "second", "0": "tie"}},
}


def json_lines(rows: Any = ROWS, end: str = "\n") -> bytes:
    return "".join(json.dumps(row) + end for row in rows).encode()


def table(dialect: str = "excel", delimiter: str = ",", end: str = "\r\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, list(ROWS[0]), dialect=dialect, delimiter=delimiter, lineterminator=end
    )
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(list(ROWS[0]))
    for row in ROWS:
        book.active.append([row[name] or None for name in row])
    for line in book.active.iter_rows():
        for cell in line:
            if cell.value is not None:
                cell.data_type = "s"  # else the text is taken for a formula
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), file)
    return file.getvalue()


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "JSON lines": json_lines,
    "JSON lines with CRLF": lambda: json_lines(end="\r\n"),
    "JSON lines with a mark": lambda: b"\xef\xbb\xbf" + json_lines(),
    "JSON lines in gzip": lambda: gzip.compress(json_lines()),
    "JSON lines in zstd": lambda: zstd.compress(json_lines()),
    "an array": lambda: json.dumps(ROWS).encode(),
    "an indented array": lambda: b"\xef\xbb\xbf" + json.dumps(ROWS, indent=2).encode(),
    "an object": lambda: json.dumps({f"row{n}": row for n, row in enumerate(ROWS)}).encode(),
    "CSV": table,
    "CSV with LF": lambda: table(end="\n"),
    "CSV with a mark": lambda: b"\xef\xbb\xbf" + table(),
    "CSV in gzip": lambda: gzip.compress(table()),
    "TSV": lambda: table("excel-tab", "\t"),
    "XLSX": workbook,
    "XLSX in zstd": lambda: zstd.compress(workbook()),
    "Parquet": parquet,
    "Parquet in gzip": lambda: gzip.compress(parquet()),
}


def values_of(path: Path) -> list[Any]:
    """The tasks of a file as the store gets them."""
    with closing(
        FileImport(
            [InputFile(path, path.name, path.stat().st_size)],
            FORMATS["table"],
            ImportOptions(mapping=MAPPING),
            project_name="P",
        )
    ) as prepared:
        prepared.prepare()
        entries = [entry for source in prepared.sources() for entry in source.entries()]
    assert [entry.problem for entry in entries] == [None] * len(ROWS)
    return [entry.value for entry in entries]


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_ten_rows_become_the_same_tasks_in_every_container(tmp_path, make):
    plain, packed = tmp_path / "rows.jsonl", tmp_path / "rows"
    plain.write_bytes(json_lines())
    packed.write_bytes(make())

    assert msgspec.json.encode(values_of(packed)) == msgspec.json.encode(values_of(plain))


def test_rows_in_a_pipe_become_the_same_tasks_in_the_store(world, tmp_path):
    """A named pipe and a file through the command, into two projects of one store."""
    world.org()
    mapping, file, pipe = tmp_path / "m.json", tmp_path / "rows.csv", tmp_path / "pipe"
    mapping.write_text(
        'prompt = "question"\n[[responses]]\ntext = "one"\nratings = { score = "score" }\n'
        '[[responses]]\ntext = "two"\n'
        '[preference]\ncolumn = "better"\nvalues = { 1 = "first", 2 = "second", 0 = "tie" }\n'
    )
    file.write_bytes(table())
    os.mkfifo(pipe)
    found = []
    for path, name in ((file, "File"), (pipe, "Pipe")):
        writing = threading.Thread(target=pipe.write_bytes, args=(table(),))
        if path is pipe:
            writing.start()
        done = run_cli(
            *("import", str(path), "--mapping", str(mapping), "--project", name),
            *store_arguments(world.settings),
        )
        if path is pipe:
            writing.join()
        assert "tasks: 10 added" in done.stdout, done
        with world.client() as client:
            tasks = list(walk(client, limit=100, project_name=name, opts="annotation_details"))
        found.append([task["threads"] for task in tasks])

    assert [without_ids(threads) for threads in found[0]] == [without_ids(t) for t in found[1]]


def without_ids(part: Any) -> Any:
    if isinstance(part, list):
        return [without_ids(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {name: without_ids(inner) for name, inner in part.items() if name != "id"}
