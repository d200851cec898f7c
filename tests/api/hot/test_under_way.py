"""Answers of the hot route that are under way from page files, and what comes behind them."""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Iterator

import pytest

from plaudit.settings import Settings
from tests.page_files.test_sent_files import connected, large_tasks, request, wait_for_places
from tests.support.harness import Server, World

WINDOW = 1 << 14
PAGE = "/v2/tasks?project_id=project_123"


@pytest.fixture(scope="module")
def served(template, tmp_path_factory) -> Iterator[tuple[Server, str]]:
    settings = Settings(data=tmp_path_factory.mktemp("under_way") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.load(large_tasks("task"))
    key = world.key()
    server = Server(settings, PLAUDIT_WORKER="0")
    wait_for_places(world)
    world.close()
    with connected(server) as link:  # a key is known once it was used
        link.sendall(request(key, f"{PAGE}&limit=1"))
        assert link.recv(15).endswith(b"200 OK")
    yield server, key
    assert server.stop() == 0


def closing(key: str, path: str) -> bytes:
    return request(key, path).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def heard(link: socket.socket, *, pause_s: float = 0.0) -> list[tuple[int, bytes]]:
    """Status and body of each answer until the connection ends; bodies are whole."""
    time.sleep(pause_s)  # the socket takes no more meanwhile
    data = bytearray()
    while piece := link.recv(1 << 20):
        data += piece
    answers = []
    rest = bytes(data)
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        found = re.search(rb"(?m)^content-length: (\d+)", head)
        assert found is not None
        size = int(found[1])
        assert len(rest) >= size, "an answer is cut short"
        answers.append((int(head[9:12]), rest[:size]))
        rest = rest[size:]
    return answers


def test_requests_wait_behind_an_answer_that_is_under_way(served):
    server, key = served
    with connected(server, window=WINDOW) as link:
        link.sendall(request(key, PAGE) + request(key, f"{PAGE}&limit=2"))
        link.sendall(request(key, "/v2/nothing") + closing(key, PAGE))
        whole, two, nothing, last = heard(link, pause_s=0.2)

    assert (whole[0], two[0], nothing[0], last[0]) == (200, 200, 404, 200)
    assert whole == last
    assert whole[1].count(b'{"task_id":') == 100
    assert two[1].count(b'{"task_id":') == 2


def test_an_interim_answer_and_a_refusal_come_behind_it_too(served):
    server, key = served
    expecting = (
        b"POST /v2/nothing HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    with connected(server, window=WINDOW) as link:
        link.sendall(request(key, PAGE) + expecting)
        time.sleep(0.1)
        link.sendall(b"{}" + closing(key, f"{PAGE}&limit=1"))
        answers = heard(link, pause_s=0.1)
    assert [status for status, _ in answers] == [200, 401, 200]

    with connected(server, window=WINDOW) as link:
        link.sendall(request(key, PAGE))
        time.sleep(0.1)
        link.sendall(b"what is this\r\n\r\n")
        page, refused = heard(link, pause_s=0.1)
    assert (page[0], refused[0]) == (200, 400)
    assert page[1].count(b'{"task_id":') == 100
    assert page[1].endswith(b"}")


def test_a_peer_that_leaves_meanwhile_leaves_nothing_behind(served):
    server, key = served
    for _ in range(5):
        with connected(server, window=WINDOW) as link:
            link.sendall(request(key, PAGE) * 2)
            link.recv(1000)
    with connected(server) as link:
        link.sendall(closing(key, f"{PAGE}&limit=1"))
        assert [status for status, _ in heard(link)] == [200]


def test_a_shutdown_lets_an_answer_that_is_under_way_end(served):
    """The last test of the module: the server ends."""
    server, key = served
    with connected(server, window=WINDOW) as link:
        link.sendall(request(key, PAGE))
        assert link.recv(15).endswith(b"200 OK")
        server.process.terminate()
        time.sleep(0.2)
        data = bytearray(b"HTTP/1.1 200 OK")
        while piece := link.recv(1 << 20):
            data += piece
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert server.stop() == 0
