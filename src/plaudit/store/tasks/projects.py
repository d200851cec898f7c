"""Projects: rows, the completion clock, and the sequence that numbers tasks."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

_COLUMNS = "project_key, environment_id, project_id, name, created_ms, detail"


async def insert_project(tx: Transaction, project: ProjectRow, name_key: str) -> bool:
    """Add a project with its clock and sequence; False if the id or the name is taken."""
    inserted = await tx.run(
        f"INSERT INTO project ({_COLUMNS}, name_key) VALUES (:project_key, :environment_id,"
        " :project_id,"
        " :name, :created_ms, :detail, :name_key) ON CONFLICT DO NOTHING",
        {
            "project_key": project.project_key,
            "environment_id": project.environment_id,
            "project_id": project.project_id,
            "name": project.name,
            "created_ms": project.created_ms,
            "detail": project.detail,
            "name_key": name_key,
        },
    )
    if not inserted:
        return False
    key = {"project_key": project.project_key}
    await tx.run("INSERT INTO project_clock (project_key, last_ms) VALUES (:project_key, 0)", key)
    await tx.run(
        "INSERT INTO project_sequence (project_key, next_seq) VALUES (:project_key, 1)", key
    )
    return True


async def update_project(tx: Transaction, project: ProjectRow, name_key: str) -> bool:
    """Write a project's name, time and details; False if another project has the name."""
    other = await find_project_by_name(tx, project.environment_id, name_key)
    if other is not None and other.project_id != project.project_id:
        return False
    return bool(
        await tx.run(
            "UPDATE project SET name = :name, name_key = :name_key, created_ms = :created_ms,"
            " detail = :detail WHERE environment_id = :environment_id AND project_id = :project_id",
            {
                "environment_id": project.environment_id,
                "project_id": project.project_id,
                "name": project.name,
                "name_key": name_key,
                "created_ms": project.created_ms,
                "detail": project.detail,
            },
        )
    )


async def replace_project(
    tx: Transaction, stored: ProjectRow, project: ProjectRow, name_key: str
) -> bool:
    """Write a project's name and details; False if they no longer equal those of `stored`."""
    return bool(
        await tx.run(
            "UPDATE project SET name = :name, name_key = :name_key, detail = :detail"
            " WHERE environment_id = :environment_id AND project_id = :project_id"
            " AND name = :old_name AND detail = :old_detail",
            {
                "environment_id": stored.environment_id,
                "project_id": stored.project_id,
                "name": project.name,
                "name_key": name_key,
                "detail": project.detail,
                "old_name": stored.name,
                "old_detail": stored.detail,
            },
        )
    )


async def find_project(tx: Transaction, environment_id: str, project_id: str) -> ProjectRow | None:
    """A project of this environment by its public id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM project WHERE environment_id = :environment_id AND project_id ="
        " :project_id",
        {"environment_id": environment_id, "project_id": project_id},
    )
    return ProjectRow(*row) if row else None


async def find_project_by_name(
    tx: Transaction, environment_id: str, name_key: str
) -> ProjectRow | None:
    """A project of this environment by the key form of its name; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM project WHERE environment_id = :environment_id AND name_key ="
        " :name_key",
        {"environment_id": environment_id, "name_key": name_key},
    )
    return ProjectRow(*row) if row else None


async def find_project_by_key(
    tx: Transaction, environment_id: str, project_key: int
) -> ProjectRow | None:
    """A project of this environment by its project_key; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM project WHERE environment_id = :environment_id AND project_key ="
        " :project_key",
        {"environment_id": environment_id, "project_key": project_key},
    )
    return ProjectRow(*row) if row else None


async def get_project(tx: Transaction, project_key: int) -> ProjectRow:
    """Return a project by its project_key, which must exist."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM project WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    assert row is not None, "queue rows belong to projects, which are never deleted"
    return ProjectRow(*row)


