"""The hot route on a socket: what a peer sees is what it sees of the ordinary way."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator

import pytest

from plaudit.settings import Settings
from tests.support.builders import make_tasks
from tests.support.harness import Server, World
from tests.support.network.wire import Wire

PAGE = b"/v2/tasks?project_id=project_123"
ORDINARY = b"Idempotency-Key: any\r\n"
"""A header with which a request goes the ordinary way."""


@pytest.fixture(scope="module")
def wire(template, tmp_path_factory) -> Iterator[Wire]:
    settings = Settings(data=tmp_path_factory.mktemp("hot") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.org()
    key = world.key()
    world.load(make_tasks(30))
    world.close()
    server = Server(settings, PLAUDIT_WORKER="0")
    yield Wire(server, key)
    server.stop(9)


def get(wire: Wire, path: bytes = PAGE, more: bytes = b"", *, line: bytes = b"GET %b HTTP/1.1"):
    return b"%b\r\nHost: x\r\nAuthorization: Bearer %b\r\n%b\r\n" % (
        line % path,
        wire.key.encode(),
        more,
    )


def shown(answer):
    """An answer but for its time."""
    headers = [pair for pair in answer.headers.items() if pair[0] != "date"]
    return answer.status, headers, answer.body


REQUESTS = {
    "a page": (PAGE, b"", b"GET %b HTTP/1.1"),
    "a task": (b"/v2/task?task_id=task_00003", b"", b"GET %b HTTP/1.1"),
    "an error": (PAGE + b"&limit=0", b"", b"GET %b HTTP/1.1"),
    "closed": (PAGE, b"Connection: close\r\n", b"GET %b HTTP/1.1"),
    "HTTP/1.0": (PAGE, b"", b"GET %b HTTP/1.0"),
    "compressed": (PAGE, b"Accept-Encoding: gzip\r\n", b"GET %b HTTP/1.1"),
    "conditional": (PAGE, b'If-None-Match: "x"\r\n', b"GET %b HTTP/1.1"),
    "absolute": (b"http://x" + PAGE, b"", b"GET %b HTTP/1.1"),
    "a fragment": (PAGE + b"#part", b"", b"GET %b HTTP/1.1"),
}


def test_a_peer_that_does_not_read_is_not_sent_more(wire):
    """Its answers wait in the ordinary way, and other peers are served meanwhile."""
    wire.say(get(wire))
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", wire.server.port))
        link.settimeout(10)
        asked = 30
        for _ in range(asked):
            link.sendall(get(wire))
        begun = time.monotonic()
        assert wire.say(get(wire)).statuses == [200]
        assert time.monotonic() - begun < 8
        size = len(wire.say(get(wire)).answers[0].body)
        received = bytearray()
        while received.count(b"HTTP/1.1 200 OK") < asked or len(received) < asked * size:
            piece = link.recv(1 << 16)
            assert piece, "the connection was closed"
            received += piece
        assert received.count(b"HTTP/1.1 200 OK") == asked


def test_both_ways_answer_alike_and_nothing_is_lost_at_the_end(wire):
    """The last test of the module, because the server ends: answers, pipelines, and its log."""
    wire.say(get(wire))  # a key is known once it was used
    for path, more, line in REQUESTS.values():
        named = more + b"X-Request-Id: one\r\n"
        hot = wire.say(get(wire, path, named, line=line))
        ordinary = wire.say(get(wire, path, named + ORDINARY, line=line))
        assert shown(hot.answers[0]) == shown(ordinary.answers[0]), path
        assert (hot.is_closed, hot.rest) == (ordinary.is_closed, ordinary.rest), path

    head = wire.say(get(wire, line=b"HEAD %b HTTP/1.1"), heads=1).answers[0]
    assert head.headers["content-length"] == str(len(wire.say(get(wire)).answers[0].body))

    mixed = [
        get(wire, PAGE + b"&limit=%d" % number, ORDINARY if number % 3 == 0 else b"")
        for number in range(1, 10)
    ]
    spoken = wire.say(b"".join(mixed), expect=len(mixed))
    assert [len(json.loads(one.body)["tasks"]) for one in spoken.answers] == list(range(1, 10))
    split = get(wire)
    assert wire.say(split[:40], split[40:90], split[90:]).statuses == [200]

    with socket.create_connection(("127.0.0.1", wire.server.port)) as link:
        for number in range(50):
            named = b"X-Request-Id: last-%d\r\n" % number
            link.sendall(get(wire, PAGE + b"&limit=1", named))
            assert link.recv(100_000)
        assert wire.server.stop() == 0
        while link.recv(100_000):
            pass  # until the connection ends
    lines = [json.loads(line) for line in wire.server.log_path.read_bytes().splitlines()]
    answered = [line for line in lines if line["event"] == "request"]
    last = [line for line in answered if line["request_id"].startswith("last-")]
    assert {line["request_id"] for line in last} == {f"last-{number}" for number in range(50)}
    assert all(line["bytes"] > 0 and line["ms"] > 0 and line["key_id"] for line in last)
