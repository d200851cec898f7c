"""The documented example of GET /v2/tasks: its request, and every field of its answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.support.harness import run_cli, store_arguments

QUERY = "project_name=My+Test+Project&status=completed&limit=1"


def _annotations(**values: Any) -> list[Any]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _response(text: str, source_id: str, model: str, **ratings: Any) -> Any:
    return {
        "content": {"text": text},
        "role": "assistant",
        "source_id": source_id,
        "model_parameters": {"model": model, "temperature": 0.9, "max_completion_tokens": 2048},
        "annotations": _annotations(**ratings),
    }


TASK = {
    "task_id": "task_123",
    "project": "project_123",
    "batch": "batch_123",
    "status": "completed",
    "created_at": "2025-01-01T08:31:03.169Z",
    "completed_at": "2025-01-02T04:00:39.923Z",
    "threads": [
        {
            "id": "thread_0",
            "turns": [
                {
                    "id": "turn_0",
                    "messages": [
                        {
                            "content": {"text": "This is an example prompt"},
                            "role": "user",
                            "source_id": "user",
                            "annotations": [],
                        },
                        _response(
                            "This is the base model response",
                            "base_model",
                            "scale-gpt-1.5-turbo",
                            instruction_following=3,
                            truthfulness=2,
                            conciseness=3,
                            format=3,
                            safety=3,
                            overall=5,
                        ),
                        _response(
                            "This is test model response",
                            "test_model",
                            "scale-gpt-2.0",
                            instruction_following=2,
                            truthfulness=1,
                            truthfulness_justification="The response incorrectly classifies...",
                            conciseness=2,
                            format=3,
                            safety=3,
                            overall=3,
                        ),
                    ],
                    "annotations": _annotations(
                        selected_model_id="base_model",
                        likert_value=2,
                        justification="@Response 1 is better than @Response 2. "
                        "@Response 2 has an issue in Truthfulness ...",
                    ),
                }
            ],
            "annotations": [],
        }
    ],
}
PROJECT = {"id": "project_123", "name": "My Test Project"}


@pytest.fixture
def page(world, client):
    """The answer to the page's request, with one more task than the request asks for."""
    world.load([{"kind": "project", "value": PROJECT}], "archive")
    world.load([TASK, TASK | {"task_id": "task_124"}], project="My Test Project")
    answer = client.get(f"/v2/tasks?{QUERY}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def differences(shown: Any, wanted: Any, place: str = "$") -> list[str]:
    """Where `shown` lacks something of `wanted`; more members than wanted are allowed."""
    if isinstance(wanted, dict) and isinstance(shown, dict):
        lacking = [f"{place}.{key} is absent" for key in wanted if key not in shown]
        pairs = [(shown[key], wanted[key], f"{place}.{key}") for key in wanted if key in shown]
    elif isinstance(wanted, list) and isinstance(shown, list):
        lacking = [] if len(shown) == len(wanted) else [f"{place} has {len(shown)} items"]
        items = enumerate(zip(shown, wanted, strict=False))
        pairs = [(one, other, f"{place}[{n}]") for n, (one, other) in items]
    else:
        is_same = type(shown) is type(wanted) and shown == wanted
        return [] if is_same else [f"{place} is {shown!r} instead of {wanted!r}"]
    return lacking + [found for pair in pairs for found in differences(*pair)]


def test_every_field_of_the_example_is_present_with_its_value(page):
    assert differences(page["tasks"], [TASK]) == []


def test_the_answer_carries_a_token_while_more_tasks_follow(page):
    assert isinstance(page["next_token"], str)
    assert page["next_token"]


def test_the_answer_has_the_two_members_of_the_example_and_no_other(page):
    assert set(page) == {"tasks", "next_token"}


def test_the_task_has_the_members_of_the_example_and_no_other(page):
    assert list(page["tasks"][0]) == list(TASK)


def test_model_parameters_are_shown_though_opts_is_absent(page):
    messages = page["tasks"][0]["threads"][0]["turns"][0]["messages"]

    models = [message.get("model_parameters", {}).get("model") for message in messages]

    assert models == [None, "scale-gpt-1.5-turbo", "scale-gpt-2.0"]


def test_each_short_annotation_gained_an_id_and_the_type_of_its_value(page):
    turn = page["tasks"][0]["threads"][0]["turns"][0]

    types = {one["key"]: one["type"] for one in turn["annotations"] if one["id"]}

    assert types == {
        "selected_model_id": "category",
        "likert_value": "integer",
        "justification": "text",
    }


def test_a_saved_answer_of_the_example_can_be_imported_as_it_is(world, client):
    saved = {"tasks": [TASK], "next_token": "imatoken123"}

    world.load([saved])

    shown = client.get("/v2/tasks?project_id=project_123").json()["tasks"]
    assert differences(shown, [TASK]) == []


def test_without_ids_and_types_the_task_equals_the_example(world):
    """PLAUDIT_BARE_ANNOTATIONS is for whoever needs the page exactly as printed (A3)."""
    world.load([TASK])
    world.settings = msgspec.structs.replace(world.settings, bare_annotations=True)

    with world.client() as client:
        shown = client.get("/v2/tasks?project_id=project_123").json()

    assert shown == {"tasks": [TASK]}


def test_the_example_goes_in_by_the_command_line(world, client, settings, tmp_path):
    path = tmp_path / "seed.jsonl"
    path.write_text(json.dumps(TASK))

    done = run_cli(
        "import", str(path), "--format", "v2", "--project", "My Test Project",
        *store_arguments(settings),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    shown = client.get(f"/v2/tasks?{QUERY}").json()["tasks"]
    assert [task["task_id"] for task in shown] == ["task_123"]
