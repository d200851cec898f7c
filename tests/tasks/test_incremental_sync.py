"""`completed_after = greatest completed_at received` never misses a completion.

The race is run twice: with the product's clock, and, as a control, with one that is read before
the transaction has the write lock, as an ordinary server would. The control has to lose rows;
otherwise the race would prove nothing.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plaudit import clock
from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.store.tasks import projects, tasks
from tests.support.builders import make_task, make_tasks, make_thread
from tests.support.harness import World, walk

WRITERS = 8
TASKS_EACH = 8
THREADS = [make_thread()]
EPOCH = "1970-01-01T00:00:00.000Z"


class Poller:
    """A client that keeps nothing but the greatest completion time it has received."""

    def __init__(self, client, project, *, limit: int = 7) -> None:
        self.client, self.project, self.limit = client, project, limit
        self.watermark = EPOCH
        self.seen: dict[str, str] = {}
        self.times_seen: dict[str, int] = {}

    def poll(self) -> list[str]:
        """One finished walk; returns the ids it brought."""
        found = walk(
            self.client,
            project_id=self.project.project_id,
            completed_after=self.watermark,
            limit=self.limit,
        )
        for task in found:
            self.seen[task["task_id"]] = task["completed_at"]
            self.times_seen[task["task_id"]] = self.times_seen.get(task["task_id"], 0) + 1
            self.watermark = max(self.watermark, task["completed_at"])
        return [task["task_id"] for task in found]


class ClockReadTooEarly:
    """What the product must not do: stamp a completion with a time from before the lock."""

    def __init__(self) -> None:
        self.noted = threading.local()

    async def read_time(self, tx, project_key: int, now: int) -> int:
        await projects.advance_clock(tx, project_key, self.noted.ms)
        return self.noted.ms


def make_pending(world: World, project, count: int) -> list[str]:
    async def work(tx):
        return [(await lifecycle.create_task(tx, project)).task_id for _ in range(count)]

    return world.run(world.db.write(work))


def complete(world: World, task_id: str) -> int:
    environment_id = world.org()

    async def work(tx):
        task = await tasks.find_task(tx, environment_id, task_id)
        return await lifecycle.complete_task(tx, environment_id, task, THREADS)

    return world.run(world.db.write(work))


def reopen(world: World, task_id: str) -> None:
    environment_id = world.org()

    async def work(tx):
        await lifecycle.reopen_task(
            tx, environment_id, await tasks.find_task(tx, environment_id, task_id)
        )

    world.run(world.db.write(work))


def untimed(count: int, prefix: str) -> list:
    """Completed tasks that do not say when."""
    return [make_task(f"{prefix}_{n:05d}", completed_at=None) for n in range(count)]


def race(world: World, client, early: ClockReadTooEarly | None) -> tuple[Poller, dict[str, int]]:
    """Eight engines complete tasks while a client polls; what it saw, and what was acknowledged.

    Each writer reads the clock some milliseconds before its transaction. One of them is held up
    there until the poller has received a later completion, so that the interleaving that loses
    rows certainly happens.
    """
    project = world.project("Raced")
    environment_id = world.org()
    task_ids = make_pending(world, project, WRITERS * TASKS_EACH)
    poller = Poller(client, project)
    overtaken = threading.Event()
    held_since: list[int] = []

    def write(number: int) -> dict[str, int]:
        dice, done = random.Random(number), {}
        writer = World(world.settings)
        for task_id in task_ids[number::WRITERS]:
            read_at = clock.now_ms()
            if number == 0 and not held_since:
                held_since.append(read_at)
                assert overtaken.wait(60), "no other writer came forward"
            time.sleep(dice.random() / 200)

            async def work(tx, task_id=task_id, read_at=read_at):
                if early is not None:
                    early.noted.ms = read_at
                time.sleep(dice.random() / 500)
                task = await tasks.find_task(tx, environment_id, task_id)
                completed_ms = await lifecycle.complete_task(tx, environment_id, task, THREADS)
                time.sleep(dice.random() / 200)
                return completed_ms

            while task_id not in done:
                try:
                    done[task_id] = writer.run(writer.db.write(work))
                except Unavailable:
                    continue
        writer.close()
        return done

    acknowledged: dict[str, int] = {}
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(one.done() for one in writers):
            poller.poll()
            if held_since and poller.watermark > clock.format_ms(held_since[0]):
                overtaken.set()
        for one in writers:
            acknowledged |= one.result()
    poller.poll()
    assert acknowledged.keys() == set(task_ids)
    return poller, acknowledged


def test_a_poller_misses_no_completion_of_eight_concurrent_writers(world, client):
    poller, acknowledged = race(world, client, None)

    assert acknowledged.keys() - poller.seen.keys() == set()
    assert set(poller.times_seen.values()) == {1}
    assert poller.seen == {one: clock.format_ms(ms) for one, ms in acknowledged.items()}
    assert len(set(acknowledged.values())) == len(acknowledged), "no two share a time"


def test_a_clock_that_is_read_before_the_lock_does_lose_completions(world, client, monkeypatch):
    """The control: without the project's clock the same race is lost."""
    early = ClockReadTooEarly()
    monkeypatch.setattr(projects, "next_completion_time", early.read_time)

    poller, acknowledged = race(world, client, early)

    assert acknowledged.keys() - poller.seen.keys() != set()


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_tasks_that_one_import_completed_at_the_same_moment_are_all_received(world, client, limit):
    """Ties stand within one import only, and appear together."""
    project = world.project("Tied", project_id="project_123")
    rejects = world.load(make_tasks(30) + untimed(40, "tied"))[1]
    poller = Poller(client, project, limit=limit)

    found = poller.poll()

    assert rejects == []
    assert len(found) == len(set(found)) == 70
    assert len({poller.seen[one] for one in found if one.startswith("tied")}) == 1
    assert poller.poll() == []
    [late] = make_pending(world, project, 1)
    complete(world, late)
    assert poller.poll() == [late]


