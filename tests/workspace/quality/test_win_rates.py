"""Win rates of models from the scores of the leaderboard, and their small pictures."""

from __future__ import annotations

import re

import pytest

from plaudit.wire.manage.quality_people import LeaderboardModel
from plaudit.workspace.quality.win_rates import PANELS_MAX, win_rates


def model(name: str, score: float | None, component: int = 0) -> LeaderboardModel:
    return LeaderboardModel(
        model=name, score=score, se=None, low=None, high=None, n=10, component=component
    )


def test_four_hundred_points_are_ten_to_one_and_shares_of_two_models_add_to_one():
    strong, weak = win_rates([model("a", 1400), model("b", 1000)]).panels

    assert strong.shares == [("b", pytest.approx(10 / 11))]
    assert strong.mean + weak.mean == pytest.approx(1)


def test_models_that_were_never_compared_have_no_share():
    found = win_rates([model("a", 1000), model("b", 1000), model("c", 900, 1), model("d", None)])

    assert [one.model for one in found.panels] == ["a", "b"]
    assert found.more == 2
    assert win_rates([model("alone", 1000)]).panels == []
    assert win_rates([]).more == 0


def test_pictures_are_bounded_and_names_in_them_are_no_markup():
    found = win_rates([model(f"<script>{n}", 1000 - n) for n in range(12)])

    assert len(found.panels) == PANELS_MAX
    assert found.more == 4
    for one in found.panels:
        assert "<script" not in one.picture
        assert len(re.findall('class="win-none"', one.picture)) == PANELS_MAX
