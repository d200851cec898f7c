"""A project with pseudonyms names nobody on any page that shows how well people work."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from plaudit import app
from plaudit.model.quality_control import Collector, GoldSettings, QualificationSettings
from plaudit.workspace.projects import pseudonyms
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.quality_control.test_qualification import TestedProject
from tests.support.harness import World
from tests.support.pages.browser_client import Browser, add_person, ended, signed_in

NAME = "Zyxname"
PEOPLE = 3
NAMING = {
    "show_tasks", "show_managed_task", "show_flagged", "show_members", "show_task_actions",
    "show_project_history",
}  # fmt: skip
"""Pages of tasks, of access, and of who did what, which name people as ever."""


@pytest.fixture
def floor(world: World) -> TestedProject:
    """A project in which people took a test, were given gold, crossed a rule and are paused."""
    floor = TestedProject(
        world,
        qualification=QualificationSettings(test=2, pass_mark=0.5, attempts=2),
        gold=GoldSettings(rate=0),
        rules=[rule("gold", 0.7), rule("fast", 0.7, "note")],
        pseudonyms=True,
        overlap=PEOPLE,
    )
    floor.create(3)
    floor.add_gold(6)
    persons = [
        add_person(world, email=f"{NAME}{number}@example.com", name=f"{NAME} {number}")
        for number in range(PEOPLE)
    ]
    floor.people = [one.user_id for one in persons]
    for user_id in floor.people:
        floor.answer(True, True, True, user_id=user_id)
    ControlledProject.gold(floor, floor.people[0], 4, 10)
    with signed_in(world, persons[0]) as browser:
        browser.post(f"/work/{floor.project.project_id}/appeal", {"text": "I was ill."})
    floor.count(floor.people[1], Collector.fast, *[False] * 12)
    assert floor.pause(floor.people[0]) is not None
    return floor


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager", name="Mia")) as browser:
        yield browser


def managed(floor: TestedProject, rest: str = "") -> str:
    return f"/projects/{floor.project.project_id}{rest}"


def compute(browser: Browser, path: str) -> None:
    browser.post(path)
    for one in re.findall(r"quality/(job_\w+)/progress", browser.get(path).text):
        assert ended(browser, f"{path}/{one}/progress")["state"] == "done"


def paths_of(floor: TestedProject, browser: Browser) -> dict[str, set[str]]:
    """Pages of the project by id: those of its own, and those that their links lead to."""
    pages = [
        one
        for one in app.all_pages()
        if one.method == "GET" and one.path.startswith("/projects/{project_id}") and one.template
    ]
    found: dict[str, set[str]] = {one.page_id: set() for one in pages}
    todo = {
        one.path.replace("{project_id}", floor.project.project_id)
        for one in pages
        if re.findall(r"{(\w+)}", one.path) == ["project_id"]
    }
    seen: set[str] = set()
    while todo - seen:
        path = min(todo - seen)
        seen.add(path)
        for page in pages:
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(page.path))
            if re.fullmatch(pattern, path.partition("?")[0]):
                found[page.page_id].add(path)
                links = re.findall(r'href="(/projects/[^"#]+)', browser.get(path).text)
                own = {one.replace("&amp;", "&") for one in links}
                todo |= {one for one in own if one.startswith(managed(floor))}
    return found


def named(text: str) -> list[str]:
    return re.findall(rf"{NAME}.{{20}}", text, re.I)


def test_no_page_about_how_people_work_names_one(floor, mia):
    compute(mia, managed(floor, "/quality"))
    found = paths_of(floor, mia)
    looked_at = {one for one, paths in found.items() if paths}
    assert {
        *("show_quality_people", "show_quality_pseudonym", "show_quality_question", "show_rules"),
        *("show_qualification", "show_gold", "show_one_gold", "show_waiting", "show_talks"),
        *NAMING,
    } <= looked_at

    wrong = {
        page_id: {path: told for path in paths if (told := named(mia.get(path).text))}
        for page_id, paths in found.items()
    }

    assert {one: told for one, told in wrong.items() if told and one not in NAMING} == {}
    assert wrong["show_managed_task"]


def test_a_person_has_the_same_number_on_all_pages_and_letters_before_there_is_one(floor, mia):
    numbers = {one: f"Person {at}" for at, one in enumerate(sorted(floor.people), 1)}
    paused = numbers[floor.people[0]]
    rules = mia.get(managed(floor, "/rules")).text
    [before] = re.findall(r"<h3><bdi>(Person [A-Z]{6})</bdi>", rules)
    assert before in mia.get(managed(floor, "/waiting")).text

    compute(mia, managed(floor, "/quality"))

    assert f"<h3><bdi>{paused}</bdi>" in mia.get(managed(floor, "/rules")).text
    assert f"<bdi>{paused}</bdi>" in mia.get(managed(floor, "/waiting")).text
    for rest in ("/qualification", "/gold"):
        listed = re.findall(r"<bdi>(Person [^<]+)</bdi>", mia.get(managed(floor, rest)).text)
        assert sorted(listed) == sorted(numbers.values())
    floor.set(pseudonyms=None)
    assert f"{NAME} 0" in mia.get(managed(floor, "/rules")).text


def test_the_history_names_nobody_for_a_pause_or_a_test(floor, mia):
    text = mia.get(managed(floor, "/history?kind=quality")).text
    text += mia.get(managed(floor, "/history?kind=people")).text

    assert "answered a pause" in text
    assert "passed the test" in text
    assert named(text) == []


def test_persons_are_listed_by_their_number():
    names = {"a": "Person 10", "b": "person 9", "c": "Ann"}

    assert pseudonyms.by_name(names) == ["c", "b", "a"]
