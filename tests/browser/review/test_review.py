"""Journeys of review in a real browser: by keyboard, by mouse; read back by the official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scaleapi import ScaleClient

from plaudit.model.core import PersonRole
from tests.support.annotators import AnnotationTeam, good_answers
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.pages.axe_rules import faults_in_both_schemes

Open = Callable[..., Any]
pytestmark = on_shared_sqlite
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Chair(AnnotatorTab):
    """One browser of one reviewer."""

    def __init__(self, open_context: Open, server: Server, team: AnnotationTeam, role: str) -> None:
        self.server, self.team = server, team
        self.context, self.seen = open_context(server.url)
        token = team.person(f"Rae-{role}", PersonRole(role))
        self.context.add_cookies([{"name": "plaudit", "value": token, "url": server.url}])
        self.page = self.context.new_page()

    def open(self, task_id: str) -> None:
        path = f"/review/{self.team.project.project_id}/tasks/{task_id}"
        self.page.goto(self.server.url + path)
        self.ready()

    def card(self, key: str, position: int | None = None) -> str:
        where = "" if position is None else f"[data-address*='\"position\":{position},']"
        return f'[data-card]:has([data-key="{key}"]{where})'


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return AnnotationTeam(tenant, review="all", guidelines="# Rules\n\nRead **both** to the end.")


@pytest.fixture
def server(team: AnnotationTeam, shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def rae(team: AnnotationTeam, server: Server, open_context: Open) -> Chair:
    return Chair(open_context, server, team, "reviewer")


def judged(team: AnnotationTeam, *people: tuple[str, int], key: str = "k") -> None:
    """The next task, submitted by each of them with a preference as the page shows it."""
    with team.world.client() as client:
        for name, likert in people:
            worker = team.worker(client, name)
            body = {
                "lease_version": worker.take()["lease_version"],
                "answers": good_answers(likert),
            }
            told = worker.call("submit", client_key=key, active_ms=1000, **body)
            assert told.status_code == 200, told.text


def task_of(server: Server, team: AnnotationTeam, task_id: str) -> Any:
    """The task as the official client reads it."""
    client = ScaleClient(team.world.key())
    client.v2.api_client.configuration.host = server.url
    return client.v2.get_task(task_id=task_id)


def values(annotations: Any) -> dict[str, Any]:
    return {one.actual_instance.key: one.actual_instance.value for one in annotations}


def preference(task: Any) -> Any:
    return values(task.threads[0].turns[1].annotations)["likert_value"]


def test_a_reviewer_fixes_by_keyboard_and_the_official_client_reads_it(team, server, rae):
    first, second = team.add(count=2)
    judged(team, ("Ann", 2))
    judged(team, ("Ben", 2), key="other")
    rae.page.goto(server.url + "/review")

    rae.page.get_by_role("link", name="Eggs").press("Enter")
    rae.page.locator("table a").first.press("Enter")
    rae.ready()
    for _ in range(40):
        rae.page.keyboard.press("Tab")
        if rae.page.evaluate("document.activeElement.closest('[data-card]') !== null"):
            break
    for _ in range(20):
        if rae.page.evaluate(
            "document.activeElement.closest('[data-card]').matches(':has([data-key=likert_value])')"
        ):
            break
        rae.page.keyboard.press("ArrowDown")
    rae.page.keyboard.press("7")
    rae.page.wait_for_selector(f"{rae.card('likert_value')} [data-changed]:not([hidden])")
    rae.page.keyboard.press("e")
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/tasks/{second}")
    rae.ready()

    assert rae.page.inner_text("#notice p") == "The task is accepted and delivered."
    done = task_of(server, team, first)
    assert (done.status.value, preference(done)) == ("completed", 7)
    assert task_of(server, team, second).status.value == "pending"
    assert rae.seen.errors == rae.seen.violations == rae.seen.foreign == []


def test_a_reviewer_fixes_by_mouse_and_a_reload_loses_nothing(team, server, rae):
    [task_id] = team.add()
    judged(team, ("Ann", 2))
    rae.open(task_id)

    rae.page.click(f"{rae.card('overall', 1)} .fix summary")
    rae.pick("overall", "1", 1)
    rae.page.reload()
    rae.ready()
    kept = rae.page.inner_text("#progress")
    rae.page.click("#submit")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert kept == "1 fix"
    messages = task_of(server, team, task_id).threads[0].turns[1].messages[1:]
    graded = [values(message.annotations)["overall"] for message in messages]
    assert 1 in graded


def test_what_people_leave_undecided_must_be_decided(tenant, shared_server, open_context):
    team = AnnotationTeam(tenant, overlap=2)
    server = shared_server
    rae = Chair(open_context, server, team, "reviewer")
    [task_id] = team.add()
    with tenant.client() as client:
        for name, grade in (("Ann", 1), ("Ben", 3)):
            answers = good_answers(4)
            for one in answers:
                if one["key"] == "safety":
                    one["value"] = grade
                elif one["key"] == "overall":
                    one["value"] = 3
            worker = team.worker(client, name)
            lease_version = worker.take()["lease_version"]
            told = worker.call(
                "submit", lease_version=lease_version, answers=answers, client_key="k", active_ms=10
            )
            assert told.status_code == 200, told.text
    rae.open(task_id)

    states = rae.page.evaluate(
        "[...document.querySelectorAll('[data-card]')].map(one => one.dataset.state)"
    )
    rae.page.click("#submit")
    rae.page.wait_for_selector("[data-question].is-wrong")
    wrong = rae.page.locator("[data-question].is-wrong").count()
    rae.page.keyboard.press("n")
    for position in (1, 2):
        rae.pick("safety", "2", position)
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert states[:2] == ["unresolved", "unresolved"]
    assert "unresolved" not in states[2:]
    assert wrong == 2
    done = task_of(server, team, task_id)
    for message in done.threads[0].turns[1].messages[1:]:
        assert values(message.annotations)["safety"] == 2


def test_work_goes_back_to_its_author_who_reads_why_and_does_it_again(
    team, server, rae, open_context
):
    [task_id] = team.add()
    ann = AnnotatorTab(open_context, server, team, "Ann")
    ann.take()
    ann.fill()
    ann.submit()
    rae.open(task_id)

    rae.page.keyboard.press("r")
    rae.page.fill("#comment", "Response 1 is wrong about eggs.")
    rae.page.locator("#send-back button.main").press("Enter")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")
    said = rae.page.inner_text(".notice.good")
    ann.page.goto(server.url + team.path)
    on_queue = ann.page.inner_text(".returned blockquote")
    ann.page.click(".returned button")
    ann.ready()
    on_task = ann.page.inner_text("#returned .comment")
    before = ann.page.locator("[data-question] input:checked").count()
    ann.pick("overall", "1", 1)
    ann.saved()
    ann.submit()
    rae.open(task_id)

    assert said == "Sent back to Ann."
    assert on_queue == on_task == "Response 1 is wrong about eggs."
    assert before > 10
    assert task_of(server, team, task_id).status.value == "pending"
    rae.page.keyboard.press("h")
    assert "sent it back to Ann" in rae.page.inner_text("#history")


def test_what_was_delivered_is_corrected_and_read_again(team, server, rae):
    [task_id] = team.add()
    judged(team, ("Ann", 2))
    rae.open(task_id)
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")
    was = task_of(server, team, task_id)
    rae.page.click("text=Completed")
    rae.page.locator("table a").first.click()
    rae.ready()
    is_closed = rae.page.is_disabled("#submit")

    rae.page.click(f"{rae.card('likert_value')} .fix summary")
    rae.pick("likert_value", "1")
    rae.page.click("#submit")
    rae.page.wait_for_selector("#notice >> text=The corrections are delivered.")
    rae.ready()

    now = task_of(server, team, task_id)
    assert is_closed
    assert preference(now) == 1
    assert now.completed_at > was.completed_at
    rae.page.click("#open-history")
    assert "corrected what was delivered" in rae.page.inner_text("#history")


def test_a_decision_that_comes_too_late_says_so_and_keeps_the_fixes(
    team, server, rae, open_context
):
    [task_id] = team.add()
    judged(team, ("Ann", 2))
    other = Chair(open_context, server, team, "admin")
    rae.open(task_id)
    other.open(task_id)
    other.page.click("#submit")
    other.page.wait_for_url(f"**/review/{team.project.project_id}")

    rae.page.click(f"{rae.card('likert_value')} .fix summary")
    rae.pick("likert_value", "7")
    rae.page.click("#submit")
    rae.page.wait_for_selector("#notice.warn:not([hidden])")

    assert "not in review any more" in rae.page.inner_text("#notice p")
    assert rae.page.is_checked("[data-key=likert_value] input[value='7']")
    assert rae.page.is_enabled("#submit")


def test_a_manager_makes_gold_of_a_task_that_was_just_settled(team, server, open_context, rae):
    task_ids = team.add(count=3)
    for name in ("Ann", "Ben", "Cem"):
        judged(team, (name, 2))
    boss = Chair(open_context, server, team, "manager")
    boss.open(task_ids[0])
    waiting = boss.page.get_attribute("#use-as-gold", "href")
    boss.page.click("#submit")
    boss.page.wait_for_url(f"**/tasks/{task_ids[1]}")
    boss.page.click("#notice >> text=Use as gold")
    boss.page.wait_for_url(f"**/tasks/{task_ids[0]}/gold")
    boss.open(task_ids[0])
    path = boss.page.get_attribute("#use-as-gold", "href")
    rae.open(task_ids[1])
    hidden = rae.page.query_selector("#use-as-gold")
    rae.page.click("#submit")
    rae.page.wait_for_selector("#notice >> text=The task is accepted and delivered.")

    assert path == waiting
    assert hidden is None
    assert path is not None
    assert path.endswith(f"/tasks/{task_ids[0]}/gold")
    assert "Use as gold" not in rae.page.inner_text("body")


def test_the_content_of_a_reported_task_is_shown_when_it_is_asked_for(team, server, open_context):
    [task_id] = team.add()
    with team.world.client() as client:
        ann = team.worker(client)
        ann.call(
            "report",
            lease_version=ann.take()["lease_version"],
            reason="harmful",
            note="It is cruel.",
        )
    boss = Chair(open_context, server, team, "manager")
    boss.open(task_id)

    before = boss.page.is_visible(".asked")
    boss.page.click("#show-content")

    assert not before
    assert boss.page.is_visible(".asked")
    boss.page.click("text=Dismiss: back into the queue")
    boss.page.wait_for_selector(".notice.good")
    assert task_of(server, team, task_id).status.value == "pending"


@pytest.mark.slow
def test_axe_finds_nothing_on_the_pages_of_review(tenant, shared_server, open_context):
    """As they are when somebody works on them; as they are opened, they are scenes of the gallery.

    (`tests/browser/test_every_page.py` looks at the lists, and at a task that was reported.)
    """
    team = AnnotationTeam(tenant, overlap=2, guidelines="# Rules")
    server = shared_server
    first, _reported, untouched = team.add(count=3)
    judged(team, ("Ann", 2), ("Ben", 3))
    with team.world.client() as client:
        cem = team.worker(client, "Cem")
        cem.call(
            "report",
            lease_version=cem.take()["lease_version"],
            reason="harmful",
            note="It is cruel.",
        )
    rae = Chair(open_context, server, team, "admin")
    found: list[str] = []

    def look(what: str) -> None:
        # So high that nothing lies below the bar at its bottom, which would hide a part of it.
        rae.page.set_viewport_size({"width": 390, "height": 6000})
        found.extend(f"{what}: {fault}" for fault in faults_in_both_schemes(rae.page))
        for width in (1440, 1024, 390):
            rae.page.set_viewport_size({"width": width, "height": 800})
            if rae.page.evaluate(WIDER) > 0:
                found.append(f"{what}: wider than {width}")

    rae.page.goto(f"{server.url}/review/{team.project.project_id}?show=reported")
    look("reported")
    rae.open(first)
    for key, name in (("h", "history"), ("r", "send back"), ("?", "help"), ("g", "guidelines")):
        rae.page.keyboard.press("Escape")
        rae.page.focus("[data-card] summary")
        rae.page.keyboard.press(key)
        look(name)
        rae.page.keyboard.press("Escape")
    for summary in rae.page.locator(".fix summary").all():
        if not summary.evaluate("one => one.parentElement.open"):
            summary.click()
    look("all open")
    rae.open(untouched)
    look("untouched")

    assert found == []
