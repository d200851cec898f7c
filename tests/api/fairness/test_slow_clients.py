"""Clients that are slow or gone hold no place, and bounded memory."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from plaudit.api.http import admission
from tests.api.fairness.waiting_requests import (
    IN_WORK,
    piece,
    settle,
)
from tests.support.harness import above_the_store
from tests.support.network.connections import Site


def test_a_request_is_told_that_its_client_has_gone():
    scopes: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await asyncio.Event().wait()

    async def run() -> list[bool]:
        peer = await Site(application).connect()
        await peer.ask()
        before = scopes[0]["plaudit.gone"].done()
        peer.transport.abort()
        await settle(lambda: scopes[0]["plaudit.gone"].done())
        return [before, scopes[0]["plaudit.gone"].done()]

    assert asyncio.run(run()) == [False, True]


@above_the_store
def test_a_slow_sender_holds_no_place(opened):
    order: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            order.append((await receive())["body"].decode())
        order.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> None:
        async with opened(inner) as requests:
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}")
            order.clear()
            bodies = [asyncio.get_running_loop().create_future() for _ in range(IN_WORK)]
            slow = [
                requests.ask("crowd", f"/slow/{number}", method="POST", body=[body])
                for number, body in enumerate(bodies)
            ]
            await settle()
            quick = asyncio.get_running_loop().create_future()
            quick.set_result({"type": "http.request", "body": b"quick"})
            await requests.ask("crowd", "/quick", method="POST", body=[quick])
            for body in bodies:
                body.set_result({"type": "http.request", "body": b"slow"})
            await asyncio.gather(*slow)

    asyncio.run(run())

    assert order[:2] == ["quick", "/quick"]
    assert sorted(order[2:]) == ["/slow/0", "/slow/1", "slow", "slow"]


@above_the_store
def test_a_slow_reader_holds_no_place(opened):
    begun: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    async def run() -> None:
        async with opened(inner) as requests:
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}")
            begun.clear()
            is_read = asyncio.Event()
            scope = {
                "type": "http", "method": "GET", "path": "/slow", "query_string": b"",
                "headers": [(b"authorization", f"Bearer {requests.keys['crowd']}".encode())],
            }  # fmt: skip

            async def send_slowly(message: Any) -> None:
                if message.get("more_body"):
                    await is_read.wait()

            slow = [
                asyncio.create_task(requests.edge(dict(scope), None, send_slowly))
                for _ in range(IN_WORK)
            ]
            await settle()
            await requests.ask("crowd", "/quick")
            is_read.set()
            await asyncio.gather(*slow)

    asyncio.run(run())

    assert begun == ["/slow", "/slow", "/quick"]


@above_the_store
@pytest.mark.parametrize("is_stream", [False, True])
def test_slow_senders_of_one_organization_hold_bounded_memory(opened, monkeypatch, is_stream):
    """A large body is told to come again; a small one, another one's, and a stream are taken."""
    monkeypatch.setattr(admission, "HELD_BYTES_MAX", 150)
    monkeypatch.setattr(admission, "UNCOUNTED_BYTES_MAX", 50)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> list[int]:
        async with opened(inner) as requests:
            requests.edge._is_stream = re.compile(".*" if is_stream else "(?!)").fullmatch
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}", method="POST", body=[piece(0)])
            last = asyncio.get_running_loop().create_future()
            slow = requests.ask("crowd", "/slow", method="POST", body=[piece(100, True), last])
            await settle()
            for who, path, size in (
                ("crowd", "/large", 60), ("crowd", "/small", 50), ("other", "/other", 60),
            ):  # fmt: skip
                await requests.ask(who, path, method="POST", body=[piece(size)])
            last.set_result(await piece(1))
            await slow
            await requests.ask("crowd", "/again", method="POST", body=[piece(140)])
            paths = ("/large", "/small", "/other", "/slow", "/again")
            return [requests.status(path) for path in paths]

    assert asyncio.run(run()) == [200 if is_stream else 503, 200, 200, 200, 200]
