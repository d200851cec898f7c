"""HTTP side of problems: the table of statuses, the error body and its headers."""

from __future__ import annotations

import msgspec

from plaudit import errors
from plaudit.errors import Problem
from plaudit.wire.v2.resources import AnswerFault, Error

STATUSES: dict[type[Problem], int] = {
    errors.InvalidParameter: 400,
    errors.InvalidPageToken: 400,
    errors.PageTokenExpired: 400,
    errors.InvalidContent: 400,
    errors.AnswersRejected: 400,
    errors.IllegalMove: 400,
    errors.BadRequest: 400,
    errors.Unauthenticated: 401,
    errors.SignedOut: 401,
    errors.SignInRefused: 401,
    errors.CrossSite: 403,
    errors.Forbidden: 403,
    errors.Paused: 403,
    errors.Unqualified: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 409,
    errors.LeaseLost: 409,
    errors.DraftConflict: 409,
    errors.LimitReached: 409,
    errors.TooLarge: 413,
    errors.RangeNotSatisfiable: 416,
    errors.TooManyRequests: 429,
    errors.HeaderTooLarge: 431,
    errors.ServerFault: 500,
    errors.StoreRefused: 503,
    errors.Misconfigured: 503,
    errors.Unavailable: 503,
    errors.StorageFull: 503,
    errors.TimedOut: 504,
}

FAULTS_MAX = 100
"""Faults of answers that one error names."""
RETRY_AFTER_S = 2
"""Seconds of Retry-After on a 503. Small, because the official client sleeps that long."""

_encode = msgspec.json.Encoder().encode


def body(problem: Problem, request_id: str) -> bytes:
    """JSON error body: `status_code` and `error` for Scale's clients, RFC 9457 members beside."""
    status = STATUSES[type(problem)]
    return _encode(
        Error(
            status_code=status,
            error=problem.message,
            code=problem.code,
            param=getattr(problem, "param", None),
            pointer=getattr(problem, "pointer", None) or None,
            faults=_faults(problem),
            request_id=request_id,
            type="/docs#errors",
            title=problem.code.replace("_", " ").capitalize(),
            status=status,
            detail=problem.message,
        )
    )


def _faults(problem: Problem) -> list[AnswerFault] | None:
    """Faults of a request's answers, each with the address of its question; None without any."""
    if not isinstance(problem, errors.AnswersRejected):
        return None
    return [
        AnswerFault(
            message=fault.message,
            pointer=fault.pointer or None,
            address=None if fault.at is None else fault.address,
        )
        for fault in problem.faults[:FAULTS_MAX]
    ]


def headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    """Response headers that the problem's status requires or allows."""
    match problem:
        case errors.Unauthenticated():
            return [(b"www-authenticate", b'Bearer realm="plaudit"')]
        case errors.MethodNotAllowed():
            return [(b"allow", problem.allow.encode())]
        case errors.RangeNotSatisfiable():
            return [(b"content-range", b"bytes */%d" % problem.size)]
        case errors.TooManyRequests():
            return [(b"retry-after", str(problem.wait_s).encode())]
        case errors.Unavailable() | errors.StoreRefused():
            return [(b"retry-after", str(RETRY_AFTER_S).encode())]
    return []
