"""Hot route: reads that are asked for all the time, from the protocol to one function.

A request that needs nothing unusual is answered in the turn of the loop in which its head was read:
no task, no middleware, no message between them. It has the decoder, role, limits and headers of the
ordinary way (`middleware.py`, `operation.py`). Whatever is not plain, errors among it, is left to
that way, which begins anew: nothing has been counted or written by then (docs/adr/0042).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit.api.http.admission import KNOWN_MAX, Admission
from plaudit.api.http.edge_headers import rate_headers, request_id_of
from plaudit.api.http.file_sending import FileBody
from plaudit.api.http.hot_log import HotLog
from plaudit.api.http.operation import COMMON_HEADERS, JSON, Operation, Services
from plaudit.api.http.parameters import decode
from plaudit.api.http.stall_meter import NOTED_S, StallMeter
from plaudit.api.http.streams import WHOLE_BYTES_MAX
from plaudit.core.accounts import api_keys
from plaudit.core.common.rate_limits import RateLimits
from plaudit.errors import Forbidden
from plaudit.model.codings import Coding
from plaudit.model.core import Caller
from plaudit.store.engine.engine import Transaction

UNUSUAL = frozenset(
    (b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"idempotency-key")
)
"""Headers of requests that go the ordinary way."""

LONG_MAX = 1000
SKIPPED = 100
"""Requests of one kind that go the ordinary way after one whose answer was long."""


class HotAnswer(Struct):
    """A 200 as it goes out; after `head` come the header `connection`, if any, and a blank line."""

    head: bytes
    body: FileBody
    """Body that is sent from its files, or whose parts are all bytes."""
    operation: Operation
    caller: Caller
    request_id: str
    started: float
    """Time of `time.perf_counter` at which work on it began."""


class HotRoute:
    """The operations of one process that have `at_once`, by their paths."""

    def __init__(
        self,
        operations: Sequence[Operation],
        services: Services,
        admission: Admission,
        rates: RateLimits | None,
        log: HotLog,
        meter: StallMeter,
    ) -> None:
        is_plain = not services.settings.bare_annotations
        self._operations = {
            operation.path.encode(): operation
            for operation in operations
            if operation.at_once is not None and operation.method == "GET" and is_plain
        }
        self._services = services
        self._admission = admission
        self._rates = rates
        self._log = log
        self._meter = meter
        self._digests: dict[bytes, list[bytes]] = {}
        """Digests of keys under which they may be stored, by those that admission knows them by."""
        self._long: dict[Any, int] = {}
        """Requests still to be skipped of each kind that had a long answer."""

    def answer(
        self, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
    ) -> HotAnswer | None:
        """Answer a GET of a path and query as sent; None leaves it to the ordinary way.

        Once it is sent, `note_sent` is to be told.
        """
        operation = self._operations.get(path)
        if operation is None:
            return None
        started = time.perf_counter()
        credential = request_id = None
        accepted = b""
        for name, value in headers:
            if name == b"authorization":
                if credential is not None:
                    return None
                credential = value
            elif name == b"x-request-id":
                request_id = value
            elif name == b"accept-encoding":
                accepted = accepted + b"," + value if accepted else value
            elif name in UNUSUAL:
                return None
        if not credential:
            return None
        known_as = self._admission.digest(credential)
        who = self._admission.find(known_as)
        if who is None or not self._admission.is_passable(who, started):
            return None
        try:
            digests = self._digests.get(known_as) or self._digests_of(known_as, credential)
            found = self._find(operation, who, digests, query, accepted)
        except Exception:
            return None  # the ordinary way finds the same, and says it
        if found is None:
            return None
        caller, body = found
        answer_id = request_id_of(request_id)
        extra = [] if self._rates is None else rate_headers(self._rates, caller)
        head = _head(body, answer_id, extra)
        return HotAnswer(head, body, operation, caller, answer_id, started)

    def note_sent(self, answer: HotAnswer) -> None:
        """Note an answer that was sent, or given to the kernel as far as it takes it now."""
        ended = time.perf_counter()
        seconds = ended - answer.started
        caller, name = answer.caller, answer.operation.operation_id
        self._admission.spend(caller.environment_id, seconds, ended)
        self._log.note(
            answer.request_id,
            answer.operation.path,
            name,
            answer.body.size,
            caller.key_id,
            seconds,
        )
        if seconds >= NOTED_S:
            cpu_s = self._meter.cpu_seconds(seconds)
            self._meter.note(name, seconds, cpu_s, method="GET", request_id=answer.request_id)

    def _find(
        self,
        operation: Operation,
        who: str,
        digests: list[bytes],
        raw_query: bytes,
        accepted: bytes,
    ) -> tuple[Caller, FileBody] | None:
        """The caller and the body of the answer; None if it is long and not sent from files.

        Raises what the ordinary way raises.
        """
        services, rates = self._services, self._rates
        query: Any = decode(operation.query, raw_query)
        if self._long and self._is_skipped(who, query):
            return None
        now = time.monotonic()

        async def work(tx: Transaction) -> tuple[Caller, FileBody]:
            caller = await api_keys.find_caller(tx, digests)
            if operation.role is not None and caller.role < operation.role:
                raise Forbidden
            if rates is not None:
                rates.require(caller, now)
            assert operation.at_once is not None
            return caller, await operation.at_once(services, tx, caller, query, accepted)

        caller, body = services.db.read_at_once(work)
        if not body.is_sent_from_files:
            if body.size > WHOLE_BYTES_MAX:
                if len(self._long) >= LONG_MAX:
                    self._long.clear()
                self._long[_kind_of(who, query)] = SKIPPED
                return None
            if body.is_of_files:
                body = body.in_memory()
        if rates is not None:
            rates.admit(caller, now)
        return caller, body

    def _is_skipped(self, who: str, query: Any) -> bool:
        kind = _kind_of(who, query)
        left = self._long.get(kind, 0)
        if left > 1:
            self._long[kind] = left - 1
        elif left:
            del self._long[kind]
        return left > 0

    def _digests_of(self, known_as: bytes, credential: bytes) -> list[bytes]:
        """Digests of a key, kept under its digest here; raises Unauthenticated."""
        digests = api_keys.header_digests(self._services.secret, credential.decode("latin-1"))
        if len(self._digests) >= KNOWN_MAX:
            self._digests.clear()
        self._digests[known_as] = digests
        return digests


def _kind_of(who: str, query: Any) -> tuple[Any, ...]:
    """Everything on which the length of an answer depends but for the place in a listing."""
    names = query.__struct_fields__
    return (who, *(getattr(query, name) for name in names if name != "next_token"))


def _head(body: FileBody, request_id: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    extra = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    template = _HEADS[body.is_negotiated, body.coding]
    return template % (body.size, request_id.encode(), extra)


def _template(is_negotiated: bool, coding: Coding | None) -> bytes:
    own = FileBody([], coding, is_negotiated=is_negotiated).headers
    names = {name for name, _ in own}
    return (
        b"content-type: " + JSON.encode() + b"\r\ncontent-length: %d\r\n"
        + b"".join(b"%b: %b\r\n" % pair for pair in own) + b"x-request-id: %b\r\n%b"
        + b"".join(b"%b: %b\r\n" % pair for pair in COMMON_HEADERS if pair[0] not in names)
    )  # fmt: skip


_HEADS = {
    kind: _template(*kind) for kind in ((False, None), *((True, one) for one in (None, *Coding)))
}
