"""Verdicts of judged turns: orders, several judges, and the preference's scale."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plaudit.core.tasks.forms import Field, Form, Level, ScaleDirection
from plaudit.formats.exporting.comparison import Comparison, Flag, Pair, VerdictKind
from plaudit.formats.exporting.pair_policies import PairPolicy, selected_pairs
from plaudit.formats.exporting.rankings import pairs_of_groups, weak_order
from tests.formats.exporting.making import (
    SPLIT,
    THREE,
    TWO,
    asked,
    chose,
    compared,
    make,
    ranked,
    scaled,
    sides,
)

HIGH_IS_FIRST = Form(
    fields=[
        Field(
            key="which",
            level=Level.turn,
            type="integer",
            possible_values=[-3, -2, -1, 0, 1, 2, 3],
            scale=ScaleDirection.high_is_first,
        )
    ]
)


def said_of(comparison: Comparison) -> list[tuple[str, str]]:
    """Pairs of a comparison by `source_id`, the better one first."""
    names = [response.source_id for response in comparison.responses]
    return [(names[pair.better], names[pair.worse]) for pair in comparison.pairs]


# --- orders ---


@st.composite
def weak_orders(draw: Any) -> list[list[int]]:
    """Groups of equals of up to seven responses, best first."""
    count = draw(st.integers(2, 7))
    ranks = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return [
        [place for place in range(count) if ranks[place] == rank] for rank in sorted(set(ranks))
    ]


@given(weak_orders())
def test_an_order_comes_back_from_its_pairs(groups):
    places = sorted(place for group in groups for place in group)

    assert weak_order(pairs_of_groups(groups), places) == groups


@given(weak_orders())
def test_policies_go_by_groups_of_equals(groups):
    pairs = pairs_of_groups(groups)
    sizes = [len(group) for group in groups]
    count = {policy: len(selected_pairs(pairs, groups, policy)) for policy in PairPolicy}

    assert count[PairPolicy.all] == sum(a * b for a, b in combinations(sizes, 2))
    assert count[PairPolicy.best_vs_rest] == sizes[0] * sum(sizes[1:])
    assert count[PairPolicy.best_vs_worst] == (sizes[0] * sizes[-1] if len(sizes) > 1 else 0)
    assert count[PairPolicy.adjacent] == sum(a * b for a, b in pairwise(sizes))


@given(weak_orders(), st.sampled_from(PairPolicy))
def test_an_order_that_is_not_named_is_found_in_the_pairs(groups, policy):
    pairs = pairs_of_groups(groups)

    assert selected_pairs(pairs, None, policy) == selected_pairs(pairs, groups, policy)


@given(st.lists(st.sampled_from(("a", "b", "tie", None)), min_size=3, max_size=3))
def test_pairs_without_an_order_have_no_groups(values):
    names = [("a", "b"), ("b", "c"), ("a", "c")]
    given_pairs = [
        {
            "key": f"preference__{first}__{second}",
            "type": "category",
            "value": {"a": first, "b": second}.get(value, value),
        }
        for (first, second), value in zip(names, values, strict=True)
    ]
    comparison = compared(asked(THREE, *given_pairs))
    better = set(said_of(comparison))

    assert len(better) == sum(value in ("a", "b") for value in values)
    if comparison.groups is not None and None not in values:
        ranks = {place: rank for rank, group in enumerate(comparison.groups) for place in group}
        for first, second in combinations(range(3), 2):
            is_equal = ranks[first] == ranks[second]
            pair = ("abc"[first], "abc"[second])
            assert is_equal == (pair not in better and pair[::-1] not in better)


def test_verdicts_in_a_circle_are_counted_where_a_policy_finds_no_best():
    circle = [
        {"key": f"preference__{a}__{b}", "type": "category", "value": better}
        for a, b, better in (("a", "b", "a"), ("b", "c", "b"), ("a", "c", "c"))
    ]

    made = make("trl-preference", asked(THREE, *circle))

    assert (made.rows, made.skipped) == ([], {"no_order": 1})
    assert len(make("trl-preference", asked(THREE, *circle), pairs="all").rows) == 3
    assert compared(asked(THREE, *circle)).groups is None


def test_a_tied_top_group_wins_over_each_below():
    made = make("trl-preference", asked(THREE, ranked(["a", "b"], ["c"])))

    assert sides(made) == [("Yes.", "Perhaps."), ("No.", "Perhaps.")]
    assert [row["margin"] for row in made.rows] == [1.0, 1.0]


def test_strength_is_the_share_of_the_gap_of_ranks():
    made = make("trl-preference", asked(THREE, ranked(["c"], ["a"], ["b"])), pairs="all")

    assert [row["margin"] for row in made.rows] == [0.5, 1.0, 0.5]


def test_only_ranked_responses_are_compared_and_their_best_is_not_the_best_of_all():
    turn = asked(THREE, ranked(["a"], ["b"]))

    assert sides(make("trl-preference", turn, pairs="all")) == [("Yes.", "No.")]
    assert make("trl-preference", turn).skipped == {"partial_ranking": 1}
    assert compared(turn).flags == [Flag.partial_ranking]


def test_a_ranking_of_one_response_says_nothing():
    assert make("trl-preference", asked(THREE, ranked(["a"]))).skipped == {"partial_ranking": 1}


def test_one_group_of_all_is_a_tie():
    assert compared(asked(THREE, ranked(["a", "b", "c"]))).kind is VerdictKind.tie


def test_a_selected_response_wins_over_each_other_and_says_no_more():
    comparison = compared(asked(THREE, chose("b")))

    assert said_of(comparison) == [("b", "a"), ("b", "c")]
    assert comparison.groups is None


# --- several judges ---

HALVED = [("p1", "a"), ("p2", "a"), ("p3", "b"), ("p4", "tie")]


def test_a_majority_is_more_than_half_of_all_votes():
    assert said_of(compared(asked(TWO, chose("a", votes=SPLIT)))) == [("a", "b")]
    assert compared(asked(TWO, chose("a", votes=HALVED))).kind is VerdictKind.conflict


def test_unanimous_judges_are_of_one_mind():
    one_mind = [("p1", "a"), ("p2", "a")]

    assert compared(asked(TWO, chose("a", votes=SPLIT)), judges="unanimous").kind is (
        VerdictKind.conflict
    )
    assert said_of(compared(asked(TWO, chose("a", votes=one_mind)), judges="unanimous"))


@given(st.lists(st.sampled_from(("a", "b", "tie", "all_bad")), min_size=1, max_size=7))
def test_every_vote_is_a_row_or_counted_where_each_counts(values):
    votes = [(f"p{number}", value) for number, value in enumerate(values)]

    made = make("trl-preference", asked(TWO, chose(None, votes=votes)), judges="each")

    assert len(made.rows) == sum(value in ("a", "b") for value in values)
    assert made.skipped == {
        kind: values.count(kind) for kind in ("tie", "all_bad") if kind in values
    }


@given(st.lists(st.sampled_from(("a", "b", "tie")), min_size=1, max_size=9))
def test_policies_on_judges_agree_with_a_count(values):
    turn = asked(TWO, chose(None, votes=[(f"p{n}", value) for n, value in enumerate(values)]))
    counts = {value: values.count(value) for value in ("a", "b", "tie")}
    most = max(counts, key=lambda value: counts[value])
    is_majority = 2 * counts[most] > len(values)
    expected = {"a": [("a", "b")], "b": [("b", "a")], "tie": []}

    assert said_of(compared(turn)) == (expected[most] if is_majority else [])
    assert said_of(compared(turn, judges="unanimous")) == (
        expected[most] if counts[most] == len(values) else []
    )
    lead = counts["a"] - counts["b"]
    [*by_mean] = said_of(compared(turn, judges="mean-strength"))
    assert by_mean == (expected["a"] if lead > 0 else expected["b"] if lead < 0 else [])


def test_the_later_vote_of_a_person_counts_whatever_the_order():
    early, late = "2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5Z"
    votes = [("p1", "a", late), ("p1", "b", early)]

    assert said_of(compared(asked(TWO, chose(None, votes=votes)))) == [("a", "b")]
    assert said_of(compared(asked(TWO, chose(None, votes=votes[::-1])))) == [("a", "b")]
    untimed = [("p1", "a", late), ("p1", "b")]
    assert said_of(compared(asked(TWO, chose(None, votes=untimed)))) == [("b", "a")]


def test_a_person_can_take_a_vote_back():
    votes = [("p1", "a"), ("p2", "b"), ("p2", None)]

    assert said_of(compared(asked(TWO, chose(None, votes=votes)))) == [("a", "b")]


def test_what_a_reviewer_settled_wins_over_the_votes():
    against_all = [("p1", "a"), ("p2", "a")]

    assert said_of(compared(asked(TWO, chose("b", votes=against_all)))) == [("b", "a")]
    assert said_of(compared(asked(TWO, scaled(7, votes=[("p1", 1), ("p2", 2)])))) == [("b", "a")]
    assert said_of(compared(asked(THREE, ranked(["c"], ["a"], ["b"], votes=[
        ("p1", [["a"], ["b"], ["c"]]), ("p2", [["a"], ["b"], ["c"]]),
    ]))))[0] == ("c", "a")  # fmt: skip
    unanimous = compared(asked(TWO, chose("b", votes=against_all)), judges="unanimous")
    assert said_of(unanimous) == [("a", "b")]


def test_a_median_between_two_sides_settles_nothing():
    votes = [("p1", 1), ("p2", 2), ("p3", 6), ("p4", 7)]

    assert compared(asked(TWO, scaled(3, votes=votes))).kind is VerdictKind.conflict


def test_who_ranks_only_some_counts_among_all_judges_of_a_pair():
    votes = [("p1", [["a"], ["b"], ["c"]]), ("p2", [["a"], ["c"]]), ("p3", [["b"], ["c"]])]

    comparison = compared(asked(THREE, ranked(votes=votes)))

    assert said_of(comparison) == [("a", "c"), ("b", "c")]
    assert comparison.flags == []


def test_judges_agree_on_pairs_of_rankings_and_not_on_whole_rankings():
    votes = [
        ("p1", [["a"], ["b"], ["c"]]),
        ("p2", [["b"], ["a"], ["c"]]),
        ("p3", [["a"], ["c"], ["b"]]),
    ]
    turn = asked(THREE, ranked(votes=votes))

    assert said_of(compared(turn)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert compared(turn).groups == [[0], [1], [2]]
    assert said_of(compared(turn, judges="unanimous")) == [("a", "c")]
    assert compared(turn, judges="unanimous").groups is None


def test_each_ranking_goes_by_the_policy_on_its_own():
    votes = [("p1", [["a"], ["b"], ["c"]]), ("p2", [["c"], ["b"], ["a"]])]
    turn = asked(THREE, ranked(votes=votes))

    made = make("trl-preference", turn, judges="each")

    assert sides(made) == [
        ("Yes.", "No."), ("Yes.", "Perhaps."), ("Perhaps.", "No."), ("Perhaps.", "Yes."),
    ]  # fmt: skip


def test_a_pair_that_nobody_decides_is_no_tie():
    split = [("p1", "a"), ("p2", "b")]
    pairs = [
        {"key": "preference__a__b", "type": "category", "value": None,
         "votes": [{"contributor_id": who, "value": value} for who, value in split]},
        {"key": "preference__a__c", "type": "category", "value": "a"},
        {"key": "preference__b__c", "type": "category", "value": "b"},
    ]  # fmt: skip

    comparison = compared(asked(THREE, *pairs))

    assert (comparison.kind, comparison.groups) == (VerdictKind.prefer, None)
    assert compared(asked(THREE, pairs[0])).kind is VerdictKind.conflict


def test_judges_who_find_all_bad_are_no_tie_by_their_mean():
    turn = asked(TWO, chose(None, votes=[("p1", "all_bad"), ("p2", "all_bad")]))

    assert compared(turn, judges="mean-strength").kind is VerdictKind.all_bad


# --- scales ---


@given(st.integers(1, 7))
def test_low_values_prefer_the_first_response(value):
    comparison = compared(asked(TWO, scaled(value)))

    expected = [] if value == 4 else [Pair(*((0, 1) if value < 4 else (1, 0)), abs(value - 4) / 3)]
    assert list(comparison.pairs) == expected
    assert comparison.likert == value


@given(st.integers(-3, 3))
def test_the_form_turns_a_scale_round(value):
    turn = asked(TWO, scaled(value, key="which"))

    assert said_of(compared(turn, form=HIGH_IS_FIRST)) == (
        [("a", "b")] if value > 0 else [("b", "a")] if value < 0 else []
    )


@given(st.lists(st.integers(1, 7), min_size=1, max_size=7))
@example([3, 3, 3, 4])
@example([2, 2, 2, 5, 5, 5, 5, 5, 5])
def test_votes_on_a_scale_are_counted_by_side(values):
    votes = [(f"p{number}", value) for number, value in enumerate(values)]
    turn = asked(TWO, scaled(None, votes=votes))
    low, high = sum(v < 4 for v in values), sum(v > 4 for v in values)
    expected = [("a", "b")] if 2 * low > len(values) else []
    expected = [("b", "a")] if 2 * high > len(values) else expected

    assert said_of(compared(turn)) == expected
    mean = Fraction(sum(4 - value for value in values), 3 * len(values))
    by_mean = compared(turn, judges="mean-strength", min_difference=0.25)
    assert bool(by_mean.pairs) == (abs(mean) >= Fraction(1, 4))
    assert all(pair.strength == pytest.approx(float(abs(mean))) for pair in by_mean.pairs)
    each = compared(turn, judges="each")
    assert (len(each.pairs), len(each.other_votes)) == (low + high, values.count(4))


def test_a_choice_that_follows_from_the_scale_is_judged_by_the_votes_on_the_scale():
    votes = [("p1", 1), ("p2", 3), ("p3", 6)]
    turn = asked(TWO, chose("a"), scaled(3, votes=votes))

    assert compared(turn, judges="unanimous").kind is VerdictKind.conflict
    assert [pair.contributor_id for pair in compared(turn, judges="each").pairs] == [
        "p1", "p2", "p3",
    ]  # fmt: skip


def test_each_vote_has_the_strength_of_its_judge():
    turn = asked(
        TWO,
        chose("a", votes=[("p1", "a"), ("p2", "a"), ("p3", "b")]),
        scaled(2, votes=[("p1", 1), ("p2", 3), ("p3", 2)]),
    )

    strengths = [pair.strength for pair in compared(turn, judges="each").pairs]

    assert strengths == [1.0, pytest.approx(1 / 3), None]


def test_the_selected_response_wins_over_a_scale_that_contradicts_it():
    comparison = compared(asked(TWO, chose("a"), scaled(6)))

    assert said_of(comparison) == [("a", "b")]
    assert comparison.flags == [Flag.likert_conflict]
    assert comparison.pairs[0].strength is None


def test_an_integer_called_preference_is_a_scale_where_the_form_says_so():
    form = Form(
        fields=[
            Field(key="preference", level=Level.turn, type="integer",
                  scale=ScaleDirection.low_is_first)
        ]
    )  # fmt: skip

    assert said_of(compared(asked(TWO, scaled(2, key="preference")), form=form)) == [("a", "b")]
