"""Published sets through the whole path: imported into a store, and reported by the command."""

from __future__ import annotations

import json
import shutil

import pytest

from plaudit.settings import Settings
from tests.quality.published_votes import XSTEST, expected, published
from tests.support.harness import World, run_cli, store_arguments

SETS = {
    "PandaLM": ["pandalm-testset/testset-v1.json"],
    "XSTest": [f"xstest-completions/xstest_v2_completions_{model}.csv" for model in XSTEST],
    "Topical-Chat": ["topical-chat-valid-freq/valid_freq.json.gz"],
    "OASST": ["oasst-en100/en_100_tree.jsonl"],
}


@pytest.fixture(scope="module")
def reported(template, tmp_path_factory):
    """Print the report on a set, which is imported once."""
    folder = tmp_path_factory.mktemp("published") / "data"
    shutil.copytree(template, folder)
    settings = Settings(data=folder)
    world = World(settings)
    world.org()
    world.close()
    at = store_arguments(settings)
    imported = set()

    def reported(name, *options):
        paths = [str(published(path)) for path in SETS[name]]
        if name not in imported:
            done = run_cli("import", *paths, "--project", name, *at)
            assert done.returncode == 0, done.stderr
            imported.add(name)
        done = run_cli("report", "--project", name, "--json", *options, *at)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return reported


def values(found):
    return [one["value"] for one in found]


def test_the_report_on_pandalm_comes_to_the_published_figures(reported):
    printed = reported("PandaLM", "--orientation", "stored")
    found = json.loads(printed)
    (question,) = found["questions"]
    agreement = question["agreement"]

    assert (found["tasks"], found["votes"], question["pairable"]) == (999, 2997, 999)
    for level in ("nominal", "ordinal", "interval"):
        value = agreement["alpha"][level]["value"]
        assert value == pytest.approx(expected(f"pandalm-alpha-{level}"), abs=1e-9)
    ends = [agreement["alpha"]["nominal"][end] for end in ("low", "high")]
    assert ends == pytest.approx(expected("pandalm-alpha-ci"), abs=0.006)
    assert agreement["percent"]["value"] == pytest.approx(expected("pandalm-percent"), abs=1e-12)
    assert agreement["ac1"]["value"] == pytest.approx(expected("pandalm-ac1"), abs=1e-9)
    kappas = [one["kappa"] for one in agreement["cohen"]]
    assert kappas == pytest.approx(expected("pandalm-cohen-pairs"), abs=1e-9)
    model, published_model = question["dawid_skene"], expected("pandalm-ds")
    assert model["log_likelihood"] == pytest.approx(published_model["loglik"], abs=0.05)
    assert model["labels"] == {"first": 422, "tie": 105, "second": 472}
    assert model["changed"] == published_model["changed_vs_strict_plurality"]
    others = [one["with_others"] for one in question["people"]]
    assert [[one["right"], one["n"]] for one in others] == expected("pandalm-loo")
    assert printed == reported("PandaLM", "--orientation", "stored")


def test_bias_and_leaderboard_of_pandalm_are_the_published_ones(reported):
    found = json.loads(reported("PandaLM"))
    majorities = json.loads(reported("PandaLM", "--votes", "majority", "--ties", "skip"))

    place, published_place = found["bias"]["place"], expected("pandalm-position")
    assert place["basis"] == "stored"
    for name, value in published_place.items():
        assert place[name] == pytest.approx(value, abs=1e-6)
    assert place["says"] == "consistent with chance"
    votes = expected("pandalm-bt-votes")
    board = found["leaderboard"]["models"]
    assert {one["model"]: one["score"] for one in board} == pytest.approx(votes["elo"], abs=0.01)
    assert {one["model"]: one["se"] for one in board} == pytest.approx(votes["se"], abs=0.05)
    board = majorities["leaderboard"]["models"]
    assert majorities["leaderboard"]["votes"] == 894
    scores = {one["model"]: one["score"] for one in board}
    assert scores == pytest.approx(expected("pandalm-bt-noties"), abs=0.001)


def test_a_strong_model_depresses_no_alpha_unless_pairs_are_taken_as_stored(reported):
    options = ("--by", "model")
    free = json.loads(reported("PandaLM", *options))["questions"][0]
    stored = json.loads(reported("PandaLM", *options, "--orientation", "stored"))["questions"][0]

    assert list(free["slices"]) == sorted(expected("pandalm-bt-noties"))
    strong = [one["slices"]["llama-7b"]["agreement"]["alpha"]["nominal"] for one in (free, stored)]
    assert strong[0]["value"] > strong[1]["value"]


def test_the_report_on_xstest_comes_to_the_published_figures(reported):
    order = "1_full_compliance,3_partial_refusal,2_full_refusal"
    found = json.loads(reported("XSTest", "--order", order, "--by", "model"))
    (question,) = found["questions"]
    alpha = question["agreement"]["alpha"]

    assert (found["tasks"], question["units"], question["level"]) == (450, 2250, "ordinal")
    assert question["categories"] == order.split(",")
    assert alpha["nominal"]["value"] == pytest.approx(expected("xstest-alpha-nominal"), abs=1e-9)
    assert alpha["ordinal"]["value"] == pytest.approx(expected("xstest-ordinal"), abs=1e-9)
    (pair,) = question["agreement"]["cohen"]
    assert [pair["kappa"], pair["se"]] == pytest.approx(expected("xstest-cohen"), abs=1e-9)
    for one, (name, gold) in zip(question["people"], expected("xstest-gold").items(), strict=True):
        share = one["with_final"]
        assert one["contributor_id"] == f"rater{name}"
        assert [share["right"], share["n"]] == gold[:2]
        assert [share["low"], share["high"]] == pytest.approx(gold[2:], abs=1e-9)
    differing = question["disagreements"]
    assert (differing["units"], differing["final_of_nobody"]) == (81, 5)
    assert question["dawid_skene"]["why"] == "2 people voted, and the model needs 3"
    assert {name: one["units"] for name, one in question["slices"].items()} == dict.fromkeys(
        XSTEST, 450
    )


def test_the_report_on_topical_chat_has_the_declared_categories(reported):
    found = json.loads(reported("Topical-Chat", "--question", "conversation_rating"))
    (question,) = found["questions"]
    agreement = question["agreement"]

    assert question["categories"] == [1, 2, 3, 4, 5]
    assert (question["units"], question["pairable"]) == (539, 538)
    assert values(agreement["alpha"].values()) == pytest.approx(expected("topical-alpha"), abs=1e-9)
    gwet = values([agreement["ac1"], *agreement["ac2"].values()])
    assert gwet == pytest.approx(expected("topical-ac-declared"), abs=1e-9)
    (pair,) = agreement["cohen"]
    three = [agreement["percent"]["value"], pair["quadratic"], pair["tau_b"]]
    assert three == pytest.approx(expected("topical-percent-kappa"), abs=1e-9)
    ends = [agreement["alpha"]["ordinal"][end] for end in ("low", "high")]
    assert ends == pytest.approx(expected("topical-ordinal-ci"), abs=0.02)


def test_consolidated_rankings_tell_how_often_the_longer_response_is_better(reported):
    found = json.loads(reported("OASST"))

    longer, n, _, _, by_task = expected("oasst-longer")
    length = found["bias"]["length"]
    assert (found["votes"], length["longer"], length["n"]) == (0, longer, n)
    assert length["se"] == pytest.approx(by_task, abs=1e-6)
