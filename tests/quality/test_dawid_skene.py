"""The annotator model: published figures, a plain restatement, and what must change nothing."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.people import dawid_skene
from plaudit.core.quality.people.dawid_skene import DawidSkene
from plaudit.core.quality.vote_arrays import VoteArrays
from tests.quality.pandalm import golden, pandalm

Ballots = list[dict[int, int]]


def votes_of(ballots: Ballots, categories: int) -> VoteArrays:
    """Votes of ballots, which map people to categories; each is a unit and a task."""
    rows = [(u, p, v) for u, ballot in enumerate(ballots) for p, v in sorted(ballot.items())]
    columns = np.array(rows, np.int32).reshape(-1, 3).T
    count = len(ballots)
    return VoteArrays(
        units=columns[0],
        people=columns[1],
        values=columns[2],
        clusters=np.arange(count, dtype=np.int32),
        unit_count=count,
        person_count=int(columns[1].max(initial=-1)) + 1,
        category_count=categories,
        task_count=count,
    )


def fitted(votes: VoteArrays) -> DawidSkene:
    model = dawid_skene.fit(votes)
    assert isinstance(model, DawidSkene)
    return model


def plain_em(ballots: Ballots, categories: int, rounds: int) -> tuple[float, list[list[float]]]:
    """The paper's equations, cell by cell: log-likelihood and posterior after so many rounds."""
    people = 1 + max(person for ballot in ballots for person in ballot)
    posterior = [
        [sum(v == c for v in ballot.values()) / len(ballot) for c in range(categories)]
        for ballot in ballots
    ]
    log_likelihood = 0.0
    for _ in range(rounds):
        prevalence = [sum(row[c] for row in posterior) / len(ballots) for c in range(categories)]
        cells = [[[0.01] * categories for _ in range(categories)] for _ in range(people)]
        for ballot, row in zip(ballots, posterior, strict=True):
            for person, value in ballot.items():
                for truth in range(categories):
                    cells[person][truth][value] += row[truth]
        log_likelihood = 0.0
        for unit, ballot in enumerate(ballots):
            joint = [
                prevalence[c]
                * math.prod(cells[p][c][v] / sum(cells[p][c]) for p, v in ballot.items())
                for c in range(categories)
            ]
            log_likelihood += math.log(sum(joint))
            posterior[unit] = [one / sum(joint) for one in joint]
    return log_likelihood, posterior


def test_the_published_likelihood_and_labels_are_reached():
    expected = golden("pandalm-ds")

    model = fitted(pandalm().arrays)

    tolerance = expected["tolerance"]["loglik"]
    assert model.log_likelihood == pytest.approx(expected["expected"]["loglik"], abs=tolerance)
    counts = {str(label): n for label, n in enumerate(model.label_counts.tolist())}
    assert counts == expected["expected"]["label_counts"]
    assert model.changed == expected["expected"]["changed_vs_strict_plurality"]
    assert model.is_converged


ballots = st.lists(
    st.dictionaries(st.integers(0, 4), st.integers(0, 2), min_size=1, max_size=5),
    min_size=3,
    max_size=25,
)


@settings(max_examples=40)
@given(ballots)
def test_patterns_give_what_the_equations_of_the_paper_give(made):
    votes = votes_of(made, 3)
    model = dawid_skene.fit(votes)

    if isinstance(model, Undefined):
        assert len({person for ballot in made for person in ballot}) < dawid_skene.PEOPLE_MIN
        return
    log_likelihood, posterior = plain_em(made, 3, model.rounds)
    assert model.log_likelihood == pytest.approx(log_likelihood, rel=1e-9, abs=1e-9)
    assert model.posterior == pytest.approx(np.array(posterior), abs=1e-7)


