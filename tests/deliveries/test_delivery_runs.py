"""The runs that make deliveries: one wins, a dead one leaves nothing, a slow one stops."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from plaudit import clock
from plaudit.core.common import audit
from plaudit.core.deliveries import builder, task_selection
from plaudit.errors import Conflict, Unavailable
from plaudit.model.core import Actor
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine import checks
from tests.support.builders import make_task, make_tasks, make_thread
from tests.support.deliveries import (
    PATH,
    deliver,
    ids_of,
    make,
    move,
    project_of,
    select,
    start_delivery,
    stored,
)
from tests.support.harness import walk
from tests.tasks.project_tasks import race

FAR_AHEAD = 2**42
TASKS = [f"task_{number:05d}" for number in range(900)]


# Several at once


def test_of_racers_with_one_name_exactly_one_makes_the_delivery(many, client):
    for turn in range(2):
        outcomes = race(many, [lambda own, turn=turn: make(own, f"race {turn}") for _ in range(6)])

        won = [one for one in outcomes if not isinstance(one, Conflict)]
        assert len(won) == 1
        assert ids_of(client, won[0].delivery_id) == TASKS

    listed = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
    assert [one["name"] for one in listed] == ["race 0", "race 1"]
    assert stored(many) == {"delivery": 2, "delivered_task": 1800, "frozen_task": 900}
    assert many.run(checks.violations(many.db)) == {}


def test_racers_with_names_of_their_own_all_make_one_and_share_what_they_froze(many, client):
    outcomes = race(many, [lambda own, turn=turn: make(own, f"{turn}") for turn in range(4)])

    assert [ids_of(client, one.delivery_id) for one in outcomes] == [TASKS] * 4
    assert stored(many) == {"delivery": 4, "delivered_task": 3600, "frozen_task": 900}
    times = [one.delivered_ms for one in outcomes]
    assert len(set(times)) == 4


def test_what_is_completed_while_a_run_freezes_is_not_in_it(many, client):
    """The set is that of the moment at which the run began."""
    many.load([make_task(f"pending_{n}", "pending") for n in range(3)])
    selection = select(many)
    delivery_builder, _ = start_delivery(many)
    for number in range(3):
        move(many, "complete", f"pending_{number}")

    many.run(delivery_builder.freeze(selection, lambda count: None))
    made = many.run(many.db.write(delivery_builder.finish))

    assert ids_of(client, made.delivery_id) == TASKS
    assert ids_of(client, deliver(client, "next")["id"])[-3:] == [
        "pending_0", "pending_1", "pending_2",
    ]  # fmt: skip


@pytest.mark.parametrize("bounds", [{}, {"completed_after": 0}, {"completed_before": FAR_AHEAD}])
def test_what_is_corrected_while_a_run_freezes_is_delivered_corrected(many, client, bounds):
    """It was completed before, during and after."""
    selection = select(many, **bounds)
    delivery_builder, _ = start_delivery(many)
    move(many, "correct", TASKS[1], [make_thread("corrected")])

    many.run(delivery_builder.freeze(selection, lambda count: None))
    made = many.run(many.db.write(delivery_builder.finish))

    found = walk(client, "/v2/delivery", delivery_id=made.delivery_id)
    assert [task["task_id"] for task in found] == TASKS
    assert found[1]["threads"][0]["id"] == "corrected"
    path = f"/manage/v1/deliveries/{made.delivery_id}/changes"
    assert walk(client, path, "tasks") == []
    assert many.run(checks.violations(many.db)) == {}


def test_what_leaves_the_filter_while_a_run_freezes_is_not_in_it(many, client):
    """As if the delivery had been made a little later; the next one has it."""
    now = clock.now_ms()
    selection = select(many, completed_before=now)
    delivery_builder, _ = start_delivery(many)
    move(many, "correct", TASKS[1])
    move(many, "reopen", TASKS[2])

    many.run(delivery_builder.freeze(selection, lambda count: None))
    made = many.run(many.db.write(delivery_builder.finish))

    assert ids_of(client, made.delivery_id) == [TASKS[0], *TASKS[3:]]
    later = deliver(client, "next", completed_after=clock.format_ms(now - 1))
    assert ids_of(client, later["id"]) == [TASKS[1]]


@pytest.mark.parametrize("bounds", [{}, {"completed_after": 0}])
def test_corrections_beside_a_run_never_cost_it_a_task(world, client, monkeypatch, bounds):
    """However often tasks go to the end of the completion order while they are listed, copied."""
    monkeypatch.setattr(task_selection, "LISTED_AT_ONCE", 7)
    world.load(make_tasks(60))
    at_work = threading.Event()

    def correct(own, some):
        for turn in range(1000):
            if at_work.is_set():
                return turn
            with suppress(Conflict):
                move(own, "correct", some[turn % len(some)], [make_thread(f"{turn}")])
        raise AssertionError("the deliveries take too long")

    def deliver_often(own):
        try:
            return [make(own, f"{turn}", **bounds).delivery_id for turn in range(8)]
        finally:
            at_work.set()

    made, *turns = race(
        world,
        [deliver_often] + [lambda own, n=n: correct(own, TASKS[n:60:2]) for n in range(2)],
    )

    assert min(turns) > 0
    for delivery_id in made:
        assert sorted(ids_of(client, delivery_id)) == TASKS[:60]
    assert world.run(checks.violations(world.db)) == {}


def test_a_delivery_that_cannot_be_shown_at_the_end_is_taken_back(many, client, monkeypatch):
    async def refuse(*args, **fields):
        raise Unavailable

    monkeypatch.setattr(audit, "record", refuse)
    with pytest.raises(Unavailable):
        many.run(builder.deliver(
            many.db, project_of(many), "January", select(many), Actor("command", "x"), "x",
            on_progress=lambda count: None))  # fmt: skip

    monkeypatch.undo()
    assert stored(many)["delivery"] == stored(many)["delivered_task"] == 0
    assert deliver(client)["task_count"] == 900


def test_a_delivery_that_is_being_made_is_nowhere_to_be_seen(many, client):
    delivery_builder, _ = start_delivery(many)
    many.run(delivery_builder.freeze(select(many), lambda count: None))
    delivery_id = delivery_builder._run.delivery.delivery_id

    paths = [f"/v2/delivery?delivery_id={delivery_id}",
             f"/v2/delivery/tasks?delivery_id={delivery_id}",
             "/v2/delivery?project_id=project_123&delivery_name=January",
             f"/manage/v1/deliveries/{delivery_id}",
             f"/manage/v1/deliveries/{delivery_id}/manifest"]  # fmt: skip
    statuses = [client.get(path).status_code for path in paths]
    rows = client.get("/v2/delivery/tasks?project_id=project_123").json()["docs"]

    assert statuses == [404] * 5
    assert client.get("/v2/deliveries?project_id=project_123").json() == {"deliveries": []}
    assert {row["delivery_id"] for row in rows} == {None}
    assert client.post(PATH, json={"name": "January"}).status_code == 409


def test_a_run_that_was_only_slow_cannot_touch_what_its_successor_makes(many, client):
    """Every step of the first run fails once the second has taken over."""
    slow, _ = start_delivery(many, lease_ms=0)
    project = project_of(many)
    some = many.run(
        many.db.write(lambda tx: frozen_tasks.list_completed(tx, project.project_key, [1, 2, 3]))
    )
    slow.commit_chunk(many.run(many.db.write(lambda tx: slow.add(tx, [*some.values()]))))
    made = make(many)
    before = client.get(f"/v2/delivery?delivery_id={made.delivery_id}").content

    for step in (
        lambda tx: slow.add(tx, [some[1]]),
        lambda tx: slow.finish(tx),
        lambda tx: slow.publish(tx, 1),
    ):
        with pytest.raises(Conflict, match="taken over"):
            many.run(many.db.write(step))
    many.run(slow.rollback())

    assert client.get(f"/v2/delivery?delivery_id={made.delivery_id}").content == before
    assert ids_of(client, made.delivery_id) == TASKS
    assert many.run(checks.violations(many.db)) == {}


def test_a_run_that_was_taken_over_stops_although_its_successor_has_come_as_far(many):
    """Not the count decides but the run's number."""
    slow, _ = start_delivery(many, lease_ms=0)
    project = project_of(many)
    some = many.run(
        many.db.write(lambda tx: frozen_tasks.list_completed(tx, project.project_key, [1, 2, 3]))
    )
    slow.commit_chunk(many.run(many.db.write(lambda tx: slow.add(tx, [*some.values()]))))
    quick, _ = start_delivery(many)
    quick.commit_chunk(many.run(many.db.write(lambda tx: quick.add(tx, [*some.values()]))))

    for step in (
        lambda tx: slow.add(tx, []),
        lambda tx: slow.finish(tx),
    ):
        with pytest.raises(Conflict, match="taken over"):
            many.run(many.db.write(step))

    assert many.run(many.db.write(quick.finish)).task_count == 3


