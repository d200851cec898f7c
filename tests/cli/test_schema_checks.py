"""A store that other migrations made: every command notices, and says what to do."""

from __future__ import annotations

import pytest

from plaudit.store.engine import migrator
from plaudit.store.engine.migrator import Migration
from tests.cli.test_db_commands import assert_refused, damage, opened
from tests.support.harness import store_arguments

NAMES = [migration.name for migration in migrator.migrations(migrator.POSTGRES)]
"""Those that every engine has."""

COMMANDS = (["init"], ["db", "upgrade"], ["db", "check"], ["serve"], ["worker"], ["keys", "list"])


def spoil(store, *statements: str) -> None:
    world = opened(store)
    damage(world, *statements)
    world.close()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_store_of_a_checkout_without_hashes_is_refused_and_told_what_to_do(run, store, command):
    spoil(store, "ALTER TABLE schema_migration DROP COLUMN sha256")

    done = run(*command, *store_arguments(store))

    assert_refused(done, NAMES[0], "archive", "new store")


def test_a_store_that_another_text_of_a_migration_made_is_refused(run, store):
    """One store for the migrations in turn: each is the last that it had, and another text."""
    world = opened(store)
    rows = world.run(world.db.write(lambda tx: tx.all("SELECT * FROM schema_migration", {})))
    for name in NAMES:
        damage(world, f"UPDATE schema_migration SET sha256 = 'other' WHERE name = '{name}'",
               f"DELETE FROM schema_migration WHERE name > '{name}'")  # fmt: skip

        for command in (["db", "upgrade"], ["db", "check"]):
            assert_refused(run(*command, *store_arguments(store)), name, "archive", "new store")

        world.run(world.db.write(lambda tx: put_back(tx, rows)))
    assert run("db", "check", *store_arguments(store)).returncode == 0
    world.close()


async def put_back(tx, rows) -> None:
    """Let the store have had these migrations again."""
    await tx.run("DELETE FROM schema_migration", {})
    await tx.add("schema_migration", ("name", "applied_ms", "sha256"), rows)


def test_the_hash_of_a_migration_is_of_its_statements():
    hashes = {Migration(name, statements).sha256
              for name in ("0001_a.sql", "0002_b.sql")
              for statements in (["A", "B"], ["A"], ["A B"], [])}  # fmt: skip

    assert len(hashes) == 4


CHANGES = {
    "an index less": ("DROP INDEX task_by_status", "task_by_status"),
    "an index more": ("CREATE INDEX own ON task (status)", "own"),
    "a column more": ("ALTER TABLE task ADD COLUMN own BIGINT", "task"),
    "a column less": ("ALTER TABLE batch DROP COLUMN priority", "batch"),
    "a column renamed": ("ALTER TABLE batch RENAME COLUMN priority TO rank", "batch"),
    "a table more": ("CREATE TABLE own (a BIGINT)", "own"),
    "a table less": ("DROP TABLE job_reject", "job_reject"),
}


@pytest.mark.parametrize(("change", "name"), CHANGES.values(), ids=CHANGES)
def test_a_check_names_what_differs_from_a_new_store(run, store, change, name):
    spoil(store, change)

    done = run("db", "check", *store_arguments(store))

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines
    for line in lines:
        assert line.startswith(f"differs from a new store: {name}")
    assert done.stderr == (
        f"plaudit: {len(lines)} parts of the schema are not those of a new store\n"
    )


def test_a_check_changes_nothing_of_the_schema(run, store):
    first = run("db", "check", *store_arguments(store))
    second = run("db", "check", *store_arguments(store))

    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)
    assert (first.returncode, first.stderr) == (0, "")
