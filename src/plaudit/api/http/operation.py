"""An operation is declared once: route, decoder, OpenAPI entry and sweeps all come from it.

One that reads has a handler of one argument, the call. One that writes has a body, and a handler
that also takes the change: the transaction it is made in, and who makes it. The endpoint opens
that transaction, so a request is one transaction, and what belongs to every change happens in it:
the Idempotency-Key is honoured and the audit log is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from plaudit import json_guard
from plaudit.api.http.bodies import read_body, refuse_encoding
from plaudit.api.http.parameters import NoQuery, decode
from plaudit.api.http.streams import Stream
from plaudit.core.common import audit, idempotency
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.outbound.http_client import HttpClient
from plaudit.errors import Forbidden, MethodNotAllowed, NotFound, Problem
from plaudit.model.core import Actor, Caller, Role
from plaudit.settings import BODY_BYTES_MAX, Settings
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2.parse import convert

Q = TypeVar("Q", bound=Struct)

JSON = "application/json"
COMMON_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store, private"),
    (b"vary", b"Authorization"),
]
"""What every answer carries unless it says otherwise."""

REPLAYED = (b"idempotency-replayed", b"true")

_encode = msgspec.json.Encoder().encode


class Services:
    """What handlers work with. The database is there once the application has started."""

    def __init__(self, settings: Settings, secret: ServerSecret) -> None:
        self.settings = settings
        self.secret = secret
        self.http_client = HttpClient(settings.egress_allow)
        self.db: Database
        self.objects = BlobStore(settings.attachments_place)
        self.wake: Callable[[], None] = _nobody
        """Tells the worker of this process, if it has one, that something may be due."""


class Call(Struct, Generic[Q]):
    """One request, decoded. `caller` is None on open operations."""

    services: Services
    caller: Caller
    query: Q
    path: dict[str, str]
    """What stands in the path, percent-decoded."""
    scope: Any
    receive: Receive
    prepared: Any = None
    """What the operation's `before` returned."""

    @property
    def actor(self) -> Actor:
        """Who the audit log names."""
        return Actor("key", self.caller.key_id, self.scope["plaudit.request_id"])


