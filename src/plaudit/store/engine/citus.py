"""Spread the tables over a Citus cluster: which table goes where, and the statements for it.

Small tables that everything refers to are copied to every worker. The tables that grow with the
number of tasks are cut by `project_id` and kept together, so that a page, a completion and an
import of one project touch one worker. Claim tables are cut by the value that is claimed.
"""

from __future__ import annotations

from plaudit.errors import StoreRefused
from plaudit.store.engine.engine import Transaction

REFERENCE = (
    "server_secret",
    "store_epoch",
    "account",
    "org",
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
    "task": "project_id",
    "task_body": "project_id",
    "task_content": "project_id",
    "project_clock": "project_id",
    "project_sequence": "project_id",
    "batch_progress": "project_id",
    "audit_entry": "project_id",
    "event": "project_id",
    "notice": "project_id",
    "notice_attempt": "project_id",
    "task_work": "project_id",
    "assignment": "project_id",
    "claimant": "project_id",
    "submission": "project_id",
    "task_note": "project_id",
    "delivered_task": "project_id",
    "frozen_task": "project_id",
    "task_locator": "task_id",
    "unique_claim": "unique_id",
    "annotation_locator": "id_hash",
    "idempotency": "idem_key",
    "dataset_task": "dataset_key",
    "dataset_task_locator": "task_id",
    "attachment": "attachment_id",
}
"""The column each large table is cut by. Those cut by project_id are kept with `task`."""

LOCAL = ("schema_migration",)
"""Stays on the coordinator."""


def statement_for(table: str) -> str:
    """The statement that puts one table where it belongs."""
    if table in REFERENCE:
        return f"SELECT create_reference_table('{table}')"
    column = DISTRIBUTED[table]
    together = ", colocate_with => 'task'" if column == "project_id" and table != "task" else ""
    apart = ", colocate_with => 'none'" if column != "project_id" else ""
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
