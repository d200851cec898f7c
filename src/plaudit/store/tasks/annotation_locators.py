"""Annotation locators: tasks that may hold an annotation whose id the server did not mint."""

from __future__ import annotations

from collections.abc import Iterable

from plaudit.store.engine.engine import Transaction


async def insert_annotation_locators(
    tx: Transaction, environment_id: str, locators: Iterable[tuple[int, int, int]]
) -> None:
    """Index foreign annotation ids, given as (hash of the id, project_key, seq)."""
    await tx.many(
        "INSERT INTO annotation_locator (id_hash, environment_id, project_key, seq)"
        " VALUES (:id_hash, :environment_id, :project_key, :seq) ON CONFLICT DO NOTHING",
        [
            {
                "id_hash": id_hash,
                "environment_id": environment_id,
                "project_key": project_key,
                "seq": seq,
            }
            for id_hash, project_key, seq in locators
        ],
    )


async def list_annotation_locators(
    tx: Transaction, environment_id: str, id_hash: int
) -> list[tuple[int, int]]:
    """(project_key, seq) of up to 100 tasks that may hold an annotation with this hashed id."""
    rows = await tx.all(
        "SELECT project_key, seq FROM annotation_locator"
        " WHERE id_hash = :id_hash AND environment_id = :environment_id ORDER BY project_key, seq"
        " LIMIT 100",
        {"id_hash": id_hash, "environment_id": environment_id},
    )
    return [(row[0], row[1]) for row in rows]
