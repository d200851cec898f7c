"""Spread the tables over a Citus cluster: which table goes where, and the statements for it.

Small tables that everything refers to are copied to every worker. The tables that grow with the
number of tasks are cut by `project_key` and kept together, so that a page, a completion and an
import of one project touch one worker. Claim tables are cut by the value that is claimed.
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
    "invitation",
    "session",
    "project",
    "batch",
    "batch_name",
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
    "claimant": "project_key",
    "submission": "project_key",
    "task_note": "project_key",
    "delivered_task": "project_key",
    "frozen_task": "project_key",
    "task_locator": "task_id",
    "unique_claim": "unique_id",
    "annotation_locator": "id_hash",
    "idempotency": "idem_key",
    "dataset_task": "dataset_key",
    "dataset_task_locator": "task_id",
    "attachment": "attachment_id",
}
"""The column each large table is cut by. Those cut by project_key are kept with `task`."""

LOCAL = ("schema_migration",)
"""Stays on the coordinator."""


def statement_for(table: str) -> str:
    """The statement that puts one table where it belongs."""
    if table in REFERENCE:
        return f"SELECT create_reference_table('{table}')"
    column = DISTRIBUTED[table]
    together = ", colocate_with => 'task'" if column == "project_key" and table != "task" else ""
    apart = ", colocate_with => 'none'" if column != "project_key" else ""
    return f"SELECT create_distributed_table('{table}', '{column}'{together}{apart})"


def statements() -> list[str]:
    """All statements, in order."""
    return [statement_for(table) for table in (*REFERENCE, *DISTRIBUTED)]


async def distribute(tx: Transaction) -> list[str]:
    """Distribute the tables that are not yet; return their names. Raises StoreRefused."""
    if await tx.one("SELECT 1 FROM pg_extension WHERE extname = 'citus'", {}) is None:
        raise StoreRefused(
            "the extension citus is not in this database; connect to the coordinator of a Citus "
            "cluster and run CREATE EXTENSION citus there"
        )
    if await tx.one("SELECT 1 FROM pg_dist_node WHERE isactive AND shouldhaveshards", {}) is None:
        raise StoreRefused("the cluster has no worker; add one with citus_add_node")
    rows = await tx.all("SELECT CAST(logicalrel AS text) FROM pg_dist_partition", {})
    present = {row[0] for row in rows}
    done = [table for table in (*REFERENCE, *DISTRIBUTED) if table not in present]
    for table in done:
        await tx.one(statement_for(table), {})
    return done
