"""Long conversations: turns are drawn when they are reached, and nothing else changes by it."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.model.core import PersonRole
from tests.browser.test_widgets import STEPS
from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.long_chat import long_chat
from tests.support.pages.annotation_page import AnnotatorTab, tasks_of
from tests.support.pages.axe_rules import axe_faults, axe_rules

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first",
     "title": "Which is better?", "required": True, "not_applicable": True},
]  # fmt: skip
TURNS = 40
PORTION = 30
PICK_ALL = """value => {
  for (const one of document.querySelectorAll(`.question input[value="${value}"]`)) one.click();
}"""
FOCUSED = "() => document.activeElement.closest('.asked')?.id"


@pytest.fixture
def seat(tenant, shared_server, open_context) -> Any:
    """Seat somebody at a browser, with a task of many turns."""

    def at(content: list[Any], **options: Any) -> AnnotatorTab:
        team = AnnotationTeam(tenant, form={"fields": FIELDS})
        team.add(content)
        return AnnotatorTab(open_context, shared_server, team, "Ann", **options)

    return at


def drawn(page: Any) -> list[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('.asked')].map(one => one.id)")
    return found


def wait_for(page: Any, count: int) -> None:
    page.wait_for_function(
        "count => document.querySelectorAll('.asked').length === count", arg=count
    )


def violations(page: Any) -> list[tuple[str, list[str]]]:
    return axe_faults(page, axe_rules("light"))


def test_a_missing_answer_in_a_turn_that_is_not_drawn_is_drawn_named_and_reached(seat):
    """Scrolled to, answered by keyboard, left, and submitted from the first portion."""
    ann = seat(long_chat(TURNS))
    page = ann.take()
    at_first = drawn(page), page.inner_text("#progress")
    page.evaluate("document.querySelector('[data-gap]').scrollIntoView()")
    wait_for(page, TURNS)
    page.evaluate(PICK_ALL, "2")
    page.focus('#t0u37 [data-key="better"] input:checked')
    page.keyboard.press("ArrowDown")
    skipped = page.evaluate(FOCUSED)
    page.click("#t0u38 label:has(input[value='2'])")  # takes it back
    ann.saved()

    page.evaluate("scrollTo(0, 0)")  # which a reload would come back to
    page.reload()
    ann.working()
    again = drawn(page), page.inner_text("#progress")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#t0u38 .wrong:not([hidden])")
    page.wait_for_function(f"() => ({FOCUSED})() === 't0u38'")
    said = page.inner_text("#t0u38 .wrong:not([hidden])")
    page.keyboard.press("b")
    ann.saved()
    ann.submit()

    names = [f"t0u{number}" for number in range(TURNS)]
    assert at_first == (names[:PORTION], f"0 of {TURNS} required answers")
    assert skipped == "t0u38"
    assert again == (names[:PORTION], f"{TURNS - 1} of {TURNS} required answers")
    assert said == "An answer is required."
    [task] = tasks_of(ann)
    assert task.status == "completed"
    assert all(len(turn.annotations) for turn in task.threads[0].turns)
    assert ann.seen.errors == ann.seen.violations == []


def test_without_a_network_a_turn_that_cannot_be_drawn_is_named(seat):
    """And with one again, the arrow keys and the next submission lead there."""
    ann = seat(long_chat(TURNS))
    page = ann.take()
    page.evaluate(PICK_ALL, "2")
    ann.saved()
    ann.context.set_offline(True)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#notice.bad:not([hidden])")
    said = page.inner_text("#notice"), page.inner_text("[data-gap] p")

    ann.context.set_offline(False)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"() => ({FOCUSED})() === 't0u{PORTION}'")
    named = page.inner_text(f"#t0u{PORTION} .wrong:not([hidden])")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")

    assert said == (
        f"Turn {PORTION + 1} cannot be shown now: an answer is required",
        "The server cannot be reached.",
    )
    assert named == "An answer is required."
    assert page.evaluate(FOCUSED) == f"t0u{PORTION}"
    assert ann.seen.errors == []


def test_arrow_keys_go_on_to_turns_that_are_not_drawn_yet(seat):
    ann = seat(long_chat(TURNS))
    page = ann.take()
    page.focus(f"#t0u{PORTION - 1} [data-key='better'] input")

    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"() => ({FOCUSED})() === 't0u{PORTION}'")

    assert len(drawn(page)) == TURNS


def test_a_first_incorrect_step_in_a_turn_that_is_not_drawn_is_to_be_put_right(
    tenant, shared_server, open_context
):
    """The page alone knows that rule: it draws such a turn to see whether it is kept."""
    team = AnnotationTeam(tenant, form=STEPS)
    content = long_chat(TURNS, every=TURNS + 1)
    for turn in content[0]["turns"]:
        chunks = [{"type": "step", "text": text, "annotations": []} for text in ("1", "2")]
        turn["messages"][1]["content"]["chunks"] = chunks
    team.add(content)
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    last = f"#t0u{TURNS - 1}"
    page.evaluate("document.querySelector('[data-gap]').scrollIntoView()")
    wait_for(page, TURNS)
    page.evaluate(PICK_ALL, "correct")
    page.click(f"{last} [data-step='2'] label:has(input[value='incorrect'])")
    ann.saved()
    page.evaluate("scrollTo(0, 0)")
    page.reload()
    ann.working()
    at_first = len(drawn(page))

    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"() => '#' + ({FOCUSED})() === '{last}'")

    assert at_first == PORTION
    assert "first incorrect step" in page.inner_text(f"{last} .wrong:not([hidden])")


def test_a_long_context_is_read_on_by_link_and_by_scrolling(seat):
    """What is left of it stays there, below or above, until somebody comes to it again."""
    ann = seat(long_chat(240, every=240))
    page = ann.take()
    earlier = "() => document.querySelectorAll('.earlier').length"
    at_first = page.evaluate(earlier), page.inner_text(".prompt .said-user")

    page.focus("[data-gap] a")
    page.keyboard.press("Enter")
    page.wait_for_selector("#live:has-text('90 more turns are shown.')", state="attached")
    reached = page.evaluate("document.activeElement.innerText"), page.evaluate(earlier)
    page.evaluate("document.querySelector('.context').scrollTop = 0")
    page.wait_for_timeout(100)  # for an observer, which is called with a frame
    at_rest = page.evaluate(earlier)
    page.evaluate("document.querySelector('[data-gap]').scrollIntoView()")
    page.wait_for_function(f"() => ({earlier})() === 200")

    assert at_first == (20, "Prompt\n\nprompt 239.")
    assert reached[0] == "Turn 11\nprompt 10."
    assert reached[1] == at_rest == 110
    assert violations(page) == []
    assert ann.seen.errors == ann.seen.violations == []


def test_turns_on_a_page_of_their_own_show_every_response_at_each_width(seat):
    """No script works there, which elsewhere shows one response at a time on a phone."""
    page = seat(long_chat(3), viewport={"width": 390, "height": 800}).take()

    page.goto(f"{page.url}/turns")

    for width in (390, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        bodies = page.locator(".response-body")
        assert bodies.count() > 3
        hidden = [at for at in range(bodies.count()) if not bodies.nth(at).is_visible()]
        assert (width, hidden) == (width, [])
        assert not page.locator(".responses > .tabs:visible").count(), width


@pytest.mark.parametrize("place", ["review", "projects"])
def test_reviewers_and_managers_read_on_too(tenant, shared_server, open_context, place):
    """A reviewer is led to what is disputed by its key, also where it is not drawn yet."""
    team = AnnotationTeam(tenant, form={"fields": FIELDS}, overlap=2)
    [task_id] = team.add(long_chat(TURNS))
    with tenant.client() as client:
        for name, said in (("Ann", {"value": 4}), ("Ben", {"not_applicable": True})):
            worker = team.worker(client, name)
            version = worker.take()["lease_version"]
            answers = [
                {"at": f"t0u{number}", "key": "better"}
                | (said if number == 35 else {"not_applicable": True})
                for number in range(TURNS)
            ]
            body = {"answers": answers, "client_key": "k", "active_ms": 1}
            assert worker.call("submit", lease_version=version, **body).is_success
    context, seen = open_context(shared_server.url)
    session = team.person("Mia", PersonRole.manager)
    context.add_cookies([{"name": "plaudit", "value": session, "url": shared_server.url}])
    page = context.new_page()
    page.goto(f"{shared_server.url}/{place}/{team.project.project_id}/tasks/{task_id}")

    if place == "review":
        page.wait_for_selector("#task[data-ready]")
        told = page.inner_text("#progress")
        page.keyboard.press("n")
        page.wait_for_function(f"() => ({FOCUSED})() === 't0u35'")
        assert told == "1 undecided · no fixes"
        page.keyboard.press("a")
        page.wait_for_selector("#t0u35 [data-changed]:not([hidden])")
        assert page.inner_text("#progress") == "1 fix"
        another = context.new_page()
        another.goto(page.url)
        another.wait_for_selector("#task[data-ready]")
        another.keyboard.press("f")
        another.wait_for_selector("#t0u35 [data-changed]:not([hidden])")
        assert another.locator("#t0u35 [data-take][aria-pressed=true]").count() == 1
        another.close()
    else:
        page.evaluate("document.querySelector('[data-gap]').scrollIntoView()")
        page.wait_for_function("() => document.querySelectorAll('[data-drawn]').length === 40")
        assert page.query_selector("[data-gap]") is None
    assert violations(page) == []
    assert seen.errors == seen.violations == []


def test_the_navigator_names_what_is_open_in_each_turn_and_leads_there(seat):
    """Also to a turn that is not drawn yet; where somebody reads is marked."""
    ann = seat(long_chat(TURNS))
    page = ann.take()
    place, turn = "document.getElementById('turn-place').textContent", "#turn-list button >> nth={}"
    at_first = page.evaluate(place), page.get_attribute(turn.format(1), "aria-label")

    page.keyboard.press("2")
    page.wait_for_selector("#turn-list .is-done")
    page.click(turn.format(37))
    page.wait_for_function(f"() => ({FOCUSED})() === 't0u37'")
    page.wait_for_function(f"() => {place}.startsWith('Turn 38')")
    page.keyboard.press("2")
    page.wait_for_function(f"() => {place}.startsWith('Turn 39')")
    page.evaluate("document.getElementById('t0u20').scrollIntoView()")
    page.wait_for_function(f"() => {place}.startsWith('Turn 21')")

    assert at_first == ("Turn 1 · 1 of 40 · 0 of 1 answers", "Turn 2: 1 answer is missing")
    done = page.locator("#turn-list .is-done").all_inner_texts()
    assert [text.split() for text in done] == [["1", "✓"], ["38", "✓"]]
    assert page.locator("#turn-list [aria-current]").inner_text().split()[0] == "21"
    assert violations(page) == []
    assert ann.seen.errors == ann.seen.violations == []
