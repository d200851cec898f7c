"""Many rows behind every list: a store's first rows copied by one statement for each table."""

from __future__ import annotations

from collections.abc import Container, Mapping

from plaudit.store.engine.engine import Transaction
from tests.support.harness import World

ROWS = 32_000

_NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
    " INSERT INTO {table} ({columns}) SELECT {values} FROM n CROSS JOIN"
    " (SELECT * FROM {table} WHERE {where} LIMIT 1) AS t"
)


def _text(column: str) -> str:
    return f"t.{column} || '_' || CAST(n.i AS TEXT)"


def _bytes(word: str) -> str:
    return f"CAST('{word}_' || CAST(n.i AS TEXT) AS {{bytes}})"


_NAME = {"name": _text("name"), "name_key": _text("name_key")}
_SEQ = {"seq": "t.seq + 1000 + n.i"}
_DONE_SEQ = {"seq": "t.seq + 1000000 + n.i"}
_MAIN = "project_key = :project_key"
_COMPLETED = f"{_MAIN} AND seq = (SELECT MIN(seq) FROM task WHERE {_MAIN} AND status = 1)"
_FIRST_DELIVERY = f"(SELECT MIN(delivery_seq) FROM delivery WHERE {_MAIN})"

COPIES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("project", _MAIN, _NAME | {
        "project_id": _text("project_id"), "project_key": "t.project_key + n.i",
        "created_ms": "t.created_ms - n.i"}),
    ("batch", _MAIN, _NAME | {
        "batch_id": _text("batch_id"), "created_ms": "t.created_ms + n.i",
        "status": "CASE n.i % 2 WHEN 0 THEN 'completed' ELSE 'in_progress' END",
        "completed_ms": "CASE n.i % 2 WHEN 0 THEN t.created_ms + n.i END"}),
    ("batch_progress", _MAIN, {"batch_id": _text("batch_id")}),
    ("task", f"{_MAIN} AND status = 0", _SEQ | {
        "task_id": _text("task_id"), "created_ms": "t.created_ms + n.i"}),
    ("task_work", f"{_MAIN} AND state = 'open'", _SEQ | {
        "state": "CASE n.i % 4 WHEN 0 THEN 'in_review' WHEN 1 THEN 'quarantined' ELSE 'open' END"}),
    ("review_order", f"{_MAIN} AND question_key = '' AND user_id = ''", _SEQ | {
        "rank": "-(n.i % 1000)"}),
    ("review_order", f"{_MAIN} AND question_key = '' AND user_id = ''", _SEQ | {
        "rank": "-(n.i % 1000)", "question_key": "'overall'"}),
    ("review_order", f"{_MAIN} AND question_key = '' AND user_id = :admin_id", _SEQ | {
        "rank": "-(n.i % 1000)"}),
    ("disagreement_reason", _MAIN, _SEQ),
    ("task", _COMPLETED, _DONE_SEQ | {
        "task_id": _text("task_id"), "created_ms": "t.created_ms + n.i",
        "completed_ms": "t.completed_ms + n.i"}),
    ("task_body", _COMPLETED, _DONE_SEQ),
    ("assignment", f"{_MAIN} AND status = 'submitted' AND user_id = :admin_id", _SEQ | {
        "assignment_id": _text("assignment_id"),
        "status": "CASE n.i % 2 WHEN 0 THEN 'expired' ELSE 'submitted' END"}),
    ("submission", f"{_MAIN} AND user_id = :admin_id", _SEQ | {
        "submission_id": _text("submission_id"), "assignment_id": _text("assignment_id")}),
    ("task_note", _MAIN, _SEQ | {"note_id": _text("note_id")}),
    ("audit_entry", _MAIN, {"entry_id": _text("entry_id")}),
    ("webhook_message", "endpoint_id IS NOT NULL", {
        "message_id": _text("message_id"), "state": "n.i % 2"}),
    ("api_key", "1 = 1", {"key_id": _text("key_id"), "digest": _bytes("key")}),
    ("person", "user_id <> :admin_id", {
        "user_id": _text("user_id"), "email": _text("email"), "email_key": _text("email_key"),
        "created_ms": "t.created_ms + n.i"}),
    ("session", "1 = 1", {"digest": _bytes("session"), "session_id": _text("session_id")}),
    ("dataset_task", "1 = 1", _SEQ | {"task_id": _text("task_id")}),
    ("delivery", _MAIN, _NAME | {
        "delivery_id": _text("delivery_id"), "delivery_seq": "t.delivery_seq + 1000000 + n.i",
        "delivered_ms": "t.delivered_ms + n.i"}),
    ("delivered_task", f"{_MAIN} AND delivery_seq = {_FIRST_DELIVERY}", _DONE_SEQ | {
        "position": "t.position + 1000 + n.i", "task_id": _text("task_id")}),
    ("frozen_task", _MAIN, _DONE_SEQ),
    ("job", "kind = 'import'", {"job_id": _text("job_id")}),
)  # fmt: skip
"""Table, the row that is copied, and the columns in which the copies differ, in SQL."""


def copy_rows(
    world: World,
    args: Mapping[str, object],
    rows: int = ROWS,
    tables: Container[str] = frozenset(one[0] for one in COPIES),
) -> None:
    """Copy a row of each table `rows` times; `args` has `project_key` and `admin_id`."""
    is_postgres = world.settings.database is not None

    async def work(tx: Transaction) -> None:
        for table, where, changes in COPIES:
            if table not in tables:
                continue
            names = await _columns(tx, table, is_postgres=is_postgres)
            values = [changes.get(name, f"t.{name}") for name in names]
            sql = _NUMBERS.format(
                table=table, columns=", ".join(names), values=", ".join(values), where=where
            ).format(bytes="BYTEA" if is_postgres else "BLOB")
            used = {name: value for name, value in args.items() if f":{name}" in sql}
            assert await tx.run(sql, used | {"rows": rows}) == rows, table
        await tx.run(
            f"UPDATE delivery SET task_count = :count WHERE {_MAIN} AND delivery_seq ="
            f" {_FIRST_DELIVERY}",
            {"project_key": args["project_key"], "count": 2 * rows},
        )
        far = {"far": 2**52}
        await tx.run("UPDATE project_sequence SET next_seq = :far", far)
        await tx.run("UPDATE project_clock SET last_ms = :far", far)
        await tx.run("UPDATE dataset SET next_seq = :far, last_ms = :far", far)

    world.run(world.db.write(work))


async def _columns(tx: Transaction, table: str, *, is_postgres: bool) -> list[str]:
    if is_postgres:
        sql = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = :table"
        )
    else:
        sql = "SELECT name FROM pragma_table_info(:table)"
    return [name for (name,) in await tx.all(sql, {"table": table})]
