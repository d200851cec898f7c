"""LLaMA-Factory's files, by the rules of its `SharegptDatasetConverter` (0.9.5)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from plaudit.errors import Misconfigured
from plaudit.formats.exporting.splits import read_splits
from tests.formats.exporting.making import (
    TWO,
    answers,
    asked,
    chose,
    export_file,
    import_files,
    judged_turn,
    lines,
    make,
    said,
    stored,
)
from tests.formats.reading import published_path
from tests.support.harness import one_engine

PAIR = asked(TWO, chose("a"))
MORE = said("user", "Is it?", source_id="more")
FIRST = asked(answers(c="C"))
ACCEPTED = (("human", "observation"), ("gpt", "function_call"))


def converted(row: dict[str, Any], entry: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    """Prompt and responses that the converter makes of a row; None for one that it drops."""
    columns, is_ranking = entry["columns"], entry.get("ranking", False)
    said_before = row[columns["messages"]]
    if said_before and said_before[0]["from"] == "system":
        said_before = said_before[1:]
    for number, one in enumerate(said_before):
        if one["from"] not in ACCEPTED[number % 2]:
            return None
    if len(said_before) % 2 != int(is_ranking):
        return None
    if is_ranking:
        ends = [row[columns[side]] for side in ("chosen", "rejected")]
        if not all(isinstance(end, dict) and end["from"] in ACCEPTED[1] for end in ends):
            return None
        return said_before, ends
    if "kto_tag" in columns and not isinstance(row[columns["kto_tag"]], bool):
        return None
    return said_before[:-1], said_before[-1:]


ENTRIES = {
    "llama-factory": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    },
    "llama-factory-kto": {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "kto_tag": "kto_tag"},
    },
    "llama-factory-sft": {"formatting": "sharegpt", "columns": {"messages": "conversations"}},
}


def test_a_pair_has_two_ends_of_one_conversation():
    assert make("llama-factory", PAIR).row == {
        "conversations": [{"from": "human", "value": "Question 0"}],
        "chosen": {"from": "gpt", "value": "Yes."},
        "rejected": {"from": "gpt", "value": "No."},
    }


def test_a_label_is_a_boolean_beside_the_whole_conversation():
    rows = make("llama-factory-kto", PAIR).rows

    assert [(row["conversations"][-1]["value"], row["kto_tag"]) for row in rows] == [
        ("Yes.", True), ("No.", False),
    ]  # fmt: skip


def test_a_conversation_ends_with_the_response_to_learn():
    row = make("llama-factory-sft", PAIR).row

    assert [one["value"] for one in row["conversations"]] == ["Question 0", "Yes."]


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize(
    ("context", "rule"),
    [
        ([said("user", "Hi.")], ""),
        ([said("system", "Be brief."), said("user", "Hi.")], ""),
        (
            [said("user", "Hi."), said("user", "Is it?", source_id="more")],
            "user and assistant do not take turns",
        ),
        ([said("user", "Hi."), said("system", "Now.")], "system message after the first place"),
        (
            [said("system", "A"), said("system", "B", source_id="more"), said("user", "Hi.")],
            "system message after the first place",
        ),
        ([said("system", "Be brief.")], "the prompt does not end with the user"),
        ([said("user", "Sum?"), said("function", "4")], "user and assistant do not take turns"),
    ],
)
def test_rows_that_would_be_dropped_are_left_out_by_rule(name, context, rule):
    made = make(name, judged_turn([*context, *TWO], chose("a")))

    assert all(converted(row, ENTRIES[name]) is not None for row in made.rows)
    if rule:
        assert made.rows == []
        assert set(made.skipped) == {f"cannot_be_written: {rule}"}
    else:
        assert made.rows
        assert not made.skipped


@pytest.mark.parametrize("name", ENTRIES)
def test_later_turns_keep_the_order_of_speakers(name):
    made = make(name, FIRST, asked(TWO, chose("b"), number=1))

    prompt, _ = converted(made.rows[-1], ENTRIES[name]) or ([], [])

    assert [one["from"] for one in prompt] == ["human", "gpt", "human"]


@one_engine
@pytest.mark.parametrize("name", ENTRIES)
def test_the_entry_of_each_file_stands_beside_it(world, tmp_path, name):
    tasks = [stored(asked(TWO, chose("a"), number=n), number=n) for n in range(20)]
    world.load(tasks, "v2", project="Set")
    (tmp_path / "dataset_info.json").write_text('{"mine": {"file_name": "mine.json"}}')

    splits = read_splits("train=0.5,test=0.5")
    result = export_file(world, name, tmp_path / "set.jsonl", splits=splits)
    export_file(world, name, tmp_path / "set.jsonl", splits=splits)

    info = json.loads((tmp_path / "dataset_info.json").read_bytes())
    assert list(info) == ["mine", "set.train", "set.test"]
    assert info["set.test"] == {"file_name": "set.test.jsonl", **ENTRIES[name]}
    assert tmp_path / "dataset_info.json" in result.files


@one_engine
def test_a_compressed_file_that_would_not_be_read_is_refused(world, tmp_path):
    world.load([stored()], "v2", project="Set")

    with pytest.raises(Misconfigured, match="without compression"):
        export_file(world, "llama-factory", tmp_path / "set.jsonl.gz")

    assert list(tmp_path.glob("set*")) == []


@one_engine
def test_a_file_of_data_sets_that_is_none_is_left_alone(world, tmp_path):
    world.load([stored()], "v2", project="Set")
    (tmp_path / "dataset_info.json").write_text("[]")

    with pytest.raises(Misconfigured, match=r"dataset_info\.json"):
        export_file(world, "llama-factory", tmp_path / "set.jsonl")

    assert (tmp_path / "dataset_info.json").read_text() == "[]"


def rows_as_set(rows: list[dict[str, Any]]) -> set[str]:
    return {
        json.dumps([row["conversations"], row["chosen"], row["rejected"]], sort_keys=True)
        for row in rows
    }


@one_engine
def test_the_published_pairs_come_back_as_they_were(world, tmp_path):
    path = published_path("llama-factory-demos/dpo_en_demo.json.gz")
    import_files(world, [path], "sharegpt")

    export_file(world, "llama-factory", tmp_path / "set.jsonl")

    given = json.loads(gzip.decompress(path.read_bytes()))
    rows = lines(tmp_path / "set.jsonl")
    assert len(rows) == len(given) == 300
    assert rows_as_set(rows) == rows_as_set(given)
    assert all(converted(row, ENTRIES["llama-factory"]) is not None for row in rows)
