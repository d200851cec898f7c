"""Operation declarations: route, decoder, OpenAPI entry and test sweeps all come from one.

An operation that reads has a handler `(call)`. One that writes declares a body and has a handler
`(call, body, context)`, whose context holds the transaction and the actor. The endpoint opens that
transaction, one per request; in it the Idempotency-Key is honoured and the audit log is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from plaudit import json_guard
from plaudit.api.http import allocator, replica_reads
from plaudit.api.http.admission import Permit
from plaudit.api.http.bodies import (
    SMALL_BODY,
    BodyLimit,
    BodyPool,
    read_json,
    refuse_encoding,
    refuse_length,
)
from plaudit.api.http.content_codings import PackingPool
from plaudit.api.http.file_sending import EXTENSION, FileBody
from plaudit.api.http.job_runner import JobRunner
from plaudit.api.http.made_files import MadeFiles
from plaudit.api.http.parameters import NoQuery, decode
from plaudit.api.http.streams import WHOLE_BYTES_MAX, Stream, cut_pieces
from plaudit.core.common import audit, idempotency
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.outbound.http_client import HttpClient
from plaudit.errors import Forbidden, MethodNotAllowed, NotFound, Problem
from plaudit.model.core import Actor, Caller, Role
from plaudit.settings import STREAM_BYTES_MAX, Settings
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Reads, Transaction
from plaudit.store.page_files.places import PageFiles
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.unknown_members import refuse_misspelt

if TYPE_CHECKING:  # it needs the extra for PostgreSQL
    from plaudit.store.engine.replica import Replica

Q = TypeVar("Q", bound=Struct)

JSON = "application/json"
COMMON_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store, private"),
    (b"vary", b"Authorization"),
]
"""Headers of every response that does not set them itself."""

AtOnce: TypeAlias = "Callable[[Services, Transaction, Caller, Any, bytes], Awaitable[FileBody]]"

REPLAYED = (b"idempotency-replayed", b"true")

_encode = msgspec.json.Encoder().encode


class Services:
    """Dependencies of handlers in one process; `db` is set when the application starts."""

    def __init__(self, settings: Settings, secret: ServerSecret) -> None:
        self.settings = settings
        self.secret = secret
        self.http_client = HttpClient(settings.egress_allow)
        self.db: Database
        self.objects = BlobStore(settings.attachments_location)
        self.bodies = BodyPool()
        self.packing = PackingPool()
        self.jobs = JobRunner(self)
        """Jobs of this process; stop it before the database is closed."""
        self.made_files = MadeFiles(self.objects)
        self.page_files: PageFiles | None = None
        """Page files of the store; None on PostgreSQL, or where they are switched off."""
        self.replica: Replica | None = None
        """Replica that answers reads of the v2 API, None without one."""
        self.wake: Callable[[], None] = lambda: None
        """Wakes this process's worker, if it has one, to look for due webhook messages."""


class Call(Struct, Generic[Q]):
    """Decoded request of an operation; `caller` is None on open operations."""

    services: Services
    db: Reads
    """Source of a handler whose operation a replica may answer."""
    caller: Caller
    query: Q
    path: dict[str, str]
    """Path parameters by name, percent-decoded."""
    scope: Any
    receive: Receive
    prepared: Any = None
    """Return value of the operation's `before`, None without one."""

    def aside(self) -> AbstractAsyncContextManager[None]:
        """Be without the request's permit meanwhile, for a wait that burdens nobody."""
        permit: Permit = self.scope["plaudit.permit"]
        return permit.aside()

    @property
    def actor(self) -> Actor:
        """API key as the audit log names it."""
        return Actor("key", self.caller.key_id, self.scope["plaudit.request_id"])


class WriteContext(Struct):
    """Context of a writing request: its transaction, environment, actor and audit action."""

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
        """Add an audit entry for a changed object; every writing handler adds at least one."""
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

    async def note_many(
        self, object_kind: str, object_ids: Sequence[str], *, project_key: int
    ) -> None:
        """Add an audit entry without detail for each of several objects that were changed."""
        self.noted += len(object_ids)
        await audit.record_many(
            self.tx,
            self.environment_id,
            self.actor,
            self.action,
            object_kind,
            object_ids,
            project_key=project_key,
        )


