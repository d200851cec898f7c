"""Attachments: store files, and make signed links to them that expire (ADR 0017).

The blob is stored first and the row after it, so a row always refers to whole, durable bytes. Blobs
whose row was never written are deleted by `sweep`. Names and media types come from the uploader:
they are shown, never used as a path, and never decide what a browser does with the bytes.
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
"""Minimum age in milliseconds of a blob to be swept: longer than any request or import."""

DISPLAY_TYPES = {
    "image/png": (),
    "image/jpeg": ("image/jpg",),
    "image/gif": (),
    "image/webp": (),
    "audio/mpeg": ("audio/mp3",),
    "audio/wav": ("audio/x-wav", "audio/wave", "audio/vnd.wave"),
    "video/mp4": ("audio/mp4",),
}
"""Media types that a browser may show inline, each with its aliases."""

_MPEG_LAYER_3 = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")
_SIGNATURE_CHARS = 64
_SEAL_CHARS = 32


class IncomingFile:
    """Size, SHA-256 and first bytes of a file, collected while it is streamed."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._first = b""
        self._size = 0

    def update(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._digest.update(chunk)
        self._first += chunk[: SNIFFED_BYTES - len(self._first)]
        self._size += len(chunk)

    def make_row(
        self, attachment_id: str, environment_id: str, name: str | None, mime_type: str | None
    ) -> AttachmentRow:
        """Return the attachment's row, once all bytes were added."""
        return AttachmentRow(
            attachment_id=attachment_id,
            environment_id=environment_id,
            name=name,
            mime_type=mime_type,
            shown_as=choose_display_type(mime_type, self._first),
            size=self._size,
            digest=self._digest.digest(),
            created_ms=clock.now_ms(),
        )


async def store_file(
    blobs: BlobStore,
    environment_id: str,
    chunks: AsyncIterator[bytes],
    *,
    name: str | None,
    mime_type: str | None,
) -> AttachmentRow:
    """Store a file that arrives in chunks; return its row, which the caller inserts."""
    attachment_id, received = ids.mint("attachment"), IncomingFile()

    async def observed() -> AsyncIterator[bytes]:
        async for chunk in chunks:
            received.update(chunk)
            yield chunk

    await blobs.put(blob_key(environment_id, attachment_id), observed())
    return received.make_row(attachment_id, environment_id, name, mime_type)


def store_file_now(
    blobs: BlobStore,
    environment_id: str,
    content: bytes,
    *,
    name: str | None,
    mime_type: str | None,
) -> AttachmentRow:
    """Store a small file, blocking; return its row, which the caller inserts."""
    attachment_id, received = ids.mint("attachment"), IncomingFile()
    received.update(content)
    blobs.put_blocking(blob_key(environment_id, attachment_id), content)
    return received.make_row(attachment_id, environment_id, name, mime_type)


def hash_content(content: bytes) -> bytes:
    """Return the SHA-256 of an attachment's content."""
    return hashlib.sha256(content).digest()


def blob_key(environment_id: str, attachment_id: str) -> str:
    """Return the key of an attachment's blob."""
    return f"{environment_id}/{attachment_id}"


def check_name_and_type(name: str | None, mime_type: str | None, pointer: str = "") -> None:
    """Raise InvalidContent for an unusable name or media type; None is fine."""
    if name is not None:
        names.check_name(name, f"{pointer}/name")
    if mime_type is not None and not ids.is_usable(mime_type):
        raise InvalidContent(
            "a media type has 1 to 255 characters, no control characters",
            pointer=f"{pointer}/mime_type",
        )


def decode_base64(content: str, pointer: str) -> bytes:
    """Decode base64 (RFC 4648, with padding); raises InvalidContent."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidContent("expected base64", pointer=pointer) from exc


def choose_display_type(mime_type: str | None, first: bytes) -> str:
    """Return the media type under which a browser may show a file; empty to download it only.

    It must be one of `DISPLAY_TYPES` by the file's first bytes, and by `mime_type` unless None.
    """
    sniffed = _sniff_type(first)
    if mime_type is None:
        return sniffed
    declared = mime_type.partition(";")[0].strip().lower()
    return sniffed if sniffed and declared in (sniffed, *DISPLAY_TYPES[sniffed]) else ""


def _sniff_type(first: bytes) -> str:
    is_riff = first[:4] == b"RIFF"
    signatures = {
        "image/png": first.startswith(b"\x89PNG\r\n\x1a\n"),
        "image/jpeg": first.startswith(b"\xff\xd8\xff"),
        "image/gif": first.startswith((b"GIF87a", b"GIF89a")),
        "image/webp": is_riff and first[8:12] == b"WEBP",
        "audio/wav": is_riff and first[8:12] == b"WAVE",
        "audio/mpeg": first.startswith((b"ID3", *_MPEG_LAYER_3)),
        "video/mp4": first[4:8] == b"ftyp",
    }
    return next((name for name, matches in signatures.items() if matches), "")


def make_link(secret: ServerSecret, attachment: AttachmentRow) -> str:
    """Return a signed path to an attachment, which anybody may use for `LINK_SECONDS`."""
    expires = clock.now_ms() // 1000 + LINK_SECONDS
    mac = secret.link_macs(
        _signed_payload(attachment.environment_id, attachment.attachment_id, expires)
    )[0]
    return f"/attachments/{attachment.attachment_id}?expires={expires}&signature={mac.hex()}"


async def find_linked(
    tx: Transaction, secret: ServerSecret, attachment_id: str, expires: str, signature: str
) -> AttachmentRow:
    """Return the attachment of a signed link; raises NotFound for any invalid link."""
    refusal = NotFound("there is no such attachment, or the link to it is no longer valid")
    is_number = expires.isascii() and expires.isdecimal() and len(expires) <= 12
    # One spelling of time and signature each, so that no changed link is valid.
    if not is_number or expires != str(int(expires)) or len(signature) != _SIGNATURE_CHARS:
        raise refusal
    if int(expires) * 1000 <= clock.now_ms():
        raise refusal
    sent = signature.encode("utf-8", "replace")
    listed = await attachments.list_attachments_in_any_environment(tx, attachment_id)
    for environment_id in [attachment.environment_id for attachment in listed] or [""]:
        codes = secret.link_macs(_signed_payload(environment_id, attachment_id, int(expires)))
        is_ours = [hmac.compare_digest(sent, code.hex().encode()) for code in codes]
        if any(is_ours) and environment_id:
            return next(row for row in listed if row.environment_id == environment_id)
    raise refusal


def make_seal(secret: ServerSecret, *, project_id: str, user_id: str, attachment_id: str) -> str:
    """Return the seal of a file that a page of a project shows a user, in 32 hex digits.

    Pages are drawn for whoever may see the task; so the seal is the proof that one of its files may
    be opened by the same user, without the task being looked up for each of them.
    """
    payload = _sealed_payload(project_id, user_id, attachment_id)
    return secret.link_macs(payload)[0].hex()[:_SEAL_CHARS]


def is_sealed(
    secret: ServerSecret, seal: str, *, project_id: str, user_id: str, attachment_id: str
) -> bool:
    """True if `make_seal` made this seal for the same user, project and attachment."""
    sent = seal.encode("utf-8", "replace")
    macs = secret.link_macs(_sealed_payload(project_id, user_id, attachment_id))
    return any(hmac.compare_digest(sent, mac.hex()[:_SEAL_CHARS].encode()) for mac in macs)


def _sealed_payload(project_id: str, user_id: str, attachment_id: str) -> bytes:
    return f"page\0{project_id}\0{user_id}\0{attachment_id}".encode("utf-8", "replace")


def _signed_payload(environment_id: str, attachment_id: str, expires: int) -> bytes:
    return f"{environment_id}\0{attachment_id}\0{expires}".encode()


async def sweep(db: Database, blobs: BlobStore) -> int:
    """Delete blobs older than a day that no row refers to; return how many.

    Blobs of environments that this store does not know belong to another store and are kept.
    """
    async with db.read() as tx:
        environment_ids = await organizations.list_environment_ids(tx)
    deleted = 0
    async for keys in blobs.list_older(clock.now_ms() - SWEPT_AFTER_MS):
        orphans = []
        async with db.read() as tx:
            for key in keys:
                environment_id, _, attachment_id = key.partition("/")
                if environment_id not in environment_ids:
                    continue
                if await attachments.find_attachment(tx, environment_id, attachment_id) is None:
                    orphans.append(key)
        if orphans:
            await blobs.delete(orphans)
        deleted += len(orphans)
    return deleted
