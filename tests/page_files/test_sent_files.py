"""A running server sends page files into the socket: whole, at the client's pace, or not at all."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
from backports import zstd

from plaudit.client import Client
from plaudit.model.codings import Coding
from plaudit.settings import Settings
from tests.support.builders import make_message as message
from tests.support.builders import make_task, make_thread, make_turn
from tests.support.harness import Server, World

COUNT, TEXT = 100, "é" * 30_000
SECONDS_MAX = 30


def large_tasks(prefix: str, count: int = COUNT) -> Iterator[Any]:
    for number in range(count):
        turn = make_turn(messages=[message("user", f"{number} {TEXT}")])
        yield make_task(f"{prefix}_{number:03d}", threads=[make_thread(turns=[turn])])
        yield make_task(f"{prefix}_{number:03d}_canceled", "canceled")


@pytest.fixture(scope="module")
def served(template, tmp_path_factory) -> Iterator[tuple[World, Server, str]]:
    """A server whose page files are built, and a key."""
    settings = Settings(data=tmp_path_factory.mktemp("files") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.load(large_tasks("task"))
    key = world.key()
    server = Server(settings)
    wait_for_places(world)
    yield world, server, key
    server.stop()
    world.close()


def wait_for_places(world: World) -> None:
    async def missing() -> int:
        async with world.db.read() as tx:
            row = await tx.one(
                "SELECT (SELECT COUNT(*) FROM task) - (SELECT COUNT(*) FROM task_place AS p"
                " JOIN page_file AS f ON f.number = p.file AND f.epoch >= 0)",
                {},
            )
            assert row is not None
            return int(row[0])

    until = time.monotonic() + SECONDS_MAX
    while world.run(missing()):
        assert time.monotonic() < until, "the files are not built"
        time.sleep(0.05)


def page(server: Server, key: str, coding: str = "identity", **params: Any) -> httpx2.Response:
    found = httpx2.get(
        f"{server.url}/v2/tasks",
        params={"project_id": "project_123"} | params,
        headers={"Authorization": f"Bearer {key}", "Accept-Encoding": coding},
        timeout=SECONDS_MAX,
    )
    return found.raise_for_status()


def request(key: str, path: str = "/v2/tasks?project_id=project_123", *more: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", *more)
    return "\r\n".join((*lines, "", "")).encode()


def connected(server: Server, *, window: int = 1 << 20) -> socket.socket:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    link.settimeout(SECONDS_MAX)
    link.connect(("127.0.0.1", server.port))
    return link


def read_answer(link: socket.socket) -> bytes:
    """The body of one answer, by its length; short if the connection ended before."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += link.recv(1)
    size = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = bytearray()
    while len(body) < size:
        try:
            piece = link.recv(min(1 << 16, size - len(body)))
        except ConnectionResetError:
            break
        if not piece:
            break
        body += piece
    return bytes(body)


def test_a_page_of_megabytes_has_the_bytes_of_the_tables(served):
    world, server, key = served

    asked: list[dict[str, Any]] = [{}, {"status": "completed"}, {"status": "canceled"}]
    with world.client(key) as client:  # an application that reads the tables
        for params in asked:  # one run, a hundred long ones, a hundred short ones
            told = client.get("/v2/tasks", params={"project_id": "project_123"} | params)
            sent = page(server, key, **params)
            assert sent.content == told.content
        told = client.get("/v2/tasks", params={"project_id": "project_123"})
    sent = page(server, key)
    woven = page(server, key, expand="project")

    assert len(sent.content) > 3_000_000
    assert sent.content == told.content
    assert len(woven.content) > len(sent.content)
    assert {name for name, _ in told.headers.items()} <= {*sent.headers, "date"}
    assert {"content-type", "x-request-id", "vary", "cache-control"} <= set(sent.headers)


def test_answers_that_are_asked_for_together_come_in_order(served):
    _, server, key = served
    with closing(connected(server)) as link:
        link.sendall(request(key) * 3 + request(key, "/v2/projects") + request(key))

        bodies = [read_answer(link) for _ in range(5)]

    assert bodies[0] == bodies[1] == bodies[2] == bodies[4] == page(server, key).content
    assert bodies[3].startswith(b'{"projects":')


def test_a_slow_reader_gets_all_of_it_and_others_are_answered_meanwhile(served):
    _, server, key = served
    expected = page(server, key).content
    with closing(connected(server, window=4096)) as link:
        link.sendall(request(key))
        for _ in range(20):
            assert page(server, key, limit=1).status_code == 200

        assert read_answer(link) == expected


def test_one_who_goes_away_leaves_nothing_behind(served):
    _, server, key = served
    descriptors = f"/proc/{server.process.pid}/fd"
    page(server, key)
    before = len(os.listdir(descriptors))
    for _ in range(10):
        with closing(connected(server, window=4096)) as link:
            link.sendall(request(key))
            link.recv(1000)

    until = time.monotonic() + SECONDS_MAX
    while len(os.listdir(descriptors)) > before and time.monotonic() < until:
        time.sleep(0.02)
    assert len(os.listdir(descriptors)) <= before