def noisy_ballots(seed: int, units: int) -> tuple[Ballots, list[int]]:
    """Four people of whom the last is wrong as often as right, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, units).tolist()
    made = [
        {
            p: one if rng.random() < skill else int((one + rng.integers(1, 3)) % 3)
            for p, skill in enumerate((0.9, 0.85, 0.8, 0.5))
        }
        for one in truth
    ]
    return made, truth


def test_who_is_wrong_is_found_without_knowing_the_truth():
    made, truth = noisy_ballots(1, 2000)

    model = fitted(votes_of(made, 3))

    assert model.accuracy == pytest.approx([0.9, 0.85, 0.8, 0.5], abs=0.04)
    right = float(np.mean(model.labels == np.array(truth)))
    plurality = np.mean(
        [max(set(b.values()), key=list(b.values()).count) for b in made] == np.array(truth)
    )
    assert right > plurality


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.permutations(range(3)), st.permutations(range(4)))
def test_names_and_order_change_nothing(seed, categories, people):
    made, _ = noisy_ballots(seed, 60)
    order = np.random.default_rng(seed).permutation(60)
    renamed = [{people[p]: categories[v] for p, v in made[unit].items()} for unit in order.tolist()]

    before, after = fitted(votes_of(made, 3)), fitted(votes_of(renamed, 3))

    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-9)
    assert after.posterior[:, categories] == pytest.approx(before.posterior[order], abs=1e-5)
    assert after.accuracy[people] == pytest.approx(before.accuracy, abs=1e-5)
    assert after.changed == before.changed


def test_votes_that_no_other_unit_shares_a_category_with_keep_it_possible():
    """A declared category that nobody chose gets no unit, and breaks nothing."""
    model = fitted(votes_of([{0: 0, 1: 0, 2: 0}, {0: 2, 1: 2, 2: 2}, {0: 2, 1: 0, 2: 2}], 4))

    assert model.label_counts.tolist() == [1, 0, 2, 0]
    assert np.all(np.isfinite(model.posterior))
    assert model.changed == 0


def test_a_tie_of_votes_is_no_label_that_changed():
    model = fitted(votes_of([{0: 0, 1: 1}, {1: 0, 2: 1}, {0: 1, 2: 0}], 2))

    assert model.changed == 0


def test_units_without_a_vote_have_no_label():
    full = votes_of([{0: 0, 1: 0, 2: 1}, {}, {0: 1, 1: 1, 2: 1}], 2)

    model = fitted(full)

    assert model.labels.tolist() == [0, -1, 1]
    assert np.isnan(model.posterior[1]).all()
    assert model.label_counts.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("made", "categories", "why"),
    [
        ([{0: 0, 1: 1}] * 9, 2, "2 people voted"),
        ([], 2, "0 people voted"),
        ([{0: 0, 1: 1, 2: 1}] * 9, 21, "21 categories"),
        ([{0: 0, 1: 0, 2: 0}] * 9, 1, "one category"),
    ],
)
def test_it_is_refused_where_it_would_guess(made, categories, why):
    refused = dawid_skene.fit(votes_of(made, categories))

    assert isinstance(refused, Undefined)
    assert why in refused.why


def test_rounds_over_many_votes_are_quick():
    """100,000 votes here; a million take ten times as long."""
    rng = np.random.default_rng(3)
    units = 33_334
    crew = np.sort(rng.integers(0, 100, (units, 3)) + np.array((0, 100, 200)), axis=1)
    truth = rng.integers(0, 3, units)[:, None]
    values = np.where(rng.random((units, 3)) < 0.8, truth, rng.integers(0, 3, (units, 3)))
    votes = VoteArrays(
        units=np.repeat(np.arange(units, dtype=np.int32), 3),
        people=crew.ravel().astype(np.int32),
        values=values.ravel().astype(np.int32),
        clusters=np.arange(units, dtype=np.int32),
        unit_count=units,
        person_count=300,
        category_count=3,
        task_count=units,
    )

    begun = time.process_time()
    model = fitted(votes)
    seconds = time.process_time() - begun

    assert seconds / model.rounds * 20 < 4.0
