"""Statements of whoever writes records: what lacks a place, claims, places, and files of them.

A writer claims tasks under a number of its own, reads them afterwards, writes and syncs their
records, and sets the places of those that it still has claimed: a task that has changed meanwhile
has lost the claim in the same statement. So any number of writers may be at work, and one that was
killed leaves claims behind that another releases.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from msgspec import Struct, structs

from plaudit.store.engine.engine import Row, Transaction

LOST_EPOCH = -1
"""Epoch of a file whose records are being given up."""

NEW_EPOCH = -2
"""Epoch of a file that is being made."""

PlacedTask = tuple[int, int]
"""A task as its project_key and seq."""


class StoredPageFile(Struct, frozen=True):
    """A page file as the store knows it; see migrations/0019."""

    number: int
    file_id: bytes
    epoch: int
    size: int
    dead: int


class Record(Struct, frozen=True):
    """A record that has been written for a task that was claimed, and what goes with it.

    That are the fixes of its line, and the record in codings of HTTP; lengths are 0 without them.
    """

    project_key: int
    seq: int
    start: int
    length: int
    fixes_start: int
    fixes_length: int
    zstd_start: int = 0
    zstd_length: int = 0
    gzip_start: int = 0
    gzip_length: int = 0
    crc_before: int = 0
    crc_after: int = 0

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Start and length of each part that there is."""
        numbers = structs.astuple(self)[2:-2]
        return [one for one in zip(numbers[::2], numbers[1::2], strict=True) if one[1]]


_COLUMNS = Record.__struct_fields__
_SET_PLACE = ", ".join(f"{column} = :{column}" for column in _COLUMNS[2:])


def new_claim() -> int:
    """Number of a claim, which nobody else has."""
    return -(1 + secrets.randbits(62))


async def list_files(tx: Transaction) -> list[StoredPageFile]:
    """All page files, by number."""
    rows = await tx.all(
        "SELECT number, file_id, epoch, size, dead FROM page_file ORDER BY number", {}
    )
    return [StoredPageFile(*row) for row in rows]


async def insert_file(tx: Transaction, file_id: bytes, size: int) -> int:
    """Add a file that is to be made, and return its number, which no other file has had."""
    row = await tx.one(
        "INSERT INTO page_file (file_id, epoch, size) VALUES (:file_id, :epoch, :size)"
        " RETURNING number",
        {"file_id": file_id, "epoch": NEW_EPOCH, "size": size},
    )
    assert row is not None
    return int(row[0])


async def publish_file(tx: Transaction, number: int) -> bool:
    """Let a file that has been made be read; False if it has been given up meanwhile."""
    return bool(
        await tx.run(
            "UPDATE page_file SET epoch = :epoch WHERE number = :number AND epoch = :new",
            {"number": number, "epoch": tx.epoch, "new": NEW_EPOCH},
        )
    )


async def set_file_id(tx: Transaction, number: int, old: bytes, new: bytes) -> bool:
    """Give a file another id; False if it does not have the old one any longer."""
    return bool(
        await tx.run(
            "UPDATE page_file SET file_id = :new WHERE number = :number AND file_id = :old",
            {"number": number, "old": old, "new": new},
        )
    )


async def give_up_file(tx: Transaction, number: int) -> None:
    """Let nobody read a file any longer; its places are taken away by `lose_places`."""
    await tx.run(
        "UPDATE page_file SET epoch = :lost WHERE number = :number",
        {"number": number, "lost": LOST_EPOCH},
    )
    await tx.run("DELETE FROM dead_record WHERE file = :number", {"number": number})


async def delete_file(tx: Transaction, number: int) -> None:
    """Forget a file in which no task has a place."""
    await tx.run("DELETE FROM page_file WHERE number = :number", {"number": number})


async def list_places_in(
    tx: Transaction, number: int, *, after: PlacedTask, limit: int
) -> list[Record]:
    """Up to `limit` places in a file after a task's, in their order."""
    rows = await tx.all(
        f"SELECT {', '.join(_COLUMNS)} FROM task_place"
        " WHERE (project_key, seq) > (:project_key, :seq) AND file = :number"
        " ORDER BY project_key, seq LIMIT :row_limit",
        {"project_key": after[0], "seq": after[1], "number": number, "row_limit": limit},
    )
    return [Record(*row) for row in rows]


async def lose_places(tx: Transaction, number: int, tasks: Sequence[PlacedTask]) -> None:
    """Take away the places that these tasks have in a file."""
    await tx.many(
        "UPDATE task_place SET file = 0"
        " WHERE project_key = :project_key AND seq = :seq AND file = :number",
        [{"project_key": key, "seq": seq, "number": number} for key, seq in tasks],
    )


async def release_claims(tx: Transaction) -> None:
    """Release all claims, also those of writers that are at work: these write in vain then.

    Files that are being made are given up.
    """
    await tx.run("UPDATE task_place SET file = 0 WHERE file <= 0 AND file < 0", {})
    await tx.run("DELETE FROM page_file WHERE epoch = :new", {"new": NEW_EPOCH})


