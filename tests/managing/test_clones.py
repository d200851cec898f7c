"""Clones of projects: what is taken along, what never is, and who sees them."""

from __future__ import annotations

import json

import pytest

from plaudit.core.managing import clones, saved_views
from plaudit.core.managing.clones import FIELDS, USUAL, ClonePart
from plaudit.errors import Conflict, InvalidContent, LimitReached
from plaudit.model.labeling import control_key
from plaudit.model.quality_control import GoldSettings
from plaudit.model.staffing import TaskQuota
from plaudit.store.accounts import project_members
from plaudit.store.managing import saved_views as views_store
from plaudit.wire.v2.resources import ProjectDetail, project_detail
from tests.support.gold.gold_project import GoldProject
from tests.support.labeling_project import FORM
from tests.support.pages.browser_client import Somebody, add_person, signed_in

QUOTA = TaskQuota(3, 50)


@pytest.fixture
def project(world):
    project = GoldProject(
        world,
        guidelines="Be kind.",
        review="all",
        overlap=2,
        template={"threads": []},
        gold=GoldSettings(rate=0.2),
    )
    project.add_gold(2, reason="So it is.")
    project.create(2)
    project.work_on("ann")
    key = project.project.project_key
    project.write(
        lambda tx: saved_views.save_view(tx, project.project, "boss", name="Mine", query="q=a")
    )
    project.write(
        lambda tx: project_members.put_member(tx, key, "team_1", role_rank=2, quota=QUOTA, now=1)
    )
    project.write(lambda tx: project_members.set_access(tx, key, is_members_only=True, quota=QUOTA))
    return project


def clone(project, *parts, name="Next"):
    return project.write(
        lambda tx: clones.clone_project(
            tx, project.project, name=name, parts={ClonePart(part) for part in parts}
        )
    )


def stored(project, table, key):
    async def read(tx):
        return await tx.all(f"SELECT * FROM {table} WHERE project_key = :key", {"key": key})

    return project.write(read)


def test_every_detail_of_a_project_belongs_to_one_part():
    fields = [name for names in FIELDS.values() for name in names]

    assert sorted(fields) == sorted(ProjectDetail.__struct_fields__)


def test_a_clone_has_all_that_is_set_and_no_task_answer_or_gold(project):
    made = clone(project, *USUAL)

    assert project_detail(made) == project_detail(project.project)
    assert made.name == "Next"
    key = made.project_key
    for table in ("task", "task_work", "submission", "assignment", "gold_task", "study_link"):
        assert stored(project, table, key) == []
    assert stored(project, "gold_task", control_key(key)) == []
    [member] = project.write(lambda tx: project_members.list_members(tx, key, after="", limit=9))
    assert (member.member_id, member.role_rank, member.quota) == ("team_1", 2, QUOTA)
    assert project.write(lambda tx: project_members.find_access(tx, key)) == (True, QUOTA)
    [view] = project.write(lambda tx: views_store.list_views(tx, key, limit=9))
    assert (view.name, view.query) == ("Mine", "q=a")


def test_a_clone_of_no_part_is_empty_and_as_closed_as_the_original(project):
    made = clone(project)

    assert project_detail(made) == ProjectDetail()
    access = project.write(lambda tx: project_members.find_access(tx, made.project_key))
    assert access == (True, TaskQuota())
    assert stored(project, "project_member", made.project_key) == []


def test_gold_is_copied_if_it_is_chosen_and_given_out_there_anew(project):
    made = clone(project, "questions", "quality", "gold")

    copied = object.__new__(GoldProject)
    copied.__dict__.update(project.__dict__, project=made)
    first, second = copied.gold()
    assert (first.excerpt, first.row.reason, first.answered) == ("A question?", "So it is.", 0)
    assert {first.row.task_id, second.row.task_id}.isdisjoint(
        {one.row.task_id for one in project.gold()}
    )
    assert not first.is_outdated
    assert project.violations() == {}


def test_what_cannot_be_cloned_is_refused_and_nothing_is_left(project, monkeypatch):
    with pytest.raises(InvalidContent):
        clone(project, "gold")
    with pytest.raises(Conflict):
        clone(project, "questions", name="Floor")
    monkeypatch.setattr(clones, "GOLD_MAX", 1)
    with pytest.raises(LimitReached):
        clone(project, "questions", "gold")
    assert clone(project, "questions").name == "Next"


def test_two_who_clone_under_one_name_get_one_clone(project, at_once):
    found = at_once(project, *(lambda own: clone(own, "questions") for _ in range(2)))

    assert sum(isinstance(one, Conflict) for one in found) == 1


def test_the_page_proposes_all_but_gold_and_leads_to_the_clone(project, world):
    who: Somebody = add_person(world, "manager")
    path = f"/projects/{project.project.project_id}/clone"
    with signed_in(world, who) as browser:
        page = browser.get(path).text
        assert page.count(" checked>") == len(USUAL)
        assert "Copy of Floor" in page
        assert "Only members see this project" in page
        taken = browser.post(path, {"name": "Floor", "part": ["questions"]})
        assert taken.status_code == 409
        assert taken.text.count(" checked>") == 1
        wrong = browser.post(path, {"name": "X", "part": ["everything"]})
        assert wrong.status_code == 400
        made = browser.post(path, {"name": "Next", "part": ["questions"]}, follow=True)
        assert "It has no tasks yet" in made.text
        assert "<bdi>Next</bdi>" in made.text
    with world.client() as client:
        entries = client.get("/manage/v1/audit").json()["entries"]
        body = {"name": "By program", "parts": ["questions", "gold"]}
        answer = client.post(f"/manage/v1{path}", json=body).json()
        again = client.post(f"/manage/v1{path}", json=body)
    [entry] = [one for one in entries if one["action"] == "clone_project_on_page"]
    assert entry["detail"] == {"from": project.project.project_id, "parts": ["questions"]}
    assert answer["form"]["fields"][0]["key"] == FORM["fields"][0]["key"]
    assert json.dumps(answer).count("Be kind") == 0
    assert again.status_code == 409
