"""Examples of tasks in review, and of messages about tasks."""

from __future__ import annotations

from typing import Any

REVIEW_PAGE: dict[str, Any] = {
    "tasks": [
        {
            "task_id": "task_0197a",
            "excerpt": "How do I boil an egg?",
            "reason": "all",
            "submitted": 2,
            "disagreement": 0.25,
            "questions": [{"key": "likert_value", "disagreement": 0.25}],
        }
    ]
}
TASK_REVIEW: dict[str, Any] = {
    "task_id": "task_0197a",
    "status": "pending",
    "in_review": True,
    "reason": "all",
    "revision": "8c1d3f",
    "submissions": [
        {
            "user_id": "user_0197a",
            "assignment_id": "assignment_0197a",
            "submitted_at": "2025-01-01T08:31:03.169Z",
        },
        {
            "user_id": "user_0197b",
            "assignment_id": "assignment_0197b",
            "submitted_at": "2025-01-01T09:02:11.004Z",
        },
    ],
    "questions": [
        {
            "number": 0,
            "address": {"at": "t0u0", "key": "likert_value"},
            "title": "Which response is better?",
            "type": "integer",
            "required": True,
            "state": "disputed",
            "answers": [
                {"user_id": "user_0197a", "value": 2},
                {"user_id": "user_0197b", "value": 6},
            ],
            "answer": {"value": 4},
        }
    ],
}
REVIEW_ACCEPTED: dict[str, Any] = {
    "task_id": "task_0197a",
    "status": "completed",
    "completed_at": "2025-01-01T10:00:00.000Z",
}
TALK: dict[str, Any] = {
    "assignment_id": "assignment_0197a",
    "task_id": "task_0197a",
    "user_id": "user_0197a",
    "excerpt": "How do I boil an egg?",
    "message_count": 1,
    "last_at": "2025-01-01T08:31:03.169Z",
    "is_unread": True,
    "is_unread_by_person": False,
}
TALK_PAGE: dict[str, Any] = {"talks": [TALK | {"last_text": "Hard or soft?"}]}
TALK_READ: dict[str, Any] = TALK | {
    "messages": [
        {
            "number": 1,
            "by": "person",
            "user_id": "user_0197a",
            "text": "Hard or soft?",
            "created_at": "2025-01-01T08:31:03.169Z",
        }
    ]
}
