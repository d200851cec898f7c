"""Tasks as reports read them: the few members of the stored JSON that statistics need."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.model.core import StoredTask
from plaudit.wire.v2.task import MessageRole


class ReadAnnotation(Struct):
    """An annotation's key, type and value."""

    key: str
    type: str | None = None
    value: Any = None


class ReadChunk(Struct):
    """A piece of a message."""

    text: str = ""
    annotations: list[ReadAnnotation] = []


class ReadScore(Struct):
    """A message's score on a criterion."""

    criterion_definition_id: str | None = None
    score: float | None = None
    annotations: list[ReadAnnotation] | None = None


class ReadEvaluation(Struct):
    """A message judged by a rubric."""

    criteria_evaluations: list[ReadScore] | None = None


class ReadContent(Struct):
    """Text of a message, and its pieces."""

    text: str | None = None
    chunks: list[ReadChunk] | None = None


class ReadParameters(Struct):
    """Name of the model that wrote a message."""

    model: str | None = None


class ReadMessage(Struct):
    """A message of a turn."""

    content: ReadContent
    role: str
    source_id: str
    annotations: list[ReadAnnotation] = []
    model_parameters: ReadParameters | None = None
    rubric_evaluations: list[ReadEvaluation] | None = None

    @property
    def text(self) -> str:
        """The message's text, "" without one."""
        return self.content.text or ""

    @property
    def model(self) -> str:
        """Name of the model, else of the source."""
        parameters = self.model_parameters
        return (parameters.model if parameters is not None else None) or self.source_id


class ReadTurn(Struct):
    """A turn of a thread."""

    id: str
    messages: list[ReadMessage]
    annotations: list[ReadAnnotation] = []

    @property
    def responses(self) -> list[ReadMessage]:
        """The messages of the assistant."""
        return [one for one in self.messages if one.role == MessageRole.assistant]


class ReadThread(Struct):
    """A thread of a task."""

    turns: list[ReadTurn]
    annotations: list[ReadAnnotation] = []


class _Threads(Struct):
    threads: list[ReadThread] = []


_decode_body = msgspec.json.Decoder(_Threads).decode
_decode_content = msgspec.json.Decoder(list[ReadThread]).decode


def threads_of(task: StoredTask) -> list[ReadThread]:
    """The threads of a completed task; the prepared conversation of any other."""
    if task.body is not None:
        return _decode_body(b"{" + task.body).threads
    return _decode_content(task.content) if task.content else []


def value_in(annotations: list[ReadAnnotation] | None, key: str) -> Any:
    """Value of the annotation of a key; None without one."""
    for annotation in annotations or ():
        if annotation.key == key:
            return annotation.value
    return None
