"""The schema and every statement of the store keep the rules for tables cut by a column."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from pathlib import Path

import apsw
import asyncpg
import pytest

import plaudit
from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import checks, connect, migrator
from plaudit.store.engine.connect import FILE_NAME
from plaudit.store.engine.sqlite import SqliteTransaction
from plaudit.store.tasks import task_pages
from tests.support.databases import shard_rules
from tests.support.databases.run_twice import run_twice
from tests.support.databases.shard_rules import source_faults, statement_faults, table_faults
from tests.support.databases.store_workload import put_through_everything
from tests.support.harness import World
from tests.support.running.every_case import every_case

SOURCES = sorted(Path(plaudit.__file__).parent.rglob("*.py"))
STORE = Path(plaudit.__file__).parent / "store"

ACROSS = {
    "begin": "after a restore every project's clock moves",
    "violations": "`plaudit db check` reads the whole store",
    "list_queues": "the worker looks which receivers are to be told of something",
    "list_due": "a receiver is told of what happened in any project, one queue for all",
    "discard": "what waits for an endpoint that ended is looked for everywhere, and ended in place",
    "list_messages": "an organization's messages are listed over its projects",
    "find_message": "a message is found by its id, to be changed in its place",
    "list_entries": "an operator reads the audit log of all projects",
    "list_history": "an admin reads the audit log of all projects",
    "list_entries_after": "an archive carries the audit log of all projects",
    "list_attachments": "an archive carries all files of an organization",
    "lock_annotator_everywhere": "a person who is removed is locked in every project at once",
    "list_leased_tasks": "a person who is removed gives back tasks of any project",
    "list_projects_due": "the worker looks for leases that have run out in every project",
    "list_projects_to_read": "the worker looks for votes that an older store lacks everywhere",
    "list_projects_to_release": "the worker looks for leases of paused people everywhere",
    "list_projects_under_way": "the worker looks for submissions to take back everywhere",
    "list_projects_to_index": "the worker looks for tasks whose words are to be read everywhere",
    "insert_clock": "projects are numbered for the embedded index, and by nobody else",
    "list_older": "the worker looks for actions that cannot be undone any more everywhere",
    "forget_words": "rowids of the embedded index begin with the project's number",
    "replace_words": "rowids of the embedded index begin with the project's number",
    "list_page": "rowids of the embedded index begin with the project's number",
    "find_last_looked": "rowids of the embedded index begin with the project's number",
    "count_looked": "rowids of the embedded index begin with the project's number",
    "list_undecided_projects": "the worker looks for what changed settings decide everywhere",
    "delete_before": "the worker looks for expired keys everywhere, and deletes each in its place",
    "delete_ended": "the worker looks for expired messages everywhere, and deletes each in place",
}
"""Functions of the store that speak of all projects at once, and why they may."""

FILLING = {
    "0006_work.sql": ("INSERT INTO task_work",),
    "0011_attention.sql": ("INSERT INTO task_flag", "UPDATE task_work SET is_skipped = 1\n"),
    "0012_votes.sql": ("INSERT INTO vote_clock (project_key, last_no, unread_below)\n    SELECT",),
    "0016_adjudication.sql": (
        "INSERT INTO review_order (project_key, seq, question_key, user_id, rank)\n    SELECT",
        "UPDATE task_work SET is_undecided = 1 WHERE state = 'in_review'",
    ),
}
"""Statements of migrations that fill a new table, which is not cut yet, or a new column, from all
projects."""

HOT = {
    "list_tasks", "find_task", "find_task_at", "change_status", "insert_body", "delete_body",
    "set_content", "next_completion_time", "advance_clock", "last_completion_time", "reserve_seqs",
    "next_seq", "add_progress", "insert_tasks", "reserve_unique_id", "locate_tasks",
    "insert_annotation_locators",
    "list_annotation_locators", "list_whole_tasks", "insert_project", "insert_batch",
    "reserve_task_id", "reserve_sequence", "count_tasks", "list_tasks_by_delivery_time",
    "list_tasks_of_delivery", "find_attachment", "list_attachments_in_any_environment",
    "reserve_unique_ids", "list_reserved", "list_existing_tasks", "insert_entry", "insert_entries",
}  # fmt: skip
"""Functions of the store that the busy paths call."""

ELSEWHERE = {
    "distribute": "test_distribute.py",
    "is_cluster": "test_distribute.py",
    "one_after_another": "test_distribute.py",
    "_distributed_tables": "test_distribute.py",
    "require_equal_planning": "test_distribute.py",
    "_planning_commands": "test_distribute.py",
    "end_other_sessions": "test_distribute.py",
    "pack_columns": "PostgreSQL alone has columns so",
    "prepare_search": "PostgreSQL alone has a planner that is to be told",
    "differences": "test_schema_checks.py",
    "_compare_on_postgres": "test_schema_checks.py",
}
"""Functions of the store whose statements SQLite does not run."""


class Ran:
    """One statement that was run: the store's function, the text, and whether it may write."""

    def __init__(self, function: str, sql: str, *, may_write: bool) -> None:
        self.function = function
        self.sql = sql
        self.may_write = may_write


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Every statement that the product ran while it was put through all it can do, each of its
    writes twice; and what contradicts the store's rules in the end."""
    found: list[Ran] = []

    def noting(name):
        inner = getattr(SqliteTransaction, name)

        async def method(self, what, *args):
            functions = [sys._getframe(1).f_code.co_name]
            while functions[-1] in ("read_page", "_read_tasks"):
                functions.append(sys._getframe(1 + len(functions)).f_code.co_name)
            if name == "add":
                columns = ", ".join(args[0])
                what_ran = (
                    f"INSERT INTO {what} ({columns}) VALUES (:{columns.replace(', ', ', :')})"
                )
            else:
                what_ran = what
            may_write = not self._connection.readonly("main")
            found.extend(Ran(function, what_ran, may_write=may_write) for function in functions)
            return await inner(self, what, *args)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in ("one", "all", "run", "many", "add"):
            patch.setattr(SqliteTransaction, name, noting(name))
        run_twice(patch)
        settings = Settings(data=tmp_path_factory.mktemp("ran"))
        connect.prepare(settings)
        server_secret.make(settings.secret_path)
        world = World(settings)
        put_through_everything(world)
        violated = world.run(checks.violations(world.db))
        world.close()
    return found, violated


