"""Agreement on published sets: as the packages of others compute it, and as it was published."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from scipy.stats import binomtest, kendalltau
from statsmodels.stats.inter_rater import cohens_kappa

from plaudit.core.quality.agreement.distances import CategoryScale, mirrored
from plaudit.core.quality.agreement.pairs import pair_agreements
from plaudit.core.quality.agreement.voters import (
    RepeatedVotes,
    consistency,
    disagreements,
    voter_records,
)
from plaudit.core.quality.estimates import wilson
from tests.quality.published_votes import (
    MISSING,
    agreement_of,
    arrays_of,
    expected,
    pandalm,
    pandalm_of,
    topical,
    value_of,
    xstest,
)

SIDES = CategoryScale(3, is_ordered=True)
STARS = CategoryScale(5, is_ordered=True, scores=(1.0, 2.0, 3.0, 4.0, 5.0))


def by_krippendorff(table, level, categories):
    """α of the oracle, of votes by unit and person."""
    numbers = np.where(table == MISSING, np.nan, table + 1.0).T
    domain = np.arange(categories) + 1.0
    return krippendorff.alpha(numbers, value_domain=domain, level_of_measurement=level)


def test_alpha_of_pandalm_is_that_of_the_oracle_and_as_published():
    found = agreement_of(pandalm(), SIDES)

    for level in ("nominal", "ordinal", "interval"):
        value = value_of(found.alpha[level])
        assert value == pytest.approx(expected(f"pandalm-alpha-{level}"), abs=1e-9)
        assert value == pytest.approx(by_krippendorff(pandalm(), level, 3), abs=1e-9)
    assert found.percent.value == pytest.approx(expected("pandalm-percent"), abs=1e-12)
    assert found.ac1.value == pytest.approx(expected("pandalm-ac1"), abs=1e-9)


def test_the_interval_of_pandalm_is_as_published():
    found = agreement_of(pandalm(), SIDES).alpha["nominal"]

    assert [found.low, found.high] == pytest.approx(expected("pandalm-alpha-ci"), abs=0.006)


def test_a_strong_model_does_not_depress_the_alpha_of_a_preference():
    """What stands first is arbitrary: 0.875 as stored is 0.902 without orientation."""
    votes = pandalm_of("llama-7b", "cerebras-gpt-6.7B")

    stored = agreement_of(votes, SIDES).alpha["nominal"]
    free = agreement_of(votes, CategoryScale(3, is_ordered=True, orbits=mirrored(3))).alpha

    assert stored.value == pytest.approx(0.875, abs=5e-4)
    assert free["nominal"].value == pytest.approx(0.902, abs=5e-4)


@pytest.mark.parametrize("scale", [SIDES, CategoryScale(3, orbits=mirrored(3))])
def test_kappa_of_two_people_is_that_of_statsmodels(scale):
    found = pair_agreements(arrays_of(pandalm(), 3), scale)

    assert [one.people for one in found] == [(0, 1), (0, 2), (1, 2)]
    for one in found:
        table = table_of(pandalm()[:, one.people], 3)
        if scale.orbits is not None:
            table = (table + table[::-1, ::-1]) / 2
        oracle = cohens_kappa(table)
        assert (one.kappa, one.se) == pytest.approx((oracle.kappa, oracle.std_kappa), abs=1e-12)
    if scale.orbits is None:
        kappas = [one.kappa for one in found]
        assert kappas == pytest.approx(expected("pandalm-cohen-pairs"), abs=1e-9)


def table_of(votes, categories):
    """Cross table of two people's votes."""
    votes = votes[(votes != MISSING).all(axis=1)]
    table = np.zeros((categories, categories))
    np.add.at(table, (votes[:, 0], votes[:, 1]), 1)
    return table


def test_each_person_of_pandalm_beside_the_other_two():
    votes = arrays_of(pandalm(), 3)

    records = voter_records(votes, None, np.bincount(votes.people))

    shares = [[one.with_others.right, one.with_others.n] for one in records]
    assert shares == expected("pandalm-loo")


