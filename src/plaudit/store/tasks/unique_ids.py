"""What many tasks at once claim, and what is stored under claims that are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from plaudit.store.engine.engine import Transaction

AT_ONCE = 50


class KnownTask(Struct, frozen=True):
    """What a task that is stored was created with."""

    task_id: str
    batch_id: str | None
    unique_id: str | None
    content: bytes | None


async def claim_unique_ids(tx: Transaction, environment_id: str, wanted: Mapping[str, str]) -> None:
    """Claim each unique_id for the task beside it, unless another holds it.

    They are claimed in one order everywhere, so that two who want the same ones do not deadlock.
    """
    await tx.many(
        "INSERT INTO unique_claim (unique_id, environment_id, task_id)"
        " VALUES (:unique_id, :environment_id, :task_id) ON CONFLICT DO NOTHING",
        [
            {"unique_id": unique_id, "environment_id": environment_id, "task_id": wanted[unique_id]}
            for unique_id in sorted(wanted)
        ],
    )


async def list_holders(
    tx: Transaction, environment_id: str, unique_ids: Sequence[str]
) -> dict[str, str]:
    """The tasks that hold these unique_ids, by unique_id."""
    found: dict[str, str] = {}
    names = [f"u_{number}" for number in range(AT_ONCE)]
    sql = (
        "SELECT unique_id, task_id FROM unique_claim WHERE environment_id = :environment_id"
        f" AND unique_id IN ({', '.join(f':{name}' for name in names)})"
    )
    for start in range(0, len(unique_ids), AT_ONCE):
        some = list(unique_ids[start : start + AT_ONCE])
        # One statement for every number of ids: the last one fills the places left over.
        some += [some[-1]] * (AT_ONCE - len(some))
        args = dict(zip(names, some, strict=True)) | {"environment_id": environment_id}
        for unique_id, task_id in await tx.all(sql, args):
            found[unique_id] = task_id
    return found


async def list_known(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[KnownTask]:
    """What tasks of one project were created with, in any order."""
    found: list[KnownTask] = []
    names = [f"s_{number}" for number in range(AT_ONCE)]
    sql = (
        "SELECT t.task_id, t.batch_id, c.unique_id, c.content FROM task AS t"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " WHERE t.project_key = :project_key"
        f" AND t.seq IN ({', '.join(f':{name}' for name in names)})"
    )
    for start in range(0, len(seqs), AT_ONCE):
        some = list(seqs[start : start + AT_ONCE])
        some += [some[-1]] * (AT_ONCE - len(some))
        args = dict(zip(names, some, strict=True)) | {"project_key": project_key}
        found += [KnownTask(*row) for row in await tx.all(sql, args)]
    return found
