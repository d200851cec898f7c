"""Long answers: assembled and sent in pieces, at the client's pace, and their memory given back."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import os
import re
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from scaleapi import ScaleClient

from plaudit.api.http import middleware, operation, streams
from plaudit.api.http.file_sending import EXTENSION, FileBody
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.middleware import Edge
from plaudit.api.http.operation import Services
from plaudit.api.http.stall_meter import StallMeter
from plaudit.api.http.streams import PIECE_BYTES, WHOLE_BYTES_MAX
from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.page_files.file_runs import FileRun, OpenFile
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import Server, World, above_the_store

TASK_BYTES = 9_500_000
COUNT = 4


# Pieces


def sent(body: Any, **options: Any) -> list[Any]:
    """The messages of a response."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(operation.respond(send, 200, body, "text/plain", **options))
    return messages


PARTS = {
    "one long part": [b"x" * (9 * PIECE_BYTES + 1)],
    "many short parts": [bytes([65 + n % 26]) * 20_000 for n in range(300)],
    "both": [b"a", b"b" * (3 * PIECE_BYTES), b"c" * 10, b"d" * (PIECE_BYTES - 5), b"e" * 3_000_000],
}


@pytest.mark.parametrize("name", PARTS)
def test_a_long_answer_goes_out_in_pieces_with_its_length_said_before(name):
    whole = b"".join(PARTS[name])

    start, *bodies = sent(list(PARTS[name]))

    assert dict(start["headers"])[b"content-length"] == b"%d" % len(whole)
    assert all(0 < len(one["body"]) <= PIECE_BYTES and one["more_body"] for one in bodies[:-1])
    assert len(bodies) <= 2 * len(whole) / PIECE_BYTES + 2
    assert bodies[-1] == {"type": "http.response.body", "body": b""}
    assert b"".join(one["body"] for one in bodies) == whole


@pytest.mark.parametrize("kind", ["parts", "stream"])
def test_others_are_answered_between_the_pieces_for_a_client_that_keeps_up(kind):
    """To write 50 MB for it takes 90 ms, in which nothing has to wait for its reading."""
    count, order = 8, []

    async def send(message: Any) -> None:
        order.append(message["type"])

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * PIECE_BYTES

    async def main() -> None:
        async def take_turns() -> None:
            while True:
                order.append("other")
                await asyncio.sleep(0)

        other = asyncio.create_task(take_turns())
        if kind == "parts":
            await operation.respond(send, 200, [b"x" * (count * PIECE_BYTES)], "text/plain")
        else:
            await streams.Stream(pieces(), None, "text/plain", []).respond(send)
        other.cancel()

    asyncio.run(main())

    bodies = [at for at, what in enumerate(order) if what == "http.response.body"]
    assert len(bodies) == count + 1
    assert all("other" in order[one:following] for one, following in itertools.pairwise(bodies))


def test_long_parts_are_not_copied_and_what_was_sent_is_no_longer_held():
    parts = [bytes(5 * PIECE_BYTES), bytes(5 * PIECE_BYTES)]
    first, left = parts[0], []

    for piece in streams.cut_pieces(parts):
        left.append(len(parts))
        assert isinstance(piece, memoryview)
        assert len(left) > 5 or piece.obj is first

    assert left == [1] * 5 + [0] * 5


@pytest.mark.parametrize("body", [b"x" * WHOLE_BYTES_MAX, [b"x" * 1000] * 2000, b""])
def test_any_other_answer_is_one_message(body):
    _, *bodies = sent(body)

    assert len(bodies) == 1
    assert not bodies[0].get("more_body")


def ask_slowly(settings: Settings, inner: Any, pace: Any) -> None:
    """Have the middleware send an answer of `inner` to a client that takes it at its own pace."""
    secret = server_secret.load(settings.secret_path)
    metrics = Metrics()
    any_path, no_path = re.compile(".*"), re.compile("(?!)")
    edge = Edge(
        inner, Services(settings, secret), metrics, StallMeter(metrics),
        open_paths=any_path, stream_paths=no_path, long_paths=no_path,
        show_problem=lambda scope, problem: None, is_astray=lambda scope: None,
        session_of=lambda scope: "",
    )  # fmt: skip
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b""}
    asyncio.run(edge(scope | {"extensions": {EXTENSION: {}}}, None, pace))


