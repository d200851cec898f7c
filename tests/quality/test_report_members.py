"""Members of the report's JSON: each figure in its place, and a reason where there is none."""

from __future__ import annotations

import msgspec
import numpy as np

from plaudit.core.quality import report_members
from plaudit.core.quality.comparisons import place_bias, style_bias
from plaudit.core.quality.comparisons.leaderboard import leaderboard
from plaudit.core.quality.comparisons.response_style import STYLES, ResponseStyle, columns_of
from plaudit.core.quality.people import dawid_skene
from plaudit.core.quality.people.flags import FlagKind, FlagTest
from plaudit.wire.manage.quality_people import BiasReport
from tests.quality.test_dawid_skene import votes_of
from tests.quality.test_leaderboard import duels_of


def test_an_annotator_model_names_categories_people_and_tasks():
    ballots = [{0: 1, 1: 1, 3: 1}, {0: 0, 1: 0, 3: 0}, {0: 1, 1: 1, 3: 0}]
    model = dawid_skene.fit(votes_of(ballots, 2))
    categories, people = [False, True], ["ann", "bob", "eve", "kim"]

    plain = report_members.annotator_model_member(model, categories, people)
    made = report_members.annotator_model_member(model, categories, people, ["t0", "t1", "t2"])

    assert msgspec.to_builtins(plain)["labels"] == {"false": 1, "true": 2}
    assert set(msgspec.to_builtins(plain)) == {"log_likelihood", "labels", "changed", "people"}
    assert set(plain.people) == {"ann", "bob", "kim"}
    units = msgspec.to_builtins(made)["units"]
    assert [(unit["task_id"], unit["label"]) for unit in units] == [
        ("t0", True), ("t1", False), ("t2", True),
    ]  # fmt: skip
    assert all(0.5 < unit["p"] <= 1 for unit in units)


def test_a_model_that_is_refused_has_a_reason_alone():
    refused = dawid_skene.fit(votes_of([{0: 0, 1: 1}], 2))

    member = report_members.annotator_model_member(refused, ["a", "b"], ["x", "y"])

    assert msgspec.to_builtins(member) == {"why": "2 people voted, and the model needs 3"}


def test_people_keep_their_order_and_have_their_own_flags():
    flag = FlagTest(1, FlagKind.one_sided, True, 0.001, "the first response in 90 of 100 choices")

    made = msgspec.to_builtins(report_members.people_members(["ann", "bob"], [3, 100], [flag]))

    assert made == [
        {"contributor_id": "ann", "tasks": 3, "flags": []},
        {
            "contributor_id": "bob",
            "tasks": 100,
            "flags": [{"flag": "one-sided", "why": "the first response in 90 of 100 choices"}],
        },
    ]


def bias_of(is_first: list[bool], styles: list[ResponseStyle]) -> dict[str, dict[str, object]]:
    tasks = np.arange(len(is_first))
    share = place_bias.place_share(np.array(is_first, np.bool_), tasks, tasks, "stored")
    winners, losers = columns_of(styles), columns_of(styles[::-1])
    tasks = np.arange(len(styles))
    lengths = (table[:, STYLES.index("length")] for table in (winners, losers))
    report = BiasReport(
        place=report_members.place_member(share, "stored"),
        length=report_members.length_member(style_bias.longer_wins(*lengths, tasks)),
        format=report_members.format_members(style_bias.format_differences(winners, losers, tasks)),
    )
    return msgspec.to_builtins(report)


def test_bias_has_its_figures():
    styles = [ResponseStyle(length, 0, length % 2, 0, 0) for length in (5, 9, 14)]

    made = bias_of([True, False, True, True], styles)

    assert set(made["place"]) == {
        *("basis", "first", "second", "share", "se", "low", "high", "p", "naive_p", "says"),
    }
    assert (made["place"]["first"], made["place"]["second"]) == (3, 1)
    assert (made["length"]["longer"], made["length"]["n"]) == (1, 2)
    assert set(made["format"]) == {"headers", "lists", "bold", "code"}


def test_bias_of_nothing_says_why():
    made = bias_of([], [])

    assert made["place"]["share"] is None
    assert made["place"]["why"] == "nobody has chosen one of two responses"
    assert made["length"]["why"] == "no response has won against one of another length"
    assert made["format"] == {}


def test_a_leaderboard_has_scores_or_the_reason_why_there_is_none():
    board = leaderboard(duels_of([(0, 1, 1.0), (1, 0, 1.0), (2, 0, 1.0)], 3), ["a", "b", "c"])

    made = msgspec.to_builtins(report_members.leaderboard_member(board))

    assert made["votes"] == 3
    assert [model["model"] for model in made["models"]] == ["a", "b", "c"]
    assert "why" not in made["models"][0]
    assert made["models"][2] == {
        **{"model": "c", "score": None, "se": None, "low": None, "high": None, "n": 1},
        **{"component": 1, "why": "no finite estimate: unbeaten"},
    }
    assert made["style"] == {}
