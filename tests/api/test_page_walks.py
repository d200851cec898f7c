"""Page walks while tasks come and go: nothing that matched throughout is skipped or repeated."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plaudit import clock
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.projects import create_batch
from plaudit.errors import Conflict, Unavailable
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.store.tasks import tasks
from plaudit.wire.v2.task import ErrorDetail
from tests.support.builders import make_thread
from tests.support.harness import World, walk

THREADS = [make_thread()]
ERRORS = [ErrorDetail(type="LANGUAGE_MISMATCH", message="not in English")]
MOVES = {
    "complete": (TaskStatus.pending, TaskStatus.completed),
    "cancel": (TaskStatus.pending, TaskStatus.canceled),
    "fail": (TaskStatus.pending, TaskStatus.error),
    "reopen": (TaskStatus.completed, TaskStatus.pending),
}
SCOPES = ("project", "batch_a", "batch_b", "project and batch_a")
_names = itertools.count()


async def move(tx, environment_id, task_id, kind):
    """Do one move of the lifecycle; the completion time if it has one."""
    task = await tasks.find_task(tx, environment_id, task_id)
    assert task is not None
    match kind:
        case "complete":
            return await lifecycle.complete_task(tx, environment_id, task, THREADS)
        case "cancel":
            await lifecycle.cancel_task(tx, environment_id, task)
        case "fail":
            await lifecycle.fail_task(tx, environment_id, task, ERRORS)
        case "reopen":
            await lifecycle.reopen_task(tx, environment_id, task)


MOVES_MIN, WALKS_MIN = 10, 3
"""Changes that each writer makes meanwhile, and lists that each reader walks, each other ones."""

SECONDS_MAX = 120.0


class Shelf:
    """A project, and the books that the test keeps on its tasks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.environment_id = world.org()
        self.project = world.project(f"Project {next(_names)}")
        self.batches: dict[str | None, Any] = {None: None}
        for name in ("batch_a", "batch_b"):
            self.batches[name] = self._write(
                # Paused, so that it goes on taking tasks when all it has are done.
                lambda tx, name=name: create_batch(
                    tx, self.project, name=name, status=BatchStatus.paused
                )
            )
        self.books: dict[str, dict[str, Any]] = {}

    def create(self, batch: str | None) -> None:
        task = self._write(
            lambda tx: lifecycle.create_task(tx, self.project, batch=self.batches[batch])
        )
        self.books[task.task_id] = {
            "status": TaskStatus.pending,
            "batch": batch,
            "completed_ms": None,
            "place": len(self.books),
        }

    def move(self, kind: str, pick: int) -> None:
        """Move one of the tasks that can be; does nothing if none can."""
        expected, status = MOVES[kind]
        able = [task_id for task_id, one in self.books.items() if one["status"] is expected]
        if able:
            task_id = able[pick % len(able)]
            completed_ms = self._write(lambda tx: move(tx, self.environment_id, task_id, kind))
            self.books[task_id] |= {"status": status, "completed_ms": completed_ms}

    def apply(self, step: tuple[str, str | None, int]) -> None:
        kind, batch, pick = step
        if kind == "create":
            self.create(batch)
        else:
            self.move(kind, pick)

    def matching(self, scope, status, after, before) -> dict[str, int | None]:
        """What a listing owes, by the books: completion times by id."""
        batch = scope.rpartition(" ")[2] if "batch" in scope else None
        has_bound = after is not None or before is not None
        return {
            task_id: one["completed_ms"]
            for task_id, one in self.books.items()
            if batch in (None, one["batch"])
            and status in (None, one["status"])
            and not (has_bound and one["completed_ms"] is None)
            and (after is None or one["completed_ms"] > after)
            and (before is None or one["completed_ms"] < before)
        }

    def parameters(self, scope, status, after, before) -> dict[str, str]:
        found = {}
        if "project" in scope:
            found["project_id"] = self.project.project_id
        if "batch" in scope:
            found["batch_id"] = self.batches[scope.rpartition(" ")[2]].batch_id
        if status is not None:
            found["status"] = status.value
        if after is not None:
            found["completed_after"] = clock.format_ms(after)
        if before is not None:
            found["completed_before"] = clock.format_ms(before)
        return found

    def _write(self, work):
        return self.world.run(self.world.db.write(work))


