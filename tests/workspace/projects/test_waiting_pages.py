"""Page of why tasks wait: each reason with its number and the link that mends it; the overview."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from plaudit import clock
from plaudit.core.labeling import task_notes
from plaudit.core.quality_control import pauses
from plaudit.core.staffing import pools
from plaudit.model.core import Actor, BatchStatus
from plaudit.model.quality_control import QualificationSettings
from plaudit.model.staffing import Requirement, TaskQuota
from plaudit.store.accounts import project_members
from tests.support.harness import World, both_engines
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, add_person, signed_in

pytestmark = both_engines


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world, review="all")


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def rows(text: str) -> dict[str, tuple[str, list[str]]]:
    """Words of each row's heading, with its number and the paths to which it leads."""
    found = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text, re.DOTALL)
    return {
        words(what): (
            words(re.search(r'class="number"[^>]*>(.*?)</td>', rest, re.DOTALL)[1]),
            re.findall(r'href="([^"]+)"', rest),
        )
        for what, rest in found
    }


def test_each_task_that_waits_is_counted_under_its_reason_with_what_mends_it(labeling, mia):
    ann, bea = (
        add_person(labeling.world, email=f"{name}@example.com", name=name).user_id
        for name in ("ann", "bea")
    )
    own = f"/projects/{labeling.project.project_id}"
    labeling.create(2, batch=labeling.batch("Later", BatchStatus.paused))
    labeling.batch("Empty", BatchStatus.paused)
    labeling.create(5)
    labeling.submit(labeling.take(ann))
    labeling.do(task_notes.report_sensitive, labeling.take(ann), kind="violence")
    lease = labeling.take(ann)
    for user_id in (ann, bea):
        skipped = labeling.take(user_id)
        labeling.do(task_notes.skip, skipped, reason="no")
    [asking] = labeling.create(1)
    task = labeling.task(asking)
    labeling.write(
        lambda tx: pools.change_requirement(
            tx, task.project_key, task, Requirement(languages=("fi",))
        )
    )

    shown = rows(mia.get(f"{own}/waiting").text)

    review = f"/review/{labeling.project.project_id}"
    assert shown["somebody who takes them"][0] == "3"
    assert shown["people who meet what they ask, and there is nobody: fi"] == ("1", ["/skills"])
    assert shown["somebody new: all who work here skipped them"] == ("1", [f"{own}/skipped"])
    assert shown["a reviewer"] == ("1", [review])
    assert shown["a decision: somebody reported what they say"][1] == [f"{review}?show=reported"]
    assert shown["their batch Later paused"] == ("2", [f"{own}/batches?status=paused"])
    assert shown["people who are working on them"][0] == "1"
    assert not any("Empty" in what for what in shown)
    assert lease.user_id == ann
    for _, links in shown.values():
        for link in links:
            assert mia.get(link).status_code == 200


def test_people_are_counted_by_the_first_thing_that_keeps_tasks_from_them(labeling, mia):
    labeling.create(9)
    people = {
        name: add_person(labeling.world, email=f"{name}@example.com", name=name).user_id
        for name in ("able", "paused", "used", "gone")
    }
    for user_id in people.values():
        labeling.submit(labeling.take(user_id))
    key = labeling.project.project_key
    actor = Actor("user", "boss")
    labeling.write(
        lambda tx: pauses.pause_by_hand(
            tx, labeling.project, people["paused"], reason="Rest.", actor=actor
        )
    )
    quota = TaskQuota(per_day=1)
    labeling.write(
        lambda tx: project_members.put_member(
            tx, key, people["used"], role_rank=1, quota=quota, now=clock.now_ms()
        )
    )
    for name in ("able", "paused"):
        labeling.write(
            lambda tx, name=name: project_members.put_member(
                tx, key, people[name], role_rank=1, quota=TaskQuota(), now=clock.now_ms()
            )
        )
    labeling.write(
        lambda tx: project_members.set_access(tx, key, is_members_only=True, quota=TaskQuota())
    )
    path = f"/projects/{labeling.project.project_id}"

    text = mia.get(f"{path}/waiting").text

    shown = rows(text)
    assert shown["nothing: they can take tasks"] == ("1", [])
    assert shown["they are paused"] == ("1", [f"{path}/rules"])
    assert shown["their quota of today is used up"] == ("1", [f"{path}/people"])
    assert shown["they were removed, or are no members"] == ("1", [f"{path}/people"])
    assert "1 person can take some" in text


def test_who_has_not_passed_the_test_is_counted_with_the_way_to_it(labeling, mia):
    labeling.create(2)
    who = add_person(labeling.world, email="new@example.com", name="new")
    labeling.take(who.user_id)
    labeling.set(qualification=QualificationSettings(test=3))
    path = f"/projects/{labeling.project.project_id}"

    text = mia.get(f"{path}/waiting").text

    assert rows(text)["they have not passed the test"] == ("1", [f"{path}/qualification"])
    assert "nobody who worked here can take any" in text


def test_a_project_without_tasks_or_people_says_what_comes_next(labeling, mia):
    text = mia.get(f"/projects/{labeling.project.project_id}/waiting").text

    assert "No task is pending" in text
    assert "Nobody has asked for a task yet" in text


def test_the_overview_forecasts_by_the_days_that_are_asked_for(labeling, mia):
    task_ids = labeling.create(40)
    day = 24 * 3600 * 1000
    now = clock.now_ms()

    async def complete(tx):
        for number, task_id in enumerate(task_ids[:30]):
            await tx.run(
                "UPDATE task SET status = :done, completed_ms = :at"
                " WHERE project_key = :key AND task_id = :task_id",
                {
                    "done": 1,
                    "at": now - (number % 6 + 1) * day,
                    "key": labeling.project.project_key,
                    "task_id": task_id,
                },
            )

    path = f"/projects/{labeling.project.project_id}"
    assert "That cannot be told yet" in mia.get(path).text
    labeling.write(complete)

    two_weeks, week = mia.get(path).text, mia.get(f"{path}?days=7").text

    assert "Pending: 10. Completed a day, on the last 14 days without today: 2.1." in words(
        two_weeks
    )
    assert "on the last 7 days without today: 4.3." in words(week)
    assert re.search(r"On \d{4}-\d\d-\d\d , as it looks", words(week))
    assert "Compute quality" in week
    assert mia.get(f"{path}?days=3").status_code == 400
