"""Store one chunk of an upload in bulk: create new tasks, compare rows with existing ones.

A row whose unique_id or task_id exists is `unchanged` if project, batch and content are equal, and
`rejected` otherwise, naming the existing task. Ids are reserved before batches are locked, each in
sorted order, as the creation of a single task does it, so that no two transactions deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import audit
from plaudit.core.tasks import work_queue
from plaudit.core.tasks.lifecycle import CLOSED
from plaudit.core.tasks.resolve import ScopeNames, find_batch
from plaudit.core.webhooks import events
from plaudit.errors import InvalidParameter, NotFound
from plaudit.model.core import Actor, BatchRow, ProjectRow, StoredTask, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects, task_locators, tasks
from plaudit.store.tasks import unique_ids as unique_ids_store
from plaudit.store.tasks.unique_ids import ExistingTask
from plaudit.wire.manage.resources import RowResult
from plaudit.wire.v2 import render
from plaudit.wire.v2.render import HeadFields
from plaudit.wire.v2.task import Thread

ATTEMPTS_MAX = 1000

_decode_content = msgspec.json.Decoder(list[Thread]).decode


class NewTaskRow(Struct, frozen=True):
    """Task of a valid line; `has_own_id` if the line gave the id."""

    line: int
    task_id: str
    has_own_id: bool
    unique_id: str | None
    batch_id: str | None
    batch_name: str | None
    metadata: dict[str, Any] | None
    callback_url: str | None
    content: bytes | None


class BatchClosed(Exception):
    """A batch was closed between being read and being locked; the chunk has to be retried."""


async def store_rows(
    tx: Transaction, project: ProjectRow, rows: Sequence[NewTaskRow], actor: Actor, action: str
) -> list[RowResult]:
    """Create the tasks of one chunk; return a result for each row. Raises BatchClosed."""
    chunk = _ChunkInsert(tx, project)
    pending = await chunk.resolve_batches(rows)
    pending = await chunk.compare_existing(pending)
    pending = chunk.reject_closed(pending)
    pending = await chunk.reserve_ids(pending)
    await chunk.create(pending, actor, action)
    return chunk.results


class _ChunkInsert:
    """One chunk being stored. Each step takes the pending rows and returns those still pending."""

    def __init__(self, tx: Transaction, project: ProjectRow) -> None:
        self._tx = tx
        self._project = project
        self._environment_id = project.environment_id
        self._batches: dict[int, BatchRow] = {}
        self.results: list[RowResult] = []

    async def resolve_batches(self, rows: Sequence[NewTaskRow]) -> list[NewTaskRow]:
        """Find the batch of each row; reject rows whose batch does not exist."""
        resolved: dict[tuple[str | None, str | None], BatchRow | str | None] = {}
        pending = []
        for row in rows:
            words = (row.batch_id, row.batch_name)
            if words not in resolved:
                try:
                    resolved[words] = await find_batch(
                        self._tx,
                        self._environment_id,
                        ScopeNames(None, None, *words),
                        self._project,
                    )
                except (NotFound, InvalidParameter) as problem:
                    resolved[words] = problem.message
            batch = resolved[words]
            if isinstance(batch, str):
                name = "batch_name" if row.batch_id is None else "batch_id"
                self._reject(row, batch, f"/{name}")
                continue
            if batch is not None:
                self._batches[row.line] = batch
            pending.append(row)
        return pending

    async def compare_existing(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Compare rows with the tasks that have their ids; return rows whose ids are free."""
        unique_ids = [row.unique_id for row in rows if row.unique_id is not None]
        owners = await unique_ids_store.list_reserved(self._tx, self._environment_id, unique_ids)
        owner_ids = {
            row.line: owners.get(row.unique_id or "", row.task_id if row.has_own_id else "")
            for row in rows
        }
        existing = await self._find_existing([task_id for task_id in owner_ids.values() if task_id])
        free = []
        for row in rows:
            owner_id = owner_ids[row.line]
            if owner_id in existing:
                by_unique = row.unique_id in owners
                self._compare(row, owner_id, existing[owner_id], by_unique=by_unique)
            else:
                free.append(row)
        return free

    def reject_closed(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Reject rows for batches that take no more tasks."""
        pending = []
        for row in rows:
            batch = self._batches.get(row.line)
            if batch is not None and batch.status in CLOSED:
                name = "batch_name" if row.batch_id is None else "batch_id"
                self._reject(
                    row, f"the batch is {batch.status}; it takes no more tasks", f"/{name}"
                )
            else:
                pending.append(row)
        return pending

    async def reserve_ids(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Reserve the ids of the rows; compare rows whose id is taken with its owner.

        The owner is an earlier row of the chunk, or a task that another transaction has created. If
        the earlier row could not reserve the id, the next row of the same id tries by itself.
        """
        kept: list[NewTaskRow] = []
        while rows:
            firsts, repeated = self._first_of_each(kept, rows)
            lost = await self._reserve_unique_ids(firsts)
            existing = await self._find_existing(list(lost.values()))
            for row in [*firsts, *repeated]:
                if row.unique_id in lost:
                    owner_id = lost[row.unique_id]
                    self._compare(row, owner_id, existing.get(owner_id), by_unique=True)
            kept += [row for row in firsts if row.unique_id not in lost]
            rows = [row for row in repeated if row.unique_id not in lost]
        return sorted(kept, key=lambda row: row.line)

    async def create(self, rows: list[NewTaskRow], actor: Actor, action: str) -> None:
        """Add the tasks with their events and audit entries, and count them in their batches."""
        if not rows:
            return
        tx, project = self._tx, self._project
        await self._count(rows)
        now = clock.now_ms()
        first = await projects.reserve_seqs(tx, project.project_key, len(rows))
        created = [self._task(row, first + number, now) for number, row in enumerate(rows)]
        await tasks.insert_tasks(tx, self._environment_id, created)
        await work_queue.open_work(tx, project, created)
        await events.announce_tasks(tx, self._environment_id, created)
        await audit.record_many(
            tx,
            self._environment_id,
            actor,
            action,
            "task",
            [task.task_id for task in created],
            project_key=project.project_key,
        )
        for row in rows:
            result = RowResult(line=row.line, outcome="created", task_id=row.task_id)
            self.results.append(result)

    def _first_of_each(
        self, kept: list[NewTaskRow], rows: list[NewTaskRow]
    ) -> tuple[list[NewTaskRow], list[NewTaskRow]]:
        """Split rows into (first row of each task, later rows of the same tasks).

        Rows of the task of a `kept` row are compared with it and are in neither list.
        """
        by_unique = {row.unique_id: row for row in kept if row.unique_id is not None}
        by_id = {row.task_id: row for row in kept}
        kept_lines = {row.line for row in kept}
        firsts: list[NewTaskRow] = []
        repeated: list[NewTaskRow] = []
        for row in rows:
            same = by_unique.get(row.unique_id or "")
            first = by_id.get(row.task_id) if same is None and row.has_own_id else same
            if first is None:
                firsts.append(row)
                by_id[row.task_id] = row
                if row.unique_id is not None:
                    by_unique[row.unique_id] = row
            elif first.line in kept_lines:
                batch = self._batches.get(first.line)
                batch_id = None if batch is None else batch.batch_id
                existing = ExistingTask(first.task_id, batch_id, first.unique_id, first.content)
                self._compare(row, first.task_id, existing, by_unique=same is not None)
            else:
                repeated.append(row)
        return firsts, repeated

    async def _reserve_unique_ids(self, rows: list[NewTaskRow]) -> dict[str, str]:
        """Reserve the rows' unique_ids; return those of other tasks, as unique_id to task_id."""
        wanted = {row.unique_id: row.task_id for row in rows if row.unique_id is not None}
        if not wanted:
            return {}
        await unique_ids_store.reserve_unique_ids(self._tx, self._environment_id, wanted)
        owners = await unique_ids_store.list_reserved(self._tx, self._environment_id, list(wanted))
        return {
            unique_id: owners[unique_id]
            for unique_id, task_id in wanted.items()
            if owners[unique_id] != task_id
        }

    async def _find_existing(self, task_ids: list[str]) -> dict[str, ExistingTask | None]:
        """Stored tasks of these ids; None for a task of another project, unknown ids left out."""
        if not task_ids:
            return {}
        locators = await task_locators.locate_tasks(
            self._tx, self._environment_id, sorted(set(task_ids))
        )
        existing: dict[str, ExistingTask | None] = dict.fromkeys(locators)
        own = [
            seq
            for project_key, seq in filter(None, locators.values())
            if project_key == self._project.project_key
        ]
        for task in await unique_ids_store.list_existing_tasks(
            self._tx, self._project.project_key, own
        ):
            existing[task.task_id] = task
        return existing

    def _compare(
        self, row: NewTaskRow, task_id: str, known: ExistingTask | None, *, by_unique: bool
    ) -> None:
        """Record a row as unchanged, or as rejected with its difference from the stored task."""
        batch = self._batches.get(row.line)
        if by_unique:
            whose = f"unique_id {row.unique_id!r} belongs to task {task_id!r}, which"
        else:
            whose = f"there is a task {task_id!r} already, which"
        if known is None:
            reason = "is of another project"
        elif row.has_own_id and row.task_id != known.task_id:
            reason = "has another task_id"
        elif row.unique_id is not None and row.unique_id != known.unique_id:
            reason = "has another unique_id"
        elif (None if batch is None else batch.batch_id) != known.batch_id:
            reason = "is not in that batch"
        elif not _is_same(row.content, known.content):
            reason = "has other content"
        else:
            result = RowResult(line=row.line, outcome="unchanged", task_id=task_id)
            self.results.append(result)
            return
        pointer = "/unique_id" if by_unique else "/task_id"
        self._reject(row, f"{whose} {reason}", pointer, task_id)

    async def _count(self, rows: list[NewTaskRow]) -> None:
        """Count the new tasks in their batches, which locks these, in sorted order.

        Raises BatchClosed.
        """
        counts = Counter(
            self._batches[row.line].batch_id for row in rows if row.line in self._batches
        )
        for batch_id in sorted(counts):
            change = {TaskStatus.pending: counts[batch_id]}
            await batches.add_progress(self._tx, self._project.project_key, batch_id, change)
            batch = await batches.find_batch(self._tx, self._environment_id, batch_id)
            assert batch is not None
            if batch.status in CLOSED:
                raise BatchClosed

    def _task(self, row: NewTaskRow, seq: int, now: int) -> StoredTask:
        fields = HeadFields(
            task_id=row.task_id,
            status=TaskStatus.pending,
            created_at=clock.format_ms(now),
            metadata=row.metadata,
        )
        batch = self._batches.get(row.line)
        return StoredTask(
            project_key=self._project.project_key,
            seq=seq,
            task_id=row.task_id,
            batch_id=None if batch is None else batch.batch_id,
            status=TaskStatus.pending,
            created_ms=now,
            completed_ms=None,
            head=render.render_head(fields, has_body=False),
            content=row.content,
            unique_id=row.unique_id,
            callback_url=row.callback_url,
        )

    def _reject(
        self, row: NewTaskRow, error: str, pointer: str, task_id: str | None = None
    ) -> None:
        result = RowResult(
            line=row.line, outcome="rejected", task_id=task_id, error=error, pointer=pointer
        )
        self.results.append(result)


def _is_same(uploaded: bytes | None, stored: bytes | None) -> bool:
    """True if two conversations are equal, also where another version rendered one of them."""
    if uploaded == stored or uploaded is None or stored is None:
        return uploaded == stored
    return _decode_content(uploaded) == _decode_content(stored)
