"""Tasks on their way in: read and rendered before the transaction, placed within it.

A prepared task is what the store's rows are made of, and nothing else. It may be made by another
process, and travels well: it is an array of plain values (core/transfer/importer.py).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.outbound.url_length import check_url_length
from plaudit.core.staffing import requirements
from plaudit.core.tasks import thread_votes
from plaudit.core.tasks.annotation_lookup import hash_annotation_id
from plaudit.errors import InvalidContent
from plaudit.model.core import BatchRow, ProjectRow, TaskStatus
from plaudit.model.votes import VoteValues
from plaudit.wire.v2 import parse, render, resources, size_limits
from plaudit.wire.v2.body_rendering import Body
from plaudit.wire.v2.parse import ReadTask
from plaudit.wire.v2.task_lines import LineReader

FUTURE_MS_MAX = 5 * 60 * 1000

_encode = msgspec.json.Encoder().encode


class PreparedTask(Struct, array_like=True, frozen=True, kw_only=True, gc=False):
    """A validated task, rendered as far as possible.

    `given_ms` is its own time of creation and `created_ms` that or now. A completed task without a
    time of completion has a head without it: that time is taken from the project's clock, inside
    the transaction. `locators` are the hashes of annotation ids that were not minted here.
    """

    task_id: str
    status: TaskStatus
    project: str | resources.Project | None
    batch: str | resources.Batch | None
    unique_id: str | None
    callback_url: str | None
    given_ms: int | None
    created_ms: int
    completed_ms: int | None
    head: bytes
    body: bytes | None
    patches: bytes | None
    content: bytes | None
    locators: list[int]
    votes: list[VoteValues]

    @property
    def needs_completion_time(self) -> bool:
        """True for a completed task without a time of completion."""
        return self.completed_ms is None and self.status is TaskStatus.completed

    def head_at(self, created_ms: int, completed_ms: int | None, metadata: Any = None) -> bytes:
        """Head with other times, and with `metadata` where the task has none."""
        fields = render.read_head(self.head)
        fields.created_at = clock.format_ms(created_ms)
        fields.completed_at = None if completed_ms is None else clock.format_ms(completed_ms)
        if fields.metadata is None:
            fields.metadata = metadata
        return render.render_head(fields, has_body=self.body is not None)


class IncomingTask(Struct, frozen=True, kw_only=True, gc=False):
    """A prepared task to be merged into its project and batch.

    `is_restored_batch` is True for a batch that the same import declares as completed: an archive
    has tasks that were reopened after their batch was completed.
    """

    prepared: PreparedTask
    project: ProjectRow
    batch_id: str | None
    is_restored_batch: bool


def read(value: Any) -> PreparedTask:
    """Read a decoded task with care; raises InvalidContent."""
    return prepare(parse.read_task(value), clock.now_ms())


def read_line(reader: LineReader, line: bytes) -> PreparedTask | None:
    """The task of a line; None for a line to be read with care, or without a task."""
    found = reader.read(line)
    if found is None:
        return None
    try:
        return prepare(found.read, clock.now_ms(), found.body)
    except InvalidContent:  # which is said of the line as of any other
        return None


def prepare(read: ReadTask, now: int, body: Body | None = None) -> PreparedTask:
    """Render a task outside the transaction; `now` is its default creation time.

    `body` is its body, if that was made before. Raises InvalidContent for a time that lies ahead,
    for what is too long, or for metadata that ask something of people that is not understood.
    """
    task = read.task
    if read.completed_ms is not None and read.completed_ms > now + FUTURE_MS_MAX:
        raise InvalidContent("completed_at lies more than 5 minutes ahead", pointer="/completed_at")
    check_url_length(task.callback_url, "/callback_url")
    if task.status is TaskStatus.pending:
        requirements.check_metadata(task.metadata)
    created_ms = now if read.created_ms is None else read.created_ms
    content = None if task.content is None else _encode(task.content)
    if content is not None:
        size_limits.check_conversation(len(content), "/content")
    rendered = render.render(task, created_ms, read.completed_ms, body)
    return PreparedTask(
        task_id=task.task_id,
        status=task.status,
        project=task.project,
        batch=task.batch,
        unique_id=task.unique_id,
        callback_url=task.callback_url,
        given_ms=read.created_ms,
        created_ms=created_ms,
        completed_ms=read.completed_ms,
        head=rendered.head,
        body=rendered.body,
        patches=rendered.patches,
        content=content,
        locators=[hash_annotation_id(one) for one in read.foreign_annotation_ids],
        votes=thread_votes.thread_votes(task.threads or []),
    )


def place(
    prepared: PreparedTask, project: ProjectRow, batch: BatchRow | None, *, is_restored_batch: bool
) -> IncomingTask:
    """A prepared task with its project and batch."""
    return IncomingTask(
        prepared=prepared,
        project=project,
        batch_id=None if batch is None else batch.batch_id,
        is_restored_batch=is_restored_batch,
    )
