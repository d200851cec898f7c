"""The task of the older v1 API, as far as the v2 documentation and client describe it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.wire.v2.task import Thread


class LegacyOutput(Struct, kw_only=True):
    """One thing that was delivered: a thread, with all details."""

    type: str = "thread"
    output: Thread


class LegacyResponse(Struct, kw_only=True):
    """What was delivered."""

    responses: list[LegacyOutput]


class LegacyTask(Struct, omit_defaults=True, kw_only=True):
    """A task as `GET /v1/task/{taskId}` shows it; `response` is there once it is completed.

    `params` names project and batch by their names, as v1 does, and holds the metadata.
    """

    task_id: str
    created_at: str
    completed_at: str | None = None
    type: str
    status: TaskStatus
    params: dict[str, Any]
    response: LegacyResponse | None = None


TYPE = "chat"
"""The type of every task here."""
