"""Kept HTTP/1.1 connections to one server, for the blocking client where no proxy is between.

It parses answers in C (llhttp), and takes a quarter of the processor time of a general client,
which otherwise would be most of the cost of a page (docs/adr/0036).
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import httptools
import httpx2

Connection = socket.socket
PIECE_BYTES = 256 * 1024
HEAD_BYTES_MAX = 256 * 1024
CHUNK_COST_MAX = 16
"""Bytes on the wire for a byte of a body, in chunks that are very small."""


class AnswerBroken(Exception):
    """The connection ended, or what came is no HTTP."""


class AnswerLate(Exception):
    """The answer did not come within its time."""


class AnswerTooLong(Exception):
    """The answer has more bytes than the bound."""


class Unreachable(Exception):
    """There is no connection, so nothing was sent; the message says why."""


class _Answer:
    """Answer of a server while it comes in; the parser calls its methods.

    What comes after its end is not looked at, and the connection is not used again.
    """

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.size = 0
        self.is_complete = False
        self.is_followed = False
        self.is_last = True
        self.parser = httptools.HttpResponseParser(self)
        self._is_started = False

    def on_message_begin(self) -> None:
        """Note that there is more than the answer."""
        self.is_followed = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, the last one of its name."""
        if not self.is_complete:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note that the body comes next."""
        self._is_started = True

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        if not self.is_complete:
            self.pieces.append(piece)
            self.size += len(piece)

    def on_message_complete(self) -> None:
        """Note the end, or that what came only announced the answer (1xx)."""
        if self.parser.get_status_code() < 200:
            self.headers.clear()
            self._is_started = False
        else:
            self.is_complete = True
            self.is_last = not self.parser.should_keep_alive()

    @property
    def ends_with_connection(self) -> bool:
        """True if the body is as long as the connection lasts."""
        names = ("content-length", "transfer-encoding")
        return self._is_started and not any(name in self.headers for name in names)


class ConnectionPool:
    """Connections to the server of a URL; threads may share it.

    A forked process leaves those of its parent alone: two readers of one connection would each get
    what was meant for the other.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._tls: ssl.SSLContext | None = None
        self._timeout_s = timeout_s
        self._idle: deque[socket.socket] = deque()
        self._busy: set[socket.socket] = set()
        self._host_header = parts.netloc
        self._is_closed = False
        self._process_id = os.getpid()

    def begin(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        deadline: float,
    ) -> socket.socket:
        """Send a request, and return the connection on which its answer will come.

        It is to be given to `receive` or `abandon`. Raises Unreachable, AnswerBroken, AnswerLate.
        """
        self._leave_parent()
        request = self._request(method, target, headers, content)
        connection = self._connection(deadline)
        self._busy.add(connection)
        if self._is_closed:  # meanwhile, when this connection was not among those to end
            self.abandon(connection)
            raise AnswerBroken
        try:
            self._send(connection, request, deadline)
        except OSError as exc:
            self.abandon(connection)
            raise (AnswerLate if isinstance(exc, TimeoutError) else AnswerBroken) from exc
        return connection

    def receive(
        self, connection: socket.socket, *, bytes_max: int, deadline: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of an answer, as it came.

        Raises AnswerBroken, AnswerLate, AnswerTooLong.
        """
        is_kept = False
        self._leave_parent()
        try:
            if connection not in self._busy:
                raise AnswerBroken  # it is the parent's
            answer = _Answer()
            self._receive(connection, answer, bytes_max, deadline)
            status = answer.parser.get_status_code()
            is_kept = not (answer.is_last or answer.is_followed or self._is_closed)
            return status, answer.headers, b"".join(answer.pieces)
        except TimeoutError as exc:
            raise AnswerLate from exc
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            raise AnswerBroken from exc
        finally:
            if is_kept:
                self._busy.discard(connection)
                self._idle.append(connection)
            else:
                self.abandon(connection)

    def abandon(self, connection: socket.socket) -> None:
        """Close a connection whose answer nobody wants."""
        self._busy.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close the connections, and break off what goes over them."""
        self._is_closed = True
        self._leave_parent()
        for connection in list(self._busy):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        while self._idle:
            self._idle.pop().close()

    def _leave_parent(self) -> None:
        """In a process that was forked, close its copies of the connections."""
        if self._process_id != os.getpid():
            self._process_id = os.getpid()
            for connection in (*self._idle, *self._busy):
                connection.close()
            self._idle.clear()
            self._busy.clear()

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host_header}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if content is not None:
            lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (content or b"")

    def _connection(self, deadline: float) -> socket.socket:
        """A kept connection that the server has not closed meanwhile, or a new one."""
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if not _is_readable(kept):
                return kept
            kept.close()
        timeout = max(0.001, min(self._timeout_s, deadline - time.monotonic()))
        try:
            made = socket.create_connection((self._host, self._port), timeout)
        except OSError as exc:
            raise Unreachable(str(exc)) from exc
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.settimeout(self._timeout_s)
            return self._secured(made) if self._is_tls else made
        except OSError as exc:
            made.close()
            raise Unreachable(str(exc)) from exc

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls.wrap_socket(connection, server_hostname=self._host)

    def _send(self, connection: socket.socket, request: bytes, deadline: float) -> None:
        """Send a request in pieces: `sendall` has one timeout for all that it is given."""
        for start in range(0, len(request), PIECE_BYTES):
            connection.sendall(memoryview(request)[start : start + PIECE_BYTES])
            if time.monotonic() > deadline:
                raise TimeoutError

    def _receive(
        self, connection: socket.socket, answer: _Answer, bytes_max: int, deadline: float
    ) -> None:
        received = 0
        while not answer.is_complete:
            piece = connection.recv(PIECE_BYTES)
            if not piece:
                if answer.ends_with_connection:
                    return
                raise AnswerBroken
            answer.parser.feed_data(piece)
            received += len(piece)
            if answer.size > bytes_max:
                raise AnswerTooLong
            if received > HEAD_BYTES_MAX + CHUNK_COST_MAX * answer.size:
                raise AnswerBroken
            if time.monotonic() > deadline:
                raise AnswerLate


def _is_readable(connection: socket.socket) -> bool:
    """True if something came on an idle connection, which mostly is its end."""
    if not hasattr(select, "poll"):
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