@pytest.fixture(scope="module")
def ran(everything):
    """Every statement that the product ran."""
    return everything[0]


def test_everything_that_is_run_again_succeeds(everything):
    """On PostgreSQL test_run_again.py holds the same."""
    assert everything[1] == {}


def rows_of_sqlite(settings: Settings):
    connection = apsw.Connection(str(settings.data / FILE_NAME))
    return lambda sql: connection.execute(sql).fetchall()


def rows_of_postgres(settings: Settings):
    async def ask(sql):
        connection = await asyncpg.connect(settings.database)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return lambda sql: asyncio.run(ask(sql))


@pytest.fixture(params=["sqlite", "postgres"])
def catalog(request):
    """The tables of a store that the migrations made, as its engine describes them."""
    settings = request.getfixturevalue(f"{request.param}_settings")
    if request.param == "sqlite":
        return shard_rules.sqlite_tables(rows_of_sqlite(settings))
    return shard_rules.postgres_tables(rows_of_postgres(settings))


def test_every_table_has_its_place_and_every_key_the_column_it_is_cut_by(catalog):
    assert table_faults(catalog) == []
    assert sum(len(table.keys) for table in catalog) >= 25


def test_both_engines_have_the_same_keys(sqlite_settings, postgres_settings):
    found = [
        {table.name: sorted(set(table.keys)) for table in tables}
        for tables in (
            shard_rules.sqlite_tables(rows_of_sqlite(sqlite_settings)),
            shard_rules.postgres_tables(rows_of_postgres(postgres_settings)),
        )
    ]
    for keys in found[0].values():
        # SQLite also lists the index behind a primary key.
        primary = [columns for kind, columns in keys if kind == "primary key"]
        keys[:] = [key for key in keys if key[0] != "unique index" or key[1] not in primary]

    assert found[0] == found[1]


def test_the_schema_has_nothing_that_one_node_would_have_to_hand_out(postgres_settings):
    rows = rows_of_postgres(postgres_settings)

    assert rows("SELECT relname FROM pg_class WHERE relkind IN ('S', 'v', 'm')"
                " AND relnamespace = 'public'::regnamespace") == []  # fmt: skip
    assert rows("SELECT relname FROM pg_class WHERE relpersistence <> 'p'") == []
    assert rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert rows("SELECT attname FROM pg_attribute WHERE attidentity <> ''") == []
    assert rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []
    assert rows("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
                " WHERE pg_get_expr(adbin, adrelid) NOT IN ('0', '''''::text')") == []  # fmt: skip


