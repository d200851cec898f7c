"""Statements for acceptances after a sample (tables `acceptance` and `acceptance_task`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.labeling import AcceptanceState
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

COLUMNS = "project_key, acceptance_id, user_id, state, created_ms, action_id, detail"
_ONE = "WHERE project_key = :project_key AND acceptance_id = :acceptance_id"
_IN_OWN_SAMPLES = (
    "WHERE project_key = :project_key AND seq = :seq AND draw > 0 AND acceptance_id IN"
    " (SELECT a.acceptance_id FROM acceptance AS a WHERE a.project_key = :project_key"
    " AND a.user_id = :user_id AND a.state = 'sampling')"
)
SEQS_AT_ONCE_MAX = 500
"""Tasks that one statement asks for."""


class Acceptance(Struct, frozen=True, kw_only=True):
    """Acceptance of tasks in review by one reviewer; `detail` is JSON."""

    project_key: int
    acceptance_id: str
    user_id: str
    state: AcceptanceState
    created_ms: int
    action_id: str = ""
    """Action on many tasks that accepts those outside of the sample; empty until then."""
    detail: bytes = b"{}"


class AcceptedTask(Struct, frozen=True):
    """A task of an acceptance; `draw` is its place in the sample, 0 outside of it."""

    seq: int
    revision: str
    draw: int
    outcome: str = ""


async def insert_acceptance(tx: Transaction, acceptance: Acceptance) -> None:
    """Insert an acceptance."""
    await tx.run(
        f"INSERT INTO acceptance ({COLUMNS}) VALUES (:project_key, :acceptance_id, :user_id,"
        " :state, :created_ms, :action_id, :detail)",
        _args(acceptance),
    )


async def insert_tasks(
    tx: Transaction, acceptance: Acceptance, listed: Sequence[AcceptedTask]
) -> None:
    """Insert the tasks of an acceptance that has just begun."""
    key, acceptance_id = acceptance.project_key, acceptance.acceptance_id
    await tx.add(
        "acceptance_task",
        ("project_key", "acceptance_id", "seq", "revision", "draw", "outcome"),
        [(key, acceptance_id, one.seq, one.revision, one.draw, one.outcome) for one in listed],
    )


async def find_acceptance(
    tx: Transaction, project_key: int, acceptance_id: str
) -> Acceptance | None:
    """Find an acceptance of a project."""
    row = await tx.one(
        f"SELECT {COLUMNS} FROM acceptance {_ONE}",
        {"project_key": project_key, "acceptance_id": acceptance_id},
    )
    return None if row is None else acceptance_of(row)


async def lock_acceptance(
    tx: Transaction, project_key: int, acceptance_id: str
) -> Acceptance | None:
    """Lock an acceptance until the transaction ends, and return it; None if there is none."""
    row = await tx.one(
        f"UPDATE acceptance SET state = state {_ONE} RETURNING {COLUMNS}",
        {"project_key": project_key, "acceptance_id": acceptance_id},
    )
    return None if row is None else acceptance_of(row)


async def list_acceptances(
    tx: Transaction, project_key: int, user_id: str, state: AcceptanceState, *, limit: int
) -> list[Acceptance]:
    """List the last `limit` acceptances of a person in a state, newest first."""
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM acceptance WHERE project_key = :project_key"
        " AND user_id = :user_id AND state = :state ORDER BY acceptance_id DESC LIMIT :row_limit",
        {
            "project_key": project_key,
            "user_id": user_id,
            "state": state.value,
            "row_limit": limit,
        },
    )
    return [acceptance_of(row) for row in rows]


async def save_acceptance(tx: Transaction, acceptance: Acceptance) -> None:
    """Write the state, the action and the detail of an acceptance that is locked, or is new."""
    await tx.run(
        f"UPDATE acceptance SET state = :state, action_id = :action_id, detail = :detail {_ONE}",
        _args(acceptance),
    )


async def list_sample(tx: Transaction, project_key: int, acceptance_id: str) -> list[AcceptedTask]:
    """List the sample of an acceptance, in the order in which it was drawn."""
    rows = await tx.all(
        f"SELECT seq, revision, draw, outcome FROM acceptance_task {_ONE} AND draw > 0"
        " ORDER BY draw",
        {"project_key": project_key, "acceptance_id": acceptance_id},
    )
    return [AcceptedTask(int(seq), *rest) for seq, *rest in rows]


async def list_open(
    tx: Transaction, project_key: int, acceptance_id: str, *, after_seq: int, limit: int
) -> list[int]:
    """List the seqs of up to `limit` tasks outside of the sample that nothing was done with yet."""
    rows = await tx.all(
        f"SELECT seq FROM acceptance_task {_ONE} AND seq > :after_seq AND draw = 0"
        " AND outcome = '' ORDER BY seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "acceptance_id": acceptance_id,
            "after_seq": after_seq,
            "row_limit": limit,
        },
    )
    return [int(seq) for (seq,) in rows]


async def list_left_out(
    tx: Transaction, project_key: int, acceptance_id: str, *, limit: int
) -> list[AcceptedTask]:
    """List up to `limit` tasks outside of the sample that were left out, by seq."""
    rows = await tx.all(
        f"SELECT seq, revision, draw, outcome FROM acceptance_task {_ONE} AND draw = 0"
        " AND outcome <> '' AND outcome <> 'accepted' ORDER BY seq LIMIT :row_limit",
        {"project_key": project_key, "acceptance_id": acceptance_id, "row_limit": limit},
    )
    return [AcceptedTask(int(seq), *rest) for seq, *rest in rows]


async def find_revision(
    tx: Transaction, project_key: int, acceptance_id: str, seq: int
) -> str | None:
    """Find the revision that a task had as its acceptance began."""
    row = await tx.one(
        f"SELECT revision FROM acceptance_task {_ONE} AND seq = :seq",
        {"project_key": project_key, "acceptance_id": acceptance_id, "seq": seq},
    )
    return None if row is None else str(row[0])


async def set_outcome(
    tx: Transaction, project_key: int, acceptance_id: str, seq: int, outcome: str
) -> None:
    """Write what became of a task."""
    await tx.run(
        f"UPDATE acceptance_task SET outcome = :outcome {_ONE} AND seq = :seq",
        {
            "project_key": project_key,
            "acceptance_id": acceptance_id,
            "seq": seq,
            "outcome": outcome,
        },
    )


async def judge_in_samples(
    tx: Transaction, project_key: int, seq: int, user_id: str, outcome: str, *, revision: str
) -> None:
    """Write how a reviewer decided on a task in each sample of hers that waits for it.

    Those alone that were drawn with this revision of it.
    """
    await tx.run(
        f"UPDATE acceptance_task SET outcome = :outcome {_IN_OWN_SAMPLES}"
        " AND outcome = '' AND revision = :revision",
        {
            "project_key": project_key,
            "seq": seq,
            "user_id": user_id,
            "outcome": outcome,
            "revision": revision,
        },
    )


async def correct_in_samples(
    tx: Transaction, project_key: int, seq: int, user_id: str, *, was: str, outcome: str
) -> None:
    """Write another outcome of a task in each sample of a reviewer's where it had this one."""
    await tx.run(
        f"UPDATE acceptance_task SET outcome = :outcome {_IN_OWN_SAMPLES} AND outcome = :was",
        {
            "project_key": project_key,
            "seq": seq,
            "user_id": user_id,
            "outcome": outcome,
            "was": was,
        },
    )


async def list_submission_ids(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, list[str]]:
    """Ids of the current submissions of up to SEQS_AT_ONCE_MAX tasks, as `list_current` orders."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, submission_id FROM submission WHERE project_key = :project_key"
        f" AND seq IN {listed} AND is_current = 1 ORDER BY seq, submitted_ms, submission_id",
        args | {"project_key": project_key},
    )
    found: dict[int, list[str]] = {}
    for seq, submission_id in rows:
        found.setdefault(int(seq), []).append(str(submission_id))
    return found


def acceptance_of(row: Row) -> Acceptance:
    """Acceptance of a row of COLUMNS."""
    values = dict(zip(Acceptance.__struct_fields__, row, strict=True))
    state = AcceptanceState(values.pop("state"))
    return Acceptance(state=state, **values | {"detail": bytes(values["detail"])})


def _args(acceptance: Acceptance) -> dict[str, object]:
    values = {name: getattr(acceptance, name) for name in Acceptance.__struct_fields__}
    return values | {"state": acceptance.state.value}
