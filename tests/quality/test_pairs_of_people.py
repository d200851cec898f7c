"""Two people beside one another, and each beside the others: as other packages and loops do it."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau
from statsmodels.stats.inter_rater import cohens_kappa

from plaudit.core.quality.agreement import pairs
from plaudit.core.quality.agreement.distances import CategoryScale, mirrored
from plaudit.core.quality.agreement.pairs import pair_agreements, vote_pairs
from plaudit.core.quality.agreement.voters import (
    NO_ANSWER,
    disagreements,
    majority_of_others,
    voter_records,
)
from tests.quality.published_votes import MISSING, arrays_of

TABLES = st.lists(
    st.lists(st.integers(MISSING, 2), min_size=4, max_size=4), min_size=1, max_size=9
).map(np.array)


@settings(max_examples=40)
@given(TABLES)
def test_each_two_people_agree_as_statsmodels_and_scipy_say(table):
    found = {one.people: one for one in pair_agreements(arrays_of(table, 3), ordered(3))}

    for first in range(4):
        for second in range(first + 1, 4):
            both = table[(table[:, (first, second)] != MISSING).all(axis=1)][:, (first, second)]
            if not len(both):
                assert (first, second) not in found
                continue
            one = found[first, second]
            cross = np.zeros((3, 3))
            np.add.at(cross, (both[:, 0], both[:, 1]), 1)
            assert one.n == len(both)
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                oracle = cohens_kappa(cross)
                linear = cohens_kappa(cross, wt="linear").kappa
                tau_b = kendalltau(both[:, 0], both[:, 1]).statistic
            if len(np.unique(both)) == 1:
                assert (one.kappa, one.se, one.linear) == (None, None, None)
            else:
                assert one.kappa == pytest.approx(oracle.kappa, abs=1e-12)
                assert one.linear == pytest.approx(linear, abs=1e-12)
                assert one.se == pytest.approx(np.sqrt(max(oracle.var_kappa, 0)), abs=1e-7)
            assert none_or_nan(one.tau_b) == pytest.approx(tau_b, abs=1e-12, nan_ok=True)


def ordered(count: int) -> CategoryScale:
    return CategoryScale(count, is_ordered=True)


def none_or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def test_the_pairs_with_most_units_in_common_are_kept(monkeypatch):
    monkeypatch.setattr(pairs, "PAIRS_MAX", 2)
    monkeypatch.setattr(pairs, "CELLS_AT_ONCE", 4)
    table = np.array([[0, 1, MISSING], [0, 0, 0], [1, 1, MISSING], [1, MISSING, 1]])

    found = pair_agreements(arrays_of(table, 2), ordered(2))

    assert [(one.people, one.n) for one in found] == [((0, 1), 3), ((0, 2), 2)]


def test_sides_without_order_are_mirrored_one_for_the_other():
    """One always says first where the other says second, and both say tie once."""
    table = np.array([[0, 2], [0, 2], [1, 1]])
    mirror = [table, 2 - table]

    free = pair_agreements(arrays_of(table, 3), CategoryScale(3, orbits=mirrored(3)))
    both = pair_agreements(arrays_of(np.vstack(mirror), 3), CategoryScale(3))

    assert free[0].kappa == pytest.approx(both[0].kappa)
    assert (free[0].linear, free[0].tau_b) == (None, None)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5), max_size=8))
def test_each_two_votes_of_a_unit_are_a_pair(sizes):
    units = np.repeat(np.arange(len(sizes)), sizes)

    found = [tuple(pair) for part in vote_pairs(np.array(sizes, dtype=np.int64)) for pair in part.T]

    assert Counter(found) == Counter(
        (first, second)
        for first in range(len(units))
        for second in range(first + 1, len(units))
        if units[first] == units[second]
    )


@settings(max_examples=40)
@given(TABLES)
def test_the_majority_of_the_others_is_that_of_a_loop(table):
    votes = arrays_of(table, 3)

    found = majority_of_others(votes)

    for at, (unit, person) in enumerate(zip(votes.units, votes.people, strict=True)):
        others = [value for who, value in enumerate(table[unit]) if who != person]
        others = [value for value in others if value != MISSING]
        ((leader, count),) = Counter(others).most_common(1) or [(NO_ANSWER, 0)]
        is_strict = len(others) >= 2 and 2 * count > len(others)
        assert found[at] == (leader if is_strict else NO_ANSWER)


@settings(max_examples=40)
@given(TABLES, st.lists(st.integers(NO_ANSWER, 2), min_size=9, max_size=9))
def test_disagreements_and_records_are_those_of_a_loop(table, answers):
    final = np.array(answers[: len(table)], dtype=np.int32)
    votes = arrays_of(table, 3)
    differing = [unit for unit, row in enumerate(table) if len(set(row) - {MISSING}) > 1]

    found = disagreements(votes, final)
    records = voter_records(votes, final, np.bincount(votes.people, minlength=4))

    assert found.units == len(differing)
    nobody = [unit for unit in differing if final[unit] not in (NO_ANSWER, *table[unit])]
    assert found.final_of_nobody == len(nobody)
    for person in range(4):
        won = sum(table[unit, person] == final[unit] != NO_ANSWER for unit in differing)
        assert found.final_of.get(person, 0) == won
    for record in records:
        voted = table[:, record.person]
        has_final = (voted != MISSING) & (final != NO_ANSWER)
        assert record.votes == np.count_nonzero(voted != MISSING)
        assert record.with_final.n == np.count_nonzero(has_final)
        assert record.with_final.right == np.count_nonzero(has_final & (voted == final))
