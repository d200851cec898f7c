"""Examples of datasets for the OpenAPI document; a test holds them to their schemas."""

from __future__ import annotations

from typing import Any

DATASET: dict[str, Any] = {"id": "dataset_123", "name": "Ocean facts"}
DATASET_LIST: dict[str, Any] = {"datasets": [DATASET]}
DELIVERY: dict[str, Any] = {
    "id": "delivery_123",
    "name": "January",
    "delivered_at": "2025-02-01T09:00:00.000Z",
    "metadata": {"task_count": 1, "turn_count": 1},
    "dataset": "dataset_123",
}
DELIVERY_LIST: dict[str, Any] = {"deliveries": [DELIVERY]}
RESPONSE: dict[str, Any] = {
    "threads": [{"id": "thread_0", "turns": [{"id": "turn_0", "messages": []}]}],
    "chart": "chart-1",
}
TASK: dict[str, Any] = {
    "task_id": "task_123",
    "dataset": "dataset_123",
    "delivery": "delivery_123",
    "response": RESPONSE,
}
TASK_PAGE: dict[str, Any] = {"tasks": [TASK], "next_token": "AZmtZGF0YXNldA"}
DELIVERY_PAGE: dict[str, Any] = {"delivery": DELIVERY, "tasks": [TASK]}

SCHEMA: dict[str, Any] = {
    "id": "65a0f1c2d3e4f5a6b7c8d9e0",
    "name": "Ocean facts",
    "createdBy": "key_123",
    "createdAt": "2025-01-01T08:00:00.000Z",
    "updatedBy": "key_123",
    "updatedAt": "2025-01-01T08:00:00.000Z",
    "json": '{"type":"object","required":["threads"]}',
}
SCHEMA_ANSWER: dict[str, Any] = {"schema": SCHEMA}
SCHEMA_LIST: dict[str, Any] = {
    "schemas": [{name: value for name, value in SCHEMA.items() if name != "json"}]
}
CREATE_SCHEMA: dict[str, Any] = {
    "name": "Ocean facts",
    "json": {"type": "object", "required": ["threads"]},
}
CREATE_DATASET: dict[str, Any] = {"name": "Ocean facts"}
CREATE_DELIVERY: dict[str, Any] = {
    "name": "January",
    "tasks": [
        {
            "task_id": "task_123",
            "response": RESPONSE,
            "attachments": [
                {
                    "id": "chart-1",
                    "name": "chart.gif",
                    "mime_type": "image/gif",
                    "content": "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=",
                }
            ],
        }
    ],
}
CREATED_DELIVERY: dict[str, Any] = DELIVERY | {
    "tasks": [
        {
            "task_id": "task_123",
            "attachments": [
                {
                    "id": "chart-1",
                    "name": "chart.gif",
                    "mime_type": "image/gif",
                    "size": 43,
                }
            ],
        }
    ]
}
