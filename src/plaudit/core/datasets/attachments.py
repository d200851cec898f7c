"""Attachments: keep files, and lead to them by links that are signed and do not last.

The object comes first and the row after it, so a row always leads to whole, durable bytes. What was
kept for a row that never came is deleted by `sweep`. Names and media types are what the uploader
said: they are shown, never used as a path, and never decide what a browser does with the bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator

from plaudit import clock, ids
from plaudit.core.common import names
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.deliveries import AttachmentRow
from plaudit.store.accounts import organizations
from plaudit.store.datasets import attachments
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Transaction

LINK_SECONDS = 300
UPLOAD_BYTES_MAX = 1024 * 1024 * 1024
SNIFFED_BYTES = 32
SWEPT_AFTER_MS = 24 * 60 * 60 * 1000
"""How old an object without a row must be: older than any request or import transaction."""

SHOWN = {
    "image/png": (),
    "image/jpeg": ("image/jpg",),
    "image/gif": (),
    "image/webp": (),
    "audio/mpeg": ("audio/mp3",),
    "audio/wav": ("audio/x-wav", "audio/wave", "audio/vnd.wave"),
    "video/mp4": ("audio/mp4",),
}
"""Media types that a browser may show in place, each with the other words for it."""

_MPEG_LAYER_3 = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")
_SIGNATURE_CHARS = 64


class IncomingFile:
    """What is learned of a file while its bytes go by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._first = b""
        self._size = 0

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        self._digest.update(piece)
        self._first += piece[: SNIFFED_BYTES - len(self._first)]
        self._size += len(piece)

    def attachment(
        self, attachment_id: str, environment_id: str, name: str | None, mime_type: str | None
    ) -> AttachmentRow:
        """The row, once all bytes have gone by."""
        return AttachmentRow(
            attachment_id=attachment_id,
            environment_id=environment_id,
            name=name,
            mime_type=mime_type,
            shown_as=shown_as(mime_type, self._first),
            size=self._size,
            digest=self._digest.digest(),
            created_ms=clock.now_ms(),
        )


async def keep(
    objects: BlobStore,
    environment_id: str,
    pieces: AsyncIterator[bytes],
    *,
    name: str | None,
    mime_type: str | None,
) -> AttachmentRow:
    """Keep a file whose bytes arrive in pieces; return the row, which the caller adds."""
    attachment_id, received = ids.mint("attachment"), IncomingFile()

    async def passing() -> AsyncIterator[bytes]:
        async for piece in pieces:
            received.take(piece)
            yield piece

    await objects.put(key_of(environment_id, attachment_id), passing())
    return received.attachment(attachment_id, environment_id, name, mime_type)


def keep_now(
    objects: BlobStore,
    environment_id: str,
    content: bytes,
    *,
    name: str | None,
    mime_type: str | None,
) -> AttachmentRow:
    """Keep a small file without an event loop; return the row, which the caller adds."""
    attachment_id, received = ids.mint("attachment"), IncomingFile()
    received.take(content)
    objects.put_now(key_of(environment_id, attachment_id), content)
    return received.attachment(attachment_id, environment_id, name, mime_type)


def digest_of(content: bytes) -> bytes:
    """The digest that an attachment of these bytes has."""
    return hashlib.sha256(content).digest()


def key_of(environment_id: str, attachment_id: str) -> str:
    """The key of an attachment's object."""
    return f"{environment_id}/{attachment_id}"


def checked(name: str | None, mime_type: str | None, pointer: str = "") -> None:
    """Raise InvalidContent for a name or a media type that cannot be kept."""
    if name is not None:
        names.checked(name, f"{pointer}/name")
    if mime_type is not None and not ids.is_usable(mime_type):
        raise InvalidContent(
            "a media type has 1 to 255 characters, no control characters",
            pointer=f"{pointer}/mime_type",
        )


def decoded(content: str, pointer: str) -> bytes:
    """The bytes of base64 (RFC 4648, with padding); raises InvalidContent."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidContent("expected base64", pointer=pointer) from exc


def shown_as(mime_type: str | None, first: bytes) -> str:
    """The media type under which a browser may show a file; empty if it may not.

    It must be one of `SHOWN` by the file's first bytes, and by its uploader's word if there is one.
    """
    found = _sniffed(first)
    if mime_type is None:
        return found
    declared = mime_type.partition(";")[0].strip().lower()
    return found if found and declared in (found, *SHOWN[found]) else ""


def _sniffed(first: bytes) -> str:
    is_riff = first[:4] == b"RIFF"
    signs = {
        "image/png": first.startswith(b"\x89PNG\r\n\x1a\n"),
        "image/jpeg": first.startswith(b"\xff\xd8\xff"),
        "image/gif": first.startswith((b"GIF87a", b"GIF89a")),
        "image/webp": is_riff and first[8:12] == b"WEBP",
        "audio/wav": is_riff and first[8:12] == b"WAVE",
        "audio/mpeg": first.startswith((b"ID3", *_MPEG_LAYER_3)),
        "video/mp4": first[4:8] == b"ftyp",
    }
    return next((name for name, is_it in signs.items() if is_it), "")


def link(secret: ServerSecret, attachment: AttachmentRow) -> str:
    """A path that leads to an attachment for `LINK_SECONDS`, whoever follows it."""
    expires = clock.now_ms() // 1000 + LINK_SECONDS
    mac = secret.link_macs(_signed(attachment.environment_id, attachment.attachment_id, expires))[0]
    return f"/attachments/{attachment.attachment_id}?expires={expires}&signature={mac.hex()}"


async def find_linked(
    tx: Transaction, secret: ServerSecret, attachment_id: str, expires: str, signature: str
) -> AttachmentRow:
    """The attachment that a link leads to; raises NotFound, whatever is wrong with the link."""
    refusal = NotFound("there is no such attachment, or the link to it is no longer valid")
    is_number = expires.isascii() and expires.isdecimal() and len(expires) <= 12
    # One spelling of a moment and of a code, so that a link changed in any way is another link.
    if not is_number or expires != str(int(expires)) or len(signature) != _SIGNATURE_CHARS:
        raise refusal
    if int(expires) * 1000 <= clock.now_ms():
        raise refusal
    found = await attachments.find_attachment_of_any_world(tx, attachment_id)
    environment_id = "" if found is None else found.environment_id
    given = signature.encode("utf-8", "replace")
    codes = secret.link_macs(_signed(environment_id, attachment_id, int(expires)))
    is_ours = [hmac.compare_digest(given, code.hex().encode()) for code in codes]
    if found is None or not any(is_ours):
        raise refusal
    return found


def _signed(environment_id: str, attachment_id: str, expires: int) -> bytes:
    return f"{environment_id}\0{attachment_id}\0{expires}".encode()


async def sweep(db: Database, objects: BlobStore) -> int:
    """Delete the objects of more than a day that no row names; return how many.

    What lies under no organization of this store is another's and left alone.
    """
    async with db.read() as tx:
        environment_ids = await organizations.list_environment_ids(tx)
    deleted = 0
    async for keys in objects.list_older(clock.now_ms() - SWEPT_AFTER_MS):
        orphans = []
        async with db.read() as tx:
            for key in keys:
                environment_id, _, attachment_id = key.partition("/")
                if environment_id not in environment_ids:
                    continue
                if await attachments.find_attachment(tx, environment_id, attachment_id) is None:
                    orphans.append(key)
        if orphans:
            await objects.delete(orphans)
        deleted += len(orphans)
    return deleted
