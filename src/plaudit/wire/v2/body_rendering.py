"""The body of a task in its default rendering, with the patches that other options apply to it."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from plaudit.model.core import Opts
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import Chunk, Message, MessageContent, Thread, Turn

PATCH = struct.Struct("<BBIII")
"""A patch as it is stored: mask, wanted, start, cut, length of the replacement."""
COUNT = struct.Struct("<I")
"""Number of the patches, before them."""

_encode = msgspec.json.Encoder().encode
_DETAILS, _FILES, _MODEL, _PEOPLE = (int(opt) for opt in Opts)


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
