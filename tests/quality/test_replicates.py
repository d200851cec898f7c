"""Replicates of the bootstrap: Poisson weights of tasks from their ids, and weighted sums."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import poisson

from plaudit.core.quality import replicates
from plaudit.core.quality.replicates import (
    Summands,
    poisson_counts,
    replicate_sums,
    task_hashes,
)

IDS = [f"task-{number}" for number in range(3000)]


def summands_of(count: int, groups: int, *, with_amounts: bool = False) -> Summands:
    """Cases of random groups, two for each task."""
    rng = np.random.default_rng(count)
    return Summands(
        groups=rng.integers(0, groups, 2 * count).astype(np.int32),
        clusters=np.repeat(np.arange(count, dtype=np.int32), 2),
        columns=groups,
        amounts=rng.integers(1, 90, 2 * count) if with_amounts else None,
    )


def test_weights_are_poisson_with_mean_and_variance_one():
    counts = poisson_counts(task_hashes(IDS))

    assert counts.shape == (3000, 500)
    assert counts.mean() == pytest.approx(1, abs=0.005)
    assert counts.var() == pytest.approx(1, abs=0.01)
    assert np.mean(counts == 0) == pytest.approx(np.exp(-1), abs=0.002)


def test_weights_of_tasks_and_of_replicates_do_not_depend_on_one_another():
    counts = poisson_counts(task_hashes(IDS)).astype(float)

    neighbours = np.corrcoef(counts[:-1].ravel(), counts[1:].ravel())[0, 1]
    consecutive = np.corrcoef(counts[:, :-1].ravel(), counts[:, 1:].ravel())[0, 1]
    assert neighbours == pytest.approx(0, abs=0.004)
    assert consecutive == pytest.approx(0, abs=0.004)


def weights_by_hand(task_id: str, count: int) -> list[int]:
    """SplitMix64 from the hash of the id, and of each sixteen bits the Poisson(1) quantile."""
    digest = hashlib.blake2b(task_id.encode(), digest_size=8).digest()
    state, weights = int.from_bytes(digest, "little"), []
    for _ in range(count // 4):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        bits = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
        bits ^= bits >> 31
        middles = [((bits >> 16 * at) % 2**16 + 0.5) / 2**16 for at in range(4)]
        weights += [int(poisson.ppf(middle, 1)) for middle in middles]
    return weights


def test_a_tasks_weights_come_from_its_id_alone():
    """Equal on every machine: other numbers would move every interval that was reported."""
    counts = poisson_counts(task_hashes(["task-0", "Aufgabe-ß"]), 100)

    assert counts.tolist() == [weights_by_hand(name, 100) for name in ("task-0", "Aufgabe-ß")]
    assert counts[0, :12].tolist() == [1, 2, 1, 0, 1, 0, 0, 2, 1, 3, 0, 2]


def test_more_replicates_begin_with_fewer():
    hashes = task_hashes(IDS[:50])

    assert (poisson_counts(hashes, 37) == poisson_counts(hashes, 500)[:, :37]).all()


@pytest.mark.parametrize("groups", [3, 900])
@pytest.mark.parametrize("with_amounts", [False, True])
@pytest.mark.parametrize("tasks_at_once", [64, 1024, 4096])
def test_sums_are_those_of_a_loop(monkeypatch, groups, with_amounts, tasks_at_once):
    monkeypatch.setattr(replicates, "TASKS_AT_ONCE", tasks_at_once)
    one, hashes = summands_of(1500, groups, with_amounts=with_amounts), task_hashes(IDS[:1500])
    numbers = np.random.default_rng(0).normal(size=(groups, 4))

    weights, sums = replicate_sums(
        hashes,
        [one, Summands(one.groups, one.clusters, 4, one.amounts, numbers.__getitem__)],
        40,
    )

    counts = np.hstack([np.ones((1500, 1)), poisson_counts(hashes, 40)])[one.clusters]
    amounts = 1 if one.amounts is None else one.amounts[:, None]
    by_hand = np.zeros((groups, 41))
    np.add.at(by_hand, one.groups, counts * amounts)
    assert (weights == by_hand.T).all()
    assert sums == pytest.approx(by_hand.T @ numbers)


def test_the_order_of_tasks_changes_no_bit():
    one, hashes = summands_of(1500, 5), task_hashes(IDS[:1500])
    order = np.random.default_rng(3).permutation(1500)
    place = np.argsort(order)
    shuffled = Summands(one.groups, place[one.clusters].astype(np.int32), 5)

    before = replicate_sums(hashes, [one])[0]
    after = replicate_sums(hashes[order], [shuffled])[0]

    assert (after == before).all()


def test_a_project_in_two_parts_has_the_sums_of_both():
    one, hashes = summands_of(1500, 5), task_hashes(IDS[:1500])
    parts = [
        Summands(one.groups[rows], one.clusters[rows] - start, 5)
        for rows, start in ((slice(0, 1400), 0), (slice(1400, 3000), 700))
    ]

    whole = replicate_sums(hashes, [one])[0]
    first = replicate_sums(hashes[:700], [parts[0]])[0]
    second = replicate_sums(hashes[700:], [parts[1]])[0]

    assert (first + second == whole).all()


def test_tasks_without_votes_change_nothing():
    one = summands_of(1500, 5)

    alone = replicate_sums(task_hashes(IDS[:1500]), [one])[0]
    among = replicate_sums(task_hashes(IDS), [one])[0]

    assert (among == alone).all()