def test_until_the_next_delivery_is_made_the_one_before_is_the_latest(many, client):
    made = deliver(client, "before")
    rows = client.get("/v2/delivery/tasks?project_id=project_123").content
    delivery_builder, _ = start_delivery(many)
    many.run(delivery_builder.freeze(select(many), lambda count: None))

    beside = client.get("/v2/delivery/tasks?project_id=project_123").content

    assert beside.count(made["id"].encode()) == 100
    assert beside == rows


def test_a_run_in_progress_is_left_alone_until_its_lease_has_ended(many, client, monkeypatch):
    is_begun = start_delivery(many)[1]

    second = start_delivery(many)[1]
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now + builder.LEASE_MS + 1000)
    third = start_delivery(many)[1]

    assert (is_begun, second, third) == (True, False, True)


def test_a_selection_that_vanishes_meanwhile_leaves_nothing(world, client):
    world.load(make_tasks(2))
    delivery_builder, _ = start_delivery(world)
    selection = select(world)
    for task_id in ("task_00000", "task_00001"):
        move(world, "reopen", task_id)

    with pytest.raises(Exception, match="nothing to deliver"):
        world.run(delivery_builder.freeze(selection, lambda count: None))

    assert stored(world) == {"delivery": 0, "delivered_task": 0, "frozen_task": 0}


