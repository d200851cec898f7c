"""Statements for the last report on each project's quality, and its parts.

Parts are written before their snapshot is shown, a few at a time, so that nobody waits long for
the writer; `show_snapshot` then puts it in the place of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_COLUMNS = (
    "project_key, snapshot_id, computed_ms, options, task_count, vote_count, change_no, clock_ms,"
    " next_seq, submission_id"
)


class SnapshotRow(Struct, frozen=True):
    """A project's last report: when and by which options it was made, and what it holds.

    See the comment on table `quality_snapshot`.
    """

    project_key: int
    snapshot_id: str
    computed_ms: int
    options: bytes
    task_count: int
    vote_count: int
    change_no: int
    clock_ms: int
    next_seq: int
    submission_id: str | None


async def find_snapshot(tx: Transaction, project_key: int) -> SnapshotRow | None:
    """The last report of a project; None before the first."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM quality_snapshot WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    return None if row is None else SnapshotRow(*row)


async def show_snapshot(tx: Transaction, snapshot: SnapshotRow) -> None:
    """Put a snapshot in the place of the project's last one."""
    names = _COLUMNS.split(", ")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    await tx.run(
        f"INSERT INTO quality_snapshot ({_COLUMNS}) VALUES ({', '.join(f':{n}' for n in names)})"
        f" ON CONFLICT (project_key) DO UPDATE SET {changes}",
        {name: getattr(snapshot, name) for name in names},
    )


async def insert_piece(
    tx: Transaction, project_key: int, snapshot_id: str, part: str, number: int, content: bytes
) -> None:
    """Add a piece of a part of a snapshot."""
    await tx.run(
        "INSERT INTO quality_part (project_key, snapshot_id, part, number, content)"
        " VALUES (:project_key, :snapshot_id, :part, :number, :content)",
        {
            "project_key": project_key,
            "snapshot_id": snapshot_id,
            "part": part,
            "number": number,
            "content": content,
        },
    )


async def list_pieces(
    tx: Transaction, project_key: int, snapshot_id: str, part: str, *, after: int, limit: int
) -> list[bytes]:
    """Up to `limit` pieces of a part numbered above `after`, in their order."""
    rows = await tx.all(
        "SELECT content FROM quality_part WHERE project_key = :project_key"
        " AND snapshot_id = :snapshot_id AND part = :part AND number > :after"
        " ORDER BY number LIMIT :row_limit",
        {
            "project_key": project_key,
            "snapshot_id": snapshot_id,
            "part": part,
            "after": after,
            "row_limit": limit,
        },
    )
    return [row[0] for row in rows]


async def list_pieces_of(
    tx: Transaction, project_key: int, snapshot_id: str, parts: Sequence[str], *, limit: int
) -> list[tuple[str, bytes]]:
    """Up to `limit` pieces of one part or more, each with its part, in their order."""
    listed, args = value_lists.in_list("part", parts)
    rows = await tx.all(
        "SELECT part, content FROM quality_part WHERE project_key = :project_key"
        f" AND snapshot_id = :snapshot_id AND part IN {listed}"
        " ORDER BY part, number LIMIT :row_limit",
        args | {"project_key": project_key, "snapshot_id": snapshot_id, "row_limit": limit},
    )
    return [(str(part), bytes(content)) for part, content in rows]


async def delete_pieces(
    tx: Transaction, project_key: int, *, kept: str, before: str, limit: int
) -> int:
    """Delete up to `limit` pieces of a project's snapshots; return how many.

    Those of the snapshot `kept` stay, and those of snapshots that were begun with or after
    `before`, by their ids.
    """
    rows = await tx.all(
        "SELECT snapshot_id, part, number FROM quality_part WHERE project_key = :project_key"
        " AND snapshot_id < :before AND snapshot_id <> :kept"
        " ORDER BY snapshot_id, part, number LIMIT :row_limit",
        {"project_key": project_key, "kept": kept, "before": before, "row_limit": limit},
    )
    await tx.many(
        "DELETE FROM quality_part WHERE project_key = :project_key"
        " AND snapshot_id = :snapshot_id AND part = :part AND number = :number",
        [
            {"project_key": project_key, "snapshot_id": row[0], "part": row[1], "number": row[2]}
            for row in rows
        ],
    )
    return len(rows)


async def find_newest_submission(tx: Transaction, project_key: int) -> str | None:
    """The id of a project's newest submission; None before the first."""
    row = await tx.one(
        "SELECT submission_id FROM submission WHERE project_key = :project_key"
        " ORDER BY submission_id DESC LIMIT 1",
        {"project_key": project_key},
    )
    return None if row is None else str(row[0])


async def count_submissions(
    tx: Transaction, project_key: int, *, after: str | None, limit: int
) -> int:
    """Submissions of a project that are newer than one, up to `limit`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM submission WHERE project_key = :project_key"
        " AND submission_id > :after LIMIT :row_limit) AS newer",
        {"project_key": project_key, "after": after or "", "row_limit": limit},
    )
    assert row is not None
    return int(row[0])
