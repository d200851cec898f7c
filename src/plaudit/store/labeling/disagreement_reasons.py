"""Statements for why people disagreed (table `disagreement_reason`)."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


async def put_reasons(
    tx: Transaction, project_key: int, seq: int, reasons: Sequence[tuple[int, str, str]]
) -> None:
    """Store the reasons of a task's questions, in place of earlier ones: number, key and why."""
    await tx.many(
        "INSERT INTO disagreement_reason (project_key, seq, number, question_key, why)"
        " VALUES (:project_key, :seq, :number, :question_key, :why)"
        " ON CONFLICT (project_key, seq, number) DO UPDATE"
        " SET question_key = excluded.question_key, why = excluded.why",
        [
            {
                "project_key": project_key,
                "seq": seq,
                "number": number,
                "question_key": question_key,
                "why": why,
            }
            for number, question_key, why in reasons
        ],
    )


async def count_reasons(
    tx: Transaction, project_key: int, whys: Sequence[str], *, limit_max: int
) -> list[int]:
    """Count the questions of a project with each of these reasons, each up to `limit_max`."""
    counts = []
    for why in whys:
        row = await tx.one(
            "SELECT COUNT(*) FROM (SELECT 1 FROM disagreement_reason"
            " WHERE project_key = :project_key AND why = :why LIMIT :row_limit) AS found",
            {"project_key": project_key, "why": why, "row_limit": limit_max},
        )
        counts.append(int(row[0]) if row else 0)
    return counts


async def count_first_by_question(
    tx: Transaction, project_key: int, whys: Sequence[str], *, limit_max: int
) -> list[tuple[str, str, int]]:
    """Count a project's reasons by question_key and why, of each why the first `limit_max`.

    They are the first in the order of question_key.
    """
    sql, args = value_lists.union_all(
        "SELECT question_key, :number, COUNT(*) FROM (SELECT question_key FROM disagreement_reason"
        " WHERE project_key = :project_key AND why = :why ORDER BY question_key LIMIT :row_limit)"
        " AS found GROUP BY question_key",
        why=whys,
    )
    rows = await tx.all(sql, args | {"project_key": project_key, "row_limit": limit_max})
    return [(key, whys[int(number)], int(count)) for key, number, count in sorted(rows)]


async def list_last_seqs(
    tx: Transaction,
    project_key: int,
    question_key: str,
    whys: Sequence[str],
    *,
    looked_max: int,
    limit: int,
) -> dict[str, list[int]]:
    """The last `limit` tasks with each of these reasons for a question, among `looked_max` each."""
    sql, args = value_lists.union_all(
        "SELECT :number, seq FROM (SELECT DISTINCT seq FROM (SELECT seq FROM disagreement_reason"
        " WHERE project_key = :project_key AND why = :why AND question_key = :question_key"
        " LIMIT :looked_max) AS looked ORDER BY seq DESC LIMIT :row_limit) AS last",
        why=whys,
    )
    rows = await tx.all(
        sql,
        args
        | {
            "project_key": project_key,
            "question_key": question_key,
            "looked_max": looked_max,
            "row_limit": limit,
        },
    )
    found: dict[str, list[int]] = {why: [] for why in whys}
    for number, seq in sorted(rows, reverse=True):
        found[whys[int(number)]].append(int(seq))
    return found


async def count_by_question(tx: Transaction, project_key: int) -> list[tuple[str, str, int]]:
    """Count a project's reasons by question_key and why; reads all of them."""
    rows = await tx.all(
        "SELECT question_key, why, COUNT(*) FROM disagreement_reason"
        " WHERE project_key = :project_key GROUP BY question_key, why ORDER BY question_key, why",
        {"project_key": project_key},
    )
    return [(question_key, why, int(count)) for question_key, why, count in rows]
