"""Spans: α per character as the oracle computes it, and F1 by the best matching."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from plaudit.core.quality.agreement.spans import SpanArrays, SpanPlan, matched_count
from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.replicates import replicate_sums, task_hashes
from tests.quality.published_votes import expected

Span = tuple[int, int, int]


def arrays_of(units: list[list[list[Span]]], lengths: list[int], labels: int) -> SpanArrays:
    """Spans (start, end, label) by unit and person; each unit is a task."""
    ballots = [(unit, person) for unit, people in enumerate(units) for person in range(len(people))]
    spans = [
        (at, *span) for at, (unit, person) in enumerate(ballots) for span in units[unit][person]
    ]
    rows = np.array(spans, dtype=np.int32).reshape(-1, 4)
    columns = np.array(ballots, dtype=np.int32)
    return SpanArrays(
        units=columns[:, 0],
        people=columns[:, 1],
        ballots=rows[:, 0],
        starts=rows[:, 1],
        ends=rows[:, 2],
        labels=rows[:, 3],
        lengths=np.array(lengths, dtype=np.int32),
        clusters=np.arange(len(units), dtype=np.int32),
        label_count=labels,
        person_count=max(map(len, units)),
        task_count=len(units),
    )


def agreement_of(units, lengths, labels=2):
    plan = SpanPlan(arrays_of(units, lengths, labels))
    hashes = task_hashes(str(at) for at in range(len(units)))
    return plan.agreement(replicate_sums(hashes, plan.summands(), 50)), plan.is_overlapping


def test_a_published_text_with_spans_of_two_people():
    published = expected("span-fixture")
    labels = {"error": 0, "style": 1}
    units = [[[(start, end, labels[name]) for start, end, name in published[who]] for who in "ab"]]

    found, is_overlapping = agreement_of(units, [published["chars"]])

    assert found.alpha.value == pytest.approx(published["alpha_char_nominal"], abs=1e-9)
    assert found.f1_exact.value == pytest.approx(published["f1_exact"], abs=1e-9)
    assert found.f1_overlap.value == pytest.approx(published["f1_iou50_same_label"], abs=1e-9)
    assert not is_overlapping


@pytest.mark.parametrize("label", [0, 1, 2])
def test_texts_that_everybody_marked_whole_with_one_label_have_no_alpha_and_say_why(label):
    units = [[[(0, 12, label)], [(0, 12, label)]]]

    found, _ = agreement_of(units, [12], labels=3)

    assert found.alpha == Undefined("everybody always said one label")


@st.composite
def marked_texts(draw):
    """Texts of 12 characters, marked by two or three people without overlaps."""
    units = []
    for _ in range(draw(st.integers(1, 3))):
        people = []
        for _ in range(draw(st.integers(2, 3))):
            cuts = sorted(draw(st.sets(st.integers(0, 12), max_size=6)))
            spans = zip(cuts[::2], cuts[1::2], strict=False)
            people.append([(start, end, draw(st.integers(0, 1))) for start, end in spans])
        units.append(people)
    return units


@settings(max_examples=40)
@given(marked_texts())
def test_alpha_per_character_is_that_of_the_oracle(units):
    columns = [np.full((3, 12), np.nan) for _ in units]
    for table, people in zip(columns, units, strict=True):
        for person, spans in enumerate(people):
            table[person] = 0
            for start, end, label in spans:
                table[person, start:end] = label + 1
    numbers = np.hstack(columns)

    found, is_overlapping = agreement_of(units, [12] * len(units))

    assert not is_overlapping
    if len(np.unique(numbers[~np.isnan(numbers)])) == 1:
        assert isinstance(found.alpha, Undefined)
    else:
        oracle = krippendorff.alpha(
            numbers, value_domain=np.arange(3.0), level_of_measurement="nominal"
        )
        assert found.alpha.value == pytest.approx(oracle, abs=1e-9)


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4), st.integers(0, 1)), max_size=5),
        min_size=2,
        max_size=3,
    )
)
def test_overlapping_spans_are_matched_as_well_as_possible(people):
    spans = [sorted({(start, start + size, label) for start, size, label in one}) for one in people]

    found, _ = agreement_of([spans], [12])

    matched, equal, total = 0, 0, 0
    for at, first in enumerate(spans):
        for second in spans[at + 1 :]:
            table = np.array([[iou(a, b) >= 0.5 for b in second] for a in first])
            table = table.reshape(len(first), len(second)).astype(int)
            matched += table[linear_sum_assignment(-table)].sum()
            equal += len(set(first) & set(second))
            total += len(first) + len(second)
    if total:
        assert found.f1_overlap.value == pytest.approx(2 * matched / total)
        assert found.f1_exact.value == pytest.approx(2 * equal / total)
    else:
        assert isinstance(found.f1_exact, Undefined)


def iou(a: Span, b: Span) -> float:
    common = min(a[1], b[1]) - max(a[0], b[0])
    return common / (a[1] - a[0] + b[1] - b[0] - common) if a[2] == b[2] else 0.0


def test_of_overlapping_labels_each_has_its_alpha_and_the_mean_counts():
    both = [[(0, 5, 0), (3, 9, 1)], [(0, 5, 0), (4, 9, 1)]]

    found, is_overlapping = agreement_of([both], [12])

    assert is_overlapping
    chars = np.zeros((2, 12))
    chars[0, 3:9] = chars[1, 4:9] = 1
    second = krippendorff.alpha(chars, value_domain=[0.0, 1.0], level_of_measurement="nominal")
    assert found.alpha.value == pytest.approx((1 + second) / 2, abs=1e-9)


def test_a_greedy_matching_would_miss_one():
    """0 fits a and b, 1 fits a alone: the first that fits takes the only partner of the other."""
    edges = np.array([[0, 10], [0, 11], [1, 10]])

    assert matched_count(edges) == 2


def test_nobody_marked_anything():
    found, _ = agreement_of([[[], []], [[], []]], [10, 10])

    assert found.alpha == Undefined("everybody always said none")
    assert found.f1_exact == Undefined("nobody marked a span in a unit that two people read")
