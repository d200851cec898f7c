"""Statements for votes: written and deleted with the submissions and threads that they are of.

Every change of what counts on a task gets the number 0 in its own transaction, in the submission
or in `voted_threads`, and its real number later (store/quality/vote_changes.py): handing out
numbers here would make all people of a project wait for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import astuple

from plaudit.model.votes import VoteRow, VoteValues
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

COLUMNS = VoteRow.__struct_fields__


async def insert_votes(tx: Transaction, votes: Sequence[VoteRow]) -> None:
    """Insert votes; there must be none of their people on their tasks."""
    if votes:
        await tx.add("vote", COLUMNS, [astuple(vote) for vote in votes])


async def insert_vote_values(
    tx: Transaction, project_key: int, values_by_seq: Mapping[int, Sequence[VoteValues]]
) -> None:
    """Insert the votes of several tasks of a project, which have none."""
    rows = [
        (project_key, seq, *values) for seq, listed in values_by_seq.items() for values in listed
    ]
    await tx.add("vote", COLUMNS, rows)


async def delete_votes_of_person(
    tx: Transaction, project_key: int, seq: int, contributor_id: str
) -> None:
    """Delete a person's votes on a task, because their submission no longer counts."""
    await tx.run(
        "DELETE FROM vote WHERE project_key = :project_key AND seq = :seq"
        " AND contributor_id = :contributor_id",
        {"project_key": project_key, "seq": seq, "contributor_id": contributor_id},
    )


async def delete_votes(tx: Transaction, project_key: int, seq: int) -> None:
    """Delete all votes on a task, of submissions and of threads."""
    for sql in (
        "DELETE FROM vote WHERE project_key = :project_key AND seq = :seq",
        "UPDATE voted_threads SET change_no = 0 WHERE project_key = :project_key AND seq = :seq",
    ):
        await tx.run(sql, {"project_key": project_key, "seq": seq})


async def mark_threads(tx: Transaction, project_key: int, seqs: Sequence[int]) -> None:
    """Mark tasks whose votes of threads have changed, in the order given."""
    await tx.many(
        "INSERT INTO voted_threads (project_key, seq, change_no) VALUES (:project_key, :seq, 0)"
        " ON CONFLICT (project_key, seq) DO UPDATE SET change_no = 0",
        [{"project_key": project_key, "seq": seq} for seq in seqs],
    )


async def unmark_threads(tx: Transaction, project_key: int, seq: int) -> bool:
    """Delete the votes that a task's threads brought; False if they never brought any."""
    is_marked = await tx.run(
        "UPDATE voted_threads SET change_no = 0 WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    if not is_marked:
        return False
    await tx.run(
        "DELETE FROM vote WHERE project_key = :project_key AND seq = :seq AND is_imported = 1",
        {"project_key": project_key, "seq": seq},
    )
    return True


async def lock_task(tx: Transaction, project_key: int, seq: int) -> None:
    """Lock a task's row until the transaction ends, as whoever changes its threads does."""
    await tx.one(
        "SELECT seq FROM task WHERE project_key = :project_key AND seq = :seq" + tx.for_update,
        {"project_key": project_key, "seq": seq},
    )


async def list_votes(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[VoteRow]:
    """List the votes on some tasks in the order of task, person and number."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"SELECT {', '.join(COLUMNS)} FROM vote WHERE project_key = :project_key"
        f" AND seq IN {listed} ORDER BY seq, contributor_id, number",
        args | {"project_key": project_key},
    )
    return [_vote(row) for row in rows]


async def list_votes_on_question(
    tx: Transaction, project_key: int, seq: int, question_key: str
) -> list[VoteRow]:
    """List the votes of a task's submissions on one question, by person and number."""
    rows = await tx.all(
        f"SELECT {', '.join(COLUMNS)} FROM vote WHERE project_key = :project_key AND seq = :seq"
        " AND question_key = :question_key AND is_imported = 0 ORDER BY contributor_id, number",
        {"project_key": project_key, "seq": seq, "question_key": question_key},
    )
    return [_vote(row) for row in rows]


def _vote(row: Row) -> VoteRow:
    project_key, seq, contributor_id, number, is_imported, *rest = row
    return VoteRow(project_key, seq, contributor_id, number, bool(is_imported), *rest)
