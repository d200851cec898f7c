"""Statements for why people disagreed (table `disagreement_reason`)."""

from __future__ import annotations

from collections.abc import Sequence

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


async def count_by_question(tx: Transaction, project_key: int) -> list[tuple[str, str, int]]:
    """Count a project's reasons by question_key and why; reads all of them."""
    rows = await tx.all(
        "SELECT question_key, why, COUNT(*) FROM disagreement_reason"
        " WHERE project_key = :project_key GROUP BY question_key, why ORDER BY question_key, why",
        {"project_key": project_key},
    )
    return [(question_key, why, int(count)) for question_key, why, count in rows]
