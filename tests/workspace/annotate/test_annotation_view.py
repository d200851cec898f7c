"""What the annotation page is made of: responses by position, and nothing that names a model."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks.forms import PRESETS
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.render.text_batch import TextBatch
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content

FORM = PRESETS["RLHF: Pref Ranking"]
SHOWN = {"t0u0": [2, 1]}
"""Response 1 on the screen is secret_b, which is the second by itself."""


def telling_content() -> list[Any]:
    """A prompt with two responses; ids, sources, settings and annotations tell them apart."""
    settings = {"model": "plum-13b", "temperature": 0.7}
    tell = [{"key": "selected_model_id", "type": "category", "value": "secret_a"}]
    chunks = [{"type": "text", "text": "A step.", "annotations": tell}]
    messages = [
        make_message("secret_user", "Q", role="user"),
        make_message("secret_a", "A", model_parameters=settings, annotations=tell),
        make_message("secret_b", content={"text": "B", "chunks": chunks}),
    ]
    return make_content(make_turn("secret_turn", messages, annotations=tell))


def test_a_blind_view_holds_nothing_that_tells_the_models_apart():
    view = repr(annotation_view.build(FORM, telling_content(), SHOWN, texts=TextBatch()))

    assert "A step." in view
    assert [word for word in ("secret", "plum", "0.7") if word in view] == []


def test_responses_stand_in_the_order_of_the_lease_and_are_counted_from_one():
    [thread] = annotation_view.build(FORM, telling_content(), SHOWN, texts=TextBatch()).threads

    shown = [(one.position, one.title, one.raw) for one in thread.turns[0].responses]

    assert shown == [(1, "Response 1", "B"), (2, "Response 2", "A")]
    assert [one.position for one in thread.turns[0].prompt] == [None]


def test_questions_about_responses_stand_in_the_order_of_the_screen():
    [thread] = annotation_view.build(FORM, telling_content(), SHOWN, texts=TextBatch()).threads

    [group] = thread.turns[0].groups
    row = group.rows[0]

    assert [cell.about for cell in row.cells] == ["Response 1", "Response 2"]
    assert [f'"position":{number}' in cell.address for number, cell in enumerate(row.cells, 1)] == [
        True,
        True,
    ]


def test_a_view_that_is_not_blind_names_the_models():
    content = telling_content()
    [thread] = annotation_view.build(
        FORM, content, own_order(content), texts=TextBatch(), is_blind=False
    ).threads

    assert [one.model for one in thread.turns[0].responses] == ["plum-13b", "secret_b"]


def test_a_turn_that_led_there_is_shown_with_the_response_it_went_on_from_and_no_positions():
    earlier = [make_message("user", "Q"), make_message("x", "X")]
    later = [make_message("user", "R"), make_message("x", "V"), make_message("y", "W")]
    content = make_content(make_turn("turn_0", earlier), make_turn("turn_1", later))

    [thread] = annotation_view.build(
        FORM, content, {"t0u0": [1], "t0u1": [2, 1]}, texts=TextBatch()
    ).threads

    first, asked = thread.turns
    assert (first.is_asked, asked.is_asked) == (False, True)
    assert [one.position for one in first.responses] == [None]
    assert first.continued is not None
    assert first.continued.raw == "X"
    assert [one.raw for one in asked.responses] == ["W", "V"]
