"""uvicorn's HTTP edge with our limits and our error body, for what never becomes a request."""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plaudit.api import problems
from plaudit.api.operation import COMMON_HEADERS
from plaudit.errors import BadRequest, HeaderTooLarge, Problem, Unavailable
from plaudit.settings import CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_SECONDS_MAX


class EdgeProtocol(HttpToolsProtocol):
    """Bounds the size and the duration of a request's head, and answers bad HTTP as JSON."""

    _head_bytes = 0
    _is_in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            self._refuse(Unavailable("too many connections; try again in a moment"))
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            if self._head_timer is None:
                self._expect_head()
            self._head_bytes += len(data)
            # A body may come along with the head; only a head that is still open counts as long.
            end = data.find(b"\r\n\r\n")
            over = self._head_bytes - (len(data) - end if end >= 0 else 0)
            if over > HEADER_BYTES_MAX:
                self._refuse(HeaderTooLarge())
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_bytes = 0
        self._is_in_head = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest())

    def _expect_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(HEADER_SECONDS_MAX, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(BadRequest("the request's head did not arrive in time"))
        elif not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: Problem) -> None:
        self._stop_timer()
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
