"""Problems: the failures that are raised on purpose, without HTTP statuses or exit codes.

A class's docstring is its default message; `code` is stable and documented. `message` is safe to
show to clients, `detail` goes to the server's log only.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:  # a command that only prints its help does not load the serializer
    from plaudit.model.labeling import Fault


class Problem(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "problem"

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        self.text = message or inspect.getdoc(type(self)) or self.code
        """The message as it was raised: a marked one can be translated (`texts`)."""
        self.message = str(self.text)
        self.detail = detail
        super().__init__(self.message)


class InvalidParameter(Problem):
    """A parameter is not acceptable."""

    code = "invalid_parameter"

    def __init__(self, message: str | None = None, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidPageToken(InvalidParameter):
    """next_token was not issued for this request; start again without it."""

    code = "invalid_page_token"

    def __init__(self, message: str | None = None, *, param: str = "next_token") -> None:
        super().__init__(message, param=param)


class PageTokenExpired(InvalidParameter):
    """next_token was issued before the store was restored; start again without it."""

    code = "page_token_expired"

    def __init__(self, message: str | None = None, *, param: str = "next_token") -> None:
        super().__init__(message, param=param)


class InvalidContent(Problem):
    """The content is not acceptable."""

    code = "invalid_content"

    def __init__(self, message: str | None = None, *, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer
        """JSON pointer (RFC 6901) of the offending value; empty for the whole document."""


class BadRequest(Problem):
    """The request is not well-formed HTTP."""

    code = "bad_request"


class Unauthenticated(Problem):
    """A valid API key is required: send it as 'Authorization: Bearer <key>'."""

    code = "unauthenticated"


class SignedOut(Problem):
    """Nobody is signed in here; sign in and try again."""

    code = "signed_out"


class SignInRefused(Problem):
    """The e-mail address or the password is wrong."""

    code = "sign_in_refused"


class CrossSite(Problem):
    """The request did not come from a page of this server; reload the page and try again."""

    code = "cross_site"


class Forbidden(Problem):
    """This API key's role does not permit the operation."""

    code = "forbidden"


class NotFound(Problem):
    """There is nothing of that name here."""

    code = "not_found"


class MethodNotAllowed(Problem):
    """This path does not take that method."""

    code = "method_not_allowed"

    def __init__(self, message: str | None = None, *, allow: str = "") -> None:
        super().__init__(message)
        self.allow = allow


class Conflict(Problem):
    """The change clashes with what is stored."""

    code = "conflict"


class IllegalMove(Problem):
    """The status does not allow this."""

    code = "illegal_move"


class LeaseLost(Problem):
    """This task is no longer yours to work on; claim it again, your draft is kept."""

    code = "lease_lost"


class DraftConflict(Problem):
    """The draft was saved from another tab in the meantime; load it before you go on."""

    code = "draft_conflict"

    def __init__(self, message: str | None = None, *, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision
        """Revision of the stored draft."""


class Paused(Problem):
    """You are paused in this project; its page says why, and what you typed is kept."""

    code = "paused"


class Unqualified(Problem):
    """This project gives tasks to those alone who passed its test."""

    code = "unqualified"


class LimitReached(Problem):
    """You have as many of these as you may."""

    code = "limit_reached"


class AnswersRejected(Problem):
    """The answers cannot be taken as they are."""

    code = "answers_rejected"

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        messages = [f"{fault.key or 'answers'}: {fault.message}" for fault in faults[:3]]
        more = len(faults) - len(messages)
        super().__init__("; ".join(messages) + (f"; and {more} more" if more > 0 else "") or None)
        self.faults = list(faults)
        self.pointer = faults[0].pointer if faults else ""


class IdempotencyMismatch(Problem):
    """This Idempotency-Key was used for another request; use a new one."""

    code = "idempotency_mismatch"


class TooLarge(Problem):
    """The request is larger than this server accepts."""

    code = "too_large"


class HeaderTooLarge(Problem):
    """The request line and headers are larger than 16 KiB."""

    code = "header_too_large"


class RangeNotSatisfiable(Problem):
    """No byte of the range that was asked for exists."""

    code = "range_not_satisfiable"

    def __init__(self, message: str | None = None, *, size: int = 0) -> None:
        super().__init__(message)
        self.size = size
        """Size of the file in bytes."""


class TooManyRequests(Problem):
    """Too many requests; wait as long as Retry-After says."""

    code = "too_many_requests"

    def __init__(self, message: str | None = None, *, wait_s: int = 1) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """Seconds until one more request is allowed, 1 to 60."""


class Unavailable(Problem):
    """The server cannot answer now; try again in a moment."""

    code = "unavailable"


class StorageFull(Unavailable):
    """The disk of the server is full; nothing can be written until there is space."""

    code = "storage_full"


class TimedOut(Problem):
    """The request took longer than this server allows."""

    code = "timed_out"


class ServerFault(Problem):
    """The server failed; quote the request id when reporting it."""

    code = "server_fault"


class StoreRefused(Problem):
    """The store cannot be opened as it is."""

    code = "store_refused"


class Misconfigured(Problem):
    """The configuration does not allow this."""

    code = "misconfigured"
