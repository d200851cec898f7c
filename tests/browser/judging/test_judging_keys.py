"""The current question: where a task opens, where digits lead, and how few keys a task takes."""

from __future__ import annotations

from typing import Any

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.long_chat import long_chat
from tests.support.pages.annotation_page import GRADES, AnnotatorTab, tasks_of, values

pytestmark = on_shared_sqlite

CURRENT = """() => {
  const one = document.querySelector('[aria-current="true"][data-question]');
  return one && `${one.dataset.key} ${JSON.parse(one.dataset.address).position ?? ''}`.trim();
}"""
FOCUSED = """() => {
  const one = document.activeElement.closest('[data-question]');
  return one && `${one.dataset.key} ${JSON.parse(one.dataset.address).position ?? ''}`.trim();
}"""
KEYS_MAX = 25
OPTIONAL = [
    {"key": "kind", "level": "turn", "type": "category_multiple", "possible_values": ["x", "y"]},
    {"key": "note", "level": "turn", "type": "text"},
    {"key": "fit", "level": "turn", "type": "integer", "possible_values": [1, 2, 3]},
    {"key": "sure", "level": "turn", "type": "boolean", "required": True},
]


class CountedKeyboard:
    """A keyboard that counts the keys that are pressed, besides those of a text."""

    def __init__(self, page: Any) -> None:
        self.page, self.count = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            assert "Tab" not in key
            self.page.keyboard.press(key)
            self.count += 1


def test_a_preference_task_takes_fewer_than_25_keys_beside_its_text_and_no_tab(team, annotator_tab):
    """From page load: twelve ratings, the verdict, the justification, and submit."""
    team.add(count=2)
    ann = annotator_tab()
    page = ann.take()
    keys = CountedKeyboard(page)
    opened = page.evaluate(CURRENT), page.evaluate(FOCUSED)

    keys.press(*"3231" * 2, *"33", *"43", "2")
    at_text = page.evaluate(FOCUSED)
    page.keyboard.type("@Response 1 is clearer.")
    ann.saved()
    kept, was = ann.answers(), page.url
    keys.press("Control+Enter")
    ann.gone_from(was)
    ann.ready()

    assert opened == ("instruction_following 1", "instruction_following 1")
    assert at_text == "justification"
    assert keys.count == 14 <= KEYS_MAX
    grades = (*GRADES, "overall")
    assert [kept[(n, key)] for key in grades for n in (1, 2)] == [
        3,
        2,
        3,
        1,
        3,
        2,
        3,
        1,
        3,
        3,
        4,
        3,
    ]
    assert (kept[(None, "likert_value")], kept[(None, "justification")]) == (
        2,
        "@Response 1 is clearer.",
    )
    [done] = [task for task in tasks_of(ann) if task.status == "completed"]
    assert "justification" in values(done.threads[0].turns[1].annotations)
    assert page.evaluate(FOCUSED) == "instruction_following 1"


def test_a_digit_answers_the_marked_question_also_from_beside_it(team, annotator_tab):
    """Somebody who reads a response has the focus there, and sees which question is marked."""
    team.add()
    ann = annotator_tab()
    page = ann.take()

    page.keyboard.press("]")
    page.keyboard.press("2")
    page.keyboard.press("g")
    page.focus("#guidelines [data-close]")
    page.keyboard.press("3")
    page.keyboard.press("Escape")
    ann.saved()

    assert ann.answers() == {(1, "instruction_following"): 2}
    assert page.evaluate(CURRENT) == "instruction_following 2"


def test_going_on_passes_over_what_nobody_has_to_write_and_comes_back_to_what_is_left(
    tenant, shared_server, open_context
):
    team = AnnotationTeam(tenant, form={"fields": OPTIONAL})
    team.add()
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    ways = []

    for key in ("1", "2", "Enter", "ArrowDown", "2", "ArrowUp", ".", "Escape", "."):
        page.keyboard.press(key)
        ways.append(page.evaluate(CURRENT))
    ann.saved()

    assert ways == [
        *("kind", "kind", "fit"),  # several values: Enter says that these are all
        *("sure", "sure", "fit"),
        *("note", "note", "fit"),  # nothing is required any more
    ]
    assert ann.answers() == {(None, "kind"): ["x", "y"], (None, "sure"): False}


