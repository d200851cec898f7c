"""Projects, batches, and the one error body."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.model import core
from plaudit.model.core import BatchStatus, Review
from plaudit.model.quality_control import (
    GoldFeedback,
    GoldSettings,
    QualificationSettings,
    RepeatSettings,
)


class Project(Struct, omit_defaults=True, kw_only=True):
    """A project: what kind of work, on which models."""

    id: str
    name: str
    created_at: str
    types: list[str] | None = None
    models: list[str] | None = None


class Batch(Struct, kw_only=True):
    """A named group of a project's tasks. `metadata` is always an object."""

    id: str
    name: str
    project: str | Project
    created_at: str
    status: BatchStatus
    metadata: dict[str, Any] = {}
    completed_at: str | msgspec.UnsetType | None = msgspec.UNSET
    callback: str | msgspec.UnsetType | None = msgspec.UNSET


class BatchPage(Struct, omit_defaults=True, kw_only=True):
    """One page of batches; `next_token` is present while more follow."""

    batches: list[Batch]
    next_token: str | None = None


class ProjectList(Struct, kw_only=True):
    """All projects, oldest first."""

    projects: list[Project]


class AnswerFault(Struct, omit_defaults=True, kw_only=True):
    """One answer that is wrong or missing: what is wrong, and the address of its question.

    `pointer` is a JSON pointer into the request, absent for an answer that was not sent.
    """

    message: str
    pointer: str | None = None
    address: dict[str, Any] | None = None


class Error(Struct, omit_defaults=True, kw_only=True):
    """The body of every 4xx and 5xx; also a problem object of RFC 9457.

    `faults` are those of answers, up to a hundred.
    """

    status_code: int
    error: str
    code: str
    param: str | None = None
    pointer: str | None = None
    faults: list[AnswerFault] | None = None
    request_id: str
    type: str
    title: str
    status: int
    detail: str


class AdaptiveOverlap(Struct, forbid_unknown_fields=True, kw_only=True):
    """Adaptive overlap: `min` to `max` people judge a task, until its answer is sure enough.

    Sure enough is a probability of at least `confidence` for one answer to the question with the
    key `question` (docs/quality/overlap.md).
    """

    min: int
    max: int
    confidence: float
    question: str


class ProjectDetail(Struct, omit_defaults=True, kw_only=True):
    """Details of a project besides its name; `form` and the rest are Plaudit's own.

    `judges` takes the place of `overlap` where it is set. `review_percent` is how many of a hundred
    tasks are looked at where `review` is a sample (20); `lease_seconds` is how long somebody has a
    task without a sign of life (1800); `blind` keeps from annotators which model wrote what (true);
    `pseudonyms` keeps from managers who is who on the pages of quality (false); `self_review` lets
    reviewers decide on tasks that they answered (false). `rules`, `qualification`, `gold` and
    `repeats` are of quality control (docs/quality/).
    """

    ACCEPTED: ClassVar[dict[str, Any]] = {"review": Review, "feedback": GoldFeedback}

    types: list[str] | None = None
    models: list[str] | None = None
    form: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    overlap: int | None = None
    judges: AdaptiveOverlap | None = None
    guidelines: str | None = None
    review: Review | None = None
    review_percent: int | None = None
    lease_seconds: int | None = None
    blind: bool | None = None
    pseudonyms: bool | None = None
    self_review: bool | None = None
    import_mapping: dict[str, Any] | None = None
    rules: list[dict[str, Any]] | None = None
    qualification: QualificationSettings | None = None
    gold: GoldSettings | None = None
    repeats: RepeatSettings | None = None


class ArchivedProject(ProjectDetail, omit_defaults=True, kw_only=True):
    """A project as imports and archives carry it.

    `members_only` and the two quotas are set where they are given, and else stay as they are.
    """

    id: str
    name: str | None = None
    created_at: str | None = None
    members_only: bool | None = None
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None


class ArchivedBatch(Struct, omit_defaults=True, kw_only=True):
    """A batch as imports and archives carry it; without a status a new one is in progress.

    Tasks of batches with a greater `priority` are given out first.
    """

    id: str
    name: str | None = None
    project: str | Project
    created_at: str | None = None
    status: BatchStatus | None = None
    metadata: dict[str, Any] | None = None
    completed_at: str | None = None
    callback: str | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] | None = None


_DETAIL = msgspec.json.Decoder(ProjectDetail)


def project(row: core.ProjectRow) -> Project:
    """A stored project as clients see it."""
    detail = project_detail(row)
    return Project(
        id=row.project_id,
        name=row.name,
        created_at=clock.format_ms(row.created_ms),
        types=detail.types,
        models=detail.models,
    )


def project_detail(row: core.ProjectRow) -> ProjectDetail:
    """Decoded details of a stored project."""
    return _DETAIL.decode(row.detail)


def archived_project(row: core.ProjectRow) -> dict[str, Any]:
    """A stored project as archives carry it."""
    value = {"id": row.project_id, "name": row.name, "created_at": clock.format_ms(row.created_ms)}
    details: dict[str, Any] = msgspec.to_builtins(project_detail(row))
    return value | details


def batch(row: core.BatchRow, project: str | Project) -> Batch:
    """A stored batch as clients see it, with its project as an id or expanded."""
    return Batch(
        id=row.batch_id,
        name=row.name,
        project=project,
        created_at=clock.format_ms(row.created_ms),
        status=row.status,
        metadata=_as_stored(row.metadata),
        completed_at=msgspec.UNSET
        if row.completed_ms is None
        else clock.format_ms(row.completed_ms),
        callback=msgspec.UNSET if row.callback is None else row.callback,
    )


def archived_batch(row: core.BatchRow, project_id: str) -> dict[str, Any]:
    """A stored batch as archives carry it, with its priority unless that is 0."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(batch(row, project_id)))
    return value | ({"priority": row.priority} if row.priority else {})


def _as_stored(json: bytes) -> Any:
    """Stored JSON that is written as it is: a page of batches has up to 32 MiB of it."""
    return msgspec.Raw(json)
