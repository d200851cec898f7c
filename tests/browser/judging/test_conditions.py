"""Conditions of questions, and sections of a form, at the annotation page."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.answers import check
from plaudit.core.labeling.conditions import unasked
from plaudit.core.labeling.questions import Positions, address_in_turn, place_of, questions
from plaudit.core.labeling.votes import answer_address, question_address
from plaudit.core.tasks.form_checks import read_form
from plaudit.store.labeling import submissions
from plaudit.workspace.annotate.portions import plan_of
from plaudit.workspace.annotate.question_index import question_index, spans_of
from tests.labeling.conditions.test_any_form import any_answer, any_form
from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.labeling_project import make_content
from tests.support.pages.annotation_page import AnnotatorTab

pytestmark = on_shared_sqlite

BAD = {"key": "grade", "operator": "at_most", "value": 2}
FORM = {
    "fields": [
        {"key": "grade", "title": "Grade", "level": "message", "type": "integer",
         "possible_values": [1, 2, 3], "required": True},
        {"key": "flaw", "title": "Flaw", "level": "message", "type": "category",
         "possible_values": ["rude", "wrong"], "required": True, "ask_if": BAD},
        {"key": "verdict", "title": "Verdict", "level": "turn", "type": "category",
         "possible_values": ["good", "bad"], "required": True, "section": "end"},
        {"key": "why", "title": "Reason", "level": "turn", "type": "text", "required": True,
         "section": "end", "ask_if": {"key": "verdict", "operator": "is", "value": "bad"}},
        {"key": "more", "title": "Anything else?", "level": "turn", "type": "boolean",
         "section": "rest", "required": True},
    ],
    "sections": [
        {"key": "end", "title": "In all", "description": "About both."},
        {"key": "rest", "title": "The rest", "folded": True},
    ],
}  # fmt: skip
SHOWN = """() => [...document.querySelectorAll('[data-question]')]
  .filter((one) => one.checkVisibility())
  .map((one) => one.dataset.key + (JSON.parse(one.dataset.address).position ?? ''))"""
MEETS = """async ([path, cases]) => {
  const { meets } = await import(path);
  return cases.map(([operator, values, value]) => meets({ operator, values }, { value }));
}"""


@pytest.fixture
def ann(tenant, shared_server, open_context) -> AnnotatorTab:
    team = AnnotationTeam(tenant, form=FORM)
    team.add(count=2)
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def progress(page: Any) -> str:
    return str(page.locator("#progress").inner_text())


def test_a_question_appears_where_it_is_asked_and_its_answer_is_set_aside_where_not(ann):
    page = ann.take()
    assert page.evaluate(SHOWN) == ["grade1", "grade2", "verdict"]
    assert progress(page) == "0 of 4 required answers"

    ann.pick("grade", "1", 1)
    ann.pick("verdict", "bad")
    assert page.evaluate(SHOWN) == ["grade1", "grade2", "flaw1", "verdict", "why"]
    assert progress(page) == "2 of 6 required answers"
    ann.pick("flaw", "rude", 1)
    ann.write("why", "Half of it is wrong.")
    ann.pick("verdict", "good")

    assert page.evaluate(SHOWN) == ["grade1", "grade2", "flaw1", "verdict"]
    assert progress(page) == "3 of 5 required answers"
    assert "Reason" in page.locator("#notice").inner_text()
    assert page.locator("[data-key='why'] textarea").input_value() == "Half of it is wrong."

    ann.pick("verdict", "bad")
    assert page.locator("#notice").is_hidden()
    assert progress(page) == "4 of 6 required answers"


def test_keys_and_submission_know_what_is_asked(ann):
    """A digit goes on to what it has made a question; a folded section opens where it is next."""
    page = ann.take()

    page.keyboard.press("1")
    page.keyboard.press("3")
    assert page.evaluate("document.activeElement.closest('[data-key]').dataset.key") == "flaw"
    for key in ("2", "1"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.closest('[data-key]').dataset.key") == "more"
    assert page.locator("details.form-section").nth(1).evaluate("(one) => one.open")
    page.keyboard.press("2")
    ann.saved()
    ann.submit()

    project_key = ann.team.project.project_key
    [stored] = ann.team.write(lambda tx: submissions.list_current(tx, project_key, 1))
    given = {
        (one["key"], one.get("source_id")): one.get("value") for one in json.loads(stored.answers)
    }
    assert {key for key, _ in given} == {"grade", "flaw", "verdict", "more"}
    assert sum(key == "flaw" for key, _ in given) == 1


def test_the_page_and_the_server_have_one_rule(ann):
    page = ann.take()
    path = page.evaluate("document.querySelector('script[src*=\"/bundles/task.js\"]').src")
    cases = [
        ["is", [1], 1, True], ["is", [1], True, False], ["is", [True], True, True],
        ["is", ["a", "b"], ["c", "a"], True], ["is", ["a"], [], False],
        ["is_not", ["a"], ["b"], True], ["is_not", ["a"], None, False],
        ["is_not", ["a"], [], False],
        ["at_least", [2], 2, True], ["at_least", [2], 1, False], ["at_most", [0], 0, True],
        ["at_least", [0.5], {"score": 0.5}, True], ["is", [1], {"score": 1}, True],
        ["answered", [None], "x", True], ["answered", [None], " ", False],
        ["answered", [None], [], False], ["answered", [None], False, True],
    ]  # fmt: skip
    module = path.replace("bundles/task.js", "annotate/meets.js")

    found = page.evaluate(MEETS, [module, [case[:3] for case in cases]])

    assert found == [case[3] for case in cases]


ASKED = """async ([folder, cases]) => {
  const { readQuestions } = await import(`${folder}questions.js`);
  const { Store } = await import(`${folder}store.js`);
  return cases.map(([index, answers]) => {
    const { addresses, conditions } = readQuestions(index);
    const store = new Store(addresses, conditions);
    store.load(answers);
    return addresses.filter((address) => store.isAsked(address));
  });
}"""


def test_any_answers_ask_the_same_on_the_page_and_on_the_server(ann):
    """Random forms, of questions about threads, turns and responses, shown in either order."""
    page = ann.take()
    folder = page.evaluate("document.querySelector('script[src*=\"/bundles/task.js\"]').src")
    draw, cases, expected = random.Random(7), [], []
    for _ in range(150):
        form, content = read_form(any_form(draw)), make_content()
        display = {"t0u0": draw.choice(([1, 2], [2, 1]))}
        asked = questions(form, content)
        spans = spans_of(asked)
        index = question_index(asked, spans, Positions(display), plan_of(form, content, spans, ""))
        given = [any_answer(draw, one, display) for one in asked if draw.random() < 0.8]
        stored = {
            answer_address(one): one for one in check(form, content, display, given, partly=True)
        }
        left_out = unasked(
            form,
            asked,
            lambda one, stored=stored, content=content: getattr(
                stored.get(question_address(one, content)), "value", None
            ),
        )
        cases.append([msgspec.to_builtins(index), given])
        positions = Positions(display)
        expected.append(
            [
                {"at": one.target.at} | address_in_turn(one, positions)
                for one in asked
                if place_of(one) not in left_out
            ]
        )

    found = page.evaluate(ASKED, [folder.replace("bundles/task.js", "annotate/"), cases])

    assert found == expected