@pytest.mark.parametrize("stop_after", [1, 300, 600])
def test_a_run_that_is_interrupted_frees_its_name(many, client, stop_after):
    """As when a request takes too long: what was written at that moment is taken back as well."""
    delivery_builder, _ = start_delivery(many)
    selection, done = select(many), []

    async def interrupted():
        task = asyncio.current_task()

        def on_progress(count):
            done.append(count)
            if sum(done) >= stop_after:
                task.get_loop().call_soon(task.cancel)

        await delivery_builder.freeze(selection, on_progress)

    with pytest.raises(asyncio.CancelledError):
        many.run(interrupted())

    assert stored(many)["delivery"] == stored(many)["delivered_task"] == 0
    assert deliver(client)["task_count"] == 900


def test_a_listed_task_that_is_reopened_meanwhile_takes_the_delivery_back(many):
    delivery_builder, _ = start_delivery(many)
    selection = many.run(
        task_selection.select_tasks(many.db, project_of(many), task_ids=TASKS, most=1000)
    )
    move(many, "reopen", TASKS[-1])

    with pytest.raises(Conflict, match="no longer completed"):
        many.run(delivery_builder.freeze(selection, lambda count: None))

    assert stored(many)["delivery"] == stored(many)["delivered_task"] == 0
    assert many.run(checks.violations(many.db)) == {}


def test_large_tasks_are_frozen_a_few_at_a_time(world, client, monkeypatch):
    monkeypatch.setattr(builder, "CHUNK_BYTES", 2000)
    sizes = []
    listed = frozen_tasks.list_completed

    async def noting(tx, project_key, seqs):
        sizes.append(len(seqs))
        return await listed(tx, project_key, seqs)

    monkeypatch.setattr(frozen_tasks, "list_completed", noting)
    long = [make_thread(annotations=[{"key": "k", "value": "x" * 5000}])]
    rows = make_tasks(6)
    rows[2]["threads"] = rows[3]["threads"] = long
    world.load(rows)

    made = deliver(client)

    assert made["task_count"] == sum(sizes) == 6
    assert max(sizes) < 6


# Killed


# The command
