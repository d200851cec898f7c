"""What a manager who has read nothing does in a browser, with the clicks it takes from Home."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.api.transfer.action_job import CHANGING
from plaudit.core.managing import actions, talks
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.staffing import pools
from plaudit.core.transfer import jobs
from plaudit.model.core import Actor
from plaudit.model.managing import ActionKind, TalkSide
from plaudit.model.staffing import Requirement
from plaudit.store.transfer.jobs import JobKind
from tests.managing.managed_project import ManagedProject
from tests.support.harness import above_the_store
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.browser_client import add_person
from tests.support.pages.click_counter import ClickCounter

pytestmark = [above_the_store, pytest.mark.slow]


def open_project(mia: ClickCounter, project: ManagedProject) -> None:
    """Two clicks: Data, and the project."""
    mia.click("Data")
    mia.click(project.project.name, within="main")


def test_who_is_waiting_for_what_takes_three_clicks(project, mia):
    [_, asking] = project.say("For anybody", "For who knows Finnish")
    task = project.task(asking)
    project.write(
        lambda tx: pools.change_requirement(
            tx, task.project_key, task, Requirement(languages=("fi",))
        )
    )

    open_project(mia, project)
    mia.click("Why tasks wait", nth=0)

    assert mia.page.locator("tr", has_text="there is nobody:").inner_text().split()[-5:] == [
        "1", "Say", "who", "knows", "that"
    ]  # fmt: skip
    assert mia.clicks == 3
    assert faults_in_both_schemes(mia.page) == []


def test_when_it_will_be_finished_is_two_clicks_away(project, mia):
    open_project(mia, project)

    assert "When will it be finished?" in mia.page.inner_text("main")
    assert mia.page.inner_text("#forecast") == "No task is pending."
    assert mia.clicks == 2


def test_a_bulk_action_that_runs_is_cancelled_and_taken_back(project, mia):
    ids = project.say("one", "two", "three")
    seqs = [project.seq(one) for one in ids[:2]]
    environment_id = project.environment_id

    async def begin(tx: Any) -> Any:
        request = ActionRequest(kind=ActionKind.cancel)
        action = await actions.begin(tx, project.project, "boss", request)
        action = await actions.apply(tx, project.project, action, Actor("user", "boss"), seqs)
        about = {"project_id": project.project.project_id, "action_id": action.action_id}
        await jobs.start_job(tx, environment_id, "boss", JobKind.action, about, CHANGING)
        return action

    project.write(begin)
    open_project(mia, project)
    mia.click("Tasks", within="main nav >> nth=0")
    mia.click("Last actions")
    mia.click("Canceled", within="tbody")
    assert faults_in_both_schemes(mia.page) == []
    mia.click("Cancel", role="button")
    mia.page.wait_for_selector("text=It was cancelled before its end.")
    assert [project.status(one).value for one in ids] == ["canceled", "canceled", "pending"]
    mia.click("Undo", role="button")
    mia.page.wait_for_selector("text=2 tasks are again as they were.")

    assert {project.status(one).value for one in ids} == {"pending"}
    assert mia.clicks == 8  # one of them says yes to the browser


def test_the_project_of_last_month_is_cloned_with_five_clicks(project, mia):
    project.set(guidelines="Be kind.")

    open_project(mia, project)
    mia.click("Settings", within="main nav >> nth=0")
    mia.click("Clone")
    mia.type("Name", "August")
    mia.click("Clone the project", role="button")

    assert mia.page.inner_text("h1") == "August"
    assert "It has no tasks yet" in mia.page.inner_text("main")
    assert mia.clicks == 5


def test_bea_is_asked_about_a_task_and_sees_it(project, bea, mia, open_context, shared_server):
    project.say("How far is the moon?")
    lease = project.take(bea.user_id)

    open_project(mia, project)
    mia.click("Tasks", within="main nav >> nth=0")
    mia.click("How far is the moon?", within="tbody")
    mia.click("Write to Bea")
    mia.type("Your message", "Why **so** long?")
    mia.click("Send", role="button")
    assert mia.clicks == 6
    project.write(
        lambda tx: talks.write(
            tx, project.project, lease.assignment_id, TalkSide.person, bea.user_id, text="It is.",
            seen=1,
        )
    )  # fmt: skip

    mia.begin(f"{shared_server.url}/work")
    mia.click("1 unread talk in")
    mia.click("How far is the moon?", within="tbody")
    assert "It is." in mia.page.inner_text(".talk")
    assert mia.clicks == 2


def test_the_task_about_pizza_is_found_with_three_clicks(project, mia):
    project.say("pasta", "pizza with pineapple", "soup")
    project.read_words()

    open_project(mia, project)
    mia.click("Tasks", within="main nav >> nth=0")
    mia.type("Search in prompts and answers", "pizza")
    mia.page.keyboard.press("Enter")
    mia.page.wait_for_url("**q=pizza**")

    assert mia.page.locator("tbody tr").count() == 1
    assert "pizza with pineapple" in mia.page.inner_text("tbody")
    assert mia.clicks == 3


def test_who_disagrees_most_is_seen_once_quality_is_computed(project, bea, mia, tenant):
    names = ("Ann", "Cat")
    people = [
        add_person(tenant, name=name, email=f"{name}_{tenant.org()}@example.com").user_id
        for name in names
    ]
    project.say(*(f"prompt {number}" for number in range(6)))
    for _ in range(6):
        for user_id in (people[0], bea.user_id, people[1]):
            lease = project.take(user_id)
            value = 5 if user_id == people[1] else 1 + lease.seq % 2
            answers = project.answers(lease)
            for one in answers:
                one["value"] = value
            project.submit(lease, answers, key=lease.assignment_id)

    open_project(mia, project)
    mia.click("Compute quality", role="button")
    mia.page.wait_for_selector(".as-of")
    mia.click("People", within="main nav >> nth=1")

    assert mia.clicks == 4
    assert {"Ann", "Bea", "Cat"} <= set(mia.page.inner_text("tbody").split())


def test_bea_is_given_what_asks_for_spanish_with_four_clicks(project, bea, mia):
    mia.click("Settings")
    mia.click("Languages and tags")
    mia.type("E-mail address or user name", bea.email)
    mia.click("Show", role="button")
    mia.type("Languages (optional)", "es")
    mia.click("Save", role="button")

    assert "Saved." in mia.page.inner_text("main")
    assert mia.clicks == 4


def test_who_canceled_a_task_is_three_clicks_away(project, mia):
    [task_id] = project.say("Gone")
    project.act("cancel", [task_id])

    open_project(mia, project)
    mia.click("Who did what")

    assert "canceled tasks" in mia.page.inner_text("tbody")
    assert "Gone" in mia.page.inner_text("tbody")
    assert mia.clicks == 3
