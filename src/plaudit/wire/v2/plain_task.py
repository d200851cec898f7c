"""The members that most tasks have, with the names of `wire/v2/task.py`, for reading them fast.

A line that has others is read as an ArchivedTask, of which a PlainTask has the attributes. Fewer
members are decoded and encoded in less time, and what no annotation has needs no look at each.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.wire.v2.annotation import TypeWord
from plaudit.wire.v2.task import (
    ErrorDetail,
    MessageRole,
    ModelParameters,
    Reasoning,
    ReferenceText,
    SensitiveContentReport,
    Submission,
)


class PlainAnnotation(Struct, omit_defaults=True, kw_only=True, gc=False):
    """An annotation with the members that are always shown."""

    title: ClassVar[None] = None
    description: ClassVar[None] = None
    labels: ClassVar[None] = None
    possible_values: ClassVar[None] = None
    not_applicable: ClassVar[None] = None
    cannot_assess: ClassVar[None] = None
    metadata: ClassVar[None] = None
    justification: ClassVar[None] = None
    votes: ClassVar[None] = None

    id: str | None = None
    key: str
    type: TypeWord | None = None
    value: Any = None


class PlainContent(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Texts of a message, without files and chunks."""

    attachments: ClassVar[None] = None
    chunks: ClassVar[None] = None

    text: str | None = None
    reference_texts: list[ReferenceText] | None = None
    reasoning: list[Reasoning] | None = None


class PlainMessage(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A message that no rubric was applied to."""

    rubric_evaluations: ClassVar[None] = None

    content: PlainContent
    role: MessageRole
    source_id: str
    model_parameters: ModelParameters | None = None
    annotations: list[PlainAnnotation]


class PlainTurn(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A turn without rubrics."""

    rubrics: ClassVar[None] = None

    id: str
    messages: list[PlainMessage]
    annotations: list[PlainAnnotation]


class PlainThread(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One conversation."""

    id: str
    turns: list[PlainTurn]
    annotations: list[PlainAnnotation]
    submissions: list[Submission] | None = None


class PlainTask(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A task that names its project and batch by their ids."""

    task_id: str
    project: str | None = None
    batch: str | None = None
    status: TaskStatus
    created_at: str | None = None
    completed_at: str | None = None
    metadata: dict[str, Any] | None = None
    errors: list[ErrorDetail] | None = None
    sensitive_content_reports: list[SensitiveContentReport] | None = None
    threads: list[PlainThread] | None = None
    content: list[PlainThread] | None = None
    unique_id: str | None = None
    callback_url: str | None = None
