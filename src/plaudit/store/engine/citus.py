"""Spread the tables over a Citus cluster: which table goes where, and the statements for it.

Small tables that everything refers to are copied to every worker. The tables that grow with the
number of tasks are distributed by `project_key` and colocated, so that a page, a completion and an
import of one project touch one worker. Tables of reserved ids are distributed by the id.
"""

from __future__ import annotations

from plaudit.errors import StoreRefused
from plaudit.store.engine.engine import Transaction

REFERENCE = (
    "server_secret",
    "store_epoch",
    "organization",
    "environment",
    "api_key",
    "person",
    "person_password",
    "team",
    "team_member",
    "person_skill",
    "invitation",
    "session",
    "project",
    "batch",
    "batch_name",
    "batch_team",
    "project_member",
    "study_link",
    "study_person",
    "webhook_endpoint",
    "callback_secret",
    "dataset",
    "dataset_delivery",
    "delivery_schema",
    "delivery",
    "job",
    "job_reject",
)
"""Copied to every worker, in the order of their foreign keys."""

DISTRIBUTED = {
    "task": "project_key",
    "task_body": "project_key",
    "task_content": "project_key",
    "project_clock": "project_key",
    "project_sequence": "project_key",
    "batch_progress": "project_key",
    "audit_entry": "project_key",
    "event": "project_key",
    "webhook_message": "project_key",
    "webhook_attempt": "project_key",
    "task_work": "project_key",
    "assignment": "project_key",
    "lease_lock": "project_key",
    "submission": "project_key",
    "vote": "project_key",
    "voted_threads": "project_key",
    "vote_clock": "project_key",
    "quality_snapshot": "project_key",
    "quality_part": "project_key",
    "task_change": "project_key",
    "task_requirement": "project_key",
    "work_pool": "project_key",
    "task_note": "project_key",
    "task_flag": "project_key",
    "review_order": "project_key",
    "disagreement_reason": "project_key",
    "quality_counter": "project_key",
    "quality_crossing": "project_key",
    "quality_pause": "project_key",
    "quality_pace": "project_key",
    "qualification": "project_key",
    "extra_review": "project_key",
    "gold_task": "project_key",
    "repeat_task": "project_key",
    "control_turn": "project_key",
    "control_place": "project_key",
    "control_result": "project_key",
    "delivered_task": "project_key",
    "frozen_task": "project_key",
    "task_words": "project_key",
    "word_clock": "project_key",
    "unread_task": "project_key",
    "saved_view": "project_key",
    "task_action": "project_key",
    "task_action_change": "project_key",
    "task_locator": "task_id",
    "reserved_unique_id": "unique_id",
    "annotation_locator": "id_hash",
    "idempotency": "idem_key",
    "dataset_task": "dataset_key",
    "dataset_task_locator": "task_id",
    "attachment": "attachment_id",
}
"""Distribution column of each large table. Those with project_key are colocated with `task`."""

LOCAL = ("schema_migration",)
"""Tables that stay on the coordinator."""


def statement_for(table: str) -> str:
    """SQL that makes one table a reference table or distributes it by its column."""
    if table in REFERENCE:
        return f"SELECT create_reference_table('{table}')"
    column = DISTRIBUTED[table]
    together = ", colocate_with => 'task'" if column == "project_key" and table != "task" else ""
    apart = ", colocate_with => 'none'" if column != "project_key" else ""
    return f"SELECT create_distributed_table('{table}', '{column}'{together}{apart})"


def statements() -> list[str]:
    """SQL for all tables, reference tables first."""
    return [statement_for(table) for table in (*REFERENCE, *DISTRIBUTED)]


async def is_cluster(tx: Transaction) -> bool:
    """True if a PostgreSQL database is the coordinator of a Citus cluster."""
    found = await tx.one("SELECT 1 FROM pg_extension WHERE extname = 'citus'", {})
    return found is not None


async def distribute(tx: Transaction) -> list[str]:
    """Distribute the tables that are still local; return their names.

    Raises StoreRefused where the database is not the coordinator of a cluster with a worker.
    """
    if not await is_cluster(tx):
        raise StoreRefused(
            "the extension citus is not in this database; connect to the coordinator of a Citus "
            "cluster and run CREATE EXTENSION citus there"
        )
    if await tx.one("SELECT 1 FROM pg_dist_node WHERE isactive AND shouldhaveshards", {}) is None:
        raise StoreRefused("the cluster has no worker; add one with citus_add_node")
    rows = await tx.all("SELECT CAST(logicalrelid AS text) FROM pg_dist_partition", {})
    present = {row[0] for row in rows}
    done = [table for table in (*REFERENCE, *DISTRIBUTED) if table not in present]
    for table in done:
        await tx.one(statement_for(table), {})
    return done
