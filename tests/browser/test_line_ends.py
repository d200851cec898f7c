"""Texts with any line ends in a browser, whose text areas hold LF alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from plaudit.model.core import PersonRole
from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, select_words

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "marks", "level": "message", "type": "labeled_text", "labels": ["odd"]},
    {"key": "better", "level": "message", "type": "text", "use": "rewrite"},
    {"key": "remark", "level": "message", "type": "text"},
]
ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
TEXTS = {name: f"One 🙂.{end}Two.{end}{end}Three {name}.{end}" for name, end in ENDS.items()} | {
    "mixed": "One 🙂.\r\nTwo.\n\rThree mixed.\n"
}
"""A text with each line end, and one with several, by a word of it."""


@pytest.fixture
def seat(tenant: Any, shared_server: Any, open_context: Any) -> Callable[..., AnnotatorTab]:
    """Seat somebody at a task whose responses are all of the texts."""

    def at() -> AnnotatorTab:
        team = AnnotationTeam(tenant, form={"fields": FIELDS}, review="all")
        team.add(make_content(*TEXTS.values()))
        return AnnotatorTab(open_context, shared_server, team, "Ann")

    return at


def shown_texts(page: Any) -> dict[int, str]:
    """The texts by the number under which a page shows them; responses are shown in any order."""
    shown = page.evaluate("""[...document.querySelectorAll('[data-response]')].map(
      one => [Number(one.dataset.response), one.querySelector('.rendered').innerText])""")
    return {
        number: next(text for name, text in TEXTS.items() if f"Three {name}." in words)
        for number, words in shown
    }


def test_rewrites_and_marks_keep_to_the_line_ends_of_the_text(seat):
    """An untouched rewrite is none; marks have their offsets in the delivered text."""
    ann = seat()
    page = ann.take()
    texts = shown_texts(page)
    boxes = {number: f'[data-response="{number}"] .rewriting textarea' for number in texts}

    for number, box in boxes.items():
        page.click(f'[data-response="{number}"] .rewriting summary')
        page.press(box, "Control+Home")
        page.keyboard.type("x")
    ann.saved()
    touched = ann.answers()
    for box in boxes.values():
        page.press(box, "Control+Home")
        page.keyboard.press("Delete")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-ratio]')].every(one => one.textContent === '')"
    )
    compared = page.locator("[data-diff]:visible").count()
    ann.saved()
    untouched = ann.answers()
    for box in boxes.values():
        page.fill(box, "Zero.\n" + page.input_value(box).replace("Two", "2"))
    page.wait_for_function(
        "count => document.querySelectorAll('.diff:has(ins)').length === count", arg=len(texts)
    )
    ratios = [int(one.inner_text().split()[0]) for one in page.locator("[data-ratio]").all()]
    ann.saved()
    changed = ann.answers()

    assert {number: touched[(number, "better")] for number in texts} == {
        number: "x" + text for number, text in texts.items()
    }
    assert (untouched, compared) == ({}, 0)
    for number, text in texts.items():
        first = next(end for end in ("\r\n", "\r", "\n") if f".{end}Two" in text)
        assert changed[(number, "better")] == f"Zero.{first}" + text.replace("Two", "2")
    assert len(ratios) == len(texts)
    assert max(ratios) < 40

    again = {}
    for number in texts:
        response = f'[data-response="{number}"]'
        for words in (("One", "🙂"), ("🙂", "Two"), ("Two", "Two"), ("Three", "Three")):
            select_words(page, f"{response} .rendered", *words)
            page.click(f'{response} [data-label="odd"]')
        page.click(f"{response} [data-marks] li:nth-child(3) button")
        again[number] = page.evaluate("getSelection().toString()")
    drawn = page.evaluate("""[...document.querySelectorAll('[data-response]')].map(
      one => one.querySelectorAll('.rendered mark').length)""")
    ann.saved()
    answers = ann.answers()
    ann.submit()

    assert len(texts) == len(set(texts.values())) == len(TEXTS)
    for number, text in texts.items():
        marks = answers[(number, "marks")]
        assert len(marks) == 4
        assert [text[one["start"] : one["end"]] for one in marks] == [one["text"] for one in marks]
        assert "\n" in marks[1]["text"] or "\r" in marks[1]["text"]
    assert set(again.values()) == {"Two"}
    assert min(drawn) > 4


def test_a_fix_that_differs_in_line_ends_alone_is_none(tenant, shared_server, open_context):
    team = AnnotationTeam(tenant, form={"fields": FIELDS}, review="all")
    (task_id,) = team.add(make_content(*TEXTS.values()))
    with team.world.client() as client:
        ann = team.worker(client)
        state = ann.take()
        names = re.findall(rf"Three ({'|'.join(TEXTS)})\.", ann.get(ann.at).text)
        answers = []
        for position, name in enumerate(dict.fromkeys(names), 1):
            about, text = {"at": "t0u1", "position": position}, TEXTS[name]
            answers += [
                about | {"key": "better", "value": text + "More."},
                about | {"key": "remark", "value": text},
            ]
        assert len(answers) == 2 * len(TEXTS)
        body = {"answers": answers, "client_key": "k", "active_ms": 1}
        told = ann.call("submit", lease_version=state["lease_version"], **body)
        assert told.status_code == 200, told.text
    rae = AnnotatorTab(open_context, shared_server, team, "Rae")
    rae.context.clear_cookies()
    token = team.person("Una", PersonRole.reviewer)
    rae.context.add_cookies([{"name": "plaudit", "value": token, "url": shared_server.url}])
    page = rae.page
    page.goto(f"{shared_server.url}/review/{team.project.project_id}/tasks/{task_id}")
    rae.ready()

    told, shown = [], []
    page.evaluate("for (const one of document.querySelectorAll('.fix')) one.open = true")
    for box in page.locator(":is([data-key=better], [data-key=remark]) textarea").all():
        box.press("Control+Home")
        page.keyboard.type("x")
        told.append(page.inner_text("#progress"))
        page.keyboard.press("Backspace")
        told.append(page.inner_text("#progress"))
    for number, marks in enumerate(page.locator("[data-question][data-key=marks]").all(), 1):
        marks.locator("[data-begin]").click()
        page.keyboard.press("1")
        told.append(page.inner_text("#progress"))
        shown.append((number, marks.locator("[data-source] mark").all_inner_texts()[0]))

    count = len(TEXTS)
    fixes = ["1 fix", *(f"{number} fixes" for number in range(2, count + 1))]
    assert told == [*["1 fix", "no fixes"] * 2 * count, *fixes]
    assert shown == [(number, "One") for number in range(1, count + 1)]
