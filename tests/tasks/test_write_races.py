"""Writers at the same moment: one task for a unique_id, one winner of a cancel and a completion."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2
import pytest

from plaudit.core.tasks import batches, lifecycle
from plaudit.errors import Conflict, IllegalMove
from plaudit.store.engine.checks import violations
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.harness import Server, World, walk

RACES = 300
RACES_AT_ONCE = 6
TASKS_PER_BATCH = 25
THREADS = [make_thread()]


@pytest.fixture
def project(world):
    return world.project()


class Served:
    """A running server and many clients that start at one moment."""

    def __init__(self, server: Server, key: str) -> None:
        self.url = server.url
        self.headers = {"Authorization": f"Bearer {key}"}

    def at_once(self, bodies, path: str = "/v2/task/chat", **headers) -> list[httpx2.Response]:
        start = threading.Barrier(len(bodies))

        def send(body):
            with httpx2.Client(base_url=self.url, headers=self.headers | headers) as client:
                start.wait(20)
                return client.post(path, json=body, timeout=30)

        with ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(send, bodies))


def test_fifty_creations_with_one_unique_id_make_one_task(tenant, shared_server):
    project = tenant.project()
    served = Served(shared_server, tenant.key())
    body = {"project_name": project.name, "unique_id": "only-one"}

    answers = served.at_once([body] * 50)

    made = [one.json()["task_id"] for one in answers if one.status_code == 200]
    refused = [one.json() for one in answers if one.status_code == 409]
    assert (len(made), len(refused)) == (1, 49)
    assert all(made[0] in one["error"] for one in refused)
    with tenant.client() as client:
        assert [one["task_id"] for one in walk(client, project_name=project.name)] == made


def test_fifty_requests_under_one_key_make_one_task_and_get_one_answer(tenant, shared_server):
    project = tenant.project()
    served = Served(shared_server, tenant.key())
    body = {"project_name": project.name, "template_variables": {"prompt": "?"}}

    answers = served.at_once([body] * 50, **{"Idempotency-Key": "only-one"})

    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert sum("idempotency-replayed" in one.headers for one in answers) == 49
    with tenant.client() as client:
        assert len(walk(client, project_name=project.name)) == 1


def test_fifty_batches_of_one_name_are_one_batch(tenant, shared_server):
    project = tenant.project()
    served = Served(shared_server, tenant.key())

    answers = served.at_once([{"project_name": project.name, "name": "One"}] * 50, "/v2/batch")

    assert sorted(one.status_code for one in answers) == [200] + [409] * 49


def test_metadata_that_many_merge_at_once_loses_nothing(tenant, shared_server):
    project = tenant.project()
    served = Served(shared_server, tenant.key())
    with tenant.client() as client:
        batch = client.post("/v2/batch", json={"project_name": project.name, "name": "B"}).json()
        made = {"project_name": project.name, "batch_name": "B", "metadata": {}}
        inside = client.post("/v2/task/chat", json=made).json()["task_id"]
        alone = client.post("/v2/task/chat", json=made | {"batch_name": None}).json()["task_id"]

    for path, name in (
        ("/v2/task/metadata", {"task_id": inside}),
        ("/v2/task/metadata", {"task_id": alone}),
        ("/v2/batch/metadata", {"batch_id": batch["id"]}),
    ):
        bodies = [name | {"metadata": {f"k{n}": n}, "merge": True} for n in range(20)]
        answers = served.at_once(bodies, path)
        assert {one.status_code for one in answers} == {200}

    expected = {f"k{n}": n for n in range(20)}
    with tenant.client() as client:
        for task_id in (inside, alone):
            shown = client.get("/v2/task", params={"task_id": task_id}).json()
            assert shown["metadata"] == expected
        shown = client.get("/v2/batch", params={"batch_id": batch["id"]}).json()
        assert shown["metadata"] == expected


def test_metadata_set_beside_the_moves_of_a_task_is_kept(world, project):
    """A move writes the task's small fields anew, and must not write old metadata over new."""
    environment_id = world.org()

    async def work() -> None:
        for number in range(60):
            made = await world.db.write(lambda tx: lifecycle.create_task(tx, project))
            move = random.choice(["complete", "cancel", "error"])
            await asyncio.gather(
                world.db.write(
                    lambda tx, made=made, number=number: lifecycle.set_metadata(
                        tx, environment_id, made.task_id, {"n": number}, merge=True
                    )
                ),
                world.db.write(
                    lambda tx, made=made, move=move: moved(tx, environment_id, made, move)
                ),
            )
            async with world.db.read() as tx:
                found = await tasks.find_task(tx, environment_id, made.task_id)
            assert b'"metadata":{"n":%d}' % number in found.head
            assert b'"status":"pending"' not in found.head

    world.run(work())


