"""Coefficients of agreement on small cases: by hand, by other packages, and unmoved by what
carries no information."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from plaudit.core.quality import patterns as patterns_module
from plaudit.core.quality.agreement import voters
from plaudit.core.quality.agreement.coefficients import AgreementPlan
from plaudit.core.quality.agreement.distances import CategoryScale, masi_distances, mirrored
from plaudit.core.quality.estimates import Estimate, Undefined, discoveries
from plaudit.core.quality.patterns import patterns_of
from plaudit.core.quality.replicates import replicate_sums, task_hashes
from tests.quality.published_votes import MISSING, agreement_of, arrays_of, value_of

LEVELS = ("nominal", "ordinal", "interval", "ratio")


def scale_of(categories: int) -> CategoryScale:
    numbers = tuple(float(at + 1) for at in range(categories))
    return CategoryScale(categories, is_ordered=True, scores=numbers)


@st.composite
def tables(draw):
    """Votes by unit and person, some missing, and the number of declared categories."""
    categories = draw(st.integers(2, 6))
    people = draw(st.integers(2, 4))
    row = st.lists(st.integers(MISSING, categories - 1), min_size=people, max_size=people)
    table = np.array(draw(st.lists(row, min_size=2, max_size=12)))
    pairable = (table != MISSING).sum(axis=1) >= 2
    assume(len(set(table[pairable].ravel()) - {MISSING}) >= 2)
    return table, categories


def all_values(found) -> dict[str, float]:
    values = {f"alpha {level}": value_of(one) for level, one in found.alpha.items()}
    values |= {f"ac2 {kind}": value_of(one) for kind, one in found.ac2.items()}
    return values | {name: value_of(getattr(found, name)) for name in ("percent", "fleiss", "ac1")}


def gwet_by_hand(table: np.ndarray, weights: np.ndarray) -> float:
    """AC2 as Gwet (2014) writes it, unit by unit."""
    q = len(weights)
    agreed, shares = [], []
    for row in table:
        counts = np.bincount(row[row != MISSING], minlength=q)
        m = counts.sum()
        if m:
            shares.append(counts / m)
        if m >= 2:
            agreed.append((counts * (weights @ counts - 1)).sum() / (m * (m - 1)))
    pi = np.mean(shares, axis=0)
    chance = weights.sum() / (q * (q - 1)) * (pi * (1 - pi)).sum()
    return (np.mean(agreed) - chance) / (1 - chance)


@settings(max_examples=40)
@given(tables())
def test_alpha_is_that_of_the_oracle_at_each_level(case):
    table, categories = case
    found = agreement_of(table, scale_of(categories), replicates=0)

    numbers = np.where(table == MISSING, np.nan, table + 1.0).T
    for level in LEVELS:
        oracle = krippendorff.alpha(
            numbers, value_domain=np.arange(categories) + 1.0, level_of_measurement=level
        )
        assert value_of(found.alpha[level]) == pytest.approx(oracle, abs=1e-9)


@settings(max_examples=40)
@given(tables())
def test_gwet_counts_the_declared_categories(case):
    table, categories = case
    found = agreement_of(table, scale_of(categories), replicates=0)

    steps = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories)))
    near = steps / (categories - 1)
    assert value_of(found.ac1) == pytest.approx(gwet_by_hand(table, np.eye(categories)))
    assert value_of(found.ac2["linear"]) == pytest.approx(gwet_by_hand(table, 1 - near))
    assert value_of(found.ac2["quadratic"]) == pytest.approx(gwet_by_hand(table, 1 - near**2))


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=12))
def test_fleiss_is_that_of_statsmodels_where_all_vote(rows):
    table = np.array(rows)
    assume(len(np.unique(table)) > 1)

    counts = np.stack([(table == at).sum(axis=1) for at in range(4)], axis=1)

    found = agreement_of(table, scale_of(4), replicates=0).fleiss
    assert value_of(found) == pytest.approx(fleiss_kappa(counts))


@settings(max_examples=40)
@given(tables(), st.randoms())
def test_order_and_names_of_units_and_people_change_nothing(case, random):
    table, categories = case
    units, people = list(range(len(table))), list(range(table.shape[1]))
    random.shuffle(units)
    random.shuffle(people)

    found = all_values(agreement_of(table, scale_of(categories), replicates=0))
    other = all_values(agreement_of(table[units][:, people], scale_of(categories), replicates=0))

    assert other == found


@settings(max_examples=40)
@given(tables(), st.randoms())
def test_names_of_categories_without_order_change_nothing(case, random):
    table, categories = case
    renamed = list(range(categories))
    random.shuffle(renamed)
    other = np.where(table == MISSING, MISSING, np.array(renamed)[table])

    before = agreement_of(table, CategoryScale(categories), replicates=0)
    after = agreement_of(other, CategoryScale(categories), replicates=0)

    assert all_values(after) == pytest.approx(all_values(before), nan_ok=True)


@settings(max_examples=40)
@given(tables())
def test_a_scale_from_its_other_end_has_the_same_agreement(case):
    table, categories = case
    scale = CategoryScale(categories, is_ordered=True)
    other = np.where(table == MISSING, MISSING, categories - 1 - table)

    before = agreement_of(table, scale, replicates=0)
    after = agreement_of(other, scale, replicates=0)

    assert all_values(after) == pytest.approx(all_values(before), nan_ok=True)


@settings(max_examples=40)
@given(tables(), st.lists(st.booleans(), min_size=12, max_size=12))
def test_without_orientation_it_is_the_same_if_the_responses_of_a_pair_are_swapped(case, swapped):
    table, categories = case
    scale = CategoryScale(categories, is_ordered=True, orbits=mirrored(categories))
    is_swapped = np.array(swapped[: len(table)])[:, None] & (table != MISSING)
    other = np.where(is_swapped, categories - 1 - table, table)

    before = agreement_of(table, scale, replicates=0)
    after = agreement_of(other, scale, replicates=0)

    assert all_values(after) == pytest.approx(all_values(before), nan_ok=True)


@settings(max_examples=40)
@given(tables())
def test_votes_that_come_twice_change_no_mean(case):
    """Tasks counted twice leave all but α as it is, whose n - 1 corrects for small samples."""
    table, categories = case

    once = all_values(agreement_of(table, scale_of(categories), replicates=0))
    twice = all_values(agreement_of(np.vstack([table, table]), scale_of(categories), replicates=0))

    for name, value in once.items():
        if not name.startswith("alpha"):
            assert twice[name] == pytest.approx(value)
    n = (table[(table != MISSING).sum(axis=1) >= 2] != MISSING).sum()
    by_n = (1 - once["alpha nominal"]) / (n - 1) * (2 * n - 1) / 2
    assert 1 - twice["alpha nominal"] == pytest.approx(by_n)


@settings(max_examples=40)
@given(tables())
def test_a_unit_of_one_vote_and_one_without_any_add_nothing_to_alpha(case):
    table, categories = case
    alone = np.full((2, table.shape[1]), MISSING)
    alone[0, 0] = 0

    before = agreement_of(table, scale_of(categories), replicates=0)
    after = agreement_of(np.vstack([table, alone]), scale_of(categories), replicates=0)

    values = {level: value_of(one) for level, one in before.alpha.items()}
    others = {level: value_of(one) for level, one in after.alpha.items()}
    assert others == pytest.approx(values)
    assert value_of(after.percent) == pytest.approx(value_of(before.percent))


def test_many_patterns_give_what_few_give(monkeypatch):
    """Where there are too many patterns to keep the weight of each, sums come chunk by chunk."""
    table = np.random.default_rng(1).integers(MISSING, 5, (300, 4))
    few = agreement_of(table, scale_of(5))

    monkeypatch.setattr(patterns_module, "PATTERNS_MAX", 3)
    many = agreement_of(table, scale_of(5))

    assert all_values(many) == pytest.approx(all_values(few))
    for level in ("nominal", "interval", "ratio"):
        ends = few.alpha[level].low, few.alpha[level].high
        assert (many.alpha[level].low, many.alpha[level].high) == pytest.approx(ends)
    ends = few.alpha["ordinal"].low, few.alpha["ordinal"].high
    assert (many.alpha["ordinal"].low, many.alpha["ordinal"].high) == pytest.approx(ends, abs=0.01)


def test_votes_that_are_looked_at_a_few_at_a_time_have_the_same_patterns(monkeypatch):
    votes = arrays_of(np.random.default_rng(1).integers(MISSING, 5, (300, 4)), 5)
    whole, majority = patterns_of(votes), voters.majority_of_others(votes)

    monkeypatch.setattr(patterns_module, "VOTES_AT_ONCE", 7)
    monkeypatch.setattr(voters, "VOTES_AT_ONCE", 7)
    monkeypatch.setattr(voters, "CELLS_AT_ONCE", 15)
    parts = patterns_of(votes)

    assert (parts.counts == whole.counts).all()
    assert (parts.of_unit == whole.of_unit).all()
    assert (voters.majority_of_others(votes) == majority).all()


def test_two_units_by_hand():
    """Votes 1, 1, 1, 2: one unit of two differs, and 6 of 12 ordered pairs of all four: α is 0."""
    found = agreement_of(np.array([[0, 0], [0, 1]]), CategoryScale(2))

    assert found.alpha["nominal"].value == pytest.approx(1 - 3 * 2 / 6)
    assert found.percent.value == 0.5
    assert found.fleiss.value == pytest.approx((0.5 - 0.625) / 0.375)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ([[2, 2], [2, 2]], "everybody always said good"),
        ([[2, -1], [-1, 1]], "no unit has votes of two people"),
        ([[2, 2], [0, -1]], "everybody always said good"),
    ],
)
def test_an_undefined_alpha_says_why(table, why):
    found = agreement_of(np.array(table), scale_of(3), names=["bad", "fair", "good"])

    assert {level: found.alpha[level] for level in LEVELS} == dict.fromkeys(LEVELS, Undefined(why))


def test_where_everybody_always_says_one_thing_gwet_still_has_a_value():
    found = agreement_of(np.array([[2, 2], [2, 2]]), scale_of(3))

    assert found.fleiss == Undefined("everybody always said 2")
    assert found.ac1 == Estimate(1.0, 1.0, 1.0)


def test_levels_that_the_categories_do_not_have_say_why():
    votes = np.array([[0, 1], [1, 1]])

    unordered = agreement_of(votes, CategoryScale(2))
    negative = agreement_of(votes, CategoryScale(2, is_ordered=True, scores=(-1.0, 1.0)))
    sides = agreement_of(votes, CategoryScale(2, True, (1.0, 2.0), mirrored(2)))

    no_order = Undefined("the categories have no order")
    assert unordered.alpha["ordinal"] == unordered.alpha["ratio"] == no_order
    assert unordered.ac2["linear"] == no_order
    assert negative.alpha["ratio"] == Undefined("some categories are below zero")
    assert sides.alpha["ratio"] == Undefined("a preference between two responses has no zero")


def test_one_task_has_no_interval():
    votes = arrays_of(np.array([[0, 1], [1, 1]]), 2)
    one_task = type(votes)(votes.units, votes.people, votes.values, votes.clusters * 0, 2, 2, 2, 1)

    found = agreement_of(one_task, CategoryScale(2)).alpha["nominal"]

    assert (found.low, found.high) == (None, None)


def test_distances_of_sets_are_those_of_passonneau():
    sets = [frozenset(one) for one in ((), (0,), (0, 1), (1, 2), (3,))]

    found = masi_distances(sets)

    assert found[0].tolist() == [0, 1, 1, 1, 1]
    assert found[1, 2] == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert found[2, 3] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert found[1, 4] == 1
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()


def test_choices_that_overlap_agree_more_by_masi_than_as_wholes():
    sets = (frozenset([0]), frozenset([0, 1]), frozenset([2]))
    votes = np.array([[0, 1], [1, 0], [2, 2], [2, 2]])

    found = agreement_of(votes, CategoryScale(3, sets=sets))

    assert found.alpha["masi"].value > found.alpha["nominal"].value
    assert isinstance(found.ac1, Undefined)


def test_intervals_cover_zero_for_random_votes():
    """In 93 to 97 % of 400 runs, as an interval of 95 % must."""
    rng = np.random.default_rng(14)
    runs, tasks = 400, 150
    scale = scale_of(4)
    covered = dict.fromkeys(("nominal", "ordinal", "interval"), 0)
    for run in range(runs):
        table = rng.integers(0, 4, (tasks, 3))
        plan = AgreementPlan(patterns_of(arrays_of(table, 4)), scale, "1234")
        hashes = task_hashes(f"run {run} task {at}" for at in range(tasks))
        (sums,) = replicate_sums(hashes, [plan.summands()])
        found = plan.agreement(sums)
        for level in covered:
            estimate = found.alpha[level]
            covered[level] += estimate.low <= 0 <= estimate.high

    assert {
        level: 0.93 <= count / runs <= 0.97 for level, count in covered.items()
    } == dict.fromkeys(covered, True)


def test_findings_among_many_are_those_of_benjamini_and_hochberg():
    """The example of their paper: 15 p-values, of which four are findings at q = 0.05."""
    p_values = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
        *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    ]

    assert sum(discoveries(p_values)) == 4
    assert discoveries(p_values[::-1])[::-1] == discoveries(p_values)
    assert discoveries([]) == []
    assert discoveries([0.06, 0.9]) == [False, False]
