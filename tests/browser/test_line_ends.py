"""Texts with any line ends in a browser, whose text areas hold LF alone."""

from __future__ import annotations

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
TEXTS = [f"One 🙂.{end}Two.{end}{end}Three.{end}" for end in ("\n", "\r\n", "\r")]
TEXTS += ["One 🙂.\r\nTwo.\n\rThree.\n"]
each_text = pytest.mark.parametrize("text", TEXTS)


def seat(tenant: Any, server: Any, open_context: Any, text: str) -> AnnotatorTab:
    team = AnnotationTeam(tenant, form={"fields": FIELDS}, review="all")
    team.add(make_content(text, text))
    return AnnotatorTab(open_context, server, team, "Ann")


@each_text
def test_marks_have_their_offsets_in_the_delivered_text(tenant, shared_server, open_context, text):
    ann = seat(tenant, shared_server, open_context, text)
    page = ann.take()

    for words in (("One", "🙂"), ("🙂", "Two"), ("Two", "Two"), ("Three", "Three")):
        select_words(page, "[data-response] .rendered", *words)
        page.click('[data-label="odd"]')
    page.click("[data-marks] li:nth-child(3) button")
    again = page.evaluate("getSelection().toString()")
    drawn = page.evaluate("document.querySelectorAll('.rendered mark').length")
    ann.saved()
    marks = ann.answers()[(1, "marks")]
    ann.submit()

    assert len(marks) == 4
    assert [text[mark["start"] : mark["end"]] for mark in marks] == [mark["text"] for mark in marks]
    assert "\n" in marks[1]["text"] or "\r" in marks[1]["text"]
    assert (again, drawn > 4) == ("Two", True)


@each_text
def test_an_untouched_rewrite_is_none_and_a_touched_one_keeps_the_line_ends(
    tenant, shared_server, open_context, text
):
    ann = seat(tenant, shared_server, open_context, text)
    page = ann.take()
    box = ".rewriting textarea"

    page.click(".rewriting summary")
    page.press(box, "Control+Home")
    page.keyboard.type("x")
    ann.saved()
    touched = ann.answers()[(1, "better")]
    page.keyboard.press("Backspace")
    page.wait_for_function("document.querySelector('[data-ratio]').textContent === ''")
    is_compared = page.is_visible("[data-diff]")
    ann.saved()
    untouched = ann.answers()
    page.fill(box, "Zero.\n" + page.input_value(box).replace("Two", "2"))
    page.wait_for_selector(".diff ins")
    drawn = page.inner_text("[data-ratio]")
    ann.saved()
    changed = ann.answers()[(1, "better")]

    assert touched == "x" + text
    assert (untouched, is_compared) == ({}, False)
    first = next(end for end in ("\r\n", "\r", "\n") if f".{end}Two" in text)
    assert changed == f"Zero.{first}" + text.replace("Two", "2")
    assert int(drawn.split()[0]) < 40


@each_text
def test_a_fix_that_differs_in_line_ends_alone_is_none(tenant, shared_server, open_context, text):
    team = AnnotationTeam(tenant, form={"fields": FIELDS}, review="all")
    (task_id,) = team.add(make_content(text, text))
    with team.world.client() as client:
        ann = team.worker(client)
        lease_version = ann.take()["lease_version"]
        about = {"at": "t0u1", "position": 1}
        answers = [
            about | {"key": "better", "value": text + "More."},
            about | {"key": "remark", "value": text},
        ]
        told = ann.call(
            "submit", lease_version=lease_version, answers=answers, client_key="k", active_ms=1
        )
        assert told.status_code == 200, told.text
    rae = AnnotatorTab(open_context, shared_server, team, "Rae")
    rae.context.clear_cookies()
    token = team.person("Una", PersonRole.reviewer)
    rae.context.add_cookies([{"name": "plaudit", "value": token, "url": shared_server.url}])
    page = rae.page
    page.goto(f"{shared_server.url}/review/{team.project.project_id}/tasks/{task_id}")
    rae.ready()

    told = []
    for key in ("better", "remark"):
        box = f'[data-key="{key}"] textarea'
        page.evaluate(f"document.querySelector('{box}').closest('.fix').open = true")
        page.press(box, "Control+Home")
        page.keyboard.type("x")
        told.append(page.inner_text("#progress"))
        page.keyboard.press("Backspace")
        told.append(page.inner_text("#progress"))

    page.evaluate("document.querySelector('[data-key=marks]').closest('.fix').open = true")
    page.click("[data-key=marks] [data-begin]")
    page.keyboard.press("1")
    told.append(page.inner_text("#progress"))
    shown = page.inner_text("[data-key=marks] [data-source] mark")

    assert told == [*["1 fix", "no fixes"] * 2, "1 fix"]
    assert shown == "One"
