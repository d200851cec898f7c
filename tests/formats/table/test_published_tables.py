"""Published sets of five shapes, read by mappings: their counts, and what other formats make."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from plaudit.formats import pandalm, xstest
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.row_members import EMPTY_RESPONSE, NOT_TEXT
from plaudit.formats.common.rows import Row
from plaudit.formats.table.comparison import NO_ORDER
from plaudit.formats.table.reader import LEFT_OUT
from plaudit.formats.table.row_reading import BLANK_REWRITE
from tests.formats.reading import (
    expected_counts,
    published_path,
    published_rows,
    read_rows_by,
    responses_of,
    turns_of,
)
from tests.formats.table.reading import TableRead, published_table, read_table_rows

FINE_GRAINED = """
prompt = "question"
reference = "gold"
metadata = { passages = "passages", missing_info = "feedback.missing-info" }
[[responses]]
text = "prediction 1"
name = "prediction_1"
rewrite = "feedback.corrected-prediction"
spans = { column = "feedback.errors", label = "error type", key = "errors" }
[[responses]]
text = "prediction 2"
name = "prediction_2"
[[responses]]
text = "prediction 3"
name = "prediction_3"
[[responses]]
text = "prediction 4"
name = "prediction_4"
[preference]
pairs = "preference"
values = { 0 = "tie", 1 = "first", 2 = "second" }
"""

ALCE = """
rows = "*.*.*"
item = ["$1", "id"]
prompt = "question"
metadata = { dataset = "$1", question = "id" }
not = { "$3" = "overall_results" }
[[responses]]
text = "output"
model = "$2"
ratings.utility = "utility_score"
"""

BEGIN = """
item = ["knowledge", "message"]
system = "knowledge"
prompt = "message"
metadata = ["data_source"]
[[responses]]
text = "response"
model = "model_name"
ratings.attribution = "begin_label"
"""

PANDALM = """
id = "idx"
prompt = ["instruction", "input"]
metadata = ["motivation_app", "cmp_key"]
[[responses]]
text = "response1"
model = { column = "cmp_key", remove = "_.*$" }
[[responses]]
text = "response2"
model = { column = "cmp_key", remove = "^[^_]*_" }
[preference]
columns = { annotator1 = "annotator1", annotator2 = "annotator2", annotator3 = "annotator3" }
values = { 0 = "tie", 1 = "first", 2 = "second" }
"""

XSTEST = """
item = "id"
prompt = "prompt"
metadata = ["type"]
[[responses]]
text = "completion"
model = { column = "$file", remove = "^xstest_v2_completions_|[.]csv$" }
[responses.ratings]
rater_agreement = "agreement"
refusal = { columns = { rater1 = "annotation_1", rater2 = "annotation_2" }, final = "final_label" }
"""

XSTEST_MODELS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")


@pytest.fixture(scope="module")
def fine_grained() -> TableRead:
    return read_table_rows(FINE_GRAINED, published_rows("fine-grained-qa/dev_feedback.json.gz"))


def alce_rows() -> list[Row]:
    path = published_path("alce-utility/human_eval_utility_completed.json")
    return [Row(file=path.name, number=1, value=json.loads(path.read_text("utf-8")))]


def annotations(task: ImportedTask) -> Iterator[dict[str, Any]]:
    for turn in turns_of(task):
        yield from turn["annotations"]
        for message in turn["messages"]:
            yield from message["annotations"]


def values_of(read: TableRead, key: str) -> list[Any]:
    return [one["value"] for task in read.tasks for one in annotations(task) if one["key"] == key]


def test_every_pair_of_four_answers_has_its_verdict(fine_grained):
    expected = expected_counts("fine-grained-qa")
    verdicts: Counter[str] = Counter()
    for task in fine_grained.tasks:
        for one in annotations(task):
            if one["key"].startswith("preference__"):
                _, first, _ = one["key"].split("__")
                is_tie = one["value"] == "tie"
                verdicts["tie" if is_tie else "first" if one["value"] == first else "second"] += 1

    assert fine_grained.refused == []
    assert len(fine_grained.tasks) == expected["tasks"]
    assert {name: expected[name] for name in verdicts} == verdicts
    assert sum(verdicts.values()) == expected["comparisons"]


def test_verdicts_on_pairs_make_an_order_where_they_do_not_contradict(fine_grained):
    expected = expected_counts("fine-grained-qa")
    orders = values_of(fine_grained, "ranked_groups")
    best = values_of(fine_grained, "selected_model_id")

    assert len(orders) == expected["rows_that_are_a_weak_order"]
    assert fine_grained.notes.count(NO_ORDER) == len(fine_grained.tasks) - len(orders)
    assert len(best) == expected["rows_with_a_single_best"]
    assert values_of(fine_grained, "preference") == ["tie"] * expected["rows_all_tied"]
    pairs = sum(
        len(group) * sum(map(len, groups[number + 1 :]))
        for groups in orders
        for number, group in enumerate(groups)
    )
    assert pairs == expected["pairs_all_of_weak_orders"]


def test_spans_of_errors_lie_in_the_first_answer(fine_grained):
    expected = expected_counts("fine-grained-qa")
    marked = [one for one in values_of(fine_grained, "errors") if one]
    spans = [span for listed in marked for span in listed]
    first = next(task for task in fine_grained.tasks if any(True for _ in annotations(task)))
    answer = responses_of(turns_of(first)[0])[0]
    [errors] = [one for one in answer["annotations"] if one["key"] == "errors"]

    assert Counter(span["label"] for span in spans) == expected["error_types"]
    assert len(spans) == expected["error_spans"]
    text = answer["content"]["text"]
    assert [text[span["start"] : span["end"]] for span in errors["metadata"]["spans"]] == [
        span["text"] for span in errors["value"]
    ]


def test_corrections_are_rewrites_of_the_first_answer(fine_grained):
    expected = expected_counts("fine-grained-qa")
    rewrites = values_of(fine_grained, "rewrite")

    assert len(rewrites) == expected["corrections_usable_as_sft"]
    assert fine_grained.notes.count(BLANK_REWRITE) <= expected["corrections_blank"]
    assert fine_grained.field("rewrite").use == "rewrite"
    assert set(fine_grained.field("errors").labels) == set(expected["error_types"])


def test_rows_within_three_levels_of_keys_are_found_and_grouped():
    expected = expected_counts("alce-utility")
    read = read_table_rows(ALCE, alce_rows())
    ratings = Counter(values_of(read, "utility"))
    sizes = {len(responses_of(turns_of(task)[0])) for task in read.tasks}

    assert read.refused == []
    assert len(read.tasks) == expected["tasks"]
    assert sizes == set(expected["systems_per_task"])
    assert {str(value): count for value, count in ratings.items()} == expected["ratings"]
    assert read.notes.count(EMPTY_RESPONSE) == expected["blank_outputs"]
    assert read.notes.count(LEFT_OUT) == expected["sentinel_entries"]
    assert read.field("utility").possible_values == [1, 2, 3, 4, 5]


def test_rows_are_the_same_where_the_file_is_read_by_its_first_keys():
    [whole] = alce_rows()
    by_key = [
        Row(file=whole.file, number=number, key=key, value=value)
        for number, (key, value) in enumerate(whole.value.items(), 1)
    ]

    assert [task.threads for task in read_table_rows(ALCE, by_key).tasks] == [
        task.threads for task in read_table_rows(ALCE, [whole]).tasks
    ]


def test_single_responses_of_two_files_become_tasks_by_prompt():
    expected = expected_counts("begin-wow")
    rows = [
        *published_table("begin-wow/begin_dev_wow.tsv"),
        *published_table("begin-wow/begin_test_wow.tsv"),
    ]

    read = read_table_rows(BEGIN, rows)

    responses = [one for task in read.tasks for one in responses_of(turns_of(task)[0])]
    assert read.refused == []
    assert len(read.tasks) == expected["tasks_by_knowledge_and_message"]
    assert Counter(values_of(read, "attribution")) == expected["labels"]
    assert Counter(one["source_id"] for one in responses) == expected["models"]
    assert set(read.field("attribution").possible_values) == set(expected["labels"])


def test_a_mapping_makes_of_pandalm_what_its_own_format_makes():
    rows = published_rows("pandalm-testset/testset-v1.json")

    read = read_table_rows(PANDALM, rows)

    own = read_rows_by(pandalm.FORMAT, rows)
    assert [task.threads for task in read.tasks] == [task.threads for task in own.tasks]
    assert [task.item_id for task in read.tasks] == [task.item_id for task in own.tasks]
    assert read.notes.count(NOT_TEXT) == expected_counts("pandalm-testset")["non_string_responses"]


def test_a_mapping_makes_of_xstest_what_its_own_format_makes():
    expected = expected_counts("xstest-completions")
    rows = [
        row
        for model in XSTEST_MODELS
        for row in published_table(f"xstest-completions/xstest_v2_completions_{model}.csv")
    ]

    read = read_table_rows(XSTEST, rows)

    labels = Counter(values_of(read, "refusal"))
    votes = [
        one["votes"] for task in read.tasks for one in annotations(task) if one["key"] == "refusal"
    ]
    assert len(read.tasks) == expected["tasks"]
    assert labels == expected["final"]
    assert sum(map(len, votes)) == expected["rater_labels"]
    assert values_of(read, "rater_agreement").count(False) == expected["disagreements"]
    own = read_rows_by(xstest.FORMAT, rows)
    assert [judged(task) for task in read.tasks] == [judged(task) for task in own.tasks]


def judged(task: ImportedTask) -> Any:
    """Texts, names and judgments of the responses of a task."""
    return [
        (
            one["source_id"],
            one["content"]["text"],
            {made["key"]: (made["value"], made.get("votes")) for made in one["annotations"]},
        )
        for one in responses_of(turns_of(task)[0])
    ]
