"""HTTP client for customers' URLs, guarded against server-side request forgery (ADR 0015).

Customers choose where callbacks go, so each URL may be an attempt to reach what only this machine
can reach (OWASP, "Server-Side Request Forgery Prevention"). A host is looked up once for each
attempt, **all** its addresses are checked, and the connection is made to one of the addresses that
were checked; the name is used for the Host header and for TLS alone. Answers are counted and
discarded. There are no redirects, proxies, cookies, decompression or reused connections: httpcore2
has none of them unless asked.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address

import httpcore2

from plaudit import __version__, clock
from plaudit.core.outbound.ip_addresses import Address, Network, is_among, is_public
from plaudit.core.outbound.urls import Target, parse_url
from plaudit.errors import InvalidContent
from plaudit.model.webhooks import AttemptResult, AttemptStatus

PORTS = (80, 443)
DEADLINE_SECONDS = 15.0
LOOKUP_SECONDS_MAX = 5.0
CONNECT_SECONDS_MAX = 5.0
ADDRESSES_TRIED_MAX = 4
ANSWER_BYTES_MAX = 64 * 1024
RETRY_AFTER_SECONDS_MAX = 24 * 3600

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Resolver: host name → its addresses as text; raises OSError if there are none."""

_NEVER_PUBLIC = re.compile(
    r"[^.]+|.*\.(localhost|localdomain|local|internal|intranet|lan|home|corp|private|home\.arpa)"
)
"""Host names that are never public, even if they do not resolve now."""

_lookups = ThreadPoolExecutor(max_workers=16, thread_name_prefix="plaudit-lookup")
"""Separate threads: a lookup cannot be cancelled, and the owner of a name can make it slow."""


async def resolve_host(host: str) -> list[str]:
    """Resolve a host name by the system's resolver to its addresses; raises OSError if none."""
    entries = await asyncio.get_running_loop().run_in_executor(
        _lookups, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in entries))


@cache
def _trusted() -> ssl.SSLContext:
    """TLS context with the system's authorities; loaded on first use, which takes 16 ms."""
    return httpcore2.default_ssl_context()


class HttpClient:
    """HTTP client that connects to public addresses on `ports`, and to `allow` on any port."""

    def __init__(
        self,
        allow: Iterable[Network] = (),
        *,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
        ports: Sequence[int] = PORTS,
        deadline_s: float = DEADLINE_SECONDS,
    ) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve
        self._tls = tls
        self._ports = ports
        self._deadline_s = deadline_s

    async def check_url(self, text: str, *, pointer: str = "") -> None:
        """Raise InvalidContent unless requests to a URL are permitted; called before it is saved.

        A name that does not resolve now passes, as that may change: each attempt checks again.
        Takes up to `LOOKUP_SECONDS_MAX`, so it must not run inside a transaction.
        """
        target = parse_url(text, pointer=pointer)
        addresses = await self._find_addresses(target)
        if addresses:
            is_permitted = self._permits(addresses, target.port)
        else:
            is_permitted = target.port in self._ports and not _NEVER_PUBLIC.fullmatch(target.host)
        if not is_permitted:
            raise InvalidContent(
                "the URL must lead to public addresses alone, on port "
                f"{' or '.join(map(str, self._ports))}; whoever runs this server can permit other "
                "networks with PLAUDIT_EGRESS_ALLOW",
                pointer=pointer,
            )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
        """POST to a URL within the deadline; failures are results, nothing is raised.

        Names and values of `headers` are ASCII, without Host, User-Agent, Accept and Connection.
        `ok` means a status of 200 to 299 and an answer that was complete, or cut at
        `ANSWER_BYTES_MAX`. Everything else, a redirect too, is a failed attempt.
        """
        started = asyncio.get_running_loop().time()
        exchange = _Exchange()
        try:
            async with asyncio.timeout(self._deadline_s):
                outcome = await self._post(url, body, headers, exchange)
        except TimeoutError:
            outcome = AttemptStatus.timeout
        return AttemptResult(
            outcome=outcome,
            status=exchange.status,
            duration_ms=round((asyncio.get_running_loop().time() - started) * 1000),
            byte_count=exchange.byte_count,
            retry_after_s=exchange.retry_after_s,
        )

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], exchange: _Exchange
    ) -> AttemptStatus:
        try:
            target = parse_url(url)
        except InvalidContent:
            return AttemptStatus.bad_url
        addresses = await self._find_addresses(target)
        if not addresses:
            return AttemptStatus.dns_failed
        if not self._permits(addresses, target.port):
            return AttemptStatus.refused_address
        dialler = _Dialler(addresses[:ADDRESSES_TRIED_MAX])
        try:
            await exchange.run(target, body, headers, dialler, self._tls or _trusted())
        except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError) as exc:
            return _failure(exc, dialler.is_connected)
        except httpcore2.ProtocolError as exc:
            # A connection that ended before any answer has no cause; an h11 parse error has one.
            return AttemptStatus.protocol_error if exc.__cause__ else AttemptStatus.reset
        return AttemptStatus.ok if exchange.status in range(200, 300) else AttemptStatus.status

    async def _find_addresses(self, target: Target) -> list[Address]:
        """Resolve a target; empty if it has no address."""
        if target.address is not None:
            return [target.address]
        try:
            async with asyncio.timeout(LOOKUP_SECONDS_MAX):
                return [ip_address(text) for text in await self._resolve(target.host)]
        except (OSError, ValueError):
            return []

    def _permits(self, addresses: Iterable[Address], port: int) -> bool:
        """True if all of the addresses may be called on this port."""
        return all(
            is_among(address, self._allow) or (port in self._ports and is_public(address))
            for address in addresses
        )


