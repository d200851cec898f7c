"""Statements for samples that have tasks in common (tables `acceptance` and `acceptance_task`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances
from plaudit.store.labeling.acceptances import Acceptance


class JudgedTask(Struct, frozen=True):
    """A task that one sample drew and its reviewer decided on: right or wrong."""

    acceptance_id: str
    seq: int
    outcome: str


async def list_undecided(
    tx: Transaction, project_key: int, user_id: str, seqs: Sequence[int]
) -> list[tuple[int, str]]:
    """List those of up to SEQS_AT_ONCE_MAX tasks that a sample drew and nobody decided on.

    With the revision that each was drawn with. In samples that were given up, and in those that
    the user has not ended.
    """
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT DISTINCT t.seq, t.revision FROM acceptance_task AS t JOIN acceptance AS a"
        " ON a.project_key = t.project_key AND a.acceptance_id = t.acceptance_id"
        f" WHERE t.project_key = :project_key AND t.seq IN {listed} AND t.draw > 0"
        " AND t.outcome = '' AND (a.state = 'given_up'"
        " OR (a.state = 'sampling' AND a.user_id = :user_id))",
        args | {"project_key": project_key, "user_id": user_id},
    )
    return [(int(seq), str(revision)) for seq, revision in rows]


async def list_overlapping(
    tx: Transaction, project_key: int, acceptance_id: str, *, limit: int
) -> list[str]:
    """List the ids of up to `limit` other acceptances with a task of this one, newest first.

    With the same revision of it.
    """
    rows = await tx.all(
        "SELECT DISTINCT o.acceptance_id FROM acceptance_task AS t JOIN acceptance_task AS o"
        " ON o.project_key = t.project_key AND o.seq = t.seq AND o.revision = t.revision"
        " WHERE t.project_key = :project_key AND t.acceptance_id = :acceptance_id"
        " AND o.acceptance_id <> :acceptance_id ORDER BY o.acceptance_id DESC LIMIT :row_limit",
        {"project_key": project_key, "acceptance_id": acceptance_id, "row_limit": limit},
    )
    return [str(other_id) for (other_id,) in rows]


async def list_later(
    tx: Transaction, project_key: int, acceptance_id: str, *, limit: int
) -> list[tuple[str, bytes]]:
    """List the first `limit` acceptances of a project after one: their ids and details."""
    rows = await tx.all(
        "SELECT acceptance_id, detail FROM acceptance WHERE project_key = :project_key"
        " AND acceptance_id > :acceptance_id ORDER BY acceptance_id LIMIT :row_limit",
        {"project_key": project_key, "acceptance_id": acceptance_id, "row_limit": limit},
    )
    return [(str(other_id), bytes(detail)) for other_id, detail in rows]


async def list_judged(
    tx: Transaction, project_key: int, acceptance_ids: Sequence[str], person_id: str
) -> list[JudgedTask]:
    """List what was decided in the samples of these acceptances.

    On tasks that a person answered, or on all where `person_id` is empty.
    """
    if not acceptance_ids:
        return []
    listed, args = value_lists.in_list("acceptance_id", acceptance_ids)
    rows = await tx.all(
        "SELECT t.acceptance_id, t.seq, t.outcome FROM acceptance_task AS t"
        f" WHERE t.project_key = :project_key AND t.acceptance_id IN {listed} AND t.draw > 0"
        " AND t.outcome <> '' AND (:person_id = '' OR EXISTS (SELECT 1 FROM submission AS s"
        " WHERE s.project_key = :project_key AND s.seq = t.seq AND s.user_id = :person_id))"
        " ORDER BY t.acceptance_id, t.draw",
        args | {"project_key": project_key, "person_id": person_id},
    )
    return [JudgedTask(str(other_id), int(seq), str(said)) for other_id, seq, said in rows]


async def list_acceptances_at(
    tx: Transaction, project_key: int, acceptance_ids: Sequence[str]
) -> list[Acceptance]:
    """List the acceptances of a project with these ids, newest first."""
    if not acceptance_ids:
        return []
    listed, args = value_lists.in_list("acceptance_id", acceptance_ids)
    rows = await tx.all(
        f"SELECT {acceptances.COLUMNS} FROM acceptance WHERE project_key = :project_key"
        f" AND acceptance_id IN {listed} ORDER BY acceptance_id DESC",
        args | {"project_key": project_key},
    )
    return [acceptances.acceptance_of(row) for row in rows]
