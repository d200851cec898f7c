"""Published sets in a store: from a file to what the API delivers, and work that is left to do."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.questions import questions
from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import Reject, import_sources
from plaudit.formats import detection
from plaudit.formats.common.file_import import FileImport, InputFile, TaskUse
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.wire.v2.task import Thread
from tests.formats import (
    test_biggen,
    test_gsm8k,
    test_hh,
    test_pandalm,
    test_topical_chat,
    test_xstest,
)
from tests.formats.reading import published_path, read_rows_by, read_values, rows_in
from tests.support.harness import World, one_engine, walk

XSTEST_MODELS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")

PUBLISHED = {
    "pandalm": (999, [test_pandalm.PUBLISHED]),
    "xstest": (
        450,
        [f"xstest-completions/xstest_v2_completions_{model}.csv" for model in XSTEST_MODELS],
    ),
    "topical-chat": (539, [test_topical_chat.PUBLISHED]),
    "gsm8k": (1319, [test_gsm8k.PUBLISHED]),
    "biggen": (695, [test_biggen.PUBLISHED]),
}
"""Number of tasks and files of each set."""


def import_into(
    world: World, paths: list[Path], name: str, *, is_strict: bool = False, is_pending: bool = False
) -> tuple[Summary, list[Reject]]:
    """Import files into the project `Set`, as the command does."""
    rejects: list[Reject] = []
    inputs = [InputFile(path, path.name, path.stat().st_size) for path in paths]
    options, use = ImportOptions(is_strict=is_strict), TaskUse(is_pending=is_pending)
    with closing(
        FileImport(inputs, FORMATS[name], options, project_name="Set", use=use)
    ) as prepared:
        prepared.prepare()
        imported = import_sources(
            world.db,
            world.org("default"),
            prepared.sources,
            project_name="Set",
            replace=False,
            strict=is_strict,
            on_reject=rejects.append,
            objects=world.objects,
            project_form=prepared.form,
        )
        return world.run(imported), rejects


def written(folder: Path, values: list[Any]) -> list[Path]:
    """A file of JSON lines."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return [path]


def as_object(folder: Path, values: list[Any]) -> list[Path]:
    """A file that is one object of rows."""
    path = folder / "rows.json"
    path.write_text(json.dumps({f"k{n}": value for n, value in enumerate(values)}), "utf-8")
    return [path]


def as_csv(folder: Path, values: list[Any]) -> list[Path]:
    """A CSV file for each of two models."""
    paths = [folder / f"xstest_v2_completions_{model}.csv" for model in ("tern", "gull")]
    for path in paths:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(values[0]))
            writer.writeheader()
            writer.writerows(values)
    return paths


SAMPLES: dict[str, tuple[Any, list[Any], list[str]]] = {
    "pandalm": (
        written,
        [test_pandalm.row(1, 1, 0), test_pandalm.row(0, 0, 2, idx=8), test_pandalm.row(2, idx="x")],
        ["selected_model_id", "likert_value"],
    ),
    "xstest": (as_csv, [test_xstest.row(1), test_xstest.row(2)], ["refusal"]),
    "topical-chat": (
        as_object,
        [test_topical_chat.chat()],
        ["turn_rating", "sentiment", "knowledge_source", "conversation_rating"],
    ),
    "gsm8k": (written, [test_gsm8k.row(), test_gsm8k.row()], ["is_correct"]),
    "biggen": (
        as_object,
        [test_biggen.row(), test_biggen.row(id="b", response="Cold borscht.")],
        ["response", "score"],
    ),
    "hh": (
        written,
        [test_hh.pair(), test_hh.different(), test_hh.repeated()],
        ["selected_model_id"],
    ),
}
"""Way to write a file, rows, and the keys of the form that the project gets, for each format."""


