"""Walks over tasks: each once, as the official client reads them, and an end whatever comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from plaudit.client import AsyncClient, Client, ClientError
from plaudit.clock import parse_moment
from tests.support.builders import make_tasks
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.sample_tasks import archive_rows, mixed_tasks

PROJECT = {"project_id": "project_123"}
SHOWN = ["annotation_details", "model_parameters", "submissions"]
"""All details but attachments, which the official client cannot read."""


@pytest.fixture(scope="module")
def served(shared_world: World, shared_server: Server) -> Iterator[Client]:
    """A client of a running server with tasks of every status and shape."""
    fillers = make_tasks(225, prefix="filler")
    _, rejects = shared_world.load(archive_rows(mixed_tasks() + fillers), "archive")
    assert rejects == []
    with Client(url=shared_server.url, key=shared_world.key()) as client:
        yield client


pytestmark = on_shared_sqlite


def test_both_clients_read_what_the_official_one_reads(served):
    official = served.as_scaleapi()

    theirs = [task.to_dict() for task in official.v2_get_tasks(**PROJECT, opts=SHOWN)]
    ours = list(served.tasks(**PROJECT, opts=SHOWN))

    assert [task.task_id for task in ours] == [task["task_id"] for task in theirs]
    assert len(ours) > 225
    for mine, their in zip(ours, theirs, strict=True):
        assert_equal(msgspec.to_builtins(mine), their)


def assert_equal(mine: Any, their: Any) -> None:
    """Assert that the official client says the same; it reads times, adds and drops members."""
    if isinstance(their, dict):
        for name, value in their.items():
            if value is None or name == "additional_properties":
                assert name not in mine or mine[name] is None
            else:
                assert_equal(mine[name], value)
    elif isinstance(their, list):
        assert len(mine) == len(their)
        for one, other in zip(mine, their, strict=True):
            assert_equal(one, other)
    elif hasattr(their, "timestamp"):
        assert parse_moment(mine) == round(their.timestamp() * 1000)
    elif hasattr(their, "actual_instance"):
        assert_equal(mine, their.actual_instance)
    elif hasattr(their, "to_dict"):
        assert_equal(mine, their.to_dict())
    else:
        assert mine == getattr(their, "value", their)


def test_raw_tasks_are_the_bytes_of_the_pages(served):
    pages = list(served.pages(params=PROJECT))

    raw = list(served.tasks(raw=True, **PROJECT))

    assert [json.loads(task) for task in raw] == [
        task for page in pages for task in page.value["tasks"]
    ]
    assert all(any(task in page.content for page in pages) for task in raw)


@pytest.mark.parametrize("limit", [1, 7, None])
def test_a_walk_gives_each_task_once_whatever_the_size_of_its_pages(served, limit):
    whole = list(served.tasks(raw=True, batch_id="batch_123"))

    assert list(served.tasks(raw=True, batch_id="batch_123", limit=limit)) == whole


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"status": "completed"},
        {"status": "pending"},
        {"completed_after": "2025-01-02T00:00:10.000Z"},
        {"completed_after": "2025-01-02T00:00:10Z", "completed_before": "2025-01-02T00:05:00.001Z"},
        {"completed_before": "2025-01-02T00:05:00.000Z", "opts": ["submissions"]},
    ],
)
@pytest.mark.parametrize("parallel", [2, 5])
def test_parallel_walks_give_what_one_walk_gives(served, where, parallel):
    alone = sorted(served.tasks(raw=True, limit=20, **PROJECT, **where))

    together = sorted(served.tasks(raw=True, limit=20, parallel=parallel, **PROJECT, **where))

    assert together == alone
    assert len(alone) > 0


def test_the_asynchronous_client_gives_the_same(served, shared_server, shared_world):
    alone, key = list(served.tasks(raw=True, **PROJECT)), shared_world.key()

    async def walk(parallel: int) -> list[bytes]:
        async with AsyncClient(url=shared_server.url, key=key) as client:
            listing = client.tasks(raw=True, parallel=parallel, limit=30, **PROJECT)
            return [task async for task in listing]

    assert asyncio.run(walk(1)) == alone
    assert sorted(asyncio.run(walk(3))) == sorted(alone)


def test_a_walk_that_is_left_early_leaves_nothing_behind(served):
    for _ in served.tasks(**PROJECT, limit=1):
        break

    assert len(list(served.tasks(**PROJECT))) > 225


def test_a_refused_filter_is_the_servers_error(served):
    with pytest.raises(ClientError) as raised:
        list(served.tasks(**PROJECT, status="done"))

    assert (raised.value.status, raised.value.param) == (400, "status")
