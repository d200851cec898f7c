"""Operations without a key: health, metrics, the OpenAPI document and its page."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from plaudit.api.http.client_address import peer_address
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.operation import JSON, Call, Operation, Response
from plaudit.api.http.parameters import NoQuery
from plaudit.api.openapi import docs_page
from plaudit.errors import NotFound
from plaudit.store.engine.engine import ReplicaState

DOCS_POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STATIC = Path(__file__).parent / "openapi" / "static"
_STATIC_TYPES = {"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"}


class ReplicaHealth(Struct):
    """State of the replica of PLAUDIT_DATABASE_READ, and how far it is behind."""

    state: ReplicaState
    lag_ms: int


class Health(Struct, omit_defaults=True):
    """The state of the server in a word, and of its replica where it reads one."""

    status: str
    replica: ReplicaHealth | UnsetType = UNSET


async def get_health(call: Call[NoQuery]) -> Health:
    """GET /healthz: always 200 while the process serves requests."""
    return Health("ok")


async def get_readiness(call: Call[NoQuery]) -> Health:
    """GET /readyz: 200 if the store and the attachments answer; raises Unavailable.

    A replica is told of, but the server is ready without it.
    """
    await call.services.db.check()
    await call.services.objects.check()
    replica = call.services.replica
    if replica is None:
        return Health("ready")
    return Health("ready", ReplicaHealth(replica.state, round(replica.lag_s * 1000)))


async def get_root(call: Call[NoQuery]) -> Response:
    """GET /: redirect browsers to the workspace, other clients to /docs."""
    accepted = dict(call.scope["headers"]).get(b"accept", b"")
    target = b"/work" if b"text/html" in accepted else b"/docs"
    return Response(b"", 302, "text/plain", [(b"location", target)])


class _BuiltOnce:
    """Bytes that are built in a thread for the first who asks, and kept.

    Building takes longer than anybody may hold the event loop.
    """

    def __init__(self, build: Callable[[], bytes]) -> None:
        self._build = build
        self._lock = asyncio.Lock()
        self._built: bytes | None = None

    async def get(self) -> bytes:
        async with self._lock:
            if self._built is None:
                self._built = await asyncio.to_thread(self._build)
        return self._built


def operations(document: Callable[[], dict[str, Any]], metrics: Metrics) -> tuple[Operation, ...]:
    """All open operations; `document` is called at first use, when every route is known."""
    openapi = _BuiltOnce(lambda: msgspec.json.encode(document()))
    docs = _BuiltOnce(lambda: docs_page.render(document()).encode())

    async def get_openapi(call: Call[NoQuery]) -> Response:
        """GET /openapi.json: this document."""
        return Response(await openapi.get())

    async def get_docs(call: Call[NoQuery]) -> Response:
        """GET /docs: the documentation page."""
        headers = [
            (b"content-security-policy", DOCS_POLICY),
            (b"referrer-policy", b"no-referrer"),
        ]
        return Response(await docs.get(), 200, "text/html; charset=utf-8", headers)

    async def get_static(call: Call[NoQuery]) -> Response:
        """GET /docs/static/{name}: style sheet or script of the page; raises NotFound."""
        name = call.path["name"]
        if name not in _STATIC_TYPES:
            raise NotFound
        headers = [(b"cache-control", b"public, max-age=300")]
        return Response((_STATIC / name).read_bytes(), 200, _STATIC_TYPES[name], headers)

    async def get_metrics(call: Call[NoQuery]) -> Response:
        """GET /metrics: NotFound unless the peer is loopback or PLAUDIT_METRICS_PUBLIC is set."""
        if not (call.services.settings.metrics_public or _is_local(call.scope)):
            raise NotFound
        return Response(metrics.text(), 200, "text/plain; version=0.0.4; charset=utf-8")

    def declare(
        operation_id: str, path: str, handler: Any, summary: str, answer: Any, *errors: int
    ) -> Operation:
        return Operation(
            operation_id=operation_id,
            path=path,
            handler=handler,
            summary=summary,
            tag="Server",
            answer=answer,
            answer_description="As described.",
            role=None,
            successes=(302,) if path == "/" else (200,),
            errors=errors,
        )

    return (
        declare("get_health", "/healthz", get_health, "Whether the process answers", Health),
        declare(
            "get_readiness", "/readyz", get_readiness, "Whether requests can be served", Health
        ),
        declare(
            "get_metrics",
            "/metrics",
            get_metrics,
            "Metrics in Prometheus' text format; loopback only unless configured",
            ("text/plain",),
            404,
        ),
        declare("get_openapi", "/openapi.json", get_openapi, "This document", (JSON,)),
        declare(
            "get_v2_openapi",
            "/v2/openapi",
            get_openapi,
            "This document, where Scale's client generator looks for it",
            (JSON,),
        ),
        declare("get_docs", "/docs", get_docs, "This document as a page", ("text/html",)),
        declare(
            "get_docs_file",
            "/docs/static/{name}",
            get_static,
            "What the page loads",
            ("text/css", "text/javascript"),
            404,
        ),
        declare(
            "get_root",
            "/",
            get_root,
            "Leads browsers to the workspace, others to /docs",
            ("text/plain",),
        ),
    )


def _is_local(scope: Any) -> bool:
    """True if the peer is loopback and no proxy header is present."""
    names = {name for name, _ in scope["headers"]}
    if names & {b"forwarded", b"x-forwarded-for", b"x-real-ip"}:
        return False
    peer = peer_address(scope)
    return bool(peer) and ipaddress.ip_address(peer).is_loopback
