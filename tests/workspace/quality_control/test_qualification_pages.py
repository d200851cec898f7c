"""Qualification on pages: a person trains, takes the test and works; a manager sets it up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from plaudit.model.quality_control import GoldSettings, QualificationSettings
from plaudit.store.tasks.projects import get_project
from plaudit.wire.v2.resources import project_detail
from tests.quality_control.test_qualification import TestedProject
from tests.support.annotators import state_of
from tests.support.gold.gold_project import RIGHT, WRONG
from tests.support.harness import World
from tests.support.pages.browser_client import Browser, Somebody, Tags, add_person, signed_in
from tests.support.pages.manager_pages import entries, invalid_fields
from tests.workspace.http.test_pages import HOSTILE

SETTINGS = QualificationSettings(training=1, test=2, pass_mark=1.0, attempts=2)


@pytest.fixture
def project(world: World) -> TestedProject:
    project = TestedProject(world, qualification=SETTINGS, gold=GoldSettings(rate=0))
    project.create(3)
    project.add_gold(6)
    project.add_gold(1, training=True, reason="Because *it* is short.")
    return project


@pytest.fixture
def ann(world: World) -> Somebody:
    return add_person(world, "annotator", name="Ann")


@pytest.fixture
def at_ann(world: World, ann: Somebody) -> Iterator[Browser]:
    with signed_in(world, ann) as browser:
        yield browser


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def queue(project: TestedProject) -> str:
    return f"/work/{project.project.project_id}"


def managed(project: TestedProject, *parts: str) -> str:
    return "/".join((f"/projects/{project.project.project_id}/qualification", *parts))


def answer(project: TestedProject, browser: Browser, user_id: str, value: int) -> Any:
    """Take the next task on the page and submit it there; what the page is told."""
    browser.get(queue(project))
    taken = browser.post(queue(project), {})
    path = taken.headers["location"]
    assert "/tasks/" in path, browser.get(path).text
    state = state_of(browser.get(path).text)
    lease = project.lease_of(user_id, state["assignment"])
    sent = browser.send(
        f"{path}/submit",
        {
            "lease_version": 1,
            "answers": project.prefer(lease, value),
            "client_key": "once",
            "active_ms": 10,
            "goes_on": False,
        },
    )
    assert sent.status_code == 200, sent.text
    return sent.json()


def test_a_person_trains_takes_the_test_and_works(project, ann, at_ann):
    assert "0 of 1 done" in at_ann.get(queue(project)).text
    after = answer(project, at_ann, ann.user_id, WRONG)

    feedback = at_ann.get(after["next"]).text
    assert "Because <em>it</em> is short." in feedback
    assert "not as expected" in feedback
    assert "0 of 2 done" in at_ann.get(queue(project)).text
    assert answer(project, at_ann, ann.user_id, RIGHT)["next"] is None
    text = at_ann.get(queue(project)).text
    assert "1 of 2 done" in text
    assert "3 tasks waiting" in text
    answer(project, at_ann, ann.user_id, RIGHT)
    assert "Take a task" in at_ann.get(queue(project)).text


def test_who_fails_reads_how_and_when_to_try_again_and_gets_no_task(project, ann, at_ann):
    for value in (RIGHT, WRONG, RIGHT):
        answer(project, at_ann, ann.user_id, value)

    text = at_ann.get(queue(project)).text
    refused = at_ann.post(queue(project), {})

    assert "1 of 2 tasks of the test were right; 100% are needed." in text
    assert "1 of 2 attempts are left" in text
    assert 'id="claim"' not in text
    assert refused.headers["location"] == queue(project)
    assert "again from" in at_ann.get(queue(project)).text


def test_a_manager_sets_the_test_and_sees_who_has_passed(project, ann, mia):
    project.answer(True, True, True, user_id=ann.user_id)
    fields = {"is_on": "on", "training": "0", "test": "4", "pass_percent": "62.5"}

    saved = mia.post(managed(project), fields | {"attempts": "2", "wait_hours": "1"})

    text = mia.get(saved.headers["location"]).text
    row = project.write(lambda tx: get_project(tx, project.project.project_key))
    assert project_detail(row).qualification == QualificationSettings(
        test=4, pass_mark=0.625, attempts=2, wait_hours=1
    )
    assert 'value="62.5"' in text
    assert "2 tests of 4 need 8" in text
    assert ">passed</span>" in text
    assert "2 of 2" in text
    again = mia.post(managed(project, "ask-again"), {})
    assert "earlier round" in mia.get(again.headers["location"]).text
    anew = mia.post(managed(project, "people", ann.user_id, "begin-anew"), {})
    assert "Nobody has begun" in mia.get(anew.headers["location"]).text
    assert mia.post(managed(project, "people", "user_x", "begin-anew"), {}).status_code == 404
    told = [entry.action for entry in entries(project.world)]
    assert told == ["ask_again_on_page", "save_qualification"]
    assert json.loads(entries(project.world)[0].detail)["settings"]["round"] == 2
    mia.post(managed(project), {})
    assert mia.post(managed(project, "ask-again"), {}).status_code == 409


@pytest.mark.parametrize(
    ("field", "value"), [("test", "0"), ("training", "51"), ("wait_hours", "x"), ("attempts", "")]
)
def test_settings_that_cannot_be_are_refused_and_kept_as_typed(project, mia, field, value):
    refused = mia.post(managed(project), {"is_on": "on", "test": "5", field: value})

    assert refused.status_code == 400
    assert f'value="{value}"' in refused.text
    assert "notice bad" in refused.text or invalid_fields(refused.text) == [field]


def test_names_of_people_are_text(world, project, mia):
    for number, name in enumerate(HOSTILE):
        person = add_person(world, "reviewer", name=name, email=f"rae{number}@example.com")
        project.answer(True, user_id=person.user_id)

    text = mia.get(managed(project)).text

    assert all(str(escape(name)) in text for name in HOSTILE)

    assert Tags(text).inline == []
    assert "<script>alert" not in text