@pytest.mark.parametrize("coding", ["identity", *Coding])
def test_a_head_has_no_body_and_the_length_of_the_page(served, coding):
    _, server, key = served
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": coding}
    answer = httpx2.head(f"{server.url}/v2/tasks?project_id=project_123", headers=headers)
    sent = page(server, key, coding)

    assert answer.headers["content-length"] == sent.headers["content-length"]
    assert answer.headers["vary"] == sent.headers["vary"] == "Authorization, Accept-Encoding"
    assert answer.headers.get("content-encoding", "identity") == coding
    assert answer.content == b""


def test_a_head_reads_nothing_of_the_page(served):
    _, server, key = served
    size = len(page(server, key).content)

    def read_bytes() -> int:
        return int(Path(f"/proc/{server.process.pid}/io").read_text().split()[1])

    before = read_bytes()
    for _ in range(3):
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        answer = httpx2.head(f"{server.url}/v2/tasks?project_id=project_123", headers=headers)
        assert answer.headers["vary"] == "Authorization, Accept-Encoding"

    assert read_bytes() - before < size


@pytest.mark.parametrize("coding", list(Coding))
def test_a_compressed_page_is_the_page_for_each_client(served, coding):
    _, server, key = served
    asked: list[dict[str, Any]] = [
        {},
        {"status": "completed"},
        {"status": "canceled"},
        {"limit": 1},
    ]
    for params in asked:  # one run, a hundred long ones, a hundred short ones, one
        plain, packed = page(server, key, **params), page(server, key, coding, **params)
        assert packed.content == plain.content
        assert packed.headers["content-encoding"] == coding
        size = int(packed.headers["content-length"])
        assert size < len(plain.content)
        with closing(connected(server)) as link:
            path = "/v2/tasks?project_id=project_123&" + "&".join(
                f"{name}={value}" for name, value in params.items()
            )
            link.sendall(request(key, path, f"Accept-Encoding: {coding}"))
            body = read_answer(link)
        assert len(body) == size
        reader: Any = gzip if coding is Coding.gzip else zstd
        assert reader.decompress(body) == plain.content


def test_other_clients_read_compressed_pages_too(served, tmp_path):
    _, server, key = served
    url, headers = (
        f"{server.url}/v2/tasks?project_id=project_123",
        {"Authorization": f"Bearer {key}"},
    )
    expected = page(server, key).content

    assert requests.get(url, headers=headers, timeout=SECONDS_MAX).content == expected
    with Client(url=server.url, key=key) as client:
        found = client.tasks(project_id="project_123", raw=True)
        assert sum(1 for _ in found) == 2 * COUNT
    if curl := shutil.which("curl"):
        command = (curl, "-s", "--compressed", "-H", f"Authorization: Bearer {key}", url)
        assert subprocess.run(command, capture_output=True, check=True).stdout == expected


def test_a_client_that_wants_all_codings_equally_needs_to_read_one_member_alone(served):
    """Several readers take the first frame of zstd for all of it, or fail at the second one."""
    _, server, key = served
    with closing(connected(server)) as link:
        asked = "/v2/tasks?project_id=project_123"
        link.sendall(request(key, asked, "Accept-Encoding: gzip, deflate, br, zstd"))
        body = read_answer(link)
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)

    assert reader.decompress(body) == page(server, key).content
    assert (reader.eof, reader.unused_data) == (True, b"")


def test_lines_of_accept_encoding_are_one_list_on_both_ways(served):
    world, server, _ = served
    unused = world.key()  # so that the first request takes the ordinary way
    lines = ("Accept-Encoding: gzip;q=0", "Accept-Encoding: *")
    heads = []
    with closing(connected(server)) as link:
        for _ in range(2):
            link.sendall(request(unused, "/v2/tasks?project_id=project_123", *lines))
            head = b""
            while b"\r\n\r\n" not in head:
                head += link.recv(1)
            link.recv(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]), socket.MSG_WAITALL)
            heads.append(head)

    assert [head.count(b"content-encoding: zstd") for head in heads] == [1, 1]


def test_pages_that_are_compressed_otherwise_or_not_at_all_come_as_they_are(served):
    _, server, key = served
    asked = ["br", "gzip;q=0", "gzip;q=0.5, identity", "zstd;q=x", ""]
    pages = [page(server, key, coding) for coding in asked]
    woven = page(server, key, "gzip", expand="project")

    assert all("content-encoding" not in one.headers for one in (*pages, woven))
    assert len({one.content for one in pages}) == 1
    assert page(server, key, "gzip, *;q=0.1").headers["content-encoding"] == "gzip"
    assert page(server, key, "gzip;q=0.9, *").headers["content-encoding"] == "zstd"


def test_a_file_that_is_cut_short_ends_one_connection_and_is_built_anew(served):
    """The last of this module: it waits until the files are there again."""
    world, server, key = served
    expected = page(server, key).content
    [path] = world.settings.pages_folder.glob("*.dat")
    with closing(connected(server, window=4096)) as link:
        link.sendall(request(key))
        link.recv(1000)
        os.truncate(path, 100_000)
        body = read_rest(link)

    assert len(body) < len(expected)
    assert page(server, key).content == expected
    wait_for_places(world)
    assert page(server, key).content == expected
    assert server.process.poll() is None


def read_rest(link: socket.socket) -> bytes:
    body = bytearray()
    try:
        while piece := link.recv(1 << 16):
            body += piece
    except ConnectionResetError:
        pass
    return bytes(body)
