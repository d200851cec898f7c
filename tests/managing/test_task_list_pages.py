"""The managers' list of tasks in a browser: search, views, and actions on many with their undo."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from plaudit.core.managing import actions, undo
from plaudit.core.staffing.requirements import PEOPLE_MAX
from tests.managing.managed_project import ManagedProject
from tests.support.databases.postgres_cluster import wait_until
from tests.support.harness import World
from tests.support.pages.browser_client import add_person, signed_in


@pytest.fixture
def project(sqlite_settings):
    world = World(sqlite_settings)
    world.org()
    world.keep_application()
    yield ManagedProject(world)
    world.close()


@pytest.fixture
def manager(project):
    return add_person(project.world, "manager", name="Boss")


@pytest.fixture
def browser(project, manager):
    with signed_in(project.world, manager) as browser:
        yield browser


def listed(browser, project, **query):
    page = browser.get(f"/projects/{project.project.project_id}/tasks?{urlencode(query, True)}")
    assert page.status_code == 200, page.text
    return re.findall(r'name="task" value="([^"]+)"', page.text)


def act(browser, project, **fields):
    path = f"/projects/{project.project.project_id}/actions"
    answer = browser.post(path, fields, follow=True)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_task_about_pizza_is_found_and_a_page_says_what_is_not_searched_yet(project, browser):
    pizza, pasta = project.say("The best pizza?", "The best pasta?")

    assert listed(browser, project, q="pizza") == []
    assert "2 tasks were not searched yet" in browser.page.text
    project.read_words()
    assert listed(browser, project, q="pizza") == [pizza]
    assert listed(browser, project, q=pasta) == [pasta]
    assert listed(browser, project, q="best", order="newest") == [pasta, pizza]
    assert listed(browser, project, q="piz*") == []
    assert "at least 4 letters" in browser.page.text


def test_a_list_says_who_has_a_task_how_much_they_disagree_and_what_is_chosen(project, browser):
    ann = add_person(project.world, "annotator", name="Ann")
    mine, _ = project.say("a", "b")
    project.take(ann.user_id)

    assert listed(browser, project, person=ann.email) == [mine]
    assert "Ann" in browser.page.text
    assert listed(browser, project, person=ann.user_id, columns=["people", "priority"]) == [mine]
    heads = re.findall(r'<th scope="col">([^<]+)</th>', browser.page.text)
    assert heads == ["Task", "People", "Priority"]
    for wrong in ({"person": "nobody@x.com"}, {"only": "x"}, {"order": "x"}, {"status": "x"}):
        assert listed(browser, project, **wrong) == []
        assert f'id="{next(iter(wrong))}-wrong"' in browser.page.text


def test_chosen_tasks_are_canceled_and_taken_back(project, browser):
    first, second, third = project.say("a", "b", "c")
    project.act("cancel", [second])

    done = act(browser, project, action="cancel", task=[first, second])

    assert "1 task was changed." in done.text
    assert "1 task: it is canceled" in done.text
    undone = browser.post(f"{done.url.path}/undo", {}, follow=True)
    assert "1 task is again as it was." in undone.text
    assert [project.status(one).value for one in (first, second, third)] == [
        "pending", "canceled", "pending"
    ]  # fmt: skip
    history = browser.get(f"/projects/{project.project.project_id}/actions").text
    assert ("undone" in history, "Boss" in history) == (True, True)
    again = browser.post(f"{done.url.path}/undo", {}, follow=True)
    assert again.status_code == 409


def test_all_tasks_of_a_list_are_changed_by_a_job_with_progress(project, browser, monkeypatch):
    for module in (actions, undo):
        monkeypatch.setattr(module, "CHANGED_AT_ONCE_MAX", 2)
    ids = project.say(*["pizza"] * 3, "pasta")
    project.read_words()
    query = urlencode({"q": "pizza", "order": "newest"})

    begun = act(browser, project, action="priority", priority="4", scope="all", listing=query)
    path = begun.url.path
    wait_until(
        lambda: browser.get(f"{path}/progress").json()["state"] == "done", "the job has ended"
    )

    assert [project.place(one).rank for one in ids] == [-4, -4, -4, 0]
    assert "Priority set: 4" in browser.get(path).text
    browser.post(f"{path}/undo", {})
    wait_until(
        lambda: browser.get(f"{path}/progress").json()["state"] == "undone", "the job has ended"
    )
    assert [project.place(one).rank for one in ids] == [0] * 4


def test_all_of_a_list_that_names_a_task_is_that_task_and_none_that_says_its_name(project, browser):
    """The list of a task's id has one task, and so has an action on all of it."""
    [named] = project.say("a")
    [mentions] = project.say(f"Compare with {named}")
    project.read_words()
    assert listed(browser, project, q=named) == [named]

    listing = urlencode({"q": named})
    done = act(browser, project, action="cancel", scope="all", listing=listing)

    assert "1 task was changed." in done.text
    assert [project.status(one).value for one in (named, mentions)] == ["canceled", "pending"]


