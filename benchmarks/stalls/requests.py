"""Requests whose cost is measured: how they are sent, and bodies as large as a limit allows."""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from plaudit.api.http.bodies import BodyLimit
from plaudit.wire.v2.size_limits import METADATA_BYTES_MAX

FILLED = ("answers", "fixes", "metadata", "json")
"""Members whose content is anybody's; what it has of lists and objects is bounded by the body."""
ANSWER_TIMEOUT_SECONDS = 120
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """A request of one connection."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Case:
    """Requests that are sent at once, and the operation or page that they are for."""

    name: str
    operation: str
    requests: Sequence[Request]

    @property
    def body_bytes(self) -> int:
        return sum(len(each.body) for each in self.requests)


def send(port: int, request: Request) -> tuple[int, int]:
    """Send a request; the status and the bytes of the answer's body.

    A server may answer before it has the body, and close the connection: the answer counts. The
    status is 0 if there is none.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_SECONDS) as peer:
        sender = threading.Thread(target=_write, args=(peer, port, request), daemon=True)
        sender.start()
        try:
            answer = HTTPResponse(peer, method=request.method)
            answer.begin()
            size = 0
            while piece := answer.read(READ_BYTES):
                size += len(piece)
            return answer.status, size
        except (OSError, HTTPException):
            return 0, 0
        finally:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            sender.join()


def _write(peer: socket.socket, port: int, request: Request) -> None:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    given = dict(request.headers)
    if request.body:
        given["Content-Length"] = str(len(request.body))
    if "Cookie" in given:
        given["Origin"] = f"http://127.0.0.1:{port}"
    lines += [f"{name}: {value}" for name, value in given.items()]
    with suppress(OSError):
        peer.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        peer.sendall(request.body)


def largest_json(known: Mapping[str, Any], limit: BodyLimit, *, is_open: bool) -> bytes:
    """A body as large as a limit allows, in bytes and as far as it can in brackets.

    A member of FILLED is filled, or else one that nobody knows where that `is_open`; what is
    missing then is white space.
    """
    held = [name for name in FILLED if name in known] or ["filler"] * is_open
    content = json.dumps({name: value for name, value in known.items() if name not in held})
    start = content.encode()[:-1] + (b", " if len(content) > 2 else b"")
    if held:
        start += f'"{held[0]}":'.encode()
        is_object = isinstance(known.get(held[0]), dict)
        start, end = (start + b'{"a":[', b"]}") if is_object else (start + b"[", b"]")
        room = limit.bytes_max - len(start) - len(end) - 4
        if held[0] == "metadata":
            room = min(room, METADATA_BYTES_MAX - 100)
        marks = sum(start.count(mark) for mark in b"[]{},:")
        lists = b"[]," * min(room // 3, max(0, (limit.structure_max - marks - 10) // 3))
        start += lists + b'"' + b"x" * (room - len(lists)) + b'"' + end
    content_bytes = start + b"}" if held else content.encode()
    return content_bytes + b" " * (limit.bytes_max - len(content_bytes))


def largest_form(known: Mapping[str, str], limit: BodyLimit) -> bytes:
    """A form as large as a limit allows: its token comes again, long and percent-encoded."""
    content = urlencode(known).encode() + b"&csrf="
    return content + b"%C3%A9" * ((limit.bytes_max - len(content)) // 6)
