"""Lists of tasks and actions on many under /manage/v1."""

from __future__ import annotations

import pytest

from plaudit.core.managing import actions, undo
from tests.managing.managed_project import ManagedProject
from tests.support.databases.postgres_cluster import wait_until
from tests.support.harness import World

PATH = "/manage/v1/projects/{}"


@pytest.fixture
def project(sqlite_settings):
    world = World(sqlite_settings)
    world.org()
    world.keep_application()
    yield ManagedProject(world)
    world.close()


@pytest.fixture
def client(project):
    with project.world.client() as client:
        yield client


def test_tasks_are_found_by_words_with_all_that_managers_see(project, client):
    first, second, third = project.say("pizza one", "pizza two", "pasta")
    project.take("ann")
    project.read_words()
    path = f"{PATH.format(project.project.project_id)}/task_list"

    page = client.get(path, params={"q": "pizza", "limit": 1}).json()

    [task] = page["tasks"]
    assert (task["task_id"], task["excerpt"], task["needed"]) == (first, "pizza one", 1)
    assert task["people"] == [{"user_id": "ann", "status": "open"}]
    following = client.get(
        path, params={"q": "pizza", "limit": 1, "next_token": page["next_token"]}
    )
    assert [one["task_id"] for one in following.json()["tasks"]] == [second]
    newest = client.get(path, params={"order": "newest"}).json()["tasks"]
    assert [one["task_id"] for one in newest] == [third, second, first]
    assert client.get(path, params={"user_id": "ann"}).json()["tasks"] == [task]
    refused = client.get(path, params={"q": "piz*"})
    assert (refused.status_code, refused.json()["param"]) == (400, "q")
    other = client.get(path, params={"q": "pasta", "next_token": page["next_token"]})
    assert other.status_code == 400


def test_tasks_named_by_ids_are_changed_at_once_and_undone(project, client):
    first, second, third = project.say("a", "b", "c")
    path = f"{PATH.format(project.project.project_id)}/actions"
    project.act("cancel", [second])

    done = client.post(path, json={"action": "cancel", "task_ids": [first, second]}).json()

    assert (done["state"], done["changed"], done["skipped"]) == ("done", 1, {"it is canceled": 1})
    assert client.get(f"{path}/{done['id']}").json() == done
    assert client.get(path).json()["actions"][0] == done
    undone = client.post(f"{path}/{done['id']}/undo", json={}).json()
    assert (undone["state"], undone["restored"]) == ("undone", 1)
    assert project.status(first).value == "pending"
    assert client.post(f"{path}/{done['id']}/undo", json={}).status_code == 409
    wrong = client.post(path, json={"action": "cancel", "task_ids": [third, "no"]})
    assert (wrong.status_code, wrong.json()["pointer"]) == (400, "/task_ids/1")
    neither = client.post(path, json={"action": "cancel"})
    assert neither.status_code == 400


def test_all_that_match_are_changed_by_a_job_and_undone_by_one(project, client, monkeypatch):
    for module in (actions, undo):
        monkeypatch.setattr(module, "CHANGED_AT_ONCE_MAX", 2)
    ids = project.say(*["pizza"] * 5, "pasta")
    project.read_words()
    path = f"{PATH.format(project.project.project_id)}/actions"
    body = {"action": "priority", "priority": 7, "conditions": {"q": "pizza"}}

    begun = client.post(path, json=body, headers={"Idempotency-Key": "once"}).json()

    assert client.post(path, json=body, headers={"Idempotency-Key": "once"}).json() == begun
    action = f"{path}/{begun['id']}"
    wait_until(lambda: client.get(action).json()["state"] == "done", "the job has ended")
    assert client.get(action).json()["changed"] == 5
    assert [project.place(one).rank for one in ids] == [-7] * 5 + [0]
    assert client.post(f"{action}/undo", json={}).json()["state"] == "undoing"
    wait_until(lambda: client.get(action).json()["state"] == "undone", "the job has ended")
    assert client.get(action).json()["restored"] == 5
    assert [project.place(one).rank for one in ids] == [0] * 6
    audit = client.get("/manage/v1/audit", params={"object_id": ids[0]}).json()["entries"]
    assert [one["action"] for one in audit][:2] == ["undo_priority_many", "priority_many"]
