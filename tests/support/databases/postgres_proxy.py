"""A wire between the product and PostgreSQL that fails when it is told to.

It reads just enough of PostgreSQL's protocol to know when a client sends COMMIT for a transaction
that may write, and when the server has answered. It runs in a thread and a loop of its own.
"""

from __future__ import annotations

import asyncio
import enum
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

READ_BYTES = 65536
SECONDS_MAX = 30.0


class AtCommit(enum.Enum):
    """What happens to a COMMIT."""

    passes = enum.auto()
    reply_dropped = enum.auto()
    """The server commits; its answer never arrives, and the connection is cut."""
    cut_after = enum.auto()
    """The connection is cut as soon as the server has been sent the COMMIT."""
    cut_before = enum.auto()
    """The connection is cut, and the server never sees the COMMIT."""
    reply_held = enum.auto()
    """The server commits; its answer is held until the connections are cut."""
    held = enum.auto()
    """The server never sees the COMMIT; the client waits until the connections are cut."""


class Proxy:
    """Listens on `port` and forwards to `target`, which may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.at_commit: AtCommit | Callable[[], AtCommit] = AtCommit.passes
        self.is_stalled = False
        self.commits = 0
        self.holds = threading.Event()
        """Set once a COMMIT or its answer is held."""
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut all connections, as a dying host does."""

        async def work() -> None:
            for pair in list(self._pairs):
                pair.cut()

        self._call(work())

    def close(self) -> None:
        async def work() -> None:
            self._server.close()
            for pair in list(self._pairs):
                pair.cut()
            others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), SECONDS_MAX)

        self._call(work())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS_MAX)
        self._loop.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(SECONDS_MAX)

    def fate(self) -> AtCommit:
        """What happens to the COMMIT that has just come."""
        self.commits += 1
        return self.at_commit() if callable(self.at_commit) else self.at_commit

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(self, writer)
        self._pairs.add(pair)
        try:
            server, pair.server = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.wait(
                [
                    asyncio.ensure_future(pair.up(reader)),
                    asyncio.ensure_future(pair.down(server)),
                ]
            )
        except OSError:
            pass  # nobody listens there now
        finally:
            pair.cut()
            self._pairs.discard(pair)


class _Pair:
    """A client's connection and the one made for it to the server."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.is_cut = False
        self.fate = AtCommit.passes
        self.may_write = True

    def cut(self) -> None:
        """Reset both connections."""
        self.is_cut = True
        for one in (self.client, self.server):
            if one is not None and one.transport is not None:
                one.transport.abort()

    async def up(self, reader: asyncio.StreamReader) -> None:
        """Carry what the client sends, message by message."""
        try:
            length = await reader.readexactly(4)  # the first message has no type
            await self._forward(length + await reader.readexactly(_size(length)))
            while True:
                kind, length = await reader.readexactly(1), await reader.readexactly(4)
                message = await reader.readexactly(_size(length))
                if kind == b"Q" and message.startswith(b"BEGIN"):
                    self.may_write = b"READ ONLY" not in message
                is_commit = kind == b"Q" and message == b"COMMIT\0" and self.may_write
                self.fate = self.proxy.fate() if is_commit else AtCommit.passes
                if self.fate is AtCommit.cut_before:
                    break
                if self.fate is AtCommit.held:
                    self.proxy.holds.set()
                    await self._until_cut()
                    break
                await self._forward(kind + length + message)
                if self.fate is AtCommit.cut_after:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        self.cut()

    async def down(self, reader: asyncio.StreamReader) -> None:
        """Carry what the server answers."""
        try:
            while data := await reader.read(READ_BYTES):
                await self._while_stalled()
                if self.fate is AtCommit.reply_dropped:
                    break
                if self.fate is AtCommit.reply_held:
                    self.proxy.holds.set()
                    await self._until_cut()
                    break
                self.client.write(data)
                await self.client.drain()
        except OSError:
            pass
        self.cut()

    async def _forward(self, message: bytes) -> None:
        await self._while_stalled()
        assert self.server is not None
        self.server.write(message)
        await self.server.drain()

    async def _while_stalled(self) -> None:
        while self.proxy.is_stalled and not self.is_cut:
            await asyncio.sleep(0.01)

    async def _until_cut(self) -> None:
        while not self.is_cut:
            await asyncio.sleep(0.01)


def _size(length: bytes) -> int:
    return int.from_bytes(length) - 4
