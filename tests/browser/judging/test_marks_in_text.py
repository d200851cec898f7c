"""Marks in the rendered text, by mouse and by keyboard, with offsets of the delivered text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, select_words
from tests.support.pages.axe_rules import axe_faults, axe_rules

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["Wrong", "Unclear"]},
    {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"},
]
TEXT = "\r\n".join(
    [
        "# A *fine* title",
        "",
        "One 🙂 **two** three &amp; four.",
        "",
        "- item e\u0301t",
        "- 数学です",
        "",
        "| head | two |",
        "|---|---|",
        "| cell | `code` |",
        "",
        "```python",
        "def f():",
        "\treturn 1",
        "```",
    ]
)
RESPONSE = '[data-response="1"]'
DRAWN = """[...document.querySelectorAll('.rendered mark')]
  .map(one => [one.textContent, one.title, one.dataset.depth])"""


@pytest.fixture
def ann(tenant, shared_server, open_context):
    team = AnnotationTeam(tenant, form={"fields": FIELDS})
    team.add(make_content(TEXT, TEXT))
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def mark(page: Any, words: tuple[str, str], label: str) -> None:
    select_words(page, f"{RESPONSE} .rendered", *words)
    page.click(f'{RESPONSE} [data-label="{label}"]')


def test_what_is_selected_in_the_rendered_text_is_marked_in_the_delivered_one(ann):
    page = ann.take()

    for first, last, label in (
        ("fine", "fine", "Wrong"),
        ("🙂", "three", "Wrong"),
        ("two", "two", "Unclear"),
        ("&", "four", "Wrong"),
        ("e\u0301t", "数", "Wrong"),
        ("cell", "code", "Wrong"),
        ("return", "1", "Unclear"),
    ):
        mark(page, (first, last), label)
    ann.saved()
    marks = ann.answers()[(1, "issues")]
    drawn = page.evaluate(DRAWN)
    page.click(f"{RESPONSE} [data-raw]")
    raw = page.evaluate(
        "[...document.querySelectorAll('.as-raw mark')].map(one => one.textContent)"
    )

    assert [TEXT[one["start"] : one["end"]] for one in marks] == [one["text"] for one in marks]
    assert [one["text"] for one in marks] == [
        "fine",
        "🙂 **two** three",
        "two",
        "&amp; four",
        "e\u0301t\r\n- 数",
        "cell | `code",
        "return 1",
    ]
    assert drawn[:5] == [
        ["fine", "Wrong", "1"],
        ["🙂 ", "Wrong", "1"],
        ["two", "Wrong, Unclear", "2"],
        [" three", "Wrong", "1"],
        ["&", "Wrong", "1"],
    ]
    assert raw[:4] == ["fine", "🙂 **", "two", "** three"]


def test_marks_are_made_and_taken_away_by_keyboard_and_everything_stays_in_reach(ann):
    """`m`, words by arrows, more by Shift, a character by Alt, digits for labels, Escape back."""
    page = ann.take()
    chosen = "getSelection().toString()"
    seen = []

    page.keyboard.press("m")
    for key in ("", "ArrowRight", "Shift+ArrowRight", "Alt+Shift+ArrowLeft", "Alt+ArrowRight",
                "End", "Home", "ArrowDown", "ArrowDown", "ArrowUp"):  # fmt: skip
        if key:
            page.keyboard.press(key)
        seen.append(page.evaluate(chosen))
    page.keyboard.press("2")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    drawn = page.evaluate(DRAWN)
    is_in_text = page.evaluate("document.activeElement.matches('.rendered[role=application]')")
    page.keyboard.press("Delete")
    left = page.evaluate(DRAWN)
    faults = axe_faults(page, axe_rules("light"))
    page.keyboard.press("Escape")
    focus = page.evaluate("document.activeElement.matches('[data-begin]')")
    ann.saved()

    assert seen == [
        "A",
        "fine",
        "fine title",
        "fine titl",
        "ine titl",
        "1",
        "A",
        "One",
        "item",
        "🙂",
    ]
    assert drawn == [
        ["🙂", "Unclear, Wrong", "2"],
        [" ", "Wrong", "1"],
        ["two", "Wrong", "1"],
    ]
    assert (is_in_text, left, faults) == (True, [["🙂 ", "Wrong", "1"], ["two", "Wrong", "1"]], [])
    assert focus
    assert [one["text"] for one in ann.answers()[(1, "issues")]] == ["🙂 **two"]


def test_a_mark_is_found_again_from_its_list_and_from_the_text(ann):
    page = ann.take()
    mark(page, ("three", "three"), "Wrong")
    mark(page, ("two", "four"), "Unclear")
    page.fill(f"{RESPONSE} [data-marks] li:nth-child(2) input", "which?")

    page.click(f"{RESPONSE} [data-marks] li:nth-child(2) button >> nth=0")
    found = page.evaluate("getSelection().toString()")
    page.evaluate("getSelection().removeAllRanges()")
    page.click(f"{RESPONSE} .rendered mark >> text=four")
    focused = page.evaluate("document.activeElement.ariaLabel")
    page.click(f"{RESPONSE} [data-marks] li:nth-child(1) button:has-text('Remove')")
    ann.saved()
    kept = ann.answers()[(1, "issues")]
    ann.submit()

    assert found == "two three & four"
    assert focused == "Comment on mark 2"
    assert kept == [
        {"label": "Unclear", "text": "two** three &amp; four", "start": TEXT.index("two"),
         "end": TEXT.index("four") + 4, "comment": "which?"}
    ]  # fmt: skip


def test_a_paragraph_is_chosen_by_a_triple_click_and_no_more_than_it(ann):
    """The browser's selection then ends at the beginning of what follows."""
    page = ann.take()

    page.click(f"{RESPONSE} .rendered p >> nth=0", click_count=3)
    page.click(f"{RESPONSE} [data-label='Wrong']")
    page.click(f"{RESPONSE} .rendered td >> nth=1", click_count=3)
    page.click(f"{RESPONSE} [data-label='Unclear']")
    ann.saved()

    assert [one["text"] for one in ann.answers()[(1, "issues")]] == [
        "One 🙂 **two** three &amp; four.",
        "code",
    ]


def test_on_a_phone_the_labels_stand_within_reach_of_the_thumb(ann):
    page = ann.take()
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.querySelector('.response').scrollIntoView()")

    select_words(page, f"{RESPONSE} .rendered", "two", "three")
    page.wait_for_selector(f"{RESPONSE} .mark-bar:not([hidden])")
    boxes = [one.bounding_box() for one in page.locator(".mark-bar:visible button").all()]
    bar = page.locator("#submit").bounding_box()
    page.click(f"{RESPONSE} [data-label='Unclear']")
    drawn = page.evaluate(DRAWN)

    assert len(boxes) == 2
    assert all(one["height"] >= 44 and one["width"] >= 44 for one in boxes)
    assert all(one["y"] > 422 and one["y"] + one["height"] <= bar["y"] for one in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert drawn == [["two", "Unclear", "1"], [" three", "Unclear", "1"]]
