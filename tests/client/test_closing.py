"""The end of a client: closed, interrupted, forked, shared by threads, used in two event loops."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from plaudit.client import AsyncClient, Client, ClientError
from tests.client.test_transport import KEY, PROJECT, first
from tests.support.network.odd_server import OddServer, answered


def test_a_closed_client_says_so():
    client = Client(url="http://127.0.0.1:9", key=KEY)
    client.close()

    with pytest.raises(ClientError, match="closed"):
        client.get("/v2/projects")


def test_closing_a_client_ends_what_is_under_way():
    came = threading.Event()

    def hang(number: int, head: bytes) -> bytes:
        came.set()
        return b"HTTP/1.1 200 Said\r\ncontent-length: 10\r\n\r\n"

    with OddServer(hang) as server, ThreadPoolExecutor(2) as threads:
        client = Client(url=server.url, key=KEY, timeout_s=120)
        asked = threads.submit(client.get, "/v2/projects")
        walked = threads.submit(list, client.tasks(project_id="p", parallel=2))
        assert came.wait(60)
        client.close()

        for future in (asked, walked):
            with pytest.raises(ClientError):
                future.result(timeout=60)


def test_a_program_that_is_interrupted_does_not_wait_for_its_last_page():
    """The threads of a pool would be waited for until the server is given up."""
    script = (
        "import sys\n"
        "from plaudit.client import Client\n"
        "walk = Client(url=sys.argv[1], key='k', timeout_s=120).pages()\n"
        "next(walk)\n"
        "print('one', flush=True)\n"
        "next(walk)\n"
    )
    second = b"HTTP/1.1 200 Said\r\ncontent-length: 10\r\n\r\n"
    pages = first(answered({"tasks": [], "next_token": "t"}), second)
    with (
        OddServer(pages) as server,
        subprocess.Popen(
            [sys.executable, "-c", script, server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as program,
    ):
        assert program.stdout.readline() == b"one\n"
        program.send_signal(signal.SIGINT)

        _, said = program.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said


def test_several_threads_share_a_client():
    with (
        OddServer(first(answered(PROJECT))) as server,
        Client(url=server.url, key=KEY) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        found = list(threads.map(lambda _: client.project(project_id="p").name, range(200)))

        assert server.connections <= 8
    assert found == ["Birds"] * 200


def test_a_walk_of_a_closed_client_ends():
    client = Client(url="http://127.0.0.1:9", key=KEY)
    client.close()
    client.close()

    for parallel in (1, 2):
        with pytest.raises(ClientError, match="closed"):
            list(client.tasks(project_id="p", parallel=parallel))


def test_a_forked_process_has_connections_and_threads_of_its_own():
    """On those of its parent each would get what was meant for the other."""
    script = (
        "import os, sys, warnings\n"
        "from plaudit.client import Client\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "client = Client(url=sys.argv[1], key='k')\n"
        "list(client.tasks(project_id='p', parallel=2))\n"
        "walk = client.pages(params={'name': 'parent'})\n"
        "next(walk)\n"
        "child = os.fork()\n"
        "name = 'parent' if child else 'child'\n"
        "assert len(list(walk)) == 1\n"
        "for number in range(50):\n"
        "    assert name.encode() in client.get('/v2/task', {'name': name})\n"
        "list(client.tasks(project_id='p', parallel=2))\n"
        "client.close()\n"
        "assert not child or os.waitpid(child, 0)[1] == 0\n"
    )

    def echo(number: int, head: bytes) -> bytes:
        line = head.split(b"\r\n")[0].decode()
        token = {"next_token": "t"} if "name=" in line and "next_token" not in line else {}
        return answered({"line": line, "tasks": [], **token})

    with OddServer(echo) as server:
        done = subprocess.run(
            [sys.executable, "-c", script, server.url], timeout=60, capture_output=True
        )

    assert done.returncode == 0, done.stderr.decode()


def test_an_asynchronous_client_may_be_used_in_one_event_loop_after_another():
    with OddServer(first(answered(PROJECT))) as server, warnings.catch_warnings():
        # Nobody can close the connections of a loop that has ended; their sockets go with them.
        warnings.simplefilter("ignore", ResourceWarning)
        client = AsyncClient(url=server.url, key=KEY)

        names = [asyncio.run(client.project(project_id="p")).name for _ in range(3)]

        asyncio.run(client.close())
        del client
        gc.collect()
    assert names == ["Birds"] * 3
