"""Server that answers each request as a test says, well-formed or not, in a thread of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

Answer = Callable[[int, bytes], bytes | None]
"""Bytes that request number n, with this head, is answered with; None says nothing and hangs up."""


class OddServer:
    """HTTP server on loopback. `heads` are the requests that came, `moments` when they did.
    `bodies` are theirs.

    A connection is closed after an answer that names no length of its body, or not all of it.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.moments: list[float] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as lines:
            try:
                while request := self._read(lines):
                    answer = self._answer(*request)
                    if answer is None:
                        return
                    peer.sendall(answer)
                    if b"x-cut: 1" in answer:
                        return
            except OSError:
                return

    def _read(self, lines: Any) -> tuple[int, bytes] | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = lines.readline()
            if not line:
                return None
            head += line
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        body = lines.read(length)
        with self._lock:
            self.moments.append(time.monotonic())
            self.heads.append(head)
            self.bodies.append(body)
            return len(self.heads) - 1, head


def answered(value: Any = None, status: int = 200, *, cut: int = 0, **headers: str) -> bytes:
    """An answer of a value as JSON, or of bytes as they are; `cut` bytes of its end are missing."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    named["content-length"] = str(len(body))
    if cut:
        named["x-cut"] = "1"
    lines = "".join(f"{name}: {text}\r\n" for name, text in named.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body[: len(body) - cut]