def test_the_migrations_use_nothing_that_is_banned():
    for dialect in (migrator.SQLITE, migrator.POSTGRES):
        for migration in migrator.migrations(dialect):
            if ".sqlite." in migration.name:
                continue
            for statement in migration.statements:
                if not statement.startswith(FILLING.get(migration.name, ())):
                    assert statement_faults(statement) == [], migration.name


def test_every_statement_says_which_shard_it_is_for(ran):
    of_sqlite = [
        statement
        for migration in migrator.migrations(migrator.SQLITE)
        if ".sqlite." in migration.name
        for statement in migration.statements
    ]
    faults = {
        one.sql: statement_faults(one.sql)
        for one in ran
        if one.function not in (*ACROSS, "read_page")
        and not one.sql.startswith(sum(FILLING.values(), ()))
        and not any(statement in one.sql for statement in of_sqlite)
    }

    assert {sql: found for sql, found in faults.items() if found} == {}
    assert {one.function for one in ran} >= HOT
    assert len(faults) >= 90


def test_pages_were_seen_in_every_shape(ran):
    seen = {
        (one.sql[one.sql.index("FROM") :], "b.patches" in one.sql)
        for one in ran
        if one.function == "list_tasks"
    }
    shapes = list(itertools.product((False, True), repeat=2))
    texts = [task_pages.page_sql(*shape, timed) for shape in shapes for timed in (False, True)]
    texts += [task_pages.stretch_sql(*shape) for shape in shapes if any(shape)]

    assert seen == set(itertools.product(texts, (False, True)))


def test_what_speaks_of_all_projects_is_listed_and_still_does(ran):
    for function in ACROSS:
        found = [one.sql for one in ran if one.function == function]
        assert any(statement_faults(sql) for sql in found), function


def test_no_statement_joins_tables_that_are_cut_apart(ran):
    """Citus joins tables by the column they are cut by, or through a materialized copy."""
    apart = {statement for statement, sql in checks.CHECKS.items() if shard_rules.joins_apart(sql)}

    assert {one.function for one in ran if shard_rules.joins_apart(one.sql)} == set()
    assert apart == set()


def test_no_statement_of_the_store_was_missed(ran):
    """Each place in the source that runs a statement was reached by the tests of this file."""
    missed, count = [], 0
    for path in sorted(STORE.rglob("*.py")):
        if path.name in shard_rules.OWN_TRANSACTIONS or path.parent.name == "page_files":
            continue
        for function, line, text in shard_rules.statement_sites(path, path.read_text("utf-8")):
            count += 1
            pattern = ".*" if text is None else ".*".join(map(re.escape, text.split("%")))
            reached = any(
                one.function == function and re.fullmatch(pattern, one.sql, re.DOTALL)
                for one in ran
            )
            if not reached and function not in ELSEWHERE:
                missed.append(f"{path.name}:{line} {function}")

    assert not missed, " ".join(missed)
    assert count >= 50


def test_statements_are_run_in_the_store_and_nowhere_else():
    found = [
        f"{path.name}:{line}"
        for path in SOURCES
        if not path.is_relative_to(STORE)
        for _, line, _ in shard_rules.statement_sites(path, path.read_text("utf-8"))
    ]

    assert found == []


def test_changes_were_made_in_write_transactions_only(ran):
    changes = [one for one in ran if not one.sql.lstrip().startswith(("SELECT", "WITH"))]

    assert [one.sql for one in changes if not one.may_write] == []
    assert len(changes) > 100


def test_only_the_engines_begin_transactions_and_open_connections():
    found = [fault for one in SOURCES for fault in source_faults(one, one.read_text("utf-8"))]

    # A backup reads the file it copies through a connection and a snapshot of its own; a check of
    # the schema makes a fresh one in memory; what an import must sort lies in one without a name.
    # The client's threads are counted by a semaphore.
    allowed = ("backup.py", "schema_check.py", "temporary.py", "daemon_executor.py")
    assert [fault for fault in found if not fault.startswith(allowed)] == []


GOOD = "SELECT body FROM task_body WHERE project_key = :p AND seq = :seq"


