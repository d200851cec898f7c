"""A reviewer without a mouse: one person's answers after the other, and many after a sample."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.review.test_newcomer_review import ANN, BEA, say
from tests.browser.review.test_review import Chair, task_of
from tests.support.annotators import AnnotationTeam
from tests.support.harness import World, on_shared_sqlite
from tests.support.pages.keyboard_walk import KeyboardWalk

pytestmark = [on_shared_sqlite, pytest.mark.slow]


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return AnnotationTeam(tenant, overlap=2, review="all")


@pytest.fixture
def rae(team: AnnotationTeam, shared_server: Any, open_context: Any) -> Chair:
    return Chair(open_context, shared_server, team, "reviewer")


def test_many_are_accepted_after_a_sample_and_taken_back(team, shared_server, rae):
    task_ids = team.add(count=3)
    say(team, "Ann", ANN, count=3)
    say(team, "Bea", ANN, count=3)
    rae.page.goto(f"{shared_server.url}/review/{team.project.project_id}")
    keys = KeyboardWalk(rae.page)

    keys.tab_to("Accept all of these after a sample")
    keys.press("Enter")
    keys.tab_to("Tasks to look at")
    keys.type("1\n")
    keys.tab_to("Look at the next one")
    keys.follow()
    rae.ready()
    keys.follow("Control+Enter")
    rae.page.wait_for_selector("main:focus")
    keys.tab_to("Accept the other 2")
    keys.follow()
    rae.page.wait_for_selector("#accepted")
    is_kept = rae.page.evaluate("document.activeElement !== document.body")
    accepted = rae.page.inner_text("#accepted")
    keys.tab_to("Undo")
    keys.follow()
    rae.page.wait_for_function(
        "() => document.querySelector('[data-job]') === null &&"
        " document.querySelector('#accepted')?.textContent.includes('in review again')"
    )

    assert accepted == "2 other tasks were accepted."
    assert is_kept
    assert rae.page.evaluate("document.activeElement !== document.body")
    statuses = [task_of(shared_server, team, task_id).status.value for task_id in task_ids]
    assert sorted(statuses) == ["completed", "pending", "pending"]


def test_answers_are_read_person_by_person_and_one_persons_are_taken(team, rae):
    [task_id] = team.add()
    say(team, "Ann", ANN, overall=1)
    say(team, "Bea", BEA, overall=5)
    rae.open(task_id)
    keys = KeyboardWalk(rae.page)

    keys.tab_to("Question by question")
    keys.press("ArrowRight")
    keys.tab_to("Ann")
    keys.press("ArrowRight")
    shown = rae.page.locator(".voices [data-person]:visible dt").all_inner_texts()
    keys.press("f")
    taken = rae.page.locator("[data-take][aria-pressed=true]:visible").count()

    assert set(shown) == {"Bea"}
    assert taken > 0
    assert keys.focused() == "Bea"
