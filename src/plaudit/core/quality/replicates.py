"""Replicates of a bootstrap over tasks: each weighs a task by Poisson(1), from the task's id alone.

Tasks are drawn, not votes: votes on one task depend on one another (docs/quality/intervals.md).
The weight of a task in a replicate is a hash of the task's id and the number of the replicate, so
it is equal on every machine, whatever the order of the tasks and whatever else is beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 500
TASKS_AT_ONCE = 4096
"""Tasks whose weights are in memory at one time: 2 MB of counts, 20 MB with what makes them."""

CELLS_OF_A_CASE_MAX = 64
"""Cells of the table of groups and tasks, for each case, up to which a product of matrices adds
the weights fastest."""

CASES_BY_MATRIX_MIN = 1000
"""Fewer are added one by one: to wake the threads of a product takes longer."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_DRAWS_A_HASH = 4


def _poisson_table() -> NDArray[np.uint8]:
    """The Poisson(1) quantile of each sixteen bits, at the middle of its step."""
    counts = np.arange(10)
    factorials = np.cumprod(np.maximum(counts, 1))
    cumulative = np.cumsum(np.exp(-1.0) / factorials)
    middles = (np.arange(2**16) + 0.5) / 2**16
    return np.searchsorted(cumulative, middles).astype(np.uint8)


_POISSON = _poisson_table()


@dataclass(frozen=True, slots=True)
class Summands:
    """Cases to be added up in each replicate, weighted by the weight of their task.

    `groups` and `clusters` have the group and the task of each case, `amounts` a whole number for
    it, 1 where None. `rows` makes the numbers to add for a case of each of some groups, a row with
    `columns` numbers; where None, the weights of each group are wanted, a column for each.
    """

    groups: NDArray[np.int32]
    clusters: NDArray[np.int32]
    columns: int
    amounts: NDArray[np.int64] | None = None
    rows: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None


def task_hashes(task_ids: Iterable[str]) -> NDArray[np.uint64]:
    """The first 64 bits of BLAKE2b of each task's id."""
    digests = b"".join(
        hashlib.blake2b(task_id.encode(), digest_size=8).digest() for task_id in task_ids
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def poisson_counts(hashes: NDArray[np.uint64], replicates: int = REPLICATES) -> NDArray[np.uint8]:
    """Weight of each task (row) in each replicate (column); SplitMix64 is the generator."""
    steps = np.arange(1, -(-replicates // _DRAWS_A_HASH) + 1, dtype=np.uint64) * _GOLDEN
    state = hashes[:, None] + steps[None, :]
    state ^= state >> np.uint64(30)
    state *= _MIX_1
    state ^= state >> np.uint64(27)
    state *= _MIX_2
    state ^= state >> np.uint64(31)
    bits = state.astype("<u8", copy=False).view("<u2")
    counts: NDArray[np.uint8] = _POISSON[bits[:, :replicates]]
    return counts


def replicate_sums(
    hashes: NDArray[np.uint64], wanted: Sequence[Summands], replicates: int = REPLICATES
) -> list[NDArray[np.float64]]:
    """Sums of each of the wanted, [1 + replicates, columns]; row 0 has every weight 1.

    The tasks' weights are drawn once for all, a few thousand tasks at a time.
    """
    ordered = [_by_task(one) for one in wanted]
    sums = [np.zeros((one.columns, 1 + replicates)) for one in wanted]
    for start in range(0, len(hashes), TASKS_AT_ONCE):
        chunk = hashes[start : start + TASKS_AT_ONCE]
        counts = np.ones((len(chunk), 1 + replicates), dtype=np.uint8)
        counts[:, 1:] = poisson_counts(chunk, replicates)
        as_floats = counts.astype(np.float64)
        for one, total in zip(ordered, sums, strict=True):
            first, last = np.searchsorted(one.clusters, (start, start + len(chunk)))
            if first < last:
                _add(total, _part(one, int(first), int(last)), start, counts, as_floats)
    return [total.T for total in sums]


def _by_task(one: Summands) -> Summands:
    if len(one.clusters) < 2 or np.all(one.clusters[1:] >= one.clusters[:-1]):
        return one
    order = np.argsort(one.clusters, kind="stable")
    amounts = None if one.amounts is None else one.amounts[order]
    return Summands(one.groups[order], one.clusters[order], one.columns, amounts, one.rows)


def _part(one: Summands, first: int, last: int) -> Summands:
    amounts = None if one.amounts is None else one.amounts[first:last]
    return Summands(
        one.groups[first:last], one.clusters[first:last], one.columns, amounts, one.rows
    )


def _add(
    total: NDArray[np.float64],
    part: Summands,
    start: int,
    counts: NDArray[np.uint8],
    as_floats: NDArray[np.float64],
) -> None:
    """Add a chunk's cases; sums of whole numbers are exact, so no order of adding shows."""
    tasks = part.clusters - start
    present, local = np.unique(part.groups.astype(np.int64), return_inverse=True)
    is_dense = len(present) * len(counts) <= CELLS_OF_A_CASE_MAX * len(tasks)
    if is_dense and len(tasks) >= CASES_BY_MATRIX_MIN:
        cells = local * np.int64(len(counts)) + tasks
        size = len(present) * len(counts)
        amounts = np.bincount(cells, weights=part.amounts, minlength=size)
        by_group = amounts.reshape(len(present), len(counts)).astype(np.float64) @ as_floats
    else:
        order = np.argsort(local, kind="stable")
        starts = np.searchsorted(local[order], np.arange(len(present)))
        cases: NDArray[np.number] = counts[tasks[order]]
        if part.amounts is not None:
            cases = cases * part.amounts[order, None]
        by_group = np.add.reduceat(cases, starts, axis=0, dtype=np.float64)
    if part.rows is None:
        total[present] += by_group
    else:
        total += part.rows(present).T @ by_group
