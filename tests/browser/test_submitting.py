"""What a press of Submit comes to where something goes wrong: nothing old is handed in."""

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


def elsewhere(ann: AnnotatorTab, open_context: Any, url: str, *, text: str) -> None:
    """The same person takes the task up at another machine, and writes there."""
    context, _ = open_context(ann.server.url)
    context.add_cookies(ann.context.cookies())
    page = context.new_page()
    page.goto(url)
    ann.ready(page)
    page.evaluate("path => import(path).then(({ post }) => post(location.pathname + '/resume'))",
                  notice_script(page))  # fmt: skip
    page.wait_for_function("known => JSON.parse(document.getElementById('task')?.dataset.task"
                           " ?? '{}').lease_version > known", arg=1)  # fmt: skip
    ann.working(page)
    page.fill(BOX, text)
    ann.saved(page)
    page.close()


def notice_script(page: Any) -> str:
    """Where the script for buttons is that the page's own one is made of."""
    source: str = page.get_attribute('script[src*="/bundles/task.js"]', "src")
    return source.replace("bundles/task.js", "annotate/notice.js")


def test_an_unsent_submission_does_not_overwrite_what_was_written_since(ann, open_context):
    page = begin(ann)
    url = page.url
    ann.context.set_offline(True)
    page.click("#submit")
    page.wait_for_selector(WAY_BACK)
    page.close()
    elsewhere(ann, open_context, url, text="Much better.")

    ann.context.set_offline(False)
    page = ann.page = ann.context.new_page()
    page.goto(url)
    ann.working()
    page.wait_for_timeout(500)
    shown = page.input_value(BOX)
    early = delivered(ann)
    page.click("text=Use the other version")
    other = page.input_value(BOX)
    page.fill(BOX, "Much better.")
    ann.submit()

    assert (shown, other) == ("Much better.", "Old.")
    assert early is None
    assert delivered(ann) == "Much better."


def test_an_unsent_submission_of_a_task_taken_up_anew_is_offered_and_not_sent(ann, team):
    page = begin(ann)
    url = page.url
    ann.context.set_offline(True)
    page.fill(BOX, "Typed without a network.")
    page.click("#submit")
    page.wait_for_selector(WAY_BACK)
    page.close()
    team.write(expire_all)
    ann.context.set_offline(False)

    page = ann.page = ann.context.new_page()
    page.goto(url)
    page.click("text=Take it again")
    ann.working()
    said = page.inner_text("#notice")
    ann.saved()

    assert "It is not submitted yet." in said
    assert page.input_value(BOX) == "Typed without a network."
    assert delivered(ann) is None
    ann.submit()
    assert delivered(ann) == "Typed without a network."


async def expire_all(tx: Any) -> None:
    await tx.run("UPDATE assignment SET expires_ms = 1", {})


def test_a_draft_that_is_overtaken_by_its_submission_does_not_disturb_it(ann):
    page = begin(ann)
    drafts: list[Any] = []

    def submit_first(route: Any) -> None:
        answer = route.fetch()
        drafts[0].continue_()  # it is refused: the task is submitted
        route.request.frame.page.wait_for_timeout(500)
        route.fulfill(response=answer)

    page.route("**/draft", lambda route: drafts.append(route))
    page.route("**/submit", submit_first)
    page.fill(BOX, "New.")
    wait_for_route(page, drafts)
    ann.submit()

    assert len(drafts) == 1
    assert delivered(ann) == "New."


def test_a_submission_that_is_lost_or_answered_by_a_fault_lets_the_person_go_on(ann):
    """One page, one press of Submit after the other.

    While one is under way nothing can be changed; an error of the server is told as one, and not
    asked again; a server that does not answer holds nobody; a busy one is asked again.
    """
    page = begin(ann)
    gate = Gate(page)
    gate.plan = ["drop"] * 20
    page.focus(BOX)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(WAY_BACK)

    frozen = page.evaluate(
        "[...document.querySelectorAll('[data-question] :is(input, textarea, button)')]"
        ".every(one => one.disabled)"
    )
    page.keyboard.press("b")
    page.keyboard.press("Enter")  # the focus is on the way back
    at = page.evaluate("document.activeElement.closest('[data-question]')?.dataset.key")
    chosen = page.input_value('[data-key="likert_value"] input:checked')
    page.keyboard.type("!")
    ann.saved()

    assert frozen
    assert (at, chosen) == ("justification", "1")
    assert ann.answers()[(None, "justification")] in ("Old.!", "!Old.")

    gate.plan = ["fail"]
    before = len(gate.seen)
    page.click("#submit")
    page.wait_for_selector("#notice:not([hidden]) >> text=Not submitted. The server failed.")
    page.wait_for_timeout(2500)

    assert len(gate.seen) == before + 1
    ann.write("justification", "After an error.")
    ann.saved()

    gate.plan = ["hold"]
    page.click("#submit")
    page.wait_for_selector("#notice:not([hidden]) >> text=The server takes its time.")
    page.click(WAY_BACK)
    ann.write("justification", "New.")
    ann.saved()

    assert delivered(ann) is None
    gate.plan, gate.seen = ["busy"], []
    ann.submit()

    assert len(gate.seen) == 2
    assert gate.seen[0]["client_key"] == gate.seen[1]["client_key"]
    assert delivered(ann) == "New."


def test_a_draft_that_the_server_does_not_take_is_told_and_the_next_one_sent(ann):
    """Whatever its answer is; one that breaks off is none, and the draft is sent again."""
    page = begin(ann)
    status = 0
    refused: list[int] = []
    lost: list[int] = []

    def judge(route: Any) -> None:
        if "bad" in route.request.post_data:
            refused.append(status)
            route.fulfill(status=status, body="no", content_type="text/plain")
        elif "New." in route.request.post_data and not lost:
            lost.append(route.fetch().status)
            route.fulfill(status=200, body='{"expires_', content_type="application/json")
        else:
            route.continue_()

    page.route("**/draft", judge)
    for status in (500, 413, 418):
        page.fill(BOX, "bad")
        page.wait_for_selector(f"text=The server answered with an error ({status}).")
        state = page.get_attribute("#save-state", "data-state")
        page.fill(BOX, "good")
        ann.saved()

        assert (status, state, status in refused) == (status, "refused", True)
        assert page.is_hidden("#notice"), status
        assert ann.answers()[(None, "justification")] == "good", status

    page.fill(BOX, "New.")
    page.wait_for_selector('#save-state[data-state="offline"]')
    ann.saved()
    page.fill(BOX, "Newer.")
    page.wait_for_selector('#save-state[data-state="saving"]')
    ann.saved()

    assert lost == [200]
    assert ann.answers()[(None, "justification")] == "Newer."
    ann.submit()
    assert delivered(ann) == "Newer."
