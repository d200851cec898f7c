"""Pages of people: a manager's of each person, and everybody's own, which tells of nobody else."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.quality.reporting import snapshots
from plaudit.core.quality.reporting.report import WholeQuality
from plaudit.model.quality_control import GoldSettings
from tests.support.databases.statement_counter import counting
from tests.support.gold.gold_project import GoldProject
from tests.support.harness import World, one_engine
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import add_person, signed_in
from tests.workspace.quality.test_quality_pages import compute

pytestmark = one_engine

HOSTILE = "\"><script>alert('q')</script>"
TOPIC = {
    "key": "topic",
    "title": f"Topic {HOSTILE}",
    "level": "thread",
    "type": "category",
    "possible_values": ["egg", "ham", HOSTILE],
}
FORM = {"fields": [TOPIC, {"key": "why", "level": "turn", "type": "text"}]}
TASKS = 12
STATEMENTS_MAX = 14


def topic(value):
    return [{"at": "t0", "key": "topic", "value": value}]


@pytest.fixture
def floor(world: World) -> LabelingProject:
    """Three people of hostile names of whom the third differs on half of the tasks; reviewed."""
    floor = LabelingProject(world, f"P {HOSTILE}", form=FORM, overlap=3, review="all")
    floor.ids = floor.create(TASKS)
    floor.people = [
        add_person(world, email=f"p{number}@example.com", name=f"Name{number} {HOSTILE}")
        for number in range(3)
    ]
    for number, who in enumerate(floor.people):
        for task in range(TASKS):
            differs = number == 2 and task % 2
            floor.submit(floor.take(who.user_id), topic(HOSTILE if differs else "egg"))
    floor.create(1)
    floor.do(task_notes.skip, floor.take(floor.people[2].user_id), reason="too hard")
    floor.accept(floor.ids[1], topic("ham"))
    floor.decide(
        review_decisions.send_back,
        floor.ids[0],
        "rev",
        floor.people[2].user_id,
        comment=f"Again {HOSTILE}",
    )
    return floor


@pytest.fixture
def mia(world: World):
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def quality_of(floor: LabelingProject, rest: str = "") -> str:
    return f"/projects/{floor.project.project_id}/quality{rest}"


def person_path(floor: LabelingProject, number: int, query: str = "") -> str:
    return quality_of(floor, f"/people/{floor.people[number].user_id}{query}")


def text_of(page) -> str:
    """Words of a page, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_a_person_has_a_page_of_figures_with_what_they_come_from(floor, mia):
    compute(mia, floor)
    page = mia.get(person_path(floor, 2))
    words = text_of(page)

    assert page.status_code == 200
    assert "Name2 " in words
    assert "no gold yet" in words
    assert "1 of 12 tasks skipped or done" in words
    assert "1 of 12 reviewed tasks" not in words
    assert "1 of 2 reviewed tasks" in words
    assert "Plot of the moving average, as in the table" in page.text
    assert "What is answered where something else is likely true" in words
    assert f'/tasks/{floor.ids[1]}"' in page.text
    assert "<script>alert" not in page.text
    assert ' style="' not in page.text


def test_the_list_leads_to_each_person_by_the_names_it_shows(floor, mia):
    compute(mia, floor)
    assert f'href="{person_path(floor, 2)}"' in mia.get(quality_of(floor, "/people")).text

    hidden = mia.get(quality_of(floor, "/people?names=pseudonyms")).text
    assert floor.people[2].user_id not in hidden
    found = re.findall(r'href="([^"]*/pseudonyms/\d)"', hidden)
    assert len(found) == 3
    for path in found:
        page = mia.get(path).text
        assert re.search(r"<h2[^>]*><bdi>Person \d</bdi>", page)
        assert not re.search(r"Name\d", page)
    assert mia.get(quality_of(floor, "/pseudonyms/4")).status_code == 404
    assert mia.get(quality_of(floor, "/pseudonyms/one")).status_code == 404


def test_a_project_may_show_managers_pseudonyms_alone(floor, mia):
    compute(mia, floor)
    floor.set(pseudonyms=True)
    for path in (
        quality_of(floor, "/people?names=names"),
        person_path(floor, 1, "?names=names"),
        quality_of(floor, "/question?question=thread:topic&names=names"),
    ):
        page = mia.get(path).text
        assert "This project shows pseudonyms." in page
        assert "Person 1" in page or "Person 2" in page
        assert not re.search(r"Name\d", page)


def test_whom_the_report_does_not_know_is_not_found(floor, mia):
    assert "Not computed yet" in mia.get(person_path(floor, 0)).text
    compute(mia, floor)

    assert mia.get(quality_of(floor, "/people/user_nobody")).status_code == 404
    assert mia.get(quality_of(floor, "/people?page=2")).status_code == 404


