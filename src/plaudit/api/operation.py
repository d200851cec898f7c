"""An operation is declared once: route, decoder, OpenAPI entry and sweeps all come from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from plaudit.api.parameters import NoQuery, decode
from plaudit.core.secrets import ServerSecret
from plaudit.errors import Forbidden
from plaudit.model import Caller, Role
from plaudit.settings import Settings
from plaudit.store.engine import Database

Q = TypeVar("Q", bound=Struct)

JSON = "application/json"
COMMON_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store, private"),
    (b"vary", b"Authorization"),
]
"""What every answer carries unless it says otherwise."""

_encode = msgspec.json.Encoder().encode


class Services:
    """What handlers work with. The database is there once the application has started."""

    def __init__(self, settings: Settings, secret: ServerSecret) -> None:
        self.settings = settings
        self.secret = secret
        self.db: Database


class Call(Struct, Generic[Q]):
    """One request, decoded. `caller` is None on open operations."""

    services: Services
    caller: Caller
    query: Q
    path: dict[str, str]
    scope: Any


class Answer(Struct):
    """A response other than a struct sent as JSON with status 200."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: list[tuple[bytes, bytes]] = []


class Operation(Struct, frozen=True, kw_only=True):
    """One route. `role` None makes it open; `answer` is the struct of a 200, or media types."""

    operation_id: str
    path: str
    handler: Callable[[Any], Awaitable[Any]]
    summary: str
    description: str = ""
    method: str = "GET"
    tag: str
    query: type[Struct] = NoQuery
    answer: type[Struct] | tuple[str, ...]
    answer_description: str
    example: Any = None
    """What a 200 may look like, for the document."""
    role: Role | None
    errors: tuple[int, ...] = ()
    """Statuses beside those every operation of its kind can answer; see `all_errors`."""

    @property
    def all_errors(self) -> tuple[int, ...]:
        """Every status but 200 that this operation can answer."""
        usual: tuple[int, ...] = (400, 413, 431, 500, 503, 504)
        if self.role is not None:
            usual += (401, 429)
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
            path=scope.get("path_params", {}),
            scope=scope,
        )
        answer = await operation.handler(call)
        if type(answer) is list:
            await respond(send, 200, b"".join(answer), JSON)
        elif type(answer) is Answer:
            await respond(send, answer.status, answer.body, answer.content_type, answer.headers)
        else:
            await respond(send, 200, _encode(answer), JSON)


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
