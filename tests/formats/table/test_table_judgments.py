"""Verdicts, ratings, ranks and votes of tables, whichever way the columns say them."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.tasks.forms import Consolidate, ScaleDirection
from plaudit.formats.table.comparison import NO_ORDER
from plaudit.formats.table.judgments import NONE_SET, OFF_SCALE, SEVERAL_SET
from plaudit.formats.table.table_row import NOT_A_NUMBER
from plaudit.formats.table.votes import NO_MAJORITY, REPLACED, UNNAMED
from tests.formats.reading import annotation_of, responses_of, value_of
from tests.formats.table.reading import PAIR, TableRead, read_table
from tests.support.running.every_case import every_case

VERDICT = (
    PAIR
    + '[preference]\ncolumn = "p"\n'
    + 'values = { 1 = "first", 2 = "second", 0 = "tie", 8 = "all_bad", 9 = "none" }'
)
NAMED = """
prompt = "q"
[[responses]]
text = "a"
name = "tern"
[[responses]]
text = "b"
name = "gull"
[[responses]]
text = "c"
name = "auk"
"""
ONE = 'prompt = "q"\n[[responses]]\ntext = "a"\n'
JUDGED = """
item = "id"
contributor = "who"
submitted_at = "at"
prompt = "q"
[[responses]]
text = "a"
model = "m1"
[[responses]]
text = "b"
model = "m2"
"""


def pair(**members: Any) -> dict[str, Any]:
    return {"q": "Name a bird.", "a": "Tern", "b": "Gull", **members}


def judged(who: str, verdict: Any, *, swapped: bool = False, at: str = "2024-05-01") -> Any:
    """A person's row on one item, with its sides in either order."""
    sides = [("Tern", "x"), ("Gull", "y")]
    (a, m1), (b, m2) = reversed(sides) if swapped else sides
    row = {"id": 1, "q": "Hi", "a": a, "b": b, "m1": m1, "m2": m2}
    return {**row, "who": who, "at": at, "p": verdict}


def turn_values(read: TableRead) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in read.turn["annotations"]}


def votes_on(read: TableRead, key: str) -> dict[str, Any]:
    votes = annotation_of(read.turn, key)["votes"]
    return {one["contributor_id"]: one["value"] for one in votes}


@every_case(
    "cell, values",
    [
        (1, {"selected_model_id": "response_1", "likert_value": 1}),
        ("2", {"selected_model_id": "response_2", "likert_value": 3}),
        (2.0, {"selected_model_id": "response_2", "likert_value": 3}),
        (0, {"preference": "tie", "likert_value": 2}),
        (8, {"preference": "all_bad"}),
        (9, {"selected_model_id": None}),
        ("first", {"selected_model_id": "response_1", "likert_value": 1}),
        ("response_2", {"selected_model_id": "response_2", "likert_value": 3}),
        ("tie", {"preference": "tie", "likert_value": 2}),
        (None, {}),
        ("", {}),
    ],
)
def test_a_verdict_means_what_the_mapping_says(cell, values):
    read = read_table(VERDICT, pair(p=cell))

    assert turn_values(read) == values


def test_somebody_who_could_not_say_has_said_so():
    read = read_table(VERDICT, pair(p=9))

    assert annotation_of(read.turn, "selected_model_id")["cannot_assess"]


@pytest.mark.parametrize("cell", [3, "left", True, "1 "])
def test_an_unknown_verdict_is_counted_and_shown_and_the_row_is_kept(cell):
    read, strict = read_table(VERDICT, pair(p=cell)), read_table(VERDICT, pair(p=cell), strict=True)

    assert turn_values(read) == {}
    assert read.remarks("is not in the mapping; it is left out") == 1
    assert [number for number, _, _ in strict.refused] == [1]


def test_unknown_verdicts_of_a_thousand_kinds_make_few_remarks():
    read = read_table(VERDICT, *[pair(p=f"verdict {number}") for number in range(1000)])

    assert len(read.tasks) == 1000
    assert len(read.notes.list_sentences()) < 30


@pytest.mark.parametrize("cell", [{"x": 1}, [1]])
def test_a_verdict_that_is_an_object_is_refused(cell):
    assert read_table(VERDICT, pair(p=cell)).refused[0][1] == "/p"


def test_nan_is_no_verdict():
    read = read_table(VERDICT, pair(p=float("nan")))

    assert turn_values(read) == {}
    assert read.notes.count(NOT_A_NUMBER) == 1


@every_case(
    "scale, cell, values",
    [
        ("[1, 7]", 2, {"selected_model_id": "response_1", "likert_value": 2}),
        ("[1, 7]", "4", {"preference": "tie", "likert_value": 4}),
        ("[-3, 3]", 3, {"selected_model_id": "response_2", "likert_value": 3}),
        ("[3, -3]", 3, {"selected_model_id": "response_1", "likert_value": -3}),
        ("[1, 4]", 2, {"selected_model_id": "response_1", "likert_value": 2}),
        ("[1, 7]", "much", {"selected_model_id": "response_1", "likert_value": 1}),
        ("[1, 7]", 9, {}),
        ("[1, 7]", "equal", {"preference": "tie", "likert_value": 4}),
    ],
)
def test_numbers_on_a_scale_have_direction_and_strength(scale, cell, values):
    read = read_table(
        f'{PAIR}[preference]\ncolumn = "p"\nscale = {scale}\n'
        f"values = {{ much = {scale[1:-1].split(', ')[0]}, equal = 'tie' }}",
        pair(p=cell),
    )

    assert turn_values(read) == values
    assert read.field("likert_value").scale is ScaleDirection.low_is_first
    assert read.notes.count(OFF_SCALE) == (cell == 9)


