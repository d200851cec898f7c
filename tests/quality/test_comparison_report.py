"""Bias and leaderboard of a project: votes and consolidated winners, places, slices and leaks."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from plaudit.core.quality.comparisons.comparison_report import (
    Comparisons,
    bias_report,
    leaderboard_report,
    majority_scores,
)
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.wire.manage.quality_people import IdentityLeak
from tests.quality.pandalm import golden, pandalm


def compared_pandalm() -> Comparisons:
    data = pandalm()
    votes, duels = data.arrays, data.duels
    styles = np.zeros((999, 2, len(STYLES)), np.int64)
    styles[:, :, STYLES.index("length")] = data.lengths
    return Comparisons(
        units=votes.units,
        people=votes.people,
        score=duels.score,
        is_swapped=None,
        tasks=votes.clusters,
        sides=data.sides,
        styles=styles,
        winner=majority_scores(votes.units, duels.score, 999),
    )


def test_a_published_set_comes_to_its_figures():
    compared = compared_pandalm()

    bias = bias_report(compared)
    votes = leaderboard_report(compared, pandalm().models, styles=["length"])
    majorities = leaderboard_report(compared, pandalm().models, votes="majority", ties="skip")

    place = golden("pandalm-position")["expected"]
    assert (bias.place.basis, bias.place.first, bias.place.second) == ("stored", 1255, 1416)
    assert bias.place.p == pytest.approx(place["p"], abs=1e-6)
    assert bias.length.n <= 894
    scores = {one.model: one.score for one in votes.models}
    assert scores == pytest.approx(golden("pandalm-bt-votes")["expected"]["elo"], abs=0.01)
    assert votes.style["length"].value == pytest.approx(0.851, abs=0.001)
    assert majorities.votes == 894
    scores = {one.model: one.score for one in majorities.models}
    assert scores == pytest.approx(golden("pandalm-bt-noties")["expected"], abs=0.001)
    assert majorities.controlled == []


def small() -> Comparisons:
    """Three units of two models; the better one has a list and is longer, save on the last."""
    styles = np.zeros((3, 2, len(STYLES)), np.int64)
    styles[:, 0] = (90, 0, 2, 0, 0)
    styles[:, 1] = (30, 0, 0, 0, 0)
    return Comparisons(
        units=np.array([0, 0, 1, 1, 2, 2], np.int32),
        people=np.array([0, 1, 0, 1, 0, 1], np.int32),
        score=np.array([1, 1, 0.5, 1, 0, 0]),
        is_swapped=np.array([False, True, False, True, True, True]),
        tasks=np.array([0, 1, 2], np.int32),
        sides=np.array([[0, 1], [0, 1], [0, 1]], np.int32),
        styles=styles,
        winner=np.array([1.0, np.nan, 0.0]),
    )


def test_the_first_place_is_the_one_that_was_shown():
    """First responses shown second, and second ones shown first, change sides."""
    place = bias_report(small()).place

    assert (place.basis, place.first, place.second) == ("shown", 3, 2)
    stored = bias_report(replace(small(), is_swapped=None)).place
    assert (stored.basis, stored.first, stored.second) == ("stored", 3, 2)


def test_length_and_format_are_of_consolidated_winners():
    bias = bias_report(small(), [IdentityLeak(task_id="t", source_id="a", names=["OpenAI"])])

    assert (bias.length.longer, bias.length.n) == (1, 2)
    assert (bias.format["lists"].winners, bias.format["lists"].losers) == (0.5, 0.5)
    leaks = msgspec.to_builtins(bias)["identity_leaks"]
    assert leaks == [{"task_id": "t", "source_id": "a", "names": ["OpenAI"]}]


@pytest.mark.parametrize(("rule", "votes"), [("all", 4), ("majority", 1)])
def test_units_can_be_left_out_of_the_leaderboard(rule, votes):
    left_out = np.array([False, False, True])

    board = leaderboard_report(small(), ["a", "b"], votes=rule, left_out=left_out)

    assert board.votes == votes


def test_a_majority_is_more_than_half():
    units = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    score = np.array([1, 1, 0, 1, 0, 0.5, 0.5, 1])

    assert majority_scores(units, score, 4) == pytest.approx([1, np.nan, 0.5, np.nan], nan_ok=True)


def test_two_responses_of_one_model_are_no_vote():
    same = replace(small(), sides=np.array([[0, 1], [0, 0], [0, 1]], np.int32))

    assert leaderboard_report(same, ["a", "b"]).votes == 4
