"""The body of a task in its default rendering, with the patches that other options apply to it."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.model.core import Opts
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import Chunk, Message, MessageContent, Thread, Turn

PATCH = struct.Struct("<BBIII")
"""A patch as it is stored: mask, wanted, start, cut, length of the replacement."""
COUNT = struct.Struct("<I")
"""Number of the patches, before them."""

_encode = msgspec.json.Encoder().encode
_DETAILS, _FILES, _MODEL, _PEOPLE = (int(opt) for opt in Opts)
_MODEL_MEMBER = b',"model_parameters":{'
_ANNOTATIONS_MEMBER = b',"annotations":['
"""Members as they are encoded; within a text, quotation marks have a backslash before them."""


class Body(Struct, frozen=True, gc=False):
    """A body with its patches; `quotes` are the quotation marks of the list of threads, whole."""

    body: bytes
    patches: bytes | None
    quotes: int = 0


class BodyWriter:
    """Writes a body in the default rendering and notes what other options change."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.patches: list[bytes] = []
        self.payload: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self.parts.append(piece)
        self.length += len(piece)

    def patch(self, mask: int, wanted: int, start: int, cut: int, replacement: bytes) -> None:
        self.patches.append(PATCH.pack(mask, wanted, start, cut, len(replacement)))
        self.payload.append(replacement)

    def finish(self) -> tuple[bytes, bytes | None]:
        patches = None
        if self.patches:
            patches = b"".join((COUNT.pack(len(self.patches)), *self.patches, *self.payload))
        return b"".join(self.parts), patches

    def threads(self, threads: list[Thread]) -> None:
        before = b'"threads":[{"id":'
        for thread in threads:
            self.add(before + _encode(thread.id) + b',"turns":[')
            self.turns(thread.turns)
            self.add(b'],"annotations":')
            self.annotations(thread.annotations)
            if thread.submissions is not None:
                people = b',"submissions":' + _encode(thread.submissions)
                self.patch(_PEOPLE, _PEOPLE, self.length, 0, people)
            before = b'},{"id":'
        self.add(b"}]}")

    def turns(self, turns: list[Turn]) -> None:
        before = b'{"id":'
        for turn in turns:
            self.add(before + _encode(turn.id) + b',"messages":[')
            for number, message in enumerate(turn.messages):
                self.message(message, b"," if number else b"")
            self.add(b'],"annotations":')
            self.annotations(turn.annotations)
            if turn.rubrics is not None:
                self.add(b',"rubrics":')
                self.tree(turn.rubrics)
            self.add(b"}")
            before = b',{"id":'

    def message(self, message: Message, before: bytes) -> None:
        content = message.content
        self.add(before + b'{"content":')
        if content.attachments is None and content.chunks is None:
            self.add(_encode(content))
        else:
            self.content(content)
        self.add(
            b',"role":"%b","source_id":%b'
            % (message.role.value.encode(), _encode(message.source_id))
        )
        if message.model_parameters is not None:
            model = b',"model_parameters":' + _encode(message.model_parameters)
            self.patch(_MODEL, 0, self.length, len(model), b"")
            self.add(model)
        self.add(b',"annotations":')
        self.annotations(message.annotations)
        if message.rubric_evaluations is not None:
            self.add(b',"rubric_evaluations":')
            self.tree(message.rubric_evaluations)
        self.add(b"}")

    def content(self, content: MessageContent) -> None:
        """Write a content whose attachments are shown on request, or that has chunks."""
        shown = _encode(
            MessageContent(
                text=content.text,
                reference_texts=content.reference_texts,
                reasoning=content.reasoning,
            )
        )
        self.add(shown[:-1])
        separator = b"" if shown == b"{}" else b","
        if content.chunks is not None:
            self.add(separator + b'"chunks":')
            self.chunks(content.chunks)
            separator = b","
        if content.attachments is not None:
            files = separator + b'"attachments":' + _encode(content.attachments)
            self.patch(_FILES, _FILES, self.length, 0, files)
        self.add(b"}")

    def chunks(self, chunks: list[Chunk]) -> None:
        self.add(b"[")
        for number, chunk in enumerate(chunks):
            head = b'{"type":%b,"text":%b,"annotations":' % (
                _encode(chunk.type),
                _encode(chunk.text),
            )
            self.add(b"," + head if number else head)
            self.annotations(chunk.annotations)
            self.add(b"}")
        self.add(b"]")

    def annotations(self, full: list[Annotation]) -> None:
        """Write id, key, type and value; the rest becomes patches of the whole list."""
        shown = [Annotation(id=a.id, key=a.key, type=a.type, value=a.value) for a in full]
        start, plain = self.length, _encode(shown)
        self.add(plain)
        if shown == full:
            return
        detailed = _encode([_copy(a, votes=False) for a in full])
        if all(a.votes is None for a in full):
            self.patch(_DETAILS, _DETAILS, start, len(plain), detailed)
            return
        both = _DETAILS | _PEOPLE
        voted = _encode([_copy(a, details=False) for a in full])
        self.patch(both, _DETAILS, start, len(plain), detailed)
        self.patch(both, _PEOPLE, start, len(plain), voted)
        self.patch(both, both, start, len(plain), _encode(full))

    def tree(self, value: Any) -> None:
        """Write rubrics or evaluations: any structs, with lists of annotations inside them."""
        if isinstance(value, list):
            self.add(b"[")
            for number, item in enumerate(value):
                if number:
                    self.add(b",")
                self.tree(item)
            self.add(b"]")
            return
        separator = b"{"
        for name in value.__struct_fields__:
            field = getattr(value, name)
            if field is None:
                continue
            self.add(separator + b'"%b":' % name.encode())
            separator = b","
            if name == "annotations":
                self.annotations(field)
            elif isinstance(field, list):
                self.tree(field)
            else:
                self.add(_encode(field))
        self.add(b"}" if separator == b"," else b"{}")


def _copy(annotation: Annotation, *, details: bool = True, votes: bool = True) -> Annotation:
    if not details:
        return Annotation(
            id=annotation.id,
            key=annotation.key,
            type=annotation.type,
            value=annotation.value,
            votes=annotation.votes,
        )
    copy = msgspec.structs.replace(annotation)
    copy.votes = annotation.votes if votes else None
    return copy


def plain_body(threads: list[Thread]) -> Body | None:
    """Body of threads with the members of a PlainThread alone; None where it is not as simple.

    Threads are encoded whole: but for submissions and models, they show what the default shows.
    """
    writer = BodyWriter()
    before = b'"threads":['
    quotes = 0
    for thread in threads:
        writer.add(before)
        before = b","
        written = _encode(thread)
        quotes += written.count(b'"')
        people = None
        if thread.submissions is not None:
            people = b',"submissions":' + _encode(thread.submissions)
            written = written[: -1 - len(people)] + b"}"
        model_count = sum(
            message.model_parameters is not None
            for turn in thread.turns
            for message in turn.messages
        )
        at = written.find(_MODEL_MEMBER)
        while at >= 0:
            end = written.index(_ANNOTATIONS_MEMBER, at)
            writer.patch(_MODEL, 0, writer.length + at, end - at, b"")
            model_count -= 1
            at = written.find(_MODEL_MEMBER, at + 1)
        if model_count:  # a value of an annotation has such a member
            return None
        writer.add(written)
        if people is not None:
            writer.patch(_PEOPLE, _PEOPLE, writer.length - 1, 0, people)
    writer.add(b"]}")
    return Body(*writer.finish(), quotes)
