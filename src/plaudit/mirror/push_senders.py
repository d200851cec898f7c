"""Two ways to create tasks on a server: any server's own operation, and Plaudit's upload."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from plaudit.client.calls import managed_project_path
from plaudit.client.client import Client
from plaudit.client.client_error import ClientError
from plaudit.errors import InvalidContent
from plaudit.mirror.push_rows import PushRow
from plaudit.mirror.template_variables import variables_of
from plaudit.wire.manage.resources import UploadResult

REFUSED = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)  # fmt: skip
"""Statuses that are about one task; others end the push."""

UPLOAD_ROWS = 100
UPLOAD_BYTES = 1024 * 1024

_encode = msgspec.json.Encoder().encode


class PushResult(Struct, frozen=True):
    """Outcome of one row; `message` and `pointer` say why it was rejected."""

    outcome: Literal["created", "unchanged", "rejected"]
    message: str = ""
    pointer: str = ""


class TaskSender(Protocol):
    """A way to create tasks. `body` raises InvalidContent for what cannot be said this way."""

    rows_max: int

    def body(self, row: PushRow, batch_name: str | None) -> bytes: ...

    def send(self, project_id: str, bodies: Sequence[bytes]) -> list[PushResult]: ...


class ChatSender:
    """`POST /v2/task/chat`, which any server of the v2 API has: a request for each task."""

    rows_max = 1

    def __init__(self, client: Client) -> None:
        self._client = client

    def body(self, row: PushRow, batch_name: str | None) -> bytes:
        """Members of the request but for the project."""
        assert row.task is not None
        return _encode(
            _given(
                template_variables=variables_of(row.task.content or []),
                batch_name=batch_name,
                metadata=row.task.metadata,
                callback_url=row.task.callback_url,
                unique_id=row.unique_id,
            )
        )

    def send(self, project_id: str, bodies: Sequence[bytes]) -> list[PushResult]:
        """Create each task; raises ClientError for what is not about one of them."""
        return [self._send_one(project_id, body) for body in bodies]

    def _send_one(self, project_id: str, body: bytes) -> PushResult:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        try:
            self._client.post("/v2/task/chat", {"project_id": project_id, **members})
        except ClientError as exc:
            if exc.status == HTTPStatus.CONFLICT:
                return PushResult("unchanged")
            if exc.status not in REFUSED:
                raise
            is_of_row = exc.pointer in ("/metadata", "/callback_url", "/unique_id")
            return PushResult("rejected", exc.message, str(exc.pointer) if is_of_row else "")
        return PushResult("created")


class UploadSender:
    """Plaudit's own upload: conversations as they are, a hundred in a request."""

    rows_max = UPLOAD_ROWS

    def __init__(self, client: Client) -> None:
        self._client = client

    def body(self, row: PushRow, batch_name: str | None) -> bytes:
        """Line of the upload."""
        assert row.task is not None
        return _encode(
            _given(
                unique_id=row.unique_id,
                batch_name=batch_name,
                metadata=row.task.metadata,
                callback_url=row.task.callback_url,
                content=row.task.content,
            )
        )

    def send(self, project_id: str, bodies: Sequence[bytes]) -> list[PushResult]:
        """Create tasks, each of them or none; raises ClientError."""
        path = f"{managed_project_path(project_id)}/tasks"
        # Raw, because the body is JSON lines and no JSON document.
        content = self._client.post(path, msgspec.Raw(b"\n".join(bodies)))
        try:
            uploaded = msgspec.json.decode(content, type=UploadResult)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ClientError(f"POST {path}: the answer is no result of an upload: {exc}") from None
        results = {result.line: result for result in uploaded.results}
        if results.keys() != set(range(1, len(bodies) + 1)):
            raise ClientError(f"POST {path}: the answer does not have a result for each task")
        return [
            PushResult(result.outcome, result.error or "", result.pointer or "")
            for _, result in sorted(results.items())
        ]


def has_upload(client: Client, project_id: str) -> bool:
    """True for a server that has Plaudit's upload for a project; raises ClientError without one."""
    try:
        content = client.get(managed_project_path(project_id))
    except ClientError as exc:
        if exc.status is None or exc.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return False
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("id") == project_id


def _given(**members: Any) -> dict[str, Any]:
    return {name: member for name, member in members.items() if member is not None}


def refusal(exc: InvalidContent) -> PushResult:
    """Result of a row that cannot be said."""
    return PushResult("rejected", exc.message, exc.pointer)
