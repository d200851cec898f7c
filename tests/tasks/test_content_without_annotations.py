"""Prepared conversations need not name the annotations that they do not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.errors import InvalidContent
from plaudit.wire.v2.parse import read_task
from tests.support.app_client import AppClient
from tests.support.builders import make_task
from tests.support.harness import World
from tests.support.sample_tasks import full_threads


def emptied(value: Any, *, with_lists: bool) -> Any:
    """A conversation whose lists of annotations are empty, or not there at all."""
    if isinstance(value, list):
        return [emptied(item, with_lists=with_lists) for item in value]
    if isinstance(value, dict):
        kept = {
            key: emptied(item, with_lists=with_lists)
            for key, item in value.items()
            if key not in ("annotations", "rubric_evaluations")
        }
        return kept | ({"annotations": []} if with_lists and "annotations" in value else {})
    return value


def bare() -> Any:
    return emptied(full_threads(), with_lists=False)


def whole() -> Any:
    return emptied(full_threads(), with_lists=True)


def test_an_import_takes_content_without_annotations():
    read = read_task(make_task(status="pending", content=bare()))
    named = read_task(make_task(status="pending", content=whole()))

    assert "annotations" not in json.dumps(bare())
    assert read.task.content == named.task.content


def test_an_upload_takes_content_without_annotations_and_shows_it_with_them(
    world: World, client: AppClient
):
    world.project(project_id="project_1")
    row = json.dumps({"task_id": "task_1", "content": bare()}).encode()

    answer = client.post("/manage/v1/projects/project_1/tasks", content=row)
    content = client.get("/manage/v1/tasks/task_1/content").json()["content"]

    assert answer.json()["created"] == 1, answer.text
    assert content == whole()


def test_null_is_as_good_as_absent():
    content = bare()
    content[0]["annotations"] = None

    assert read_task(make_task(status="pending", content=content)).task.content[0].annotations == []


def test_content_of_any_other_shape_is_refused_where_it_is_wrong():
    for content, pointer in (
        ("x", "/content"),
        (["x"], "/content/0"),
        ([{"id": "t", "turns": {}}], "/content/0/turns"),
        ([{"id": "t", "turns": [{"id": "u", "messages": [7]}]}], "/content/0/turns/0/messages/0"),
        ([{"id": "t", "turns": [], "annotations": {}}], "/content/0/annotations"),
    ):
        with pytest.raises(InvalidContent) as refused:
            read_task(make_task(status="pending", content=content))
        assert refused.value.pointer == pointer


def test_what_is_delivered_names_its_annotations():
    with pytest.raises(InvalidContent, match="annotations"):
        read_task(make_task(threads=bare()))