@every_case(
    "sql, word",
    [
        ("SELECT head FROM task WHERE task_id = :id", "says nothing of project_key"),
        ("SELECT head FROM task WHERE project_key > :p", "says nothing"),
        ("SELECT head FROM task WHERE project_key = :p OR seq = :seq", "says nothing"),
        ("SELECT head FROM task WHERE NOT project_key = :p", "says nothing"),
        ("SELECT head FROM task WHERE (project_key = :p OR seq = 1)", "says nothing"),
        ("SELECT 1 FROM task AS t, task_body AS b WHERE t.project_key = :p", "of task_body"),
        ("SELECT 1 FROM task AS t JOIN task_body AS b ON b.seq = t.seq WHERE t.project_key = :p",
         "SELECT of task_body says nothing"),
        ("SELECT 1 FROM (SELECT seq FROM task WHERE status = 1) AS k", "says nothing"),
        ("SELECT seq FROM task WHERE project_key = :p UNION ALL SELECT seq FROM task",
         "says nothing"),
        ("WITH k AS (SELECT 1) SELECT seq FROM task", "says nothing"),
        ("SELECT 1 FROM batch WHERE batch_id IN (SELECT batch_id FROM task)", "says nothing"),
        ("UPDATE project_clock SET last_ms = :now", "UPDATE of project_clock says nothing"),
        ("UPDATE task SET project_key = :p WHERE project_key = :q", "changes task.project_key"),
        ("UPDATE task SET project_key = :p", "says nothing"),
        ("DELETE FROM task_body WHERE seq = :seq", "DELETE of task_body"),
        ("INSERT INTO task_body (seq, body) VALUES (:seq, :body)", "INSERT of task_body"),
        ("INSERT INTO task_content (project_key, seq) VALUES (:p, :s)"
         " ON CONFLICT (seq) DO UPDATE SET seq = :s", "ON CONFLICT"),
        ("SELECT seq FROM task_locator WHERE environment_id = :environment_id",
         "says nothing of task_id"),
        ("SELECT pg_advisory_xact_lock(1)", "uses pg_advisory_xact_lock"),
        ("SELECT pg_notify('a', 'b')", "uses pg_notify"),
        ("LISTEN done", "uses LISTEN"), ("NOTIFY done", "uses NOTIFY"),
        ("CREATE TEMP TABLE t (a INTEGER)", "uses TEMP"),
        ("CREATE TABLE t (a BIGSERIAL)", "uses BIGSERIAL"),
        ("CREATE TABLE t (a INTEGER GENERATED ALWAYS AS IDENTITY)", "uses IDENTITY"),
        ("CREATE TRIGGER t AFTER INSERT ON task", "uses TRIGGER"),
        ("SELECT nextval('s')", "uses nextval"),
    ],
)  # fmt: skip
def test_a_statement_that_breaks_a_rule_is_noticed(sql, word):
    assert any(word in fault for fault in statement_faults(sql)), statement_faults(sql)
    assert statement_faults(GOOD) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("CREATE TABLE extra (a INTEGER PRIMARY KEY)", "extra is in 0 places"),
        ("DROP TABLE reserved_unique_id", "reserved_unique_id does not exist"),
        ("CREATE UNIQUE INDEX u ON task (task_id)", "task: unique index ('task_id',) is without"),
        ("DROP TABLE task_body; CREATE TABLE task_body (project_key BIGINT, seq BIGINT)",
         "task_body has no primary key"),
        ("DROP TABLE task_body;"
         " CREATE TABLE task_body (project_key BIGINT, seq BIGINT PRIMARY KEY)",
         "task_body: primary key ('seq',) is without project_key"),
        ("DROP TABLE task_body; CREATE TABLE task_body (project_key BIGINT, seq BIGINT,"
         " b TEXT REFERENCES organization (organization_id), PRIMARY KEY (project_key, seq))",
         "task_body: foreign key ('b',) is without project_key"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_table_that_breaks_a_rule_is_noticed(request, engine, change, word):
    settings = request.getfixturevalue(f"{engine}_settings")
    world = World(settings)

    async def work(tx):
        for statement in change.split("; "):
            await tx.run(statement, {})

    world.run(world.db.write(work))
    world.close()
    if engine == "sqlite":
        tables = shard_rules.sqlite_tables(rows_of_sqlite(settings))
    else:
        tables = shard_rules.postgres_tables(rows_of_postgres(settings))

    faults = table_faults(tables)

    assert any(word in fault for fault in faults)
    assert {re.split("[: ]", fault)[0] for fault in faults} == {re.split("[: ]", word)[0]}


@every_case(
    "line",
    ["tx.run('BEGIN')", "c.execute('COMMIT')", "c.execute('SAVEPOINT')", "asyncpg.connect(url)",
     "apsw.Connection(path)", "db.acquire()", "c.transaction()", "run('LISTEN done')"],
)  # fmt: skip
def test_a_source_that_breaks_a_rule_is_noticed(line):
    assert len(source_faults(Path("tasks.py"), line)) == 1
