"""The rating grid: a table of questions and responses, small enough to be seen at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab

pytestmark = on_shared_sqlite

LABELS = {3: ["Major issues", "Minor issues", "No issues"],
          5: ["Very poor", "Poor", "Acceptable", "Good", "Excellent"]}  # fmt: skip


def rating(number: int, grades: int = 3) -> dict[str, Any]:
    return {
        "key": f"q{number}", "title": f"Question number {number}", "level": "message",
        "type": "integer", "possible_values": list(range(1, grades + 1)), "labels": LABELS[grades],
        "description": f"Is response good in respect {number}, all of it and nothing else?",
        "required": True,
    }  # fmt: skip


FIELDS = [*(rating(number) for number in range(6)), rating(6, grades=5)]
TEXTS = ("A sentence. " * 200, "Another one. " * 200, "A third. " * 200, "A fourth. " * 200)

IN_SIGHT = """() => [...document.querySelectorAll('.judge [data-question]')].filter((one) => {
  const pane = one.closest('.judge').getBoundingClientRect();
  const bar = document.querySelector('.submit-bar').getBoundingClientRect();
  const boxes = [...one.querySelectorAll('.pill')].map((pill) => pill.getBoundingClientRect());
  return boxes.length && boxes.every((box) => box.top >= pane.top && box.right <= pane.right &&
    box.bottom <= Math.min(pane.bottom, bar.top) && box.width >= 24 && box.height >= 24);
}).map((one) => one.dataset.key)"""
WORDS = """() => [...document.querySelectorAll('.grid .row')].map((row) =>
  [...row.querySelector('.cell').querySelectorAll('.pill > span:not(.sr-only), .ends span')]
    .filter((one) => one.getClientRects().length).map((one) => one.innerText).join(' '))"""


@pytest.fixture
def seat(tenant, shared_server, open_context) -> Any:
    """Seat somebody at a browser, with a task of so many responses."""

    def at(responses: int, **options: Any) -> AnnotatorTab:
        team = AnnotationTeam(tenant, form={"fields": FIELDS})
        team.add(make_content(*TEXTS[:responses]))
        return AnnotatorTab(open_context, shared_server, team, "Ann", **options)

    return at


def test_seven_questions_about_two_responses_are_in_sight_at_once_and_say_what_they_mean(seat):
    """A reader of screens finds a table; what a question means is said when somebody asks."""
    ann = seat(2, viewport={"width": 1440, "height": 900})
    meaning = ".row:has([data-key='q1']) .hint"

    page = ann.take()

    assert page.evaluate(IN_SIGHT) == [f"q{number}" for number in range(7) for _ in range(2)]
    words = page.evaluate(WORDS)
    assert words[0] == "1 Major issues 2 Minor issues 3 No issues"
    assert words[6] == "1 2 3 4 5 Very poor Excellent"
    assert_reads_as_table(page, "AB")
    before = page.is_visible(meaning)
    page.keyboard.type("11i")
    by_key = page.is_visible(meaning)
    page.click(".row:has([data-key='q1']) summary")
    assert (before, by_key, page.is_visible(meaning)) == (False, True, False)
    page.keyboard.type("11" * 5 + "4")
    assert page.evaluate(WORDS)[6] == "1 2 3 4 5 Good"


def test_a_reader_of_screens_finds_a_table_of_four_responses(seat):
    assert_reads_as_table(seat(4).take(), "ABCD")


def assert_reads_as_table(page: Any, letters: str) -> None:
    """Fail unless a reader of screens finds a table of questions and of responses so named."""
    tree = page.locator("table.grid").aria_snapshot()

    heads = " ".join(f"Response {number + 1}" for number in range(len(letters)))
    assert tree.splitlines()[0] == '- table "Questions about each response":'
    assert f'row "Question {heads}"' in tree
    assert 'rowheader "Question number 3' in tree
    assert 'group "Question number 3, Response 2"' in tree
    assert 'radio "3, No issues"' in tree
    shown = page.locator(".grid thead .letter").all_inner_texts()
    assert "".join(shown) == letters