def test_more_people_than_a_task_can_name_are_refused_before_they_are_looked_for(project, browser):
    [task] = project.say("a")
    path = f"/projects/{project.project.project_id}/actions"
    people = " ".join(f"nobody{number}" for number in range(PEOPLE_MAX + 1))

    refused = browser.post(path, {"action": "assign", "task": task, "people": people})

    assert refused.status_code == 400
    assert f"ame at most {PEOPLE_MAX} people" in refused.text


def test_tasks_are_given_to_people_by_their_addresses(project, browser):
    ann = add_person(project.world, "annotator", name="Ann")
    [task_id] = project.say("a")

    done = act(browser, project, action="assign", people=ann.email, task=[task_id])

    assert "Given to people: <bdi>Ann</bdi>" in done.text
    assert project.lease_next("other") is None
    assert project.take(ann.user_id).seq == project.seq(task_id)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "cancel"}, "Choose tasks first"),
        ({"action": "burn"}, "Choose what to do"),
        ({"action": "priority", "priority": "much"}, "A priority is a whole number"),
        ({"action": "batch", "batch": "none"}, "The project has no such batch"),
        ({"action": "assign", "people": "x@y.com"}, "There is nobody with this e-mail address"),
    ],
)
def test_what_cannot_be_done_is_said_on_the_list(project, browser, fields, words):
    [task_id] = project.say("a")
    chosen = {} if fields == {"action": "cancel"} else {"task": [task_id]}

    refused = browser.post(
        f"/projects/{project.project.project_id}/actions", fields | chosen, follow=True
    )

    assert refused.status_code == 400
    assert words in refused.text


def test_a_list_is_saved_under_a_name_shown_to_managers_and_deleted(project, browser):
    project.say("a")
    path = f"/projects/{project.project.project_id}"
    query = "q=pizza&order=newest"

    browser.post(f"{path}/views", {"name": "Pizza", "listing": query}, follow=True)
    browser.post(f"{path}/views", {"name": "Pizza ", "listing": query}, follow=True)
    page = browser.get(f"{path}/tasks").text

    assert page.count("/tasks?q=pizza&amp;order=newest") == 1
    shown = browser.get(f"{path}/tasks?{query}").text
    [view_id] = re.findall(r"/views/(view_[^/]+)/delete", shown)
    browser.post(f"{path}/views/{view_id}/delete", {}, follow=True)
    assert "Saved lists" not in browser.get(f"{path}/tasks").text
    assert browser.post(f"{path}/views/{view_id}/delete", {}, follow=True).status_code == 404
    assert browser.post(f"{path}/views", {"name": "x" * 61, "listing": query}).status_code == 400


def test_the_palette_finds_tasks_by_their_words_for_managers_alone(project, browser):
    [task_id] = project.say("Where is the best pizza?")
    project.read_words()

    found = browser.get("/find?q=best+pizz").json()["found"]
    path = f"/projects/{project.project.project_id}/tasks/{task_id}"

    assert found == [{"kind": "Task", "name": "Where is the best pizza?", "path": path}]
    inside = browser.get(f"/find?q=pizza&project={project.project.project_id}").json()["found"]
    assert inside == found
    assert browser.get("/find?q=pizza&project=other").json()["found"] == []
    with signed_in(project.world, add_person(project.world, "annotator")) as other:
        assert other.get("/find?q=pizza").json()["found"] == []