def test_a_slow_client_has_as_long_for_each_piece_as_for_a_request(sqlite_settings, monkeypatch):
    monkeypatch.setattr(middleware, "REQUEST_SECONDS_MAX", 0.3)
    taken: list[int] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await operation.respond(send, 200, bytes(8 * PIECE_BYTES), "text/plain")

    async def slow(message: Any) -> None:
        if message.get("more_body"):
            await asyncio.sleep(0.06)
            taken.append(len(message["body"]))

    ask_slowly(sqlite_settings, inner, slow)  # 0.48 s

    assert sum(taken) == 8 * PIECE_BYTES


def test_a_slow_client_has_longer_for_a_body_that_is_sent_from_page_files(
    sqlite_settings, monkeypatch, tmp_path
):
    """It is one piece, and may be as long as a page."""
    monkeypatch.setattr(middleware, "REQUEST_SECONDS_MAX", 0.1)
    path = tmp_path / "1.dat"
    path.write_bytes(bytes(PIECE_BYTES))
    run = FileRun(OpenFile(1, os.open(path, os.O_RDONLY)), 0, PIECE_BYTES)
    ended: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await operation.respond_with_runs(scope, send, FileBody([b"[", run, b"]"]))
        ended.append("sent")

    async def slow(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await asyncio.sleep(0.4)  # until the peer has taken the page

    ask_slowly(sqlite_settings, inner, slow)

    assert ended == ["sent"]


# A running server


@pytest.fixture(scope="module")
def served(shared_world: World, shared_server: Server) -> tuple[Server, str]:
    """A server with tasks of 9.5 MB, of which three fit into a page, and a key."""
    turn = make_turn(messages=[make_message("user", "x" * TASK_BYTES), make_message("base_model")])
    tasks = [make_task(f"task_{n}", threads=[make_thread(turns=[turn])]) for n in range(COUNT)]
    assert shared_world.load(tasks)[1] == []
    return shared_server, shared_world.key()


@above_the_store
def test_the_official_client_reads_long_tasks_to_the_end(served):
    server, key = served
    client = ScaleClient(key)
    client.v2.api_client.configuration.host = server.url

    found = [task.task_id for task in client.v2_get_tasks(project_id="project_123")]

    assert found == [f"task_{n}" for n in range(COUNT)]


@above_the_store
def test_one_long_task_arrives_whole(served):
    server, key = served
    answer = httpx2.get(
        f"{server.url}/v2/task?task_id=task_1", headers={"Authorization": f"Bearer {key}"}
    )

    assert int(answer.headers["content-length"]) == len(answer.content) > TASK_BYTES
    assert answer.json()["task_id"] == "task_1"


@above_the_store
def test_memory_comes_back_after_16_of_the_longest_pages_at_once(served):
    server, key = served

    def read_page(_: int) -> int:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        link.request(
            "GET", "/v2/tasks?project_id=project_123", headers={"Authorization": f"Bearer {key}"}
        )
        answer, size = link.getresponse(), 0
        while piece := answer.read(1024 * 1024):
            size += len(piece)
        link.close()
        return size

    def resident_mb() -> int:
        with open(f"/proc/{server.process.pid}/status") as file:
            kilobytes = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return kilobytes // 1024

    read_page(0)
    before = resident_mb()
    with ThreadPoolExecutor(16) as pool:
        sizes = list(pool.map(read_page, range(16)))
    until = time.monotonic() + 10
    while resident_mb() > before + 50 and time.monotonic() < until:
        time.sleep(0.1)

    assert min(sizes) > 3 * TASK_BYTES
    assert resident_mb() <= before + 50