def test_a_task_completed_again_is_received_again_with_its_new_time(world, client):
    project = world.project("Reopened")
    first, second = make_pending(world, project, 2)
    poller = Poller(client, project)
    was = complete(world, first)
    complete(world, second)
    assert sorted(poller.poll()) == sorted([first, second])

    reopen(world, first)
    assert poller.poll() == []
    now = complete(world, first)

    assert poller.poll() == [first]
    assert now > was
    assert poller.seen[first] == clock.format_ms(now)


@pytest.mark.parametrize("step_ms", [0, -1, -3_600_000, -10 * 365 * 86_400_000])
def test_a_clock_set_back_or_standing_still_loses_no_completion(
    world, client, monkeypatch, step_ms
):
    """Times go on from the last one, a millisecond each, until the clock has caught up."""
    project = world.project("Jumped")
    task_ids = make_pending(world, project, 4)
    poller = Poller(client, project)
    now = clock.now_ms()
    times = []

    for number, task_id in enumerate(task_ids):
        monkeypatch.setattr(clock, "now_ms", lambda number=number: now + number * step_ms)
        times.append(complete(world, task_id))
        assert poller.poll() == [task_id]

    assert times == [now, now + 1, now + 2, now + 3]


def test_a_completion_after_an_import_from_the_near_future_is_received(world, client):
    """An import raises the project's clock to the greatest time it brings."""
    project = world.project("Ahead", project_id="project_123")
    ahead = clock.now_ms() + 4 * 60_000
    poller = Poller(client, project)
    assert world.load([make_task("imported", completed_at=clock.format_ms(ahead))])[1] == []
    assert poller.poll() == ["imported"]

    [task_id] = make_pending(world, project, 1)
    completed_ms = complete(world, task_id)

    assert completed_ms == ahead + 1
    assert poller.poll() == [task_id]


def test_an_import_that_completes_a_stored_task_raises_the_clock_as_well(world, client):
    project = world.project("Ahead", project_id="project_123")
    world.load([make_task("imported", "pending")])
    ahead = clock.now_ms() + 4 * 60_000
    poller = Poller(client, project)
    assert world.load([make_task("imported", completed_at=clock.format_ms(ahead))])[1] == []
    assert poller.poll() == ["imported"]

    [task_id] = make_pending(world, project, 1)
    complete(world, task_id)

    assert poller.poll() == [task_id]


def test_old_completions_imported_without_a_time_are_received(world, client):
    """Rows without `completed_at` take theirs from the project's clock, however late they come."""
    project = world.project("Untimed", project_id="project_123")
    poller = Poller(client, project)
    world.load(make_tasks(3))
    poller.poll()

    world.load(untimed(3, "late"))

    assert sorted(poller.poll()) == [f"late_{n:05d}" for n in range(3)]


def test_completions_between_the_pages_of_a_walk_are_received_by_the_next_walk(world, client):
    """A walk is closed at its first page; what comes later is left to the walk after it."""
    project = world.project("Between")
    task_ids = make_pending(world, project, 6)
    for task_id in task_ids[:3]:
        complete(world, task_id)
    asked = {"project_id": project.project_id, "completed_after": EPOCH, "limit": "1"}
    received, greatest = [], EPOCH
    late = iter(task_ids[3:])

    while True:
        body = client.get("/v2/tasks", params=asked).json()
        received += [task["task_id"] for task in body["tasks"]]
        greatest = max(greatest, *(task["completed_at"] for task in body["tasks"]))
        complete(world, next(late))
        if "next_token" not in body:
            break
        asked = asked | {"next_token": body["next_token"]}
    rest = walk(client, project_id=project.project_id, completed_after=greatest)

    assert received == task_ids[:3]
    assert [task["task_id"] for task in rest] == task_ids[3:]


def test_projects_keep_their_own_clocks(world, client):
    """A project far ahead does not move the times of another."""
    ahead = clock.now_ms() + 4 * 60_000
    world.load([make_task("imported", completed_at=clock.format_ms(ahead))])
    other = world.project("Other")
    [task_id] = make_pending(world, other, 1)

    assert complete(world, task_id) < ahead
    assert Poller(client, other).poll() == [task_id]
