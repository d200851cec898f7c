"""Measure the PostgreSQL engine: pages against `jsonb`, their depth, and import by COPY.

Pages are fetched as a server fetches them: with its event loop, its allocator and its session.
"""

import random
from collections.abc import Iterable

import msgspec
import uvloop

from benchmarks.generate import LARGE, SMALL
from benchmarks.plan import Plan
from benchmarks.postgres.copies import measure_copies
from benchmarks.postgres.filled_store import Page, Store, fill, interleave, new_store, stored
from benchmarks.postgres.server import SHARED_BUFFERS, find_binaries, running
from benchmarks.postgres.workers import measure_workers
from benchmarks.report import Figure, Section
from plaudit.api.http import allocator
from plaudit.core.transfer.importer import CHUNK_ROWS
from plaudit.model.core import DEFAULT_OPTS, PageRow, StoredTask, TaskStatus
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Args, Row, Transaction
from plaudit.store.tasks import task_pages
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter
from plaudit.wire.v2 import render

SEED = 1
PAGE_TASKS = 100
PAGES_PER_ROUND = 100
DEEP = 0.9
PAGES_AT_ONE_PLACE = 3
COPIED_PROJECT_ID = 1_000_000
JSONB = "jsonb"
JSONB_PLAIN = "jsonb, not compressed"
JSONB_TABLES = {JSONB: "page_jsonb", JSONB_PLAIN: "page_jsonb_plain"}
FINDING = "of ours: finding the rows, bodies left where they are"
MOVING = "of ours: moving as many bytes, made up by the server"

MOVING_SQL = (
    "SELECT convert_to(repeat('x', :body_bytes::int), 'UTF8') FROM generate_series(1, :count::int)"
)
LARGE_BYTES = 18_500
"""About what is stored of a task as its body."""

JSONB_COST = (
    "the last two rows of each table say what could still be saved. Heads are read as one range, "
    "and each body is looked up. Of the CPU of a page (1.8 ms without lz4, taken apart once) 0.2 "
    "find the rows, 0.4 put each body together from pieces of 2 kB (TOAST), 0.7 are PostgreSQL's "
    "sending of 1.9 MB, and 0.5 their receiving into Python objects, which any store pays. Put "
    "together on the server, bodies took longer (2.4 ms as one array, 3.7 ms as one string)."
)
DEPTH_COST = (
    "a page is one range of an index at any depth; what grows is the table, and only part of it "
    f"fits the server's buffers ({SHARED_BUFFERS}). Not measured apart."
)


def measure_postgres(plan: Plan) -> Iterable[Section]:
    """Yield the sections on pages, depth and import of each server there is to measure."""
    allocator.tune()
    for binaries in plan.postgres_binaries or find_binaries():
        with running(binaries) as url:
            connect.prepare(Settings(database=url))
            yield from uvloop.run(_measure(plan, url))


def measure_serving(plan: Plan) -> Iterable[Section]:
    """Yield the section on one, two and four workers of each server there is to measure."""
    for binaries in plan.postgres_binaries or find_binaries():
        with running(binaries) as url:
            connect.prepare(Settings(database=url))
            name = uvloop.run(_fill(plan, url))
            yield measure_workers(plan, name, url)


async def _fill(plan: Plan, url: str) -> str:
    """Fill a database with large and small tasks, and return the PostgreSQL's name."""
    async with new_store(url) as store:
        await fill(plan, store, LARGE, plan.large_tasks)
        await fill(plan, store, SMALL, plan.shallow_tasks)
        await store.raw.execute("VACUUM ANALYZE")
        return store.name


async def _measure(plan: Plan, url: str) -> list[Section]:
    async with new_store(url) as store:
        large_id = await fill(plan, store, LARGE, plan.large_tasks)
        small_id = await fill(plan, store, SMALL, plan.shallow_tasks)
        return [
            await _pages(plan, store, large_id),
            await _depth(plan, store, small_id),
            await measure_copies(plan, store, large_id, small_id),
        ]


