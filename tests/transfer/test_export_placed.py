"""Downloads of whole tasks that are sent from page files: kept only where somebody may go on."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plaudit import page_builder
from plaudit.api.transfer import export_making
from plaudit.errors import StorageFull, Unavailable
from plaudit.formats.exporting.whole_tasks import line_spool, placed_lines
from plaudit.settings import Settings
from tests.support.builders import make_message, make_task, make_tasks, make_thread, make_turn
from tests.support.harness import World
from tests.support.network.leaving_client import scope_of
from tests.support.operations import calling
from tests.support.running.built_files import BuiltFiles, built_files
from tests.transfer.judged_exports import path_of

TARGET = path_of(format="v2")
TASKS = 60
DOWNLOADS = 8


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


@pytest.fixture
def built(world: World, monkeypatch) -> Iterator[BuiltFiles]:
    monkeypatch.setattr(export_making, "EARLY_BYTES", 2_000)
    monkeypatch.setattr(export_making, "EARLY_S", 20.0)
    monkeypatch.setattr(placed_lines, "BYTES_PER_READ", 3_000)
    thread = make_thread(turns=[make_turn(messages=[make_message("user", "x" * 900)])])
    world.load(make_task(f"task_{number}", threads=[thread]) for number in range(TASKS))
    with built_files(world, overwrite_s=1e6) as built:
        yield built


def take(client: Any, after_first: Callable[[], Any] | None = None, *, leaves: bool = False) -> Any:
    """Headers, body and failure of a download; `after_first` is called behind the first bytes."""
    headers: dict[bytes, bytes] = {}
    body = bytearray()
    failures: list[BaseException] = []

    async def run() -> None:
        gone, messages = asyncio.Event(), [{"type": "http.request", "body": b""}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers.update(message["headers"])
                return
            is_first = not body
            if not gone.is_set():
                body.extend(message.get("body", b""))
            if is_first and after_first is not None:
                await asyncio.to_thread(after_first)
            if leaves:
                gone.set()

        try:
            await client.app(scope_of(client, TARGET), receive, send)
        except Exception as exc:
            failures.append(exc)
        finally:
            gone.set()

    client.running.call(run())
    return headers, bytes(body), failures


def kept(world: World) -> list[str]:
    folder = world.settings.data / "attachments"
    return [path.name for path in folder.rglob("export-*")]


def go_on(client: Any, headers: dict[bytes, bytes], begun: bytes) -> Any:
    etag = headers[b"etag"].decode()
    return client.get(TARGET, headers={"Range": f"bytes={len(begun)}-", "If-Range": etag})


def test_what_is_soon_taken_is_sent_from_page_files_and_not_kept(world, built):
    with calling(world, world.key()) as client:
        headers, body, failures = take(client)
        unkept = kept(world)
        rest = go_on(client, headers, body[:1000])

    assert body == built.lines(from_tables=True)[0][0]
    assert (failures, unkept) == ([], [])
    assert b"content-length" not in headers
    assert (rest.status_code, rest.content) == (200, body), "it is made again, and sent whole"


def test_who_leaves_goes_on_with_the_same_bytes_whatever_has_changed_since(world, built):
    expected = built.lines(from_tables=True)[0][0]

    with calling(world, world.key()) as client:
        headers, begun, _ = take(client, lambda: changed(world), leaves=True)
        rest = go_on(client, headers, begun)
        anew = client.get(TARGET)

    assert 0 < len(begun) < len(expected)
    assert (rest.status_code, begun + rest.content) == (206, expected)
    assert anew.content != expected
    assert b'"changed":true' in anew.content


def test_who_takes_long_gets_the_lines_of_the_beginning_and_they_are_kept(
    world, built, monkeypatch
):
    monkeypatch.setattr(export_making, "KEPT_FROM_S", 0.0)
    with calling(world, world.key()) as client:
        headers, body, failures = take(client)
        rest = go_on(client, headers, body[:1000])

    assert (failures, body) == ([], built.lines(from_tables=True)[0][0])
    assert (rest.status_code, rest.content) == (206, body[1000:])


def changed(world: World) -> None:
    with calling(world, world.key()) as other:
        value = {"task_id": "task_30", "metadata": {"changed": True}}
        other.post("/v2/task/metadata", json=value).raise_for_status()


def test_a_range_without_if_range_is_of_no_older_file_than_the_one_that_was_sent_last(
    world, built, monkeypatch
):
    """As `curl -C -` asks, which has no If-Range: never the rest of an earlier download."""
    with calling(world, world.key()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(export_making, "KEPT_FROM_S", 0.0)
            earlier, old, _ = take(client)
        changed(world)
        _, new, _ = take(client)
        rest = client.get(TARGET, headers={"Range": "bytes=1000-"})
        head = client.head(TARGET)
        again = client.get(TARGET, headers={"Range": "bytes=1000-"})
        of_the_earlier = go_on(client, earlier, old[:1000])

    assert len(kept(world)) >= 1
    assert old != new
    assert (rest.status_code, rest.content) == (206, new[1000:])
    assert head.headers["content-length"] == str(len(new))
    assert (again.headers["etag"], again.content) == (rest.headers["etag"], rest.content)
    assert of_the_earlier.content in (old[1000:], new)


def test_a_range_without_if_range_waits_for_the_file_that_is_being_sent(world, built, monkeypatch):
    rests: list[Any] = []
    with calling(world, world.key()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(export_making, "KEPT_FROM_S", 0.0)
            _, old, _ = take(client)
        changed(world)

        def go_on_meanwhile() -> None:
            rests.append(client.get(TARGET, headers={"Range": "bytes=1000-"}))

        _, new, _ = take(client, go_on_meanwhile)

    assert old != new
    assert [one.content for one in rests] == [new[1000:]]


def test_a_page_file_that_is_cut_short_ends_one_download_and_no_other(world, built):
    expected = built.lines(from_tables=True)[0][0]

    def cut() -> None:
        [path] = built.files.folder.glob("*.dat")
        os.truncate(path, 4_000)

    with calling(world, world.key()) as client:
        _, body, failures = take(client, cut)
        anew = client.get(TARGET)

    assert [type(one) for one in failures] == [Unavailable]
    assert expected.startswith(body)
    assert len(body) < len(expected)
    assert anew.content == expected


def test_tasks_that_lie_apart_are_sent_together(world, built, monkeypatch):
    """A project that is worked on has its records in the order in which tasks were completed."""
    monkeypatch.setattr(placed_lines, "BYTES_PER_READ", 20_000)
    for number in range(0, TASKS, 2):
        world.load([make_task(f"task_{number}", metadata={"has": "changed"})])
        built.build()
    pieces: list[bytes] = []

    async def run(client: Any) -> None:
        messages = [{"type": "http.request", "body": b""}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            pieces.append(message.get("body", b""))

        await client.app(scope_of(client, TARGET), receive, send)

    with calling(world, world.key()) as client:
        client.running.call(run(client))

    assert b"".join(pieces) == built.lines(from_tables=True)[0][0]
    assert 2 < len(pieces) < TASKS / 3


def test_downloads_that_are_under_way_share_the_files_that_they_are_sent_from(
    world, built, monkeypatch
):
    """A large store has many, and each of these downloads may last for ten minutes."""
    with monkeypatch.context() as patch:
        patch.setattr(page_builder, "FILE_BYTES_MAX", 10_000)
        world.load(make_tasks(40, prefix="more"))
        for _ in range(3):
            built.build()
            world.load(make_tasks(40, prefix=f"more_{_}"))
        built.build()
    files = {str(path) for path in built.files.folder.glob("*.dat")}
    ended, heads, opened = 0, 0, []

    def open_files() -> list[str]:
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return [found for found in map(read_link, links) if found in files]

    async def run(client: Any) -> None:
        going_on = asyncio.Event()

        async def one() -> None:
            nonlocal ended, heads
            messages = [{"type": "http.request", "body": b""}]

            async def receive() -> Any:
                if messages:
                    return messages.pop()
                await asyncio.Event().wait()

            async def send(message: Any) -> None:
                nonlocal heads
                heads += message["type"] == "http.response.start"
                await going_on.wait()

            await client.app(scope_of(client, TARGET), receive, send)
            ended += 1

        tasks = [asyncio.create_task(one()) for _ in range(DOWNLOADS)]
        while heads < DOWNLOADS:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # all places are found
        opened.extend(open_files())
        going_on.set()
        await asyncio.gather(*tasks)

    monkeypatch.setattr(export_making, "KEPT_FROM_S", 0.3)
    with calling(world, world.key()) as client:
        client.running.call(run(client))

    assert len(files) > 2
    assert (heads, ended) == (DOWNLOADS, DOWNLOADS)
    assert len(files) <= len(opened) <= len(files) + 1, "the builder's own one beside them"


def read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


@pytest.mark.parametrize("places", [0, 6])
def test_a_disk_that_is_full_ends_a_download_and_leaves_nothing(world, built, monkeypatch, places):
    """Before the first byte it is a problem; after it the body ends before its end."""
    pwrite, written, begun = os.pwrite, [], threading.Event()

    def full(descriptor: int, content: Any, at: int) -> int:
        written.append(at)
        if len(written) > places:
            assert not places or begun.wait(20)
            raise OSError(errno.ENOSPC, "no space")
        return pwrite(descriptor, content, at)

    monkeypatch.setattr(placed_lines, "PLACES_PER_READ", 5)
    with calling(world, world.key()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            headers, body, failures = take(client, begun.set)
        anew = client.get(TARGET)

    whole = built.lines(from_tables=True)[0][0]
    if not places:
        assert (json.loads(body)["code"], failures) == ("storage_full", [])
    else:
        assert b"content-length" not in headers
        assert [type(one) for one in failures] == [StorageFull]
        assert whole.startswith(body)
        assert len(body) < len(whole)
    assert anew.content == whole


def test_a_short_export_comes_whole_with_its_size_and_digest(world, built, monkeypatch):
    monkeypatch.setattr(export_making, "EARLY_BYTES", 10**9)
    with calling(world, world.key()) as client:
        headers, body, _ = take(client)
        again, _, _ = take(client)

    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"etag"] == again[b"etag"]
    assert body == built.lines(from_tables=True)[0][0]


def test_a_line_that_is_long_comes_in_parts(world, built, monkeypatch):
    monkeypatch.setattr(line_spool, "LONG_BYTES", 500)
    monkeypatch.setattr(export_making, "PIECE_BYTES", 700)
    with calling(world, world.key()) as client:
        _, body, failures = take(client)

    assert (failures, body) == ([], built.lines(from_tables=True)[0][0])