async def release_claim(tx: Transaction, claim: int) -> None:
    """Release what is still claimed under a number."""
    await tx.run(
        "UPDATE task_place SET file = 0 WHERE file <= 0 AND file = :claim", {"claim": claim}
    )


async def list_lacking_projects(tx: Transaction, *, limit: int) -> list[int]:
    """Up to `limit` projects with tasks after the last one that has ever been claimed."""
    rows = await tx.all(
        "SELECT p.project_key FROM project AS p WHERE EXISTS (SELECT 1 FROM task AS t"
        " WHERE t.project_key = p.project_key AND t.seq > COALESCE((SELECT MAX(l.seq)"
        " FROM task_place AS l WHERE l.project_key = p.project_key), 0)) LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [project_key for (project_key,) in rows]


async def has_lost_places(tx: Transaction) -> bool:
    """True if a task has lost its place, and nobody has claimed it."""
    row = await tx.one("SELECT 1 FROM task_place WHERE file <= 0 AND file = 0 LIMIT 1", {})
    return row is not None


async def claim_lost(tx: Transaction, claim: int, *, limit: int) -> list[PlacedTask]:
    """Claim up to `limit` tasks that have lost their places, and return them in their order."""
    rows = await tx.all(
        "UPDATE task_place SET file = :claim WHERE (project_key, seq) IN (SELECT project_key, seq"
        " FROM task_place WHERE file <= 0 AND file = 0 ORDER BY project_key, seq LIMIT :row_limit)"
        " RETURNING project_key, seq",
        {"claim": claim, "row_limit": limit},
    )
    return sorted((project_key, seq) for project_key, seq in rows)


async def claim_new(
    tx: Transaction, claim: int, project_key: int, *, limit: int
) -> list[PlacedTask]:
    """Claim up to `limit` tasks of a project after all that have ever been claimed."""
    rows = await tx.all(
        "INSERT INTO task_place (project_key, seq, file)"
        " SELECT project_key, seq, :claim FROM task WHERE project_key = :project_key"
        " AND seq > COALESCE((SELECT MAX(seq) FROM task_place WHERE project_key = :project_key), 0)"
        " ORDER BY seq LIMIT :row_limit RETURNING project_key, seq",
        {"claim": claim, "project_key": project_key, "row_limit": limit},
    )
    return sorted((key, seq) for key, seq in rows)


async def find_shown(tx: Transaction, task: PlacedTask) -> Row | None:
    """Row of what a task's record and line show: project_id, batch_id, head, body, patches.

    None without a task.
    """
    return await tx.one(
        "SELECT p.project_id, t.batch_id, t.head, b.body, b.patches FROM task AS t"
        " JOIN project AS p ON p.project_key = t.project_key"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.seq = :seq",
        {"project_key": task[0], "seq": task[1]},
    )


async def set_places(
    tx: Transaction, claim: int, number: int, size: int, records: Sequence[Record]
) -> bool:
    """Set the places of tasks that are still claimed, and the size that the file has now.

    Other records are dead. False if the file has been given up; then nothing is changed.
    """
    is_known = await tx.run(
        "UPDATE page_file SET size = :size WHERE number = :number AND epoch = :epoch",
        {"number": number, "size": size, "epoch": tx.epoch},
    )
    if not is_known:
        return False
    for record in records:
        is_placed = await tx.run(
            f"UPDATE task_place SET file = :number, {_SET_PLACE}"
            " WHERE project_key = :project_key AND seq = :seq AND file = :claim",
            {"number": number, "claim": claim} | structs.asdict(record),
        )
        if not is_placed:
            for start, length in record.ranges:
                await tx.run(
                    "INSERT INTO dead_record (file, start, length)"
                    " VALUES (:number, :start, :length)",
                    {"number": number, "start": start, "length": length},
                )
    return True


async def last_dead_record(tx: Transaction) -> int:
    """Number of the newest dead record, 0 if there has been none."""
    row = await tx.one("SELECT COALESCE(MAX(number), 0) FROM dead_record", {})
    return 0 if row is None else int(row[0])


async def list_dead_records(
    tx: Transaction, *, until: int, limit: int
) -> list[tuple[int, int, int, int]]:
    """Up to `limit` dead records up to a number, as (number, file, start, length), oldest first."""
    rows = await tx.all(
        "SELECT number, file, start, length FROM dead_record WHERE number <= :until"
        " ORDER BY number LIMIT :row_limit",
        {"until": until, "row_limit": limit},
    )
    return [(number, file, start, length) for number, file, start, length in rows]


async def delete_dead_records(tx: Transaction, numbers: Sequence[int]) -> None:
    """Forget dead records that have been overwritten, and count their bytes in their files."""
    for number in numbers:
        row = await tx.one(
            "DELETE FROM dead_record WHERE number = :number RETURNING file, length",
            {"number": number},
        )
        if row is not None:
            await tx.run(
                "UPDATE page_file SET dead = dead + :length WHERE number = :file",
                {"file": row[0], "length": row[1]},
            )
