"""A task that a manager writes by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from plaudit.core.tasks.templates import RESPONSES_MAX
from plaudit.model.core import BatchStatus
from tests.support.harness import World, one_engine, walk
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, add_person, signed_in
from tests.support.pages.manager_pages import invalid_fields, said_at
from tests.support.running.every_case import every_case

GOOD = {"prompt": "Why?", "response": ["So.", "Oh."]}


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world)


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def path_of(labeling: LabelingProject, rest: str = "/new-task") -> str:
    return f"/projects/{labeling.project.project_id}{rest}"


def tasks_of(world: World, labeling: LabelingProject) -> list[dict[str, Any]]:
    with world.client(world.key()) as client:
        tasks = list(walk(client, limit=100, project_id=labeling.project.project_id))
        for task in tasks:
            path = f"/manage/v1/tasks/{task['task_id']}/content"
            task["content"] = client.get(path).json()["content"]
    return tasks


def add(mia: Browser, labeling: LabelingProject, **fields: Any) -> Any:
    mia.get(path_of(labeling))
    return mia.post(path_of(labeling), GOOD | fields)


def test_a_task_that_is_typed_waits_in_the_queue_and_is_annotated(world, labeling, mia):
    batch = labeling.batch("First")
    answer = add(mia, labeling, prompt=" Why?\r\n\r\n{{x}} ", system="Be brief.", batch="First",
                 metadata='{"a": [1]}', response=["So.", "  ", "Oh."])  # fmt: skip
    page = mia.get(answer.headers["location"])

    [task] = tasks_of(world, labeling)
    messages = task["content"][0]["turns"][0]["messages"]
    assert answer.status_code == 303
    assert task["task_id"] in page.text
    assert "The task is in the queue" in page.text
    assert (task["status"], task["metadata"]) == ("pending", {"a": [1]})
    assert batch.batch_id in str(task["batch"])
    assert [(one["source_id"], one["content"]["text"]) for one in messages] == [
        ("system", "Be brief."), ("user", " Why?\n\n{{x}} "), ("response_1", "So."),
        ("response_2", "Oh."),
    ]  # fmt: skip
    labeling.work_on("ann")


@one_engine
def test_the_task_list_and_its_empty_state_lead_to_the_form(labeling, mia):
    empty, overview = mia.get(path_of(labeling, "/tasks")).text, mia.get(path_of(labeling, "")).text
    form = mia.get(path_of(labeling)).text
    labeling.create(1)
    listed = mia.get(path_of(labeling, "/tasks")).text

    link = f'href="{path_of(labeling)}"'
    assert empty.count(link) == 2
    assert listed.count(link) == overview.count(link) == 1
    assert len(re.findall(r'<textarea id="response-\d"', form)) == 2


BAD = {
    "no prompt": ({"prompt": " \n"}, "prompt"),
    "an unknown batch": ({"batch": "Nowhere"}, "batch"),
    "a closed batch": ({"batch": "Closed"}, "batch"),
    "metadata that is no JSON": ({"metadata": "{"}, "metadata"),
    "metadata that is no object": ({"metadata": "[]"}, "metadata"),
    "too many responses": ({"response": ["x"] * (RESPONSES_MAX + 1)}, "response"),
}


@pytest.mark.parametrize(("fields", "named"), BAD.values(), ids=BAD)
@one_engine
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    world, labeling, mia, fields, named
):
    labeling.batch("Closed", BatchStatus.completed)

    answer = add(mia, labeling, **fields)

    assert answer.status_code == 400
    assert f'id="{named}-wrong"' in answer.text
    assert 'role="alert"' not in answer.text
    assert "Oh." in answer.text or "response" in fields
    assert tasks_of(world, labeling) == []


@one_engine
def test_hostile_texts_and_names_stay_text(world, labeling, mia):
    hostile = "</textarea><script>alert(1)</script>"
    labeling.batch('"><img src=x onerror=alert(1)>')

    refused = add(mia, labeling, prompt=hostile, response=[hostile], batch=hostile).text

    assert "<script>alert" not in refused
    assert "<img" not in refused
    assert "&lt;/textarea&gt;" in refused


@one_engine
def test_who_is_no_manager_or_of_another_organization_adds_nothing(world, labeling, mia):
    with signed_in(world, add_person(world, "reviewer")) as reviewer:
        by_reviewer = add(reviewer, labeling)
    with signed_in(world, add_person(world, "manager", email="o@example.com", org="O")) as other:
        by_other = add(other, labeling)

    assert [by_reviewer.status_code, by_other.status_code] == [403, 404]
    assert tasks_of(world, labeling) == []


THREADS = [
    {
        "id": "thread_0",
        "turns": [
            {"id": "turn_0", "messages": [
                {"role": "user", "source_id": "user", "content": {"text": "Hi."}},
                {"role": "assistant", "source_id": "m", "content": {"text": "Hello!"}},
            ]},
            {"id": "turn_1", "messages": [
                {"role": "user", "source_id": "user", "content": {"text": "Why?"}},
            ]},
        ],
    }
]  # fmt: skip


def test_a_conversation_of_json_counts_instead_of_the_fields(world, labeling, mia):
    answer = add(mia, labeling, prompt="", content=json.dumps(THREADS))

    [task] = tasks_of(world, labeling)
    turns = task["content"][0]["turns"]
    said = [one["content"]["text"] for turn in turns for one in turn["messages"]]
    assert answer.status_code == 303
    assert said == ["Hi.", "Hello!", "Why?"]


@one_engine
@every_case(
    "content, message",
    [
        ("{", "json"),
        ("{}", "list of threads"),
        ("[]", "list of threads"),
        ("[1]", "object"),
        (json.dumps([{"id": "t", "turns": [{"id": "u", "messages": [{"role": "x"}]}]}]), "role"),
        ("[" * 3000, ""),
        (json.dumps(THREADS).replace("assistant", "user").replace('"m"', '"user"'), "source_id"),
    ],
)
def test_a_conversation_that_cannot_be_is_told_at_the_json_and_kept(
    world, labeling, mia, content, message
):
    answer = add(mia, labeling, content=content)

    assert answer.status_code == 400
    assert invalid_fields(answer.text) == ["content"]
    assert message in said_at(answer.text, "content").lower()
    assert tasks_of(world, labeling) == []
