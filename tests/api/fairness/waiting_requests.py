"""Requests behind the admission: an application whose requests end when they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from plaudit.api.http.metrics import Metrics
from plaudit.api.http.middleware import Edge

IN_WORK = 2


WAITING = 3


Handler = Callable[[Any, Any, Any], Awaitable[None]]


class Gate:
    """An application behind the admission, whose requests end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.in_work = 0
        self.most_in_work = 0
        self._ends: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(name := scope["path"])
        self.in_work += 1
        self.most_in_work = max(self.most_in_work, self.in_work)
        try:
            await self._ends.setdefault(name, asyncio.Event()).wait()
        finally:
            self.in_work -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def end(self, *names: str) -> None:
        for name in names:
            self._ends.setdefault(name, asyncio.Event()).set()


class Requests:
    """Requests to an application, each a task, with the messages that they were answered with."""

    def __init__(self, edge: Edge, metrics: Metrics, keys: dict[str, str]) -> None:
        self.edge, self.metrics, self.keys = edge, metrics, keys
        self.sent: dict[str, list[Any]] = {}

    def ask(self, who: str, path: str, **scope: Any) -> asyncio.Task[None]:
        """Send a request with the key of an organization."""
        messages: list[Any] = []
        self.sent[path] = messages
        headers = [(b"authorization", f"Bearer {self.keys[who]}".encode())] if who else []
        body = scope.pop("body", [])
        asked = {
            "type": "http", "method": "GET", "path": path, "headers": headers,
            "query_string": b"", "client": ("192.0.2.1", 1), **scope,
        }  # fmt: skip

        async def receive() -> Any:
            return await body.pop(0)

        async def send(message: Any) -> None:
            messages.append(message)

        return asyncio.create_task(self.edge(asked, receive, send))

    async def learn(self, gate: Gate) -> None:
        """Let each key be seen once, so that its organization is known."""
        for who in self.keys:
            gate.end(f"/first/{who}")
            await self.ask(who, f"/first/{who}")
        gate.begun.clear()
        gate.most_in_work = 0

    def status(self, path: str) -> int:
        return int(self.sent[path][0]["status"])


async def settle(condition: Callable[[], bool] = lambda: False) -> None:
    """Let every task run as far as it can, or until something holds."""
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.001)


def crowd_of(requests: Requests, number: int, **scope: Any) -> list[asyncio.Task[None]]:
    return [requests.ask("crowd", f"/crowd/{one}", **scope) for one in range(number)]


def piece(size: int, more_body: bool = False) -> asyncio.Future[Any]:
    """A piece of a body that has come."""
    found = asyncio.get_running_loop().create_future()
    found.set_result({"type": "http.request", "body": b"x" * size, "more_body": more_body})
    return found
