"""Listings of v2: pages of tasks as stored bytes, and pages of batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks import page_records
from plaudit.core.tasks.page_records import PageParts
from plaudit.core.tasks.resolve import ScopeNames, find_batch, find_project, project_of
from plaudit.errors import InvalidPageToken, InvalidParameter, PageTokenExpired
from plaudit.model.codings import Coding
from plaudit.model.core import BatchRow, BatchStatus, PageRow, ProjectRow, StoredTask, TaskStatus
from plaudit.store.common import pages
from plaudit.store.engine.engine import Transaction
from plaudit.store.page_files.places import PageFiles
from plaudit.store.tasks import batches, projects, task_pages, task_summaries, tasks
from plaudit.store.tasks.batches import BatchFilter
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter
from plaudit.wire.v2 import render, resources

SCANNED_MAX = 5000
"""Tasks read for one page that is filtered by times of both completion and creation."""

_HEAD = b'{"tasks":['
_encode = msgspec.json.Encoder().encode


class TaskQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of tasks; times are exclusive bounds in milliseconds."""

    scope: ScopeNames
    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    created_after: int | None = None
    created_before: int | None = None
    limit: int = 100
    next_token: str | None = None
    expand: frozenset[str] = frozenset()
    opts: int


class TaskToken(Struct, frozen=True, array_like=True, tag="tasks"):
    """Token of a walk over tasks: continue after `cursor`, up to `bound`."""

    epoch: int
    where: TaskFilter
    cursor: TaskCursor
    bound: int


class BatchQuery(Struct, frozen=True, kw_only=True):
    """A request for a page of batches; times are exclusive bounds in milliseconds."""

    scope: ScopeNames
    status: BatchStatus | None = None
    created_after: int | None = None
    created_before: int | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    limit: int = 100
    next_token: str | None = None
    expand: frozenset[str] = frozenset()


class _BatchToken(Struct, frozen=True, array_like=True, tag="batches"):
    """Token of a walk over batches: continue after (after_ms, after_id)."""

    epoch: int
    project_key: int | None
    status: str | None
    created_after: int | None
    created_before: int | None
    completed_after: int | None
    completed_before: int | None
    after_ms: int
    after_id: str


async def task_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    query: TaskQuery,
    files: PageFiles | None = None,
    coding: Coding | None = None,
) -> PageParts:
    """One page of tasks as pieces; a filter by creation is not taken.

    Pieces of page files are among them where `files` has all tasks of the page in the rendering
    that is asked for; such a page comes in the coding if it can.
    Raises NotFound, InvalidParameter, InvalidPageToken or PageTokenExpired.
    """
    project, batch, walk = await _task_walk(tx, secret, environment_id, query)
    if files is not None and not query.expand and not render.needs_patches(query.opts):
        placed = await files.find_page(
            tx,
            walk.where,
            after=walk.cursor,
            bound=walk.bound,
            limit=query.limit,
            coding=coding,
        )
        if placed is not None:
            next_place = placed.last if placed.has_more else None
            tail = _tail(secret, environment_id, walk, next_place)
            return page_records.placed_parts(placed, _HEAD, tail)
    rows, has_more = await task_pages.list_tasks(
        tx,
        walk.where,
        after=walk.cursor,
        bound=walk.bound,
        limit=query.limit,
        with_patches=render.needs_patches(query.opts),
    )
    if query.expand:
        fitting = await count_expanded(tx, project, rows, query.expand, batch)
        rows, has_more = rows[:fitting], has_more or fitting < len(rows)
    parts = [_HEAD]
    refs = await head_refs_by_batch(tx, project, {row[2] for row in rows}, query.expand, batch)
    render.assemble(rows, refs, query.opts, parts)
    parts.append(_tail(secret, environment_id, walk, rows[-1][:2] if has_more else None))
    return PageParts(parts)


def _tail(
    secret: ServerSecret,
    environment_id: str,
    walk: TaskToken,
    last: tuple[int, int | None] | None,
) -> bytes:
    """End of a page; `last` is `seq` and `completed_ms` of its last task where more follow."""
    if last is None:
        return b"]}"
    seq, completed_ms = last
    at_ms = completed_ms if walk.where.is_by_completion else None
    token = page_tokens.encode(secret, environment_id, _continued(walk, seq, at_ms or 0))
    return b'],"next_token":"%b"}' % token.encode()


