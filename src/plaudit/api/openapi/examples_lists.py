"""Examples of lists of tasks for managers, and of actions on many tasks."""

from __future__ import annotations

from typing import Any

LISTED_TASKS: dict[str, Any] = {
    "tasks": [
        {
            "task_id": "task_0197a",
            "status": "pending",
            "batch_id": "batch_123",
            "created_at": "2025-01-01T08:31:03.169Z",
            "excerpt": "Where is the best pizza in Naples?",
            "flags": 1,
            "people": [{"user_id": "user_0197a", "status": "submitted"}],
            "submitted": 1,
            "needed": 2,
            "priority": 0,
        }
    ],
    "unread": 3,
}
TASK_ACTION: dict[str, Any] = {
    "id": "action_0197a",
    "action": "cancel",
    "state": "done",
    "created_at": "2025-01-01T08:31:03.169Z",
    "by": "key_0197a",
    "looked": 3,
    "changed": 2,
    "skipped": {"it is completed": 1},
}
