"""Pages of servers that are wrong, endless, or v2 in ways of their own."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plaudit.client import Client, ClientError
from plaudit.clock import parse_moment
from tests.support.builders import make_task, make_tasks
from tests.support.network.odd_server import OddServer, answered

KEY = "live_key"
PROJECT = {"project_id": "project_123"}


def asked(head: bytes) -> dict[str, str]:
    """Query of a request."""
    target = head.split(b" ")[1].decode()
    return {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}


def test_the_next_page_is_asked_for_while_one_is_used():
    is_asked = threading.Event()

    def page(number: int, head: bytes) -> bytes:
        if b"next_token=t0" in head:
            is_asked.set()
        return answered({"tasks": [], **({"next_token": f"t{number}"} if number < 3 else {})})

    with OddServer(page) as server, Client(url=server.url, key=KEY) as client:
        walk = client.pages()
        next(walk)

        assert is_asked.wait(60)
        assert len(list(walk)) == 3


def test_a_walk_that_ends_in_an_error_leaves_a_client_that_goes_on():
    def page(number: int, head: bytes) -> bytes:
        if b"next_token=gone" in head:
            return answered({"code": "invalid_page_token"}, status=400)
        return answered({"tasks": [], **({"next_token": "gone"} if b"more" in head else {})})

    with OddServer(page) as server, Client(url=server.url, key=KEY) as client:
        with pytest.raises(ClientError):
            list(client.tasks(project_name="more"))

        assert list(client.tasks(**PROJECT)) == []


def test_a_token_inside_a_task_is_not_the_pages():
    """Nor is one that ends a page in an object of its own, or in a text."""
    ends = [
        b'{"tasks":[],"more":{"a":1,"next_token":"x"}}',
        b'{"tasks":[],"a":",\\"next_token\\":\\"x\\"}"}',
        b'{"tasks":[],"a,\\"next_token":"x"}',
        b'{"next_token":"x","tasks":[],"next_token":null}',
    ]
    for content in ends:
        with (
            OddServer(lambda number, head, content=content: answered(content)) as server,
            Client(url=server.url, key=KEY) as client,
        ):
            assert list(client.tasks(**PROJECT)) == []
            assert len(list(client.pages())) == 1


@pytest.mark.parametrize("tokens", [["a"], ["a", "b", "c"]], ids=["one", "three"])
def test_pages_that_lead_in_a_circle_end_with_an_error(tokens):
    def page(number: int, head: bytes) -> bytes:
        return answered({"tasks": [], "next_token": tokens[number % len(tokens)]})

    with OddServer(page) as server, Client(url=server.url, key=KEY) as client:
        with pytest.raises(ClientError, match="circle"):
            list(client.tasks(**PROJECT))

        assert len(server.heads) == len(tokens) + 1


@pytest.mark.parametrize(
    "content",
    [b"[]", b"null", b'{"tasks": [', b'{"tasks": 1}', b'{"tasks": [], "next_token": 5}', b"<html>"],
)
@pytest.mark.parametrize("raw", [True, False])
def test_what_is_no_page_is_an_error(content, raw):
    with (
        OddServer(lambda number, head: answered(content)) as server,
        Client(url=server.url, key=KEY) as client,
        pytest.raises(ClientError, match="no page"),
    ):
        list(client.tasks(raw=raw, **PROJECT))


def test_a_task_that_v2_does_not_describe_is_named_and_can_be_read_raw():
    good, odd = make_task("task_good"), make_task("task_odd") | {"status": "dreaming"}
    with (
        OddServer(lambda number, head: answered({"tasks": [good, odd]})) as server,
        Client(url=server.url, key=KEY) as client,
    ):
        with pytest.raises(ClientError, match="task_odd"):
            list(client.tasks(**PROJECT))

        assert [json.loads(task) for task in client.tasks(raw=True, **PROJECT)] == [good, odd]


class Foreign:
    """A v2 server that lists tasks in an order of its own, and compares times cut to a unit."""

    def __init__(self, tasks: list[dict[str, Any]], unit_ms: int = 1) -> None:
        self.tasks = sorted(tasks, key=lambda task: task["task_id"][::-1])
        self.unit_ms = unit_ms
        self.page_size = 10

    def _cut(self, text: str) -> int:
        return parse_moment(text) // self.unit_ms

    def __call__(self, number: int, head: bytes) -> bytes:
        query = asked(head)
        after, before = (
            self._cut(query[name]) if name in query else None
            for name in ("completed_after", "completed_before")
        )
        found = [
            task
            for task in self.tasks
            if query.get("status") in (None, task["status"])
            and (after is None or self._cut(task["completed_at"]) > after)
            and (before is None or self._cut(task["completed_at"]) < before)
        ]
        start = int(query.get("next_token", 0))
        end = start + self.page_size
        more = {"next_token": str(end)} if end < len(found) else {"next_token": None}
        return answered({"tasks": found[start:end], **more})


@pytest.mark.parametrize("unit_ms", [1, 1000])
@pytest.mark.parametrize("parallel", [2, 8])
def test_a_server_with_another_order_and_coarser_times_is_read_whole(parallel, unit_ms):
    tasks = make_tasks(300)
    with OddServer(Foreign(tasks, unit_ms)) as server, Client(url=server.url, key=KEY) as client:
        found = list(client.tasks(parallel=parallel, status="completed", **PROJECT))

    assert sorted(task.task_id for task in found) == [task["task_id"] for task in tasks]
    starts = [asked(head).get("completed_after", "") for head in server.heads]
    assert len(set(starts)) > parallel
    assert {start[-4:] for start in starts if start} != {"000Z"}


def test_open_tasks_are_walked_before_the_completed_ones():
    """A task that is completed between the two walks is among one or the other."""
    with OddServer(Foreign(make_tasks(50))) as server, Client(url=server.url, key=KEY) as client:
        list(client.tasks(parallel=4, **PROJECT))

    statuses = [asked(head)["status"] for head in server.heads]
    first_completed = statuses.index("completed")
    assert set(statuses[:first_completed]) == {"pending", "canceled", "error", "deleted"}
    assert set(statuses[first_completed:]) == {"completed"}
