"""Tasks of a listing: decoded or as bytes, and the bytes of a page split into its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypedDict, TypeVar

import msgspec
from msgspec import Struct

from plaudit.client.client_error import ClientError
from plaudit.wire.v2.task import Task, TaskPage

T = TypeVar("T")


class TaskListingOptions(TypedDict, total=False):
    """Filters and options of `GET /v2/tasks`; `limit` is the number of tasks on a page."""

    project_id: str | None
    project_name: str | None
    batch_id: str | None
    batch_name: str | None
    status: str | None
    completed_after: str | datetime | None
    completed_before: str | datetime | None
    limit: int | None
    expand: Sequence[str] | None
    opts: Sequence[str] | None


class _RawPage(Struct):
    tasks: list[msgspec.Raw]


class _Id(Struct):
    task_id: str


_decode_page = msgspec.json.Decoder(TaskPage).decode
_decode_task = msgspec.json.Decoder(Task).decode
_decode_raw = msgspec.json.Decoder(_RawPage).decode
_decode_id = msgspec.json.Decoder(_Id).decode


def raw_tasks(content: bytes) -> list[bytes]:
    """JSON of each task of a page, byte for byte; raises ClientError if it is no such page."""
    try:
        return list(map(bytes, _decode_raw(content).tasks))
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ClientError(f"the answer is no page of tasks: {exc}") from None


def decoded_tasks(content: bytes) -> list[Task]:
    """Tasks of a page; raises ClientError naming one that is not as v2 describes it."""
    try:
        return _decode_page(content).tasks
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [decoded_task(task) for task in raw_tasks(content)]


def decoded_task(content: bytes) -> Task:
    """Task of its JSON; raises ClientError if it is not as v2 describes it."""
    try:
        return _decode_task(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ClientError(
            f"{_named(content)} is not as v2 describes it: {exc}; raw=True reads it"
        ) from None


def task_id_of(task: Task | bytes) -> str:
    """Id of a task or of its JSON; raises ClientError if that has none."""
    if isinstance(task, Task):
        return task.task_id
    try:
        return _decode_id(task).task_id
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ClientError(f"a task cannot be told from others: {exc}") from None


def _named(content: bytes) -> str:
    try:
        return f"task {task_id_of(content)}"
    except ClientError:
        return "a task"


class NewTasks:
    """Filter that lets each task through once, by its id."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def of(self, tasks: Iterable[T]) -> Iterator[T]:
        """Yield the tasks that did not come before."""
        for task in tasks:
            task_id = task_id_of(task)  # type: ignore[arg-type]
            if task_id not in self._seen:
                self._seen.add(task_id)
                yield task
