"""Detection of the format: right for every published file, and nothing for other shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plaudit.formats import detection
from plaudit.formats.common.file_import import InputFile
from plaudit.formats.detection import Detection
from tests.formats.reading import published_path
from tests.support.running.every_case import every_case

PUBLISHED = {
    "oasst-en100/en_100_tree.jsonl": "oasst",
    "pandalm-testset/testset-v1.json": "pandalm",
    "xstest-completions/xstest_v2_completions_gpt4.csv": "xstest",
    "xstest-completions/xstest_v2_completions_llama2new.csv": "xstest",
    "xstest-completions/xstest_v2_completions_llama2orig.csv": "xstest",
    "xstest-completions/xstest_v2_completions_mistralguard.csv": "xstest",
    "xstest-completions/xstest_v2_completions_mistralinstruct.csv": "xstest",
    "topical-chat-valid-freq/valid_freq.json.gz": "topical-chat",
    "gsm8k-model-solutions/example_model_solutions.jsonl.gz": "gsm8k",
    "biggen-rubrics/sample_evals.json.gz": "biggen",
    "llama-factory-demos/dpo_en_demo.json.gz": "sharegpt",
    "llama-factory-demos/kto_en_demo.json.gz": "messages",
    "llama-factory-demos/v1_dpo_demo.jsonl": "sharegpt",
    "llama-factory-demos/reason_tool_use_demo_50.jsonl": "sharegpt",
    "label-studio-samples/pairwise.json": "label-studio",
    "label-studio-samples/chat_data.json": "label-studio",
    "label-studio-samples/csv_test.json": "label-studio",
    "label-studio-samples/csv_test2.json": "label-studio",
    "alce-utility/human_eval_utility_completed.json": None,
    "begin-wow/begin_dev_wow.tsv": None,
    "begin-wow/begin_test_wow.tsv": None,
    "fine-grained-qa/dev_feedback.json.gz": None,
}


def detected(path: Path) -> Detection:
    return detection.detect([InputFile(path, path.name, path.stat().st_size)])


@every_case("name, expected", PUBLISHED.items())
def test_a_published_file_is_told_or_needs_a_mapping(name, expected):
    path = published_path(name)

    told = detected(path)

    assert (told.format.name if told.format else None) == expected
    assert told.rows


OTHERS: tuple[Any, ...] = (
    {"text": "A story."},
    {"id": 1, "text": "A story.", "label": 0},
    {"sentence1": "A", "sentence2": "B", "label": "entailment"},
    {"premise": "A", "hypothesis": "B", "label": 1},
    {"question": "A?", "answer": "B"},
    {"question": "A?", "answers": {"text": ["B"], "answer_start": [1]}, "context": "C"},
    {"context": "C", "question": "A?", "choices": ["a", "b"], "answer": 0},
    {"input": "A", "target": "B"},
    {"source": "A", "target": "B"},
    {"translation": {"de": "A", "en": "B"}},
    {"article": "A", "highlights": "B"},
    {"document": "A", "summary": "B", "id": "1"},
    {"name": "Ann", "age": 3},
    {"url": "http://a.example", "title": "T", "body": "B"},
    {"prompt": 5, "chosen": 1, "rejected": 2},
    {"prompt": "A", "score": 1.5},
    {"chosen": "A"},
    {"rejected": "A", "prompt": "B"},
    {"model_a": "x", "model_b": "y"},
    {"model_a": "x", "model_b": "y", "winner": "x"},
    {"winner": "model_a"},
    {"messages": "Hello"},
    {"messages": []},
    {"messages": [1, 2]},
    {"messages": [{"speaker": "a", "text": "b"}]},
    {"conversation": [{"role": "user", "content": "A"}]},
    {"conversations": [{"who": "human", "said": "A"}]},
    {"conversations": "A"},
    {"dialog": ["A", "B", "C"]},
    {"utterances": [{"history": ["A"], "candidates": ["B"]}]},
    {"instruction": "A", "inputs": "B", "outputs": "C"},
    {"data": {"a": 1}},
    {"annotations": [], "images": []},
    {"fields": {"a": "b"}},
    {"id": "1", "responses": {"a": 1}},
    {"completion": "A", "text": "B"},
    {"response1": "A", "response2": "B"},
    {"response_a": "A", "response_b": "B", "preferred": "a"},
    {"helpfulness": 4},
    {"prompt": "A", "response": "B"},
    {"task": "A", "status": "completed"},
    {"kind": "chat", "value": "A"},
    {"message_id": "1", "parent_id": None, "text": "A"},
    {"annotator1": 1, "annotator2": 2},
    {"Unnamed: 0": "0", "": "x"},
)


@every_case("row", OTHERS)
def test_a_file_of_another_shape_falls_through(tmp_path, row):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(3)))

    told = detected(path)

    assert told.format is None, told.reason
    assert len(told.rows) == 3


def test_a_few_bad_rows_do_not_hide_what_the_others_are(tmp_path):
    rows: list[Any] = [{"prompt": f"{n}?", "chosen": "a", "rejected": "b"} for n in range(9)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"oops": 1}]))

    told = detected(path)

    assert told.format is not None
    assert told.format.name == "trl"


def test_files_of_two_formats_are_not_taken_for_one(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(json.dumps({"prompt": "A?", "chosen": "a", "rejected": "b"}) + "\n")
    two.write_text(json.dumps({"messages": [{"role": "user", "content": "A?"}]}) + "\n")

    told = detection.detect([InputFile(path, path.name, 1) for path in (one, two)])

    assert told.format is None
