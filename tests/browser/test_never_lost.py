"""Work that is typed is not lost: dead servers, closed tabs, no network, two tabs, lost leases."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from typing import Any

import pytest

from plaudit.settings import Settings
from tests.support.annotators import AnnotationTeam
from tests.support.harness import Server, World, free_port, on_shared_sqlite, on_sqlite_alone
from tests.support.pages.annotation_page import AnnotatorTab

BOX = '[data-key="justification"] textarea'


class Fixed:
    """A server that comes back on the port it had."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.port = settings, free_port()
        self.process: Server | None = None
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = Server(self.settings, port=self.port)

    def kill(self) -> None:
        assert self.process is not None
        self.process.stop(signal.SIGKILL)


@pytest.fixture
def mortal(settings: Settings, world: World) -> Any:
    """A server of the test's own, which it may kill."""
    fixed = Fixed(settings)
    yield fixed
    fixed.kill()


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return AnnotationTeam(tenant)


@pytest.fixture
def ann(
    team: AnnotationTeam, shared_server: Server, open_context: Callable[..., Any]
) -> AnnotatorTab:
    team.add()
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def submitted(team: AnnotationTeam) -> dict[tuple[str, str], Any]:
    """What was delivered: the values by source and key, the turn's under an empty source."""
    with team.world.client() as client:
        query = {"project_id": team.project.project_id, "status": "completed"}
        (task,) = client.get("/v2/tasks", params=query).json()["tasks"]
    turn = task["threads"][0]["turns"][1]
    found = {("", one["key"]): one.get("value") for one in turn["annotations"]}
    for message in turn["messages"]:
        found |= {(message["source_id"], a["key"]): a["value"] for a in message["annotations"]}
    return found


def delivered(team: AnnotationTeam) -> tuple[Any, Any]:
    """The preference and the text of the only submission, by what the page called them."""
    found = submitted(team)
    preferred = found["", "selected_model_id"]
    return preferred, found["", "justification"]


SHORT = {"fields": [
    {"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first",
     "required": True},
    {"key": "selected_model_id", "level": "turn", "type": "category"},
    {"key": "justification", "level": "turn", "type": "text"},
]}  # fmt: skip
"""A preference and a text: few questions, so that there is time to kill between all keys."""


@pytest.fixture
def short(tenant: World) -> AnnotationTeam:
    return make_short(tenant)


def make_short(world: World) -> AnnotationTeam:
    team = AnnotationTeam(world, form=SHORT)
    team.add()
    return team


@on_sqlite_alone
@pytest.mark.slow
def test_a_server_that_dies_between_every_two_keystrokes_loses_none(world, mortal, open_context):
    short = make_short(world)
    ann = AnnotatorTab(open_context, mortal, short, "Ann")
    page = ann.take()
    shown = page.inner_text('[data-response="1"] .as-rendered')
    text = "1, no"

    for number, key in enumerate(("a", "w", *text)):
        page.wait_for_timeout((0, 30, 550)[number % 3])  # a save is not begun, under way, done
        mortal.kill()
        page.keyboard.press(key)
        mortal.start()
    ann.saved()
    kept = ann.answers()
    ann.submit()

    assert kept[(None, "justification")] == text
    assert kept[(None, "likert_value")] < 4
    assert delivered(short) == (source_of(short, shown), text)


@on_shared_sqlite
@pytest.mark.slow
def test_a_tab_that_is_closed_at_any_moment_comes_back_as_it_was(
    short, shared_server, open_context
):
    ann, rng, typed = AnnotatorTab(open_context, shared_server, short, "Ann"), random.Random(7), ""
    page = ann.take()
    shown, url = page.inner_text('[data-response="1"] .as-rendered'), page.url
    page.keyboard.press("a")

    for pause in (0, 20, 300, 700):
        piece = "".join(rng.choices("abcdef ", k=rng.randrange(1, 6)))
        page.focus(BOX)
        page.keyboard.press("Control+End")
        page.keyboard.type(piece)
        typed += piece
        page.wait_for_timeout(pause)
        page.close()
        page = ann.page = ann.context.new_page()
        page.goto(url)
        ann.ready()
        assert page.input_value(BOX) == typed
    ann.saved()
    kept = ann.answers()
    ann.submit()

    assert kept[(None, "justification")] == typed
    assert delivered(short) == (source_of(short, shown), typed)


