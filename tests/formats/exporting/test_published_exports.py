"""Published sets through import and export: the counts that their verdicts have."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from plaudit.formats.exporting.run import ExportResult
from tests.formats.exporting.making import export_file, import_files, lines
from tests.formats.reading import expected_counts, published_path
from tests.formats.table.test_published_tables import ALCE, BEGIN, FINE_GRAINED
from tests.support.harness import World, one_engine

pytestmark = one_engine

XSTEST = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
ATTRIBUTED = BEGIN.replace(
    'ratings.attribution = "begin_label"',
    'ratings.attributed = { column = "begin_label", values = '
    '{ "Fully attributable" = true, "Not fully attributable" = false } }',
)
"""BEGIN's label as a boolean; what is generic has none."""


class Exports:
    """Exports of a published set that is in the store."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder

    def of(self, *names: str, format_name: str, **members: Any) -> Exports:
        """Import files of a published set."""
        import_files(self._world, map(published_path, names), format_name, **members)
        return self

    def result(self, name: str, **choices: Any) -> ExportResult:
        """Counts of an export."""
        return export_file(self._world, name, self._folder / "rows.jsonl", **choices)

    def rows(self, name: str, **choices: Any) -> list[dict[str, Any]]:
        """Rows of an export; all that its manifest counts, and of the same hash the second time."""
        rows, first = self.rows_once(name, **choices)
        content = (self._folder / "rows.jsonl").read_bytes()
        manifest = first.manifest.read_bytes()
        self.result(name, **choices)
        assert (self._folder / "rows.jsonl").read_bytes() == content
        assert first.manifest.read_bytes() == manifest
        return rows

    def rows_once(self, name: str, **choices: Any) -> tuple[list[dict[str, Any]], ExportResult]:
        """Rows of an export that takes long, all that its manifest counts; and its counts."""
        result = self.result(name, **choices)
        rows = lines(self._folder / "rows.jsonl")
        assert json.loads(result.manifest.read_bytes())["rows"] == len(rows) == result.rows
        return rows, result


@pytest.fixture
def exports(world: World, tmp_path: Path) -> Exports:
    return Exports(world, tmp_path)


def labels(rows: list[dict[str, Any]]) -> Counter[bool]:
    return Counter(row["label"] for row in rows)


def test_pandalm_gives_the_pairs_of_its_majorities(exports):
    expected = expected_counts("pandalm-testset")
    pandalm = exports.of("pandalm-testset/testset-v1.json", format_name="pandalm")

    result = pandalm.result("trl-preference")

    assert result.rows == 836
    assert result.rows + sum(result.skipped.values()) == expected["tasks"]
    assert result.skipped["tie"] == expected["majority_0"]
    assert result.skipped["coerced_text"] == expected["non_string_responses"]
    each = pandalm.result("trl-preference", judges="each")
    of_coerced = 2 * expected["non_string_responses"]
    assert each.rows + sum(each.skipped.values()) == expected["votes"] - of_coerced
    unanimous = pandalm.result("trl-preference", judges="unanimous")
    assert unanimous.rows <= expected["unanimous_nontie"]
    assert unanimous.skipped["judges_disagree"] <= expected["tasks"] - expected["unanimous"]


def test_oasst_gives_the_pairs_of_its_rankings(exports):
    expected = expected_counts("oasst-en100")
    oasst = exports.of("oasst-en100/en_100_tree.jsonl", format_name="oasst")

    every = oasst.result("trl-preference", pairs="all")

    assert every.rows == expected["pairs_all_partial_ok"] == 754
    assert every.rows - every.flags["partial_ranking"] == expected["pairs_all"] == 751
    assert len(oasst.rows("trl-preference")) == expected["pairs_best_vs_rest"] == 427
    worst = oasst.result("trl-preference", pairs="best-vs-worst")
    assert worst.rows == expected["ranked_turns"]


def test_gsm8k_gives_right_over_wrong(exports):
    expected = expected_counts("gsm8k-model-solutions")
    gsm8k = exports.of(
        "gsm8k-model-solutions/example_model_solutions.jsonl.gz", format_name="gsm8k"
    )

    pairs = gsm8k.result("trl-preference", prefer="is_correct")

    assert pairs.rows == expected["pairs_correct_x_incorrect"] == 2429
    assert pairs.skipped == {"tie": expected["all_bad"] + expected["all_good"]}
    assert labels(gsm8k.rows("trl-kto")) == {True: expected["true"], False: expected["false"]}
    assert gsm8k.result("verl").rows == expected["tasks"]
    assert gsm8k.result("trl-preference").rows == 0


def test_fine_grained_feedback_gives_pairs_and_corrections(exports):
    expected = expected_counts("fine-grained-qa")
    fine = exports.of(
        "fine-grained-qa/dev_feedback.json.gz", format_name="table", mapping=FINE_GRAINED
    )

    every = fine.result("trl-preference", pairs="all")

    assert every.rows == expected["pairs_all"] == 2616
    assert every.skipped == {"tie": expected["rows_all_tied"]}
    corrected = fine.result("trl-preference", pairs="all", uses_rewrites=True)
    assert corrected.rows - every.rows == expected["correction_pairs"] == 481
    assert corrected.skipped["identical"] == expected["corrections_equal_to_prediction_1"]
    targets = fine.result("trl-messages", only_rewrites=True)
    assert targets.rows == expected["corrections_usable_as_sft"] == 487
    assert targets.skipped == {"no_rewrite": expected["corrections_blank"]}
    assert 487 < fine.result("trl-messages").rows <= expected["tasks"]


def test_alce_gives_pairs_and_labels_of_its_ratings(exports):
    expected = expected_counts("alce-utility")
    alce = exports.of(
        "alce-utility/human_eval_utility_completed.json", format_name="table", mapping=ALCE
    )
    rated = {"prefer": "utility", "pairs": "all"}

    pairs = alce.result("trl-preference", **rated)

    assert pairs.rows == expected["pairs_by_rating"] == 699
    lost = pairs.skipped["empty_response"] + pairs.skipped["identical"]
    assert lost == expected["rating_pairs_lost_to_blank_or_identical"]
    wide = alce.result("trl-preference", min_difference=2, **rated)
    assert wide.rows == expected["pairs_by_rating_2_or_more"] == 351
    assert labels(alce.rows("trl-kto", prefer="utility")) == {
        True: expected["kto_true_rating_4_5"],
        False: expected["kto_false_rating_1_2"],
    }


def test_begin_gives_labels_through_a_boolean(exports):
    expected = expected_counts("begin-wow")
    begin = exports.of(
        "begin-wow/begin_dev_wow.tsv",
        "begin-wow/begin_test_wow.tsv",
        format_name="table",
        mapping=ATTRIBUTED,
    )

    rows, result = begin.rows_once("trl-kto", prefer="attributed")

    assert labels(rows) == {
        True: expected["kto_true_fully"],
        False: expected["kto_false_not_fully"],
    }
    assert labels(rows) == {True: 1572, False: 2459}
    assert result.skipped == {"no_label": expected["labels"]["Generic"]}


def test_llama_factory_gives_its_pairs(exports):
    expected = expected_counts("llama-factory-demos")
    pairs = exports.of("llama-factory-demos/dpo_en_demo.json.gz", format_name="sharegpt")

    rows = pairs.rows("trl-preference")

    assert len(rows) == expected["dpo_en_demo"]["pairs"] == 300
    with_system = sum(row["prompt"][0]["role"] == "system" for row in rows)
    assert with_system == expected["dpo_en_demo"]["with_system"]
    lengths = Counter(str(sum(one["role"] != "system" for one in row["prompt"])) for row in rows)
    assert lengths == expected["dpo_en_demo"]["messages_before_answer"]


def test_llama_factory_gives_its_labels(exports):
    expected = expected_counts("llama-factory-demos")["kto_en_demo"]
    labelled = exports.of("llama-factory-demos/kto_en_demo.json.gz", format_name="messages")

    rows = labelled.rows("llama-factory-kto")

    assert Counter(row["kto_tag"] for row in rows) == {
        True: expected["true"],
        False: expected["false"],
    }
    assert labels(labelled.rows("trl-kto")) == {True: 150, False: 150}


def test_what_was_read_as_conversations_is_written_as_such(exports):
    labelled = exports.of("llama-factory-demos/kto_en_demo.json.gz", format_name="messages")

    rows = labelled.rows("llama-factory-sft")

    good = sum(row["kto_tag"] for row in labelled.rows("llama-factory-kto"))
    skipped = labelled.result("llama-factory-sft").skipped
    assert skipped["no_target"] == 300 - good
    assert good <= len(rows) <= 300  # where the last response is bad, the turns before are written


def test_label_studio_gives_the_pairs_of_its_majorities(exports):
    expected = expected_counts("label-studio-samples")["pairwise"]
    config = published_path("label-studio-samples/pairwise.config.xml").read_text("utf-8")
    pairwise = exports.of(
        "label-studio-samples/pairwise.json", format_name="label-studio", config=config
    )

    result = pairwise.result("trl-preference")

    assert result.rows == expected["pairs_majority"] == 6
    assert result.rows + sum(result.skipped.values()) == expected["tasks"]
    assert result.skipped["not_completed"] == expected["pending"]
    assert result.skipped["judges_disagree"] == expected["none"]
    wins: Counter[str] = Counter()
    for row in pairwise.rows("tinker"):
        wins[row["label"]] += 1
    assert wins["Tie"] == expected["tie"]
    assert wins["A"] + wins["B"] == expected["pairs_majority"]


def test_label_studio_gives_each_model_its_wins(client, exports):
    expected = expected_counts("label-studio-samples")["pairwise"]
    config = published_path("label-studio-samples/pairwise.config.xml").read_text("utf-8")
    exports.of("label-studio-samples/pairwise.json", format_name="label-studio", config=config)

    rows, _ = exports.rows_once("trl-preference")

    tasks = client.get("/v2/tasks", params={"project_name": "Set"}).json()["tasks"]
    sources = {
        (task["task_id"], said["content"]["text"]): said["source_id"]
        for task in tasks
        for thread in task["threads"]
        for turn in thread["turns"]
        for said in turn["messages"]
    }
    wins = Counter(sources[row["task_id"], row["chosen"][0]["content"]] for row in rows)
    assert wins == expected["wins_by_model"] == {"m1": 3, "m2": 3}


def test_xstest_gives_its_prompts_and_no_verdict_that_nobody_gave(exports):
    expected = expected_counts("xstest-completions")
    xstest = exports.of(
        *(f"xstest-completions/xstest_v2_completions_{model}.csv" for model in XSTEST),
        format_name="xstest",
    )

    assert xstest.result("trl-prompt").rows == expected["tasks"]
    assert xstest.result("trl-kto").skipped == {"no_label": expected["responses"]}
    assert xstest.result("trl-preference").skipped == {"no_preference": expected["tasks"]}


def test_topical_chat_gives_each_conversation_once(exports):
    expected = expected_counts("topical-chat-valid-freq")
    chats = exports.of("topical-chat-valid-freq/valid_freq.json.gz", format_name="topical-chat")

    rows, _ = chats.rows_once("trl-messages")

    last = {row["task_id"]: row["messages"] for row in rows}
    assert len(last) == expected["tasks"]
    # a conversation of an odd length ends with a message that nobody answers
    assert (
        sum(map(len, last.values())) == expected["messages"] - expected["odd_length_conversations"]
    )
    assert len(rows) == expected["tasks"]
    turns = sum(len(messages) // 2 for messages in last.values())
    assert chats.result("trl-prompt-completion").rows == turns
