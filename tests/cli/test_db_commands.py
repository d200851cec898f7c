"""`plaudit db`: upgrade, check, backup and restore, on both engines."""

from __future__ import annotations

import re

import pytest

from plaudit.settings import Settings
from plaudit.store.engine import checks, migrator
from tests.support.harness import World, store_arguments
from tests.support.sample_tasks import archive_rows, mixed_tasks


def assert_refused(done, *words):
    """Exit code 1, nothing on standard output, one plain line on standard error."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(r"plaudit: .*\n", done.stderr), done.stderr
    for word in words:
        assert word in done.stderr


def opened(settings: Settings, rows=None) -> World:
    world = World(settings)
    world.org()
    if rows is not None:
        world.load(rows, "archive")
    return world


def damage(world: World, *statements: str) -> None:
    """Change rows past the product."""

    async def work(tx):
        for statement in statements:
            await tx.run(statement, {})

    world.run(world.db.write(work))


def test_an_upgrade_makes_the_store_once_and_says_so(run, elsewhere):
    first = run("db", "upgrade", *store_arguments(elsewhere))
    again = run("db", "upgrade", *store_arguments(elsewhere))

    dialect = migrator.SQLITE if elsewhere.database is None else migrator.POSTGRES
    names = ", ".join(one.name for one in migrator.migrations(dialect))
    assert (first.returncode, first.stdout) == (0, f"Applied {names}.\n")
    assert (again.returncode, again.stdout) == (0, "The store is up to date.\n")


def test_a_sound_store_holds_every_statement(run, store):
    opened(store, archive_rows(mixed_tasks())).close()

    done = run("db", "check", *store_arguments(store))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"All {len(checks.CHECKS)} statements hold.\n"


def _delivery(delivered_ms: str, manifest_hash: str) -> str:
    """A statement that adds a delivery of one task, which has none."""
    return (
        "INSERT INTO delivery (environment_id, delivery_id, project_key, delivery_seq, name,"
        " name_key,"
        " delivered_ms, task_count, manifest_hash, run_no, lease_ms) SELECT environment_id, 'd',"
        f" project_key, 1, 'd', 'd', {delivered_ms}, 1, {manifest_hash}, 1, 0 FROM project"
    )


_DELIVERED = (
    "INSERT INTO delivered_task (project_key, delivery_seq, position, seq, task_id, digest)"
    " SELECT project_key, 1, 1, seq, task_id, head FROM task WHERE task_id = 'task_plain'"
)
_FROZEN = (
    "INSERT INTO frozen_task (project_key, seq, digest, completed_ms, head)"
    " SELECT project_key, seq, head, 1, head FROM task WHERE task_id = 'task_plain'"
)
_DATASET = (
    "INSERT INTO dataset (environment_id, dataset_id, dataset_key, name, name_key, created_ms,"
    " next_seq,"
    " last_ms) SELECT environment_id, 's', 1, 's', 's', 1, 2, 1 FROM project"
)
_DATASET_DELIVERY = (
    "INSERT INTO dataset_delivery (environment_id, delivery_id, dataset_key, name, name_key,"
    " delivered_ms,"
    " task_count, turn_count) SELECT environment_id, 'v', 1, 'v', 'v', 1, 1, 0 FROM project"
)
_DATASET_TASK = (
    "INSERT INTO dataset_task (dataset_key, seq, task_id, delivery_id, delivered_ms, response)"
    " SELECT 1, 1, 't', 'v', 1, head FROM task WHERE task_id = 'task_plain'"
)
_OF_PLAIN = "FROM task WHERE task_id = 'task_plain'"


def _queued(submitted_count: int, task_id: str) -> str:
    """A statement that puts a task into the queue."""
    return (
        "INSERT INTO task_work (project_key, seq, rank, since_ms, needed, submitted_count,"
        f" open_count, state, is_on_hold) SELECT project_key, seq, 0, 0, 1, {submitted_count}, 0,"
        f" 'open', 0 FROM task WHERE task_id = '{task_id}'"
    )


def _submitted(*, is_current: int, change_no: int) -> str:
    """A statement that adds a submission."""
    return (
        "INSERT INTO submission (project_key, submission_id, assignment_id, seq, user_id, revision,"
        " client_key, given_hash, answers, display, submitted_ms, active_ms, is_current, change_no)"
        " SELECT project_key, 's', 'a', seq, 'u', 1, 'k', head, head, head, 1, 0,"
        f" {is_current}, {change_no} {_OF_PLAIN}"
    )


DAMAGE = {
    "every task can be found by its id": (
        "DELETE FROM task_locator WHERE task_id = 'task_pending'",
    ),
    "every id leads to a task": (
        "INSERT INTO task_locator (task_id, environment_id, project_key, seq)"
        " SELECT 'lost', environment_id, project_key, 999 FROM task_locator WHERE task_id ="
        " 'task_plain'",
    ),
    "only completed tasks have threads": (
        "INSERT INTO task_body (project_key, seq, body) SELECT project_key, seq, head FROM task"
        " WHERE task_id = 'task_canceled'",
    ),
    "completed tasks, and no others, have a time of completion": (
        "UPDATE task SET completed_ms = 5 WHERE task_id = 'task_pending'",
    ),
    "no completion lies beyond its project's clock": (
        "UPDATE project_clock SET last_ms = last_ms - 1",
    ),
    "no task lies beyond its project's sequence": (
        "UPDATE project_sequence SET next_seq = next_seq - 1",
    ),
    "each batch counts its tasks": ("UPDATE batch_progress SET completed = completed + 1",),
    "every reserved unique_id names a task": (
        "INSERT INTO reserved_unique_id (unique_id, environment_id, task_id)"
        " SELECT 'u', environment_id, 'gone' FROM task_locator WHERE task_id = 'task_plain'",
    ),
    "each delivery counts its tasks": (_delivery("1", "detail"),),
    "every delivered task belongs to a delivery": (_FROZEN, _DELIVERED),
    "every delivered task is kept as it was delivered": (_delivery("NULL", "NULL"), _DELIVERED),
    "every delivered task is a task": (
        _delivery("NULL", "NULL"),
        _FROZEN.replace("SELECT project_key, seq", "SELECT project_key, seq + 1000"),
        _DELIVERED.replace("seq, task_id, head", "seq + 1000, task_id, head"),
    ),
    "a delivery has the hash of its manifest exactly if it is made": (_delivery("NULL", "detail"),),
    "only pending tasks are in the queue": (_queued(0, "task_plain"),),
    "a task in the queue counts its submissions and leases": (
        "DELETE FROM task_work",
        _queued(1, "task_pending"),
    ),
    "a task in the queue says that somebody skipped it exactly if somebody has": (
        "DELETE FROM task_work",
        _queued(0, "task_pending"),
        "UPDATE task_work SET is_skipped = 1",
    ),
    "the tasks in review are those that are listed for reviewers": (
        "DELETE FROM task_work",
        _queued(0, "task_pending"),
        "UPDATE task_work SET state = 'in_review'",
    ),
    "what is listed for reviewers is in review": (
        "INSERT INTO review_order (project_key, seq, question_key, user_id, rank)"
        f" SELECT project_key, seq, '', '', 0 {_OF_PLAIN}",
    ),
    "every flagged task is a task": (
        "INSERT INTO task_flag (project_key, seq, flag_count, flagged_ms)"
        f" SELECT project_key, seq + 1000, 1, 1 {_OF_PLAIN}",
    ),
    "nobody holds a task that is not in the queue": (
        "INSERT INTO assignment (project_key, assignment_id, seq, user_id, status, lease_version,"
        " created_ms, leased_ms, expires_ms, active_ms, display, draft_revision) SELECT"
        f" project_key, 'a', seq, 'u', 'open', 1, 1, 1, 1, 0, head, 0 {_OF_PLAIN}",
    ),
    "what counts was submitted by somebody who has submitted": (
        "INSERT INTO submission (project_key, submission_id, assignment_id, seq, user_id, revision,"
        " client_key, given_hash, answers, display, submitted_ms, active_ms, is_current) SELECT"
        f" project_key, 's', 'a', seq, 'u', 1, 'k', head, head, head, 1, 0, 1 {_OF_PLAIN}",
    ),
    "every vote is part of a submission that counts, or of threads": (
        "INSERT INTO vote (project_key, seq, contributor_id, number, is_imported, question_key, at)"
        f" SELECT project_key, seq, 'u', 0, 0, 'overall', 't0' {_OF_PLAIN}",
    ),
    "votes of threads count on tasks without submissions alone, and are marked": (
        "DELETE FROM voted_threads",
    ),
    "each submission that counts, and has an answer, has votes": (
        "INSERT INTO assignment (project_key, assignment_id, seq, user_id, status, lease_version,"
        " created_ms, leased_ms, expires_ms, ended_ms, active_ms, display, draft_revision) SELECT"
        f" project_key, 'a', seq, 'u', 'submitted', 1, 1, 1, 1, 1, 0, head, 0 {_OF_PLAIN}",
        _submitted(is_current=1, change_no=0),
    ),
    "no change of votes lies beyond its project's last number": (
        _submitted(is_current=0, change_no=99),
    ),
    "every dataset task can be found by its id": (_DATASET, _DATASET_DELIVERY, _DATASET_TASK),
    "each delivery of a dataset counts its tasks": (_DATASET, _DATASET_DELIVERY),
}


class Found(Exception):
    """The statements that do not hold; whatever was written is rolled back."""


def test_each_damage_is_found_by_its_statement_and_by_no_other(store):
    """All on one store: each damage is taken back once it was looked at."""
    world = opened(store, archive_rows(mixed_tasks()))

    async def look(tx, statements):
        for one in statements:
            await tx.run(one, {})
        rows = {name: await tx.one(sql, {}) for name, sql in checks.CHECKS.items()}
        raise Found({name for name, (count,) in rows.items() if count})

    wrong = {}
    for name, statements in DAMAGE.items():
        with pytest.raises(Found) as caught:
            world.run(world.db.write(lambda tx, given=statements: look(tx, given)))
        wrong[name] = caught.value.args[0]
    left = world.run(checks.violations(world.db))
    world.close()

    assert wrong == {name: {name} for name in checks.CHECKS}
    assert left == {}


@pytest.mark.parametrize(
    "statement",
    ["every task can be found by its id", "each delivery of a dataset counts its tasks"],
)
def test_a_check_names_the_statement_that_does_not_hold_and_no_other(run, store, statement):
    world = opened(store, archive_rows(mixed_tasks()))
    damage(world, *DAMAGE[statement])
    world.close()

    done = run("db", "check", *store_arguments(store))

    assert done.returncode == 1
    assert re.fullmatch(f"does not hold for [1-9]\\d* rows: {statement}\n", done.stdout)
    assert done.stderr == f"plaudit: 1 of {len(checks.CHECKS)} statements do not hold\n"


@pytest.mark.parametrize("status", ["pending", "completed", "canceled", "error"])
def test_a_check_looks_at_the_counts_of_each_status(store, status):
    world = opened(store, archive_rows(mixed_tasks()))
    damage(world, f"UPDATE batch_progress SET {status} = {status} - 1")

    found = world.run(checks.violations(world.db))

    world.close()
    assert found == {"each batch counts its tasks": 1}
