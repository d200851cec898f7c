"""Attachments: metadata of files, whose bytes are in the blob store."""

from __future__ import annotations

from plaudit.model.deliveries import AttachmentRow
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


async def find_attachment_in_any_environment(
    tx: Transaction, attachment_id: str
) -> AttachmentRow | None:
    """Return an attachment by its id alone; the caller checks a signature over its environment."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM attachment WHERE attachment_id = :attachment_id",
        {"attachment_id": attachment_id},
    )
    return AttachmentRow(*row) if row else None
