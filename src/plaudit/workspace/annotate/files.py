"""Attachments of tasks that this server stores: found in a conversation, shown to signed-in people.

A task names them as the upload answered (`/manage/v1/attachments/…`), beside a message or in its
text; a browser has no API key, so pages say `/files/…` instead. What is found in an organization's
own store alone is shown; everything else stays what it is, a link to somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery
from plaudit.core.datasets import attachments
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole
from plaudit.model.deliveries import AttachmentRow
from plaudit.store.datasets.attachments import find_attachment, find_attachments
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2.task import Message, Thread
from plaudit.workspace.http.page import Page, PageRequest

FILES_MAX = 100
"""The most stored attachments that are shown of one task; further ones stay links."""

_HOST = r"(?:https?://[^\s/()<>\"'\\]{1,255})?"
_KEPT = re.compile(rf"{_HOST}/manage/v1/attachments/(?P<id>\w{{1,255}})", re.ASCII)
_SHOWN = re.compile(r"/files/(\w+)", re.ASCII)


class Files(Struct, frozen=True):
    """The stored attachments of a task, by id."""

    known: dict[str, AttachmentRow] = {}

    def find(self, url: str) -> AttachmentRow | None:
        """The stored attachment at a URL of a task; None if it is not stored here."""
        match = _KEPT.fullmatch(url)
        return None if match is None else self.known.get(match["id"])

    def put_into(self, text: str) -> str:
        """A text with the URLs of stored attachments replaced by paths that a browser can open."""
        if not self.known:
            return text
        return _KEPT.sub(
            lambda match: f"/files/{match['id']}" if match["id"] in self.known else match[0], text
        )

    def is_shown(self, url: str) -> bool:
        """True for an address that `put_into` writes."""
        match = _SHOWN.fullmatch(url)
        return match is not None and match[1] in self.known


async def find_files(tx: Transaction, environment_id: str, content: Sequence[Thread]) -> Files:
    """Load the stored attachments that a conversation names, the first FILES_MAX of them."""
    wanted: dict[str, None] = {}
    for text in _texts(content):
        wanted.update(dict.fromkeys(match["id"] for match in _KEPT.finditer(text)))
        if len(wanted) >= FILES_MAX:
            break
    return Files(await find_attachments(tx, environment_id, list(wanted)[:FILES_MAX]))


def _texts(content: Sequence[Thread]) -> Iterator[str]:
    for thread in content:
        for turn in thread.turns:
            for message in turn.messages:
                yield from _texts_of(message)


def _texts_of(message: Message) -> Iterator[str]:
    content = message.content
    for attachment in content.attachments or ():
        for url in (attachment.url, attachment.scale_url, attachment.transcript_url):
            yield url or ""
    yield content.text or ""
    for reference in content.reference_texts or ():
        yield reference.content or ""
        yield reference.url or ""
    yield from (chunk.text for chunk in content.chunks or ())
    yield from (step.content or "" for step in content.reasoning or ())


async def show_file(request: PageRequest[NoQuery]) -> Response:
    """GET /files/{attachment_id}: redirect to an attachment of the person's own environment."""
    async with request.db.read(snapshot=False) as tx:
        environment_id = request.user.environment_id
        attachment = await find_attachment(tx, environment_id, request.path["attachment_id"])
    if attachment is None:
        raise NotFound("there is no such file")
    location = attachments.make_link(request.secret, attachment)
    return Response(
        b"", 302, "text/plain", [(b"location", location.encode()), (b"vary", b"Cookie")]
    )


PAGES = (
    Page(
        page_id="show_file",
        path="/files/{attachment_id}",
        role=PersonRole.annotator,
        handler=show_file,
    ),
)
