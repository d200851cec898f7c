"""Quality reports as pages show them: what is plotted, named, left out, and undefined."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from plaudit.wire.manage.quality import QuestionQuality
from plaudit.wire.manage.quality_people import BiasReport, LeaderboardReport
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.quality import agreement_view, comparison_view, people_view
from plaudit.workspace.render.plots import PlotRow, forest_plot
from plaudit.workspace.render.rating_plots import HEIGHT, RatingLine, rating_plot

GOOD = {"value": 0.9, "low": 0.85, "high": 0.94}
LOW = {"value": 0.013, "low": -0.075, "high": 0.097}
NONE = {"value": None, "why": "everybody always said 3"}
HOSTILE = '"><script>window.__pwned = 1</script>'


def agreement(alpha: Any = GOOD, ac2: Any = GOOD, **members: Any) -> dict[str, Any]:
    levels = dict.fromkeys(("nominal", "ordinal", "interval", "ratio"), alpha)
    found = {"orientation": None, "percent": GOOD, "alpha": levels, "fleiss": GOOD, "ac1": GOOD}
    return found | {"ac2": {"linear": ac2, "quadratic": ac2}} | members


def share(right: int, n: int) -> dict[str, Any]:
    return {"right": right, "n": n, "share": right / n, "low": 0.1, "high": 0.9}


def question(key: str = "stars", level: str = "ordinal", **members: Any) -> dict[str, Any]:
    counts = {"units": 5, "pairable": 4, "votes": 12, "abstained": 1}
    disagreements = {"units": 2, "final_of": {"ann": 1}, "final_of_nobody": 1}
    shown = {"key": key, "about": "message", "level": level, "type": "integer", "categories": [1]}
    return (
        shown
        | counts
        | {"people": [], "disagreements": disagreements}
        | {"repeats": {"n": 0, "equal": 0, "same_side": None}, "agreement": agreement()}
        | members
    )


def report(*questions: dict[str, Any], people: Any = ()) -> QualityReport:
    undecided = dict.fromkeys(("share", "se", "low", "high", "p"))
    place = undecided | {"basis": "stored", "first": 0, "second": 0, "naive_p": None, "says": "–"}
    length = undecided | {"longer": 0, "n": 0, "slope": {"value": None}, "says": "–"}
    return msgspec.convert(
        {
            "project": "P",
            "tasks": 5,
            "votes": 12,
            "questions": questions,
            "bias": {"place": place, "length": length},
            "leaderboard": {"votes": 0, "models": []},
            "people": people,
        },
        QualityReport,
    )


def test_alpha_and_ac_of_the_questions_own_level_stand_side_by_side():
    found = agreement_view.overview(report(question(), question("topic", "nominal")))

    assert [(row.ac_name, row.alpha.value, row.ac.value) for row in found.rows] == [
        ("AC2", "0.900", "0.900"),
        ("AC1", "0.900", "0.900"),
    ]
    assert [found.plot.count(word) for word in ("α · stars", "AC2 · stars", "AC1 · topic")] == [
        2
    ] * 3
    assert "0.667: tentative conclusions" in found.plot


@pytest.mark.parametrize(("alpha", "is_apart"), [(LOW, True), (GOOD, False), (NONE, False)])
def test_alpha_far_below_ac_is_pointed_out(alpha, is_apart):
    found = agreement_view.overview(report(question(agreement=agreement(alpha))))

    assert found.rows[0].is_apart is is_apart


def test_an_undefined_coefficient_has_its_reason_and_no_mark():
    only = question(agreement=agreement(NONE))

    found = agreement_view.overview(report(only))

    assert found.rows[0].alpha.why == "everybody always said 3"
    assert found.plot.count(">–<") == 1
    assert found.plot.count("plot-mark") == 1


def test_questions_without_a_coefficient_have_a_row_and_no_plot():
    bare = question("why")
    del bare["agreement"]

    found = agreement_view.overview(report(bare))

    assert (len(found.rows), found.plot, found.rows[0].alpha.value) == (1, "", "–")


def test_coefficients_of_another_level_stand_apart():
    found = agreement_view.question_view(msgspec.convert(question(), QuestionQuality))

    assert [name for name, _ in found.coefficients] == [
        "percent",
        "α ordinal",
        "AC2 linear",
        "AC2 quadratic",
    ]
    assert [name for name, _ in found.others] == [
        "α nominal",
        "α interval",
        "α ratio",
        "Fleiss’ κ",
        "AC1",
    ]


def test_people_two_by_two_are_those_with_the_most_votes():
    ids = [f"user_{number:02}" for number in range(25)]
    numbers = dict.fromkeys(("se", "linear", "tau_b"), None)
    pairs = [
        {"people": [one, other], "n": 3, "kappa": None, "quadratic": -0.2} | numbers
        for one in ids
        for other in ids
        if one < other
    ]
    voted = [
        {"contributor_id": one, "votes": at, "with_final": share(1, 2), "with_others": share(1, 2)}
        for at, one in enumerate(ids)
    ]
    asked = question(agreement=agreement(cohen=pairs), people=voted)

    found = agreement_view.heat_map(msgspec.convert(asked, QuestionQuality))

    assert found is not None
    assert (found.ids, found.more) == (ids[:4:-1], 5)
    assert {len(row) for row in found.rows} == {20}
    assert found.rows[0][0] == agreement_view.HeatCell("", 0, -1)
    assert found.rows[0][1] == agreement_view.HeatCell("−0.20", 3, 0)


def test_pseudonyms_say_nothing_of_a_person():
    people = [{"contributor_id": one, "tasks": 1, "flags": []} for one in ("zoe", "ann")]

    assert people_view.pseudonyms(report(people=people)) == {"ann": "Person 1", "zoe": "Person 2"}


def test_a_model_stands_with_its_score_and_that_at_equal_style():
    plain = {"model": HOSTILE, "score": 1100.4, "se": 9.0, "low": 1083.0, "high": 1118.0}
    more = {"n": 40, "component": 0}
    unbeaten = {"model": "b", "score": None, "se": None, "low": None, "high": None} | more
    board = {
        "votes": 60,
        "models": [plain | more, unbeaten | {"component": 1, "why": "no finite estimate"}],
        "controlled": [plain | more | {"score": 1050.0}],
        "style": {"length": {"value": 0.5, "se": 0.1}},
        "slices": {f"week {at}": {"votes": 2, "models": [plain | more] * 30} for at in range(25)},
    }

    found = comparison_view.board_view(msgspec.convert(board, LeaderboardReport))

    first, second = found.rows
    assert (first.score.value, first.score.interval) == ("1100", "[1083, 1118]")
    assert first.controlled is not None
    assert first.controlled.value == "1050"
    assert (second.score.why, second.controlled) == ("no finite estimate", None)
    assert (found.has_components, found.styles[0][1].interval) == (True, "± 0.20")
    assert found.plot.count("<circle") == 1
    assert (len(found.slices), found.more_slices, len(found.slices[0].models)) == (20, 5, 20)
    assert "<script" not in found.plot


def test_each_bias_has_counts_an_interval_and_its_sentence():
    ends = {"low": 0.438, "high": 0.501, "p": 0.06}
    place = {"basis": "stored", "first": 1255, "second": 1416, "share": 0.47, "se": 0.01}
    length = {"longer": 9, "n": 10, "share": 0.9, "se": 0.1, "slope": {"value": 0.5}}
    marks = {"winners": 0.25, "losers": 0.2, "difference": 0.05, "n": 10, "se": 0.1}
    leak = {"task_id": "t", "source_id": "m", "names": ["GPT-4"]}
    bias = {
        "place": place | ends | {"naive_p": 0.002, "says": "consistent with chance"},
        "length": length | ends | {"p": 0.0001, "says": "longer responses win more often"},
        "format": {"lists": marks | ends | {"says": "consistent with chance"}},
        "identity_leaks": [leak] * 230,
    }

    found = comparison_view.bias_view(msgspec.convert(bias, BiasReport))

    shown = found.shares[0]
    assert (shown.counts, shown.figure.interval) == ("1,255 of 2,671", "[0.438, 0.501]")
    assert (shown.p, shown.says) == ("0.060", "consistent with chance")
    assert found.shares[1].p == "< 0.001"
    assert found.differences[0].counts.startswith("25.0% of winners")
    assert (len(found.leaks), found.more_leaks) == (200, 30)
    assert "½: fair" in found.shares_plot


def test_a_plot_is_as_wide_as_its_words_need():
    short, long = (forest_plot("T", [PlotRow(label, 0.5, words="½")]) for label in ("a", "a" * 99))

    assert 'width="434"' in short
    assert 'width="627"' in long


def test_a_plot_of_ratings_names_each_line_at_its_end_without_overlaps():
    lines = [RatingLine(f"<model {at}>", [1000.0, 1000.0 + at / 10]) for at in range(8)]

    drawn = rating_plot("Ratings", [1, 40], lines)

    assert drawn.count("<polyline") == 8
    assert len(set(re.findall(r'stroke-dasharray="([^"]*)"/>', drawn))) == 8
    ends = re.findall(r'x="498" y="([\d.]+)"[^>]*>&lt;model \d&gt;', drawn)
    places = [float(one) for one in ends]
    assert len(places) == 8
    assert all(later - one >= 14 for one, later in pairwise(places))
    assert max(places) < HEIGHT
    assert "<model" not in drawn
