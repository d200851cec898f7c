"""Make tasks for tests: functions with keyword overrides and sensible defaults."""

from __future__ import annotations

from typing import Any


def make_annotation(key: str = "overall", value: Any = 3, **fields: Any) -> dict[str, Any]:
    """An annotation as the seed page prints it, plus what is given."""
    return {"key": key, "value": value, **fields}


def make_message(source_id: str = "base_model", text: str = "An answer.", **fields: Any) -> Any:
    """A message; the role follows from the source unless given."""
    message = {
        "content": {"text": text},
        "role": "user" if source_id == "user" else "assistant",
        "source_id": source_id,
        "annotations": [],
    }
    return message | fields


def make_turn(turn_id: str = "turn_0", messages: list[Any] | None = None, **fields: Any) -> Any:
    """A turn: a prompt and two responses, unless other messages are given."""
    if messages is None:
        messages = [
            make_message("user", "A question?"),
            make_message("base_model", annotations=[make_annotation()]),
            make_message("test_model", annotations=[make_annotation(value=2)]),
        ]
    return {"id": turn_id, "messages": messages, "annotations": []} | fields


def make_thread(thread_id: str = "thread_0", turns: list[Any] | None = None, **fields: Any) -> Any:
    """A thread of one turn, unless others are given."""
    turns = [make_turn()] if turns is None else turns
    return {"id": thread_id, "turns": turns, "annotations": []} | fields


def make_task(task_id: str = "task_123", status: str = "completed", **fields: Any) -> Any:
    """A task of project `project_123`; a completed one has a time and one thread."""
    task: dict[str, Any] = {
        "task_id": task_id,
        "project": "project_123",
        "status": status,
        "created_at": "2025-01-01T08:31:03.169Z",
    }
    if status == "completed":
        task |= {"completed_at": "2025-01-02T04:00:39.923Z", "threads": [make_thread()]}
    return task | fields


def make_tasks(count: int, prefix: str = "task", **fields: Any) -> list[Any]:
    """Completed tasks with consecutive ids and completion times a second apart."""
    return [
        make_task(
            f"{prefix}_{number:05d}",
            completed_at=f"2025-01-02T{number // 3600 % 24:02d}:{number // 60 % 60:02d}"
            f":{number % 60:02d}.000Z",
            **fields,
        )
        for number in range(count)
    ]