def test_agreement_of_xstest():
    votes = xstest()[:, :2]

    found = agreement_of(votes, SIDES)
    (pair,) = pair_agreements(arrays_of(votes, 3), SIDES)

    nominal, ordinal = value_of(found.alpha["nominal"]), value_of(found.alpha["ordinal"])
    assert nominal == pytest.approx(expected("xstest-alpha-nominal"), abs=1e-9)
    assert nominal == pytest.approx(by_krippendorff(votes, "nominal", 3), abs=1e-9)
    assert ordinal == pytest.approx(expected("xstest-ordinal"), abs=1e-9)
    assert ordinal == pytest.approx(by_krippendorff(votes, "ordinal", 3), abs=1e-9)
    oracle = cohens_kappa(table_of(votes, 3))
    assert [pair.kappa, pair.se] == pytest.approx(expected("xstest-cohen"), abs=1e-9)
    assert [pair.kappa, pair.se] == pytest.approx([oracle.kappa, oracle.std_kappa], abs=1e-12)


def test_people_of_xstest_beside_the_final_label():
    votes, final = arrays_of(xstest()[:, :2], 3), xstest()[:, 2].astype(np.int32)

    records = voter_records(votes, final, np.bincount(votes.people))
    differing = disagreements(votes, final)

    for name, record in zip("12", records, strict=True):
        share = record.with_final
        right, n, low, high = expected("xstest-gold")[name]
        assert (share.right, share.n) == (right, n)
        assert (share.low, share.high) == pytest.approx((low, high), abs=1e-9)
        interval = binomtest(right, n).proportion_ci(method="wilson")
        assert (share.low, share.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert differing.units == 81
    assert differing.final_of_nobody == 5
    assert sum(differing.final_of.values()) == 76


def test_agreement_of_topical_chat_has_the_declared_categories():
    found = agreement_of(topical(), STARS)

    levels = ("nominal", "ordinal", "interval", "ratio")
    alphas = [value_of(found.alpha[level]) for level in levels]
    assert alphas == pytest.approx(expected("topical-alpha"), abs=1e-9)
    oracle = [by_krippendorff(topical(), level, 5) for level in levels]
    assert alphas == pytest.approx(oracle, abs=1e-9)
    gwet = [value_of(one) for one in (found.ac1, found.ac2["linear"], found.ac2["quadratic"])]
    assert gwet == pytest.approx(expected("topical-ac-declared"), abs=1e-9)
    assert abs(gwet[0] - expected("topical-ac-observed")[0]) > 0.01


def test_the_interval_of_topical_chat_has_zero_in_it():
    found = agreement_of(topical(), STARS).alpha["ordinal"]

    assert [found.low, found.high] == pytest.approx(expected("topical-ordinal-ci"), abs=0.02)
    assert found.low < 0 < found.high


def test_the_two_people_of_topical_chat():
    (pair,) = pair_agreements(arrays_of(topical(), 5), STARS)
    found = agreement_of(topical(), STARS)

    values = [value_of(found.percent), pair.quadratic, pair.tau_b]
    assert values == pytest.approx(expected("topical-percent-kappa"), abs=1e-9)
    table = table_of(topical(), 5)
    both = topical()[(topical() != MISSING).all(axis=1)]
    assert pair.n == len(both) == 538
    assert pair.quadratic == pytest.approx(cohens_kappa(table, wt="quadratic").kappa, abs=1e-12)
    assert pair.linear == pytest.approx(cohens_kappa(table, wt="linear").kappa, abs=1e-12)
    assert pair.tau_b == pytest.approx(kendalltau(both[:, 0], both[:, 1]).statistic, abs=1e-12)


def test_wilsons_bound_decides_a_pause_as_published():
    for right, n, high in expected("wilson-pause"):
        assert wilson(right, n).high == pytest.approx(high, abs=1e-4)


def test_repeats_are_compared_with_the_first_vote():
    sides = np.array([-1, 0, 1], dtype=np.int32)
    repeats = RepeatedVotes(np.array([0, 1, 2, 2]), np.array([0, 2, 2, 0]))

    found = consistency(repeats, sides)

    assert (found.n, found.equal, found.same_side) == (4, 2, 2)
    assert consistency(repeats, None).same_side is None
