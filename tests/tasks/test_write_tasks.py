"""Tasks over HTTP: created from a template, once for a unique_id, with metadata that changes."""

from __future__ import annotations

import msgspec
import pytest

from plaudit.core.tasks import projects
from plaudit.store.tasks import tasks
from plaudit.wire.v2.resources import ProjectDetail
from tests.support.harness import one_engine
from tests.support.running.every_case import every_case

PATHS = ("/v2/task/chat", "/v2/task")
TEMPLATE = {"messages": [{"role": "user", "text": "Summarise: {{text}}"}]}


@pytest.fixture
def project(world):
    environment_id = world.org()
    detail = ProjectDetail(template=TEMPLATE)
    return world.run(
        world.db.write(
            lambda tx: projects.create_project(tx, environment_id, name="Summaries", detail=detail)
        )
    )


def create(client, path: str = "/v2/task/chat", **fields):
    body = {"project_name": "Summaries", "template_variables": {"text": "A book."}} | fields
    return client.post(path, json=body)


def stored(world, task_id: str):
    environment_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await tasks.find_task(tx, environment_id, task_id)

    return world.run(read())


@pytest.mark.parametrize("path", PATHS)
def test_a_created_task_is_pending_and_asks_what_the_template_makes(world, client, project, path):
    answer = create(client, path, metadata={"a": None}, callback_url=None)

    task = answer.json()
    assert answer.status_code == 200
    assert task == client.get("/v2/task", params={"task_id": task["task_id"]}).json()
    assert set(task) == {"task_id", "project", "status", "created_at", "metadata", "threads"}
    assert (task["project"], task["status"], task["threads"]) == (
        project.project_id,
        "pending",
        [],
    )
    content = msgspec.json.decode(stored(world, task["task_id"]).content)
    assert [one["content"]["text"] for one in content[0]["turns"][0]["messages"]] == [
        "Summarise: A book."
    ]


REFUSED = {
    "no project": ({"project_name": None}, 400, "project_id or project_name"),
    "an unknown project": ({"project_name": "None"}, 404, "no such project"),
    "an unknown batch": ({"batch_name": "None"}, 404, "no such batch"),
    "a missing variable": ({"template_variables": {}}, 400, "missing template variables: text"),
    "an unknown variable": (
        {"template_variables": {"text": "a", "tone": "b"}},
        400,
        "unknown template variables: tone",
    ),
    "variables that are a list": ({"template_variables": []}, 400, "object"),
    "an empty unique_id": ({"unique_id": ""}, 400, "unique_id"),
    "a long unique_id": ({"unique_id": "x" * 256}, 400, "unique_id"),
    "a unique_id with a line end": ({"unique_id": "a\nb"}, 400, "unique_id"),
    "metadata that is text": ({"metadata": "x"}, 400, "object"),
}


@every_case("fields, status, words", REFUSED.values())
def test_a_task_that_cannot_be_is_refused_and_nothing_is_made(
    client, project, fields, status, words
):
    answer = create(client, **fields)

    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert client.get("/v2/tasks", params={"project_name": "Summaries"}).json() == {"tasks": []}


def test_the_project_may_be_left_to_the_batch(client, project):
    client.post("/v2/batch", json={"name": "First", "project_name": "Summaries"})

    answer = create(client, project_name=None, batch_name="First")

    assert answer.json()["project"] == project.project_id


def test_a_batch_of_another_project_is_not_found(world, client, project):
    world.project("Another")
    client.post("/v2/batch", json={"name": "Theirs", "project_name": "Another"})

    assert create(client, batch_name="Theirs").status_code == 404


def test_a_unique_id_makes_one_task_and_the_refusal_names_it(world, client, project):
    first = create(client, unique_id="one").json()["task_id"]

    again = create(client, unique_id="one", template_variables={"text": "Another."})
    world.project("Summaries", org="Stranger")
    with world.client(world.key("Stranger")) as stranger:
        theirs = create(stranger, unique_id="one", template_variables={"prompt": "?"})

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert first in again.json()["error"]
    assert len(client.get("/v2/tasks", params={"project_name": "Summaries"}).json()["tasks"]) == 1
    assert theirs.status_code == 200
    assert "unique_id" not in theirs.text