def test_the_form_asks_for_a_preference_of_three_steps_without_a_scale():
    field = read_table(VERDICT, pair(p=1)).field("likert_value")

    assert field.possible_values == [1, 2, 3]
    assert field.consolidate is Consolidate.majority


def test_one_of_several_columns_is_true():
    mapping = PAIR + '[preference]\none_hot = { x = "first", y = "second", z = "tie" }'

    read = read_table(
        mapping,
        pair(x=1, y=0, z=0),
        pair(x="False", y="True", z="False"),
        pair(x=0, y=0, z=0),
        pair(x=1, y=1, z=0),
    )

    turns = [task.threads[0]["turns"][0] for task in read.tasks]
    assert [value_of(turn, "selected_model_id") for turn in turns] == [
        *("response_1", "response_2", None, None)
    ]
    assert (read.notes.count(NONE_SET), read.notes.count(SEVERAL_SET)) == (1, 1)


def test_one_of_three_responses_is_named():
    mapping = NAMED + '[preference]\ncolumn = "p"\nvalues = { c = "third", none = "all_bad" }'

    read = read_table(mapping, *[pair(c="Auk", p=cell) for cell in ("c", "gull", "none")])

    turns = [task.threads[0]["turns"][0] for task in read.tasks]
    assert [turn["annotations"][0]["value"] for turn in turns] == ["auk", "gull", "all_bad"]
    assert read.field("selected_model_id").possible_values == ["tern", "gull", "auk"]


@pytest.mark.parametrize(
    ("verdicts", "groups", "best"),
    [
        ([1, 1, 1], [["tern"], ["gull"], ["auk"]], "tern"),
        ([2, 2, 0], [["gull", "auk"], ["tern"]], None),
        ([0, 0, 0], [["tern", "gull", "auk"]], None),
        ([0, 0, 1], None, None),
        ([1, 2, 1], None, None),
        ([1, 1, None], None, None),
    ],
)
def test_verdicts_on_pairs_make_an_order_or_stay_pairs(verdicts, groups, best):
    mapping = NAMED + '[preference]\npairs = "p"\nvalues = { 0 = "tie", 1 = "first", 2 = "second" }'

    read = read_table(mapping, pair(c="Auk", p=verdicts))

    values = turn_values(read)
    assert values["preference__tern__gull"] == ("tie", "tern", "gull")[verdicts[0]]
    assert values.get("ranked_groups") == groups
    assert values.get("selected_model_id") == best
    assert read.notes.count(NO_ORDER) == (groups is None)
    assert read.field("preference__gull__auk").possible_values == ["gull", "auk", "tie"]


@pytest.mark.parametrize("cell", [[1, 2], "[1]", "x", {"a": 1}, [[1], 1, 1]])
def test_another_number_of_verdicts_than_of_pairs_is_refused(cell):
    mapping = NAMED + '[preference]\npairs = "p"\nvalues = { 1 = "first" }'

    assert read_table(mapping, pair(c="Auk", p=cell)).refused[0][1].startswith("/p")


@pytest.mark.parametrize(
    ("ranks", "key", "value", "best"),
    [
        (("2", "1", "3"), "ranking", ["gull", "tern", "auk"], "gull"),
        ((1, 1, 2), "ranked_groups", [["tern", "gull"], ["auk"]], None),
        ((2, None, 1), "ranking", ["auk", "tern"], None),
    ],
)
def test_ranks_make_a_ranking(ranks, key, value, best):
    mapping = NAMED
    for name in "abc":
        mapping = mapping.replace(f'text = "{name}"', f'text = "{name}"\nrank = "{name}_rank"')
    given = dict(zip(("a_rank", "b_rank", "c_rank"), ranks, strict=True))

    read = read_table(mapping, pair(c="Auk", **given))

    assert turn_values(read)[key] == value
    assert turn_values(read).get("selected_model_id") == best


@pytest.mark.parametrize("rank", ["best", -1, 1.5, 5000])
def test_a_rank_that_is_no_small_integer_is_refused(rank):
    read = read_table(ONE + 'rank = "r"', {"q": "Hi", "a": "Tern", "r": rank})

    assert read.refused[0][1] == "/r"


def test_votes_follow_the_responses_whatever_their_order():
    mapping = JUDGED + '[preference]\ncolumn = "p"\nvalues = { l = "first", r = "second" }'

    read = read_table(
        mapping, judged("ann", "l"), judged("ben", "r", swapped=True), judged("cy", "r")
    )

    assert turn_values(read) == {"selected_model_id": "x", "likert_value": 1}
    assert votes_on(read, "selected_model_id") == {"ann": "x", "ben": "x", "cy": "y"}
    assert read.task.threads[0]["submissions"] == [
        {"contributor_id": who, "submitted_at": "2024-05-01T00:00:00.000Z"}
        for who in ("ann", "ben", "cy")
    ]


