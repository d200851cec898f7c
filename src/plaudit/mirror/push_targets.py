"""Projects and batches of another server, looked up once each; batches are made where missing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from plaudit.client.client import Client
from plaudit.client.client_error import ClientError
from plaudit.errors import InvalidContent
from plaudit.mirror.answer_items import read_items
from plaudit.mirror.push_rows import PushTarget


class PushTargets:
    """Targets of one push. Lookups raise InvalidContent for a target that there is not."""

    def __init__(self, client: Client) -> None:
        self.batches_made = 0
        self._client = client
        self._project_ids: dict[tuple[str | None, str | None], str | None] = {}
        self._batches: dict[tuple[str, str], str | None] = {}

    def project_id(self, target: PushTarget) -> str:
        """Id that a project has on the server."""
        key = target.project_name, target.project_id
        if key not in self._project_ids:
            found = None
            if target.project_name is not None:
                found = self._find("/v2/project", project_name=target.project_name)
            if found is None and target.project_id is not None:
                found = self._find("/v2/project", project_id=target.project_id)
            self._project_ids[key] = found
        project_id = self._project_ids[key]
        if project_id is None:
            raise InvalidContent(
                f"the server has no project {target.project_name or target.project_id!r}, and v2 "
                "cannot make one",
                pointer="/project",
            )
        return project_id

    def batch_name(self, target: PushTarget, project_id: str) -> str | None:
        """Name of a batch that the project has now; None for a target without one."""
        name = target.batch_name
        if name is None:
            return None
        key = project_id, name
        if key not in self._batches:
            self._batches[key] = self._make_batch(name, project_id)
        refusal = self._batches[key]
        if refusal is not None:
            raise InvalidContent(refusal, pointer="/batch")
        return name

    def _make_batch(self, name: str, project_id: str) -> str | None:
        """Make a batch unless there is one; return why it cannot be, None if it is there."""
        if self._find("/v2/batch", batch_name=name) is not None:
            return None
        try:
            self._client.post("/v2/batch", {"name": name, "project_id": project_id})
        except ClientError as exc:
            if exc.status == HTTPStatus.CONFLICT:
                return None  # made at the same moment
            if exc.status != HTTPStatus.BAD_REQUEST:
                raise
            return exc.message
        self.batches_made += 1
        return None

    def _find(self, path: str, **params: Any) -> str | None:
        """Id of an object, None if there is none."""
        try:
            content = self._client.get(path, params)
        except ClientError as exc:
            if exc.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return read_items(content, None, f"GET {path}")[0].id("id")
