"""Splits of an export: a prompt is in one part, and the parts have about their shares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.rows import RowOptions
from plaudit.formats.exporting.splits import path_of_split, read_splits, split_of
from tests.formats.reading import published_path
from tests.support.exports.judged_tasks import judged_task
from tests.support.exports.projects import export_project, import_files
from tests.support.harness import one_engine
from tests.support.running.every_case import every_case


@every_case(
    "text",
    ["train", "train=1.1", "train=0.5", "train=0.5,train=0.5", "a/b=1", "train=x", "=1", "",
     "train=0,test=1", "train=nan,test=1"],
)  # fmt: skip
def test_shares_that_are_none_are_refused(text):
    with pytest.raises(InvalidContent):
        read_splits(text)


def test_equal_keys_fall_into_equal_parts_of_about_their_share():
    splits = read_splits("train=0.8, val=0.1, test=0.1")
    found = [split_of(f"prompt {number}".encode(), splits) for number in range(4000)]

    assert found == [split_of(f"prompt {number}".encode(), splits) for number in range(4000)]
    shares = {name: found.count(name) / len(found) for name in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.02)


def test_three_thirds_are_a_whole():
    assert [one.name for one in read_splits("a=0.1,b=0.2,c=0.7")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("a.jsonl", "a.train.jsonl"),
        ("a.jsonl.gz", "a.train.jsonl.gz"),
        ("a.b.parquet", "a.b.train.parquet"),
    ],
)
def test_a_part_is_named_before_the_suffix(out, expected):
    assert path_of_split(Path("x") / out, "train") == Path("x") / expected


@one_engine
def test_no_tree_of_conversations_is_cut_in_two(world, tmp_path):
    import_files(world, "oasst", published_path("oasst-en100/en_100_tree.jsonl"))
    splits = read_splits("train=0.9,test=0.1")

    done = export_project(
        world,
        tmp_path / "out.jsonl",
        "trl-preference",
        splits=splits,
        rows=RowOptions(pairs=PairPolicy.all),
    )

    origins = done.manifest["origins"]
    by_task = {}
    for origin in origins:
        by_task.setdefault(origin["task_id"], set()).add(origin["split"])
    assert {len(parts) for parts in by_task.values()} == {1}
    assert {origin["split"] for origin in origins} == {"train", "test"}
    assert [one["name"] for one in done.manifest["files"]] == ["out.train.jsonl", "out.test.jsonl"]
    assert sum(one["rows"] for one in done.manifest["files"]) == len(origins) == done.result.rows


@one_engine
def test_an_equal_first_question_of_two_tasks_falls_into_one_part(world, tmp_path):
    tasks = [judged_task(number, "alpha") for number in range(20)]
    for number, task in enumerate(tasks):
        task["threads"][0]["turns"][0]["messages"][0]["content"]["text"] = f"Hi {number % 5}"
    world.load(tasks)

    export_project(
        world,
        tmp_path / "out.jsonl",
        "trl-preference",
        project="project_123",
        splits=read_splits("a=0.5,b=0.5"),
    )

    first, second = (
        set(re.findall(r"Hi \d", (tmp_path / f"out.{name}.jsonl").read_text())) for name in "ab"
    )
    assert first | second == {f"Hi {number}" for number in range(5)}
    assert not first & second
