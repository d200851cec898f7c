"""The v2 task tree, field for field: task, threads, turns, messages and what hangs on them.

The structs have every field of the documentation in the order it is written (see "Models" in
docs/compatibility.md). Absent and null mean the same, and unset fields are not written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from plaudit.model.core import TaskStatus
from plaudit.wire.v2.annotation import Annotation, BasicFile, Int64, Number
from plaudit.wire.v2.resources import Batch, Project


class MessageRole(StrEnum):
    """Role of a message's author; the official client refuses any other word."""

    system = "system"
    user = "user"
    assistant = "assistant"
    function = "function"


class ErrorType(StrEnum):
    """Why a task could not be done; the official client knows exactly these."""

    unsupported_language = "UNSUPPORTED_LANGUAGE"
    language_mismatch = "LANGUAGE_MISMATCH"
    prompt_length_exceeded = "PROMPT_LENGTH_EXCEEDED"
    invalid_category = "INVALID_CATEGORY"
    prompt_infeasible = "PROMPT_INFEASIBLE"


class ReferenceText(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A text the conversation refers to."""

    content: str | None = None
    category: str | None = None
    url: str | None = None


class Attachment(BasicFile, omit_defaults=True, kw_only=True, gc=False):
    """A file, image or audio recording in a message; shown under `opts=attachment_details`."""

    file_size_in_bytes: Int64 | None = None
    duration: Number | None = None
    transcript: str | None = None
    transcript_url: str | None = None
    transcript_start: Number | None = None
    transcript_end: Number | None = None


class Chunk(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A piece of a message's text with annotations of its own, such as one reasoning step."""

    type: str
    text: str
    annotations: list[Annotation]


class Reasoning(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A model's reasoning, apart from its answer."""

    content: str | None = None


class MessageContent(Struct, omit_defaults=True, kw_only=True, gc=False):
    """What a message says. All fields are optional."""

    text: str | None = None
    reference_texts: list[ReferenceText] | None = None
    attachments: list[Attachment] | None = None
    chunks: list[Chunk] | None = None
    reasoning: list[Reasoning] | None = None


class ModelParameters(Struct, omit_defaults=True, kw_only=True, gc=False):
    """How the model that wrote a message was run."""

    model: str | None = None
    temperature: Number | None = None
    max_completion_tokens: Int64 | None = None
    top_p: Number | None = None
    top_k: Int64 | None = None


class CriterionEvaluation(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One message's score on one rubric criterion, unweighted."""

    criterion_definition_id: str | None = None
    score: Number | None = None
    annotations: list[Annotation] | None = None


class RubricEvaluation(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One message judged by a rubric. `total_score` is the sum of score times weight."""

    criteria_evaluations: list[CriterionEvaluation] | None = None
    annotations: list[Annotation] | None = None
    total_score: Number | None = None
    percentage: Number | None = None


class Message(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One utterance. Within a turn, messages are told apart by `source_id` alone."""

    content: MessageContent
    role: MessageRole
    source_id: str
    model_parameters: ModelParameters | None = None
    annotations: list[Annotation]
    rubric_evaluations: list[RubricEvaluation] | None = None


class CriterionDefinition(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One criterion of a rubric."""

    id: str
    criterion: str
    weight: Number | None = None
    annotations: list[Annotation]


class Rubric(Struct, omit_defaults=True, kw_only=True, gc=False):
    """The criteria that a turn's responses are judged by."""

    criteria_definitions: list[CriterionDefinition]
    max_total_score: Int64 | None = None


class Turn(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A prompt and the responses to it, with annotations that compare them."""

    id: str
    messages: list[Message]
    annotations: list[Annotation]
    rubrics: list[Rubric] | None = None


ActiveTime = Annotated[int, Meta(ge=0, le=2**53)]
"""Milliseconds that readers of JSON keep exactly."""


class Submission(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Judgment of a thread by one person: its author and time; shown under `opts=submissions`.

    `active_ms` is how long the person worked on it, and `display` the sources of each turn's
    responses in the order in which the person saw them, by the turn's id.
    """

    submitted_at: str | None = None
    contributor_id: str | None = None
    active_ms: ActiveTime | None = None
    display: dict[str, list[str]] | None = None


class Thread(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One conversation."""

    id: str
    turns: list[Turn]
    annotations: list[Annotation]
    submissions: list[Submission] | None = None


class ErrorDetail(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Why a task ended in `error`."""

    type: ErrorType | None = None
    message: str | None = None


class SensitiveContentReport(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A contributor's report that the content must not be worked on."""

    type: str | None = None
    message: str | None = None


class Task(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One unit of work and, when done, one delivered object.

    `threads` is empty until the task is completed, and absent when content was reported.
    """

    task_id: str
    project: str | Project
    batch: str | Batch | None = None
    status: TaskStatus
    created_at: str
    completed_at: str | None = None
    metadata: dict[str, Any] | None = None
    errors: list[ErrorDetail] | None = None
    sensitive_content_reports: list[SensitiveContentReport] | None = None
    threads: list[Thread] | UnsetType = UNSET


class ArchivedTask(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A task as imports and archives carry it: the wire shape and what the wire does not show.

    `content` is the prepared conversation of a task that is not completed.
    """

    task_id: str
    project: str | Project | None = None
    batch: str | Batch | None = None
    status: TaskStatus
    created_at: str | None = None
    completed_at: str | None = None
    metadata: dict[str, Any] | None = None
    errors: list[ErrorDetail] | None = None
    sensitive_content_reports: list[SensitiveContentReport] | None = None
    threads: list[Thread] | None = None
    content: list[Thread] | None = None
    unique_id: str | None = None
    callback_url: str | None = None


class TaskPage(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One page of tasks; `next_token` is present while more follow."""

    tasks: list[Task]
    next_token: str | None = None
