"""Suggested answers: shown at their questions, used or not, and never delivered by themselves."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.consensus import consolidate
from plaudit.core.labeling.questions import Positions, questions
from plaudit.core.labeling.threads.suggestions import suggestion_for
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.forms import Form
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate.controls import control_of
from tests.support.annotators import AnnotationTeam, Worker, good_answers, make_content
from tests.support.app_client import AppClient

FIELDS: dict[str, dict[str, Any]] = {
    "overall": {"level": "message", "type": "integer", "possible_values": [1, 2, 3],
                "labels": ["Bad", "Fair", "Good"]},
    "remark": {"level": "message", "type": "text"},
    "rewrite": {"level": "message", "type": "text", "use": "rewrite"},
    "issues": {"level": "message", "type": "labeled_text", "labels": ["Wrong"]},
    "score": {"level": "message", "type": "rubric_rating"},
    "better": {"level": "turn", "type": "category"},
    "likert": {"level": "turn", "type": "integer", "scale": "low_is_first"},
    "order": {"level": "turn", "type": "ranked_choices"},
    "groups": {"level": "turn", "type": "ranked_groups"},
    "topics": {"level": "turn", "type": "category_multiple", "possible_values": ["soup", "egg"]},
    "safe": {"level": "turn", "type": "boolean"},
    "why": {"level": "turn", "type": "text"},
    "topic": {"level": "thread", "type": "category", "possible_values": ["soup", "egg"]},
}  # fmt: skip

OWN, SWAPPED = [1, 2], [2, 1]
"""Orders of the two responses on the screen."""


def form_of(*keys: str) -> Form:
    return read_form({"fields": [{"key": key, **FIELDS[key]} for key in keys]})


def content_with(key: str, value: Any, **more: Any) -> list[Thread]:
    """The conversation with one annotation, on the thing that the field is about."""
    threads = make_content()
    turn = threads[0]["turns"][1]
    places = {"thread": threads[0], "turn": turn, "message": turn["messages"][1]}
    annotation = {"key": key, "type": FIELDS[key]["type"], "value": value, **more}
    places[FIELDS[key]["level"]]["annotations"] = [annotation]
    return convert(threads, list[Thread])


def suggested(key: str, value: Any, order: list[int] = OWN) -> Any:
    """What is suggested on a page with this order, for the first response."""
    content, display = content_with(key, value), {"t0u1": order}
    for number, question in enumerate(questions(form_of(key), content)):
        control = control_of(number, question, Positions(display))
        found = suggestion_for(question, content, display, control.choices)
        if found is not None:
            return found.value, found.words
    return None


@pytest.mark.parametrize(
    ("key", "stored", "shown", "words"),
    [
        ("overall", 3, 3, "3 – Good"),
        ("remark", "Fine.", "Fine.", "Fine."),
        ("rewrite", "Boil it.", "Boil it.", "Boil it."),
        ("issues", [{"label": "Wrong", "text": "boiling"}],
         [{"label": "Wrong", "text": "boiling"}], "Wrong: “boiling”"),
        ("score", {"score": 0.5}, {"score": 0.5}, "0.5"),
        ("topics", ["egg"], ["egg"], "egg"),
        ("safe", False, False, "No"),
        ("topic", "soup", "soup", "soup"),
    ],
)  # fmt: skip
def test_each_kind_of_value_is_suggested_as_the_page_sends_it(key, stored, shown, words):
    assert suggested(key, stored) == (shown, words)


@pytest.mark.parametrize(
    ("key", "stored", "own", "swapped"),
    [
        ("better", "omega-model-7", (2, "Response 2"), (1, "Response 1")),
        ("order", ["omega-model-7", "zeta-model-9"],
         ([2, 1], "Response 2 > Response 1"), ([1, 2], "Response 1 > Response 2")),
        ("groups", [["omega-model-7"], ["zeta-model-9"]],
         ([[2], [1]], "Response 2 > Response 1"), ([[1], [2]], "Response 1 > Response 2")),
        ("likert", 1, (1, "1 – Response 1 is much better"), (7, "7 – Response 2 is much better")),
        ("why", "@Response 2 is short.", ("@Response 2 is short.",) * 2,
         ("@Response 1 is short.",) * 2),
    ],
)  # fmt: skip
def test_suggestions_follow_the_order_of_the_screen(key, stored, own, swapped):
    assert [suggested(key, stored, OWN), suggested(key, stored, SWAPPED)] == [own, swapped]


def test_mentions_of_three_responses_lead_back_to_themselves():
    threads = make_content("One.", "Two.", "Three.")
    threads[0]["turns"][1]["annotations"] = [
        {"key": "why", "type": "text", "value": "@Response 1, @Response 2, @Response 3"}
    ]
    content = convert(threads, list[Thread])
    display = {"t0u1": [2, 3, 1]}
    (question,) = questions(form_of("why"), content)

    found = suggestion_for(question, content, display, [])

    assert found is not None
    assert found.value == "@Response 3, @Response 1, @Response 2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("overall", 9),
        ("overall", None),
        ("topics", ["tea"]),
        ("better", "nobody"),
        ("order", ["omega-model-7"]),
        ("issues", [{"label": "Wrong", "text": "not there"}]),
        ("likert", 12),
        ("rewrite", "Put it into **boiling** water."),
    ],
)
def test_what_the_question_does_not_take_is_not_suggested(key, value):
    assert suggested(key, value) is None


@pytest.mark.parametrize(
    ("key", "value"), [("overall", 3), ("better", "omega-model-7"), ("topic", "soup")]
)
def test_a_suggestion_that_nobody_used_is_not_delivered(key, value):
    content = content_with(key, value)

    delivered = consolidate(form_of(key, "safe"), content, []).threads

    assert b'"soup"' not in msgspec.json.encode(delivered)
    turn = delivered[0].turns[1]
    assert [turn.annotations, turn.messages[1].annotations, delivered[0].annotations] == [[]] * 3


def test_annotations_that_nothing_asks_for_stay():
    content = content_with("overall", 3)

    delivered = consolidate(form_of("safe"), content, []).threads

    assert [one.key for one in delivered[0].turns[1].messages[1].annotations] == ["overall"]


def test_the_page_shows_suggestions_and_has_no_answer_yet(team: AnnotationTeam, ann: Worker):
    content = make_content()
    content[0]["turns"][1]["messages"][1]["annotations"] = [
        {"key": "overall", "type": "integer", "value": 4},
        {"key": "truthfulness_justification", "type": "text", "value": '"<b>zwölf</b>"'},
    ]
    team.add(content)

    state = ann.take()
    page = ann.get(ann.at).text

    assert state["draft"] is None
    found = [json.loads(html.unescape(one)) for one in re.findall(r'data-suggested="(.*?)"', page)]
    assert sorted(found, key=str) == ['"<b>zwölf</b>"', 4]
    assert "2 answers are suggested" in page
    assert "<b>zwölf</b>" not in page


def test_a_task_without_suggestions_says_nothing_of_them(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()

    assert "uggest" not in ann.get(ann.at).text


def test_what_is_delivered_is_what_was_answered(
    team: AnnotationTeam, ann: Worker, client: AppClient
):
    content = make_content()
    content[0]["turns"][1]["annotations"] = [
        {"key": "justification", "type": "text", "value": "Suggested words."},
        {"key": "selected_model_id", "type": "category", "value": "zeta-model-9"},
    ]
    (task_id,) = team.add(content)
    ann.take()
    answers = good_answers()

    body = {"lease_version": 1, "answers": answers, "client_key": "k", "active_ms": 1}
    assert ann.call("submit", **body).status_code == 200

    task = client.get("/v2/task", params={"task_id": task_id}).json()
    assert "Suggested words." not in json.dumps(task)
