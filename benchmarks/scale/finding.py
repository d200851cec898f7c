"""Measure the finding of pages alone: in this process, by thread CPU, without HTTP.

What else runs on the machine disturbs a server and its client at each request. One thread that does
the same few hundred times is disturbed less, and the least of its times hardly at all.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path

from benchmarks.depth import RANGES, SCOPES, STATUSES, Store, compare_pages, trial_name
from benchmarks.measure import Cost
from benchmarks.report import Section
from benchmarks.scale.lists import full_pages, token_before
from benchmarks.walk import PAGE_TASKS, Filters
from plaudit.core.common import server_secret
from plaudit.core.tasks.listing import TaskQuery, task_page
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.model.core import DEFAULT_OPTS, TaskStatus
from plaudit.settings import Settings
from plaudit.store.engine.sqlite import open_sqlite
from plaudit.store.page_files.places import PageFiles

TURNS = 150
FINDING_COST = "B-trees are a level deeper, and their pages lie further apart."

Find = Callable[[TaskQuery], bytes]
"""Finds a page, and returns how it ends."""


def measure_finding(
    stores: Mapping[int, tuple[Store, Path]], places: Mapping[str, float]
) -> Section:
    """The section that compares how long a page takes to be found in stores by their tasks."""
    few, many = sorted(stores)
    found = {count: _finder(data) for count, (_, data) in stores.items()}
    costs: dict[str, Cost] = {}
    for combination in product(SCOPES, STATUSES, RANGES):
        queries = {
            trial_name(combination, place, count): (found[count], query)
            for count, (store, data) in stores.items()
            for place, query in _queries(
                found[count], data, store.filters(*combination), places
            ).items()
        }
        times: dict[str, list[float]] = {name: [] for name in queries}
        for _ in range(TURNS):
            for name, (find, query) in queries.items():
                began = time.thread_time_ns()
                find(query)
                times[name].append((time.thread_time_ns() - began) / 1e3)
        for name, each in times.items():
            costs[name] = Cost(sorted(each)[TURNS // 2], min(each), 0, 0, 0)
    section = compare_pages(costs, few, many, places, why_missed=FINDING_COST)
    section.title = f"Scale: finding a page among {many:,} tasks of 1 kB and {few:,}"
    section.about = (
        f"The function that both ways of the server call, for pages of {PAGE_TASKS}, in one "
        f"process and without HTTP: thread CPU in µs, the least of {TURNS} in turn. The records "
        "are not read."
    )
    section.figures = [
        replace(figure, name=f"finding alone: {figure.name}") for figure in section.figures
    ]
    return section


def _finder(data: Path) -> Find:
    settings = Settings(data=data)
    db, secret = open_sqlite(data / "plaudit.sqlite"), server_secret.load(settings.secret_path)
    files = PageFiles(settings.pages_folder)
    sql = "SELECT environment_id FROM project LIMIT 1"
    ((environment_id,),) = db.reader.execute(sql).fetchall()

    def find(query: TaskQuery) -> bytes:
        parts = db.read_at_once(lambda tx: task_page(tx, secret, environment_id, query, files))
        assert isinstance(parts[-1], bytes)
        return parts[-1]

    return find


def _queries(
    find: Find, data: Path, filters: Filters, places: Mapping[str, float]
) -> dict[str, TaskQuery]:
    """A page of a list at each place."""
    end = find(_query(filters, None))
    token = end.partition(b'"next_token":"')[2].partition(b'"')[0].decode()
    count = full_pages(data, token)
    return {
        place: _query(filters, token_before(data, token, int(share * count)) if share else None)
        for place, share in places.items()
    }


def _query(filters: Filters, token: str | None) -> TaskQuery:
    def moment(name: str) -> int | None:
        text = filters.get(name)
        return None if text is None else int(datetime.fromisoformat(text).timestamp() * 1000)

    return TaskQuery(
        scope=ScopeNames(
            project_name=filters.get("project_name"), batch_name=filters.get("batch_name")
        ),
        status=TaskStatus.completed if "status" in filters else None,
        completed_after=moment("completed_after"),
        completed_before=moment("completed_before"),
        limit=PAGE_TASKS,
        next_token=token,
        opts=int(DEFAULT_OPTS),
    )
