"""Ratings of the responses of a table: what cells mean, fractions, and several people."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.formats.table.ratings import FRACTION, ROUNDED, ObservedRating
from plaudit.formats.table.table_row import NOT_A_NUMBER
from tests.formats.reading import annotation_of, responses_of
from tests.formats.table.reading import read_table
from tests.formats.table.test_table_judgments import ONE
from tests.support.running.every_case import every_case


def rating(cell: Any, rule: str, *others: Any) -> Any:
    """The annotation of the first of rows with such cells."""
    rows = [{"q": "Hi", "a": "Tern", "r": one} for one in (cell, *others)]
    read = read_table(f"{ONE}ratings.score = {rule}", *rows)
    response = responses_of(read.tasks[0].threads[0]["turns"][0])[0]
    return annotation_of(response, "score"), read


@every_case(
    "cells, kind, value, possible",
    [
        ((3, 1, "5"), "integer", 3, [1, 2, 3, 4, 5]),
        (("2.0", 4), "integer", 2, [2, 3, 4]),
        ((7, 1000), "integer", 7, None),
        ((True, False), "boolean", True, None),
        (("False", "True"), "boolean", False, None),
        (("good", "bad", "good"), "category", "good", ["good", "bad"]),
        (("x" * 300, "y"), "text", "x" * 300, None),
        ((10**30, 1), "category", str(10**30), [str(10**30), "1"]),
    ],
)
def test_cells_decide_what_a_rating_without_values_is(cells, kind, value, possible):
    made, read = rating(cells[0], '"r"', *cells[1:])

    assert (made["type"], made["value"], made.get("possible_values")) == (kind, value, possible)
    assert read.field("score").type == kind
    assert read.field("score").possible_values == possible


def test_fractions_are_kept_as_text_or_become_integers_by_a_factor():
    made, read = rating(0.25, '"r"', 0.5)
    times, timed = rating("0.29", '{ column = "r", times = 100 }', 0.001, "x", float("inf"))

    assert (made["type"], made["value"]) == ("text", "0.25")
    assert read.notes.count(FRACTION) == 2
    assert (times["type"], times["value"]) == ("integer", 29)
    assert timed.notes.count(ROUNDED) == 1
    assert timed.remarks("'x' of 'score'") == 1
    assert timed.notes.count(NOT_A_NUMBER) == 1


def test_ratings_of_many_different_values_are_texts():
    made, read = rating("value 0", '"r"', *(f"value {number}" for number in range(1, 2000)))

    assert made["type"] == "text"
    assert len(read.tasks) == 2000
    assert read.field("score").possible_values is None


@pytest.mark.parametrize(
    ("values", "kind", "value", "possible"),
    [
        ("{ yes = true, no = false }", "boolean", True, None),
        ("{ yes = 3, no = 1 }", "integer", 3, [1, 3]),
        ('{ yes = "right", no = "wrong" }', "category", "right", ["right", "wrong"]),
    ],
)
def test_values_of_a_rating_mean_what_the_mapping_says(values, kind, value, possible):
    made, read = rating("yes", f'{{ column = "r", values = {values} }}', "perhaps", "")

    assert (made["type"], made["value"], made.get("possible_values")) == (kind, value, possible)
    assert read.remarks("'perhaps' of 'score' is not in the mapping") == 1


def test_a_rating_that_is_a_list_is_refused():
    _, read = rating(3, '"r"', [3])

    assert read.refused[0][1] == "/r"


def test_several_people_rate_a_response():
    mapping = f'item = "q"\ncontributor = "who"\n{ONE}ratings.score = "r"'
    rows = [
        {"q": "Hi", "a": "Tern", "who": who, "r": score}
        for who, score in [("ann", 2), ("ben", 5), ("cy", 3)]
    ]

    read = read_table(mapping, *rows)

    [made] = responses_of(read.turn)[0]["annotations"]
    assert made["value"] == 3
    assert [vote["value"] for vote in made["votes"]] == [2, 5, 3]


def test_values_of_ratings_are_remembered_up_to_a_bound():
    observed = ObservedRating()

    for number in range(100_000):
        observed.add(f"value {number}")

    assert len(observed.texts) <= 101
    assert observed.kind() == "text"