def test_the_pages_run_a_few_statements(world, floor, mia):
    compute(mia, floor)
    with signed_in(world, floor.people[2]) as browser:
        for client, path in (
            (mia, quality_of(floor, "/people")),
            (mia, person_path(floor, 2)),
            (browser, f"/work/{floor.project.project_id}/figures"),
            (browser, "/my-work"),
        ):
            client.get(path)
            with counting() as counter:
                assert client.get(path).status_code == 200

            assert len(counter) <= STATEMENTS_MAX, path


def test_people_see_their_own_work_and_nothing_of_others(world, floor, mia):
    own = f"/work/{floor.project.project_id}/figures"
    with signed_in(world, floor.people[2]) as browser:
        assert "when a manager has the quality" in text_of(browser.get(own))
        compute(mia, floor)
        page = browser.get(own)
        words = text_of(page)

        assert "As the majority of the others" in words
        assert "Plot of the moving average, as in the table" in page.text
        assert not re.search(r"Name[01]", page.text)
        for word in ("gold", "speeder", "straight-liner", "rank"):
            assert word not in words.casefold(), word
        assert "<script>alert" not in page.text
        assert browser.get(person_path(floor, 2)).status_code == 403
        assert browser.get(quality_of(floor, "/people")).status_code == 403


def test_people_read_what_reviewers_sent_back_and_changed(world, floor):
    own = f"/work/{floor.project.project_id}/figures"
    with signed_in(world, floor.people[2]) as browser:
        words = text_of(browser.get(own))
        assert "sent back, waits for you" in words
        assert "Again " in words
        assert "you said &#34;&gt;&lt;script&gt;" in words
        assert "the reviewer ham" in words
    with signed_in(world, floor.people[0]) as browser:
        words = text_of(browser.get(own))
        assert "you said egg , the reviewer ham" in words
        assert "sent back" not in words
        assert "Again " not in words


def test_my_work_lists_the_projects_that_somebody_worked_in(world, floor):
    LabelingProject(world, "Untouched")
    with signed_in(world, floor.people[2]) as browser:
        page = browser.get("/my-work")
        words = text_of(page)
        assert f'href="/work/{floor.project.project_id}/figures"' in page.text
        assert 'aria-current="page">My work' in page.text
        assert "Untouched" not in words
        assert re.search(r"11 1 1 My figures", words)
    with signed_in(world, add_person(world, email="new@example.com")) as browser:
        assert "Nothing yet" in text_of(browser.get("/my-work"))


def test_five_hundred_people_are_read_page_by_page(floor, mia, monkeypatch):
    """A page reads its own people, and takes as long as with few of them."""
    whole = snapshots.whole_report

    async def crowded(*args):
        found = await whole(*args)
        first = found.people[0]
        crowd = [replace(first, contributor_id=f"crowd {at}/é") for at in range(497)]
        return WholeQuality(found.report, [*crowd, *found.people], found.history)

    monkeypatch.setattr(snapshots, "whole_report", crowded)
    compute(mia, floor)
    assert "Page 10 of 10" in text_of(mia.get(quality_of(floor, "/people?page=10")))
    assert mia.get(quality_of(floor, "/people?page=11")).status_code == 404
    assert "Person 500" in mia.get(quality_of(floor, "/pseudonyms/500")).text
    assert mia.get(quality_of(floor, f"/people/{quote('crowd 7/é', safe='')}")).status_code == 200
    for path in ("/people?page=3", "/pseudonyms/250"):
        started = time.process_time()
        with counting() as counter:
            page = mia.get(quality_of(floor, path))

        assert time.process_time() - started < 0.3
        assert len(page.content) < 150_000
        assert len(counter) <= STATEMENTS_MAX


def test_gold_counts_among_ones_own_tasks_like_any_other(world):
    """Somebody who counts what they have done finds no gap by which to tell gold."""
    project = GoldProject(world, "Silent", gold=GoldSettings(rate=0.5))
    project.add_gold(6)
    project.create(12)
    ann = add_person(world, email="ann@example.com")
    leases = []
    for _ in range(12):
        leases.append(project.take(ann.user_id))
        project.submit(leases[-1])
    assert any(project.is_gold(lease) for lease in leases)

    with signed_in(world, ann) as browser:
        page = text_of(browser.get(f"/work/{project.project.project_id}/figures"))
        assert "tasks done 12 tasks skipped 0" in page
        assert "12 0 0 My figures" in text_of(browser.get("/my-work"))
        assert "gold" not in page.casefold()
