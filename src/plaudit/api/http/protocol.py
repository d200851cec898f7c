"""uvicorn's HTTP protocol with limits on request heads and JSON errors for malformed HTTP."""

from __future__ import annotations

import asyncio
import re
import secrets
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plaudit.api.http import problems
from plaudit.api.http.operation import COMMON_HEADERS
from plaudit.errors import BadRequest, HeaderTooLarge, Problem, Unavailable
from plaudit.settings import CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_SECONDS_MAX

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d*)?")
"""Host header: a name or address, and perhaps a port (RFC 9110, section 7.2)."""

INTERIM = b"HTTP/1.1 100 "
"""First bytes of an interim response; it must be sent at once, because the client waits."""


class OneWrite:
    """Transport wrapper that sends a response's head and body in one write.

    uvicorn writes them separately, and each write costs a system call and a packet: half the cost
    of a small response. The first piece is buffered until the next one, `flush` or `close`.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._buffered: bytes | None = None
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview) -> None:
        """Send `data`, or buffer it if nothing is buffered; a view is a piece of a long body."""
        if self._buffered is not None:
            buffered, self._buffered = self._buffered, None
            self._transport.writelines((buffered, data))
        elif isinstance(data, memoryview) or data.startswith(INTERIM):
            self._transport.write(data)
        else:
            self._buffered = data

    def flush(self) -> None:
        """Send the buffered piece, if any."""
        if self._buffered is not None:
            buffered, self._buffered = self._buffered, None
            self._transport.write(buffered)

    def close(self) -> None:
        """Send the buffered piece, then close the connection."""
        self.flush()
        self._transport.close()


class EdgeProtocol(HttpToolsProtocol):
    """HTTP protocol with limits on a head's size and duration, and JSON errors for bad HTTP.

    A head's size is the parsed bytes, and while it is incomplete the received bytes as well. A
    request names its host exactly once, HTTP/1.0 at most once (RFC 9112, section 3.2).
    """

    _parsed_bytes = 0
    _received_bytes = 0
    _heads = 0
    _is_in_head = True
    _is_refused = False
    _refusal: Problem | None = None
    _fault: str | None = None
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(OneWrite(transport))  # type: ignore[arg-type]
        if len(self.connections) > CONNECTIONS_MAX:
            self._refuse(Unavailable("too many connections; try again in a moment"))
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        heads_before, was_in_head = self._heads, self._is_in_head
        if self._is_in_head and self._head_timer is None:
            self._expect_head()
        super().data_received(data)
        if self._is_in_head and not self._is_refused:
            # In a packet that also ended another head or body, this head's share is unknown;
            # it is counted from the next packet on.
            is_all_head = was_in_head and self._heads == heads_before
            self._received_bytes += len(data) if is_all_head else 0
            if self._received_bytes > HEADER_BYTES_MAX:
                self._refuse(HeaderTooLarge())

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._require_host()
        self._heads += 1
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._parsed_bytes = self._received_bytes = 0
        self._is_in_head = True

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        is_long = self._parsed_bytes > HEADER_BYTES_MAX
        self._refuse(HeaderTooLarge() if is_long else BadRequest(self._fault))

    def _require_host(self) -> None:
        """Two readers of one request must not take it for two different servers."""
        hosts = [value for name, value in self.headers if name == b"host"]
        is_old = self.parser.get_http_version() == "1.0"
        if len(hosts) > 1 or not (hosts or is_old) or not all(map(_HOST.fullmatch, hosts)):
            self._fault = "a request has one Host header, with a host and perhaps a port"
            raise ValueError(self._fault)  # ends the parsing; see send_400_response

    def _count(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > HEADER_BYTES_MAX:
            raise ValueError("the head is too long")  # ends the parsing; see send_400_response

    def _expect_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(HEADER_SECONDS_MAX, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if self._received_bytes or self._parsed_bytes:
            self._refuse(BadRequest("the request's head did not arrive in time"))
        elif not self.transport.is_closing() and self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: Problem) -> None:
        """Refuse further requests on this connection, after the current response."""
        self._stop_timer()
        self._is_refused = True
        if self._is_idle():
            self._send_refusal(problem)
        elif self._is_in_head:
            self._refusal = problem
        elif not self.cycle.response_started:
            # The fault is in the current request's body, so the refusal is its response.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._send_refusal(problem)
        else:
            self.cycle.keep_alive = False

    def _send_refusal(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        request_id = f"req_{secrets.token_hex(12)}"
        body = problems.body(problem, request_id)
        status = problems.STATUSES[type(problem)]
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
            *COMMON_HEADERS,
            *problems.headers(problem),
        ]
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()
        structlog.get_logger("plaudit.request").info(
            "refused", request_id=request_id, status=status, code=problem.code
        )
