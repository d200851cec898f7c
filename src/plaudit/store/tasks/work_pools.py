"""Statements for pools of a project's queue, for what tasks ask, and for the teams of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.work_queue import HAS_FREE_SLOT

NOBODY = ""
"""`user_id` of pools that name no people."""


async def put_pool(
    tx: Transaction, project_key: int, pool: str, requirement: bytes, user_ids: Sequence[str]
) -> None:
    """Add a pool unless it is there; `user_ids` are the people whom its requirement names."""
    for user_id in user_ids or (NOBODY,):
        await tx.run(
            "INSERT INTO work_pool (project_key, user_id, pool, requirement)"
            " VALUES (:project_key, :user_id, :pool, :requirement) ON CONFLICT DO NOTHING",
            {
                "project_key": project_key,
                "user_id": user_id,
                "pool": pool,
                "requirement": requirement,
            },
        )


async def has_pool(tx: Transaction, project_key: int, user_id: str, pool: str) -> bool:
    """True if a project has a pool; `user_id` is one whom it names, or NOBODY."""
    row = await tx.one(
        "SELECT 1 FROM work_pool WHERE project_key = :project_key AND user_id = :user_id"
        " AND pool = :pool",
        {"project_key": project_key, "user_id": user_id, "pool": pool},
    )
    return row is not None


async def count_pools(tx: Transaction, project_key: int, user_id: str) -> int:
    """Count a project's pools that name a person, or NOBODY."""
    row = await tx.one(
        "SELECT COUNT(*) FROM work_pool WHERE project_key = :project_key AND user_id = :user_id",
        {"project_key": project_key, "user_id": user_id},
    )
    return int(row[0]) if row else 0


async def list_pools(
    tx: Transaction, project_keys: Sequence[int], user_id: str
) -> dict[int, list[tuple[str, bytes]]]:
    """Pools of projects that name nobody or this person, with their requirements, by project."""
    if not project_keys:
        return {}
    keys, args = value_lists.in_list("key", project_keys)
    rows = await tx.all(
        "SELECT project_key, pool, requirement FROM work_pool"
        f" WHERE project_key IN {keys} AND user_id IN (:nobody, :user_id)",
        args | {"nobody": NOBODY, "user_id": user_id},
    )
    found: dict[int, list[tuple[str, bytes]]] = {}
    for key, pool, requirement in rows:
        found.setdefault(int(key), []).append((pool, requirement))
    return found


async def find_requirement_of_pool(tx: Transaction, project_key: int, pool: str) -> bytes | None:
    """Requirement of a pool of a project."""
    row = await tx.one(
        "SELECT requirement FROM work_pool WHERE project_key = :project_key AND pool = :pool"
        " LIMIT 1",
        {"project_key": project_key, "pool": pool},
    )
    return None if row is None else bytes(row[0])


async def list_requirements(
    tx: Transaction, project_key: int, *, limit: int
) -> list[tuple[str, bytes]]:
    """List up to `limit` pools of a project with their requirements, by name."""
    rows = await tx.all(
        "SELECT DISTINCT pool, requirement FROM work_pool WHERE project_key = :project_key"
        " ORDER BY pool LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [(pool, bytes(requirement)) for pool, requirement in rows]


async def rank_pools(
    tx: Transaction, project_key: int, user_id: str, pools: Sequence[str]
) -> list[tuple[int, str]]:
    """The first task of each pool that a person never had, as (seq, pool), the first in line first.

    Of each pool one range of the index task_work_free is walked; empty pools are left out.
    """
    select = (
        "SELECT :number AS number, head.* FROM (SELECT w.rank, w.since_ms, w.seq FROM task_work"
        f" AS w WHERE w.project_key = :project_key AND w.pool = :pool AND {HAS_FREE_SLOT}"
        " AND NOT EXISTS (SELECT 1 FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.seq = w.seq AND a.user_id = :user_id)"
        " ORDER BY w.rank, w.since_ms, w.seq LIMIT 1) AS head"
    )
    found: list[tuple[int, int, int, str]] = []
    for at in range(0, len(pools), value_lists.SELECTS_MAX):
        some = pools[at : at + value_lists.SELECTS_MAX]
        sql, args = value_lists.union_all(select, pool=some)
        rows = await tx.all(sql, args | {"project_key": project_key, "user_id": user_id})
        found += [(rank, since, seq, some[number]) for number, rank, since, seq in rows]
    return [(int(seq), pool) for _, _, seq, pool in sorted(found)]


async def find_next(
    tx: Transaction, project_key: int, user_id: str, pools: Sequence[str]
) -> tuple[int, str | None] | None:
    """Seq and batch of the task that a person would be given next; None if there is none."""
    ranked = await rank_pools(tx, project_key, user_id, pools)
    if not ranked:
        return None
    row = await tx.one(
        "SELECT seq, batch_id FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": ranked[0][0]},
    )
    return None if row is None else (int(row[0]), row[1])