steps = st.tuples(
    st.sampled_from(["create", *MOVES, "complete", "reopen"]),
    st.sampled_from([None, "batch_a", "batch_b"]),
    st.integers(0, 1000),
)


@given(
    initial=st.lists(steps, min_size=4, max_size=30),
    gaps=st.lists(st.lists(steps, max_size=4), max_size=10),
    scope=st.sampled_from(SCOPES),
    status=st.sampled_from([None, *TaskStatus]),
    between=st.tuples(*[st.none() | st.integers(-1, 8)] * 2),
    limit=st.sampled_from([1, 1, 2, 7, 100]),
    resends=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_walk_beside_changes_lists_what_matched_throughout_exactly_once(
    world, client, initial, gaps, scope, status, between, limit, resends
):
    shelf = Shelf(world)
    for step in [("create", "batch_a", 0), ("create", None, 0), *initial]:
        shelf.apply(step)
    after, before = _bounds(shelf, between)
    filters = (scope, status, after, before)
    throughout = shelf.matching(*filters).items()
    existed = set(shelf.books)
    parameters = shelf.parameters(*filters)
    by_completion = after is not None or before is not None

    listed, keys, asked = [], [], dict(parameters)
    for gap in itertools.chain(gaps, itertools.repeat([])):
        now = shelf.matching(*filters)
        answer = client.get("/v2/tasks", params=asked | {"limit": str(limit)})
        assert answer.status_code == 200, answer.text
        page = [task["task_id"] for task in answer.json()["tasks"]]
        assert set(page) <= now.keys(), "a page lists what matches at that moment"
        listed += page
        places = [shelf.books[task_id]["place"] for task_id in page]
        keys += zip(map(now.get, page), places, strict=True) if by_completion else places
        token = answer.json().get("next_token")
        if token is None:
            break
        assert len(page) == limit
        assert len(listed) <= len(existed), "a walk ends, because it takes nothing new in"
        for step in gap:
            shelf.apply(step)
            throughout = throughout & shelf.matching(*filters).items()
        asked = (parameters if resends else {}) | {"next_token": token}

    assert len(set(listed)) == len(listed), "nothing is repeated"
    assert {task_id for task_id, _ in throughout} <= set(listed), "nothing is skipped"
    assert set(listed) <= existed
    assert keys == sorted(keys), "pages are in the documented order"


def _bounds(shelf: Shelf, between) -> list[int | None]:
    """The times of two completed tasks, or times beyond them, as bounds."""
    times = sorted(one["completed_ms"] for one in shelf.books.values() if one["completed_ms"])
    times = [0, *times, clock.now_ms() + 10**9]
    return [None if pick is None else times[pick % len(times)] for pick in between]


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("project", {}),
        ("project", {"status": "pending"}),
        ("batch_a", {}),
        ("batch_a", {"status": "pending"}),
        ("project", {"completed_after": "1970-01-01"}),
        ("project", {"completed_before": "2200-01-01", "status": "completed"}),
        ("batch_a", {"completed_after": "1970-01-01"}),
    ],
)
def test_a_walk_ends_although_more_that_matches_is_added_after_each_page(
    world, client, scope, asked
):
    """A walk is bounded by what the project held on the first page."""
    shelf = Shelf(world)
    adding = [("create", "batch_a", 0)]
    if (asked and "status" not in asked) or asked.get("status") == "completed":
        adding.append(("complete", None, 0))
    for step in adding * 3:
        shelf.apply(step)
    asked = shelf.parameters(scope, None, None, None) | asked | {"limit": "1"}

    tokens = []
    while len(tokens) < 10:
        tokens.append(client.get("/v2/tasks", params=asked).json().get("next_token"))
        if tokens[-1] is None:
            break
        asked |= {"next_token": tokens[-1]}
        for step in adding:
            shelf.apply(step)

    assert len(tokens) == 3


