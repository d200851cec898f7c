"""Spans of text that several people labelled: α per character, and F1 of the spans.

Spans of all units lie one behind the other on one line, cut wherever a span or a unit begins or
ends. Each piece is a unit of α that counts as often as it has characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.coefficients import AgreementPlan
from plaudit.core.quality.agreement.distances import CategoryScale
from plaudit.core.quality.agreement.pairs import vote_pairs
from plaudit.core.quality.estimates import Estimate, Undefined, estimate_of, quotients
from plaudit.core.quality.patterns import Patterns, merged
from plaudit.core.quality.replicates import Summands

NONE = "none"
"""The label of a character that a person left unmarked."""


@dataclass(frozen=True, slots=True)
class SpanArrays:
    """Spans of one question, by column.

    `units` and `people` have the unit and the person of each ballot, ascending by both; a ballot
    may have no spans. `ballots`, `starts`, `ends`, `labels` have a number for each span, ascending
    by ballot, counted in characters with the end excluded. `lengths` and `clusters` have the
    characters and the task of each unit.
    """

    units: NDArray[np.int32]
    people: NDArray[np.int32]
    ballots: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    labels: NDArray[np.int32]
    lengths: NDArray[np.int32]
    clusters: NDArray[np.int32]
    label_count: int
    person_count: int
    task_count: int


@dataclass(frozen=True, slots=True)
class SpanAgreement:
    """Agreement on spans: α per character, F1 of equal spans, and of overlapping ones."""

    alpha: Estimate | Undefined
    f1_exact: Estimate | Undefined
    f1_overlap: Estimate | Undefined


class SpanPlan:
    """Agreement on spans: the sums that it needs, and the coefficients once they are there.

    `is_overlapping` is true where somebody put two labels on one character: then α is the mean
    over labels of the α of having that label.
    """

    def __init__(self, spans: SpanArrays) -> None:
        patterns, self.is_overlapping = _character_patterns(spans)
        self._plans = [
            AgreementPlan(one, CategoryScale(width), [NONE, *["one label"] * (width - 1)])
            for one in patterns
            for width in (one.counts.shape[1],)
        ]
        self._f1 = _f1_summands(spans)

    def summands(self) -> list[Summands]:
        """The sums over units that `agreement` takes."""
        return [self._f1, *(plan.summands() for plan in self._plans)]

    def agreement(self, sums: list[NDArray[np.float64]]) -> SpanAgreement:
        """The coefficients, from the sums in each replicate."""
        matched = sums[0]
        why = "nobody marked a span in a unit that two people read"
        f1 = [
            estimate_of(quotients(2 * matched[:, at], matched[:, 2], matched[:, 2] > 0), why)
            for at in (0, 1)
        ]
        by_label = np.stack(
            [plan.nominal_alpha(part) for plan, part in zip(self._plans, sums[1:], strict=True)]
        )
        defined = ~np.isnan(by_label)
        count = defined.sum(axis=0).astype(np.float64)
        total = np.where(defined, by_label, 0.0).sum(axis=0)
        alpha = quotients(total, count, count > 0)
        return SpanAgreement(estimate_of(alpha, self._plans[0].reason()), *f1)


def matched_count(edges: NDArray[np.int64]) -> int:
    """The most pairs that can be formed of two sides, each member in one at most.

    `edges` are the pairs that may be formed, [edges, 2]. By augmenting paths (Kuhn 1955), from
    what each takes first: what one search without success saw, no later one can use.
    """
    edges = edges[np.argsort(edges[:, 0], kind="stable")]
    lefts, starts = np.unique(edges[:, 0], return_index=True)
    listed = (part.tolist() for part in np.split(edges[:, 1], starts[1:]))
    neighbours: dict[int, list[int]] = dict(zip(lefts.tolist(), listed, strict=False))
    partner: dict[int, int] = {}
    waiting = []
    for left, rights in neighbours.items():
        free = next((right for right in rights if right not in partner), None)
        if free is None:
            waiting.append(left)
        else:
            partner[free] = left
    useless: set[int] = set()
    for left in waiting:
        _augment(left, neighbours, partner, useless)
    return len(partner)


def _augment(
    start: int, neighbours: dict[int, list[int]], partner: dict[int, int], useless: set[int]
) -> None:
    """Match one more on the left if there is an augmenting path; without recursion."""
    seen: set[int] = set()
    path: list[tuple[int, Iterator[int]]] = [(start, iter(neighbours[start]))]
    taken: list[int] = []
    while path:
        rest = path[-1][1]
        right = next((one for one in rest if one not in seen and one not in useless), None)
        if right is None:
            path.pop()
            if taken:
                taken.pop()
            continue
        seen.add(right)
        taken.append(right)
        if right not in partner:
            for (member, _), chosen in zip(path, taken, strict=True):
                partner[chosen] = member
            return
        path.append((partner[right], iter(neighbours[partner[right]])))
    useless |= seen


def _character_patterns(spans: SpanArrays) -> tuple[list[Patterns], bool]:
    """Patterns of the characters: of all labels and none, or of each label where some overlap."""
    offsets = np.zeros(len(spans.lengths) + 1, dtype=np.int64)
    np.cumsum(spans.lengths, out=offsets[1:])
    at = offsets[spans.units[spans.ballots]]
    first, last = at + spans.starts, at + spans.ends
    cuts = np.unique(np.concatenate([offsets, first, last]))
    sizes = np.diff(cuts)
    unit_of = np.searchsorted(offsets, cuts[:-1], side="right") - 1
    begin, end = np.searchsorted(cuts, first), np.searchsorted(cuts, last)
    covered = np.maximum(end - begin, 0)
    owner = np.repeat(np.arange(len(begin)), covered)
    piece = begin[owner] + np.arange(len(owner)) - (np.cumsum(covered) - covered)[owner]
    width = np.int64(max(spans.label_count, 1))
    ballot_pieces = spans.ballots[owner] * np.int64(len(cuts)) + piece
    marks = np.unique(ballot_pieces * width + spans.labels[owner])
    marked_piece, label = marks // width % len(cuts), marks % width
    is_overlapping = len(np.unique(marks // width)) < len(marks)
    readers = np.bincount(spans.units, minlength=len(spans.lengths))[unit_of]
    clusters = spans.clusters[unit_of]
    by_label = np.bincount(marked_piece * width + label, minlength=len(sizes) * int(width)).reshape(
        len(sizes), int(width)
    )
    if is_overlapping:
        tables = [
            np.stack([readers - by_label[:, one], by_label[:, one]], axis=1)
            for one in range(int(width))
            if by_label[:, one].any()
        ]
    else:
        tables = [np.column_stack([readers - by_label.sum(axis=1), by_label])]
    return [merged(table, clusters, sizes) for table in tables], is_overlapping


def _f1_summands(spans: SpanArrays) -> Summands:
    """Spans of each unit over all pairs of its people: equal, overlapping, and all of both."""
    kept = _distinct(spans)
    units = spans.units[kept.ballots]
    count = len(spans.lengths)
    readers = np.bincount(spans.units, minlength=count)
    alike = np.unique(
        np.stack([units, kept.starts, kept.ends, kept.labels]), axis=1, return_counts=True
    )
    pairs = alike[1] * (alike[1] - 1) / 2
    rows = np.zeros((count, 3))
    rows[:, 0] = np.bincount(alike[0][0], weights=pairs, minlength=count)
    rows[:, 1] = _overlaps(kept, units, count)
    rows[:, 2] = np.bincount(units, minlength=count) * np.maximum(readers - 1, 0)
    units_of = np.arange(count, dtype=np.int32)
    return Summands(units_of, spans.clusters, 3, rows=rows.__getitem__)


@dataclass(frozen=True, slots=True)
class _Spans:
    ballots: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    labels: NDArray[np.int32]


def _distinct(spans: SpanArrays) -> _Spans:
    """The spans that have characters, each once in its ballot."""
    columns = np.stack([spans.ballots, spans.labels, spans.starts, spans.ends])
    columns = np.unique(columns[:, spans.ends > spans.starts], axis=1)
    return _Spans(columns[0], columns[2], columns[3], columns[1])


def _overlaps(spans: _Spans, units: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """The most pairs of equal label and IoU ≥ ½, over all pairs of people of each unit."""
    order = np.lexsort((spans.ballots, spans.labels, units))
    ballots, starts, ends = (
        one[order].astype(np.int64) for one in (spans.ballots, spans.starts, spans.ends)
    )
    groups = np.stack([units[order], spans.labels[order]])
    sizes = np.unique(groups, axis=1, return_counts=True)[1].astype(np.int64)
    found = []
    for first, second in vote_pairs(sizes):
        common = np.minimum(ends[first], ends[second]) - np.maximum(starts[first], starts[second])
        union = ends[first] - starts[first] + ends[second] - starts[second] - common
        is_match = (2 * common >= union) & (ballots[first] != ballots[second])
        found.append(np.stack([first[is_match], second[is_match]], axis=1))
    edges = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    cases = np.stack([ballots[edges[:, 0]], ballots[edges[:, 1]]], axis=1)
    together, case_of = np.unique(cases, axis=0, return_inverse=True)
    matched = np.bincount(case_of, minlength=len(together)).astype(np.float64)
    is_shared = np.zeros(len(together), dtype=bool)
    for side in (0, 1):
        ends_of = np.stack([case_of, edges[:, side]])
        cells, times = np.unique(ends_of, axis=1, return_counts=True)
        is_shared[cells[0][times > 1]] = True
    by_case = np.argsort(case_of, kind="stable")
    bounds = np.searchsorted(case_of[by_case], np.arange(len(together) + 1))
    for case in np.flatnonzero(is_shared):
        matched[case] = matched_count(edges[by_case[bounds[case] : bounds[case + 1]]])
    unit_of_ballot = np.zeros(int(ballots.max(initial=-1)) + 1, dtype=np.int64)
    unit_of_ballot[ballots] = groups[0]
    totals: NDArray[np.float64] = np.bincount(
        unit_of_ballot[together[:, 0]], weights=matched, minlength=count
    ).astype(np.float64)
    return totals
