"""Rankings: response pairs, Kendall's W and τ-b, as published and as scipy computes them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, kendalltau

from plaudit.core.quality.agreement import rankings
from plaudit.core.quality.agreement.distances import CategoryScale, mirrored
from plaudit.core.quality.agreement.rankings import (
    PAIR_CATEGORIES,
    RankArrays,
    RankingPlan,
    kendall_w,
    response_pairs,
)
from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.replicates import replicate_sums, task_hashes
from tests.quality.published_votes import agreement_of, expected

PAIRS = CategoryScale(3, is_ordered=True)
FREE = CategoryScale(3, is_ordered=True, orbits=mirrored(3))


def ranks_of(table) -> RankArrays:
    """Ranks by unit, person and response, NaN where not ranked; each unit is a task."""
    table = np.asarray(table, dtype=np.float64)
    units, people, responses = (one.astype(np.int32) for one in np.nonzero(~np.isnan(table)))
    return RankArrays(
        units=units,
        people=people,
        responses=responses,
        ranks=table[units, people, responses],
        clusters=np.arange(len(table), dtype=np.int32),
        unit_count=len(table),
        person_count=table.shape[1],
        task_count=len(table),
    )


def coefficients_of(table):
    ranks = ranks_of(table)
    plan = RankingPlan(response_pairs(ranks))
    hashes = task_hashes(str(at) for at in range(ranks.task_count))
    return plan.agreement(replicate_sums(hashes, plan.summands()))


def test_a_published_ranking_of_four_responses_by_three_people():
    published = expected("ranking-fixture")
    table = np.array([published["ranks"]])

    found = coefficients_of(table)
    votes = response_pairs(ranks_of(table)).votes
    stored, free = agreement_of(votes, PAIRS), agreement_of(votes, FREE)

    assert found.kendall_w.value == pytest.approx(published["kendall_w"], abs=1e-9)
    assert [one.tau_b for one in found.pairs] == pytest.approx(published["tau_b"], abs=1e-9)
    assert [one.people for one in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert found.tau_b.value == pytest.approx(np.mean(published["tau_b"]))
    nominal = stored.alpha["nominal"].value, free.alpha["nominal"].value
    names = "pair_alpha_nominal", "pair_alpha_nominal_symmetrised"
    assert nominal == pytest.approx([published[name] for name in names], abs=1e-9)
    assert free.percent.value == pytest.approx(published["pair_percent"], abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 4), min_size=4, max_size=4), min_size=2, max_size=4))
def test_tau_b_of_two_people_is_that_of_scipy(rows):
    found = {one.people: one.tau_b for one in coefficients_of([rows]).pairs}

    for first, second in combinations(range(len(rows)), 2):
        oracle = kendalltau(rows[first], rows[second]).statistic
        assert found.get((first, second), float("nan")) == pytest.approx(oracle, nan_ok=True)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(1, 4), min_size=4, max_size=4), min_size=3, max_size=5).filter(
        lambda rows: any(len(set(row)) > 1 for row in rows)
    )
)
def test_w_is_the_statistic_of_friedmans_test_by_its_maximum(rows):
    oracle = friedmanchisquare(*np.array(rows).T).statistic / (len(rows) * 3)

    assert kendall_w(ranks_of([rows]))[0] == pytest.approx(oracle)


def test_who_ranks_some_responses_alone_counts_on_those():
    nothing = float("nan")
    table = [
        [[1, 2, 3], [1, 2, 3], [2, 1, nothing]],
        [[1, 2, 3], [nothing, 1, 2], [nothing, nothing, nothing]],
    ]
    votes = response_pairs(ranks_of(table)).votes

    found = coefficients_of(table)

    assert kendall_w(ranks_of(table))[0] == 1
    assert np.isnan(kendall_w(ranks_of(table))[1])
    taus = {one.people: (one.n, one.tau_b) for one in found.pairs}
    assert taus == {(0, 1): (2, 1.0), (0, 2): (1, -1.0), (1, 2): (1, -1.0)}
    assert votes.unit_count == 6
    assert np.bincount(votes.units).tolist() == [3, 2, 2, 1, 1, 2]
    assert [PAIR_CATEGORIES[value] for value in votes.values[:3]] == ["<", "<", ">"]


def test_rankings_are_compared_a_few_at_a_time(monkeypatch):
    table = np.random.default_rng(2).integers(1, 5, (40, 3, 4)).astype(float)
    whole, coefficients = response_pairs(ranks_of(table)), coefficients_of(table)

    monkeypatch.setattr(rankings, "ROWS_AT_ONCE", 30)
    parts = response_pairs(ranks_of(table))

    assert coefficients_of(table) == coefficients
    for name in ("units", "people", "values", "clusters"):
        assert (getattr(parts.votes, name) == getattr(whole.votes, name)).all()
    assert (parts.unit_of == whole.unit_of).all()
    assert parts.votes.unit_count == whole.votes.unit_count


def test_where_everybody_ties_everything_there_is_no_coefficient():
    found = coefficients_of([[[1, 1, 1], [1, 1, 1]]])

    assert isinstance(found.kendall_w, Undefined)
    assert isinstance(found.tau_b, Undefined)
    assert found.pairs == []
