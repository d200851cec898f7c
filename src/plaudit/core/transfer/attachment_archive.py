"""Attachments in archives: each file in pieces, one a line, so that none is ever in memory whole.

An import collects the pieces in a temporary file. What becomes of a file is decided with its last
piece: the blob is stored first and the row after it, as for an upload.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.datasets import attachments
from plaudit.core.datasets.attachments import IncomingFile
from plaudit.core.transfer.archive_line import archive_line
from plaudit.core.transfer.dataset_export import no_blob_store
from plaudit.core.transfer.row_group import required_moment
from plaudit.core.transfer.row_import import SourceLocation, operator_only
from plaudit.errors import Conflict, InvalidContent, Problem, Unavailable
from plaudit.model.deliveries import AttachmentRow
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Write
from plaudit.wire.archive.values import ArchivedFile
from plaudit.wire.v2.parse import convert

KIND = "attachment"
FILES_PER_READ = 500
PIECE_BYTES = 3 * 1024 * 1024
"""Bytes of a file on a line, which are a third more in base64."""

_ID = re.compile(r"attachment_[0-9a-f]{32}")
"""Ids as servers make them: they become part of a path."""

_encode = msgspec.json.Encoder().encode


async def attachment_lines(
    db: Database, environment_id: str, objects: BlobStore | None
) -> AsyncIterator[bytes]:
    """The lines of an environment's attachments, oldest first, each file in pieces.

    Raises Misconfigured if there is an attachment and `objects` is None.
    """
    after = ""
    while True:
        async with db.read() as tx:
            page = await attachments_store.list_attachments(
                tx, environment_id, after=after, limit=FILES_PER_READ
            )
        for row in page:
            if objects is None:
                raise no_blob_store()
            for offset in range(0, max(row.size, 1), PIECE_BYTES):
                end = min(offset + PIECE_BYTES, row.size)
                key = attachments.blob_key(environment_id, row.attachment_id)
                piece = b"".join([chunk async for chunk in await objects.open(key, offset, end)])
                value = _described(row, offset, base64.b64encode(piece).decode())
                yield archive_line(KIND, _encode(value))
        if len(page) < FILES_PER_READ:
            return
        after = page[-1].attachment_id


def _described(row: AttachmentRow, offset: int, content: str) -> ArchivedFile:
    return ArchivedFile(
        id=row.attachment_id,
        name=row.name,
        mime_type=row.mime_type,
        created_at=clock.format_ms(row.created_ms),
        size=row.size,
        sha256=row.digest.hex(),
        offset=offset,
        content=content,
    )


class _OpenFile(Struct):
    """A file of which some pieces have come; `file` is None for one that is stored already."""

    first: ArchivedFile
    source_location: SourceLocation
    file: IO[bytes] | None
    received: IncomingFile
    offset: int = 0


class AttachmentImport:
    """The attachments of one import, whose pieces arrive in order. `write` runs transactions.

    `record_result` is called for each attachment with its last piece.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        objects: BlobStore | None,
        record_result: Callable[[str, SourceLocation, str | Problem], None],
        *,
        is_operator: bool,
    ) -> None:
        self._write = write
        self._environment_id = environment_id
        self._objects = objects
        self._record_result = record_result
        self._is_operator = is_operator
        self._open: _OpenFile | None = None

    async def import_part(self, value: Any, source_location: SourceLocation) -> None:
        """Import a piece; raises InvalidContent or Conflict, after which the file is dropped."""
        if not self._is_operator:
            raise operator_only(KIND)
        piece, content = _read_piece(value)
        if piece.offset == 0:
            self.close()
            self._open = await self._begin(piece, source_location)
        opened = self._open
        if (
            opened is None
            or opened.offset != piece.offset
            or msgspec.structs.replace(opened.first, offset=piece.offset, content=piece.content)
            != piece
        ):
            raise InvalidContent("the pieces before this one are missing", pointer="/offset")
        try:
            outcome = await self._add(opened, content)
        except Problem:
            self._drop()
            raise
        if outcome is not None:
            self._drop()
            self._record_result(KIND, source_location, outcome)

    def close(self) -> None:
        """Reject the file whose last piece is missing, if there is one."""
        if self._open is not None:
            problem = InvalidContent(
                f"the last piece of attachment {self._open.first.id!r} is missing"
            )
            self._record_result(KIND, self._open.source_location, problem)
            self._drop()

    def _drop(self) -> None:
        if self._open is not None and self._open.file is not None:
            self._open.file.close()
        self._open = None

    async def _begin(self, piece: ArchivedFile, source_location: SourceLocation) -> _OpenFile:
        """Begin a file; raises Conflict if there is another one of its id."""
        if self._objects is None:
            raise no_blob_store()
        stored = await self._write(
            lambda tx: attachments_store.find_attachment(tx, self._environment_id, piece.id)
        )
        if stored is None:
            file: IO[bytes] | None = _temporary_file()
        elif _described(stored, 0, piece.content) == _normal(piece):
            file = None
        else:
            raise Conflict(f"attachment {piece.id!r} is stored with other values")
        return _OpenFile(piece, source_location, file, IncomingFile())

    async def _add(self, opened: _OpenFile, content: bytes) -> str | None:
        """Add bytes to a file; return the outcome if they were the last ones, else None."""
        first = opened.first
        opened.offset += len(content)
        if opened.offset > first.size or (not content and first.size):
            raise InvalidContent(
                "a piece has at least one byte, and all together as many as size says",
                pointer="/content",
            )
        if opened.file is not None:
            opened.received.update(content)
            try:
                opened.file.write(content)
                opened.file.flush()
            except OSError as exc:
                raise Unavailable(
                    f"attachment {first.id!r} cannot be kept: {exc.strerror}"
                ) from exc
        if opened.offset < first.size:
            return None
        return "unchanged" if opened.file is None else await self._store(opened, opened.file)

    async def _store(self, opened: _OpenFile, file: IO[bytes]) -> str:
        first = opened.first
        made = opened.received.make_row(first.id, self._environment_id, first.name, first.mime_type)
        row = msgspec.structs.replace(
            made, created_ms=required_moment(first.created_at, "/created_at")
        )
        if row.digest.hex() != first.sha256:
            raise InvalidContent("the bytes are not those of the file", pointer="/sha256")
        assert self._objects is not None
        key = attachments.blob_key(self._environment_id, first.id)
        self._objects.put_blocking(key, Path(file.name))
        if not await self._write(lambda tx: attachments_store.insert_attachment(tx, row)):
            raise Conflict(f"attachment {first.id!r} was stored at the same moment")
        return "added"


def _read_piece(value: Any) -> tuple[ArchivedFile, bytes]:
    piece: ArchivedFile = convert(value, ArchivedFile)
    if _ID.fullmatch(piece.id) is None:
        raise InvalidContent("an attachment's id is one that a server made", pointer="/id")
    attachments.check_name_and_type(piece.name, piece.mime_type)
    required_moment(piece.created_at, "/created_at")
    if piece.size > attachments.UPLOAD_BYTES_MAX:
        raise InvalidContent(
            f"an attachment has at most {attachments.UPLOAD_BYTES_MAX} bytes", pointer="/size"
        )
    return piece, attachments.decode_base64(piece.content, "/content")


def _normal(piece: ArchivedFile) -> ArchivedFile:
    """A piece with its time as the server writes it."""
    created_ms = required_moment(piece.created_at, "/created_at")
    return msgspec.structs.replace(piece, created_at=clock.format_ms(created_ms))


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.NamedTemporaryFile(prefix="plaudit-attachment-")
    except OSError as exc:
        raise Unavailable(f"attachments cannot be collected: {exc.strerror}") from exc
