"""Peers that hold a connection: who is too slow, who makes room, and who is told to wait.

A clock of the test's drives the real protocol; `test_strangers_cannot_keep_others_out` speaks to
a real server.
"""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from plaudit import settings as limits
from plaudit.settings import Settings
from tests.support.harness import Server, World
from tests.support.network.connections import BIG, HIGH_WATER, PROXY, Peer, Site
from tests.support.operations import assert_is_error

LONG = "Content-Length: 1000000"
KEY = "Authorization: somebody's"


def on_a_site(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in an event loop, with a site of its own."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        async def whole() -> None:
            await test(Site(), **arguments)

        asyncio.run(whole())

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


@on_a_site
async def test_an_answer_before_the_body_ends_the_connection_within_five_seconds(site: Site):
    """A byte now and then buys no time."""
    peer = await site.connect()
    await peer.ask("/refused", LONG)
    assert peer.statuses == [401]

    await site.wait(limits.LINGER_SECONDS_MAX - 1, lambda: peer.send(b"x"))
    assert peer.is_open
    await site.wait(1, lambda: peer.send(b"x"))  # the last look within the five

    assert not peer.is_open


@on_a_site
async def test_a_body_that_comes_soon_after_its_answer_leaves_the_connection_open(site: Site):
    peer = await site.connect()
    await peer.ask("/refused", "Content-Length: 10")
    await peer.send(b"x" * 10)

    await site.wait(limits.LINGER_SECONDS_MAX + 1)
    await peer.ask()

    assert peer.statuses == [401, 200]
    await peer.ask("/refused", "Content-Length: 10")
    await peer.send(b"x" * 10)
    await site.wait(limits.IDLE_SECONDS_MAX)
    assert not peer.is_open


@on_a_site
async def test_a_body_has_a_least_rate(site: Site):
    slow, steady = await site.connect(), await site.connect()
    for peer in (slow, steady):
        await peer.ask("/read", LONG)

    async def send() -> None:
        await slow.send(b"x" * (limits.BYTES_PER_SECOND_MIN - 10))
        await steady.send(b"x" * limits.BYTES_PER_SECOND_MIN)

    await site.wait(3 * limits.RATE_WINDOW_S, send)

    assert slow.statuses == [400]
    assert not slow.is_open
    assert steady.is_open


@on_a_site
async def test_an_answer_has_a_least_rate_at_which_it_is_read(site: Site):
    never, steady = [await site.connect(is_reading=False) for _ in range(2)]
    for peer in (never, steady):
        await peer.ask("/big")

    async def read() -> None:
        steady.transport.take(limits.BYTES_PER_SECOND_MIN)

    await site.wait(2 * limits.RATE_WINDOW_S, read)

    assert never.transport.is_aborted
    assert steady.is_open
    await site.wait(limits.STREAM_SECONDS_MAX, read)
    assert not steady.is_open


@on_a_site
async def test_a_closed_connection_whose_answer_nobody_reads_ends(site: Site):
    """Closing waits for the answer to be sent, which is as long as the peer likes."""
    peer = await site.connect(is_reading=False)
    await peer.ask("/big", "Connection: close")
    assert peer.transport.is_closing()

    await site.wait(limits.RATE_WINDOW_S + 1)

    assert not peer.is_open


@on_a_site
async def test_heads_that_do_not_end_and_connections_that_say_nothing_are_closed(site: Site):
    silent, half, later, idle = [await site.connect() for _ in range(4)]
    for peer in (later, idle):
        await peer.ask()
    await half.send(b"GET / HT")
    await later.send(b"GET / HT")

    await site.wait(limits.HEADER_SECONDS_MAX)

    assert [peer.is_open for peer in (silent, half, later, idle)] == [False, False, False, True]
    assert [half.statuses, later.statuses] == [[400], [200, 400]]
    await site.wait(limits.IDLE_SECONDS_MAX - limits.HEADER_SECONDS_MAX)
    assert not idle.is_open


@on_a_site
async def test_only_so_many_requests_wait_behind_one(site: Site):
    peer = await site.connect()
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    await peer.send(request * (limits.PIPELINED_MAX + 50))
    for _ in range(limits.PIPELINED_MAX):
        await peer.send(b"")

    assert peer.statuses == [200] * (limits.PIPELINED_MAX + 1) + [400]
    assert not peer.is_open


async def be_silent(peer: Peer) -> None:
    """Connect, and say nothing."""


async def send_half_a_head(peer: Peer) -> None:
    await peer.send(b"GET / HT")


async def be_idle(peer: Peer) -> None:
    await peer.ask()


async def send_no_body_after_the_answer(peer: Peer) -> None:
    await peer.ask("/refused", LONG)


async def send_no_body(peer: Peer) -> None:
    await peer.ask("/read", LONG)


async def never_read(peer: Peer) -> None:
    peer.transport.is_reading = False
    await peer.ask("/big")


HOSTILE = [
    be_silent,
    send_half_a_head,
    be_idle,
    send_no_body_after_the_answer,
    send_no_body,
    never_read,
]


async def crowd(site: Site, hostile: Any, count: int, host: str) -> list[Peer]:
    peers = []
    for _ in range(count):
        peers.append(await site.connect(host))
        await hostile(peers[-1])
    return peers


@pytest.mark.parametrize("hostile", HOSTILE)
def test_who_makes_no_use_of_a_place_makes_room_for_who_does(hostile):
    async def test(site: Site) -> None:
        serving = await site.connect(PROXY)
        await serving.ask("/wait")
        peers = await crowd(site, hostile, limits.CONNECTIONS_MAX, PROXY)
        honest = await site.connect(PROXY)

        await honest.ask()

        assert honest.statuses == [200]
        assert len(site.limits) <= limits.CONNECTIONS_MAX
        assert not peers[0].is_open
        assert serving.is_open

    on_a_site(test)()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_one_address_has_a_share_of_the_places_and_a_proxy_has_all(hostile):
    async def test(site: Site) -> None:
        other = await site.connect("198.51.100.7")
        await other.ask()
        peers = await crowd(site, hostile, limits.CONNECTIONS_PER_NETWORK_MAX + 5, "192.0.2.1")
        proxied = await crowd(site, be_idle, limits.CONNECTIONS_PER_NETWORK_MAX + 5, PROXY)

        still_open = sum(peer.is_open for peer in peers)
        at_most = limits.CONNECTIONS_PER_NETWORK_MAX
        assert still_open == (limits.UNREAD_PER_NETWORK_MAX if hostile is never_read else at_most)
        assert other.is_open
        assert all(peer.is_open for peer in proxied)

    on_a_site(test)()


@on_a_site
async def test_networks_of_ipv6_have_one_share_together(site: Site):
    for number in range(limits.CONNECTIONS_PER_NETWORK_MAX + 1):
        await site.connect(f"2001:db8::{number:x}")

    assert len(site.limits) == limits.CONNECTIONS_PER_NETWORK_MAX


@on_a_site
async def test_an_ipv4_address_within_ipv6_is_that_address(site: Site):
    for number in range(limits.CONNECTIONS_PER_NETWORK_MAX + 1):
        await site.connect("::ffff:192.0.2.1" if number % 2 else "192.0.2.1")
        await site.connect(f"::ffff:{PROXY}")

    assert len(site.limits) == 2 * limits.CONNECTIONS_PER_NETWORK_MAX + 1


@on_a_site
async def test_who_had_a_valid_key_makes_room_last(site: Site):
    known = await site.connect(PROXY)
    await known.ask("/", KEY)
    uploading = await site.connect(PROXY)
    await uploading.ask("/read", LONG, KEY)

    await crowd(site, be_idle, limits.CONNECTIONS_MAX + 100, PROXY)

    assert known.is_open
    assert uploading.is_open


@on_a_site
async def test_answers_that_are_not_read_are_bounded_and_slow_readers_are_not_the_first(site: Site):
    downloading = await site.connect(PROXY, is_reading=False)
    await downloading.ask("/big", KEY)
    peers = await crowd(site, never_read, limits.UNREAD_MAX - 1, PROXY)
    downloading.transport.take(BIG - HIGH_WATER // 8)
    await downloading.ask("/big", KEY)

    await crowd(site, never_read, limits.UNREAD_MAX // 2, PROXY)

    assert downloading.is_open
    assert not peers[0].is_open
    assert len(site.limits) == limits.UNREAD_MAX


async def wait_for_an_answer(peer: Peer) -> None:
    await peer.ask("/wait")


async def upload_with_a_key(peer: Peer) -> None:
    await peer.ask("/read", LONG, KEY)


@pytest.mark.parametrize("use", [wait_for_an_answer, upload_with_a_key])
@pytest.mark.parametrize("count", [limits.CONNECTIONS_MAX, limits.CONNECTIONS_PER_NETWORK_MAX])
def test_whoever_comes_when_all_places_are_in_use_is_told_so_in_the_one_body(count, use):
    async def test(site: Site) -> None:
        host = PROXY if count == limits.CONNECTIONS_MAX else "192.0.2.1"
        await crowd(site, use, count, host)

        newcomer = await site.connect(host)

        assert newcomer.statuses == [503]
        assert not newcomer.is_open
        head, _, body = bytes(newcomer.transport.sent).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:]
        headers = dict(line.split(": ") for line in lines)
        assert headers["retry-after"] == "2"
        assert_is_error(503, headers, json.loads(body))

    on_a_site(test)()


@on_a_site
async def test_a_stop_ends_every_connection_within_its_grace_whatever_the_peer_does(site: Site):
    peers = [await site.connect(PROXY) for _ in HOSTILE]
    for peer, hostile in zip(peers, HOSTILE, strict=True):
        await hostile(peer)
        peer.protocol.shutdown()

    due = [call for at, call in site.clock.later if at <= 1000 + limits.DRAIN_SECONDS_MAX - 1]
    for call in due:
        call()

    assert not any(peer.is_open for peer in peers)


@pytest.fixture(scope="module")
def guarded(template, tmp_path_factory):
    """A server that trusts no proxy at 127.0.0.1, and the key of its one organization."""
    settings = Settings(data=tmp_path_factory.mktemp("peers") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.org()
    key = world.key()
    world.close()
    server = Server(settings, PLAUDIT_TRUSTED_PROXIES="10.0.0.0/8", PLAUDIT_WORKER="0")
    yield server, key
    server.stop(9)


GET = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
UNFINISHED = {
    "silent": b"",
    "half a head": b"GET / HT",
    "idle": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "no body after a 401": b"POST /v2/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
    "no body": b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
    "never read": GET * 20,
}


def test_strangers_cannot_keep_others_out(guarded):
    """Strangers of six kinds at eight addresses hold connections; nobody else's request fails."""
    server, key = guarded
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.url}/v2/projects"
    with ExitStack() as stack, httpx2.Client(headers=headers) as client:
        statuses = []
        for number in range(8):
            for data in UNFINISHED.values():
                for _ in range(25):
                    link = socket.socket()
                    stack.callback(link.close)
                    link.bind((f"127.0.0.{10 + number}", 0))
                    link.connect(("127.0.0.1", server.port))
                    link.send(data)
                statuses.append(client.get(url).status_code)
                statuses.append(httpx2.get(url, headers=headers).status_code)

    assert statuses == [200] * 96
    assert b'"event":"failed"' not in server.log_path.read_bytes()
