"""Statements for how long tasks of a project usually take (table `quality_pace`)."""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def keep_pace(tx: Transaction, project_key: int) -> None:
    """Have a project's figures computed from now on; those it has stay."""
    await tx.run(
        "INSERT INTO quality_pace (project_key, due_ms) VALUES (:project_key, 0)"
        " ON CONFLICT (project_key) DO UPDATE SET due_ms = 0",
        {"project_key": project_key},
    )


async def drop_pace(tx: Transaction, project_key: int) -> None:
    """Forget a project's figures."""
    await tx.run(
        "DELETE FROM quality_pace WHERE project_key = :project_key", {"project_key": project_key}
    )


async def find_pace(tx: Transaction, project_key: int) -> bytes | None:
    """A project's figures as JSON; None if none were computed."""
    row = await tx.one(
        "SELECT figures FROM quality_pace WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    return row[0] if row else None


async def list_projects_due(tx: Transaction, *, now: int, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects whose figures are to be computed."""
    rows = await tx.all(
        "SELECT project_key FROM quality_pace WHERE due_ms <= :now"
        " ORDER BY due_ms, project_key LIMIT :row_limit",
        {"now": now, "row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def set_pace(tx: Transaction, project_key: int, figures: bytes, *, due_ms: int) -> None:
    """Set the figures of a project that keeps some, and when they are computed anew."""
    await tx.run(
        "UPDATE quality_pace SET figures = :figures, due_ms = :due_ms"
        " WHERE project_key = :project_key",
        {"project_key": project_key, "figures": figures, "due_ms": due_ms},
    )


async def list_times(tx: Transaction, project_key: int, *, limit: int) -> list[tuple[int, int]]:
    """List task and active time of the last `limit` submissions that count, newest first."""
    rows = await tx.all(
        "SELECT seq, active_ms FROM (SELECT seq, active_ms, is_current FROM submission"
        " WHERE project_key = :project_key ORDER BY submission_id DESC LIMIT :row_limit) AS latest"
        " WHERE is_current = 1",
        {"project_key": project_key, "row_limit": limit},
    )
    return [(int(seq), int(active_ms)) for seq, active_ms in rows]
