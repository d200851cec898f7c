"""uvicorn's HTTP protocol with limits on request heads and JSON errors for malformed HTTP."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NoReturn, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plaudit.api.http import problems
from plaudit.api.http.connections import SWEEP_S, ConnectionLimits, Phase
from plaudit.api.http.file_sending import EXTENSION, FileBody
from plaudit.api.http.hot_route import HotRoute
from plaudit.api.http.one_write import OneWrite, UnderWay
from plaudit.api.http.operation import COMMON_HEADERS
from plaudit.errors import BadRequest, HeaderTooLarge, Problem
from plaudit.settings import (
    BYTES_PER_SECOND_MIN,
    DRAIN_SECONDS_MAX,
    HEADER_BYTES_MAX,
    HEADER_SECONDS_MAX,
    IDLE_SECONDS_MAX,
    LINGER_SECONDS_MAX,
    PIPELINED_MAX,
    RATE_WINDOW_S,
    STREAM_SECONDS_MAX,
)

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d*)?")
"""Host header: a name or address, and perhaps a port (RFC 9110, section 7.2)."""

UNSENT_BYTES_MAX = 512 * 1024
"""Bytes of answers that the kernel takes before they can be sent; else 4 MB for each peer."""


class EdgeProtocol(HttpToolsProtocol):
    """HTTP protocol with limits on heads, on slow peers, and on connections; errors are JSON.

    A head's size is the parsed bytes, and while it is incomplete the received bytes as well. A
    request names its host exactly once, HTTP/1.0 at most once (RFC 9112, section 3.2).
    """

    phase = Phase.waiting
    since = 0.0
    _limits: ConnectionLimits
    _hot: HotRoute | None
    _gone: asyncio.Future[None]
    """Done once the peer has gone; requests that wait for their turn then leave."""
    _parsed_bytes = 0
    _received_bytes = 0
    _body_bytes = 0
    _heads = 0
    _is_in_head = True
    _has_begun = False
    """True once the first byte of the current head has come."""
    _is_hot = False
    """True if the latest request was answered by the hot route, and so had a valid key."""
    _under_way: UnderWay | None = None
    """The hot route's answer that is being sent from page files, if any."""
    _is_refused = False
    _refusal: Problem | None = None
    _fault: str | None = None
    _mark = 0
    """Bytes that the peer had sent of a body, or taken of an answer, at `_mark_time`."""
    _mark_time = 0.0

    @property
    def host(self) -> str:
        """Address of the peer, empty if it has none."""
        return "" if self.client is None else self.client[0]

    @property
    def is_known(self) -> bool:
        """True if the latest request had a valid key or session."""
        if self._is_hot or self.cycle is None:
            return self._is_hot
        scope: Any = self.cycle.scope
        return scope.get("plaudit.caller") is not None or scope.get("plaudit.user") is not None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(OneWrite(transport, self))  # type: ignore[arg-type]
        with suppress(OSError, AttributeError):  # a transport without a socket, or a system without
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX
            )
        self.since = self.loop.time()
        self._gone = self.loop.create_future()
        self._limits = self.app_state["connections"]
        self._hot = self.app_state.get("hot")
        if (problem := self._limits.admit(self)) is not None:
            self._refuse(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.lose()  # type: ignore[attr-defined]
        self._limits.remove(self)
        self._gone.set_result(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        heads_before, was_in_head = self._heads, self._is_in_head
        super().data_received(data)
        if self._is_in_head and not self._is_refused:
            # In a packet that also ended another head or body, this head's share is unknown;
            # it is counted from the next packet on.
            is_all_head = was_in_head and self._heads == heads_before
            self._received_bytes += len(data) if is_all_head else 0
            if self._received_bytes > HEADER_BYTES_MAX:
                self._refuse(HeaderTooLarge())
        self._settle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._under_way is not None:
            self._end_under_way(self._under_way)
        self._settle()

    def shutdown(self) -> None:
        """End the connection after the current answer, and in time whatever the peer does."""
        super().shutdown()
        self.loop.call_later(DRAIN_SECONDS_MAX - 1, self.transport.abort)

    def check(self, now: float) -> None:
        """End the connection if its peer is too slow; `now` is the loop's time."""
        self._settle()
        seconds = now - self.since
        if self.phase is Phase.lingering:
            if seconds > LINGER_SECONDS_MAX - SWEEP_S:
                self.transport.close()
        elif self.phase is Phase.body:
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                self._mark_time = now  # the peer waits for us
            elif self._is_slow(now):
                self._refuse(BadRequest("the request's body did not arrive in time"))
        elif self.phase is Phase.unread:
            if self._is_slow(now) or seconds >= STREAM_SECONDS_MAX:
                self.transport.abort()
        elif self.phase is not Phase.serving:
            self._check_wait(seconds)

    def end(self) -> None:
        """End the connection at once, to make room for another one."""
        self._is_refused = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True
        if self._heads:
            self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._require_host()
        if len(self.pipeline) >= PIPELINED_MAX:
            self._fail(f"at most {PIPELINED_MAX} requests may wait for the answer to another one")
        self._heads += 1
        self._is_in_head = self._has_begun = False
        self._is_hot = self._answer_at_once()
        if not self._is_hot:
            self.scope["plaudit.gone"] = self._gone  # type: ignore[typeddict-unknown-key]
            self.scope["extensions"] = {EXTENSION: {}}
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_hot:
            super().on_message_complete()
        self._parsed_bytes = self._received_bytes = 0
        self._is_in_head = True

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        if self._refusal is not None and not self.pipeline:
            self._send_refusal(self._refusal)
        # As uvicorn does, but for its timer of idle connections: `check` ends them.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
        self._settle()

    def _answer_at_once(self) -> bool:
        """Answer the request by the hot route; False if that leaves it to the ordinary way."""
        is_ready = self._is_idle() and not (self.flow.write_paused or self.transport.is_closing())
        if self._hot is None or not is_ready or self.parser.get_method() != b"GET":
            return False
        url = httptools.parse_url(self.url)
        answer = self._hot.answer(url.path, url.query or b"", self.headers)
        if answer is None:
            return False
        is_kept = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        last = b"\r\n" if is_kept else b"connection: close\r\n\r\n"
        head = b"".join((self._start_of_head(), answer.head, last))
        if answer.body.is_of_files:
            self._send_from_files(head, answer.body)
        else:
            self.transport.write(b"".join((head, *answer.body.read())))
            self.transport.flush()  # type: ignore[attr-defined]
        self._hot.note_sent(answer)
        if self._under_way is not None:
            self._under_way.keep_alive = is_kept
            return True
        self.server_state.total_requests += 1
        if not is_kept:
            self.transport.close()
        return True

    def _send_from_files(self, head: bytes, body: FileBody) -> None:
        """Send an answer; if it takes longer it is under way, and later requests wait behind it."""
        transport: Any = self.transport
        transport.write(head)
        transport.write(body)
        if self.flow.write_paused:
            self._under_way = self.cycle = cast("Any", UnderWay())

    def _end_under_way(self, under_way: UnderWay) -> None:
        self._under_way = None
        under_way.response_complete = True
        if not under_way.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _start_of_head(self) -> bytes:
        """Status line of a 200, and the headers that every answer begins with, such as `date`."""
        headers = self.server_state.default_headers
        return b"HTTP/1.1 200 OK\r\n" + b"".join([b"%b: %b\r\n" % pair for pair in headers])

    def send_400_response(self, msg: str) -> None:
        is_long = self._parsed_bytes > HEADER_BYTES_MAX
        self._refuse(HeaderTooLarge() if is_long else BadRequest(self._fault))

    def _require_host(self) -> None:
        """Two readers of one request must not take it for two different servers."""
        hosts = [value for name, value in self.headers if name == b"host"]
        is_old = self.parser.get_http_version() == "1.0"
        if len(hosts) > 1 or not (hosts or is_old) or not all(map(_HOST.fullmatch, hosts)):
            self._fail("a request has one Host header, with a host and perhaps a port")

    def _fail(self, fault: str) -> NoReturn:
        self._fault = fault
        raise ValueError(fault)  # ends the parsing; see send_400_response

    def _count(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > HEADER_BYTES_MAX:
            raise ValueError("the head is too long")  # ends the parsing; see send_400_response

    def _check_wait(self, seconds: float) -> None:
        is_late = seconds >= HEADER_SECONDS_MAX
        if self._has_begun and is_late:
            self._refuse(BadRequest("the request's head did not arrive in time"))
        elif seconds >= IDLE_SECONDS_MAX or (is_late and not self._heads):
            self.transport.close()

    def _is_slow(self, now: float) -> bool:
        """True at the end of a window in which the peer sent or took fewer bytes than it must."""
        if now - self._mark_time < RATE_WINDOW_S:
            return False
        moved = self._moved_bytes()
        is_slow = moved - self._mark < BYTES_PER_SECOND_MIN * RATE_WINDOW_S
        self._mark, self._mark_time = moved, now
        return is_slow

    def _moved_bytes(self) -> int:
        if self.phase is Phase.body:
            return self._body_bytes
        taken: int = self.transport.taken_bytes()  # type: ignore[attr-defined]
        return taken

    def _settle(self) -> None:
        """Note the phase that the connection is in now."""
        phase = self._current_phase()
        if phase is self.phase:
            return
        self._limits.move(self, phase)
        self.since = self._mark_time = self.loop.time()
        if phase in (Phase.body, Phase.unread):
            self._mark = self._moved_bytes()

    def _current_phase(self) -> Phase:
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            return Phase.unread
        is_idle = self._is_idle()
        if is_idle and not self._is_in_head:
            return Phase.lingering
        if self.flow.write_paused:
            return Phase.unread
        if not self._is_in_head:
            return Phase.body
        if not is_idle:
            return Phase.serving
        return Phase.resting if self.is_known else Phase.waiting

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        """Refuse further requests on this connection, after the current response."""
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
