"""Drafts of mappings for unknown columns, mappings as TOML, and mappings from flags."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit.errors import InvalidContent
from plaudit.formats.table import drafts
from plaudit.formats.table.drafts import describe_columns, draft_mapping, draft_toml
from plaudit.formats.table.flags import mapping_from_flags
from plaudit.formats.table.mapping_checks import read_mapping
from plaudit.formats.table.toml_text import mapping_to_toml
from tests.formats.reading import rows_of
from tests.formats.table.reading import read_table

PAIRED = [
    {
        "task_id": f"t{number}",
        "prompt": "Name a bird.",
        "response_a": f"A tern, number {number}.",
        "response_b": f"A gull, number {number}.",
        "model_a": "small",
        "model_b": "large",
        "winner": winner,
        "annotator": "ann",
        "lang": "en",
    }
    for number, winner in enumerate(["a", "b", "tie", "a"])
]


def test_columns_are_proposed_by_their_names():
    assert draft_mapping(rows_of(PAIRED)) == {
        "prompt": "prompt",
        "id": "task_id",
        "contributor": "annotator",
        "metadata": ["lang"],
        "responses": [
            {"text": "response_a", "model": "model_a"},
            {"text": "response_b", "model": "model_b"},
        ],
        "preference": {"column": "winner", "values": {}},
    }


def test_codings_are_never_guessed_and_a_draft_is_refused_until_they_are_given():
    text = draft_toml(rows_of(PAIRED))

    assert 'values = { a = "?", b = "?", tie = "?" }' in text
    with pytest.raises(InvalidContent, match="fill in"):
        read_mapping(tomllib.loads(text))


def test_a_draft_that_is_filled_in_reads_the_rows_it_was_made_of():
    text = draft_toml(rows_of(PAIRED))
    for value, verdict in [("a", "first"), ("b", "second"), ("tie", "tie")]:
        text = text.replace(f'{value} = "?"', f'{value} = "{verdict}"')

    read = read_table(text, *PAIRED)

    assert read.refused == []
    assert len(read.tasks) == len(PAIRED)


def test_a_draft_shows_columns_with_samples():
    text = draft_toml(rows_of(PAIRED))

    assert "#   winner (text): a | b | tie\n" in text


def test_single_responses_with_repeated_prompts_are_grouped_and_rated():
    rows = [
        {"question": "Name a bird.", "answer": text, "model": model, "helpfulness": score}
        for text, model, score in [("Tern", "x", 1), ("Gull", "y", 5), ("Fig", "z", 3)]
    ]

    assert draft_mapping(rows_of(rows)) == {
        "item": ["question"],
        "prompt": "question",
        "responses": [
            {"text": "answer", "model": "model", "ratings": {"helpfulness": "helpfulness"}}
        ],
    }


def test_names_that_differ_in_a_letter_are_responses_side_by_side():
    rows = rows_of([{"q": "Hi", "text_a": "Tern", "text_b": "Gull", "question": "Name a bird."}])

    assert draft_mapping(rows)["responses"] == [{"text": "text_a"}, {"text": "text_b"}]


def test_columns_that_tell_who_won_are_pointed_out():
    text = draft_toml(rows_of([{"prompt": "Hi", "chosen": "Tern", "rejected": "Gull"}]))

    assert "--format trl" in text


def test_columns_within_objects_are_found_by_their_paths():
    [row] = rows_of(
        [{"meta": {"question": "Hi"}, "out": {"odd.name": 1}, "list": [1], "none": None}]
    )

    assert [(one.name, one.kind) for one in describe_columns([row])] == [
        ("meta.question", "text"),
        ('out."odd.name"', "number"),
        ("list", "list"),
        ("none", "empty"),
    ]
    assert draft_mapping([row])["prompt"] == "meta.question"


def test_without_anything_like_a_prompt_the_draft_asks_for_it():
    mapping = draft_mapping(rows_of([{"x": 1, "y": 2}]))

    assert mapping["prompt"] == "?"


@pytest.mark.parametrize(
    "values",
    [
        [],
        [3, None, "x"],
        [{}],
        [{"": 1, "a" * 2000: 2, "b": float("nan")}],
        [{f"c{number}": "x" for number in range(5000)}],
        [{"a": {"b": {"c": {"d": {"e": 1}}}}}],
        [{"prompt": "x" * 100_000, "answer": ["\ud800"], "n\ud800": "\ud800"}],
    ],
)
def test_rows_of_any_shape_have_a_draft_that_is_toml(values):
    text = draft_toml(rows_of(values))

    assert isinstance(tomllib.loads(text), dict)
    assert len(text) < 200_000


def test_a_mapping_written_as_toml_is_read_back():
    mapping = {
        "rows": "*.*",
        "item": ["id", "$models"],
        "not": {"kind of": ["a", 1, True]},
        "metadata": {'quo"ted': "back\\slash", "line\nfeed": "tab\t"},
        "responses": [
            {"text": {"column": "a", "remove": r"\[\d+\]"}, "ratings": {"x": {"times": 100}}},
            {"text": "b", "name": "m"},
        ],
        "preference": {"column": "p", "values": {"1": "first", "": "tie"}, "scale": [-3, 3]},
    }

    assert tomllib.loads(mapping_to_toml(mapping, ["a\nb", "\u2028"])) == mapping


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_plain = st.one_of(_texts, st.integers(-(2**63), 2**63 - 1), st.booleans())
_members = st.dictionaries(
    _texts.filter(lambda name: name not in ("responses", "preference")),
    st.one_of(_plain, st.lists(_plain, max_size=3), st.dictionaries(_texts, _plain, max_size=3)),
    max_size=4,
)


@settings(max_examples=50)
@given(_members)
def test_any_members_written_as_toml_are_read_back(members: dict[str, Any]):
    assert tomllib.loads(mapping_to_toml(members)) == members


def test_flags_come_to_a_mapping():
    mapping = mapping_from_flags(
        prompt=["instruction", "input"],
        response=["output_1=generator_1", "output_2=generator_2"],
        preference="label",
        values="1=first,2=second,0=tie",
        rating=["score=s1,s2"],
        item=["id", "$models"],
        contributor="who",
    )

    assert mapping is not None
    read_mapping(mapping)
    assert mapping == {
        "item": ["id", "$models"],
        "prompt": ["instruction", "input"],
        "contributor": "who",
        "responses": [
            {"text": "output_1", "model": "generator_1", "ratings": {"score": "s1"}},
            {"text": "output_2", "model": "generator_2", "ratings": {"score": "s2"}},
        ],
        "preference": {
            "column": "label",
            "values": {"1": "first", "2": "second", "0": "tie"},
        },
    }


def test_no_flags_are_no_mapping():
    assert mapping_from_flags() is None


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"response": ["=m"]}, "--response"),
        ({"response": ["a="]}, "--response"),
        ({"response": ["a"], "rating": ["r"]}, "--rating"),
        ({"response": ["a", "b"], "rating": ["r=x"]}, "COL,COL"),
        ({"rating": ["r=x"]}, "--response COL"),
        ({"preference": "p", "values": "1:first"}, "--values"),
        ({"values": "1=first"}, "--preference"),
    ],
)
def test_flags_that_say_nothing_are_refused(flags, reason):
    with pytest.raises(InvalidContent, match=reason):
        mapping_from_flags(**flags)


def test_what_pages_need_of_drafts_is_there():
    assert set(drafts.__all__) >= {"describe_columns", "draft_mapping", "mapping_to_toml"}


def test_a_list_of_as_many_values_as_pairs_is_proposed_as_their_verdicts():
    row = {"question": "Hi", "gold": "Tern", "answer 1": "a", "answer 2": "b", "answer 3": "c"}
    rows = rows_of([{**row, "preference": [0, 1, 2]}, {**row, "preference": [1, 1, 0]}])

    assert draft_mapping(rows)["preference"] == {"pairs": "preference", "values": {}}
    assert draft_mapping(rows)["reference"] == "gold"
    assert 'values = { 0 = "?", 1 = "?", 2 = "?" }' in draft_toml(rows)


def test_responses_named_after_numbered_models_are_proposed():
    row = {"participant": "p1", "prompt": "A bird?", "confidence": 4}
    answers = {"model_a_answer": "Tern", "model_b_answer": "Gull"}
    rows = rows_of([row | answers | {"preferred_model": side} for side in ("model_a", "model_b")])

    draft = draft_mapping(rows)

    assert draft["responses"] == [{"text": "model_a_answer"}, {"text": "model_b_answer"}]
    assert draft["preference"]["column"] == "preferred_model"
    assert draft["contributor"] == "participant"
    assert draft["item"] == ["prompt", "model_a_answer", "model_b_answer"]
