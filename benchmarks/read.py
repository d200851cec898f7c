"""Measure pages of large tasks: against the other servers, for each `opts`, and in memory."""

import random
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks import load
from benchmarks.generate import (
    LARGE,
    LARGE_DETAILS,
    SMALL_DETAILS,
    Shape,
    project_of,
    write_tasks,
)
from benchmarks.ingest import post_tasks
from benchmarks.measure import Cost, interleave, trial
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import (
    Server,
    import_tasks,
    new_plaudit_store,
    serve_nginx,
    serve_ordinary,
    serve_plaudit,
    wait_until_idle,
)
from benchmarks.walk import PAGE_TASKS, page_tokens, target

SEED = 1
ORDINARY_ALONE = "ordinary, 1 connection"
BATCH_TASKS = 1_000
MEMORY_WARM_UP_REQUESTS = 300
MEMORY_SECONDS_MAX = 300
OPTS = {
    "default": [],
    "model_parameters": ["model_parameters"],
    "annotation_details": ["annotation_details"],
    "attachment_details (no model parameters)": ["attachment_details"],
    "submissions (no model parameters)": ["submissions"],
    "submissions + model_parameters": ["submissions", "model_parameters"],
    "all four": ["annotation_details", "attachment_details", "model_parameters", "submissions"],
}

PAGE_VS_NGINX = (
    "both queue cached pages of a file with sendfile and copy nothing. Plaudit pays the fixed cost "
    "of a request in Python and the statement that finds the places of a hundred tasks."
)
PAGE_VS_ORDINARY = (
    "the ordinary server's time goes into building and checking objects, Plaudit's into sending, "
    "which the kernel does, and the statement that finds the places."
)
ONE_VS_ORDINARY = (
    "what is compared is the fixed cost of a request: system calls, HTTP parsing, the page's "
    "statement, the page token and headers. The task itself is a small part of it. Machines differ "
    "in it: the same requests took 72 µs where the ordinary server took 2,688, and 145 µs where "
    "it took 3,795 (page of one task of 20 kB, 37.3× and 26.2×)."
)
OPTS_COST = (
    "the default page leaves as it lies in a file, without being read. For others the tables are "
    "read, and each task is cut and joined again at stored offsets."
)
CODINGS = ("zstd", "gzip")
ZSTD_COST = "finding the places costs the same, and sending from the page cache is cheap."
ZSTD_BYTES = "each task is compressed by itself, so that it is spliced without being read."
MEMORY_GROWTH = "the process kept more pages after the requests than the warm-up had needed."


@dataclass(frozen=True)
class Stage:
    """The servers that answer for the large tasks."""

    plaudit: Server
    tables: Server
    """Plaudit without page files."""
    ordinary: Server
    nginx: Server | None


def measure_reads(plan: Plan) -> Iterable[Section]:
    """Yield the sections on pages, `opts` and memory, sharing one set of servers."""
    with ExitStack() as running:
        stage = _start(plan, running)
        yield _pages(plan, stage)
        yield _opts(plan, stage.tables, LARGE_DETAILS, "20 kB")
        yield _opts(plan, stage.tables, SMALL_DETAILS, "1 kB")
        yield _memory(plan, stage)


def _start(plan: Plan, running: ExitStack) -> Stage:
    data = plan.work / "reads"
    new_plaudit_store(data)
    counts = {
        LARGE: plan.large_tasks,
        LARGE_DETAILS: plan.detail_tasks,
        SMALL_DETAILS: plan.detail_tasks,
    }
    files = {
        shape: write_tasks(plan.cache, shape, count, batch_tasks=BATCH_TASKS)
        for shape, count in counts.items()
    }
    for shape, tasks in files.items():
        import_tasks(data, tasks, project_of(shape))
    ordinary = running.enter_context(serve_ordinary(plan.work / "ordinary.db"))
    post_tasks(ordinary, files[LARGE], project_of(LARGE))
    plaudit = running.enter_context(serve_plaudit(data))
    tables = running.enter_context(serve_plaudit(data, key=plaudit.key, page_files=False))
    wait_until_idle(plaudit)  # its page files are built then
    nginx = serve_nginx(plan.work / "pages", plan.work / "nginx")
    if nginx is not None:
        running.enter_context(nginx)
    return Stage(plaudit, tables, ordinary, nginx)