def test_a_refused_task_leaves_its_unique_id_free(client, project):
    assert create(client, unique_id="one", batch_name="None").status_code == 404
    assert create(client, unique_id="one", template_variables={}).status_code == 400

    assert create(client, unique_id="one").status_code == 200


MERGES = {
    "replaced": (False, {"a": {"b": 1}, "c": [1]}, {"a": {"d": 2}}, {"a": {"d": 2}}),
    "merged": (True, {"a": {"b": 1}, "c": [1]}, {"a": {"d": 2}}, {"a": {"b": 1, "d": 2}, "c": [1]}),
    "a list is replaced": (True, {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "an object gives way to a number": (True, {"a": {"b": 1}}, {"a": 1}, {"a": 1}),
    "null is kept": (True, {"a": 1, "b": 2}, {"a": None}, {"a": None, "b": 2}),
    "to one without": (True, None, {"a": 1}, {"a": 1}),
    "emptied": (False, {"a": 1}, {}, {}),
}


@every_case("merge, before, given, after", MERGES.values())
def test_metadata_is_replaced_or_merged(client, project, merge, before, given, after):
    task_id = create(client, metadata=before).json()["task_id"]

    answer = client.post(
        "/v2/task/metadata", json={"task_id": task_id, "metadata": given, "merge": merge}
    )

    assert answer.json()["metadata"] == after
    assert client.get("/v2/task", params={"task_id": task_id}).json()["metadata"] == after


@every_case("status", ["completed", "error", "canceled", "pending", "reported"])
def test_metadata_changes_in_every_status_and_nothing_else_does(world, client, ann, status):
    ids = {"completed": "task_canary-5bd1e1", "canceled": "canceled_1"}
    world.load(
        [{"task_id": "canceled_1", "project": "project_canary-5bd1e1", "status": "canceled"}], "v2"
    )
    task_id = ids.get(status, f"{status}_canary-5bd1e1")
    params = {"task_id": task_id, "opts": "annotation_details,submissions"}
    before = client.get("/v2/task", params=params).json()

    answer = client.post(
        "/v2/task/metadata", json={"task_id": task_id, "metadata": {"new": [None, "é"]}}
    )

    assert answer.status_code == 200
    after = client.get("/v2/task", params=params).json()
    assert after == before | {"metadata": {"new": [None, "é"]}}


def test_metadata_needs_a_task_and_an_object(client, project):
    for body in ({}, {"task_id": "x"}, {"task_id": 1, "metadata": {}}, {"metadata": {}}):
        assert client.post("/v2/task/metadata", json=body).status_code == 400
    answer = client.post("/v2/task/metadata", json={"task_id": "none", "metadata": {}})
    assert answer.status_code == 404


BAD_CALLBACKS = (
    "ftp://example.com/x",
    "http://127.0.0.1/x",
    "http://localhost/x",
    "http://[::1]/x",
    "http://2130706433/x",
    "http://169.254.169.254/latest",
    "http://user:secret@example.com/",
    "http://example.com:22/",
    "javascript:alert(1)",
    "not a url",
    "someone@example.com",
    "a@b\r\nBcc: c@d",
)


@one_engine
@every_case("callback", BAD_CALLBACKS)
def test_a_callback_that_may_not_be_called_is_refused_when_it_is_given(client, project, callback):
    task = create(client, callback_url=callback)
    batch = client.post(
        "/v2/batch", json={"name": "x", "project_name": "Summaries", "callback": callback}
    )

    assert (task.status_code, task.json()["pointer"]) == (400, "/callback_url")
    assert (batch.status_code, batch.json()["pointer"]) == (400, "/callback")
    assert client.get("/v2/tasks", params={"project_name": "Summaries"}).json() == {"tasks": []}


def test_a_public_callback_is_kept_with_the_task_and_shown_with_the_batch(world, client, project):
    url = "https://93.184.216.34/done?x=1"

    task = create(client, callback_url=url)
    batch = client.post(
        "/v2/batch", json={"name": "x", "project_name": "Summaries", "callback": url}
    )

    assert stored(world, task.json()["task_id"]).callback_url == url
    assert batch.json()["callback"] == url
