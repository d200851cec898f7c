"""Measure whether a page costs the same in a large store as in a small one, at any depth.

Conversations repeat every thousand tasks, so the pages compared hold the same ones. Statuses
and batches are alike in both stores; a batch has equally many tasks, and every page is full.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from statistics import median

from benchmarks.generate import (
    FIRST_CREATED_AT,
    SECONDS_BETWEEN_TASKS,
    SMALL,
    batch_of,
    project_of,
    timestamp,
    write_tasks,
)
from benchmarks.measure import Cost, Trial, interleave, trial
from benchmarks.plan import Plan
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, import_tasks, new_plaudit_store, serve_plaudit
from benchmarks.walk import PAGE_TASKS, Filters, page_tokens, target

DEEP_SHARE = 0.9
PLACES = ("first", "deep")
DEEP_PAGES = 10
HOURS_CUT_AT_START = 10
HOURS_KEPT_AFTER_END = 20
SCOPES = ("project", "batch", "project + batch")
RANGES = ("", "completed_after", "completed_after + completed_before")
STATUSES = ("", "status")

DEPTH_COST = (
    "the rows of one page lie further apart in a larger file, its B-trees are a level deeper, "
    "and the worst of eighteen ratios also carries the noise of the machine."
)


@dataclass(frozen=True)
class Store:
    """A running server with `task_count` small tasks."""

    server: Server
    task_count: int
    batch_tasks: int

    def filters(self, scope: str, status: str, completed: str) -> Filters:
        """Return the query parameters of one combination; a batch is one from the middle."""
        found: dict[str, str] = {}
        first, count = 0, self.task_count
        if "project" in scope:
            found["project_name"] = project_of(SMALL)
        if "batch" in scope:
            number = self.task_count // self.batch_tasks // 2
            found["batch_name"] = batch_of(SMALL, number)
            first, count = number * self.batch_tasks, self.batch_tasks
        if status:
            found["status"] = "completed"
        if completed:
            found["completed_after"] = _time_of(first, hours=HOURS_CUT_AT_START)
        if "before" in completed:
            found["completed_before"] = _time_of(first + count, hours=HOURS_KEPT_AFTER_END)
        return found


def measure_depth(plan: Plan) -> Iterator[Section]:
    """Yield the section that compares first and 90 % deep pages of every filter combination."""
    with ExitStack() as running:
        stores = [_start(plan, count, running) for count in (plan.shallow_tasks, plan.deep_tasks)]
        trials = [
            each
            for combination in product(SCOPES, STATUSES, RANGES)
            for store in stores
            for each in _trials(store, combination)
        ]
        costs = interleave(
            trials, replace(plan, cpu_seconds_per_trial=plan.cpu_seconds_per_trial / 2)
        )
    section = compare_pages(
        costs, plan.shallow_tasks, plan.deep_tasks, PLACES, why_missed=DEPTH_COST
    )
    section.about += f" Batches hold {plan.batch_tasks:,} tasks in both stores."
    yield section


def _start(plan: Plan, count: int, running: ExitStack) -> Store:
    data = plan.work / f"depth-{count}"
    new_plaudit_store(data)
    tasks = write_tasks(plan.cache, SMALL, count, batch_tasks=plan.batch_tasks)
    import_tasks(data, tasks, project_of(SMALL))
    server = running.enter_context(serve_plaudit(data, has_worker=False))
    return Store(server, count, plan.batch_tasks)


def _trials(store: Store, combination: tuple[str, str, str]) -> Iterator[Trial]:
    """Yield the trial of the first page, and that of the pages from nine tenths on."""
    filters = store.filters(*combination)
    tokens = page_tokens(store.server, filters)
    deep_from = int(DEEP_SHARE * len(tokens))
    places = {"first": tokens[:1], "deep": tokens[deep_from : deep_from + DEEP_PAGES]}
    for place, found in places.items():
        targets = [target(filters, limit=PAGE_TASKS, next_token=token) for token in found]
        yield trial(trial_name(combination, place, store.task_count), store.server, targets)


def compare_pages(
    costs: Mapping[str, Cost], few: int, many: int, places: Iterable[str], *, why_missed: str
) -> Section:
    """A section on pages of a store of `many` tasks against one of `few`, by filters and place.

    `costs` are by the names of `trial_name`; the worst ratio of each place is judged.
    """
    worst = dict.fromkeys(places, ("", 0.0))
    section = Section(
        f"Depth: {many:,} tasks of 1 kB against {few:,}",
        f'Full pages of {PAGE_TASKS}; "deep" starts 90 % down the list. CPU µs of the cheapest of '
        "the rounds: what else runs on the machine only adds to it. The servers have no worker, "
        "which reads the words of imported tasks for hours, and a tenth of a core.",
        (
            "filters",
            *(
                column
                for place in worst
                for column in (f"{place}, {few:,}", f"{place}, {many:,}", "ratio")
            ),
        ),
    )
    for combination in product(SCOPES, STATUSES, RANGES):
        label = " + ".join(part for part in combination if part)
        cells = [label]
        for place in worst:
            small = costs[trial_name(combination, place, few)].least_us
            large = costs[trial_name(combination, place, many)].least_us
            ratio = large / small
            cells += [f"{small:,.0f}", f"{large:,.0f}", f"{ratio:.2f}"]
            worst[place] = max(worst[place], (label, ratio), key=lambda pair: pair[1])
        section.rows.append(tuple(cells))
    medians = {
        place: median(float(row[3 * number + 3]) for row in section.rows)
        for number, place in enumerate(worst)
    }
    section.figures = [
        Figure(
            f"{place} page, {many:,} tasks / {few:,}, worst ({label})",
            ratio,
            at_most=1.2,
            why_missed=why_missed,
        )
        for place, (label, ratio) in worst.items()
    ]
    section.figures += [
        Figure(f"the same, {place} page, in the median of the lists", ratio)
        for place, ratio in medians.items()
    ]
    return section


def trial_name(combination: tuple[str, str, str], place: str, task_count: int) -> str:
    return f"{combination} {place} {task_count}"


def _time_of(index: int, *, hours: float) -> str:
    """Return the time some hours after the task with this index is made."""
    return timestamp(
        FIRST_CREATED_AT + timedelta(seconds=SECONDS_BETWEEN_TASKS * index, hours=hours)
    )
