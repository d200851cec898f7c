"""Ask a server on this machine for pages and count; the only client of the measurements.

Plain sockets in one loop: the figure of interest is the server's CPU, so the client needs no
speed and no tool that may be missing. It must rather be slow: on loopback, as long as a client
takes whatever is sent, the kernel does the receiving half of a large answer in the server's
time, three times the cost of sending for nginx, which a client on another machine never causes.
Several connections with a small receive window make senders wait for the client, so that a
server pays for sending alone.
"""

import re
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

CONNECTIONS = 8
WINDOW_BYTES = 65_536
LARGE_READ_BYTES = 1 << 20
ANSWER_TIMEOUT_SECONDS = 60
HEAD_BYTES_MAX = 16_384
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_OK = re.compile(rb"HTTP/1\.1 200\b")


class LoadError(Exception):
    """The server did not answer as a measurement needs it."""


@dataclass(frozen=True)
class Tally:
    """What one run of requests amounted to."""

    request_count: int
    body_bytes: int
    seconds: float


class Connection:
    """One keep-alive connection, with what is missing of its current answer."""

    def __init__(self, port: int, *, window_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if window_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
        self.socket.settimeout(ANSWER_TIMEOUT_SECONDS)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = b""
        self._size = 0
        self._missing_bytes = 0

    def fetch(self, request: bytes) -> bytes:
        """Send one request and return the body of its answer."""
        self.socket.sendall(request)
        answer = bytearray()
        size = None
        while size is None:
            received = self.socket.recv(LARGE_READ_BYTES)
            answer += received
            size = self.take(memoryview(received))
        return bytes(answer[len(answer) - size :])

    def take(self, received: memoryview) -> int | None:
        """Account for received bytes; return the body's size once the answer is whole."""
        if not received:
            raise LoadError("the server closed the connection")
        if not self._missing_bytes:
            self._head += received
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > HEAD_BYTES_MAX:
                    raise LoadError("the header of the answer does not end")
                return None
            self._size = _body_size(self._head, end)
            self._missing_bytes = self._size + end + 4 - len(self._head)
            self._head = b""
        else:
            self._missing_bytes -= len(received)
        return self._size if self._missing_bytes == 0 else None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def get(port: int, target: str, key: str = "", *, coding: str = "") -> bytes:
    """Return the request bytes of GET `target`; `coding` is the accepted one, if any."""
    headers = f"Authorization: Bearer {key}\r\n" if key else ""
    headers += f"Accept-Encoding: {coding}\r\n" if coding else ""
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n".encode()


def drive(
    port: int,
    requests: Iterator[bytes],
    *,
    count: int,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Tally:
    """Send the next of `requests` over a few connections, `count` of them or for `seconds`.

    Every request sent is waited for, so that the server's CPU belongs to counted answers.
    """
    buffer = memoryview(bytearray(WINDOW_BYTES))
    started_at = time.perf_counter()
    sent = finished = body_bytes = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, count)):
            connection = Connection(port, window_bytes=WINDOW_BYTES)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.socket.sendall(next(requests))
            sent += 1
        while finished < sent:
            ready = selector.select(ANSWER_TIMEOUT_SECONDS)
            if not ready:
                raise LoadError(f"no answer within {ANSWER_TIMEOUT_SECONDS} s")
            is_late = time.perf_counter() - started_at > seconds
            for event, _ in ready:
                connection = event.data
                size = connection.take(buffer[: connection.socket.recv_into(buffer)])
                if size is None:
                    continue
                finished += 1
                body_bytes += size
                if sent < count and not is_late:
                    connection.socket.sendall(next(requests))
                    sent += 1
        for event in list(selector.get_map().values()):
            event.data.socket.close()
    return Tally(finished, body_bytes, time.perf_counter() - started_at)


def _body_size(head: bytes, end: int) -> int:
    """Return the Content-Length of an answer; anything but a 200 with a length is an error."""
    length = _LENGTH.search(head, 0, end)
    if length is None or not _OK.match(head):
        raise LoadError(f"unexpected answer: {head[:300]!r}")
    return int(length[1])