def test_numbers_on_a_scale_are_turned_with_the_sides():
    mapping = JUDGED + '[preference]\ncolumn = "p"\nscale = [1, 7]'

    read = read_table(mapping, judged("ann", 2), judged("ben", 5, swapped=True), judged("cy", 7))

    assert turn_values(read) == {"selected_model_id": "x", "likert_value": 2}
    assert votes_on(read, "likert_value") == {"ann": 2, "ben": 3, "cy": 7}


def test_without_a_majority_there_are_votes_alone():
    mapping = JUDGED + '[preference]\ncolumn = "p"\nvalues = { l = "first", r = "second" }'

    read = read_table(mapping, judged("ann", "l"), judged("ben", "r"))

    assert turn_values(read) == {"selected_model_id": None}
    assert votes_on(read, "selected_model_id") == {"ann": "x", "ben": "y"}
    assert read.notes.count(NO_MAJORITY) == 1


def test_the_later_of_a_persons_votes_counts_wherever_it_stands():
    mapping = JUDGED + '[preference]\ncolumn = "p"\nvalues = { l = "first", r = "second" }'

    read = read_table(
        mapping, judged("ann", "l", at="2024-05-03"), judged("ann", "r", at="2024-05-02")
    )

    assert turn_values(read)["selected_model_id"] == "x"
    assert read.notes.count(REPLACED) == 1


def test_judges_in_columns_vote_and_the_settled_value_wins():
    mapping = PAIR + (
        '[preference]\ncolumns = { ann = "p1", ben = "p2", cy = "p3" }\nfinal = "p"\n'
        'values = { l = "first", r = "second" }'
    )

    read = read_table(mapping, pair(p1="l", p2="l", p3="", p="r"))

    assert turn_values(read) == {"selected_model_id": "response_2", "likert_value": 3}
    assert votes_on(read, "selected_model_id") == {"ann": "response_1", "ben": "response_1"}


def test_rows_without_a_name_are_votes_of_numbered_judges():
    mapping = 'item = "q"\n' + VERDICT

    read = read_table(mapping, pair(p=1), pair(p=1), pair(p=2))

    assert votes_on(read, "selected_model_id") == {
        "judge_1": "response_1",
        "judge_2": "response_1",
        "judge_3": "response_2",
    }
    assert read.notes.count(UNNAMED) == 1


def test_rows_on_different_pairs_of_an_item_are_verdicts_on_pairs():
    mapping = """
item = "q"
prompt = "q"
[[responses]]
text = "a"
model = "m1"
[[responses]]
text = "b"
model = "m2"
[preference]
column = "p"
"""
    rows = [
        {"q": "Hi", "a": one, "b": two, "m1": one, "m2": two, "p": winner}
        for one, two, winner in [("x", "y", "x"), ("z", "y", "y"), ("x", "z", "x")]
    ]

    read = read_table(mapping, *rows)

    assert turn_values(read) == {
        "preference__x__y": "x",
        "preference__x__z": "x",
        "preference__y__z": "y",
        "ranked_groups": [["x"], ["y"], ["z"]],
        "selected_model_id": "x",
    }


def test_a_winner_is_named_where_each_row_has_one_response():
    mapping = f'item = "q"\n{ONE}model = "m"\n[preference]\ncolumn = "p"'
    rows = [{"q": "Hi", "a": text, "m": text, "p": "y"} for text in "xyz"]

    assert turn_values(read_table(mapping, *rows)) == {"selected_model_id": "y"}


def test_rewrites_of_several_people_are_votes_on_the_first():
    mapping = f'item = "q"\ncontributor = "who"\n{ONE}rewrite = "w"'
    rows = [
        {"q": "Hi", "a": "Tern", "who": who, "w": text}
        for who, text in [("ann", "A tern."), ("ben", " "), ("cy", "The tern.")]
    ]

    [made] = responses_of(read_table(mapping, *rows).turn)[0]["annotations"]

    assert made["value"] == "A tern."
    assert [vote["contributor_id"] for vote in made["votes"]] == ["ann", "cy"]


def test_the_reason_for_a_verdict_is_kept_beside_it():
    read = read_table(VERDICT + '\njustification = "why"', pair(p=1, why="Terns are birds."))

    assert turn_values(read)["justification"] == "Terns are birds."


def test_all_bad_is_a_verdict_on_a_pair_and_makes_no_order():
    mapping = NAMED + '[preference]\npairs = "p"\nvalues = { 1 = "first", x = "all_bad" }'

    read = read_table(mapping, pair(c="Auk", p=[1, 1, "x"]))

    last = annotation_of(read.turn, "preference__gull__auk")
    assert (last["value"], last["value"] in last["possible_values"]) == ("all_bad", True)
    assert "ranked_groups" not in turn_values(read)
