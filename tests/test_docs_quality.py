"""The examples in docs/quality: votes in a block, and the values of their coefficients below it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel, mirrored
from plaudit.core.quality.agreement.question_report import QuestionVotes, question_reports
from plaudit.core.quality.agreement.rankings import PAIR_CATEGORIES, response_pairs
from plaudit.core.quality.replicates import task_hashes
from tests.quality.published_votes import arrays_of
from tests.quality.test_rankings import ranks_of
from tests.quality.test_spans import arrays_of as spans_of
from tests.test_docs import ROOT

EXAMPLE = re.compile(
    r"^```(votes|ranks|spans) ?([^\n]*)\n(.*?)^```\n\n"
    r"\| coefficient[^\n]*\n[^\n]*\n((?:\|[^\n]*\n)+)",
    re.M | re.S,
)
EXAMPLES = [
    pytest.param(*found, id=f"{path.stem}-{number}")
    for path in sorted((ROOT / "docs" / "quality").glob("*.md"))
    for number, found in enumerate(EXAMPLE.findall(path.read_text("utf-8")))
]
NO_VOTES = arrays_of(np.zeros((0, 3), dtype=int), 1)


def votes_of(words: str, rows: str) -> dict[str, Any]:
    """Members of a question whose categories are the words, lowest first; a dot is missing."""
    names = words.split()
    table = [[names.index(word) if word != "." else -1 for word in row.split()]
             for row in rows.splitlines()]  # fmt: skip
    scores = tuple(map(float, names)) if all(map(str.isdigit, names)) else None
    return {
        "votes": arrays_of(np.array(table), len(names)),
        "scale": CategoryScale(len(names), is_ordered=True, scores=scores),
        "categories": names,
    }


def ranks_in(_words: str, rows: str) -> dict[str, Any]:
    rankings = response_pairs(
        ranks_of([[list(map(float, row.split())) for row in rows.split("\n") if row]])
    )
    return {
        "votes": rankings.votes,
        "rankings": rankings,
        "scale": CategoryScale(3, is_ordered=True),
        "categories": PAIR_CATEGORIES,
    }


def spans_in(words: str, rows: str) -> dict[str, Any]:
    marks = [row.split() for row in rows.splitlines()]
    labels = sorted({label for *_, label in marks})
    people = [
        [
            (int(start), int(end), labels.index(label))
            for who, start, end, label in marks
            if who == name
        ]
        for name in sorted({name for name, *_ in marks})
    ]
    spans = spans_of([people], [int(words)], len(labels))
    return {"votes": NO_VOTES, "spans": spans, "scale": CategoryScale(1), "categories": labels}


READERS = {"votes": votes_of, "ranks": ranks_in, "spans": spans_in}


def report_of(members: dict[str, Any], orientation: str | None) -> dict[str, Any]:
    scale = members["scale"]
    if orientation is not None:
        scale = CategoryScale(
            scale.category_count, scale.is_ordered, scale.scores, mirrored(scale.category_count)
        )
    question = QuestionVotes(
        **members | {"scale": scale},
        key="question",
        about="turn",
        type="integer",
        level=MeasurementLevel.ordinal,
        contributor_ids=["ann", "bea", "cem"],
    )
    hashes = task_hashes(str(at) for at in range(max(members["votes"].task_count, 1)))
    found: dict[str, Any] = msgspec.to_builtins(question_reports([question], hashes, 5)[0])
    return found


def value_at(report: dict[str, Any], path: str) -> float:
    """The value that a page calls `alpha.ordinal`, `cohen.se` or `spans.f1_exact`."""
    found: Any = report if path.startswith(("spans.", "ranking.")) else report["agreement"]
    for name in path.split("."):
        found = found[name]
        found = found[0] if isinstance(found, list) else found
    return float(found["value"] if isinstance(found, dict) else found)


def test_most_pages_have_an_example():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(("kind", "words", "rows", "table"), EXAMPLES)
def test_an_example_has_the_values_that_its_page_says(kind, words, rows, table):
    members = READERS[kind](words, rows)
    expected = dict(re.findall(r"^\| `([\w.]+)` \| (-?[\d.]+) \|$", table, re.M))

    reports = {"": report_of(members, None), "free.": report_of(members, "free")}

    found = {
        name: value_at(
            reports["free." if name.startswith("free.") else ""], name.removeprefix("free.")
        )
        for name in expected
    }
    assert len(expected) == table.count("\n")
    assert {name: f"{value:.3f}" for name, value in found.items()} == expected