class Response(Struct):
    """A response other than a struct sent as JSON with status 200."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: list[tuple[bytes, bytes]] = []


class Operation(Struct, frozen=True, kw_only=True):
    """Declaration of one route.

    `role` None makes it open; `answer` is the struct of a 200, or the media types of another body.
    """

    operation_id: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    summary: str
    description: str = ""
    method: str = "GET"
    tag: str
    query: type[Struct] = NoQuery
    at_once: AtOnce | None = None
    """Answer of a 200, from services, transaction, caller, query and Accept-Encoding.

    It awaits nothing but the transaction. Where the handler's answer is this one, `HotRoute` asks
    here and spares the rest of the way.
    """
    body: type[Struct] | None = None
    """JSON body of a writing operation; its handler is `(call, body, context)`."""
    body_limit: BodyLimit = SMALL_BODY
    """Limit of the JSON body; a streamed one has STREAM_BYTES_MAX."""
    before: Callable[[Any, Any], Awaitable[Any]] | None = None
    """Called with call and body before the transaction begins, for slow work such as DNS.

    Its return value is `call.prepared` in the handler.
    """
    abandon: Callable[[Any], Awaitable[None]] | None = None
    """Called with the call when the transaction failed, to undo what `before` did."""
    after: Callable[[Any], Awaitable[None]] | None = None
    """Called with the call once the transaction is on disk; what it is about is in `prepared`."""
    streams: tuple[str, ...] = ()
    """Media types of a streamed body, which the handler reads in transactions of its own."""
    row: type[Struct] | None = None
    """Struct of each line of a streamed body, for the document."""
    kept: Callable[[Any], Any] | None = None
    """Strips secrets from the answer before it is stored under an Idempotency-Key."""
    answer: type[Struct] | tuple[str, ...]
    is_array: bool = False
    """True where a 200 is an array of `answer`; the handler then returns its JSON in pieces."""
    answer_description: str
    example: Any = None
    """Example of a 200's body, for the document."""
    body_example: Any = None
    role: Role | None
    successes: tuple[int, ...] = (200,)
    """Statuses of successful responses; 302 for redirects, 206 for ranges of files."""
    is_long: bool = False
    """True where the response may take as long as a streamed body (STREAM_SECONDS_MAX)."""
    errors: tuple[int, ...] = ()
    """Error statuses beyond those common to its kind; see `all_errors`."""

    @property
    def writes(self) -> bool:
        """True for operations that take a body and write to the store."""
        return self.body is not None or bool(self.streams)

    @property
    def all_errors(self) -> tuple[int, ...]:
        """Every error status that this operation can answer, ascending."""
        common: tuple[int, ...] = (400, 413, 431, 500, 503, 504)
        if self.role is not None:
            common += (401, 429)
        if self.role is not None and self.role > Role.read:
            common += (403,)
        if self.writes:
            common += (409,)
        return tuple(sorted({*common, *self.errors}))


