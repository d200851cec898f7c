"""A filled store on a PostgreSQL of the benchmark's own, and how its trials are timed."""

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from benchmarks.generate import Shape, project_of, write_tasks
from benchmarks.plan import Plan
from plaudit.core.accounts import api_keys
from plaudit.core.transfer.importer import Reject, Source, import_sources
from plaudit.formats import files
from plaudit.model.core import StoredTask
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import tasks

BATCH_TASKS = 1_000

Page = Callable[[int], Awaitable[bytes]]
"""Fetches the page after a `seq`."""


@dataclass(frozen=True)
class Store:
    """A store as a server opens it, and a plain connection to its database over the same socket.

    `name` says which PostgreSQL it is and whether it compresses bodies.
    """

    name: str
    settings: Settings
    db: Database
    raw: Any
    environment_id: str


@dataclass(frozen=True)
class Cost:
    """Medians over the rounds of one trial; `spread` is (largest - smallest) / median."""

    seconds: float
    spread: float
    body_bytes: int = 0

    @classmethod
    def of(cls, seconds: Sequence[float], body_bytes: int = 0) -> "Cost":
        middle = median(seconds)
        return cls(middle, (max(seconds) - min(seconds)) / middle, body_bytes)


@asynccontextmanager
async def new_store(url: str) -> AsyncIterator[Store]:
    """Open a store that was prepared in the database of a URL."""
    with tempfile.TemporaryDirectory(prefix="plaudit-bench-") as folder:
        settings = Settings(data=Path(folder), database=url)
        db, raw = connect.open_database(settings), await asyncpg.connect(url)
        try:
            await api_keys.create_organization(db, "default")
            environment_id = await api_keys.get_environment(db, "default", "live")
            yield Store(await _name(raw), settings, db, raw, environment_id)
        finally:
            await raw.close()
            await db.close()


async def _name(raw: Any) -> str:
    version = (await raw.fetchval("SHOW server_version")).split()[0]
    compression = await raw.fetchval(
        "SELECT attcompression::text FROM pg_attribute"
        " WHERE attrelid = 'task_body'::regclass AND attname = 'body'"
    )
    return f"PostgreSQL {version} {'with' if compression == 'l' else 'without'} lz4"


async def fill(plan: Plan, store: Store, shape: Shape, count: int) -> int:
    """Import generated tasks as the product does; return the store's number of their project."""
    path = write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS)
    source = Source(path, lambda: files.entries(path, "v2", lambda at: None))
    name = project_of(shape)
    patient = connect.open_database(store.settings, patient=True)
    try:
        await import_sources(
            patient, store.environment_id, lambda: [source], project_name=name, on_reject=_refuse
        )
    finally:
        await patient.close()
    found = await store.raw.fetchval("SELECT project_key FROM project WHERE name = $1", name)
    return int(found)


def _refuse(reject: Reject) -> None:
    raise AssertionError(f"the generated data is not sound: {reject}")


async def stored(store: Store, project_key: int, *, after: int, limit: int) -> list[StoredTask]:
    """Return tasks of a project, whole, in `seq` order."""
    async with store.db.read(snapshot=False) as tx:
        return await tasks.list_whole_tasks(tx, project_key, after_seq=after, limit=limit)


async def interleave(
    trials: Mapping[str, tuple[Page, Sequence[int]]], rounds: int
) -> dict[str, Cost]:
    """Fetch every page of every trial once per round, after one round that warms up."""
    times: dict[str, list[float]] = {name: [] for name in trials}
    sizes: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, (page, starts) in trials.items():
            found = []
            for start in starts:
                began = time.perf_counter()
                body = await page(start)
                found.append(time.perf_counter() - began)
                if not body.endswith(b"}]}"):
                    raise AssertionError(f"{name}: a page is empty, so nothing is measured")
                sizes[name] = len(body)
            if number:
                times[name].append(median(found))
    return {name: Cost.of(found, sizes[name]) for name, found in times.items()}