class WriteContext(Struct):
    """One change on its way: its transaction, and who makes it."""

    tx: Transaction
    environment_id: str
    actor: Actor
    action: str
    noted: int = 0

    async def note(
        self,
        object_kind: str,
        object_id: str,
        *,
        project_key: int = audit.OUTSIDE,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write into the audit log what was changed; every change does so at least once."""
        self.noted += 1
        await audit.record(
            self.tx,
            self.environment_id,
            self.actor,
            self.action,
            object_kind,
            object_id,
            project_key=project_key,
            detail=detail,
        )


class Response(Struct):
    """A response other than a struct sent as JSON with status 200."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: list[tuple[bytes, bytes]] = []


class Operation(Struct, frozen=True, kw_only=True):
    """One route. `role` None makes it open; `answer` is the struct of a 200, or media types."""

    operation_id: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    summary: str
    description: str = ""
    method: str = "GET"
    tag: str
    query: type[Struct] = NoQuery
    body: type[Struct] | None = None
    """What a change is asked for with; with it, the handler takes call, body and change."""
    before: Callable[[Any, Any], Awaitable[Any]] | None = None
    """Takes call and body before the transaction begins: for what must wait, such as DNS.

    The handler finds what it returns in `call.prepared`.
    """
    abandon: Callable[[Any], Awaitable[None]] | None = None
    """Takes the call, and what `before` has done back, where the transaction came to nothing."""
    streams: tuple[str, ...] = ()
    """Media types of a body that the handler reads itself, in transactions of its own."""
    row: type[Struct] | None = None
    """What each line of such a body is."""
    kept: Callable[[Any], Any] | None = None
    """Makes of the answer what an Idempotency-Key keeps of it, where it holds a secret."""
    answer: type[Struct] | tuple[str, ...]
    answer_description: str
    example: Any = None
    """What a 200 may look like, for the document."""
    body_example: Any = None
    role: Role | None
    successes: tuple[int, ...] = (200,)
    """Statuses of an answer that is no error; 302 leads elsewhere, 206 is a part of a file."""
    is_long: bool = False
    """Whether the answer may take as long as a stream's body, because much is done or sent."""
    errors: tuple[int, ...] = ()
    """Statuses beside those every operation of its kind can answer; see `all_errors`."""

    @property
    def writes(self) -> bool:
        """Whether it changes what is stored."""
        return self.body is not None or bool(self.streams)

    @property
    def all_errors(self) -> tuple[int, ...]:
        """Every status but 200 that this operation can answer."""
        usual: tuple[int, ...] = (400, 413, 431, 500, 503, 504)
        if self.role is not None:
            usual += (401, 429)
        if self.role is not None and self.role > Role.read:
            usual += (403,)
        if self.writes:
            usual += (409,)
        return tuple(sorted({*usual, *self.errors}))


class Endpoint:
    """The ASGI application of one operation."""

    def __init__(self, operation: Operation, services: Services) -> None:
        self.operation = operation
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self.operation
        scope["plaudit.operation"] = operation.operation_id
        caller: Any = scope.get("plaudit.caller")  # None on open operations alone
        if operation.role is not None and caller.role < operation.role:
            raise Forbidden
        call = Call(
            services=self._services,
            caller=caller,
            query=decode(operation.query, scope["query_string"]),
            path=path_parts(scope),
            scope=scope,
            receive=receive,
        )
        if operation.body is not None:
            answer: Any = await self._change(call, operation.body)
        else:
            answer = await operation.handler(call)
        if type(answer) is list:
            await respond(send, 200, b"".join(answer), JSON)
        elif type(answer) is Response:
            await respond(send, answer.status, answer.body, answer.content_type, answer.headers)
        elif type(answer) is Stream:
            await answer.respond(send)
        else:
            await respond(send, 200, _encode(answer), JSON)

    async def _change(self, call: Call[Any], kind: type[Struct]) -> Response:
        """Run a handler that writes, in one transaction with all that belongs to a change."""
        operation, scope = self.operation, call.scope
        headers = dict(scope["headers"])
        refuse_encoding(headers)
        raw = await read_body(call.receive, BODY_BYTES_MAX)
        body = convert(json_guard.check(raw or b"{}"), kind)
        idem_key = idempotency_key(headers)
        if operation.before is not None:
            call.prepared = await operation.before(call, body)
        request_hash = idempotency.hash_request(
            operation.operation_id.encode(), scope["path"].encode(), scope["query_string"], raw
        )

        async def work(tx: Transaction) -> tuple[bytes, bool]:
            change = WriteContext(
                tx, call.caller.environment_id, call.actor, operation.operation_id
            )
            shown = b""

            async def once() -> bytes:
                nonlocal shown
                answer = await operation.handler(call, body, change)
                assert change.noted, f"{operation.operation_id} left no trace in the audit log"
                shown = answer.body if isinstance(answer, Response) else _encode(answer)
                return shown if operation.kept is None else _encode(operation.kept(answer))

            if idem_key is None:
                await once()
                return shown, False
            kept, is_replayed = await idempotency.run_once(
                tx, change.environment_id, idem_key, request_hash, once
            )
            return kept if is_replayed else shown, is_replayed

        try:
            answer, is_replayed = await self._services.db.write(work)
        except (Problem, asyncio.CancelledError):
            if operation.abandon is not None:
                with suppress(Problem):
                    await operation.abandon(call)
            raise
        self._services.wake()
        return Response(answer, headers=[REPLAYED] if is_replayed else [])


class Dispatch:
    """The ASGI application of one path: its operations by method. HEAD is answered like GET."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._by_method = {one.operation.method: one for one in endpoints}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._by_method.get(scope["method"])
        if endpoint is None:
            raise MethodNotAllowed(allow=", ".join(sorted(self._by_method)))
        await endpoint(scope, receive, send)


def idempotency_key(headers: dict[bytes, bytes]) -> str | None:
    """The checked Idempotency-Key of a request, if it has one."""
    given = headers.get(b"idempotency-key")
    return None if given is None else idempotency.check_key(given.decode("latin-1"))


def _nobody() -> None:
    return None


def path_parts(scope: Scope) -> dict[str, str]:
    """The path's parts, decoded; what cannot be a name in the store is not found."""
    found = {}
    for name, value in scope.get("path_params", {}).items():
        try:
            found[name] = unquote(value, errors="strict")
        except UnicodeDecodeError as exc:
            raise NotFound from exc
        if "\x00" in found[name]:
            raise NotFound
    return found


async def respond(
    send: Send,
    status: int,
    body: bytes,
    content_type: str,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a whole response."""
    start = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send(
        {"type": "http.response.start", "status": status, "headers": start + (headers or [])}
    )
    await send({"type": "http.response.body", "body": body})
