"""From template variables to the opening conversation."""

from __future__ import annotations

import msgspec
import pytest

from plaudit.core.tasks import templates
from plaudit.errors import InvalidContent

TEMPLATE = {
    "messages": [
        {"role": "system", "text": "You answer in {{language}}."},
        {"role": "user", "text": "{{prompt}}\n\nContext: {{ context }}"},
    ],
    "optional": ["context"],
}


def texts(template, variables):
    """Each message's source and text."""
    threads = templates.fill_template(templates.read_template(template), variables)
    if threads is None:
        return None
    return [(one.source_id, one.content.text) for one in threads[0].turns[0].messages]


def refusal(template, variables) -> InvalidContent:
    with pytest.raises(InvalidContent) as caught:
        texts(template, variables)
    return caught.value


def test_variables_stand_where_the_template_has_their_names():
    found = texts(TEMPLATE, {"language": "French", "prompt": "Hello?", "context": "A letter."})

    assert found == [
        ("system", "You answer in French."),
        ("user", "Hello?\n\nContext: A letter."),
    ]


def test_a_paragraph_without_its_variables_is_left_out():
    for absent in ({}, {"context": None}):
        found = texts(TEMPLATE, {"language": "French", "prompt": "Hello?"} | absent)
        assert found is not None
        assert found[1] == ("user", "Hello?")


def test_what_looks_like_a_variable_in_a_value_stays_as_it_is():
    found = texts(TEMPLATE, {"language": "{{prompt}}", "prompt": "\\1 {{language}} {{x}}"})

    assert found == [
        ("system", "You answer in {{prompt}}."),
        ("user", "\\1 {{language}} {{x}}"),
    ]


def test_values_that_are_not_text_are_written_as_json():
    found = texts(TEMPLATE, {"language": True, "prompt": {"a": [1, "é"]}})

    assert found == [
        ("system", "You answer in true."),
        ("user", '{\n  "a": [\n    1,\n    "é"\n  ]\n}'),
    ]


def test_missing_variables_are_named_all_of_them():
    refused = refusal(TEMPLATE, {"prompt": None})

    assert refused.message == "missing template variables: language, prompt"
    assert refused.pointer == "/template_variables"


def test_unknown_variables_are_named_with_those_there_are():
    refused = refusal(TEMPLATE, {"language": "a", "prompt": "b", "promt": "c", "x": 1})

    assert "unknown template variables: promt, x" in refused.message
    assert "language, prompt, context, responses" in refused.message


def test_responses_come_after_the_prompt_each_with_a_source_of_its_own():
    given = ["One.", {"text": "Two.", "source_id": "model_b", "model_parameters": {"model": "b"}}]

    found = templates.fill_template(templates.DEFAULT, {"prompt": "?", "responses": given})

    assert found is not None
    messages = found[0].turns[0].messages
    assert [(one.role, one.source_id, one.content.text) for one in messages] == [
        ("user", "user", "?"),
        ("assistant", "response_1", "One."),
        ("assistant", "model_b", "Two."),
    ]
    assert messages[2].model_parameters is not None
    assert messages[2].model_parameters.model == "b"


BAD_RESPONSES = {
    "no list": ("x", "/template_variables/responses"),
    "a number": ([1], "/template_variables/responses/0"),
    "no text": ([{"source_id": "a"}], "/template_variables/responses/0"),
    "a source twice": (["a", {"text": "b", "source_id": "response_1"}], "/template_variables"),
    "the prompt's source": ([{"text": "b", "source_id": "user"}], "/template_variables"),
    "a wrong parameter": (
        [{"text": "b", "model_parameters": {"temperature": "hot"}}],
        "/template_variables/responses/0/model_parameters/temperature",
    ),
    "too many": (["x"] * (templates.RESPONSES_MAX + 1), "/template_variables/responses"),
}


@pytest.mark.parametrize(("given", "pointer"), BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_responses_that_are_none_are_refused_with_their_place(given, pointer):
    assert refusal(None, {"prompt": "?", "responses": given}).pointer == pointer


def test_without_a_template_the_usual_variables_are_known_and_none_is_needed():
    assert texts(None, {}) is None
    assert texts(None, {"prompt": "a", "context": "b", "constraints": "c"}) == [
        ("user", "a\n\nb\n\nc")
    ]
    assert "promt" in refusal(None, {"promt": "a"}).message


BAD_TEMPLATES = {
    "no messages": ({}, ""),
    "an unknown member": ({"messages": [], "engine": "x"}, ""),
    "a role there is not": ({"messages": [{"role": "tool", "text": ""}]}, "/messages/0/role"),
    "one source twice": (
        {"messages": [{"role": "user", "text": "a"}, {"role": "user", "text": "b"}]},
        "/messages",
    ),
    "an optional one that is nowhere": (
        {"messages": [{"role": "user", "text": "a"}], "optional": ["b"]},
        "/optional",
    ),
    "responses inside a text": (
        {"messages": [{"role": "user", "text": "{{responses}}"}]},
        "/responses",
    ),
}


@pytest.mark.parametrize(("template", "pointer"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES)
def test_a_template_that_cannot_work_is_refused_when_it_is_read(template, pointer):
    with pytest.raises(InvalidContent) as caught:
        templates.read_template(template)

    assert caught.value.pointer == pointer


def test_a_hundred_thousand_braces_cost_no_more_than_reading_them():
    template = {"messages": [{"role": "user", "text": "{{" * 50_000 + "{{prompt}}"}]}

    found = texts(template, {"prompt": "x"})

    assert found is not None
    assert found[0][1].endswith("x")
    assert len(msgspec.json.encode(found)) > 100_000
