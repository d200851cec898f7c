"""Copies of a project's tasks within the database, to a number that an import would take hours for.

Each copy has batches of its own, lies behind the ones before it in `seq` and in time, and has
places in copies of the page files. `task_locator` is left out: no page reads it. The ids within
records and heads stay those of the originals.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw

from benchmarks.generate import SECONDS_BETWEEN_TASKS, SMALL, batch_of, project_of

TASKS_AT_ONCE = 100_000
FAST = (
    "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-524288;"
    "PRAGMA temp_store=MEMORY"
)


def copy_tasks(data: Path, *, base: int, total: int, batch_tasks: int) -> None:
    """Grow a store of `base` tasks, which fill their batches, to `total`; nobody may use it."""
    with closing(apsw.Connection(str(data / "plaudit.sqlite"))) as store:
        store.execute(FAST).fetchall()
        with _without_triggers(store):
            for number in range(1, -(-total // base)):
                top = min(base, total - number * base)
                _Copy(store, data, number, base, top, batch_tasks).make()
        key = _project(store)[0]
        store.execute(
            "UPDATE project_sequence SET next_seq = ? WHERE project_key = ?", (total + 1, key)
        )
        store.execute(
            "UPDATE project_clock SET last_ms = (SELECT MAX(completed_ms) FROM task"
            " WHERE project_key = ? AND completed_ms IS NOT NULL) WHERE project_key = ?",
            (key, key),
        )
        store.execute("PRAGMA journal_mode=WAL").fetchall()


class _Copy:
    """One copy of the first `top` of `base` tasks; they are the copies from 1 on."""

    def __init__(
        self, store: apsw.Connection, data: Path, number: int, base: int, top: int, batch_tasks: int
    ) -> None:
        self._store, self._data, self._number = store, data, number
        self._base, self._top, self._batch_tasks = base, top, batch_tasks
        self._key, self._environment = _project(store)
        self._args: dict[str, Any] = {
            "key": self._key,
            "environment": self._environment,
            "number": number,
            "seqs": base * number,
            "ms": SECONDS_BETWEEN_TASKS * base * number * 1000,
        }

    def make(self) -> None:
        self._copy_files()
        with self._store:
            self._copy_batches()
        for after in range(0, self._top, TASKS_AT_ONCE):
            self._args |= {"after": after, "until": min(after + TASKS_AT_ONCE, self._top)}
            with self._store:
                self._copy_rows()

    def _copy_files(self) -> None:
        """Copy the page files of the originals, whose numbers come first."""
        last = self._store.execute("SELECT MAX(number) FROM page_file").fetchone()[0]
        own = self._store.execute(
            "SELECT MAX(file) FROM task_place WHERE project_key = :key AND seq <= :base",
            self._args | {"base": self._base},
        ).fetchone()[0]
        self._args["files"] = last
        for number in range(1, own + 1):
            shutil.copyfile(*(self._data / f"pages/{n}.dat" for n in (number, number + last)))
        self._store.execute(
            "INSERT INTO page_file (number, file_id, epoch, size)"
            " SELECT number + :files, file_id, epoch, size FROM page_file WHERE number <= :own",
            {"files": last, "own": own},
        )

    def _copy_batches(self) -> None:
        store = self._store
        store.execute("DROP TABLE IF EXISTS temp.copied")
        store.execute("CREATE TEMP TABLE copied (old TEXT PRIMARY KEY, new TEXT, name TEXT)")
        count = -(-self._top // self._batch_tasks)
        before = self._number * self._base // self._batch_tasks
        for number in range(count):
            (old,) = store.execute(
                "SELECT batch_id FROM batch WHERE environment_id = ? AND name = ?",
                (self._environment, batch_of(SMALL, number)),
            ).fetchone()
            copied = f"batch_{before + number:032x}"
            store.execute(
                "INSERT INTO copied VALUES (?, ?, ?)",
                (old, copied, batch_of(SMALL, before + number)),
            )
        told = {"batch_id": "c.new", "name": "c.name", "name_key": "c.name"}
        those = "JOIN copied AS c ON c.old = x.batch_id WHERE x.environment_id = :environment"
        self._insert("batch", told, those)

    def _copy_rows(self) -> None:
        batch = "(SELECT new FROM copied WHERE old = x.batch_id)"
        moved = {"created_ms": "x.created_ms + :ms", "completed_ms": "x.completed_ms + :ms"}
        named = {"task_id": "x.task_id || 'k' || :number", "batch_id": batch}
        seq = {"seq": "x.seq + :seqs"}
        these = "WHERE x.project_key = :key AND x.seq > :after AND x.seq <= :until ORDER BY x.seq"
        self._insert("task", seq | named | moved, these)
        self._insert("task_body", seq, these)
        self._insert("task_place", seq | {"file": "x.file + :files"}, these)

    def _insert(self, table: str, changed: dict[str, str], those: str) -> None:
        """Copy rows of a table, `x` in SQL, with some columns changed."""
        columns = [row[1] for row in self._store.execute(f"PRAGMA table_info({table})")]
        shown = ", ".join(changed.get(column, f"x.{column}") for column in columns)
        self._store.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {shown} FROM {table} AS x {those}",
            self._args,
        )


@contextmanager
def _without_triggers(store: apsw.Connection) -> Iterator[None]:
    """Drop the triggers that keep places true, and make them again."""
    found = store.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in found:
        store.execute(f"DROP TRIGGER {name}")
    yield
    for _, sql in found:
        store.execute(sql)


def _project(store: apsw.Connection) -> tuple[int, str]:
    found: tuple[int, str] = store.execute(
        "SELECT project_key, environment_id FROM project WHERE name = ?", (project_of(SMALL),)
    ).fetchone()
    return found
