"""Statements for actions on many tasks (tables `task_action`, `task_action_change`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.managing import ActionKind, ActionState
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, action_id, user_id, kind, state, created_ms, lease_ms, looked_count,"
    " changed_count, restored_count, skipped, kept, detail"
)
_ONE = "WHERE project_key = :project_key AND action_id = :action_id"


class TaskAction(Struct, frozen=True, kw_only=True):
    """An action on many tasks; `skipped`, `kept` and `detail` are JSON objects."""

    project_key: int
    action_id: str
    user_id: str
    kind: ActionKind
    state: ActionState
    created_ms: int
    lease_ms: int
    looked_count: int = 0
    changed_count: int = 0
    restored_count: int = 0
    skipped: bytes = b"{}"
    kept: bytes = b"{}"
    detail: bytes = b"{}"


class TaskChange(Struct, frozen=True):
    """A task that an action changed: JSON of what was before, and of what the action left."""

    seq: int
    before: bytes
    after: bytes


async def insert_action(tx: Transaction, action: TaskAction) -> None:
    """Insert an action."""
    await tx.run(
        f"INSERT INTO task_action ({_COLUMNS}) VALUES (:project_key, :action_id, :user_id, :kind,"
        " :state, :created_ms, :lease_ms, :looked_count, :changed_count, :restored_count,"
        " :skipped, :kept, :detail)",
        _args(action),
    )


async def find_action(tx: Transaction, project_key: int, action_id: str) -> TaskAction | None:
    """Find an action of a project."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM task_action {_ONE}",
        {"project_key": project_key, "action_id": action_id},
    )
    return None if row is None else _action(row)


async def lock_action(tx: Transaction, project_key: int, action_id: str) -> TaskAction:
    """Lock an existing action until the transaction ends, and return it."""
    row = await tx.one(
        f"UPDATE task_action SET lease_ms = lease_ms {_ONE} RETURNING {_COLUMNS}",
        {"project_key": project_key, "action_id": action_id},
    )
    assert row is not None
    return _action(row)


async def list_actions(tx: Transaction, project_key: int, *, limit: int) -> list[TaskAction]:
    """List the last `limit` actions of a project, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM task_action WHERE project_key = :project_key"
        " ORDER BY action_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [_action(row) for row in rows]


async def save_action(tx: Transaction, action: TaskAction, *, expected: ActionState) -> bool:
    """Write an action's state, lease and counts; False if its state is not `expected`."""
    return bool(
        await tx.run(
            "UPDATE task_action SET state = :state, lease_ms = :lease_ms,"
            " looked_count = :looked_count, changed_count = :changed_count,"
            " restored_count = :restored_count, skipped = :skipped, kept = :kept"
            f" {_ONE} AND state = :expected",
            _args(action) | {"expected": expected.value},
        )
    )


async def insert_changes(
    tx: Transaction, project_key: int, action_id: str, changes: Sequence[TaskChange]
) -> None:
    """Insert tasks that an action has just changed."""
    await tx.add(
        "task_action_change",
        ("project_key", "action_id", "seq", "before", "after"),
        [(project_key, action_id, one.seq, one.before, one.after) for one in changes],
    )


async def list_changes(
    tx: Transaction, project_key: int, action_id: str, *, limit: int
) -> list[TaskChange]:
    """List up to `limit` tasks that an action changed and that are still to be restored, by seq."""
    rows = await tx.all(
        f"SELECT seq, before, after FROM task_action_change {_ONE} ORDER BY seq LIMIT :row_limit",
        {"project_key": project_key, "action_id": action_id, "row_limit": limit},
    )
    return [TaskChange(int(seq), bytes(before), bytes(after)) for seq, before, after in rows]


async def delete_changes(
    tx: Transaction, project_key: int, action_id: str, seqs: Sequence[int]
) -> None:
    """Delete the changes of tasks that were restored, or that are left as they are."""
    listed, args = value_lists.in_list("seq", seqs)
    await tx.run(
        f"DELETE FROM task_action_change {_ONE} AND seq IN {listed}",
        args | {"project_key": project_key, "action_id": action_id},
    )


async def list_older(tx: Transaction, *, before: int, limit: int) -> list[tuple[int, str]]:
    """List project_key and action_id of up to `limit` actions begun before a time."""
    rows = await tx.all(
        "SELECT project_key, action_id FROM task_action WHERE created_ms < :before"
        " ORDER BY created_ms, project_key, action_id LIMIT :row_limit",
        {"before": before, "row_limit": limit},
    )
    return [(int(project_key), str(action_id)) for project_key, action_id in rows]


async def delete_action(tx: Transaction, project_key: int, action_id: str) -> None:
    """Delete an action and what is left of its changes."""
    args = {"project_key": project_key, "action_id": action_id}
    await tx.run(f"DELETE FROM task_action_change {_ONE}", args)
    await tx.run(f"DELETE FROM task_action {_ONE}", args)


def _args(action: TaskAction) -> dict[str, object]:
    names = TaskAction.__struct_fields__
    values = {name: getattr(action, name) for name in names}
    return values | {"kind": action.kind.value, "state": action.state.value}


def _action(row: Row) -> TaskAction:
    values = dict(zip(TaskAction.__struct_fields__, row, strict=True))
    kind, state = ActionKind(values.pop("kind")), ActionState(values.pop("state"))
    return TaskAction(kind=kind, state=state, **values)
