"""Measure what the indexes cost an import into PostgreSQL: COPY with them and without."""

import time
from collections.abc import Sequence
from itertools import cycle, islice

import msgspec

from benchmarks.plan import Plan
from benchmarks.postgres.filled_store import Cost, Store, stored
from benchmarks.report import Figure, Section
from plaudit.core.transfer.importer import CHUNK_ROWS
from plaudit.model.core import StoredTask
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks import tasks

FIRST_IMPORT_PROJECT_ID = 2_000_000
TABLES = ("task", "task_locator", "task_body", "task_content")

INDEX_COST = (
    "a task goes into seven indexes besides its three tables. Taken one by one (50,000 rows into "
    "one table), the five of `task` cost 5.2 µs a row where the row itself costs 2.3 µs, the keys "
    "of the other two tables another 1.3 µs; beside a body of 1 kB that is half of the work. Each "
    "of the five serves a kind of page at any depth."
)


async def measure_copies(plan: Plan, store: Store, large_id: int, small_id: int) -> Section:
    """Compare COPY into the store's tables with COPY into tables without keys and indexes."""
    for table in TABLES:
        await store.raw.execute(
            f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING STORAGE INCLUDING COMPRESSION)"
        )
    section = Section(
        f"{store.name}: import by COPY",
        f"Rendered tasks into `task`, `task_locator` and `task_body`, {CHUNK_ROWS} to a durable "
        "transaction, as an import writes them; into the store's tables and into copies of them "
        "without keys and indexes. Reading and rendering are not part of it.",
        ("tasks", "tables", "tasks/s", "spread"),
    )
    counts = (
        ("20 kB", large_id, plan.import_large_tasks),
        ("1 kB", small_id, plan.import_small_tasks),
    )
    for size, project_key, count in counts:
        found = await stored(store, project_key, after=0, limit=min(count, plan.shallow_tasks))
        costs = await _copy_rounds(store, list(islice(cycle(found), count)), plan.import_rounds)
        for name, cost in costs.items():
            cells = (f"{count:,} × {size}", name, f"{count / cost.seconds:,.0f}")
            section.rows.append((*cells, f"{cost.spread:.0%}"))
        section.figures.append(
            Figure(
                f"{store.name}, COPY of {size} tasks: rate with indexes / without",
                costs["without indexes"].seconds / costs["with indexes"].seconds,
                at_least=0.6,
                why_missed=INDEX_COST,
            )
        )
    return section


class _Bare:
    """A transaction whose rows go into the tables that have no index."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        await self._tx.add(f"bare_{table}", columns, rows)


async def _copy_rounds(store: Store, found: Sequence[StoredTask], rounds: int) -> dict[str, Cost]:
    """Insert the tasks as those of a new project, each round into both kinds of tables."""
    times: dict[str, list[float]] = {"with indexes": [], "without indexes": []}
    for number in range(rounds + 1):
        base = await store.raw.fetchval("SELECT max(project_key) + 1 FROM task")
        project_key = max(FIRST_IMPORT_PROJECT_ID, base)
        rows = [
            msgspec.structs.replace(
                one, project_key=project_key, seq=seq, task_id=f"task_{project_key}_{seq:08d}"
            )
            for seq, one in enumerate(found, 1)
        ]
        # The first of a pair meets what the one before it left to write, so they change places.
        for name in sorted(times, reverse=bool(number % 2)):
            await store.raw.execute("CHECKPOINT")
            seconds = await _copy(store, rows, is_bare=name == "without indexes")
            if number:  # the first round warms up
                times[name].append(seconds)
    return {name: Cost.of(found) for name, found in times.items()}


async def _copy(store: Store, rows: Sequence[StoredTask], *, is_bare: bool) -> float:
    """Return the seconds it takes to store the rows."""
    began = time.perf_counter()
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]

        async def work(tx: Transaction, chunk: Sequence[StoredTask] = chunk) -> None:
            await tasks.insert_tasks(_Bare(tx) if is_bare else tx, store.environment_id, chunk)

        await store.db.write(work)
    return time.perf_counter() - began