def test_metadata_set_beside_the_cancelling_of_a_batch_is_kept(world, project):
    environment_id = world.org()

    async def fill(tx, number: int):
        batch = await batches.open_batch(
            tx, project, name=f"b{number}", is_staging=False, metadata={}, callback=None
        )
        made = [await lifecycle.create_task(tx, project, batch=batch) for _ in range(8)]
        return batch, [one.task_id for one in made]

    async def set_all(task_ids: list[str]) -> None:
        for task_id in task_ids:
            await world.db.write(
                lambda tx, one=task_id: lifecycle.set_metadata(
                    tx, environment_id, one, {"kept": 1}, merge=False
                )
            )

    async def work() -> None:
        for number in range(24):
            batch, task_ids = await world.db.write(lambda tx, n=number: fill(tx, n))
            await asyncio.gather(
                set_all(task_ids[:4]),
                set_all(task_ids[4:]),
                world.db.write(lambda tx, b=batch: batches.apply_action(tx, b, "cancel")),
            )
            async with world.db.read() as tx:
                heads = [(await tasks.find_task(tx, environment_id, one)).head for one in task_ids]
            assert all(b'"metadata":{"kept":1}' in head for head in heads)
            assert all(b'"status":"canceled"' in head for head in heads)

    world.run(work())


def test_a_task_reopened_beside_the_cancelling_of_its_batch_is_never_left_pending(world, project):
    """It is reopened and then cancelled with the rest, or stays completed with its threads."""
    environment_id = world.org()

    async def fill(tx, number: int):
        batch = await batches.open_batch(
            tx, project, name=f"b{number}", is_staging=False, metadata={}, callback=None
        )
        made = [await lifecycle.create_task(tx, project, batch=batch) for _ in range(4)]
        for task in made[:3]:
            await lifecycle.complete_task(tx, environment_id, task, THREADS)
        return batch, [await tasks.find_task(tx, environment_id, one.task_id) for one in made[:3]]

    async def reopen(task) -> None:
        with suppress(Conflict):
            await world.db.write(lambda tx: lifecycle.reopen_task(tx, environment_id, task))

    async def work() -> Counter[tuple[str, bool]]:
        found: Counter[tuple[str, bool]] = Counter()
        for number in range(30):
            batch, done = await world.db.write(lambda tx, n=number: fill(tx, n))
            contenders = [
                *map(reopen, done),
                world.db.write(lambda tx, b=batch: batches.apply_action(tx, b, "cancel")),
            ]
            random.shuffle(contenders)
            await asyncio.gather(*contenders)
            async with world.db.read() as tx:
                stored = [await tasks.find_task(tx, environment_id, one.task_id) for one in done]
            found.update((one.status.value, one.body is not None) for one in stored)
        return found

    found = world.run(work())

    assert set(found) == {("canceled", False), ("completed", True)}
    assert world.run(violations(world.db)) == {}


async def moved(tx, environment_id: str, task, move: str) -> None:
    """Do one move of a task as it was read before."""
    match move:
        case "complete":
            await lifecycle.complete_task(tx, environment_id, task, THREADS)
        case "cancel":
            await lifecycle.cancel_task(tx, environment_id, task)
        case "error":
            await lifecycle.fail_task(tx, environment_id, task, [])


