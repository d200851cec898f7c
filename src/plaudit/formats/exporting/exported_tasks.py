"""Stored tasks as formats get them: with comparisons and, where those are read, with votes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

import msgspec
from msgspec import Struct

from plaudit.core.tasks.forms import Form
from plaudit.formats.exporting.compare import TaskFacts, compare_task
from plaudit.formats.exporting.export_format import ExportedTask, ExportOptions
from plaudit.formats.exporting.selection import ChosenTask
from plaudit.formats.exporting.splits import split_key
from plaudit.model.core import ALL_OPTS, PageRow, ProjectRow
from plaudit.model.votes import VoteRow
from plaudit.wire.v2 import render
from plaudit.wire.v2.export_lines import decode_threads
from plaudit.wire.v2.task import MessageRole, Thread

VotesOf = Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[VoteRow]]]]
"""Votes of tasks by task_id; tasks without votes may be left out."""


async def with_votes(made: Sequence[ExportedTask], votes_of: VotesOf | None) -> list[ExportedTask]:
    """Give tasks their votes; those without any have none."""
    assert votes_of is not None
    votes = await votes_of([task.value["task_id"] for task in made])
    return [
        msgspec.structs.replace(task, votes=votes.get(task.value["task_id"], ())) for task in made
    ]


def exported_task(
    chosen: ChosenTask, project: ProjectRow, form: Form, options: ExportOptions
) -> ExportedTask:
    """Return a stored task as formats get it."""
    row = chosen.row
    batch_id, body, patches = row[2], row[4], row[5]
    head = render.read_head(row[3])
    threads = decode_threads(render.body_json(body, patches, ALL_OPTS)).threads
    facts = TaskFacts(
        task_id=head.task_id,
        project=project.name,
        batch=batch_id,
        completed_at=head.completed_at,
        metadata=head.metadata or {},
    )
    value = msgspec.to_builtins(head)
    value |= {"project": project.project_id, "threads": msgspec.to_builtins(threads)}
    if batch_id is not None:
        value["batch"] = batch_id
    return ExportedTask(
        value=value,
        threads=threads,
        form=form,
        comparisons=list(compare_task(facts, threads, form, options.verdict)),
        displays=chosen.displays,
    )


def stored_split_key(row: PageRow) -> bytes:
    """Key of a stored task's part, as `split_key` makes it of its threads."""
    body = row[4]
    found = [] if body is None else _decode_texts(b"{" + body).threads
    return split_key(cast("Sequence[Thread]", found))


class _Text(Struct, gc=False):
    text: str | None = None


class _Message(Struct, gc=False):
    role: MessageRole
    content: _Text


class _Turn(Struct, gc=False):
    messages: list[_Message]


class _Thread(Struct, gc=False):
    turns: list[_Turn]


class _Texts(Struct, gc=False):
    """Threads of a task with as much of them as decides on its part."""

    threads: list[_Thread]


_decode_texts = msgspec.json.Decoder(_Texts).decode
