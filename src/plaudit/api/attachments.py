"""Serve attachments by signed links, and receive uploads; a client's media type is not trusted.

A link needs no key and is valid for five minutes (docs/adr/0017). Active content is only ever
downloaded, and media shown inline get a sandbox policy without scripts (OWASP: file upload).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import read_pieces, refuse_encoding
from plaudit.api.http.operation import REPLAYED, Call, Operation, Response, idempotency_key
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import Stream, content_disposition, parse_range
from plaudit.core.common import audit, idempotency
from plaudit.core.datasets import attachments
from plaudit.errors import NotFound
from plaudit.model.core import Role
from plaudit.model.deliveries import AttachmentRow
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.engine.engine import Transaction

DOWNLOAD = "application/octet-stream"
POLICY = b"sandbox; default-src 'none'"

_encode = msgspec.json.Encoder().encode


class FollowLink(Struct, frozen=True):
    """Query of GET /attachments/{attachment_id}; only this server makes valid ones."""

    expires: Annotated[str, Text(description="Until when the link is valid.")] = ""
    signature: Annotated[str, Text(description="Proves that this server made the link.")] = ""


class AttachmentUpload(Struct, frozen=True):
    """Query of POST /manage/v1/attachments."""

    name: Annotated[
        str | None,
        Text(description="The file's name, for people. It is never a path.", example="chart.png"),
    ] = None


class UploadedAttachment(Struct, omit_defaults=True, kw_only=True):
    """A file that is kept."""

    id: str
    url: str
    """Leads to the file for whoever has a key of this organization."""
    name: str | None = None
    mime_type: str | None = None
    size: int
    sha256: str


async def follow_link(call: Call[FollowLink]) -> Stream:
    """GET /attachments/{attachment_id}: send the file, or a range of it; raises NotFound."""
    services, scope = call.services, call.scope
    async with services.db.read(snapshot=False) as tx:
        attachment = await attachments.find_linked(
            tx,
            services.secret,
            call.path["attachment_id"],
            call.query.expires,
            call.query.signature,
        )
    etag = b'"%b"' % attachment.digest.hex().encode()
    part = parse_range(scope, attachment.size, etag)
    start, end = part or (0, attachment.size)
    headers = [
        (b"content-disposition", _disposition(attachment)),
        (b"content-security-policy", POLICY),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"private, max-age=%d" % attachments.LINK_SECONDS),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag),
    ]
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, attachment.size)))
    if scope["method"] == "HEAD":
        pieces = _no_pieces()
    else:
        key = attachments.blob_key(attachment.environment_id, attachment.attachment_id)
        pieces = await services.objects.open(key, start, end)
    return Stream(
        pieces=pieces,
        size=end - start,
        content_type=attachment.shown_as or DOWNLOAD,
        headers=headers,
        status=200 if part is None else 206,
    )


async def upload_attachment(call: Call[AttachmentUpload]) -> Response:
    """POST /manage/v1/attachments: store the body as a file."""
    services, environment_id, headers = (
        call.services,
        call.caller.environment_id,
        dict(call.scope["headers"]),
    )
    refuse_encoding(headers)
    mime_type = headers.get(b"content-type", b"").decode("latin-1").strip() or None
    attachments.check_name_and_type(call.query.name, mime_type)
    idem_key = idempotency_key(headers)
    attachment = await attachments.store_file(
        services.objects,
        environment_id,
        read_pieces(call.receive, attachments.UPLOAD_BYTES_MAX),
        name=call.query.name,
        mime_type=mime_type,
    )
    request_hash = idempotency.hash_request(
        b"upload_attachment",
        call.scope["query_string"],
        (mime_type or "").encode(),
        attachment.digest,
    )

    async def work(tx: Transaction) -> tuple[bytes, bool]:
        async def insert() -> bytes:
            await attachments_store.insert_attachment(tx, attachment)
            await audit.record(
                tx,
                environment_id,
                call.actor,
                "upload_attachment",
                "attachment",
                attachment.attachment_id,
            )
            return _encode(_uploaded(call, attachment))

        if idem_key is None:
            return await insert(), False
        return await idempotency.run_once(tx, environment_id, idem_key, request_hash, insert)

    answer, is_replayed = await services.db.write(work)
    if is_replayed:
        await services.objects.delete(
            [attachments.blob_key(environment_id, attachment.attachment_id)]
        )
    return Response(answer, headers=[REPLAYED] if is_replayed else [])


async def get_attachment(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/attachments/{attachment_id}: redirect to a signed link; raises NotFound."""
    async with call.services.db.read(snapshot=False) as tx:
        attachment = await attachments_store.find_attachment(
            tx, call.caller.environment_id, call.path["attachment_id"]
        )
    if attachment is None:
        raise NotFound("there is no such attachment")
    return redirect_to(call, attachment)


def redirect_to(call: Call[Any], attachment: AttachmentRow) -> Response:
    """Response 302 to a signed link, valid for `attachments.LINK_SECONDS`."""
    location = attachments.make_link(call.services.secret, attachment)
    return Response(b"", 302, "text/plain", [(b"location", location.encode())])


def _uploaded(call: Call[Any], attachment: AttachmentRow) -> UploadedAttachment:
    base = call.services.settings.public_url or ""
    return UploadedAttachment(
        id=attachment.attachment_id,
        url=f"{base}/manage/v1/attachments/{attachment.attachment_id}",
        name=attachment.name,
        mime_type=attachment.mime_type,
        size=attachment.size,
        sha256=attachment.digest.hex(),
    )


def _disposition(attachment: AttachmentRow) -> bytes:
    return content_disposition("inline" if attachment.shown_as else "attachment", attachment.name)


async def _no_pieces() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece


OPERATIONS = (
    Operation(
        operation_id="follow_attachment_link",
        path="/attachments/{attachment_id}",
        handler=follow_link,
        summary="Download an attachment by a signed link",
        description="Links come from the operations that redirect to them, are valid for five "
        "minutes and need no key. One range of bytes may be asked for. Whatever is wrong with a "
        "link, the answer is the same 404.",
        tag="Attachments",
        role=None,
        query=FollowLink,
        answer=(DOWNLOAD, *attachments.DISPLAY_TYPES),
        answer_description="The file, or the range of it.",
        successes=(200, 206),
        is_long=True,
        errors=(404, 416),
    ),
    Operation(
        operation_id="upload_attachment",
        path="/manage/v1/attachments",
        method="POST",
        handler=upload_attachment,
        summary="Upload a file",
        description="The body is the file and `Content-Type` its media type. The answer's `id` can "
        "be named in a delivery to a dataset; its `url` leads to the file for every key of the "
        "organization.",
        tag="Attachments",
        role=Role.write,
        query=AttachmentUpload,
        streams=(DOWNLOAD,),
        answer=UploadedAttachment,
        answer_description="The file that is kept.",
    ),
    Operation(
        operation_id="get_attachment",
        path="/manage/v1/attachments/{attachment_id}",
        handler=get_attachment,
        summary="Get a link to an uploaded file",
        tag="Attachments",
        role=Role.read,
        answer=("text/plain",),
        answer_description="A redirect to a link that is valid for five minutes.",
        successes=(302,),
        errors=(404,),
    ),
)
