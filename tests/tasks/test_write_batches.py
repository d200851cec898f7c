"""Batches over HTTP: creation, the table of moves, metadata, and what ends with a batch."""

from __future__ import annotations

import itertools

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.harness import walk
from tests.support.running.every_case import every_case

PROJECT = {"project_name": "My Test Project"}
ALLOWED = {
    ("staging", "finalize"): "in_progress",
    ("staging", "cancel"): "cancelled",
    ("in_progress", "pause"): "paused",
    ("in_progress", "cancel"): "cancelled",
    ("paused", "resume"): "in_progress",
    ("paused", "cancel"): "cancelled",
}
STATUSES = ("staging", "in_progress", "paused", "completed", "cancelled")
ACTIONS = ("finalize", "pause", "resume", "cancel")
NUMBERS = itertools.count()


@pytest.fixture
def project(world):
    return world.project()


def complete(world, task_id: str) -> None:
    environment_id = world.org()

    async def work(tx):
        task = await tasks.find_task(tx, environment_id, task_id)
        await lifecycle.complete_task(tx, environment_id, task, [make_thread()])

    world.run(world.db.write(work))


def post(client, path: str, **body):
    return client.post(path, json=body)


def batch_in(world, client, status: str) -> str:
    """A batch in the status named, with one task that has not ended unless it is completed."""
    name = f"In {status}, {next(NUMBERS)}"
    made = post(client, "/v2/batch", name=name, staging_batch=status == "staging", **PROJECT)
    task = post(client, "/v2/task/chat", batch_name=name, **PROJECT)
    assert (made.status_code, task.status_code) == (200, 200)
    if status == "completed":
        complete(world, task.json()["task_id"])
    elif status in ("paused", "cancelled"):
        action = {"paused": "pause", "cancelled": "cancel"}[status]
        assert post(client, f"/v2/batch/{action}", batch_name=name).status_code == 200
    return name


@every_case("status, action", itertools.product(STATUSES, ACTIONS))
def test_a_batch_moves_as_the_table_says_and_no_other_way(world, client, project, status, action):
    name = batch_in(world, client, status)

    answer = post(client, f"/v2/batch/{action}", batch_name=name)

    now = client.get("/v2/batch", params={"batch_name": name}).json()["status"]
    if (status, action) in ALLOWED:
        assert answer.status_code == 200
        bare = answer.json() if action == "finalize" else answer.json()["batch"]
        assert bare["status"] == now == ALLOWED[status, action]
        assert ("message" in answer.json()) == (action != "finalize")
    else:
        assert answer.status_code == 400
        assert answer.json()["code"] == "illegal_move"
        assert status in answer.json()["error"]
        assert now == status


def test_what_is_asked_of_a_new_batch_is_what_it_has(client, project):
    made = post(
        client, "/v2/batch", name="Nächste", metadata={"a": [1]}, staging_batch=True, **PROJECT
    )

    assert made.status_code == 200
    assert made.json() == client.get("/v2/batch", params={"batch_name": "Nächste"}).json()
    shown = made.json()
    assert shown["project"] == project.project_id
    assert shown["status"] == "staging"
    assert shown["metadata"] == {"a": [1]}
    assert "completed_at" not in shown
    assert "callback" not in shown


@pytest.mark.parametrize("spelling", ["id", "name"])
def test_the_older_word_for_the_project_is_understood(client, project, spelling):
    value = project.project_id if spelling == "id" else project.name

    made = post(client, "/v2/batch", name="Old", project=value)

    assert made.json()["project"] == project.project_id


BAD_BATCHES = {
    "no name": ({"project_name": "My Test Project"}, 400),
    "an empty name": ({"name": "", "project_name": "My Test Project"}, 400),
    "an invisible name": ({"name": "\u200b", "project_name": "My Test Project"}, 400),
    "a long name": ({"name": "x" * 256, "project_name": "My Test Project"}, 400),
    "a control character": ({"name": "a\nb", "project_name": "My Test Project"}, 400),
    "no project": ({"name": "x"}, 400),
    "an unknown project": ({"name": "x", "project_id": "none"}, 404),
    "an unknown old project": ({"name": "x", "project": "none"}, 404),
    "two projects": ({"name": "x", "project_name": "My Test Project", "project_id": "?"}, 404),
    "metadata that is a list": ({"name": "x", "project": "My Test Project", "metadata": []}, 400),
    "a name that is a number": ({"name": 1, "project": "My Test Project"}, 400),
}