async def find_projects(
    tx: Transaction, environment_id: str, project_keys: Sequence[int]
) -> dict[int, ProjectRow]:
    """Projects of this environment by project_key; unknown keys are left out."""
    if not project_keys:
        return {}
    keys, args = value_lists.in_list("key", project_keys)
    # Without the environment: an engine without statistics may look through all of its projects.
    rows = await tx.all(f"SELECT {_COLUMNS} FROM project WHERE project_key IN {keys}", args)
    found = [ProjectRow(*row) for row in rows]
    return {row.project_key: row for row in found if row.environment_id == environment_id}


async def list_projects(
    tx: Transaction,
    environment_id: str,
    *,
    created_after: int | None = None,
    created_before: int | None = None,
) -> list[ProjectRow]:
    """All projects of this environment created strictly between the bounds, oldest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM project WHERE environment_id = :environment_id"
        " AND created_ms > :after AND created_ms < :before ORDER BY created_ms, project_id",
        {
            "environment_id": environment_id,
            "after": -(2**62) if created_after is None else created_after,
            "before": 2**62 if created_before is None else created_before,
        },
    )
    return [ProjectRow(*row) for row in rows]


async def list_newest_projects(
    tx: Transaction,
    environment_id: str,
    limit: int,
    *,
    before: tuple[int, str] | None = None,
) -> list[ProjectRow]:
    """Up to `limit` projects of this environment, the newest first, from before that cursor.

    The cursor is a project's (created_ms, project_id); None is the end of all.
    """
    conditions = "environment_id = :environment_id"
    args: dict[str, object] = {"environment_id": environment_id, "row_limit": limit}
    if before is not None:
        conditions += " AND (created_ms, project_id) < (:before_ms, :before_id)"
        args["before_ms"], args["before_id"] = before
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM project WHERE {conditions}"
        " ORDER BY created_ms DESC, project_id DESC LIMIT :row_limit",
        args,
    )
    return [ProjectRow(*row) for row in rows]


async def count_tasks_by_project(
    tx: Transaction, project_keys: Sequence[int], status: TaskStatus, most: int
) -> list[int]:
    """Number of tasks in a status of each of up to SELECTS_MAX projects, each counted to `most`."""
    if not project_keys:
        return []
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task WHERE project_key = :key"
        " AND status = :status LIMIT :most) AS found",
        key=project_keys,
    )
    rows = await tx.all(sql, args | {"status": status.code, "most": most})
    return [count for _, count in sorted(rows)]


async def next_completion_time(tx: Transaction, project_key: int, now: int) -> int:
    """Take the project's next completion time: `now` (milliseconds), or one more than the last.

    The update locks the clock's row until commit, so completion times become visible in their
    own order: a reader who has seen one has seen all smaller ones (docs/adr/0004).
    """
    row = await tx.one(
        "UPDATE project_clock SET last_ms ="
        " CASE WHEN last_ms + 1 > :now THEN last_ms + 1 ELSE :now END"
        " WHERE project_key = :project_key RETURNING last_ms",
        {"project_key": project_key, "now": now},
    )
    assert row is not None
    return int(row[0])


async def advance_clock(tx: Transaction, project_key: int, at_least: int) -> None:
    """Advance the completion clock to an imported time, so that later completions are greater."""
    await tx.run(
        "UPDATE project_clock SET last_ms = :at_least"
        " WHERE project_key = :project_key AND last_ms < :at_least",
        {"project_key": project_key, "at_least": at_least},
    )


async def last_completion_time(tx: Transaction, project_key: int) -> int:
    """Greatest completion time taken or imported so far, in milliseconds; 0 before the first."""
    row = await tx.one(
        "SELECT last_ms FROM project_clock WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    assert row is not None
    return int(row[0])


async def reserve_seqs(tx: Transaction, project_key: int, count: int) -> int:
    """Reserve `count` consecutive sequence numbers; return the first. Gaps are fine."""
    row = await tx.one(
        "UPDATE project_sequence SET next_seq = next_seq + :count"
        " WHERE project_key = :project_key RETURNING next_seq",
        {"project_key": project_key, "count": count},
    )
    assert row is not None
    return int(row[0]) - count


async def next_seq(tx: Transaction, project_key: int) -> int:
    """Sequence number that the next task will get; one more than the greatest reserved."""
    row = await tx.one(
        "SELECT next_seq FROM project_sequence WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    assert row is not None
    return int(row[0])
