"""A walk through a rule: set up, crossed by failed gold, appealed, lifted, and a test passed."""

from __future__ import annotations

from typing import Any

from plaudit.model.quality_control import Collector, GoldSettings
from tests.quality_control.test_qualification import TestedProject
from tests.support.harness import on_shared_sqlite
from tests.support.pages.browser_client import add_person, seat
from tests.support.pages.chromium import Remote, Seen

pytestmark = on_shared_sqlite

GOOD = {"key": "good", "level": "thread", "type": "boolean", "required": True}
EXPECTED = {"at": "t0", "key": "good", "value": True}
GOLD_ROWS = "at,key,value,prompt,response_ada\n" + "".join(
    f"t0,good,true,What is {number} and {number}?,{2 * number}\n" for number in range(1, 5)
)


class Seat:
    """A signed-in person at a browser of their own."""

    def __init__(self, world: Any, server: Any, open_context: Any, role: str) -> None:
        self.who = add_person(world, role)
        self.url = server.url
        self.seen: Seen
        context, self.seen = open_context(server.url)
        seat(world, self.who, context, server.url)
        self.page: Remote = context.new_page()

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def answer(self, value: str) -> None:
        """Take the next task, answer its one question, and submit."""
        self.page.click("#claim")
        self.page.wait_for_selector("#task[data-ready]")
        self.page.click(f'[data-key="good"] label:has(input[value="{value}"])')
        was = self.page.url
        self.page.click("#submit")
        self.page.wait_for_function("was => location.href !== was", arg=was)
        self.page.wait_for_load_state()

    @property
    def faults(self) -> list[str]:
        return self.seen.errors + self.seen.violations + self.seen.foreign + self.seen.dialogs


def test_gold_is_failed_the_person_is_paused_answers_and_is_let_on(
    tenant, shared_server, open_context
):
    project = TestedProject(tenant, form={"fields": [GOOD]}, gold=GoldSettings(rate=0))
    project.create(4)
    rules = f"/projects/{project.project.project_id}/rules"
    gold = f"/projects/{project.project.project_id}/gold"
    queue = f"/work/{project.project.project_id}"
    mia = Seat(tenant, shared_server, open_context, "manager")
    ann = Seat(tenant, shared_server, open_context, "annotator")
    project.count(ann.who.user_id, Collector.gold, *[True] * 4, *[False] * 5)

    mia.go(gold)
    mia.page.fill("#rate", "50")
    mia.page.click("form[action$='/gold'] button[type=submit]")
    mia.page.wait_for_selector("text=The settings are saved.")
    mia.page.fill("#rows", GOLD_ROWS)
    mia.page.click("button:has-text('Add gold')")
    mia.page.wait_for_selector("text=4 gold tasks are added.")
    mia.go(rules)
    mia.page.select_option("#collector-0", "gold")
    mia.page.fill("#threshold-0", "70")
    mia.page.select_option("#action-0", "pause")
    mia.page.click("text=Save rules")
    mia.page.wait_for_selector("text=The rules are saved.")
    ann.go(queue)
    ann.answer("false")
    ann.page.wait_for_selector("text=You are paused in this project")
    why = "Of 10 tasks whose right answers are known, 4 were answered right (40 %)"
    assert why in ann.page.inner_text("main")
    ann.page.fill("#text", "I misread the question.")
    ann.page.click("text=Send to a manager")
    ann.page.wait_for_selector("text=A manager has not answered yet.")
    ann.go("/work")
    ann.page.click("text=Read why, and what you answered")
    ann.page.wait_for_selector("text=A manager has not answered yet.")

    mia.go(rules)
    assert why in mia.page.inner_text("main")
    assert "I misread the question." in mia.page.inner_text("main")
    mia.page.fill("#answer-1", "Welcome back.")
    mia.page.click("text=Lift the pause")
    mia.page.wait_for_selector("text=Nobody is paused in this project.")
    ann.go(queue)
    ann.answer("true")

    assert project.pause(ann.who.user_id) is None
    assert mia.faults + ann.faults == []


def test_a_test_is_set_up_and_passed(tenant, shared_server, open_context):
    project = TestedProject(tenant, form={"fields": [GOOD]}, gold=GoldSettings(rate=0))
    project.create(2)
    project.add_gold(4, expected=[EXPECTED])
    project.add_gold(1, expected=[EXPECTED], training=True, reason="It is *good*.")
    mia = Seat(tenant, shared_server, open_context, "manager")
    ann = Seat(tenant, shared_server, open_context, "annotator")

    mia.go(f"/projects/{project.project.project_id}/qualification")
    mia.page.check("#is_on")
    mia.page.fill("#training", "1")
    mia.page.fill("#test", "1")
    mia.page.click("main form button.main")
    mia.page.wait_for_selector("text=The test is saved.")
    ann.go(f"/work/{project.project.project_id}")
    assert "Training" in ann.page.inner_text("main")
    ann.answer("false")
    ann.page.wait_for_selector("text=How you answered")
    assert "It is good." in ann.page.inner_text("main")
    ann.go(f"/work/{project.project.project_id}")
    assert "0 of 1 done" in ann.page.inner_text("main")
    ann.answer("true")
    ann.go(f"/work/{project.project.project_id}")

    assert "You are working on" in ann.page.inner_text("main")  # the next task, an ordinary one
    mia.go(f"/projects/{project.project.project_id}/qualification")
    assert "passed" in mia.page.inner_text("main")
    assert mia.faults + ann.faults == []