class Endpoint:
    """ASGI application of one operation; raises Forbidden below the operation's role."""

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
            db=self._services.db,
            caller=caller,
            query=decode(operation.query, scope["query_string"]),
            path=path_parts(scope),
            scope=scope,
            receive=receive,
        )
        if operation.body is not None:
            answer: Any = await self._write(call, operation.body)
        else:
            if operation.streams:
                refuse_length(dict(scope["headers"]), STREAM_BYTES_MAX)
            answer = await replica_reads.answer(operation, call)
        if type(answer) is list:
            await respond(send, 200, answer, JSON)
        elif type(answer) is FileBody:
            await respond_with_runs(scope, send, answer)
        elif type(answer) is Response:
            await respond(send, answer.status, answer.body, answer.content_type, answer.headers)
        elif type(answer) is Stream:
            await answer.respond(send)
        else:
            await respond(send, 200, _encode(answer), JSON)

    async def _write(self, call: Call[Any], kind: type[Struct]) -> Response:
        """Run a writing handler in one transaction with its audit entries and idempotency row."""
        operation, scope = self.operation, call.scope
        headers = dict(scope["headers"])
        refuse_encoding(headers)
        refuse_length(headers, operation.body_limit.bytes_max)
        raw = await read_json(call.receive, operation.body_limit)
        hashed = (operation.operation_id.encode(), scope["path"].encode(), scope["query_string"])

        def parse() -> tuple[Any, bytes]:
            value = json_guard.check(raw or b"{}")
            if not kind.__struct_config__.forbid_unknown_fields:
                refuse_misspelt(value, kind)
            return convert(value, kind), idempotency.hash_request(*hashed, raw)

        body, request_hash = await self._services.bodies.run(len(raw), parse)
        idem_key = idempotency_key(headers)
        if operation.before is not None:
            call.prepared = await operation.before(call, body)

        async def work(tx: Transaction) -> tuple[bytes, bool]:
            context = WriteContext(
                tx, call.caller.environment_id, call.actor, operation.operation_id
            )
            body_sent = b""

            async def once() -> bytes:
                nonlocal body_sent
                answer = await operation.handler(call, body, context)
                assert context.noted, f"{operation.operation_id} left no trace in the audit log"
                body_sent = answer.body if isinstance(answer, Response) else _encode(answer)
                return body_sent if operation.kept is None else _encode(operation.kept(answer))

            if idem_key is None:
                await once()
                return body_sent, False
            stored, is_replayed = await idempotency.run_once(
                tx, context.environment_id, idem_key, request_hash, once
            )
            return stored if is_replayed else body_sent, is_replayed

        try:
            answer, is_replayed = await self._services.db.write(work)
        except (Problem, asyncio.CancelledError):
            if operation.abandon is not None:
                with suppress(Problem):
                    await operation.abandon(call)
            raise
        if operation.after is not None:
            await operation.after(call)
        self._services.wake()
        return Response(answer, headers=[REPLAYED] if is_replayed else [])


class Dispatch:
    """ASGI application of one path: dispatches to its operations by method, HEAD like GET."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._by_method = {endpoint.operation.method: endpoint for endpoint in endpoints}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._by_method.get(scope["method"])
        if endpoint is None:
            raise MethodNotAllowed(allow=", ".join(sorted(self._by_method)))
        await endpoint(scope, receive, send)


def idempotency_key(headers: dict[bytes, bytes]) -> str | None:
    """Idempotency-Key of a request, None without one; raises InvalidParameter if malformed."""
    value = headers.get(b"idempotency-key")
    return None if value is None else idempotency.check_key(value.decode("latin-1"))


def path_parts(scope: Scope) -> dict[str, str]:
    """Path parameters, percent-decoded; raises NotFound for invalid UTF-8 or NUL."""
    parts = {}
    for name, value in scope.get("path_params", {}).items():
        try:
            parts[name] = unquote(value, errors="strict")
        except UnicodeDecodeError as exc:
            raise NotFound from exc
        if "\x00" in parts[name]:
            raise NotFound
    return parts


async def respond(
    send: Send,
    status: int,
    body: bytes | list[bytes],
    content_type: str,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a complete response, given whole or in parts, with Content-Type and Content-Length.

    A response over WHOLE_BYTES_MAX goes out in pieces at the client's pace; its parts are emptied.
    """
    parts = [body] if isinstance(body, bytes) else body
    size = sum(map(len, parts))
    start = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % size)]
    if status == HTTPStatus.NOT_MODIFIED:  # has no body, and its headers speak of the one kept
        start = []
    await send(
        {"type": "http.response.start", "status": status, "headers": start + (headers or [])}
    )
    if size <= WHOLE_BYTES_MAX:
        whole = body if isinstance(body, bytes) else b"".join(parts)
        await send({"type": "http.response.body", "body": whole})
        return
    del body
    try:
        for piece in cut_pieces(parts):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            # For a client that keeps up `send` never waits, and nobody else would be answered.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
    finally:
        allocator.return_memory_soon()


async def respond_with_runs(scope: Scope, send: Send, body: FileBody) -> None:
    """Send JSON of which a part lies in page files, as it lies there where that can be done."""
    is_head = scope["method"] == "HEAD"
    can_send_files = EXTENSION in scope.get("extensions", ()) and body.is_sent_from_files
    if not (is_head or can_send_files):
        await respond(send, 200, body.read(), JSON, body.headers)
        return
    headers = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % body.size)]
    headers += body.headers
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if not is_head:
        await send({"type": "http.response.body", "body": body, "more_body": True})
    # It returns once the client has taken the body.
    await send({"type": "http.response.body", "body": b""})