async def _task_walk(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: TaskQuery
) -> tuple[ProjectRow, BatchRow | None, TaskToken]:
    """The project, batch and walk of a request that starts a walk or continues one."""
    project = await find_project(tx, environment_id, query.scope)
    batch = await find_batch(tx, environment_id, query.scope, project)
    if query.next_token is not None:
        walk = page_tokens.decode(secret, environment_id, query.next_token, TaskToken)
        pinned = walk.where
        check_epoch(tx, walk.epoch)
        check_filters(
            (None if project is None else project.project_key, pinned.project_key),
            (None if batch is None else batch.project_key, pinned.project_key),
            (None if batch is None else batch.batch_id, pinned.batch_id),
            (query.status, pinned.status),
            (query.completed_after, pinned.completed_after),
            (query.completed_before, pinned.completed_before),
            (query.created_after, pinned.created_after),
            (query.created_before, pinned.created_before),
        )
        if project is None:
            project = await projects.find_project_by_key(tx, environment_id, pinned.project_key)
            if project is None:
                raise InvalidPageToken
        return project, batch, walk
    if project is None:
        if batch is None:
            raise InvalidParameter(
                "name what to list: project_id, project_name, batch_id or batch_name",
                param="project_id",
            )
        project = await project_of(tx, batch)
    where = TaskFilter(
        project_key=project.project_key,
        batch_id=None if batch is None else batch.batch_id,
        status=query.status,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        created_after=query.created_after,
        created_before=query.created_before,
    )
    if where.is_by_completion:
        bound = await projects.last_completion_time(tx, project.project_key)
    else:
        bound = await projects.next_seq(tx, project.project_key) - 1
    return project, batch, TaskToken(tx.epoch, where, where.start, bound)


async def task_summaries_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: TaskQuery
) -> tuple[list[TaskSummary], str | None]:
    """One page of task summaries and the next token, None on the last page.

    Takes the tokens of `task_page`. No index has both times: SCANNED_MAX tasks are read for a page
    filtered by completion and creation, which may be short, or empty, and still have a next token.
    """
    _, _, walk = await _task_walk(tx, secret, environment_id, query)
    created_after, created_before = walk.where.created_after, walk.where.created_before
    is_by_creation = created_after is not None or created_before is not None
    most = SCANNED_MAX if walk.where.is_by_completion and is_by_creation else query.limit + 1
    summaries = await task_summaries.list_summaries(
        tx, walk.where, after=walk.cursor, bound=walk.bound, limit=most
    )
    low = -FAR if created_after is None else created_after
    high = FAR if created_before is None else created_before
    kept: list[TaskSummary] = []
    last = None
    for summary in summaries:
        if len(kept) == query.limit:
            break
        last = summary
        if low < summary.created_ms < high:
            kept.append(summary)
    else:
        if len(summaries) < most:
            last = None
    if last is None:
        return kept, None
    return kept, page_tokens.encode(
        secret, environment_id, _continued(walk, last.seq, last.at_ms(walk.where.time_column))
    )


def _continued(walk: TaskToken, seq: int, at_ms: int) -> TaskToken:
    cursor = TaskCursor(at_ms, seq)
    return TaskToken(walk.epoch, walk.where, cursor, walk.bound)


def check_epoch(tx: Transaction, epoch: int) -> None:
    """Raise PageTokenExpired for a token from before a restore or a failover."""
    if epoch != tx.epoch:
        raise PageTokenExpired


def check_filters(*given_and_pinned: tuple[Any, Any]) -> None:
    """Raise InvalidPageToken for (given, pinned) filters that differ; None is not given.

    Filters that are not sent again are those of the token (docs/adr/0010).
    """
    if any(given is not None and given != pinned for given, pinned in given_and_pinned):
        raise InvalidPageToken(
            "next_token belongs to a request with other filters; "
            "send the same ones again, or start without it"
        )


async def head_refs_by_batch(
    tx: Transaction,
    project: ProjectRow,
    batch_ids: Iterable[str | None],
    expand: frozenset[str],
    known: BatchRow | None,
) -> dict[str | None, bytes]:
    """Project and batch of a page's tasks as JSON members, by batch id (see `render.head_refs`)."""
    project_json = _encode(
        resources.project(project) if "project" in expand else project.project_id
    )
    wanted = set(batch_ids)
    found: dict[str, BatchRow] = {}
    if "batch" in expand:
        ids = sorted(batch_id for batch_id in wanted if batch_id is not None)
        if known is not None:
            found = dict.fromkeys(ids, known)
        else:
            found = await batches.find_batches(tx, project.environment_id, ids)
    refs: dict[str | None, bytes] = {}
    for batch_id in wanted:
        batch_json = None
        if batch_id is not None:
            batch_json = _encode(batch_id)
            if "batch" in expand:
                batch_json = _encode(resources.batch(found[batch_id], project.project_id))
        refs[batch_id] = render.head_refs(project_json, batch_json)
    return refs


