"""Parts of a message as pages show them: files, references, and whose results of tools they are.

All that a message may hold can be read on the page; what a browser cannot open is written out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from plaudit.core.common.blank_text import is_blank
from plaudit.wire.v2.task import (
    Attachment,
    Chunk,
    MessageContent,
    MessageRole,
    ReferenceText,
    Turn,
)
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.language.speech import number, say
from plaudit.workspace.render import rich_text
from plaudit.workspace.render.text_batch import RenderedText, TextBatch

ToolResults = dict[int, list[int]]
"""Indexes of the results of tools that follow a response, by the index of that response."""

PLAIN_CHUNK = "text"
"""Type of a chunk that is not named on the page."""


class Address(NamedTuple):
    """An address that a message names; `url` is None if a browser must not open it."""

    name: str
    text: str
    url: str | None


class FileShown(Struct, frozen=True):
    """A file beside a message. `shown_as` is image, audio, video, link or name; only files that
    this server keeps are shown or played.

    `facts` are its size and length in words, `text` its content if that stands in the message.
    """

    name: str
    kind: str
    shown_as: str
    url: str | None
    transcript: str | None
    facts: list[str] = []
    addresses: list[Address] = []
    text: str | None = None


class ReferenceShown(Struct, frozen=True):
    """A text that a message refers to; the body is None without one."""

    name: str
    body: RenderedText | None
    address: Address | None


def file_shown(attachment: Attachment, files: Files) -> FileShown:
    """A file beside a message, as pages show it."""
    url = attachment.url or attachment.scale_url or ""
    kept = files.find(url)
    mime = attachment.mime_type or (kept and kept.mime_type) or ""
    name = (
        attachment.name or (kept and kept.name) or urlsplit(url).path.rpartition("/")[2] or "file"
    )
    opened = address_shown(name, url, files).url if url else None
    if kept is not None:
        shown_as = _shown_as(kept.shown_as, mime)
    else:
        shown_as = "name" if opened is None else "link"
    text, size = _content(attachment)
    return FileShown(
        name,
        mime or "file",
        shown_as,
        opened,
        attachment.transcript,
        [*size, *_facts(attachment)],
        list(_addresses(attachment, "" if kept is None else url, files)),
        text,
    )


def reference_shown(reference: ReferenceText, files: Files, texts: TextBatch) -> ReferenceShown:
    """A text that a message refers to, as pages show it."""
    name = reference.category or say("Reference")
    url = reference.url or ""
    return ReferenceShown(
        name,
        rendered(reference.content, files, texts),
        address_shown(say("Source"), url, files) if url else None,
    )


def rendered(
    text: str | None, files: Files, texts: TextBatch, *, is_mapped: bool = False
) -> RenderedText | None:
    """A message's markdown to be rendered with the attachments of this server; None if blank.

    It has a map to the text if that is wanted, unless addresses in it are written otherwise.
    """
    if text is None or is_blank(text):
        return None
    shown = files.put_into(text)
    return texts.add(shown, files.addresses(), is_mapped=is_mapped and shown == text)


def address_shown(name: str, address: str, files: Files) -> Address:
    """An address with the URL under which a browser opens it, if it may."""
    kept = files.find(address)
    if kept is not None:
        return Address(name, address, files.paths[kept.attachment_id])
    is_open = urlsplit(address).scheme in ("http", "https")
    return Address(name, address, address if is_open else None)


def tool_results(turn: Turn) -> ToolResults:
    """The results of tools in a turn, by the response that they follow.

    Messages have no other reference to one another than their order. Results that follow the
    prompt are part of what all responses answer, and not among these.
    """
    found: ToolResults = {}
    response: int | None = None
    for index, message in enumerate(turn.messages):
        if message.role is MessageRole.assistant:
            response = index
        elif message.role is not MessageRole.function:
            response = None
        elif response is not None:
            found.setdefault(response, []).append(index)
    return found


def own_text(content: MessageContent) -> str | None:
    """Text of a message that is to be shown: None if its chunks say it, or if there is none."""
    text = content.text or ""
    if is_blank(text):
        return None
    if content.chunks and _squeezed([text]) == _squeezed(chunk.text for chunk in content.chunks):
        return None
    return text


def is_empty(content: MessageContent) -> bool:
    """True for a message that says nothing beside its reasoning."""
    return own_text(content) is None and not (
        content.chunks or content.attachments or content.reference_texts
    )


def chunk_kind(chunk: Chunk) -> str | None:
    """Type of a chunk, None for plain text."""
    kind = chunk.type
    return None if kind in ("", PLAIN_CHUNK) else kind


def _squeezed(texts: Sequence[str] | Iterator[str]) -> str:
    return "".join("".join(texts).split())


def _addresses(attachment: Attachment, kept: str, files: Files) -> Iterator[Address]:
    """Addresses of an attachment, without that of the file that this server keeps."""
    for name, address in (
        (say("Address"), attachment.url),
        (say("Copy"), attachment.scale_url),
        (say("Transcript"), attachment.transcript_url),
    ):
        if address and address != kept:
            yield address_shown(name, address, files)


def _content(attachment: Attachment) -> tuple[str | None, list[str]]:
    """Content that an attachment carries: a text, or else how many bytes it has in words."""
    if not attachment.content:
        return None, []
    try:
        content = base64.b64decode(attachment.content, validate=True)
    except (binascii.Error, ValueError):
        return attachment.content, []
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None, [say("%(count)s bytes inside of the message", count=number(len(content)))]
    return rich_text.readable(text), []


def _facts(attachment: Attachment) -> Iterator[str]:
    if attachment.file_size_in_bytes is not None:
        yield say(
            "%(file_size_in_bytes)s bytes", file_size_in_bytes=number(attachment.file_size_in_bytes)
        )
    if attachment.duration is not None:
        yield f"{attachment.duration} s"
    start, end = attachment.transcript_start, attachment.transcript_end
    if start is not None and end is not None:
        yield say("transcript from %(start)s s to %(end)s s", start=start, end=end)
    elif start is not None or end is not None:
        yield (
            say("transcript from %(start)s s", start=start)
            if end is None
            else say("transcript to %(end)s s", end=end)
        )


def _shown_as(sniffed: str, mime: str) -> str:
    """`FileShown.shown_as` of a kept file; `sniffed` is the media type of its first bytes."""
    kind = sniffed.partition("/")[0]
    if kind == "video" and mime.startswith("audio/"):
        return "audio"
    return kind or "link"
