"""Statements for talks about tasks and their messages (tables `task_talk`, `talk_message`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.managing import Talk, TalkMessage, TalkSide
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, assignment_id, task_key, seq, user_id, message_count, last_ms, person_last,"
    " staff_last, person_read, staff_read"
)
_ONE = "WHERE project_key = :project_key AND assignment_id = :assignment_id"
_UNREAD = {
    TalkSide.person: "staff_last > person_read",
    TalkSide.staff: "person_last > staff_read",
}


class ListedTalk(Struct, frozen=True):
    """A talk with the text of its last message."""

    talk: Talk
    text: str


async def open_talk(tx: Transaction, talk: Talk) -> None:
    """Insert a talk, unless there is one about this task with this person."""
    await tx.run(
        f"INSERT INTO task_talk ({_COLUMNS}) VALUES (:project_key, :assignment_id, :task_key,"
        " :seq, :user_id, :message_count, :last_ms, :person_last, :staff_last, :person_read,"
        " :staff_read) ON CONFLICT (project_key, assignment_id) DO NOTHING",
        {name: getattr(talk, name) for name in Talk.__struct_fields__},
    )


async def insert_message(
    tx: Transaction,
    project_key: int,
    assignment_id: str,
    side: TalkSide,
    *,
    user_id: str,
    text: str,
    now: int,
    most: int,
    seen: int,
) -> int | None:
    """Add a message of a side, which has read up to `seen`; its number, or None beyond `most`."""
    one = {"project_key": project_key, "assignment_id": assignment_id}
    row = await tx.one(
        "UPDATE task_talk SET message_count = message_count + 1, last_ms = :now,"
        f" {side.value}_last = message_count + 1, {side.value}_read ="
        f" CASE WHEN {side.value}_read < :seen AND :seen <= message_count THEN :seen"
        f" ELSE {side.value}_read END {_ONE} AND message_count < :most RETURNING message_count",
        one | {"now": now, "seen": seen, "most": most},
    )
    if row is None:
        return None
    await tx.run(
        "INSERT INTO talk_message (project_key, assignment_id, number, user_id, is_staff, text,"
        " created_ms) VALUES (:project_key, :assignment_id, :number, :user_id, :is_staff, :text,"
        " :now)",
        one
        | {
            "number": int(row[0]),
            "user_id": user_id,
            "is_staff": int(side is TalkSide.staff),
            "text": text,
            "now": now,
        },
    )
    return int(row[0])


async def mark_read(
    tx: Transaction, project_key: int, assignment_id: str, side: TalkSide, *, until: int
) -> bool:
    """Note that a side has read up to a message; False if it had, or there is no such message."""
    return bool(
        await tx.run(
            f"UPDATE task_talk SET {side.value}_read = :until {_ONE}"
            f" AND {side.value}_read < :until AND :until <= message_count",
            {"project_key": project_key, "assignment_id": assignment_id, "until": until},
        )
    )


async def find_talk(tx: Transaction, project_key: int, assignment_id: str) -> Talk | None:
    """Find a talk of a project."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM task_talk {_ONE}",
        {"project_key": project_key, "assignment_id": assignment_id},
    )
    return None if row is None else _talk(row)


async def list_messages(
    tx: Transaction, project_key: int, assignment_ids: Sequence[str], *, limit: int
) -> dict[str, list[TalkMessage]]:
    """The last `limit` messages of each of up to SELECTS_MAX talks, oldest first."""
    found: dict[str, list[TalkMessage]] = {one: [] for one in assignment_ids}
    if not assignment_ids:
        return found
    sql, args = value_lists.union_all(
        "SELECT * FROM (SELECT assignment_id, number, user_id, is_staff, text, created_ms"
        " FROM talk_message WHERE project_key = :project_key AND assignment_id = :assignment_id"
        " ORDER BY number DESC LIMIT :row_limit) AS latest",
        assignment_id=assignment_ids,
    )
    rows = await tx.all(sql, args | {"project_key": project_key, "row_limit": limit})
    for assignment_id, number, user_id, is_staff, text, created_ms in sorted(rows):
        message = TalkMessage(int(number), user_id, bool(is_staff), text, int(created_ms))
        found[assignment_id].append(message)
    return found


async def list_talks_on(
    tx: Transaction, project_key: int, task_key: int, seq: int, *, limit: int
) -> list[Talk]:
    """Up to `limit` talks about one task, by assignment id."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM task_talk WHERE project_key = :project_key"
        " AND task_key = :task_key AND seq = :seq ORDER BY assignment_id LIMIT :row_limit",
        {"project_key": project_key, "task_key": task_key, "seq": seq, "row_limit": limit},
    )
    return [_talk(row) for row in rows]


async def list_latest(
    tx: Transaction,
    project_key: int,
    *,
    unread_by_staff: bool,
    before: tuple[int, str] | None,
    limit: int,
) -> list[ListedTalk]:
    """Up to `limit` talks of a project with their last messages, the latest first.

    Only those with a message that no manager has read, and only those older than `before` (last_ms
    and assignment id), where these are asked for.
    """
    conditions = "project_key = :project_key"
    args: dict[str, object] = {"project_key": project_key, "row_limit": limit}
    if unread_by_staff:
        conditions += f" AND {_UNREAD[TalkSide.staff]}"
    if before is not None:
        conditions += " AND (last_ms, assignment_id) < (:last_ms, :before_id)"
        args |= {"last_ms": before[0], "before_id": before[1]}
    rows = await tx.all(
        f"SELECT {', '.join(f't.{name}' for name in Talk.__struct_fields__)}, m.text"
        f" FROM (SELECT {_COLUMNS} FROM task_talk WHERE {conditions}"
        " ORDER BY last_ms DESC, assignment_id DESC LIMIT :row_limit) AS t"
        " JOIN talk_message AS m ON m.project_key = :project_key"
        " AND m.assignment_id = t.assignment_id AND m.number = t.message_count"
        " ORDER BY t.last_ms DESC, t.assignment_id DESC",
        args,
    )
    return [ListedTalk(_talk(row[:-1]), str(row[-1])) for row in rows]


async def count_unread_by_staff(
    tx: Transaction, project_keys: Sequence[int], *, most: int
) -> dict[int, int]:
    """Number of talks of each of up to SELECTS_MAX projects with something new, up to `most`."""
    if not project_keys:
        return {}
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task_talk WHERE project_key = :key"
        f" AND {_UNREAD[TalkSide.staff]} LIMIT :most) AS found",
        key=project_keys,
    )
    rows = await tx.all(sql, args | {"most": most})
    return {project_keys[int(number)]: int(count) for number, count in rows}


async def list_unread_by_person(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, limit: int
) -> list[Talk]:
    """Up to `limit` talks of each of these projects in which somebody has something to read."""
    if not project_keys:
        return []
    sql, args = value_lists.union_all(
        f"SELECT {_COLUMNS} FROM (SELECT {_COLUMNS} FROM task_talk WHERE project_key = :key"
        f" AND user_id = :user_id AND {_UNREAD[TalkSide.person]}"
        " ORDER BY last_ms DESC, assignment_id DESC LIMIT :row_limit) AS found",
        key=project_keys,
    )
    rows = await tx.all(sql, args | {"user_id": user_id, "row_limit": limit})
    return sorted((_talk(row) for row in rows), key=lambda talk: talk.last_ms, reverse=True)


def _talk(row: Row) -> Talk:
    return Talk(*row)
