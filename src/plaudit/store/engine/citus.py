"""Spread the tables over a Citus cluster: which table goes where, and the statements for it.

Small tables that everything refers to are copied to every worker. The tables that grow with the
number of tasks are distributed by `project_key` and colocated, so that a page, a completion and an
import of one project touch one worker. Tables of reserved ids are distributed by the id.
"""

from __future__ import annotations

from plaudit.errors import StoreRefused
from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.planning import PLANNING

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
    "acceptance": "project_key",
    "acceptance_task": "project_key",
    "task_talk": "project_key",
    "talk_message": "project_key",
    "task_locator": "task_id",
    "reserved_unique_id": "unique_id",
    "annotation_locator": "id_hash",
    "idempotency": "idem_key",
    "dataset_task": "dataset_key",
    "dataset_task_locator": "task_id",
    "attachment": "attachment_id",
}
"""Distribution column of each large table. Those with project_key are colocated with `task`."""

_DATABASE_SETTINGS_SQL = """SELECT coalesce(string_agg(array_to_string(s.setconfig, ' '), ' '), '')
    FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE d.datname = current_database() AND s.setrole = 0"""

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


async def distribute_the_rest(tx: Transaction) -> None:
    """Distribute the tables that are still local, where others are distributed already."""
    if await is_cluster(tx) and await _distributed_tables(tx):
        await distribute(tx)


async def distribute(tx: Transaction) -> list[str]:
    """Distribute the tables that are still local, with their rows; return their names.

    The workers plan as the sessions of the product do: Citus hands a statement on, but not the
    settings of the session that it came from. Databases of workers that were added since get these
    settings when it is run again. Rows left behind on the coordinator are removed.

    Raises StoreRefused where the database is not the coordinator of a cluster with a worker.
    """
    if not await is_cluster(tx):
        raise StoreRefused(
            "the extension citus is not in this database; connect to the coordinator of a Citus "
            "cluster and run CREATE EXTENSION citus there"
        )
    if await tx.one("SELECT 1 FROM pg_dist_node WHERE isactive AND shouldhaveshards", {}) is None:
        raise StoreRefused("the cluster has no worker; add one with citus_add_node")
    present = await _distributed_tables(tx)
    done = [table for table in (*REFERENCE, *DISTRIBUTED) if table not in present]
    await one_after_another(tx)
    for table in done:
        await tx.one(statement_for(table), {})
    for table in done:
        await tx.one(f"SELECT truncate_local_data_after_distributing_table('{table}')", {})
    for command in await _planning_commands(tx):
        await tx.run(command, {})
    return done


async def one_after_another(tx: Transaction) -> None:
    """Change shards one by one in this transaction, so that tables may refer to one another.

    Changed side by side, Citus refuses what reads the rows of another table afterwards.
    """
    await tx.run("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'", {})


async def _distributed_tables(tx: Transaction) -> set[str]:
    rows = await tx.all("SELECT CAST(logicalrelid AS text) FROM pg_dist_partition", {})
    return {row[0] for row in rows}


async def require_equal_planning(tx: Transaction) -> None:
    """Raise StoreRefused where the database of a worker lacks the settings of PLANNING.

    Citus hands them on to workers that have its metadata; for others it says what to run there.
    """
    commands = await _planning_commands(tx)
    wanted = {f"{setting}={value}" for setting, value in PLANNING.items()}
    for worker, port, is_done, said in await tx.all(
        "SELECT nodename, nodeport, success, result FROM run_command_on_workers(:command)",
        {"command": _DATABASE_SETTINGS_SQL},
    ):
        if not is_done or not wanted <= set(said.split()):
            raise StoreRefused(
                f"the tables are distributed, but worker {worker}:{port} would plan in another "
                f"way; as the owner of its database, run there: {'; '.join(commands)}"
            )


async def _planning_commands(tx: Transaction) -> list[str]:
    row = await tx.one("SELECT quote_ident(current_database())", {})
    assert row is not None
    return [
        f"ALTER DATABASE {row[0]} SET {setting} = '{value}'" for setting, value in PLANNING.items()
    ]
