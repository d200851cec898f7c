"""Page tokens: a store to walk through, and what tokens are made of."""

from __future__ import annotations

import base64

from tests.support.builders import make_task, make_tasks

TASKS = 6


SCOPE = {"project_id": "project_123"}


def fill_shelf(world):
    """A project with a batch and a few completed tasks, and another project beside it."""
    for kind, value in (
        ("project", {"id": "project_123", "name": "My Test Project"}),
        ("project", {"id": "project_456", "name": "Other Project"}),
        ("batch", {"id": "batch_1", "name": "First batch", "project": "project_123"}),
        ("batch", {"id": "batch_2", "name": "Second batch", "project": "project_123"}),
        ("batch", {"id": "batch_3", "name": "Third batch", "project": "project_456"}),
    ):
        assert world.load([{"kind": kind, "value": value}], "archive")[1] == []
    world.load(make_tasks(TASKS, batch="batch_1"))
    world.load([make_task("task_elsewhere", project="project_456")])


def first_token(client, path="/v2/tasks", **params):
    answer = client.get(path, params=(params or SCOPE) | {"limit": "1" if "batch" in path else "2"})
    assert answer.status_code == 200, answer.text
    return answer.json()["next_token"]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [task["task_id"] for task in answer.json()["tasks"]]


def refused(answer) -> bool:
    """Whether the answer is the refusal of a token, and nothing else with it."""
    body = answer.json()
    return (
        answer.status_code == 400
        and body["param"] == "next_token"
        and not {"tasks", "batches", "next_token"} & body.keys()
        and "task_0" not in answer.text
    )


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
