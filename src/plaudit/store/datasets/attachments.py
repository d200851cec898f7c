"""Attachments: metadata of files, whose bytes are in the blob store."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.deliveries import AttachmentRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

ENVIRONMENTS_MAX = 100
"""Environments of a store in which one attachment_id is looked for."""

_COLUMNS = "attachment_id, environment_id, name, mime_type, shown_as, size, digest, created_ms"


async def insert_attachment(tx: Transaction, attachment: AttachmentRow) -> bool:
    """Insert an attachment whose blob is stored already; False if there is one of its id."""
    is_new = await tx.run(
        f"INSERT INTO attachment ({_COLUMNS}) VALUES (:attachment_id, :environment_id, :name,"
        " :mime_type,"
        " :shown_as, :size, :digest, :created_ms) ON CONFLICT DO NOTHING",
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
    return bool(is_new)


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


async def list_attachments_in_any_environment(
    tx: Transaction, attachment_id: str
) -> list[AttachmentRow]:
    """List up to ENVIRONMENTS_MAX attachments of an id; the caller checks a signature over theirs.

    Two environments have the same id where an archive of one was imported into the other.
    """
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM attachment WHERE attachment_id = :attachment_id LIMIT :row_limit",
        {"attachment_id": attachment_id, "row_limit": ENVIRONMENTS_MAX},
    )
    return [AttachmentRow(*row) for row in rows]


async def list_attachments(
    tx: Transaction, environment_id: str, *, after: str, limit: int
) -> list[AttachmentRow]:
    """List up to `limit` attachments of an environment after an attachment_id, by id."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM attachment WHERE attachment_id > :after"
        " AND environment_id = :environment_id ORDER BY attachment_id LIMIT :row_limit",
        {"after": after, "environment_id": environment_id, "row_limit": limit},
    )
    return [AttachmentRow(*row) for row in rows]