def plain(part: Any) -> Any:
    """A part of a task without the ids of its annotations, and without null."""
    if isinstance(part, list):
        return [plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {name: plain(member) for name, member in part.items() if member is not None}
    if "key" in kept:
        kept.pop("id", None)
    return kept


def delivered(client: Any) -> list[Any]:
    """The tasks of the project with all details."""
    opts = ["annotation_details", "submissions", "model_parameters"]
    return walk(client, project_name="Set", opts=opts)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_set_is_delivered_as_it_was_read_and_comes_in_once(world, client, tmp_path, name):
    write, values, keys = SAMPLES[name]
    paths = write(tmp_path, values)
    read = read_rows_by(
        FORMATS[name], [row for path in paths for row in rows_in(path, FORMATS[name])]
    ).tasks

    summary, rejects = import_into(world, paths, name)

    tasks = delivered(client)
    assert (summary.total("added"), rejects) == (len(read), [])
    assert plain([task["threads"] for task in tasks]) == plain([made.threads for made in read])
    assert {task["status"] for task in tasks} == {"completed"}
    assert len({task["task_id"] for task in tasks}) == len(read) > 0
    for task, made in zip(tasks, read, strict=True):
        assert task["task_id"].startswith(f"{name}_")
        metadata = task.get("metadata", {})
        assert made.metadata.items() <= metadata.items()
        assert metadata.get("import_flags", []) == made.flags
    project = client.get(f"/manage/v1/projects/{tasks[0]['project']}").json()
    assert [field["key"] for field in project["form"]["fields"]] == keys
    again, _ = import_into(world, paths, name)
    assert again.total("unchanged") == len(read)
    assert delivered(client) == tasks


@one_engine
@pytest.mark.parametrize("name", SAMPLES)
def test_a_set_can_come_in_as_open_work_without_what_was_judged(world, client, tmp_path, name):
    write, values, _ = SAMPLES[name]

    summary, rejects = import_into(world, write(tmp_path, values), name, is_pending=True)

    tasks = delivered(client)
    assert (summary.total("added"), rejects) == (len(tasks), [])
    assert {task["status"] for task in tasks} == {"pending"}
    assert all(task["threads"] == [] for task in tasks)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("pandalm", {"likert_value"}),
        ("xstest", {"refusal"}),
        ("topical-chat", {"conversation_rating"}),
        ("gsm8k", {"is_correct"}),
        ("biggen", {"response", "score"}),
        ("hh", {"selected_model_id"}),
    ],
)
def test_people_are_asked_what_the_set_answers(name, asked):
    form = FORMATS[name].reader(ImportOptions(), ImportNotes()).form()
    tasks = read_values(FORMATS[name], *SAMPLES[name][1]).tasks

    contents = [msgspec.convert(task.threads, list[Thread]) for task in tasks]

    found = [{question.field.key for question in questions(form, content)} for content in contents]
    assert all(found)
    assert set.union(*found) == asked


@one_engine
def test_a_refused_row_is_named_and_a_strict_import_leaves_nothing(world, client, tmp_path):
    rows = [test_hh.pair(), test_hh.different(), {"chosen": "x", "rejected": "y"}]
    paths = written(tmp_path, rows)

    _, refused = import_into(world, paths, "hh", is_strict=True)

    assert [(one.line, one.pointer) for one in refused] == [(2, "/rejected"), (3, "/chosen")]
    assert client.get("/v2/tasks", params={"project_name": "Set"}).status_code == 404
    lenient, [reject] = import_into(world, paths, "hh")
    assert (lenient.total("added"), reject.line) == (2, 3)
    assert len(delivered(client)) == 2


@one_engine
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_comes_in_whole_and_once(world, client, name):
    count, files = PUBLISHED[name]
    paths = [published_path(file) for file in files]

    summary, rejects = import_into(world, paths, name)

    assert (str(summary), rejects) == (f"tasks: {count} added", [])
    again, _ = import_into(world, paths, name)
    assert str(again) == f"tasks: {count} unchanged"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_file_is_detected(name):
    path = published_path(PUBLISHED[name][1][0])

    detected = detection.detect([InputFile(path, path.name, path.stat().st_size)])

    assert detected.format is FORMATS[name]