def test_a_text_that_comes_first_is_marked_and_letters_stay_keys_until_enter(
    tenant, shared_server, open_context
):
    fields = [{"key": "why", "level": "turn", "type": "text", "required": True}]
    team = AnnotationTeam(tenant, form={"fields": fields}, guidelines="# Rules")
    team.add()
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()

    page.keyboard.press("g")
    is_open = page.is_visible("#guidelines")
    page.keyboard.press("Escape")
    page.focus('[data-key="why"]')
    page.keyboard.press("Enter")
    page.keyboard.type("good")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")

    assert is_open
    assert page.input_value("[data-key='why'] textarea") == "good"
    assert page.evaluate(FOCUSED) == "why"


def test_turns_are_gone_through_by_key_also_where_they_are_not_drawn_yet(
    tenant, shared_server, open_context
):
    better = {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"}
    team = AnnotationTeam(tenant, form={"fields": [better | {"required": True}]})
    team.add(long_chat(32))
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    turn = "document.activeElement.closest('.asked')?.id"

    seen = []
    for key in ("j", "k", "2", "k", "."):
        page.keyboard.press(key)
        seen.append(page.evaluate(turn))
    page.focus("#t0u29 [data-key='better'] input")
    page.keyboard.press("j")
    page.wait_for_function(f"() => {turn} === 't0u30'")

    assert seen == ["t0u1", "t0u0", "t0u1", "t0u0", "t0u1"]


def test_a_page_opens_at_its_beginning(team, annotator_tab):
    team.add(make_content("A sentence.\n\n" * 60, "Another.\n\n" * 60))
    ann = annotator_tab(viewport={"width": 1440, "height": 700})

    page = ann.take()
    wide = page.evaluate(FOCUSED), page.evaluate("scrollY")
    page.set_viewport_size({"width": 720, "height": 700})
    page.goto(page.url)  # a reload would scroll to where it was
    ann.ready()

    assert wide == ("instruction_following 1", 0)
    assert (page.evaluate(FOCUSED), page.evaluate("scrollY")) == wide


def test_what_keys_go_on_from_folds_to_a_line_with_its_answer_and_opens_again(team, annotator_tab):
    """By its key, by a click, and where the server finds a fault; the mouse folds nothing."""
    team.add()
    ann = annotator_tab()
    page = ann.take()
    folded = "document.querySelectorAll('.is-folded').length"
    lines = "[...document.querySelectorAll('.is-folded .folded')].map(one => one.innerText)"
    ann.pick("safety", "3", 1)
    ann.pick("safety", "3", 2)
    ann.pick("format", "3", 1)
    by_mouse = page.evaluate(folded)
    page.focus("[data-key='instruction_following'] input")

    page.keyboard.type("3231")
    two = page.evaluate(lines)
    page.keyboard.press("ArrowUp")
    after_up = page.evaluate(folded), page.evaluate(FOCUSED)
    page.click("[data-key='instruction_following'] .folded >> nth=0")
    after_click = page.evaluate(folded), page.evaluate(FOCUSED)
    page.keyboard.press("?")
    page.uncheck("#keys-fold")
    page.keyboard.press("Escape")
    page.keyboard.type("11")

    assert by_mouse == 0
    assert two == ["3 No issues", "2 Minor issues"]
    # "Truthfulness" asks why below, and stays open.
    assert after_up == (1, "truthfulness_justification 2")
    assert after_click == (0, "instruction_following 1")
    assert page.evaluate(folded) == 0


def test_the_bar_shows_what_is_missing_and_leads_there_by_one_click(team, annotator_tab):
    team.add()
    ann = annotator_tab(viewport={"width": 1440, "height": 900})
    page = ann.take()
    missing = "() => [...document.querySelectorAll('#missing button')].map(one => one.textContent)"
    page.keyboard.type("3" * 8)
    page.wait_for_function(f"() => ({missing})().length === 4")
    before = page.evaluate(missing), page.get_attribute("#done", "value")

    page.click("#missing button >> nth=2")
    reached = page.evaluate(FOCUSED)
    page.click("#next-open")
    further = page.evaluate(FOCUSED)
    page.keyboard.type("why")
    page.click("#next-open")

    assert before == (["Safety 2", "Overall quality 2", "Which response is better?", "Why?"], "8")
    assert (reached, further) == ("likert_value", "justification")
    assert page.evaluate(FOCUSED) == "safety 1"
