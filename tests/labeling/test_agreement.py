"""Agreement: what several answers come to, rule by rule, and what nobody may guess."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit.core.labeling.agreement import consolidate_ballots, preferred
from plaudit.core.labeling.ballots import UNRESOLVED, Ballot
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.forms import RULES, Consolidate, Field, Level
from plaudit.errors import InvalidContent
from tests.support.running.every_case import every_case

NA, CANNOT = Ballot(not_applicable=True), Ballot(cannot_assess=True)
OPEN = "open"


def make_field(kind: str, **more: Any) -> Field:
    level = Level.turn if "scale" in more else Level.thread
    return Field(key="k", level=level, type=kind, **more)


def said(*values: Any) -> list[Ballot]:
    return [one if isinstance(one, Ballot) else Ballot(one) for one in values]


def outcome(field: Field, *values: Any) -> Any:
    found = consolidate_ballots(field, said(*values))
    if found == UNRESOLVED:
        return OPEN
    assert found.is_resolved
    return found.ballot if found.ballot in (NA, CANNOT) else found.ballot.value


INTEGER, TEXT, SPANS = make_field("integer"), make_field("text"), make_field("labeled_text")
LIKERT = make_field("integer", scale="low_is_first")
EVEN_SCALE = make_field("integer", scale="low_is_first", possible_values=[1, 2, 3, 4])
ODD_SCALE = make_field("integer", scale="low_is_first", possible_values=[-3, 0, 5])
CHOICES = make_field("category_multiple", possible_values=["a", "b", "c"])
CHOICES_ALL = make_field("category_multiple", consolidate=Consolidate.all)
RANKED, GROUPED = make_field("ranked_choices"), make_field("ranked_groups")
RATING = make_field("rubric_rating")
X, Y = {"label": "l", "text": "x"}, {"label": "l", "text": "y"}


@every_case(
    "field, values, wanted",
    [
        (make_field("category"), ["a"], "a"),
        (make_field("category"), ["a", "b"], OPEN),
        (make_field("category"), ["a", "b", "b"], "b"),
        (make_field("category"), ["a", "b", "c"], OPEN),
        (make_field("category"), ["a", "a", "b", "b"], OPEN),
        (make_field("category"), ["a", "a", "b", "c"], "a"),
        (make_field("category"), ["a", NA, NA], NA),
        (make_field("category"), ["a", NA], OPEN),
        (make_field("boolean"), [True, False, True], True),
        (make_field("boolean"), [True, False], OPEN),
        (INTEGER, [5], 5),
        (INTEGER, [1, 5, 2], 2),
        (INTEGER, [2, 2], 2),
        (INTEGER, [1, 2, 2, 5], 2),
        (INTEGER, [1, 2], OPEN),
        (INTEGER, [1, 2, 4, 5], OPEN),
        (INTEGER, [3, NA, CANNOT], OPEN),
        (INTEGER, [3, NA], OPEN),
        (INTEGER, [3, NA, NA], NA),
        (INTEGER, [3, 4, 4, CANNOT], 4),
        (INTEGER, [0, 1, 1], 1),
        (make_field("integer", consolidate=Consolidate.majority), [1, 5, 5], 5),
        (make_field("integer", consolidate=Consolidate.first), [1, 5, 5], 1),
        (LIKERT, [2, 6], 4),
        (LIKERT, [1, 7], 4),
        (LIKERT, [2, 5], OPEN),
        (LIKERT, [1, 2], OPEN),
        (LIKERT, [1, 2, 6, 7], 4),
        (LIKERT, [4, 4], 4),
        (EVEN_SCALE, [1, 4], OPEN),
        (EVEN_SCALE, [2, 3], OPEN),
        (ODD_SCALE, [-3, 5], 0),
        (TEXT, ["first", "second"], "first"),
        (TEXT, [NA, "second"], "second"),
        (TEXT, [NA, CANNOT], NA),
        (make_field("text", consolidate=Consolidate.first), [NA, "second"], NA),
        (make_field("text", consolidate=Consolidate.majority), ["a", "b", "b"], "b"),
        (CHOICES, [["b", "a"], ["a"], ["b", "c"]], ["a", "b"]),
        (CHOICES, [["a"], ["b"]], OPEN),
        (CHOICES, [["a"], ["a"]], ["a"]),
        (CHOICES, [["a"], ["b"], ["c"]], []),
        (CHOICES, [[], []], []),
        (CHOICES_ALL, [["b"], ["a", "b"]], ["b", "a"]),
        (SPANS, [[X], [Y, X]], [X, Y]),
        (SPANS, [[], [NA]], [NA]),
        (RANKED, [["a", "b"]], ["a", "b"]),
        (RANKED, [["a", "b", "c"], ["a", "b", "c"], ["c", "b", "a"]], ["a", "b", "c"]),
        (RANKED, [["a", "b"], ["b", "a"]], OPEN),
        (RANKED, [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]], OPEN),
        (RANKED, [["a", "b"], ["a", "b", "c"]], OPEN),
        (GROUPED, [[["a"], ["b"]], [["b"], ["a"]]], OPEN),
        (GROUPED, [[["a"], ["b", "c"]], [["a"], ["c"], ["b"]]], OPEN),
        (GROUPED, [[["a"], ["b", "c"]], [["a"], ["c"], ["b"]], [["a", "b", "c"]]],
         [["a"], ["b", "c"]]),
        (GROUPED, [[["a"], ["b"], ["c"]], [["b"], ["c"], ["a"]], [["c"], ["a"], ["b"]]], OPEN),
        (RATING, [{"score": 1}, {"score": 5, "justification": "x"}, {"score": 3}], {"score": 3}),
        (RATING, [{"score": 1}, {"score": 2}], {"score": 1.5}),
    ],
)  # fmt: skip
def test_answers_come_to_what_the_rule_says(field, values, wanted):
    if values == [[], [NA]]:
        values, wanted = [[], NA], []

    assert outcome(field, *values) == wanted


@every_case(
    "field, value, wanted",
    [
        (LIKERT, 1, "a"),
        (LIKERT, 3, "a"),
        (LIKERT, 4, None),
        (LIKERT, 5, "b"),
        (make_field("integer", scale="high_is_first"), 1, "b"),
        (make_field("integer", scale="high_is_first"), 7, "a"),
        (EVEN_SCALE, 2, "a"),
        (EVEN_SCALE, 3, "b"),
        (ODD_SCALE, -3, "a"),
        (ODD_SCALE, 0, None),
        (RANKED, ["b", "a"], "b"),
        (GROUPED, [["b"], ["a"]], "b"),
        (GROUPED, [["a", "b"]], None),
    ],
)
def test_a_preference_says_which_response_it_prefers(field, value, wanted):
    assert preferred(field, value, ["a", "b"]) == wanted


def test_a_form_takes_the_rules_that_a_type_has_and_no_others():
    for kind, rules in RULES.items():
        for rule in Consolidate:
            form = {"fields": [{"key": "k", "level": "thread", "type": kind, "consolidate": rule}]}
            if rule in rules:
                assert read_form(form).fields[0].rule is rule
            else:
                with pytest.raises(InvalidContent, match="consolidated by"):
                    read_form(form)


VALUES = {
    "category": st.sampled_from("abc"),
    "boolean": st.booleans(),
    "integer": st.integers(1, 7),
    "category_multiple": st.lists(st.sampled_from("abc"), unique=True),
    "ranked_choices": st.permutations("abc"),
    "ranked_groups": st.sampled_from(
        [[["a"], ["b", "c"]], [["a", "b", "c"]], [["c"], ["b"], ["a"]]]
    ),
    "rubric_rating": st.builds(lambda n: {"score": n}, st.integers(0, 3)),
}
FIELDS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.tuples(
        st.sampled_from([one for one in RULES[kind] if one in ("majority", "median")]).map(
            lambda rule: make_field(kind, consolidate=rule)
        ),
        st.lists(VALUES[kind].map(Ballot) | st.sampled_from([NA, CANNOT]), min_size=1, max_size=5),
    )
)


@settings(max_examples=200, deadline=None)
@given(FIELDS)
def test_neither_majority_nor_median_depends_on_who_came_first(case):
    field, ballots = case

    found = [consolidate_ballots(field, list(one)) for one in permutations(ballots)]

    def shape(one):
        value = one.ballot.value
        if field.type == "category_multiple" and value is not None:
            value = sorted(value)
        if field.type == "ranked_groups" and value is not None:
            value = [sorted(group) for group in value]
        return repr((one.is_resolved, value, one.ballot.not_applicable, one.ballot.cannot_assess))

    assert len({shape(one) for one in found}) == 1


@settings(max_examples=200, deadline=None)
@given(FIELDS)
def test_what_more_than_half_say_is_what_comes_out(case):
    field, ballots = case
    counts = Counter(map(repr, ballots))
    best, count = counts.most_common(1)[0]

    if 2 * count > len(ballots):
        found = consolidate_ballots(field, ballots)
        wanted = next(one for one in ballots if repr(one) == best)
        assert found.is_resolved
        if field.type == "category_multiple" and wanted.value is not None:
            assert sorted(found.ballot.value) == sorted(wanted.value)
        elif field.type == "ranked_groups" and wanted.value is not None:
            assert list(map(sorted, found.ballot.value)) == list(map(sorted, wanted.value))
        else:
            assert found.ballot == wanted


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=7))
def test_a_median_lies_in_the_middle(values):
    found = outcome(INTEGER, *values)

    if found != OPEN:
        assert sum(one < found for one in values) <= len(values) / 2
        assert sum(one > found for one in values) <= len(values) / 2
    else:
        assert len(values) % 2 == 0
