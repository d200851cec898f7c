"""From ids to the keys of tasks.

The row that leads from an id to a task may lie on another machine of a cluster than the task's own,
which can be lost with that machine's last commits.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

LOCATED_AT_ONCE = 50
"""Ids per statement of `locate_tasks`."""


async def locate_tasks(
    tx: Transaction, environment_id: str, task_ids: Sequence[str]
) -> dict[str, tuple[int, int] | None]:
    """(project_key, seq) by id of these tasks of an environment; unknown ids are left out.

    None for an id that is taken, but whose row is lost (see `find_task`).
    """
    located: dict[str, tuple[int, int] | None] = {}
    names = [f"id_{number}" for number in range(LOCATED_AT_ONCE)]
    sql = (
        "SELECT task_id, project_key, seq FROM task_locator WHERE environment_id = :environment_id"
        f" AND task_id IN ({', '.join(f':{name}' for name in names)})"
    )
    for start in range(0, len(task_ids), LOCATED_AT_ONCE):
        chunk = list(task_ids[start : start + LOCATED_AT_ONCE])
        # One statement text for any number of ids: the last id fills the unused parameters.
        chunk += [chunk[-1]] * (LOCATED_AT_ONCE - len(chunk))
        args = dict(zip(names, chunk, strict=True)) | {"environment_id": environment_id}
        for task_id, project_key, seq in await tx.all(sql, args):
            located[task_id] = (project_key, seq)
    seqs: dict[int, list[int]] = {}
    for project_key, seq in (key for key in located.values() if key is not None):
        seqs.setdefault(project_key, []).append(seq)
    found = {
        (project_key, seq): task_id
        for project_key, listed in seqs.items()
        for seq, task_id in await _list_ids(tx, project_key, listed)
    }
    return {
        task_id: key if key is not None and found.get(key) == task_id else None
        for task_id, key in located.items()
    }


async def _list_ids(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[Row]:
    """(seq, task_id) of a project's tasks with these sequence numbers; lost ones are left out."""
    listed, args = value_lists.in_list("seq", seqs)
    return await tx.all(
        f"SELECT seq, task_id FROM task WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )


async def is_id_taken(tx: Transaction, environment_id: str, task_id: str) -> bool:
    """True if a task of this environment has the id, or had it and is lost."""
    row = await tx.one(
        "SELECT 1 FROM task_locator WHERE task_id = :task_id AND environment_id = :environment_id",
        {"task_id": task_id, "environment_id": environment_id},
    )
    return row is not None
