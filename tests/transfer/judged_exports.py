"""A project of judged tasks, and requests for its export over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.support.builders import make_annotation, make_message, make_task, make_turn

PROJECT = "/manage/v1/projects/project_123/export"


OPTIONS = {"format": "trl-preference", "container": "jsonl"}


def judged(number: int, strength: int = 1, **fields: Any) -> Any:
    """A task with two responses and a strength between them; 4 is a tie."""
    messages = [
        make_message("user", f"Question {number}?"),
        make_message("base_model", f"First {number}."),
        make_message("test_model", f"Second {number}."),
    ]
    annotation = make_annotation("likert_value", strength)
    turn = make_turn(messages=messages, annotations=[annotation])
    threads = [{"id": "thread_0", "turns": [turn], "annotations": []}]
    return make_task(f"task_{number:05d}", threads=threads, **fields)


def path_of(path: str = PROJECT, **query: str) -> str:
    return f"{path}?{urlencode(OPTIONS | query)}"


def blobs_of(world: Any) -> list[str]:
    folder = world.settings.data / "attachments"
    return [one.name for one in folder.rglob("export-*")] if folder.exists() else []
