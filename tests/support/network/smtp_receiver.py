"""A mail server on the loopback interface: enough of SMTP to take mail, and to misbehave."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CANARY = "canary-51c0"


class SmtpReceiver:
    """Takes mail. `replies` replaces the answer to a command; None hangs up, "" stays silent."""

    def __init__(
        self,
        replies: dict[str, str | None] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self._replies = replies or {}
        self._tls = tls
        self._implicit = implicit
        self._login = login
        self.port = 0
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self._tasks: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[SmtpReceiver]:
        """Listen on a free port until the block ends."""
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._tls if self._implicit else None
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.ensure_future(self._converse(reader, writer)))
        await asyncio.wait(self._tasks[-1:])

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_open = self._say(writer, "greeting", f"220 mail.example {CANARY}")
        try:
            while is_open and (line := (await reader.readline()).decode()):
                self.commands.append(line.strip())
                verb = line.split()[0].upper()
                if verb == "DATA" and "DATA" not in self._replies:
                    self._say(writer, verb, "354 go on")
                    self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                    is_open = self._say(writer, "message", f"250 {CANARY}")
                elif verb == "STARTTLS" and self._tls is not None:
                    writer.write(b"220 go on\r\n")
                    await writer.start_tls(self._tls)
                else:
                    is_open = self._say(writer, verb, self._usual(verb, line))
                await writer.drain()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _usual(self, verb: str, line: str) -> str:
        if verb == "EHLO":
            offers = ["250-mail.example", "250-SIZE 1000000"]
            offers += ["250-STARTTLS"] if self._tls is not None and not self._implicit else []
            return "\r\n".join([*offers, "250 AUTH PLAIN"])
        if verb == "AUTH":
            given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
            return f"235 {CANARY}" if tuple(given) == self._login else f"535 {CANARY}"
        return "221 bye" if verb == "QUIT" else f"250 {CANARY}"

    def _say(self, writer: asyncio.StreamWriter, key: str, usual: str) -> bool:
        reply = self._replies.get(key, usual)
        if reply:
            writer.write(reply.encode() + b"\r\n")
        return reply is not None
