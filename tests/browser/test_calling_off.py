"""Submissions that are called off while they are under way: they are never handed in later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.pages.submit_gate import (
    BOX,
    WAY_BACK,
    Gate,
    begin,
    delivered,
    make_team,
    wait_for_route,
)

pytestmark = on_shared_sqlite


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return make_team(tenant)


@pytest.fixture
def ann(team: AnnotationTeam, shared_server: Server, open_context: Any) -> AnnotatorTab:
    return AnnotatorTab(open_context, shared_server, team, "Ann")


@pytest.mark.slow
def test_a_submission_called_off_is_not_handed_in_later(ann):
    """Neither by itself, nor does it wake up with the next one."""
    page = begin(ann)
    gate = Gate(page)
    gate.plan = ["drop", "hold"]
    page.click("#submit")
    page.wait_for_selector(WAY_BACK)
    gate.wait_for(2)

    page.click(WAY_BACK)
    ann.write("justification", "New.")
    ann.saved()
    late = gate.send_held()
    page.wait_for_timeout(2500)  # longer than the page waits before it tries again

    assert late == 409
    assert len(gate.seen) == 2
    assert delivered(ann) is None
    assert ann.answers()[(None, "justification")] == "New."

    gate.plan, gate.seen, gate.held = ["drop", "hold"], [], []
    page.click("#submit")
    page.click(WAY_BACK)
    page.fill(BOX, "Newer.")
    was = page.url
    page.click("#submit")
    gate.wait_for(2)
    page.wait_for_timeout(2500)
    sent = [one["answers"][-1]["value"] for one in gate.seen]
    page._run(gate.held[0].continue_)
    ann.gone_from(was)

    assert sent == ["New.", "Newer."]
    assert delivered(ann) == "Newer."


def test_submit_waits_until_what_was_called_off_can_no_longer_arrive(ann):
    """The task is taken up anew then, and what was made before would count as somebody else's."""
    page = begin(ann)
    gate = Gate(page)
    gate.plan = ["drop", "hold"]
    taken: list[Any] = []
    page.route("**/resume", lambda route: taken.append(route))
    page.click("#submit")
    page.click(WAY_BACK)
    page.fill(BOX, "New.")
    was = page.url
    page.click("#submit")
    page.wait_for_timeout(700)
    wait_for_route(page, taken)
    page._run(taken[0].continue_)
    gate.wait_for(2)
    page.wait_for_timeout(300)
    page._run(gate.held[0].continue_)
    ann.gone_from(was)

    assert delivered(ann) == "New."


def test_a_submission_that_arrived_before_it_was_called_off_is_said_so_and_opened_again(ann):
    page = begin(ann)
    gate = Gate(page)
    gate.plan = ["arrive, and lose the answer", "hold"]
    page.click("#submit")
    page.wait_for_selector(WAY_BACK)
    gate.wait_for(2)

    drafts: list[Any] = []
    page.route("**/draft", lambda route: drafts.append(route))  # or the page knows at once
    page.click(WAY_BACK)
    ann.write("justification", "New.")
    page.unroute("**/draft")
    for held in drafts:
        page._run(held.continue_)
    page.wait_for_selector("text=Your submission had arrived before you went on.")
    frozen = page.is_disabled(BOX)
    first = delivered(ann)
    page.click("text=Open it again")
    ann.working()
    shown = page.input_value(BOX)
    ann.saved()
    ann.submit()

    assert (frozen, first, shown) == (True, "Old.", "New.")
    assert delivered(ann) == "New."


def test_what_was_typed_after_a_submission_that_arrived_is_found_again(ann):
    page = begin(ann)
    url = page.url
    gate = Gate(page)
    gate.plan = ["arrive, and lose the answer", "hold"]
    page.click("#submit")
    page.wait_for_selector(WAY_BACK)
    ann.context.set_offline(True)
    page.click(WAY_BACK)
    page.fill(BOX, "New.")
    page.close()
    ann.context.set_offline(False)

    page = ann.page = ann.context.new_page()
    page.goto(url)
    page.wait_for_selector("text=is no part of your submission")
    submitted = page.input_value(BOX)
    page.click("text=Open it again")
    ann.working()

    assert submitted == "Old."
    assert page.input_value(BOX) == "New."
