"""Statements for study links, and for the people who came by one."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.staffing import StudyLinkRow
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = StudyLinkRow.__struct_fields__
_SELECTED = ", ".join(_COLUMNS)


class Participant(Struct, frozen=True):
    """Somebody who came by a link; by `entry`, a hash, they are let in again, None if not."""

    user_id: str
    entry: bytes | None


async def insert_link(tx: Transaction, link: StudyLinkRow, digest: bytes) -> None:
    """Insert a link with the digest of its token."""
    row = tuple(getattr(link, name) for name in _COLUMNS)
    await tx.add("study_link", (*_COLUMNS, "digest"), [(*row, digest)])


async def find_link(tx: Transaction, project_key: int, link_id: str) -> StudyLinkRow | None:
    """Find a link of a project by id, in force or not."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM study_link WHERE link_id = :link_id"
        " AND project_key = :project_key",
        {"link_id": link_id, "project_key": project_key},
    )
    return _link(row) if row else None


async def find_link_by_digest(tx: Transaction, digest: bytes, now: int) -> StudyLinkRow | None:
    """Find a link that is in force by the digest of its token."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM study_link WHERE digest = :digest AND ended_ms IS NULL"
        " AND expires_ms > :now",
        {"digest": digest, "now": now},
    )
    return _link(row) if row else None


async def list_links(
    tx: Transaction, project_key: int, *, before: str | None, limit: int
) -> list[StudyLinkRow]:
    """List up to `limit` links of a project by id, newest first, those before the id `before`."""
    earlier = "" if before is None else " AND link_id < :before"
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM study_link WHERE project_key = :project_key{earlier}"
        " ORDER BY link_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit}
        | ({} if before is None else {"before": before}),
    )
    return [_link(row) for row in rows]


async def end_link(tx: Transaction, link_id: str, now: int) -> bool:
    """Revoke a link; False if it was revoked before."""
    return bool(
        await tx.run(
            "UPDATE study_link SET ended_ms = :now WHERE link_id = :link_id AND ended_ms IS NULL",
            {"link_id": link_id, "now": now},
        )
    )


async def count_in(tx: Transaction, link_id: str, now: int) -> bool:
    """Count one more person of a link and lock it; False if it is full or not in force any more."""
    return bool(
        await tx.run(
            "UPDATE study_link SET people_count = people_count + 1 WHERE link_id = :link_id"
            " AND ended_ms IS NULL AND expires_ms > :now AND people_count < people_max",
            {"link_id": link_id, "now": now},
        )
    )


async def lock_in_force(tx: Transaction, link_id: str, now: int) -> bool:
    """Lock a link, which may be full; False if it is not in force any more."""
    return bool(
        await tx.run(
            "UPDATE study_link SET people_count = people_count WHERE link_id = :link_id"
            " AND ended_ms IS NULL AND expires_ms > :now",
            {"link_id": link_id, "now": now},
        )
    )


async def find_participant(tx: Transaction, link_id: str, participant: bytes) -> Participant | None:
    """Find who came by a link under an id of the service, by its hash."""
    row = await tx.one(
        "SELECT user_id, entry FROM study_person WHERE link_id = :link_id"
        " AND participant = :participant",
        {"link_id": link_id, "participant": participant},
    )
    return None if row is None else Participant(row[0], None if row[1] is None else bytes(row[1]))


async def insert_participant(
    tx: Transaction,
    link_id: str,
    participant: bytes,
    *,
    user_id: str,
    entry: bytes | None,
    now: int,
) -> bool:
    """Insert who came by a link; False if somebody came under this id before."""
    return bool(
        await tx.run(
            "INSERT INTO study_person (link_id, participant, user_id, entry, came_ms) VALUES"
            " (:link_id, :participant, :user_id, :entry, :now) ON CONFLICT DO NOTHING",
            {
                "link_id": link_id,
                "participant": participant,
                "user_id": user_id,
                "entry": entry,
                "now": now,
            },
        )
    )


async def find_link_of_person(tx: Transaction, user_id: str) -> StudyLinkRow | None:
    """Find the link by which a person came, in force or not; None for anybody else."""
    columns = ", ".join(f"l.{name}" for name in _COLUMNS)
    row = await tx.one(
        f"SELECT {columns} FROM study_person AS p JOIN study_link AS l ON l.link_id = p.link_id"
        " WHERE p.user_id = :user_id",
        {"user_id": user_id},
    )
    return _link(row) if row else None


async def list_people_of(tx: Transaction, link_id: str, *, limit: int) -> list[str]:
    """List the user ids of up to `limit` people who came by a link."""
    rows = await tx.all(
        "SELECT user_id FROM study_person WHERE link_id = :link_id ORDER BY user_id"
        " LIMIT :row_limit",
        {"link_id": link_id, "row_limit": limit},
    )
    return [row[0] for row in rows]


def _link(row: Row) -> StudyLinkRow:
    return StudyLinkRow(*row)
