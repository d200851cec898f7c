"""Snapshots of quality as the API answers them: the job, and as of when."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class QualityAsOf(Struct, kw_only=True):
    """The header of an answer: when the report was made, of what, and by which options.

    `submission_id` is the newest submission of then; `since` counts newer ones, up to 1,000.
    """

    computed_at: str
    tasks: int
    votes: int
    submission_id: str | None
    since: int
    options: dict[str, Any]


class QualityJob(Struct, omit_defaults=True, kw_only=True):
    """A job that computes a report: its state, and of about `total` tasks how many were read."""

    id: str
    project_id: str
    state: Literal["running", "done", "failed", "broken", "cancelled"]
    phase: str
    done: int = 0
    total: int = 0
    reason: str = ""
    started_at: str
    ended_at: str | None = None
    options: dict[str, Any]
