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

DELIVERY: dict[str, Any] = {
    "id": "delivery_123",
    "name": "January",
    "task_count": 250,
    "delivered_at": "2025-02-01T09:00:00.000Z",
    "project": "project_123",
}
DELIVERY_LIST: dict[str, Any] = {"deliveries": [DELIVERY]}
DELIVERY_PAGE: dict[str, Any] = {
    "delivery": "delivery_123",
    "tasks": [TASK],
    "next_token": "AZmoZGVsaXZlcnk",
}
DELIVERY_TASK_PAGE: dict[str, Any] = {
    "docs": [
        {
            "task_id": "task_123",
            "created_at": "2025-01-01T08:31:03.169Z",
            "delivery_id": "delivery_123",
            "delivered_at": "2025-02-01T09:00:00.000Z",
            "response_schema_id": None,
            "response": {"threads": TASK["threads"]},
        },
        {
            "task_id": "task_124",
            "created_at": "2025-01-03T10:00:00.000Z",
            "delivery_id": None,
            "delivered_at": None,
            "response_schema_id": None,
            "response": None,
        },
    ],
    "total": 2,
}
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CREATE_DELIVERY: dict[str, Any] = {
    "name": "January",
    "batch_name": "First batch",
    "completed_before": "2025-02-01T00:00:00Z",
}
DELIVERY_RECORD: dict[str, Any] = {
    "id": "delivery_123",
    "name": "January",
    "project": "project_123",
    "task_count": 250,
    "delivered_at": "2025-02-01T09:00:00.000Z",
    "manifest_sha256": _HASH,
}
DELIVERY_MANIFEST: dict[str, Any] = {
    "delivery": DELIVERY_RECORD,
    "tasks": [{"task_id": "task_123", "sha256": _HASH}],
    "next_token": "AZmvZGVsaXZlcnlfcmVwb3J0",
}
DELIVERY_DIFF: dict[str, Any] = {"added": ["task_124"], "removed": [], "changed": ["task_123"]}
DELIVERY_CHANGES: dict[str, Any] = {
    "tasks": [{"task_id": "task_123", "status": "pending", "threads_changed": True}]
}
TASK_ERRORS: list[dict[str, Any]] = [
    {"type": "PROMPT_INFEASIBLE", "message": "The picture it asks about is missing."}
]
TASK_CONTENT: dict[str, Any] = {
    "task_id": "task_124",
    "content": [
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
                        }
                    ],
                    "annotations": [],
                }
            ],
            "annotations": [],
        }
    ],
}
IMPORT: dict[str, Any] = {
    "id": "job_0197a",
    "file": "answers.csv",
    "format": "table",
    "state": "done",
    "phase": "storing",
    "counts": {"added": 120, "updated": 0, "unchanged": 0, "rejected": 1},
    "notes": ["2 × a response is empty or blank; it is kept, and no training file will have it"],
    "result": "tasks: 120 added; rows: 1 rejected",
    "started_at": "2025-01-01T08:31:03.169Z",
    "ended_at": "2025-01-01T08:31:05.004Z",
}
QUALITY_JOB: dict[str, Any] = {
    "id": "job_0197b",
    "project_id": "project_123",
    "state": "running",
    "phase": "reading tasks",
    "done": 1200,
    "total": 4000,
    "started_at": "2025-01-01T08:31:03.169Z",
    "options": {"by": "batch", "styles": ["length"]},
}
UPLOAD: list[dict[str, Any]] = [
    {"unique_id": "ocean-1", "template_variables": {"prompt": "Which is the largest ocean?"}},
    {"unique_id": "ocean-2", "batch_name": "Second batch", "content": []},
]
UPLOAD_RESULT: dict[str, Any] = {
    "created": 1,
    "unchanged": 0,
    "rejected": 1,
    "results": [
        {"line": 1, "outcome": "created", "task_id": "task_124"},
        {
            "line": 2,
            "outcome": "rejected",
            "error": "content has at least one thread",
            "pointer": "/content",
        },
    ],
}
CREATE_PROJECT: dict[str, Any] = {
    "name": "Oceans",
    "types": ["RLHF: Pref Ranking"],
    "form": "RLHF: Pref Ranking",
    "template": {"messages": [{"role": "user", "text": "{{prompt}}"}]},
    "overlap": 2,
    "review": "sample",
}
MANAGED_PROJECT: dict[str, Any] = {
    "id": "project_124",
    "name": "Oceans",
    "created_at": "2025-01-03T08:00:00.000Z",
    "types": ["RLHF: Pref Ranking"],
    "form": {
        "fields": [
            {
                "key": "overall",
                "level": "message",
                "type": "integer",
                "title": "Overall quality",
                "possible_values": [1, 2, 3, 4, 5],
                "required": True,
            }
        ]
    },
    "template": {"messages": [{"role": "user", "text": "{{prompt}}"}]},
    "overlap": 2,
    "review": "sample",
}
USER: dict[str, Any] = {
    "user_id": "user_123",
    "email": "ada@example.com",
    "name": "Ada",
    "role": "annotator",
    "status": "invited",
    "created_at": "2025-01-03T08:00:00.000Z",
}
INVITATION_LINK = "https://plaudit.example/welcome#…"
API_KEY: dict[str, Any] = {
    "key_id": "key_123",
    "name": "nightly pipeline",
    "role": "write",
    "begins": "live_0V3xK9q",
    "created_at": "2025-01-03T08:00:00.000Z",
}
AUDIT_PAGE: dict[str, Any] = {
    "entries": [
        {
            "entry_id": "audit_123",
            "created_at": "2025-01-03T10:00:00.000Z",
            "actor": {"kind": "key", "id": "key_123"},
            "action": "cancel_task",
            "object_kind": "task",
            "object_id": "task_124",
            "request_id": "req_4f2a",
            "detail": {"from": "pending"},
        }
    ],
    "next_token": "AZmlYXVkaXQ",
}
_GOLD_THREAD: dict[str, Any] = {
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
                    "annotations": [],
                },
            ],
            "annotations": [],
        }
    ],
    "annotations": [],
}
_EXPECTED: dict[str, Any] = {
    "at": "t0u0",
    "source_id": "base_model",
    "key": "overall",
    "value": 5,
    "tolerance": 1.0,
}
CREATE_GOLD: dict[str, Any] = {
    "tasks": [
        {
            "content": [_GOLD_THREAD],
            "expected": [_EXPECTED],
            "reason": "It is right, and says no more than was asked.",
        }
    ]
}
GOLD_TASK: dict[str, Any] = {
    "task_id": "task_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "created_at": "2025-01-03T10:00:00.000Z",
    "excerpt": "Which is the largest ocean?",
    "expected": [_EXPECTED],
    "reason": "It is right, and says no more than was asked.",
    "answered": 8,
    "questions": [
        {
            "at": "t0u0",
            "key": "overall",
            "answered": 8,
            "right": 6,
            "share": 0.75,
            "low": 0.4093,
            "high": 0.9285,
        }
    ],
}
GOLD_CREATED: dict[str, Any] = {"tasks": [{"task_id": GOLD_TASK["task_id"]}]}