def source_of(team: AnnotationTeam, shown: str) -> str:
    """Which response it is whose text a page showed."""
    with team.world.client() as client:
        query = {"project_id": team.project.project_id, "status": "completed"}
        (task,) = client.get("/v2/tasks", params=query).json()["tasks"]
    for message in task["threads"][0]["turns"][1]["messages"]:
        if message["content"]["text"].replace("**", "") == shown:
            return str(message["source_id"])
    raise AssertionError(shown)


@on_shared_sqlite
def test_without_a_network_work_goes_on_and_is_sent_later(ann, team):
    page = ann.take()
    ann.context.set_offline(True)
    ann.fill()
    page.wait_for_selector('#save-state[data-state="offline"]')
    said = page.inner_text("#save-state")
    page.click("#submit")
    page.wait_for_selector("#notice:not([hidden])")

    was = page.url
    ann.context.set_offline(False)
    ann.gone_from(was)

    assert said == "Offline – kept here"
    assert submitted(team)["", "likert_value"] in (2, 6)


@on_shared_sqlite
def test_a_submission_that_the_page_did_not_see_arrive_is_sent_again_after_a_reload(ann, team):
    page = ann.take()
    url = page.url
    ann.fill()
    ann.saved()
    ann.context.set_offline(True)
    page.click("#submit")
    page.wait_for_selector("#notice:not([hidden])")
    page.close()

    ann.context.set_offline(False)
    ann.page = ann.context.new_page()
    ann.page.goto(url)
    ann.gone_from(url)

    assert submitted(team)["", "likert_value"] in (2, 6)


def count_submissions(team: AnnotationTeam) -> int:
    sql = "SELECT COUNT(*) FROM submission WHERE project_key = :project_key"

    async def count(tx: Any) -> int:
        row = await tx.one(sql, {"project_key": team.project.project_key})
        return int(row[0])

    return int(team.write(count))


KEPT = """assignment => new Promise((resolve) => {
  const request = indexedDB.open("plaudit", 1);
  request.onsuccess = () => {
    const found = request.result.transaction("drafts").objectStore("drafts").get(assignment);
    found.onsuccess = () => resolve(found.result?.answers.at(-1)?.value ?? null);
  };
})"""


WAITS = """() => {
  const sent = performance.getEntriesByType("resource").filter((one) => /draft$/.test(one.name))
    .map((one) => one.startTime);
  return window.typed.map((typed) => Math.min(...sent.filter((one) => one >= typed)) - typed);
}"""
"""Milliseconds from each text that was typed to the next request of a draft."""


@on_shared_sqlite
def test_what_is_typed_is_in_the_browser_and_on_its_way_within_a_second(ann):
    """Whoever is signed out meanwhile loses nothing; a page with all saved is left unasked."""
    page = ann.take()
    assignment = page.url.rpartition("/")[2]
    page.evaluate(
        "window.typed = [];"
        " addEventListener('input', () => window.typed.push(performance.now()), true)"
    )
    kept = []

    for text in ("One", "Two", "Three"):
        page.focus(BOX)
        with page.expect_request("**/draft"):
            page.keyboard.insert_text(text)
            kept.append(page.evaluate(KEPT, assignment))
        ann.saved()
    waits = page.evaluate(WAITS)

    assert kept == ["One", "OneTwo", "OneTwoThree"]
    assert min(waits) < 1000
    assert ann.answers()[(None, "justification")] == "OneTwoThree"

    cookies = ann.context.cookies()
    ann.context.clear_cookies()
    ann.write("justification", "Typed while signed out.")
    page.wait_for_selector('#save-state[data-state="signedout"]')
    ann.context.add_cookies(cookies)
    page.reload()
    ann.ready()

    assert page.input_value(BOX) == "Typed while signed out."
    ann.saved()

    page.goto(ann.server.url + ann.team.path)

    assert ann.seen.dialogs == []
    assert page.is_visible("text=Go on")


