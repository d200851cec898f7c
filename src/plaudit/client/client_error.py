"""Failure of a request as the client raises it, in one shape for every cause."""

from __future__ import annotations

from typing import Any

import msgspec

WORDS_MAX = 2000
"""Characters of a server's message that are shown."""


class ClientError(Exception):
    """A request failed, or its answer cannot be used.

    `status` is None where there was no answer, `code`, `param` and `pointer` are None where the
    server does not say them.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        pointer: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.pointer = pointer
        self.request_id = request_id
        known = [f"status {status}"] if status is not None else []
        known += [f"request {request_id}"] if request_id else []
        super().__init__(f"{message} ({', '.join(known)})" if known else message)


def error_of_answer(what: str, status: int, content: bytes, request_id: str | None) -> ClientError:
    """ClientError of a refused request: the server's own words, or `what` where it has none."""
    said = _object(content)
    words = next((text for name in _WORDS if (text := _text(said, name))), None)
    return ClientError(
        f"{what}: {words}" if words else f"{what} was refused",
        status=status,
        code=_text(said, "code"),
        param=_text(said, "param"),
        pointer=_text(said, "pointer"),
        request_id=_text(said, "request_id") or request_id,
    )


_WORDS = ("error", "message", "detail")
"""Members of an error body that may hold its message, the first that does counts."""


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value[:WORDS_MAX] if isinstance(value, str) and value else None