async def count_expanded(
    tx: Transaction,
    project: ProjectRow,
    rows: Sequence[PageRow],
    expand: frozenset[str],
    known: BatchRow | None,
) -> int:
    """Number of leading tasks that fit into a page with project and batch expanded; at least 1."""
    project_bytes = len(project.detail) if "project" in expand else 0
    batch_bytes: Mapping[str | None, int] = {}
    if "batch" in expand and known is not None:
        batch_bytes = {known.batch_id: len(known.metadata)}
    elif "batch" in expand:
        ids = sorted({row[2] for row in rows if row[2] is not None})
        sizes = await batches.list_metadata_bytes(tx, project.environment_id, ids)
        batch_bytes = dict(sizes.items())
    return pages.count_fitting(
        [row[-1] + project_bytes + batch_bytes.get(row[2], 0) for row in rows],
        pages.PAGE_BYTES_MAX,
    )


async def find_task_json(
    tx: Transaction, environment_id: str, task_id: str, *, expand: frozenset[str], opts: int
) -> bytes | None:
    """A task as JSON; None if this environment has none of that id."""
    parts = await find_task_parts(tx, environment_id, task_id, expand=expand, opts=opts)
    return None if parts is None else b"".join(parts)


async def find_task_parts(
    tx: Transaction, environment_id: str, task_id: str, *, expand: frozenset[str], opts: int
) -> list[bytes] | None:
    """A task as pieces of JSON to be joined; None if this environment has none of that id."""
    task = await tasks.find_task(tx, environment_id, task_id)
    if task is None:
        return None
    project = await projects.find_project_by_key(tx, environment_id, task.project_key)
    assert project is not None
    return await task_parts(tx, project, task, expand=expand, opts=opts)


async def task_parts(
    tx: Transaction, project: ProjectRow, task: StoredTask, *, expand: frozenset[str], opts: int
) -> list[bytes]:
    """A task that has been read, as pieces of JSON to be joined."""
    refs = await head_refs_by_batch(tx, project, [task.batch_id], expand, None)
    return render.task_parts(task, refs[task.batch_id], opts)


async def batch_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: BatchQuery
) -> resources.BatchPage:
    """One page of batches in the order of `batch_rows_page`.

    Raises NotFound, InvalidPageToken or PageTokenExpired.
    """
    rows, token = await batch_rows_page(tx, secret, environment_id, query)
    return resources.BatchPage(
        batches=await _batch_resources(tx, environment_id, rows, query.expand), next_token=token
    )


async def batch_rows_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, query: BatchQuery
) -> tuple[list[BatchRow], str | None]:
    """One page of batches as rows and the next token, None on the last page.

    By creation, oldest first; by completion where a bound on it is given.
    """
    project = await find_project(tx, environment_id, query.scope)
    walk = _BatchToken(
        epoch=tx.epoch,
        project_key=None if project is None else project.project_key,
        status=query.status,
        created_after=query.created_after,
        created_before=query.created_before,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        after_ms=-FAR,
        after_id="",
    )
    if query.next_token is not None:
        pinned = page_tokens.decode(secret, environment_id, query.next_token, _BatchToken)
        check_epoch(tx, pinned.epoch)
        names = _BatchToken.__struct_fields__[1:-2]
        check_filters(*((getattr(walk, name), getattr(pinned, name)) for name in names))
        walk = pinned
    where = BatchFilter(
        project_key=walk.project_key,
        status=None if walk.status is None else BatchStatus(walk.status),
        created_after=walk.created_after,
        created_before=walk.created_before,
        completed_after=walk.completed_after,
        completed_before=walk.completed_before,
    )
    rows, has_more = await batches.list_batches(
        tx, environment_id, where, after=(walk.after_ms, walk.after_id), limit=query.limit
    )
    token = None
    if has_more:
        after_ms, after_id = where.place_of(rows[-1])
        last = msgspec.structs.replace(walk, after_ms=after_ms, after_id=after_id)
        token = page_tokens.encode(secret, environment_id, last)
    return rows, token


async def batch_resource(
    tx: Transaction, batch: BatchRow, expand: frozenset[str]
) -> resources.Batch:
    """A batch as v2 shows it, with its project as an id, or as an object if expanded."""
    [resource] = await _batch_resources(tx, batch.environment_id, [batch], expand)
    return resource


async def _batch_resources(
    tx: Transaction, environment_id: str, rows: Sequence[BatchRow], expand: frozenset[str]
) -> list[resources.Batch]:
    keys = sorted({batch.project_key for batch in rows})
    shown = {
        key: resources.project(project) if "project" in expand else project.project_id
        for key, project in (await projects.find_projects(tx, environment_id, keys)).items()
    }
    return [resources.batch(batch, shown[batch.project_key]) for batch in rows]