@on_shared_sqlite
def test_a_second_tab_only_looks_until_it_takes_over_and_submits_once(ann, team):
    """Also where the answer to what it submits is lost."""
    first = ann.take()
    ann.write("justification", "From the first tab.")
    second = ann.context.new_page()
    second.goto(first.url)
    ann.ready(second)
    second.wait_for_selector("text=This task is open in another tab.")
    frozen = second.is_disabled(BOX)

    second.click("text=Continue here")
    first.wait_for_selector("text=You went on with this task in another tab.")
    ann.working(second)

    assert frozen
    assert first.is_disabled(BOX)
    assert second.input_value(BOX) == "From the first tab."
    second.fill(BOX, "From the second tab.")
    ann.saved(second)
    ann.page = second
    assert ann.answers()[(None, "justification")] == "From the second tab."

    ann.fill()
    ann.saved()
    was = second.url
    arrived: list[int] = []

    def lose_the_first(route: Any) -> None:
        arrived.append(route.fetch().status)
        if len(arrived) == 1:
            route.abort()
        else:
            route.continue_()

    second.route("**/submit", lose_the_first)
    second.click("#submit")
    ann.gone_from(was)

    assert arrived == [200, 200]
    assert submitted(team)["", "likert_value"] in (2, 6)
    assert count_submissions(team) == 1


@on_shared_sqlite
def test_another_browser_cannot_be_overwritten(ann, team, open_context):
    page = ann.take()
    ann.write("justification", "Here.")
    ann.saved()
    other_context, _ = open_context(ann.server.url)
    other_context.add_cookies(ann.context.cookies())
    other = other_context.new_page()
    other.goto(page.url)
    ann.ready(other)
    other.fill(BOX, "There.")
    ann.saved(other)

    ann.write("justification", "Here again.")
    page.wait_for_selector('#save-state[data-state="conflict"]')

    assert ann.answers()[(None, "justification")] == "There."
    page.click("text=Load it here")
    ann.working()
    assert page.input_value(BOX) == "Here again."
    page.click("text=Use the other version")
    ann.saved()
    assert ann.answers()[(None, "justification")] == "There."


@on_shared_sqlite
def test_a_lost_lease_keeps_the_draft_and_is_claimed_again_with_one_click(ann, team):
    page = ann.take()
    ann.fill()
    ann.saved()
    team.write(expire_all)
    ann.write("justification", "@Response 1, typed too late.")
    page.wait_for_selector("text=Take it again")

    page.click("text=Take it again")
    ann.working()

    assert page.input_value(BOX) == "@Response 1, typed too late."
    ann.submit()
    assert submitted(team)["", "justification"].endswith("typed too late.")


async def expire_all(tx: Any) -> None:
    await tx.run("UPDATE assignment SET expires_ms = 1", {})


DATABASES = """
  const open = IDBFactory.prototype.open;
  window.databases = [];
  IDBFactory.prototype.open = function (...given) {
    if (window.isFull) throw new DOMException("no more space", "UnknownError");
    const request = open.apply(this, given);
    request.addEventListener("success", () => window.databases.push(request.result));
    return request;
  };
"""


@on_shared_sqlite
def test_a_browser_that_closes_its_database_loses_nothing(short, shared_server, open_context):
    """One that keeps nothing any more says so, once, and the server still does."""
    ann = AnnotatorTab(open_context, shared_server, short, "Ann")
    ann.page.add_init_script(DATABASES)
    page = ann.take()
    assignment = page.url.rpartition("/")[2]
    ann.pick("likert_value", "1")
    ann.saved()

    page.evaluate("databases.forEach(one => one.close())")
    ann.write("justification", "Typed afterwards.")
    ann.saved()
    page.wait_for_function("databases.length > 1")
    ann.write("justification", "Typed after that.")
    kept = page.evaluate(KEPT, assignment)
    ann.saved()

    assert kept == ann.answers()[(None, "justification")] == "Typed after that."
    assert not page.is_visible("#notice")

    page.evaluate("window.isFull = true; databases.forEach(one => one.close())")
    ann.write("justification", "Typed without a copy.")
    page.wait_for_selector("text=This browser keeps no copy of what you type")
    page.click("#notice button")
    ann.saved()
    ann.write("justification", "Typed at last.")
    page.wait_for_timeout(700)
    ann.saved()
    is_told_again = page.is_visible("#notice")
    ann.submit()

    assert not is_told_again
    assert delivered(short)[1] == "Typed at last."
    assert ann.seen.errors == []
