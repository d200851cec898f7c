"""Attachments of tasks that this server stores: found in a conversation, shown to signed-in people.

A task names them as the upload answered (`/manage/v1/attachments/…`), beside a message or in its
text; a browser has no API key, so pages say `/files/…` instead. What is found in an organization's
own store alone is shown; everything else stays what it is, a link to somewhere.

The path on a page is sealed for the person who reads it: it opens a file for whoever was shown a
task that names it, while they still see the project, and for nobody else who learns its id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

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
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest

PATH = "/files/{project_id}/{attachment_id}/{seal}"

FILES_MAX = 100
"""The most stored attachments that are shown of one task; further ones stay links."""

_HOST = r"(?:https?://[^\s/()<>\"'\\]{1,255})?"
_PATH = r"/manage/v1/attachments/(?P<id>\w{1,255})"
_KEPT = re.compile(_HOST + _PATH, re.ASCII)
# Without the host, so that a search leaps from one path to the next.
_NAMED = re.compile(_PATH, re.ASCII)


class Files(Struct, frozen=True):
    """The stored attachments of a task by id, with the path of each for who reads the page."""

    known: dict[str, AttachmentRow] = {}
    paths: dict[str, str] = {}

    def find(self, url: str) -> AttachmentRow | None:
        """The stored attachment at a URL of a task; None if it is not stored here."""
        match = _KEPT.fullmatch(url)
        return None if match is None else self.known.get(match["id"])

    def put_into(self, text: str) -> str:
        """A text with the URLs of stored attachments replaced by paths that a browser can open."""
        if not self.known:
            return text
        return _KEPT.sub(
            lambda match: self.paths[match["id"]] if match["id"] in self.known else match[0], text
        )

    def addresses(self) -> list[str]:
        """The paths that `put_into` writes."""
        return list(self.paths.values())


async def read_conversation(
    request: PageRequest[Any], decode: Callable[[], list[Thread]]
) -> tuple[list[Thread], Files]:
    """Decode a conversation outside the event loop, and load the stored attachments it names."""

    def work() -> tuple[list[Thread], list[str]]:
        content = decode()
        return content, list_named(content)

    content, named = await request.run_in_thread(work)
    async with request.db.read(snapshot=False) as tx:
        return content, await find_files(tx, request, named)


async def find_files(
    tx: Transaction, request: PageRequest[Any], attachment_ids: Sequence[str]
) -> Files:
    """The stored ones of these attachments, with their paths for the person of the request.

    The request is about a task of the project in its path, which names the attachments.
    """
    known = await find_attachments(tx, request.user.environment_id, attachment_ids)
    return Files(known, {one: _path_of(request, one) for one in known})


def _path_of(request: PageRequest[Any], attachment_id: str) -> str:
    project_id = request.path["project_id"]
    seal = attachments.make_seal(
        request.secret,
        project_id=project_id,
        user_id=request.user.user_id,
        attachment_id=attachment_id,
    )
    return links.fill_path(PATH, project_id=project_id, attachment_id=attachment_id, seal=seal)


def list_named(content: Sequence[Thread]) -> list[str]:
    """Ids of attachments that a conversation names as this server would, FILES_MAX at most."""
    return list_named_in(_texts(content))


def list_named_in(texts: Iterable[str]) -> list[str]:
    """Ids of attachments that texts name as this server would, FILES_MAX at most."""
    wanted: dict[str, None] = {}
    for text in texts:
        for match in _NAMED.finditer(text):
            wanted[match["id"]] = None
            if len(wanted) == FILES_MAX:
                return list(wanted)
    return list(wanted)


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
    """GET /files/…: redirect to an attachment that a page showed the person; raises NotFound."""
    attachment_id, environment_id = request.path["attachment_id"], request.user.environment_id
    is_shown = attachments.is_sealed(
        request.secret,
        request.path["seal"],
        project_id=request.path["project_id"],
        user_id=request.user.user_id,
        attachment_id=attachment_id,
    )
    attachment = None
    if is_shown:
        async with request.db.read(snapshot=False) as tx:
            attachment = await find_attachment(tx, environment_id, attachment_id)
    if attachment is None:
        raise NotFound("there is no such file")
    location = attachments.make_link(request.secret, attachment)
    return Response(
        b"", 302, "text/plain", [(b"location", location.encode()), (b"vary", b"Cookie")]
    )


PAGES = (
    Page(
        page_id="show_file",
        path=PATH,
        role=PersonRole.annotator,
        handler=show_file,
    ),
)