def _pages(plan: Plan, stage: Stage) -> Section:
    """Compare a page of 100 and a page of 1 at random positions."""
    filters = {"project_name": project_of(LARGE), "status": "completed"}
    tokens = page_tokens(stage.plaudit, filters)
    order = list(range(len(tokens)))
    random.Random(SEED).shuffle(order)
    trials = []
    for limit in (PAGE_TASKS, 1):
        own = [target(filters, limit=limit, next_token=tokens[place]) for place in order]
        offsets = [target(filters, limit=limit, offset=place * PAGE_TASKS) for place in order]
        trials += [trial(f"plaudit {limit}", stage.plaudit, own)]
        for coding in CODINGS:
            trials += [trial(f"plaudit, {coding} {limit}", stage.plaudit, own, coding=coding)]
        trials += [trial(f"plaudit without page files {limit}", stage.tables, own)]
        trials += [trial(f"ordinary {limit}", stage.ordinary, offsets)]
        trials += [trial(f"{ORDINARY_ALONE} {limit}", stage.ordinary, offsets, connections=1)]
        if stage.nginx is not None:
            saved = _save_pages(stage.plaudit, own, plan.work / "pages", limit)
            trials += [trial(f"nginx {limit}", stage.nginx, saved)]
    costs = interleave(trials, plan)
    return Section(
        f"Pages of {plan.large_tasks:,} tasks of 20 kB, random positions",
        f"`GET /v2/tasks?project_name=…&status=completed`, {len(tokens)} pages in random order. "
        "With one connection the ordinary server's threads do not contend for the interpreter.",
        ("server", "limit", "CPU µs", "spread", "requests/s", "body kB"),
        rows=[_page_row(name, cost) for name, cost in costs.items()],
        figures=_page_figures(costs),
    )


def _save_pages(server: Server, targets: Iterable[str], root: Path, limit: int) -> list[str]:
    """Store answers as files for nginx, and return their paths as nginx serves them."""
    folder = root / str(limit)
    folder.mkdir(parents=True)
    names = []
    with load.Connection(server.port) as connection:
        for number, each in enumerate(targets):
            name = f"{number:05d}.json"
            (folder / name).write_bytes(connection.fetch(server.get(each)))
            names.append(f"/{limit}/{name}")
    return names


def _page_row(name: str, cost: Cost) -> tuple[str, ...]:
    server, limit = name.rsplit(" ", 1)
    return (
        server,
        limit,
        f"{cost.cpu_us:,.0f}",
        f"{cost.spread:.0%}",
        f"{cost.requests_per_second:,.0f}",
        f"{cost.body_bytes / 1e3:,.0f}",
    )


def _page_figures(costs: Mapping[str, Cost]) -> list[Figure]:
    def ratio(server: str, limit: int) -> float:
        return costs[f"{server} {limit}"].cpu_us / costs[f"plaudit {limit}"].cpu_us

    page, one = f"page of {PAGE_TASKS} × 20 kB", "page of 1 × 20 kB"
    figures = [
        Figure(
            f"{page}: ordinary CPU / ours",
            ratio("ordinary", PAGE_TASKS),
            at_least=100,
            why_missed=PAGE_VS_ORDINARY,
        ),
        Figure(
            f"{one}: ordinary CPU / ours",
            ratio("ordinary", 1),
            at_least=30,
            why_missed=ONE_VS_ORDINARY,
        ),
        Figure(f"{page}: the same, ordinary on one connection", ratio(ORDINARY_ALONE, PAGE_TASKS)),
        Figure(f"{one}: the same, ordinary on one connection", ratio(ORDINARY_ALONE, 1)),
    ]
    plain, packed = (costs[f"{name} {PAGE_TASKS}"] for name in ("plaudit", "plaudit, zstd"))
    figures += [
        Figure(
            f"{page}: CPU of zstd / as it is",
            packed.cpu_us / plain.cpu_us,
            at_most=0.8,
            why_missed=ZSTD_COST,
        ),
        Figure(
            f"{page}: bytes of zstd / as it is",
            packed.body_bytes / plain.body_bytes,
            at_most=0.35,
            why_missed=ZSTD_BYTES,
        ),
    ]
    if f"nginx {PAGE_TASKS}" in costs:
        against_nginx = ratio("nginx", PAGE_TASKS)
        figures += [
            Figure(
                f"{page}: nginx CPU / ours",
                against_nginx,
                at_least=0.33,
                why_missed=PAGE_VS_NGINX,
            ),
            Figure(f"{one}: nginx CPU / ours", ratio("nginx", 1)),
        ]
    return figures