@every_case("body, status", BAD_BATCHES.values())
def test_a_batch_that_cannot_be_is_refused_and_nothing_is_made(client, project, body, status):
    answer = client.post("/v2/batch", json=body)

    assert answer.status_code == status, answer.text
    assert client.get("/v2/batches").json()["batches"] == []


def test_a_batch_s_name_is_new_in_the_whole_organization_and_free_in_others(world, client, project):
    world.project("Another")
    world.project(org="Stranger")
    assert post(client, "/v2/batch", name="Caf\u00e9", **PROJECT).status_code == 200

    again = post(client, "/v2/batch", name=" Cafe\u0301 ", project_name="Another")
    with world.client(world.key("Stranger")) as stranger:
        theirs = post(stranger, "/v2/batch", name="Caf\u00e9", **PROJECT)

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert theirs.status_code == 200


def test_a_name_that_an_import_brought_is_taken(world, client, project):
    rows = [{"kind": "batch", "value": {"id": "b", "name": "Taken", "project": project.project_id}}]
    world.load(rows, "archive")

    assert post(client, "/v2/batch", name="Taken", **PROJECT).status_code == 409


def test_a_cancelled_batch_takes_every_pending_task_along_and_no_other(world, client, project):
    """More tasks than are canceled in one go."""
    assert post(client, "/v2/batch", name="Big", **PROJECT).status_code == 200
    environment_id = world.org()

    async def fill(tx):
        from_batch = await lifecycle.batches.list_batches_by_name(tx, environment_id, "Big", None)
        for number in range(620):
            await lifecycle.create_task(tx, project, batch=from_batch[0], metadata={"n": number})

    world.run(world.db.write(fill))
    done = walk(client, batch_name="Big", limit=100)[300]["task_id"]
    complete(world, done)

    answer = post(client, "/v2/batch/cancel", batch_name="Big")

    found = walk(client, batch_name="Big")
    assert answer.json()["batch"]["status"] == "cancelled"
    assert [one["status"] for one in found].count("canceled") == 619
    assert [one["task_id"] for one in found if one["status"] == "completed"] == [done]
    assert [one["metadata"]["n"] for one in found] == list(range(620))


def test_a_batch_whose_tasks_are_done_is_completed_when_it_goes_to_work(world, client, project):
    for status, action in (("staging", "finalize"), ("paused", "resume")):
        name = batch_in(world, client, status)
        complete(world, walk(client, batch_name=name)[0]["task_id"])
        assert client.get("/v2/batch", params={"batch_name": name}).json()["status"] == status

        answer = post(client, f"/v2/batch/{action}", batch_name=name).json()

        shown = answer if action == "finalize" else answer["batch"]
        assert shown["status"] == "completed"
        assert "completed_at" in shown


def test_metadata_is_named_in_the_body_or_in_the_query(client, project):
    post(client, "/v2/batch", name="First", metadata={"a": 1}, **PROJECT)

    in_body = client.post("/v2/batch/metadata", json={"batch_name": "First", "metadata": {"b": 2}})
    in_query = client.post(
        "/v2/batch/metadata?batch_name=First", json={"metadata": {"c": {"d": 1}}, "merge": True}
    )

    assert in_body.json()["metadata"] == {"b": 2}
    assert in_query.json()["metadata"] == {"b": 2, "c": {"d": 1}}


def test_a_batch_is_named_for_every_move(client, project):
    for action in (*ACTIONS, "metadata"):
        answer = client.post(f"/v2/batch/{action}", json={"metadata": {}})
        assert answer.status_code == 400
        assert "batch_id or batch_name" in answer.json()["error"]
        missing = client.post(f"/v2/batch/{action}", json={"batch_id": "none", "metadata": {}})
        assert missing.status_code == 404