async def _pages(plan: Plan, store: Store, project_key: int) -> Section:
    """Compare a page of large tasks with the same page of `jsonb` documents."""
    await _make_documents(store, project_key)
    seqs = await store.raw.fetch("SELECT seq FROM task WHERE project_key = $1", project_key)
    first, last = min(seqs)[0], max(seqs)[0]
    rng, count = random.Random(SEED), min(PAGES_PER_ROUND, plan.large_tasks // 10)
    starts = [rng.randrange(first - 1, last - PAGE_TASKS) for _ in range(count)]
    trials: dict[str, Page] = {"plaudit": _own_page(store, project_key)}
    for name, table in JSONB_TABLES.items():
        trials[name] = _jsonb_page(store, project_key, table)
    trials |= {FINDING: _found_rows(store, project_key), MOVING: _moved_bytes(store)}
    costs = await interleave({name: (page, starts) for name, page in trials.items()}, plan.rounds)
    own = costs["plaudit"].seconds
    return Section(
        f"{store.name}: pages of {PAGE_TASKS} × 20 kB from {plan.large_tasks:,} tasks",
        "Time in the client's process from the query to one joined body, random positions, one "
        "connection over a unix socket; no HTTP. `jsonb` is one row a task in a table with the "
        "same key and index, joined as text, compressed as PostgreSQL does by default and not at "
        f"all. The server's settings are its defaults, with shared_buffers = {SHARED_BUFFERS}.",
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
                f"{store.name}, page of {PAGE_TASKS} × 20 kB: {JSONB} time / ours",
                costs[JSONB].seconds / own,
                at_least=5,
                why_missed=JSONB_COST,
            ),
            Figure(f"the same, {JSONB_PLAIN}", costs[JSONB_PLAIN].seconds / own),
        ],
    )


async def _make_documents(store: Store, project_key: int) -> None:
    """Copy every task as it is answered into tables of `jsonb` documents."""
    for table in JSONB_TABLES.values():
        await store.raw.execute(
            f"CREATE TABLE {table} (project_key BIGINT, seq BIGINT, status SMALLINT, doc JSONB,"
            " PRIMARY KEY (project_key, seq))"
        )
        await store.raw.execute(f"CREATE INDEX ON {table} (project_key, status, seq)")
    plain = JSONB_TABLES[JSONB_PLAIN]
    await store.raw.execute(f"ALTER TABLE {plain} ALTER COLUMN doc SET STORAGE EXTERNAL")
    after = 0
    while found := await stored(store, project_key, after=after, limit=CHUNK_ROWS):
        rows = [(project_key, one.seq, one.status.code, _document(one)) for one in found]
        for table in JSONB_TABLES.values():
            await store.raw.copy_records_to_table(table, records=rows)
        after = found[-1].seq
    await store.raw.execute("VACUUM ANALYZE")


def _document(task: StoredTask) -> str:
    return render.task_json(task, _placed(task.batch_id), int(DEFAULT_OPTS)).decode()


def _placed(batch_id: str | None) -> bytes:
    return render.head_refs(b'"project_1"', msgspec.json.encode(batch_id))


def _own_page(store: Store, project_key: int) -> Page:
    async def fetch(after: int) -> bytes:
        async with store.db.read(snapshot=False) as tx:
            rows = await _list_completed(tx, project_key, after)
        parts = [b'{"tasks":[']
        places = {batch_id: _placed(batch_id) for batch_id in {row[2] for row in rows}}
        render.assemble(rows, places, int(DEFAULT_OPTS), parts)
        parts.append(b"]}")
        return b"".join(parts)

    return fetch


async def _list_completed(tx: Transaction, project_key: int, after: int) -> list[PageRow]:
    rows, _ = await task_pages.list_tasks(
        tx,
        TaskFilter(project_key, status=TaskStatus.completed),
        after=TaskCursor(0, after),
        bound=FAR,
        limit=PAGE_TASKS,
        with_patches=False,
    )
    return rows


