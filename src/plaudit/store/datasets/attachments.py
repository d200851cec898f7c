"""Attachments: metadata of files, whose bytes are in the blob store."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.deliveries import AttachmentRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_COLUMNS = "attachment_id, environment_id, name, mime_type, shown_as, size, digest, created_ms"


async def insert_attachment(tx: Transaction, attachment: AttachmentRow) -> None:
    """Insert an attachment whose blob is stored already."""
    await tx.run(
        f"INSERT INTO attachment ({_COLUMNS}) VALUES (:attachment_id, :environment_id, :name,"
        " :mime_type,"
        " :shown_as, :size, :digest, :created_ms)",
        {
            "attachment_id": attachment.attachment_id,
            "environment_id": attachment.environment_id,
            "name": attachment.name,
            "mime_type": attachment.mime_type,
            "shown_as": attachment.shown_as,
            "size": attachment.size,
            "digest": attachment.digest,
            "created_ms": attachment.created_ms,
        },
    )


async def find_attachment(
    tx: Transaction, environment_id: str, attachment_id: str
) -> AttachmentRow | None:
    """Return an attachment of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM attachment"
        " WHERE attachment_id = :attachment_id AND environment_id = :environment_id",
        {"attachment_id": attachment_id, "environment_id": environment_id},
    )
    return AttachmentRow(*row) if row else None


async def find_attachments(
    tx: Transaction, environment_id: str, attachment_ids: Sequence[str]
) -> dict[str, AttachmentRow]:
    """Return attachments of this environment by id; unknown ids are left out."""
    if not attachment_ids:
        return {}
    listed, args = value_lists.in_list("id", attachment_ids)
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM attachment"
        f" WHERE attachment_id IN {listed} AND environment_id = :environment_id",
        args | {"environment_id": environment_id},
    )
    found = [AttachmentRow(*row) for row in rows]
    return {attachment.attachment_id: attachment for attachment in found}


async def find_attachment_in_any_environment(
    tx: Transaction, attachment_id: str
) -> AttachmentRow | None:
    """Return an attachment by its id alone; the caller checks a signature over its environment."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM attachment WHERE attachment_id = :attachment_id",
        {"attachment_id": attachment_id},
    )
    return AttachmentRow(*row) if row else None
