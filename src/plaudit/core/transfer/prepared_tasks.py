"""Tasks on their way in: rendered before the transaction, placed within it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plaudit.core.staffing import requirements
from plaudit.model.core import BatchRow, ProjectRow, TaskStatus
from plaudit.wire.v2 import render, size_limits
from plaudit.wire.v2.parse import ReadTask
from plaudit.wire.v2.render import Rendered

_encode = msgspec.json.Encoder().encode


class PreparedTask(Struct, frozen=True, kw_only=True):
    """A validated task, rendered as far as possible.

    `rendered` is None for a completed task without a time: its time is taken from the project's
    clock, inside the transaction.
    """

    read: ReadTask
    created_ms: int
    rendered: Rendered | None
    content: bytes | None

    @property
    def needs_completion_time(self) -> bool:
        """True for a completed task without a time of completion."""
        return self.read.task.status is TaskStatus.completed and self.read.completed_ms is None


class IncomingTask(PreparedTask, frozen=True, kw_only=True):
    """A prepared task to be merged into its project and batch.

    `is_restored_batch` is True for a batch that the same import declares as completed: an archive
    has tasks that were reopened after their batch was completed.
    """

    project: ProjectRow
    batch_id: str | None
    is_restored_batch: bool


def prepare(read: ReadTask, now: int) -> PreparedTask:
    """Render a task outside the transaction; `now` is its default creation time.

    Raises InvalidContent if its content or threads are too long, or its metadata asks something of
    people that is not understood.
    """
    if read.task.status is TaskStatus.pending:
        requirements.check_metadata(read.task.metadata)
    created_ms = now if read.created_ms is None else read.created_ms
    content = None if read.task.content is None else _encode(read.task.content)
    if content is not None:
        size_limits.check_conversation(len(content), "/content")
    rendered = render.render(read.task, created_ms, read.completed_ms)
    prepared = PreparedTask(read=read, created_ms=created_ms, rendered=rendered, content=content)
    if prepared.needs_completion_time:
        return msgspec.structs.replace(prepared, rendered=None)
    return prepared


def place(
    prepared: PreparedTask, project: ProjectRow, batch: BatchRow | None, *, is_restored_batch: bool
) -> IncomingTask:
    """A prepared task with its project and batch."""
    return IncomingTask(
        read=prepared.read,
        created_ms=prepared.created_ms,
        rendered=prepared.rendered,
        content=prepared.content,
        project=project,
        batch_id=None if batch is None else batch.batch_id,
        is_restored_batch=is_restored_batch,
    )
