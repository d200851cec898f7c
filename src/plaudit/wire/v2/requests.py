"""Request bodies of the v2 operations that write. Unknown members are ignored."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.wire.v2.resources import Batch


class CreateTask(Struct, kw_only=True):
    """Body of POST /v2/task/chat."""

    project_id: str | None = None
    project_name: str | None = None
    batch_id: str | None = None
    batch_name: str | None = None
    template_variables: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    callback_url: str | None = None
    unique_id: str | None = None


class SetTaskMetadata(Struct, kw_only=True):
    """Body of POST /v2/task/metadata."""

    task_id: str
    metadata: dict[str, Any]
    merge: bool | None = None


class CreateBatch(Struct, kw_only=True):
    """Body of POST /v2/batch. `project` is an id or a name, as older samples send it."""

    name: str
    project_id: str | None = None
    project_name: str | None = None
    project: str | None = None
    callback: str | None = None
    staging_batch: bool | None = None
    metadata: dict[str, Any] | None = None


class NameBatch(Struct, kw_only=True):
    """Body of POST /v2/batch/finalize, pause, resume and cancel."""

    batch_id: str | None = None
    batch_name: str | None = None


class SetBatchMetadata(NameBatch, kw_only=True):
    """Body of POST /v2/batch/metadata."""

    metadata: dict[str, Any]
    merge: bool | None = None


class BatchResult(Struct, kw_only=True):
    """What pause, resume and cancel answer."""

    batch: Batch
    message: str
