"""Operations of a server as requests, each with the shape of its answer.

The blocking client and the asynchronous one send them; only those of `/manage/v1` are Plaudit's
own, all others work with any server of the v2 API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypedDict, TypeVar, cast
from urllib.parse import quote

import msgspec
from msgspec import Struct

from plaudit.client.client_error import ClientError
from plaudit.client.exchange import Request, ServerAnswer, write_request
from plaudit.client.parameters import Parameter, query_of
from plaudit.wire.v2.deliveries import DeliveryList, DeliveryRecord
from plaudit.wire.v2.requests import BatchResult
from plaudit.wire.v2.resources import Batch, BatchPage, Project, ProjectList
from plaudit.wire.v2.task import Task

T = TypeVar("T")


class ProjectNaming(TypedDict, total=False):
    """A project by its id or its name."""

    project_id: str
    project_name: str


class BatchNaming(TypedDict, total=False):
    """A batch by its id or its name."""

    batch_id: str
    batch_name: str


class BatchListingOptions(ProjectNaming, total=False):
    """Filters and options of `GET /v2/batches`; `limit` is the number of batches on a page."""

    status: str
    created_after: str | datetime
    created_before: str | datetime
    completed_after: str | datetime
    completed_before: str | datetime
    limit: int
    expand: Sequence[str]


class TaskMembers(ProjectNaming, BatchNaming, total=False):
    """Members of a task to be created; `template_variables` fill the project's template."""

    template_variables: Mapping[str, Any]
    metadata: Mapping[str, Any]
    callback_url: str
    unique_id: str


class BatchMembers(ProjectNaming, total=False):
    """Members of a batch to be created besides its name."""

    callback: str
    staging_batch: bool
    metadata: Mapping[str, Any]


class NewDelivery(TypedDict, total=False):
    """Tasks that are delivered: ids, or a filter of completed ones."""

    task_ids: Sequence[str]
    batch_id: str
    batch_name: str
    completed_after: str | datetime
    completed_before: str | datetime
    response_schema_id: str


class ApiCall(Struct, Generic[T], frozen=True):
    """A request, and the type that its answer is read as."""

    request: Request
    answer: Any

    def read(self, answer: ServerAnswer) -> T:
        """Value of the answer; raises ClientError if it is not what v2 describes."""
        try:
            return cast(T, msgspec.json.decode(answer.content, type=self.answer))
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ClientError(
                f"{self.request.name}: the answer is not as v2 describes it: {exc}",
                status=answer.status,
                request_id=answer.headers.get("x-request-id") or None,
            ) from None


def get(path: str, answer: Any, **params: Parameter) -> ApiCall[Any]:
    """GET of a path; parameters that are None are left out."""
    return ApiCall(Request(method="GET", path=path, params=query_of(params)), answer)


def post(path: str, answer: Any, key: str | None, body: Mapping[str, Any]) -> ApiCall[Any]:
    """POST of a body, under an Idempotency-Key that is made up if None."""
    texts = {
        name: dict(query_of({name: value}))[name] if isinstance(value, datetime) else value
        for name, value in body.items()
        if value is not None
    }
    return ApiCall(write_request(path, texts, key), answer)


def list_projects() -> ApiCall[ProjectList]:
    """GET /v2/projects."""
    return get("/v2/projects", ProjectList)


def get_project(name: ProjectNaming) -> ApiCall[Project]:
    """GET /v2/project."""
    return get("/v2/project", Project, **name)


def get_task(
    task_id: str, opts: Sequence[str] | None, expand: Sequence[str] | None
) -> ApiCall[Task]:
    """GET /v2/task."""
    return get("/v2/task", Task, task_id=task_id, expand=expand, opts=opts)


def get_batch(name: BatchNaming) -> ApiCall[Batch]:
    """GET /v2/batch."""
    return get("/v2/batch", Batch, **name)


def list_deliveries(name: ProjectNaming) -> ApiCall[DeliveryList]:
    """GET /v2/deliveries."""
    return get("/v2/deliveries", DeliveryList, **name)


def create_project(name: str, settings: Mapping[str, Any], key: str | None) -> ApiCall[Project]:
    """POST /manage/v1/projects, of Plaudit alone."""
    return post("/manage/v1/projects", Project, key, {"name": name, **settings})


def create_chat_task(task: TaskMembers, key: str | None) -> ApiCall[Task]:
    """POST /v2/task/chat."""
    return post("/v2/task/chat", Task, key, task)


def create_task(task: Mapping[str, Any], key: str | None) -> ApiCall[Task]:
    """POST /v2/task."""
    return post("/v2/task", Task, key, task)


def set_task_metadata(
    task_id: str, metadata: Mapping[str, Any], merge: bool, key: str | None
) -> ApiCall[Task]:
    """POST /v2/task/metadata."""
    body = {"task_id": task_id, "metadata": metadata, "merge": merge}
    return post("/v2/task/metadata", Task, key, body)


def create_batch(name: str, batch: BatchMembers, key: str | None) -> ApiCall[Batch]:
    """POST /v2/batch."""
    return post("/v2/batch", Batch, key, {"name": name, **batch})


def finalize_batch(name: BatchNaming, key: str | None) -> ApiCall[Batch]:
    """POST /v2/batch/finalize."""
    return post("/v2/batch/finalize", Batch, key, name)


def move_batch(move: str, name: BatchNaming, key: str | None) -> ApiCall[BatchResult]:
    """POST /v2/batch/pause, resume or cancel."""
    return post(f"/v2/batch/{move}", BatchResult, key, name)


def managed_project_path(project_id: str) -> str:
    """Path of a project under /manage/v1."""
    return f"/manage/v1/projects/{quote(project_id, safe='')}"


def managed_delivery_path(delivery_id: str) -> str:
    """Path of a delivery under /manage/v1."""
    return f"/manage/v1/deliveries/{quote(delivery_id, safe='')}"


def create_delivery(
    project_id: str, name: str, chosen: NewDelivery, key: str | None
) -> ApiCall[DeliveryRecord]:
    """POST /manage/v1/projects/{project_id}/deliveries, of Plaudit alone."""
    path = f"{managed_project_path(project_id)}/deliveries"
    return post(path, DeliveryRecord, key, {"name": name, **chosen})


_decode_batches = msgspec.json.Decoder(BatchPage).decode


def batches_of(content: bytes) -> list[Batch]:
    """Batches of a page of `GET /v2/batches`; raises ClientError if it is no such page."""
    try:
        return _decode_batches(content).batches
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ClientError(f"the answer is no page of batches: {exc}") from None
