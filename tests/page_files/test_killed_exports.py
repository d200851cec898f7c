"""A download of whole tasks from a server that is killed is never continued with other bytes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest

from plaudit.settings import Settings
from tests.page_files.test_sent_files import connected, large_tasks, request, wait_for_places
from tests.support.harness import Server, World

TARGET = "/manage/v1/projects/project_123/export?format=v2"
AT = 100_000


@pytest.fixture
def store(template, tmp_path) -> Iterator[World]:
    """Tasks of 6 MB with page files, so that an export is sent while it is made."""
    settings = Settings(data=tmp_path / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.load(large_tasks("task", 200))
    server = Server(settings)
    wait_for_places(world)
    server.stop()
    yield world
    world.close()


def test_who_goes_on_gets_all_of_it_anew_or_the_rest_of_what_is_there_now(store):
    key = store.key()
    headers = {"Authorization": f"Bearer {key}"}
    server = Server(store.settings)
    with closing(connected(server, window=4096)) as link:
        link.sendall(request(key, TARGET))
        begun = b""
        while b"\r\n\r\n" not in begun:
            begun += link.recv(1000)
        server.stop(signal.SIGKILL)
    head = begun.partition(b"\r\n\r\n")[0].lower()
    etag = head.split(b"etag: ")[1].split(b"\r\n")[0].decode()
    server = Server(store.settings)
    try:
        changed = {"task_id": "task_150", "metadata": {"changed": True}}
        url = f"{server.url}{TARGET}"
        with httpx2.Client(headers=headers, timeout=30) as client:
            client.post(f"{server.url}/v2/task/metadata", json=changed).raise_for_status()
            asked = {"Range": f"bytes={AT}-"}
            with_name = client.get(url, headers=asked | {"If-Range": etag})
            beyond = client.get(url, headers={"Range": f"bytes={10**9}-"})
            without = client.get(url, headers=asked)
            whole = client.get(url)
    finally:
        server.stop()

    assert b"transfer-encoding: chunked" in head
    assert (with_name.status_code, with_name.content) == (200, whole.content)
    assert with_name.headers["etag"] != etag
    assert b'"changed":true' in whole.content
    assert (without.status_code, without.content) == (206, whole.content[AT:])
    assert beyond.status_code == 416
