"""Exported files as their readers load them: pyarrow, pandas, polars, duckdb and `datasets`.

All of them get the same rows, with the ids, texts and times that were written.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from plaudit.formats.exporting.export_format import ColumnType, ExportColumn, ExportContainer
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.support.builders import make_task
from tests.support.exports.judged_tasks import judged_task, judged_tasks, steps_task
from tests.support.exports.projects import export_project
from tests.support.harness import World, above_the_store


class Libraries:
    """Readers that take a second to import: they are imported by the tests, not where these are
    collected."""

    datasets = cached_property(lambda self: import_module("datasets"))
    duckdb = cached_property(lambda self: import_module("duckdb"))
    pandas = cached_property(lambda self: import_module("pandas"))
    polars = cached_property(lambda self: import_module("polars"))


LIBRARIES = Libraries()

pytestmark = above_the_store

IDS = ("007", "1e5", "null", "2024-01-01", "NaN")
"""Ids that a reader might take for something else."""

LOADED = [
    (name, container.value)
    for name, one in EXPORT_FORMATS.items()
    for container in one.containers
    if container is not ExportContainer.xlsx and one.columns
]
"""Formats with columns; whole tasks have annotation values of several types in one member."""

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def exported(open_shared, tmp_path_factory) -> Callable[[str, str], Path]:
    """The file of a format in a container; each of tasks that give every format rows."""
    world: World = open_shared()
    ids = iter(IDS)
    tasks = [task | {"task_id": next(ids, task["task_id"])} for task in judged_tasks()]
    labels = {"set": "a", "n": 1}
    more = [judged_task(20, "beta", metadata=labels), *(steps_task(n) for n in range(2))]
    assert world.load([*tasks, *more, make_task("open", "pending")])[1] == []
    folder = tmp_path_factory.mktemp("exported")

    def export(name: str, container: str) -> Path:
        out = folder / f"{name}.{container}"
        export_project(world, out, name, project="project_123")
        return out

    return export


@pytest.fixture(autouse=True)
def quiet_datasets(monkeypatch, tmp_path):
    """Keep what `datasets` writes in the test's folder, without bars."""
    monkeypatch.setattr(LIBRARIES.datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    LIBRARIES.datasets.disable_progress_bars()


def written(path: Path) -> Rows:
    """Values of the rows as they stand in the file, without a library that guesses types."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".parquet":
        return list(pyarrow.parquet.read_table(path).to_pylist())
    text = path.read_text("utf-8")
    return json.loads(text) if path.suffix == ".json" else list(map(json.loads, text.splitlines()))


def readers(path: Path) -> Iterator[tuple[str, Callable[[], Rows]]]:
    """Readers of a file by name; each returns its rows as objects."""
    name = str(path)

    def load(builder: str, **options: Any) -> Rows:
        loaded = LIBRARIES.datasets.load_dataset(
            builder, data_files=name, split="train", cache_dir=str(path.parent / "cache"), **options
        )
        return list(loaded)

    def query(call: str) -> Rows:
        found = LIBRARIES.duckdb.sql(f"SELECT * FROM {call}")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    if path.suffix == ".parquet":
        yield "pandas", lambda: LIBRARIES.pandas.read_parquet(path).to_dict("records")
        yield "polars", lambda: LIBRARIES.polars.read_parquet(path).to_dicts()
        yield "duckdb", lambda: query(f"read_parquet('{name}')")
        yield "datasets", lambda: load("parquet")
    elif path.suffix == ".csv":
        # Cells have no types: readers are told that all are texts.
        names = list(written(path)[0])
        yield (
            "pandas",
            lambda: LIBRARIES.pandas.read_csv(path, dtype=str, na_filter=False).to_dict("records"),
        )
        yield "polars", lambda: LIBRARIES.polars.read_csv(path, infer_schema=False).to_dicts()
        yield "duckdb", lambda: query(f"read_csv('{name}', all_varchar = true)")
        texts = LIBRARIES.datasets.Features(
            dict.fromkeys(names, LIBRARIES.datasets.Value("string"))
        )
        yield "datasets", lambda: load("csv", features=texts, keep_default_na=False)
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        typed = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
        yield (
            "pyarrow",
            lambda: pyarrow.csv.read_csv(
                path, parse_options=parsing, convert_options=typed
            ).to_pylist(),
        )
    elif path.suffix == ".jsonl":
        yield (
            "pandas",
            lambda: LIBRARIES.pandas.read_json(
                path, lines=True, dtype=False, convert_dates=False, precise_float=True
            ).to_dict("records"),
        )
        yield (
            "polars",
            lambda: LIBRARIES.polars.read_ndjson(path, infer_schema_length=None).to_dicts(),
        )
        yield "duckdb", lambda: query(f"read_json('{name}', format = 'newline_delimited')")
        yield "datasets", lambda: load("json")
        yield "pyarrow", lambda: pyarrow.json.read_json(path).to_pylist()
    else:
        yield "pandas", lambda: LIBRARIES.pandas.read_json(path, dtype=False).to_dict("records")
        yield (
            "polars",
            lambda: LIBRARIES.polars.read_json(path, infer_schema_length=None).to_dicts(),
        )
        yield "duckdb", lambda: query(f"read_json('{name}', format = 'array')")
        yield "datasets", lambda: load("json")


def plain(value: Any) -> Any:
    """A value without its library's types: lists, objects, texts, times in UTC, None.

    A cell of CSV cannot say whether its text is empty or null.
    """
    if hasattr(value, "tolist") and not isinstance(value, str):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if (
        value is None
        or value is LIBRARIES.pandas.NaT
        or value == ""
        or (isinstance(value, float) and math.isnan(value))
    ):
        return None
    if isinstance(value, float):
        return float(f"{value:.9g}")  # `datasets` reads ten digits beside values of any type
    if isinstance(value, LIBRARIES.pandas.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
    return value


def as_time(value: Any) -> Any:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) and value else value


def is_free(column: ExportColumn) -> bool:
    """True for a column with values of any type, which JSON readers guess each in its own way."""
    return column.type is ColumnType.json or any(map(is_free, column.fields))


@pytest.mark.parametrize(("name", "container"), LOADED)
@pytest.mark.filterwarnings("ignore")
def test_readers_agree_on_rows_ids_and_texts(exported, name, container):
    path = exported(name, container)
    rows = written(path)

    assert rows
    found = {reader: read() for reader, read in readers(path)}

    assert {reader: len(given) for reader, given in found.items()} == dict.fromkeys(
        found, len(rows)
    )
    declared = EXPORT_FORMATS[name].columns
    is_typed = path.suffix in (".parquet", ".csv")
    columns = [column.name for column in declared if is_typed or not is_free(column)]
    times = {column.name for column in declared if column.type is ColumnType.time}
    free = {column.name for column in declared if is_free(column)}
    json_rows = written(exported(name, "jsonl")) if container == "parquet" else []
    for column in columns:
        if column not in rows[0]:
            continue
        read = as_time if column in times else plain
        source = rows if column in free or container != "parquet" else json_rows
        expected = [read(plain(row[column])) for row in source]
        for reader, given in found.items():
            values = [read(plain(one[column])) for one in given]
            assert values == expected, (reader, column)


@pytest.mark.parametrize("name", ["tasks", "annotations", "comparisons", "trl-preference"])
@pytest.mark.filterwarnings("ignore")
def test_datasets_keeps_the_types_of_parquet(exported, name, tmp_path):
    """What is loaded, saved as Parquet and loaded again has the columns and types of the export."""
    path = exported(name, "parquet")
    loaded = LIBRARIES.datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path)
    )
    again = tmp_path / "again.parquet"
    loaded.to_parquet(str(again))

    schema = pyarrow.parquet.read_schema(path).remove_metadata()
    kept = pyarrow.parquet.read_schema(again).remove_metadata()
    assert [field.name for field in kept] == [field.name for field in schema]
    assert [str(field.type) for field in kept] == [str(field.type) for field in schema]
    assert pyarrow.parquet.read_table(again).to_pylist() == written(path)
