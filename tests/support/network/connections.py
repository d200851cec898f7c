"""Connections to the HTTP protocol in this process, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from plaudit.api.http.connections import ConnectionLimits
from plaudit.api.http.protocol import EdgeProtocol

PROXY = "10.1.2.3"
"""Address of the one trusted proxy."""
HIGH_WATER = 64 * 1024
BIG = 300_000
"""Bytes of an answer that no buffer of a transport holds."""


class Clock:
    """The running loop, whose time is the test's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = 1000.0
        self.later: list[tuple[float, Callable[[], Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], Any]) -> asyncio.TimerHandle:
        self.later.append((self.now + seconds, call))
        return self._loop.call_later(3600, call)


class ExportTransport:
    """The server's end of a connection: what was sent, and what its peer has not taken."""

    def __init__(self, host: str) -> None:
        self.sent = bytearray()
        self.buffered = 0
        self.is_reading = True
        self.is_closed = self.is_aborted = False
        self._is_closing = False
        self._host = host
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": (self._host, 1), "sockname": ("127.0.0.1", 80)}.get(name, default)

    def write(self, data: bytes) -> None:
        self.sent += data
        self.buffered += 0 if self.is_reading else len(data)
        if self.buffered > HIGH_WATER:
            self.protocol.pause_writing()

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.write(b"".join(pieces))

    def take(self, size: int) -> None:
        """Let the peer read so many bytes."""
        self.buffered = max(0, self.buffered - size)
        if self.buffered < HIGH_WATER // 4:
            self.protocol.resume_writing()
        if self._is_closing and not self.buffered:
            self._lose()

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True
        if not self.buffered:
            self._lose()

    def abort(self) -> None:
        self.is_aborted = True
        self.buffered = 0
        self._lose()

    def pause_reading(self) -> None:
        """Reading is what the test says it is."""

    def resume_reading(self) -> None:
        """Reading is what the test says it is."""

    def _lose(self) -> None:
        self._is_closing = True
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer 401 at once, or read the body first (/read), or send BIG bytes (/big), or wait."""
    path, size = scope["path"], 2
    if scope["headers"][-1][0] == b"authorization":
        scope["plaudit.caller"] = "somebody"
    if path == "/wait":
        await asyncio.Event().wait()
    if path == "/read":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
    size = BIG if path == "/big" else 2
    status = 401 if path == "/refused" else 200
    head = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": b"x" * size})


class Site:
    """A server of an application without sockets."""

    def __init__(self, app: Any = application) -> None:
        self.clock = Clock()
        self.limits = ConnectionLimits((ip_network(f"{PROXY}/32"),))
        self._config = Config(app, ws="none")
        self._state = ServerState()

    async def connect(self, host: str = "192.0.2.1", *, is_reading: bool = True) -> Peer:
        """A new connection from `host`."""
        transport = ExportTransport(host)
        transport.is_reading = is_reading
        protocol = EdgeProtocol(
            self._config,
            self._state,
            {"connections": self.limits},
            _loop=self.clock,  # type: ignore[arg-type]
        )
        transport.protocol = protocol
        protocol.connection_made(transport)
        await settle()
        return Peer(self, transport, protocol)

    async def wait(self, seconds: float, each: Callable[[], Awaitable[Any]] | None = None) -> None:
        """Let so many seconds pass by the clock, doing `each` once in every one."""
        for _ in range(round(seconds)):
            self.clock.now += 1
            if each is not None:
                await each()
            self.limits.sweep(self.clock.now)
            await settle()


class Peer:
    """The other end of a connection."""

    def __init__(self, site: Site, transport: ExportTransport, protocol: EdgeProtocol) -> None:
        self._site = site
        self.transport = transport
        self.protocol = protocol

    async def send(self, data: bytes) -> None:
        """Send bytes, unless the connection has ended."""
        if not self.transport.is_closed:
            self.protocol.data_received(data)
        await settle()

    async def ask(self, path: str = "/", *headers: str, body: bytes = b"") -> None:
        """Send a request, or the beginning of one."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", *headers, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    @property
    def statuses(self) -> list[int]:
        """Statuses of the responses so far."""
        return [int(part[:3]) for part in bytes(self.transport.sent).split(b"HTTP/1.1 ")[1:]]

    @property
    def is_open(self) -> bool:
        return not self.transport.is_closed


async def settle() -> None:
    """Let everything run that is ready."""
    for _ in range(6):
        await asyncio.sleep(0)