class _Exchange:
    """One request, and the status, length and Retry-After of its answer."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.byte_count = 0
        self.retry_after_s: int | None = None

    async def run(
        self,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
        dialler: _Dialler,
        tls: ssl.SSLContext,
    ) -> None:
        """Connect, POST, read a bounded answer, close; raises httpcore2's exceptions."""
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        own = (
            ("Host", _authority(target)),
            ("User-Agent", f"Plaudit/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        )
        async with (
            httpcore2.AsyncHTTPConnection(
                url.origin, ssl_context=tls, network_backend=dialler
            ) as connection,
            connection.stream(
                "POST",
                url,
                headers=[*own, *headers.items()],
                content=body,
                extensions={"timeout": {"connect": CONNECT_SECONDS_MAX}},
            ) as answer,
        ):
            self.status = answer.status
            for name, value in answer.headers:
                if name.lower() == b"retry-after":
                    self.retry_after_s = _retry_after_s(value)
            async with aclosing(answer.aiter_stream()) as chunks:
                async for chunk in chunks:
                    self.byte_count += len(chunk)
                    if self.byte_count >= ANSWER_BYTES_MAX:
                        self.byte_count = ANSWER_BYTES_MAX
                        return


class _Dialler(httpcore2.AsyncNetworkBackend):
    """Network backend that connects to checked addresses, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses
        self._inner = httpcore2.AnyIOBackend()
        self.is_connected = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers; each gets an equal share of the time left."""
        now = asyncio.get_running_loop().time
        deadline = now() + CONNECT_SECONDS_MAX
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, timeout=max(0.0, deadline - now()) / left
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
            else:
                self.is_connected = True
                return stream
        raise httpcore2.ConnectError("there is no address")


def _failure(exc: Exception, is_connected: bool) -> AttemptStatus:
    match exc:
        case httpcore2.ConnectTimeout():
            return AttemptStatus.connect_timeout
        case httpcore2.ConnectError():
            return AttemptStatus.tls_failed if is_connected else AttemptStatus.connect_failed
        case ssl.SSLError():
            return AttemptStatus.tls_failed
        case httpcore2.TimeoutException():
            return AttemptStatus.timeout
    return AttemptStatus.reset


def _authority(target: Target) -> str:
    """Host header: the name as in the URL, and the port unless it is the scheme's own."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_usual = target.port == {"http": 80, "https": 443}[target.scheme]
    return host if is_usual else f"{host}:{target.port}"


def _retry_after_s(value: bytes) -> int | None:
    """Seconds of a Retry-After header, a number or a date (RFC 9110), capped; None if neither."""
    text = value.decode("latin-1").strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(int(text), RETRY_AFTER_SECONDS_MAX)
    try:
        moment = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    seconds = round(moment.timestamp() - clock.now_ms() / 1000)
    return min(max(0, seconds), RETRY_AFTER_SECONDS_MAX)
