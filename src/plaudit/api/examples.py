"""Examples for the OpenAPI document and its page; a test holds them to their schemas."""

from __future__ import annotations

from typing import Any

PROJECT: dict[str, Any] = {
    "id": "project_123",
    "name": "My Test Project",
    "created_at": "2025-01-01T08:00:00.000Z",
    "types": ["RLHF: Pref Ranking"],
    "models": ["base_model", "test_model"],
}
PROJECT_LIST: dict[str, Any] = {"projects": [PROJECT]}

BATCH: dict[str, Any] = {
    "id": "batch_123",
    "name": "First batch",
    "project": "project_123",
    "created_at": "2025-01-01T08:05:00.000Z",
    "status": "in_progress",
    "metadata": {"wave": 1},
}
BATCH_PAGE: dict[str, Any] = {"batches": [BATCH], "next_token": "AZmnYmF0Y2hlcw"}
BATCH_RESULT: dict[str, Any] = {
    "batch": BATCH | {"status": "paused"},
    "message": "The batch has been paused.",
}
CREATE_BATCH: dict[str, Any] = {
    "project_name": "My Test Project",
    "name": "Second batch",
    "staging_batch": True,
    "metadata": {"wave": 2},
}
CREATE_TASK: dict[str, Any] = {
    "project_name": "My Test Project",
    "batch_name": "Second batch",
    "template_variables": {
        "prompt": "Which is the largest ocean?",
        "responses": [
            {"source_id": "base_model", "text": "The Pacific."},
            {"source_id": "test_model", "text": "The Atlantic."},
        ],
    },
    "metadata": {"origin": "nightly"},
    "unique_id": "ocean-1",
}


def _annotation(path: str, key: str, kind: str, value: Any) -> dict[str, Any]:
    return {"id": f"ann_{path}_task_123", "key": key, "type": kind, "value": value}


ANNOTATION: dict[str, Any] = _annotation("t0u0m1a0", "overall", "integer", 5) | {
    "title": "Overall",
    "labels": ["Poor", "Weak", "Fair", "Good", "Excellent"],
    "possible_values": [1, 2, 3, 4, 5],
}

TASK: dict[str, Any] = {
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
                            "content": {"text": "Which is the largest ocean?"},
                            "role": "user",
                            "source_id": "user",
                            "annotations": [],
                        },
                        {
                            "content": {"text": "The Pacific."},
                            "role": "assistant",
                            "source_id": "base_model",
                            "model_parameters": {"model": "base-1", "temperature": 0.9},
                            "annotations": [_annotation("t0u0m1a0", "overall", "integer", 5)],
                        },
                        {
                            "content": {"text": "The Atlantic."},
                            "role": "assistant",
                            "source_id": "test_model",
                            "model_parameters": {"model": "test-2", "temperature": 0.9},
                            "annotations": [_annotation("t0u0m2a0", "overall", "integer", 1)],
                        },
                    ],
                    "annotations": [
                        _annotation("t0u0a0", "selected_model_id", "category", "base_model"),
                        _annotation("t0u0a1", "likert_value", "integer", 1),
                        _annotation("t0u0a2", "justification", "text", "@Response 2 is wrong."),
                    ],
                }
            ],
            "annotations": [],
        }
    ],
}
LEGACY_TASK: dict[str, Any] = {
    "task_id": "task_123",
    "created_at": "2025-01-01T08:31:03.169Z",
    "completed_at": "2025-01-02T04:00:39.923Z",
    "type": "chat",
    "status": "completed",
    "params": {"project": "My Test Project", "batch": "First batch"},
    "response": {"responses": [{"type": "thread", "output": TASK["threads"][0]}]},
}
PENDING_TASK: dict[str, Any] = {
    "task_id": "task_124",
    "project": "project_123",
    "batch": "batch_123",
    "status": "pending",
    "created_at": "2025-01-03T10:00:00.000Z",
    "metadata": {"origin": "nightly"},
    "threads": [],
}
TASK_PAGE: dict[str, Any] = {"tasks": [TASK], "next_token": "AZmldGFza3M"}