class _WithoutBodies:
    """A transaction whose answers hold the length of a body in its place."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def all(self, sql: str, args: Args) -> list[Row]:
        return await self._tx.all(sql.replace("THEN b.body", "THEN LENGTH(b.body)"), args)


def _found_rows(store: Store, project_key: int) -> Page:
    async def fetch(after: int) -> bytes:
        async with store.db.read(snapshot=False) as tx:
            rows = await _list_completed(_WithoutBodies(tx), project_key, after)
        return b"%d}]}" % len(rows)

    return fetch


def _moved_bytes(store: Store) -> Page:
    async def fetch(after: int) -> bytes:
        async with store.db.read(snapshot=False) as tx:
            rows = await tx.all(MOVING_SQL, {"count": PAGE_TASKS, "body_bytes": LARGE_BYTES})
        return b"".join([*(row[0] for row in rows), b"}]}"])

    return fetch


def _jsonb_page(store: Store, project_key: int, table: str) -> Page:
    sql = (
        f"SELECT doc FROM {table} WHERE project_key = $1 AND status = $2 AND seq > $3"
        " AND seq <= $4 ORDER BY seq LIMIT $5"
    )
    status = TaskStatus.completed.code

    async def fetch(after: int) -> bytes:
        rows = await store.raw.fetch(sql, project_key, status, after, FAR, PAGE_TASKS)
        return b'{"tasks":[%b]}' % ",".join([row[0] for row in rows]).encode()

    return fetch


async def _depth(plan: Plan, store: Store, few_id: int) -> Section:
    """Compare pages of few and of many small tasks, at the start and deep down."""
    few, many = plan.shallow_tasks, plan.deep_tasks
    await _multiply(store, few_id, few, many)
    trials = {}
    for count, project_key in ((few, few_id), (many, COPIED_PROJECT_ID)):
        first = await store.raw.fetchval(
            "SELECT min(seq) - 1 FROM task WHERE project_key = $1", project_key
        )
        for place, share in (("first", 0.0), ("90 % deep", DEEP)):
            start = int(first + (count - PAGES_AT_ONE_PLACE * PAGE_TASKS) * share)
            starts = [start + PAGE_TASKS * number for number in range(PAGES_AT_ONE_PLACE)]
            repeats = max(1, PAGES_PER_ROUND // PAGES_AT_ONE_PLACE)
            trials[f"{place} {count}"] = (_own_page(store, project_key), starts * repeats)
    costs = await interleave(trials, plan.rounds)
    section = Section(
        f"{store.name}: pages of {PAGE_TASKS} × 1 kB in {few:,} and {many:,} tasks",
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
        name = f"{store.name}, {place} page, {many:,} tasks / {few:,}"
        section.figures.append(Figure(name, ratio, at_most=1.2, why_missed=DEPTH_COST))
    return section


async def _multiply(store: Store, project_key: int, few: int, many: int) -> None:
    """Fill the larger project with copies of a smaller one, in `seq` order."""
    first = await store.raw.fetchval(
        "SELECT min(seq) FROM task WHERE project_key = $1", project_key
    )
    args = (project_key, COPIED_PROJECT_ID, few, many // few - 1, first)
    moved = "$2::bigint, t.seq - $5::bigint + 1 + copy * $3::bigint"
    copies = "generate_series(0, $4::int) AS copy"
    await store.raw.execute(
        "INSERT INTO task (project_key, seq, task_id, batch_id, status, created_ms, completed_ms,"
        f" head) SELECT {moved}, t.task_id, t.batch_id, t.status, t.created_ms, t.completed_ms,"
        f" t.head FROM {copies}, task AS t WHERE t.project_key = $1 ORDER BY copy, t.seq",
        *args,
    )
    await store.raw.execute(
        f"INSERT INTO task_body (project_key, seq, body, patches) SELECT {moved}, t.body, t.patches"
        f" FROM {copies}, task_body AS t WHERE t.project_key = $1 ORDER BY copy, t.seq",
        *args,
    )
    await store.raw.execute("VACUUM ANALYZE task, task_body")
