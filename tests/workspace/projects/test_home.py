"""Home: the next task, what was sent back, what was done of late, and where there is work."""

from __future__ import annotations

import re

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.quality_control import pauses
from plaudit.model.core import Actor
from tests.support.harness import both_engines
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import add_person, signed_in


@pytest.fixture
def ann(world):
    """An annotator, and the browser that they signed in with."""
    person = add_person(world, "annotator")
    with signed_in(world, person) as browser:
        yield person, browser


def told(browser):
    """The home page as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get("/work").text.split("<main")[1]).split())


def button(browser):
    """Path that the button for the next task leads to, None without one."""
    [main] = re.findall(r"<main.*</main>", browser.get("/work").text, re.S)
    found = re.search(r'<form method="post" action="([^"]+)">.*?id="next"', main, re.S)
    link = re.search(r'id="next" href="([^"]+)"', main)
    return (found or link)[1] if found or link else None


def test_a_task_that_is_held_is_the_next_one_with_the_beginning_of_its_prompt(world, ann):
    person, browser = ann
    floor = LabelingProject(world)
    floor.create(2)
    world.project("Newer")
    lease = floor.take(person.user_id)

    words = told(browser)

    assert button(browser).endswith(f"/tasks/{lease.assignment_id}")
    assert browser.get(button(browser)).status_code == 200
    assert "Go on with this task" in words


def test_the_queue_worked_in_last_comes_before_newer_ones(world, ann):
    person, browser = ann
    older, newer = LabelingProject(world, "Older"), LabelingProject(world, "Newer")
    older.create(2)
    newer.create(2)
    assert button(browser) == f"/work/{newer.project.project_id}"

    older.work_on(person.user_id)

    assert button(browser) == f"/work/{older.project.project_id}"
    taken = browser.post(button(browser), follow=False)
    assert f"/work/{older.project.project_id}/tasks/" in taken.headers["location"]


@both_engines
def test_what_was_done_in_a_day_is_counted_once_each(world, ann):
    person, browser = ann
    floor = LabelingProject(world)
    floor.create(3)
    assert "In the last 24 hours" not in told(browser)

    floor.work_on(person.user_id)
    floor.work_on(person.user_id)
    floor.work_on("somebody else")

    assert "In the last 24 hours: 2 tasks" in told(browser)


@both_engines
def test_tasks_that_were_sent_back_are_named_with_their_project(world, ann):
    person, browser = ann
    floor = LabelingProject(world, review="all")
    [task_id] = floor.create()
    floor.work_on(person.user_id)
    floor.decide(review_decisions.send_back, task_id, "rev", person.user_id, comment="Look again.")

    assert "Sent back to you 1 task in Floor" in told(browser)


def test_projects_without_open_tasks_stand_apart(world, ann):
    _, browser = ann
    LabelingProject(world, "Busy").create()
    world.project("Idle")

    words = told(browser)

    assert words.index("Busy") < words.index("1 project without open tasks") < words.index("Idle")


def test_where_nothing_waits_the_page_says_so(world, ann):
    _, browser = ann
    assert "There is no project yet" in told(browser)

    world.project("Idle")

    assert "Nothing waits for you" in told(browser)
    assert button(browser) is None


def test_a_project_in_which_one_is_paused_is_marked_and_not_the_next_one(world, ann):
    person, browser = ann
    other, own = LabelingProject(world, "Other"), LabelingProject(world, "Own")
    other.create(2)
    own.create(2)
    own.write(
        lambda tx: pauses.pause_by_hand(
            tx, own.project, person.user_id, reason="Rest.", actor=Actor("user", "boss")
        )
    )

    words = told(browser)

    assert "Own you are paused" in words
    assert "You are paused In Own you get no task until a manager lifts the pause." in words
    assert "Read why, and answer : Own" in words
    assert "Other you are paused" not in words
    assert button(browser) == f"/work/{other.project.project_id}"


def test_home_leads_to_the_reason_of_a_pause_and_says_how_the_appeal_stands(world, ann):
    person, browser = ann
    own = LabelingProject(world, "Own")
    own.create(2)
    actor = Actor("user", "boss")
    pause = own.write(
        lambda tx: pauses.pause_by_hand(
            tx, own.project, person.user_id, reason="Rest.", actor=actor
        )
    )
    [link] = re.findall(r'href="([^"]+)#pause-title"', browser.get("/work").text)

    assert "Rest." in browser.get(link).text
    assert 'id="pause-title"' in browser.get(link).text
    browser.post(f"{link}/appeal", {"text": "I slept."})
    assert "Read why, and what you answered" in told(browser)
    own.write(lambda tx: pauses.uphold(tx, own.project, pause.pause_id, answer="No.", actor=actor))
    assert "Read what a manager answered" in told(browser)
    own.write(lambda tx: pauses.lift(tx, own.project, pause.pause_id, answer=None, actor=actor))
    assert "You are paused" not in told(browser)


def test_what_reviewers_said_of_late_stands_on_home_with_the_task_s_prompt(world, ann):
    person, browser = ann
    floor = LabelingProject(world, review="all")
    [task_id] = floor.create()
    floor.create()
    floor.work_on(person.user_id)
    floor.work_on(person.user_id)
    floor.decide(
        review_decisions.send_back, task_id, "rev", person.user_id, comment="Look at the dates."
    )

    words = told(browser)

    assert "What reviewers said" in words
    assert "A question? sent back, waits for you" in words
    assert "Look at the dates." in words
