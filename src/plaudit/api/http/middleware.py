"""Outermost ASGI middleware: request ids, authentication, limits, errors, logs and metrics.

Every request and response passes through it, which guarantees for all of them: one error body, a
request id, no stack trace, and a key on every route that is not declared open.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit.api.http import problems
from plaudit.api.http.admission import Admission
from plaudit.api.http.client_address import client_network
from plaudit.api.http.connections import ConnectionLimits
from plaudit.api.http.edge_headers import rate_headers, request_id_of
from plaudit.api.http.file_sending import FileBody
from plaudit.api.http.hot_log import HotLog
from plaudit.api.http.hot_route import HotRoute
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.operation import (
    COMMON_HEADERS,
    JSON,
    Operation,
    Response,
    Services,
    respond,
)
from plaudit.api.http.replica_reads import ANSWERED_BY
from plaudit.api.http.stall_meter import StallMeter, Steps
from plaudit.core.accounts import api_keys
from plaudit.core.common import rate_limits
from plaudit.errors import (
    MethodNotAllowed,
    NotFound,
    Problem,
    ServerFault,
    TimedOut,
    TooLarge,
    Unauthenticated,
)
from plaudit.model.core import Caller
from plaudit.settings import BODY_BYTES_MAX, REQUEST_SECONDS_MAX, STREAM_SECONDS_MAX

LOGGED_CHARS_MAX = 1024

_SLASHES = re.compile("^/{2,}")


class Edge:
    """ASGI middleware around the router.

    `open_paths` need no key, `stream_paths` and `long_paths` have the longer time limit, and
    `show_problem` returns the error page for browsers, or None for the JSON body. `is_astray` is
    true for a signed-in browser at a path that does not exist. `session_of` returns the session of
    a browser, empty without one. `operations` are those that the hot route may answer.
    """

    def __init__(
        self,
        inner: ASGIApp,
        services: Services,
        metrics: Metrics,
        meter: StallMeter,
        *,
        open_paths: re.Pattern[str],
        stream_paths: re.Pattern[str],
        show_problem: Callable[[Scope, Problem], Response | None],
        is_astray: Callable[[Scope], Awaitable[bool]],
        session_of: Callable[[Scope], str],
        long_paths: re.Pattern[str],
        operations: Sequence[Operation] = (),
    ) -> None:
        self._inner = inner
        self._services = services
        self._metrics = metrics
        self._meter = meter
        self._is_open = open_paths.fullmatch
        self._is_stream = stream_paths.fullmatch
        self._show_problem = show_problem
        self._is_astray = is_astray
        self._session_of = session_of
        self._is_long = long_paths.fullmatch
        self._rates, self._failed_auth = rate_limits.from_settings(services.settings)
        settings = services.settings
        self._admission = Admission(
            settings.org_requests_in_work, settings.org_requests_waiting, metrics
        )
        self._log = structlog.get_logger("plaudit.request")
        self.hot_log = HotLog(metrics, has_lines=settings.log_level in ("debug", "info"))
        self.hot = HotRoute(operations, services, self._admission, self._rates, self.hot_log, meter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The state of a server's lifespan is handed to its protocol for each connection.
            trusted = self._services.settings.trusted_proxies
            state = scope.get("state", {})
            state["connections"] = ConnectionLimits(trusted)
            if self._services.settings.database is None:
                state["hot"] = self.hot
            try:
                await self._inner(scope, receive, send)
            finally:
                self.hot_log.flush()
            return

        def note_step(seconds: float, cpu_s: float) -> None:
            self._meter.note(
                scope.get("plaudit.operation", "none"),
                seconds,
                cpu_s,
                method=scope["method"],
                request_id=scope["plaudit.request_id"],
            )

        await Steps(self._answer(scope, receive, send), note_step)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = scope["plaudit.request_id"] = request_id_of(headers.get(b"x-request-id"))
        # Routes match the undecoded path, so that %2F inside a segment does not split it.
        raw_path = scope.get("raw_path") or scope["path"].encode()
        scope["path"] = _SLASHES.sub("/", raw_path.decode("latin-1"))
        is_stream = scope["method"] == "POST" and self._is_stream(scope["path"]) is not None
        is_long = is_stream or self._is_long(scope["path"]) is not None
        seconds_max = STREAM_SECONDS_MAX if is_long else REQUEST_SECONDS_MAX
        outcome: dict[str, Any] = {"status": 0, "bytes": 0}
        limit = asyncio.timeout(seconds_max)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome["status"] = message["status"]
                response_headers = message["headers"]
                names = {name for name, _ in response_headers}
                response_headers.append((b"x-request-id", request_id.encode()))
                if self._rates is not None and "plaudit.caller" in scope:
                    response_headers.extend(rate_headers(self._rates, scope["plaudit.caller"]))
                response_headers.extend(pair for pair in COMMON_HEADERS if pair[0] not in names)
            else:
                body = message.get("body", b"")
                outcome["bytes"] += len(body)
                if not is_long and message.get("more_body"):
                    # A long response has as much time for each of its pieces. Page files are one
                    # piece, however long; the protocol ends those who take too little of it.
                    is_whole = isinstance(body, FileBody)
                    piece_s = STREAM_SECONDS_MAX if is_whole else seconds_max
                    limit.reschedule(asyncio.get_running_loop().time() + piece_s)
            await send(message)

        try:
            async with limit:
                await self._admit(scope, receive, send_with_headers, headers, is_stream=is_stream)
        except Exception as exc:
            problem = self._problem(exc, request_id)
            if outcome["status"]:
                raise  # the response has begun, so only closing the connection is left
            if (response := self._show_problem(scope, problem)) is not None:
                await respond(
                    send_with_headers,
                    response.status,
                    response.body,
                    response.content_type,
                    response.headers,
                )
            else:
                await _refuse(send_with_headers, problem, request_id, headers)
        finally:
            self._note(scope, request_id, outcome, time.perf_counter() - started)

    async def _admit(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[bytes, bytes],
        *,
        is_stream: bool,
    ) -> None:
        """Serve a request when it is its organization's turn; raises Unavailable.

        Who asks is authenticated only then: it costs a look into the store.
        """
        admission = self._admission
        if self._is_open(scope["path"]):
            credential = self._session_of(scope).encode() if b"cookie" in headers else b""
        else:
            credential = headers.get(b"authorization", b"")
        digest = admission.digest(credential) if credential else b""
        who = admission.find(digest)
        is_known = who is not None
        if who is None:
            who = client_network(scope, self._services.settings.trusted_proxies)
        permit = scope["plaudit.permit"] = await admission.admit(scope, who)
        try:
            receive = permit.receive(receive, is_stream=is_stream)
            await self._serve(scope, receive, permit.send(send), headers, is_stream=is_stream)
        finally:
            permit.end()
            asker = scope.get("plaudit.caller") or scope.get("plaudit.user")
            if credential and not is_known and asker is not None:
                admission.remember(digest, asker.environment_id)

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[bytes, bytes],
        *,
        is_stream: bool,
    ) -> None:
        scope["app"] = self  # makes Starlette raise what it would otherwise answer as text
        if not self._is_open(scope["path"]):
            if b"authorization" not in headers and await self._is_astray(scope):
                raise NotFound
            scope["plaudit.caller"] = await self._authenticate(scope, headers)
            if self._rates is not None:
                self._rates.admit(scope["plaudit.caller"], time.monotonic())
        if not is_stream and int(headers.get(b"content-length") or 0) > BODY_BYTES_MAX:
            raise TooLarge(f"a request body has at most {BODY_BYTES_MAX} bytes")
        await self._inner(scope, receive, send)

    async def _authenticate(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        """Caller of the request's API key; raises Unauthenticated, TooManyRequests after many."""
        header = headers.get(b"authorization")
        try:
            async with self._services.db.read(snapshot=False) as tx:
                return await api_keys.authenticate(
                    tx, self._services.secret, None if header is None else header.decode("latin-1")
                )
        except Unauthenticated:
            if self._failed_auth is not None:
                client = client_network(scope, self._services.settings.trusted_proxies)
                self._failed_auth.count_failure(client, time.monotonic())
            raise

    def _problem(self, exc: Exception, request_id: str) -> Problem:
        match exc:
            case Problem():
                if exc.detail is not None:
                    self._log.warning("problem", request_id=request_id, detail=exc.detail)
                return exc
            case HTTPException(status_code=404):
                return NotFound("there is no such route; see /docs")
            case HTTPException(status_code=405):
                return MethodNotAllowed(allow=(exc.headers or {}).get("Allow", ""))
            case TimeoutError():
                return TimedOut()
        self._log.error("failed", request_id=request_id, exc_info=exc)
        return ServerFault()

    def _note(self, scope: Scope, request_id: str, outcome: dict[str, Any], seconds: float) -> None:
        operation = scope.get("plaudit.operation", "none")
        self._metrics.observe(operation, outcome["status"], seconds)
        fields = {}
        if (answered_by := scope.get(ANSWERED_BY)) is not None:
            self._metrics.count_read(*answered_by)
            fields["answered_by"], reason = answered_by
            if reason:
                fields["replica"] = reason
        caller, user = scope.get("plaudit.caller"), scope.get("plaudit.user")
        self._log.info(
            "request",
            request_id=request_id,
            method=scope["method"],
            path=api_keys.mask_keys(scope["path"][:LOGGED_CHARS_MAX]),
            operation=operation,
            status=outcome["status"],
            bytes=outcome["bytes"],
            ms=round(seconds * 1000, 2),
            key_id=None if caller is None else caller.key_id,
            user_id=None if user is None else user.user_id,
            **fields,
        )


async def _refuse(
    send: Send, problem: Problem, request_id: str, headers: dict[bytes, bytes]
) -> None:
    wants_problem = b"application/problem+json" in headers.get(b"accept", b"")
    await respond(
        send,
        problems.STATUSES[type(problem)],
        problems.body(problem, request_id),
        "application/problem+json" if wants_problem else JSON,
        problems.headers(problem),
    )