def _opts(plan: Plan, server: Server, shape: Shape, size: str) -> Section:
    """Compare every set of `opts` with the default page of the same tasks."""
    filters = {"project_name": project_of(shape), "status": "completed"}
    tokens = page_tokens(server, filters)
    random.Random(SEED).shuffle(tokens)
    costs = interleave(
        [
            trial(
                name,
                server,
                [
                    target(filters, limit=PAGE_TASKS, opts=opts, next_token=token)
                    for token in tokens
                ],
            )
            for name, opts in OPTS.items()
        ],
        plan,
    )
    default = costs["default"].cpu_us
    others = {name: cost.cpu_us / default for name, cost in costs.items() if name != "default"}
    dearest = max(others, key=others.__getitem__)
    return Section(
        f"`opts` on pages of {PAGE_TASKS} × {size}",
        "Tasks with annotation details, attachments and submissions; the default page shows "
        "none of these. The server has no page files, from which the default page alone is sent.",
        ("opts", "CPU µs", "× default", "spread", "body kB"),
        rows=[
            (
                name,
                f"{cost.cpu_us:,.0f}",
                f"{cost.cpu_us / default:.2f}",
                f"{cost.spread:.0%}",
                f"{cost.body_bytes / 1e3:,.0f}",
            )
            for name, cost in costs.items()
        ],
        figures=[
            Figure(
                f"opts on {size} tasks, dearest ({dearest}) / default",
                others[dearest],
                at_most=4,
                why_missed=OPTS_COST,
            )
        ],
    )


def _memory(plan: Plan, stage: Stage) -> Section:
    """Compare the server's memory before and after many pages of 2 MB.

    "Before" is after a warm-up: the first answers set how large the buffers become.
    """
    server = stage.plaudit
    filters = {"project_name": project_of(LARGE), "status": "completed"}
    tokens = page_tokens(server, filters)
    random.Random(SEED).shuffle(tokens)
    requests = cycle(
        [server.get(target(filters, limit=PAGE_TASKS, next_token=token)) for token in tokens]
    )
    rows, uss_mb = [], []
    for name, count in (
        ("after a warm-up", MEMORY_WARM_UP_REQUESTS),
        (f"{plan.memory_requests // 2:,} pages later", plan.memory_requests // 2),
        (f"{plan.memory_requests:,} pages later", plan.memory_requests // 2),
    ):
        load.drive(server.port, requests, count=count, seconds=MEMORY_SECONDS_MAX)
        rss, uss = server.memory_mb()
        uss_mb.append(uss)
        rows.append((name, f"{rss:.1f}", f"{uss:.1f}"))
    return Section(
        f"Server memory over {plan.memory_requests:,} pages of {PAGE_TASKS} × 20 kB",
        "RSS counts all resident pages, USS those shared with no other process.",
        ("", "RSS MB", "USS MB"),
        rows=rows,
        figures=[
            Figure(
                "memory (USS) after / before",
                uss_mb[-1] / uss_mb[0],
                at_most=1.05,
                why_missed=MEMORY_GROWTH,
            )
        ],
    )