@pytest.mark.slow
def test_of_three_hundred_cancels_and_completions_each_has_exactly_one_winner(world, project):
    """One of the two, or the cancelling of the whole batch, ends each task; the counts agree."""
    environment_id = world.org()
    ended: dict[str, list[str]] = {}

    async def attempt(work, name: str, task_id: str) -> None:
        try:
            await world.db.write(work)
        except Conflict:
            return
        ended.setdefault(task_id, []).append(name)

    async def race_batch(number: int, dice: random.Random) -> None:
        async def fill(tx):
            batch = await batches.open_batch(
                tx, project, name=f"b{number}", is_staging=False, metadata={}, callback=None
            )
            made = [
                await lifecycle.create_task(tx, project, batch=batch)
                for _ in range(TASKS_PER_BATCH)
            ]
            return batch, made

        batch, made = await world.db.write(fill)
        whole = dice.randrange(TASKS_PER_BATCH) if number % 2 else None
        for place, task in enumerate(made):
            contenders = [
                attempt(
                    lambda tx, t=task: moved(tx, environment_id, t, "complete"), "c", task.task_id
                ),
                attempt(
                    lambda tx, t=task: moved(tx, environment_id, t, "cancel"), "x", task.task_id
                ),
            ]
            dice.shuffle(contenders)
            if place == whole:
                contenders.insert(1, cancel_whole(batch))
            await asyncio.gather(*contenders)
        await judge(batch, made, was_cancelled=whole is not None)

    async def cancel_whole(batch) -> None:
        with suppress(IllegalMove):  # its last task was quicker
            await world.db.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    async def judge(batch, made, *, was_cancelled: bool) -> None:
        async with world.db.read() as tx:
            stored = [await tasks.find_task(tx, environment_id, one.task_id) for one in made]
            counts = await world_counts(tx, batch)
            status = (
                await batches_store.find_batch(tx, environment_id, batch.batch_id)
            ).status.value
        for task in stored:
            winners = ended.get(task.task_id, [])
            expected = {"completed": ["c"], "canceled": ["x"]}[task.status.value]
            assert winners == expected or (was_cancelled and winners == [])
        by_status = [one.status.value for one in stored]
        assert counts == (by_status.count("completed"), by_status.count("canceled"))
        assert status in (("completed", "cancelled") if was_cancelled else ("completed",))

    async def lane(first: int) -> None:
        dice = random.Random(first)
        for number in range(first, RACES // TASKS_PER_BATCH, RACES_AT_ONCE):
            await race_batch(number, dice)

    async def all_lanes() -> None:
        await asyncio.gather(*(lane(first) for first in range(RACES_AT_ONCE)))

    world.run(all_lanes())

    assert world.run(violations(world.db)) == {}


async def world_counts(tx, batch) -> tuple[int, int]:
    row = await tx.one(
        "SELECT pending, completed, canceled FROM batch_progress"
        " WHERE project_key = :project_key AND batch_id = :batch_id",
        {"project_key": batch.project_key, "batch_id": batch.batch_id},
    )
    assert row[0] == 0
    return row[1], row[2]


@pytest.mark.slow
def test_a_server_killed_at_any_moment_of_a_creation_makes_no_second_task(
    world: World, start_server, project
):
    """Whoever got no answer asks again, by unique_id or under an Idempotency-Key, and there is
    one task for each request."""
    key, dice = world.key(), random.Random()
    ways = ("unique_id", "Idempotency-Key")
    names = [(how, f"{how}-{number}") for number in range(30) for how in ways]
    server = start_server()
    for round_number in range(5):
        served = Served(server, key)
        some = names[round_number * 12 : round_number * 12 + 12]
        killer = threading.Timer(dice.uniform(0.005, 0.06), server.stop, [signal.SIGKILL])
        answered = {}

        def ask(one: tuple[str, str], served=served, answered=answered) -> None:
            with suppress(httpx2.HTTPError):
                answered[one] = create(served, *one, project)

        with ThreadPoolExecutor(len(some)) as pool:
            killer.start()
            list(pool.map(ask, some))
        killer.join()
        server.stop(signal.SIGKILL)
        server = start_server()  # is asked again, and the next one to be killed
        again = Served(server, key)
        for how, name in some:
            answer = create(again, how, name, project)
            if how == "Idempotency-Key":
                assert answer.status_code == 200
            before = answered.get((how, name))
            if before is not None and before.status_code == 200:
                found = before.json()["task_id"]
                assert found in answer.text
    with world.client() as client:
        assert len(walk(client, project_name=project.name)) == len(names)


def create(served: Served, how: str, name: str, project) -> httpx2.Response:
    body = {"project_name": project.name}
    headers = dict(served.headers)
    if how == "unique_id":
        body["unique_id"] = name
    else:
        headers[how] = name
    for _ in range(50):
        answer = httpx2.post(f"{served.url}/v2/task/chat", json=body, headers=headers, timeout=10)
        if answer.status_code != 503:
            return answer
        time.sleep(0.1)
    raise AssertionError("the server never answered but with 503")
