"""Why people differed, on the pages of quality: as of now, whenever the report was computed."""

from __future__ import annotations

import re

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason
from plaudit.model.labeling import DisagreementReason
from tests.support.harness import World, one_engine
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, add_person, ended, signed_in

pytestmark = one_engine

TOPIC = {
    "key": "topic",
    "level": "thread",
    "type": "category",
    "title": "Food <i>",
    "possible_values": ["egg", "ham"],
}


@pytest.fixture
def floor(world: World) -> LabelingProject:
    """A project in which two people differ on three tasks, all in review."""
    floor = LabelingProject(world, form={"fields": [TOPIC]}, overlap=2, review="all")
    floor.task_ids = floor.create(3)
    for user_id, value in (("ann", "egg"), ("bea", "ham")):
        for _ in range(3):
            lease = floor.take(user_id)
            floor.submit(lease, [{"at": "t0", "key": "topic", "value": value}])
    return floor


@pytest.fixture
def mia(world: World):
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def settle(floor: LabelingProject, number: int, why: DisagreementReason) -> None:
    """Have a reviewer settle a task, and say why people differed."""
    reason = GivenReason(question=0, key="topic", why=why)
    fix = {"at": "t0", "key": "topic", "value": "egg"}
    floor.decide(
        review_decisions.accept, floor.task_ids[number], "rev", fixes=[fix], reasons=[reason]
    )


def compute(browser: Browser, path: str) -> None:
    browser.post(path)
    for one in re.findall(r"quality/(job_\w+)/progress", browser.get(path).text):
        assert ended(browser, f"{path}/{one}/progress")["state"] == "done"


def counts(text: str) -> list[str]:
    """Numbers of the tables of reasons on a page, row by row."""
    [table] = re.findall(r"<table[^>]*>\s*<caption[^>]*>Settled questions.*?</table>", text, re.S)
    return re.findall(r'class="number">(\d+)<', table)


def test_the_quality_page_counts_them_by_question_before_there_is_a_report(floor, mia):
    path = f"/projects/{floor.project.project_id}/quality"
    assert "Why people differed" not in mia.get(path).text

    settle(floor, 0, DisagreementReason.guideline)

    text = mia.get(path).text
    assert "Not computed yet" in text
    assert counts(text) == ["1", "0", "0"]
    assert "Food &lt;i&gt;" in text


def test_what_is_said_after_the_report_is_counted_at_once_with_links_to_the_tasks(floor, mia):
    path = f"/projects/{floor.project.project_id}/quality"
    settle(floor, 0, DisagreementReason.guideline)
    compute(mia, path)
    settle(floor, 1, DisagreementReason.guideline)
    settle(floor, 2, DisagreementReason.error)

    text = mia.get(path).text

    assert counts(text) == ["2", "0", "1"]
    [link] = re.findall(r'href="([^"]*/question\?question=[^"]*#reasons)"', text)
    question = mia.get(link.removesuffix("#reasons")).text
    assert 'id="reasons"' in question
    assert counts(question) == ["2", "0", "1"]
    rows = question.split('id="reasons"')[1].split("</table>")[0].split("<tr>")[2:]
    for row, expected in zip(rows, ([1, 0], [], [2]), strict=True):
        assert re.findall(r'tasks/([^"]+)"', row) == [floor.task_ids[at] for at in expected]
    for linked in re.findall(r'href="(/review/[^"]+)"', text + question):
        assert mia.get(linked).status_code == 200