def test_walks_beside_busy_writers_list_every_task_at_rest_exactly_once(world, request):
    """Four engines write to the file while three applications read it, each in its own thread."""
    shelf = Shelf(world)
    at_rest, busy = _settled_and_busy(shelf)
    key = world.key()
    stop = threading.Event()
    moves, walks = [0] * 4, [0] * 3
    filters = [
        {},
        *({"status": status.value} for status in at_rest),
        {"completed_after": "1970-01-01"},
        {"completed_before": "2200-01-01", "status": "completed"},
    ]

    def write(seed: int) -> None:
        dice = random.Random(seed)
        writer = World(world.settings)
        while not stop.is_set():
            kind, task_id = dice.choice([*MOVES, "create"]), dice.choice(busy)
            try:
                if kind == "create":
                    work = _created(shelf)
                else:
                    work = _moved(shelf.environment_id, task_id, kind, dice.random() / 500)
                writer.run(writer.db.write(work))
                moves[seed] += 1
            except (Conflict, Unavailable):
                continue
        writer.close()

    def read(number: int, limit: int) -> None:
        with world.client(key) as client:
            while not stop.is_set():
                which = filters[(walks[number] + WALKS_MIN * number) % len(filters)]
                walked = walk(client, project_id=shelf.project.project_id, limit=limit, **which)
                listed = [task["task_id"] for task in walked]
                by_completion = any("completed_" in name for name in which)
                status = TaskStatus.completed if by_completion else which.get("status")
                owed = {
                    task_id
                    for kept, task_ids in at_rest.items()
                    if status in (None, kept)
                    for task_id in task_ids
                }
                assert len(set(listed)) == len(listed)
                assert owed <= set(listed)
                walks[number] += 1

    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(write, seed) for seed in range(4)]
        running += [pool.submit(read, number, limit) for number, limit in enumerate((1, 7, 100))]
        until = time.monotonic() + SECONDS_MAX
        while min(moves) < MOVES_MIN or min(walks) < WALKS_MIN:
            if time.monotonic() > until or any(one.done() for one in running):
                break
            time.sleep(0.01)
        stop.set()
        for one in running:
            one.result()

    assert min(moves) >= MOVES_MIN
    assert min(walks) >= WALKS_MIN
    assert WALKS_MIN * len(walks) >= len(filters), "each list was walked"


def _settled_and_busy(shelf: Shelf) -> tuple[dict[TaskStatus, list[str]], list[str]]:
    """Tasks that nobody will touch, by status, between tasks that everybody will."""

    async def work(tx):
        at_rest: dict[TaskStatus, list[str]] = {}
        busy = []
        ends = (("complete", TaskStatus.completed), ("cancel", TaskStatus.canceled), ("fail",
                TaskStatus.error), (None, TaskStatus.pending))  # fmt: skip
        for number in range(120):
            task = await lifecycle.create_task(tx, shelf.project)
            if number % 2:
                busy.append(task.task_id)
                continue
            kind, status = ends[number // 2 % 4]
            if kind is not None:
                await move(tx, shelf.environment_id, task.task_id, kind)
            at_rest.setdefault(status, []).append(task.task_id)
        return at_rest, busy

    return shelf.world.run(shelf.world.db.write(work))


def _created(shelf: Shelf):
    async def work(tx):
        await lifecycle.create_task(tx, shelf.project)

    return work


def _moved(environment_id: str, task_id: str, kind: str, pause: float):
    async def work(tx):
        await move(tx, environment_id, task_id, kind)
        time.sleep(pause)

    return work
