"""Number keys and keys of one character, on every keyboard layout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, question

pytestmark = on_shared_sqlite

PRESSED: list[tuple[dict[str, Any], str, Any]] = [
    ({"type": "integer", "possible_values": [0, 1, 2, 3, 4]}, "3", 3),
    ({"type": "integer", "possible_values": [0, 1, 2], "not_applicable": True}, "0", 0),
    ({"type": "integer", "possible_values": [5, 4, 3, 2, 1]}, "5", 5),
    ({"type": "integer", "possible_values": [2, 4, 6]}, "4", 4),
    ({"type": "integer", "possible_values": [2, 4, 6]}, "1", None),
    ({"type": "integer", "possible_values": [-1, 0, 1]}, "1", 1),
    ({"type": "integer", "possible_values": [10, 20]}, "2", 20),
    ({"type": "category", "possible_values": ["0", "1", "2"]}, "1", "1"),
    ({"type": "category", "possible_values": ["0", "1"], "labels": ["no", "yes"]}, "0", "0"),
    ({"type": "category", "possible_values": ["a", "b"], "labels": ["2", "1"]}, "1", "b"),
    ({"type": "category", "possible_values": ["low", "high"]}, "2", "high"),
    ({"type": "category_multiple", "possible_values": ["0", "1", "2"]}, "2", ["2"]),
    ({"type": "boolean"}, "1", True),
]
FIELDS = [{"key": f"k{n}", "level": "turn"} | field for n, (field, _, _) in enumerate(PRESSED)]
MARKED = {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["3", "2", "1"]}
WHY = {"key": "why", "level": "turn", "type": "text"}
SCALE = {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first",
         "possible_values": [0, 1, 2, 3, 4]}  # fmt: skip
PLACED = {"key": "placed", "level": "turn", "type": "integer", "possible_values": [1, 2, 3]}
UNSAID = """[...document.querySelectorAll('[data-question] [data-digit]')].filter((one) => {
  const shown = one.closest('label')?.querySelector('span:not(.sr-only)') ?? one;
  const said = shown.querySelector('kbd') ?? shown.firstChild;
  return said.textContent.trim() !== one.dataset.digit;
}).map((one) => one.closest('[data-question]').dataset.key)"""
PRESS = """(init) => (document.activeElement ?? document.body).dispatchEvent(
  new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }))"""


@pytest.fixture
def ann(tenant, shared_server, open_context) -> AnnotatorTab:
    """Somebody at a task that asks all of this."""
    team = AnnotationTeam(
        tenant, form={"fields": [*FIELDS, MARKED, SCALE, WHY, PLACED]}, guidelines="# A"
    )
    team.add(make_content("One two.", "Three."))
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def test_a_number_key_chooses_what_its_button_says(ann):
    """The digit stands on every button; one works also where its key says something else."""
    page = ann.take()
    unsaid = page.evaluate(UNSAID), page.locator("[data-question] [data-digit]").count()

    page.focus(f"{question('placed')} input")
    page.evaluate(PRESS, {"key": '"', "code": "Digit3"})
    ann.saved()
    first = ann.answers()
    for field, (_, digit, _) in zip(FIELDS, PRESSED, strict=True):
        page.focus(f"{question(field['key'])} input")
        page.keyboard.press(digit)
    page.focus(f"{question('better')} input")
    page.keyboard.press("3")
    page.click('[data-response="1"] [data-begin]')
    page.keyboard.press("1")
    ann.saved()
    kept = ann.answers()

    assert unsaid[0] == []
    assert unsaid[1] > 30
    assert first == {(None, "placed"): 3}
    found = [kept.get((None, field["key"])) for field in FIELDS]
    assert found == [value for _, _, value in PRESSED]
    assert kept[(None, "better")] == 3
    assert [one["label"] for one in kept[(1, "issues")]] == ["1"]


LAYOUTS = {
    "Caps Lock": {"key": "G", "code": "KeyG"},
    "Cyrillic": {"key": "п", "code": "KeyG"},
    "Cyrillic with Caps Lock": {"key": "П", "code": "KeyG"},
    "Dvorak": {"key": "g", "code": "KeyU"},
}


OTHER_KEYS = [
    {"key": "©", "code": "KeyG", "altKey": True},
    {"key": "g", "code": "KeyG", "altKey": True},
    {"key": "g", "code": "KeyG", "ctrlKey": True},
    {"key": "i", "code": "KeyG"},
    {"key": "Process", "code": "KeyG", "keyCode": 229},
    {"key": "g", "code": "KeyG", "isComposing": True},
]


def opens_the_guidelines(page, init):
    """Press a key while they are closed, and close them again."""
    assert page.is_hidden("#guidelines")
    page.evaluate(PRESS, init)
    is_open = page.is_visible("#guidelines")
    if is_open:
        page.click("#open-guidelines")
    return is_open


SIGNS = [
    ({"key": "@", "code": "KeyL", "altKey": True}, "@"),
    ({"key": "@", "code": "KeyQ", "ctrlKey": True, "altKey": True, "modifierAltGraph": True}, "@"),
    ({"key": '"', "code": "Digit2", "shiftKey": True}, "@"),
    ({"key": "@", "code": "Digit2", "shiftKey": True}, "@"),
    ({"key": "@", "code": "Digit2", "shiftKey": True, "altKey": True}, ""),
]


def test_a_character_works_on_every_layout(ann):
    """However it is typed; brackets with Option too, and a key that says something else not."""
    page = ann.take()
    current = "document.querySelector('.response[data-current]').dataset.response"

    steps = [page.evaluate(current)]
    page.evaluate(PRESS, {"key": "]", "code": "Digit6", "altKey": True})
    steps.append(page.evaluate(current))
    page.evaluate(PRESS, {"key": "х", "code": "BracketLeft"})
    steps.append(page.evaluate(current))
    silent = [name for name, init in LAYOUTS.items() if not opens_the_guidelines(page, init)]
    wrong = [init for init in OTHER_KEYS if opens_the_guidelines(page, init)]
    box, signs = f"{question('why')} textarea", []
    for init, _ in SIGNS:
        page.evaluate(PRESS, init)
        signs.append((init, page.input_value(box)))
        page.fill(box, "")
        page.evaluate("document.activeElement.blur()")

    assert steps == ["1", "2", "1"]
    assert silent == []
    assert wrong == []
    assert signs == SIGNS
