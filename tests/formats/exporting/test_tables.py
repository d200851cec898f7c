"""Tables for analysis and for people: their rows, the types of their columns, and empty ones."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.exports.judged_tasks import judged_task, judged_tasks
from tests.support.exports.projects import export_project
from tests.support.harness import one_engine

pytestmark = one_engine

TABLES = ("tasks", "messages", "annotations", "comparisons", "votes")


def table_of(world, folder, name, container="jsonl"):
    return export_project(world, folder / f"{name}.{container}", name, project="project_123")


def cells(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_each_task_has_a_row_of_every_status(world, tmp_path):
    world.load([judged_task(0, "alpha", metadata={"k": [1]}), make_task("open", "pending")])

    done, still_open = table_of(world, tmp_path, "tasks").rows

    assert (done["status"], done["turns"], done["messages"], done["responses"]) == (
        *("completed", 2, 5, 3),
    )
    assert (done["prompt"], done["metadata"], done["contributors"]) == ("Hello 0", {"k": [1]}, 1)
    assert (still_open["status"], still_open["completed_at"], still_open["turns"]) == (
        *("pending", None, 0),
    )


def test_each_message_has_a_row_with_its_place(world, tmp_path):
    world.load([judged_task(0, "alpha")])

    rows = table_of(world, tmp_path, "messages").rows

    assert [(row["turn"], row["message"], row["role"], row["source_id"]) for row in rows] == [
        *((0, 0, "user", "user"), (0, 1, "assistant", "assistant")),
        *((1, 0, "user", "user"), (1, 1, "assistant", "alpha"), (1, 2, "assistant", "beta")),
    ]
    assert (rows[3]["text"], rows[3]["model"]) == ("alpha says 0.\u2028 ", "alpha-7b")


def test_a_value_and_each_vote_have_a_row(world, tmp_path):
    world.load([judged_task(0, "alpha", "alpha", "beta")])

    rows = table_of(world, tmp_path, "annotations").rows
    votes = table_of(world, tmp_path, "votes").rows

    chosen = [row for row in rows if row["key"] == "selected_model_id"]
    assert [
        (row["is_consolidated"], row["contributor_id"], row["value_text"]) for row in chosen
    ] == [
        *((True, None, "alpha"), (False, "anna", "alpha"), (False, "ben", "alpha")),
        (False, "cleo", "beta"),
    ]
    assert [(row["contributor_id"], row["value_text"]) for row in votes] == [
        *(("anna", "alpha"), ("ben", "alpha"), ("cleo", "beta")),
    ]
    assert votes[1]["submitted_at"] == "2025-01-01T00:00:01.000Z"


def test_a_value_of_one_person_is_theirs(world, tmp_path):
    world.load([judged_task(0, "alpha")])

    rows = table_of(world, tmp_path, "annotations").rows

    assert {row["contributor_id"] for row in rows} == {"anna"}


def test_values_stand_in_the_column_of_their_kind(world, tmp_path):
    values = {"integer": 3, "text": "t", "boolean": True, "category_multiple": ["a", "b"]}
    annotations = [make_annotation(kind, value, type=kind) for kind, value in values.items()]
    messages = [make_message("user", "?"), make_message("one", "1", annotations=annotations)]
    world.load([make_task(threads=[make_thread(turns=[make_turn(messages=messages)])])])

    rows = table_of(world, tmp_path, "annotations").rows

    names = ("value_number", "value_text", "value_bool", "value_json")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (3.0, None, None, None),
        (None, "t", None, None),
        (None, None, True, None),
        (None, None, None, ["a", "b"]),
    ]
    assert {(row["level"], row["source_id"], row["place"]) for row in rows} == {
        ("message", "one", 1)
    }


def test_steps_and_criteria_have_their_level_and_number(world, tmp_path):
    label = make_annotation("step_label", "correct", type="category")
    chunks = [{"type": "step", "text": text, "annotations": [label]} for text in ("a", "b")]
    message = make_message("one", content={"chunks": chunks})
    turn = make_turn(messages=[make_message("user", "?"), message])
    world.load([make_task(threads=[make_thread(turns=[turn])])])

    rows = table_of(world, tmp_path, "annotations").rows

    assert [(row["level"], row["part"]) for row in rows] == [("chunk", 0), ("chunk", 1)]


def test_a_comparison_has_its_responses_and_its_pairs(world, tmp_path):
    world.load([judged_task(0, "alpha", "alpha", "beta"), judged_task(1, "tie")])

    rows = [row for row in table_of(world, tmp_path, "comparisons").rows if row["turn"] == 1]

    assert [row["verdict"] for row in rows] == ["prefer", "tie"]
    assert rows[0]["pairs"] == [
        {"better": "alpha", "worse": "beta", "strength": 1 / 3, "contributor_id": None}
    ]
    assert rows[0]["responses"][1]["ratings"] == {"overall": 3, "acceptable": False}
    assert (rows[0]["strength"], rows[0]["preference_value"], rows[0]["votes"]) == (1 / 3, 3, 3)


@pytest.mark.parametrize("name", TABLES)
def test_parquet_has_times_and_no_maps_and_the_rows_of_json_lines(world, tmp_path, name):
    world.load(judged_tasks())
    lines = table_of(world, tmp_path, name).rows

    table = pyarrow.parquet.read_table(table_of(world, tmp_path, name, "parquet").path)

    kinds = {field.name: field.type for field in table.schema}
    times = [kind for column, kind in kinds.items() if column.endswith("_at")]
    assert set(times) <= {pyarrow.timestamp("us", tz="UTC")}
    assert not any(pyarrow.types.is_map(kind) for kind in kinds.values())
    assert table.num_rows == len(lines) > 0
    assert table.column("task_id").to_pylist() == [row["task_id"] for row in lines]
    if "completed_at" in kinds:
        first = table.column("completed_at").to_pylist()[0]
        assert first == dt.datetime.fromisoformat(lines[0]["completed_at"])
    if name == "comparisons":
        ratings = [json.loads(one["ratings"]) for one in table["responses"].to_pylist()[1]]
        assert ratings == [one["ratings"] for one in lines[1]["responses"]]


@pytest.mark.parametrize("name", [*TABLES, "trl-preference", "helpsteer"])
def test_an_empty_export_has_its_schema(world, tmp_path, name):
    world.project("project_123")

    done = table_of(world, tmp_path, name, "parquet")

    columns = [one.name for one in EXPORT_FORMATS[name].columns]
    assert pyarrow.parquet.read_table(done.path).schema.names == columns
    if name in TABLES:
        empty = table_of(world, tmp_path, name, "csv").path.read_text()
        assert empty.strip().split(",") == columns
    assert done.manifest["why_no_rows"] == "no task is selected"


# --- for people ---


def test_a_flat_table_has_a_comparison_a_row(world, tmp_path):
    world.load([judged_task(0, "alpha"), judged_task(1, "tie")])

    rows = [
        row for row in cells(table_of(world, tmp_path, "csv", "csv").path) if row["turn"] == "2"
    ]

    assert [(row["verdict"], row["better"]) for row in rows] == [("prefer", "alpha"), ("tie", "")]
    first = rows[0]
    assert (first["prompt"], first["response_2"]) == (" A question?", "beta says 0.\u2028 ")
    assert first["context"] == "user: Hello 0\n\nassistant: Hi! What is it?"
    assert first["ratings_1"] == "overall: 2\nacceptable: true"
    assert first["response_3"] == ""


def test_responses_beyond_the_fourth_are_kept_in_one_cell(world, tmp_path):
    messages = [make_message("user", "?"), *(make_message(f"m{n}", f"{n}") for n in range(6))]
    world.load([make_task(threads=[make_thread(turns=[make_turn(messages=messages)])])])

    [row] = cells(table_of(world, tmp_path, "csv", "csv").path)

    assert [one["response"] for one in json.loads(row["other_responses"])] == ["4", "5"]


FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"]


def test_a_spreadsheet_runs_nothing_of_a_flat_table(world, tmp_path):
    messages = [make_message("user", "=cmd()"), *(
        make_message(f"m{n}", text) for n, text in enumerate(FORMULAS[:4])
    )]  # fmt: skip
    world.load([make_task(threads=[make_thread(turns=[make_turn(messages=messages)])])])

    [row] = cells(table_of(world, tmp_path, "csv", "csv").path)
    book = openpyxl.load_workbook(table_of(world, tmp_path, "xlsx", "xlsx").path)

    assert row["prompt"] == "'=cmd()"
    assert [row[f"response_{n}"] for n in range(1, 5)] == [f"'{text}" for text in FORMULAS[:4]]
    head, first = book.active.iter_rows()
    named = {name.value: cell for name, cell in zip(head, first, strict=True)}
    assert (named["prompt"].value, named["prompt"].data_type) == ("=cmd()", "s")


# --- turns of several threads ---


def test_a_turn_that_threads_share_has_its_rows_once(world, tmp_path):
    threads = []
    for number in range(2):
        [thread] = judged_task(0, "alpha")["threads"]
        going_on = make_annotation("continued_from", f"m{number}", type="category")
        thread["turns"][0]["annotations"].append(going_on)
        threads.append({**thread, "id": f"thread_{number}"})
    world.load([make_task(threads=threads)])

    messages = table_of(world, tmp_path, "messages").rows
    comparisons = table_of(world, tmp_path, "comparisons").rows

    assert [row["message"] for row in messages] == [0, 1, 0, 1, 2]
    assert [row["turn"] for row in comparisons] == [0, 1]


def test_turns_of_one_id_that_say_different_things_are_all_there(world, tmp_path):
    threads = []
    for number in range(2):
        [thread] = judged_task(number, "alpha")["threads"]
        threads.append({**thread, "id": f"thread_{number}"})
    world.load([make_task(threads=threads)])

    rows = [(row["thread"], row["turn"]) for row in table_of(world, tmp_path, "comparisons").rows]

    assert rows == [(0, 0), (0, 1), (1, 0), (1, 1)]