async def count_free_in_pools(
    tx: Transaction, pools: Sequence[tuple[int, str]], *, limit_max: int
) -> list[int]:
    """Count the tasks with a free slot of each (project_key, pool), each up to `limit_max`."""
    found: list[int] = []
    for at in range(0, len(pools), value_lists.SELECTS_MAX):
        some = pools[at : at + value_lists.SELECTS_MAX]
        sql, args = value_lists.union_all(
            "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :key"
            f" AND pool = :pool AND {HAS_FREE_SLOT} LIMIT :row_limit) AS found",
            key=[key for key, _ in some],
            pool=[pool for _, pool in some],
        )
        rows = await tx.all(sql, args | {"row_limit": limit_max})
        found += [int(count) for _, count in sorted(rows)]
    return found


async def find_pool_of_task(tx: Transaction, project_key: int, seq: int) -> str:
    """Pool of a task in the queue; empty for the open pool, and for a task that is not in it."""
    row = await tx.one(
        "SELECT pool FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return "" if row is None else str(row[0])


async def set_pool(tx: Transaction, project_key: int, seq: int, pool: str) -> None:
    """Put a task of the queue into a pool."""
    await tx.run(
        "UPDATE task_work SET pool = :pool WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq, "pool": pool},
    )


async def list_pools_of_batch(tx: Transaction, project_key: int, batch_id: str) -> list[str]:
    """Pools of a batch's tasks in the queue."""
    rows = await tx.all(
        "SELECT DISTINCT pool FROM task_work"
        " WHERE project_key = :project_key AND batch_id = :batch_id",
        {"project_key": project_key, "batch_id": batch_id},
    )
    return sorted(row[0] for row in rows)


async def move_batch(
    tx: Transaction, project_key: int, batch_id: str, *, pool: str, to: str
) -> None:
    """Put those of a batch's tasks that are in one pool into another."""
    await tx.run(
        "UPDATE task_work SET pool = :to WHERE project_key = :project_key"
        " AND batch_id = :batch_id AND pool = :pool",
        {"project_key": project_key, "batch_id": batch_id, "pool": pool, "to": to},
    )


async def put_requirements(
    tx: Transaction, project_key: int, requirements: Mapping[int, bytes]
) -> None:
    """Set what tasks ask of people, by seq; empty bytes take it away."""
    for seq, requirement in requirements.items():
        args: dict[str, object] = {"project_key": project_key, "seq": seq}
        if not requirement:
            await tx.run(
                "DELETE FROM task_requirement WHERE project_key = :project_key AND seq = :seq",
                args,
            )
            continue
        await tx.run(
            "INSERT INTO task_requirement (project_key, seq, requirement)"
            " VALUES (:project_key, :seq, :requirement)"
            " ON CONFLICT (project_key, seq) DO UPDATE SET requirement = :requirement",
            args | {"requirement": requirement},
        )


async def find_requirement(tx: Transaction, project_key: int, seq: int) -> bytes | None:
    """Own requirement of a task, without its batch's team; None for nothing."""
    row = await tx.one(
        "SELECT requirement FROM task_requirement WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return None if row is None else bytes(row[0])


async def list_task_requirements(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, bytes]:
    """Own requirements of those of these tasks that have one, by seq."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, requirement FROM task_requirement"
        f" WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )
    return {int(seq): bytes(requirement) for seq, requirement in rows}


async def set_batch_team(
    tx: Transaction, project_key: int, batch_id: str, team_id: str | None
) -> None:
    """Hand a batch to a team, or with None to everybody again."""
    key = {"project_key": project_key, "batch_id": batch_id}
    await tx.run(
        "DELETE FROM batch_team WHERE project_key = :project_key AND batch_id = :batch_id", key
    )
    if team_id is not None:
        await tx.run(
            "INSERT INTO batch_team (project_key, batch_id, team_id)"
            " VALUES (:project_key, :batch_id, :team_id)",
            key | {"team_id": team_id},
        )


async def find_batch_teams(
    tx: Transaction, project_key: int, batch_ids: Sequence[str]
) -> dict[str, str]:
    """Team ids of those of these batches that were handed to one, by batch."""
    if not batch_ids:
        return {}
    listed, args = value_lists.in_list("id", batch_ids)
    rows = await tx.all(
        "SELECT batch_id, team_id FROM batch_team"
        f" WHERE project_key = :project_key AND batch_id IN {listed}",
        args | {"project_key": project_key},
    )
    return dict(rows)
