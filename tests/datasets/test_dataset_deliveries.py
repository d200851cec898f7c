"""Deliveries into datasets: what is refused, repeated and raced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plaudit.core.datasets import datasets
from plaudit.core.datasets.datasets import NewTask
from plaudit.errors import Conflict
from tests.support.dataset_requests import (
    DELIVERIES,
    assert_refused,
    deliver,
    make_dataset,
)
from tests.support.harness import one_engine
from tests.support.operations import assert_is_error
from tests.support.running.every_case import every_case


@pytest.fixture
def dataset(client) -> str:
    return make_dataset(client)


@one_engine
@every_case(
    "body, pointer",
    [
        ({"name": "", "tasks": []}, "/name"),
        ({"tasks": []}, ""),
        ({"name": "x"}, ""),
        ({"name": "x", "tasks": [], "extra": 1}, ""),
        ({"name": "x", "tasks": [{"response": {}, "status": "completed"}]}, "/tasks/0"),
        ({"name": "x", "tasks": [{"task_id": "t"}]}, "/tasks/0"),
        ({"name": "x", "tasks": [{"response": []}]}, "/tasks/0/response"),
        ({"name": "x", "tasks": [{"response": {}, "task_id": ""}]}, "/tasks/0/task_id"),
        ({"name": "x", "tasks": [{"response": {}, "task_id": "a\nb"}]}, "/tasks/0/task_id"),
        ({"name": "x", "tasks": [{"response": {}, "task_id": "t"}] * 2}, "/tasks/1/task_id"),
    ],
)
def test_a_delivery_that_is_not_one_is_refused_with_the_place(client, dataset, body, pointer):
    answer = client.post(DELIVERIES.format(dataset), json=body)

    assert_is_error(400, answer.headers, answer.json())
    assert (answer.json().get("pointer") or "").startswith(pointer)
    assert client.get("/v2/datasets/deliveries").json() == {"deliveries": []}


@every_case(
    "file, pointer",
    [
        ({}, "/tasks/0/attachments/0"),
        ({"content": "", "upload": "x"}, "/tasks/0/attachments/0"),
        ({"content": "%%%"}, "/tasks/0/attachments/0/content"),
        ({"content": "QQ"}, "/tasks/0/attachments/0/content"),
        ({"content": "é"}, "/tasks/0/attachments/0/content"),
        ({"content": "QQ==", "id": ""}, "/tasks/0/attachments/0/id"),
        ({"content": "QQ==", "name": "a\r\nSet-Cookie: b"}, "/tasks/0/attachments/0/name"),
        ({"content": "QQ==", "name": "n" * 4096}, "/tasks/0/attachments/0/name"),
        ({"content": "QQ==", "mime_type": "a\nb"}, "/tasks/0/attachments/0/mime_type"),
        ({"upload": "attachment_nobody"}, "/tasks/0/attachments/0/upload"),
        ({"content": "QQ==", "path": "/etc"}, "/tasks/0/attachments/0"),
    ],
)
def test_a_file_that_is_not_one_is_refused_and_nothing_is_kept(
    world, client, dataset, file, pointer
):
    task = {"response": {}, "attachments": [file]}

    answer = deliver(client, dataset, tasks=[task])

    assert_is_error(400, answer.headers, answer.json())
    assert (answer.json().get("pointer") or "").startswith(pointer)
    assert not (world.settings.data / "attachments").exists()


def test_an_id_of_a_file_stands_once_in_a_task(client, dataset):
    files = [{"id": "f", "content": "QQ=="}, {"id": "f", "content": "Qg=="}]

    answer = deliver(client, dataset, tasks=[{"response": {}, "attachments": files}])

    assert_refused(answer, 400, "/tasks/0/attachments/1/id")


def test_a_name_or_an_id_that_is_taken_stops_the_whole_delivery(client, world, dataset):
    deliver(client, dataset, "January", 1)
    new = {"task_id": "new", "response": {}, "attachments": [{"content": "QQ=="}]}
    taken = {"task_id": "January/0", "response": {}}

    same_name = deliver(client, dataset, "January", [new])
    same_task = deliver(client, make_dataset(client, "Rivers"), "February", [new, taken])

    assert_refused(same_name, 409)
    assert_refused(same_task, 409)
    assert client.get("/v2/datasets/task?task_id=new").status_code == 404
    assert not (world.settings.data / "attachments").exists()


def test_a_delivery_into_an_unknown_dataset_keeps_nothing(client, world):
    task = {"response": {}, "attachments": [{"content": "QQ=="}]}

    answer = deliver(client, "nobody", tasks=[task])

    assert_refused(answer, 404)
    assert not (world.settings.data / "attachments").exists()


def test_more_tasks_than_one_request_may_bring_are_refused(client, dataset):
    task: dict[str, Any] = {"response": {}}

    answer = deliver(client, dataset, tasks=[task] * (datasets.TASKS_MAX + 1))

    assert_refused(answer, 400, "/tasks")


def test_a_repeated_request_under_its_idempotency_key_delivers_once(client, world, dataset):
    task = {"task_id": "t", "response": {}, "attachments": [{"content": "QQ=="}]}
    key = {"Idempotency-Key": "once"}

    first = deliver(client, dataset, tasks=[task], headers=key)
    again = deliver(client, dataset, tasks=[task], headers=key)
    other = deliver(client, dataset, "other", tasks=[task], headers=key)

    assert first.status_code == 200
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert other.json()["code"] == "idempotency_mismatch"
    kept = [one for one in (world.settings.data / "attachments").rglob("*") if one.is_file()]
    assert len(kept) == 1


def test_twenty_deliveries_of_one_task_at_once_give_one(world):
    """In twenty datasets, so that no row of theirs makes them wait for each other."""
    environment_id = world.org()

    async def race() -> list[Any]:
        made = [
            await world.db.write(
                lambda tx, n=number: datasets.create_dataset(tx, environment_id, name=f"d{n}")
            )
            for number in range(20)
        ]

        def one(dataset: Any) -> Any:
            task = NewTask("same", {})
            return world.db.write(lambda tx: datasets.deliver(tx, dataset, name="x", tasks=[task]))

        return await asyncio.gather(*map(one, made), return_exceptions=True)

    results = world.run(race())

    assert [type(one) for one in results].count(tuple) == 1
    assert {type(one) for one in results} == {tuple, Conflict}
    with world.client() as client:
        listed = client.get("/v2/datasets/deliveries").json()["deliveries"]
    assert [one["metadata"]["task_count"] for one in listed] == [1]


def test_deliveries_of_one_dataset_at_once_all_go_in_each_at_its_own_time(world):
    environment_id = world.org()

    async def race() -> Any:
        dataset = await world.db.write(
            lambda tx: datasets.create_dataset(tx, environment_id, name="Oceans")
        )
        tasks = [NewTask(None, {}), NewTask(None, {})]
        return await asyncio.gather(
            *(
                world.db.write(
                    lambda tx, n=number: datasets.deliver(tx, dataset, name=f"d{n}", tasks=tasks)
                )
                for number in range(20)
            )
        )

    results = world.run(race())

    assert len({delivery.delivered_ms for delivery, _ in results}) == 20
    assert len({row.seq for _, rows in results for row in rows}) == 40
