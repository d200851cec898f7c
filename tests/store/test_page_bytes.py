"""Listings in bytes: a page ends before it has 32 MiB, and the next one goes on behind it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from plaudit.core.common import audit
from plaudit.model.core import Actor
from plaudit.store.common import pages
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.databases.read_bytes import ReadBytes
from tests.support.dataset_requests import deliver as deliver_into
from tests.support.dataset_requests import make_dataset
from tests.support.deliveries import deliver
from tests.support.harness import World

COUNT = 12
TASK_BYTES = 20_000
PAGE_BYTES = 70_000
SHOWN = (
    {"limit": 100}, {"limit": 5}, {"limit": 1},
    {"opts": "annotation_details,model_parameters,attachment_details,submissions"},
    {"opts": "", "expand": "project"}, {"status": "completed"},
    {"completed_after": "2025-01-01"}, {"batch_id": "batch_1"},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    """Pages of 70 kB instead of 32 MiB, so that the tests need not hold so much."""
    monkeypatch.setattr(pages, "PAGE_BYTES_MAX", PAGE_BYTES)


def long_task(number: int, characters: int = TASK_BYTES, **fields: Any) -> Any:
    text = f"{number} ".ljust(characters, "x")
    turn = make_turn(messages=[make_message("user", text), make_message("base_model")])
    return make_task(
        f"task_{number:02d}",
        completed_at=f"2025-01-02T00:00:{number:02d}.000Z",
        batch="batch_1",
        threads=[make_thread(turns=[turn])],
        **fields,
    )


@pytest.fixture(scope="module")
def shelf(open_shared) -> World:
    """Tasks of 20 kB, one of 100 kB, small ones between them, and a delivery of them all."""
    world = open_shared()
    lengths = itertools.cycle((TASK_BYTES, 10, TASK_BYTES, TASK_BYTES))
    rows = [long_task(n, next(lengths)) for n in range(COUNT)]
    rows[7] = long_task(7, 100_000)
    declared = [
        {"kind": "project", "value": {"id": "project_123", "name": "p"}},
        {"kind": "batch", "value": long_batch(1, project="project_123")},
    ]
    archive = declared + [{"kind": "task", "value": row} for row in rows]
    assert world.load(archive, "archive")[1] == []
    with world.client() as client:
        deliver(client, "first")
    return world


def long_batch(number: int, **fields: Any) -> Any:
    metadata = {"x": "y" * 30_000}
    return {"id": f"batch_{number}", "name": f"b{number}", "metadata": metadata} | fields


def get_pages(client: Any, path: str, items: str, params: dict[str, Any]) -> list[list[Any]]:
    """The pages of a walk; every answer but one of a single object is within the bound."""
    found, token = [], {}
    while True:
        answer = client.get(path, params=params | token)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page[items]
        assert len(answer.content) < PAGE_BYTES * 1.1 or len(page[items]) == 1
        found.append(page[items])
        if "next_token" not in page:
            return found
        token = {"next_token": page["next_token"]}


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: "-".join(map(str, shown)))
def test_a_page_of_tasks_ends_where_it_would_be_too_long(shelf, shown):
    with shelf.client() as client:
        found = get_pages(client, "/v2/tasks", "tasks", {"project_id": "project_123"} | shown)

    assert [task["task_id"] for page in found for task in page] == [
        f"task_{number:02d}" for number in range(COUNT)
    ]
    limit = shown.get("limit", 100)
    assert all(len(page) <= limit for page in found)
    if limit > 1:
        assert len(found) < COUNT  # what is small is listed together


def test_what_is_expanded_counts(shelf):
    with shelf.client() as client:
        found = get_pages(
            client, "/v2/tasks", "tasks", {"project_id": "project_123", "expand": "batch"}
        )

    assert sum(map(len, found)) == COUNT


@pytest.mark.parametrize(
    ("path", "items", "params"),
    [
        ("/v2/delivery", "tasks", {"delivery_name": "first"}),
        ("/v2/delivery", "tasks", {"delivery_name": "first", "opts": "annotation_details"}),
        ("/v2/delivery", "tasks", {"delivery_name": "first", "expand": "batch,delivery"}),
        ("/v2/delivery/tasks", "docs", {}),
        ("/v2/delivery/tasks", "docs", {"status": "completed"}),
    ],
)
def test_a_page_of_a_delivery_ends_where_it_would_be_too_long(shelf, path, items, params):
    with shelf.client() as client:
        found = get_pages(client, path, items, {"project_id": "project_123"} | params)

    assert [task["task_id"] for page in found for task in page] == [
        f"task_{number:02d}" for number in range(COUNT)
    ]
    assert 3 < len(found) <= COUNT


def test_the_tasks_of_one_delivery_are_listed_in_pages_of_few_bytes(shelf):
    with shelf.client() as client:
        listed = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
        found = get_pages(
            client, "/v2/delivery/tasks", "docs", {"delivery_id": listed[0]["id"], "limit": 100}
        )

    assert sum(map(len, found)) == COUNT
    assert 3 < len(found) < COUNT


def test_batches_with_long_metadata_are_listed_in_pages_of_few_bytes(kept_world):
    project = {"kind": "project", "value": {"id": "p", "name": "p"}}
    batches = [{"kind": "batch", "value": long_batch(n, project="p")} for n in range(7)]
    assert kept_world.load([project, *batches], "archive")[1] == []

    with kept_world.client() as client:
        found = get_pages(client, "/v2/batches", "batches", {"project_id": "p"})

    assert sorted(one["name"] for page in found for one in page) == [f"b{n}" for n in range(7)]
    assert [len(page) for page in found] == [2, 2, 2, 1]


def test_the_audit_log_is_listed_in_pages_of_few_bytes(kept_world):
    environment_id = kept_world.org()

    async def record(tx: Any) -> None:
        for number in range(7):
            detail = {"number": number, "long": "x" * 30_000}
            await audit.record(
                tx, environment_id, Actor("key", "k"), "try", "thing", "one", detail=detail
            )

    kept_world.run(kept_world.db.write(record))
    with kept_world.client() as client:
        found = get_pages(client, "/manage/v1/audit", "entries", {"object_id": "one"})

    assert [one["detail"]["number"] for page in found for one in page] == [6, 5, 4, 3, 2, 1, 0]
    assert [len(page) for page in found] == [2, 2, 2, 1]


def test_tasks_of_a_dataset_are_listed_in_pages_of_few_bytes(kept_world):
    with kept_world.client() as client:
        dataset = make_dataset(client)
        tasks = [{"task_id": f"t{n}", "response": {"text": "x" * 30_000}} for n in range(7)]
        made = deliver_into(client, dataset, "v1", tasks).json()
        of_all = get_pages(client, "/v2/datasets/tasks", "tasks", {"dataset_id": dataset})
        of_one = get_pages(client, "/v2/datasets/delivery", "tasks", {"delivery_id": made["id"]})

    for found in (of_all, of_one):
        assert [one["task_id"] for page in found for one in page] == [f"t{n}" for n in range(7)]
        assert [len(page) for page in found] == [2, 2, 2, 1]


def test_what_does_not_fit_is_not_read(shelf, monkeypatch):
    """Of the bytes of a page, as many again may be read to find its end, and no more."""
    read = ReadBytes(shelf, monkeypatch)
    with shelf.client() as client:
        for limit in (100, 5, 2):
            read.count = 0
            page = client.get(f"/v2/tasks?project_id=project_123&limit={limit}").content
            assert 0 < read.count < 2 * PAGE_BYTES
            assert len(page) < PAGE_BYTES
