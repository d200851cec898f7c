"""Reserve unique_ids, one or many at once, and load the tasks that already own them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from plaudit.store.engine.engine import Transaction

AT_ONCE = 50
"""Ids per statement; longer lists are looked up in several."""


class ExistingTask(Struct, frozen=True):
    """The fields of a stored task that an upload of the same task is compared with."""

    task_id: str
    batch_id: str | None
    unique_id: str | None
    content: bytes | None


async def reserve_unique_id(
    tx: Transaction, environment_id: str, unique_id: str, task_id: str
) -> str:
    """Reserve a unique_id for a task unless it is taken; return the id of the task that has it."""
    key = {"unique_id": unique_id, "environment_id": environment_id}
    await tx.run(
        "INSERT INTO reserved_unique_id (unique_id, environment_id, task_id)"
        " VALUES (:unique_id, :environment_id, :task_id) ON CONFLICT DO NOTHING",
        key | {"task_id": task_id},
    )
    row = await tx.one(
        "SELECT task_id FROM reserved_unique_id WHERE unique_id = :unique_id AND environment_id ="
        " :environment_id",
        key,
    )
    assert row is not None
    return str(row[0])


async def reserve_unique_ids(
    tx: Transaction, environment_id: str, reservations: Mapping[str, str]
) -> None:
    """Reserve unique_ids, given as unique_id to task_id; those of other tasks stay with them.

    Rows are inserted in sorted order, so that two transactions with the same ids cannot deadlock.
    """
    await tx.many(
        "INSERT INTO reserved_unique_id (unique_id, environment_id, task_id)"
        " VALUES (:unique_id, :environment_id, :task_id) ON CONFLICT DO NOTHING",
        [
            {
                "unique_id": unique_id,
                "environment_id": environment_id,
                "task_id": reservations[unique_id],
            }
            for unique_id in sorted(reservations)
        ],
    )


async def list_reserved(
    tx: Transaction, environment_id: str, unique_ids: Sequence[str]
) -> dict[str, str]:
    """Owners of these unique_ids, as unique_id to task_id; unreserved ones are left out."""
    owners: dict[str, str] = {}
    names = [f"u_{number}" for number in range(AT_ONCE)]
    sql = (
        "SELECT unique_id, task_id FROM reserved_unique_id WHERE environment_id = :environment_id"
        f" AND unique_id IN ({', '.join(f':{name}' for name in names)})"
    )
    for start in range(0, len(unique_ids), AT_ONCE):
        chunk = list(unique_ids[start : start + AT_ONCE])
        # One statement text for any number of ids: the last id fills the unused parameters.
        chunk += [chunk[-1]] * (AT_ONCE - len(chunk))
        args = dict(zip(names, chunk, strict=True)) | {"environment_id": environment_id}
        for unique_id, task_id in await tx.all(sql, args):
            owners[unique_id] = task_id
    return owners


async def list_existing_tasks(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> list[ExistingTask]:
    """Tasks of one project by sequence number, in any order; missing ones are left out."""
    existing: list[ExistingTask] = []
    names = [f"s_{number}" for number in range(AT_ONCE)]
    sql = (
        "SELECT t.task_id, t.batch_id, c.unique_id, c.content FROM task AS t"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " WHERE t.project_key = :project_key"
        f" AND t.seq IN ({', '.join(f':{name}' for name in names)})"
    )
    for start in range(0, len(seqs), AT_ONCE):
        chunk = list(seqs[start : start + AT_ONCE])
        chunk += [chunk[-1]] * (AT_ONCE - len(chunk))
        args = dict(zip(names, chunk, strict=True)) | {"project_key": project_key}
        existing += [ExistingTask(*row) for row in await tx.all(sql, args)]
    return existing
