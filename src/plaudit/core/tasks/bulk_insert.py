"""Store one chunk of an upload: what is new is created, what is known is compared, in bulk.

A line whose unique_id or task_id is stored already is the same upload come again if project, batch
and content are the same; otherwise it is refused, saying which task stands in its way. Claims are
taken before batches are locked, in order, as the creation of a single task does it.
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
from plaudit.store.tasks import batches, projects, tasks
from plaudit.store.tasks import unique_ids as unique_ids_store
from plaudit.store.tasks.unique_ids import ExistingTask
from plaudit.wire.manage.resources import RowResult
from plaudit.wire.v2 import render
from plaudit.wire.v2.render import HeadFields
from plaudit.wire.v2.task import Thread

ATTEMPTS_MAX = 1000

_decode_content = msgspec.json.Decoder(list[Thread]).decode


class NewTaskRow(Struct, frozen=True):
    """The task that a valid line asks for; `has_own_id` if the line chose its id."""

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
    """A batch was closed between looking at it and locking it; the chunk starts again."""


async def store_rows(
    tx: Transaction, project: ProjectRow, rows: Sequence[NewTaskRow], actor: Actor, action: str
) -> list[RowResult]:
    """Create the tasks of one chunk; say of each row what became of it. Raises BatchClosed."""
    chunk = _ChunkInsert(tx, project)
    waiting = await chunk.place(rows)
    waiting = await chunk.settle_known(waiting)
    waiting = chunk.refuse_closed(waiting)
    waiting = await chunk.claim(waiting)
    await chunk.create(waiting, actor, action)
    return chunk.results


class _ChunkInsert:
    """One chunk on its way. Each step takes the rows that are still open and leaves fewer."""

    def __init__(self, tx: Transaction, project: ProjectRow) -> None:
        self._tx = tx
        self._project = project
        self._environment_id = project.environment_id
        self._batches: dict[int, BatchRow] = {}
        self.results: list[RowResult] = []

    async def place(self, rows: Sequence[NewTaskRow]) -> list[NewTaskRow]:
        """Find the batch of each row; refuse those whose batch is not there."""
        found: dict[tuple[str | None, str | None], BatchRow | str | None] = {}
        placed = []
        for row in rows:
            words = (row.batch_id, row.batch_name)
            if words not in found:
                try:
                    found[words] = await find_batch(
                        self._tx,
                        self._environment_id,
                        ScopeNames(None, None, *words),
                        self._project,
                    )
                except (NotFound, InvalidParameter) as problem:
                    found[words] = problem.message
            batch = found[words]
            if isinstance(batch, str):
                name = "batch_name" if row.batch_id is None else "batch_id"
                self._reject(row, batch, f"/{name}")
                continue
            if batch is not None:
                self._batches[row.line] = batch
            placed.append(row)
        return placed

    async def settle_known(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Compare rows with the tasks that hold their ids; return those whose ids are free."""
        unique_ids = [row.unique_id for row in rows if row.unique_id is not None]
        holders = await unique_ids_store.list_reserved(self._tx, self._environment_id, unique_ids)
        in_the_way = {
            row.line: holders.get(row.unique_id or "", row.task_id if row.has_own_id else "")
            for row in rows
        }
        known = await self._known([one for one in in_the_way.values() if one])
        free = []
        for row in rows:
            other = in_the_way[row.line]
            if other in known:
                by_unique = row.unique_id in holders
                self._compare(row, other, known[other], by_unique=by_unique)
            else:
                free.append(row)
        return free

    def refuse_closed(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Refuse rows for batches that take no more tasks."""
        kept = []
        for row in rows:
            batch = self._batches.get(row.line)
            if batch is not None and batch.status in CLOSED:
                name = "batch_name" if row.batch_id is None else "batch_id"
                self._reject(
                    row, f"the batch is {batch.status}; it takes no more tasks", f"/{name}"
                )
            else:
                kept.append(row)
        return kept

    async def claim(self, rows: list[NewTaskRow]) -> list[NewTaskRow]:
        """Claim the ids of the rows; compare the rest with who has them.

        That is an earlier row of the chunk which is kept, or the task of whoever was quicker. A
        row whose forerunner lost its claim stands for itself.
        """
        kept: list[NewTaskRow] = []
        while rows:
            firsts, repeated = self._first_of_each(kept, rows)
            lost = await self._claim_unique_ids(firsts)
            known = await self._known(list(lost.values()))
            for row in [*firsts, *repeated]:
                if row.unique_id in lost:
                    other = lost[row.unique_id]
                    self._compare(row, other, known.get(other), by_unique=True)
            kept += [row for row in firsts if row.unique_id not in lost]
            rows = [row for row in repeated if row.unique_id not in lost]
        return sorted(kept, key=lambda row: row.line)

    async def create(self, rows: list[NewTaskRow], actor: Actor, action: str) -> None:
        """Add the tasks, count them in their batches, and tell of them."""
        if not rows:
            return
        tx, project = self._tx, self._project
        await self._count(rows)
        now = clock.now_ms()
        first = await projects.reserve_seqs(tx, project.project_key, len(rows))
        made = [self._task(row, first + number, now) for number, row in enumerate(rows)]
        await tasks.insert_tasks(tx, self._environment_id, made)
        await work_queue.open_work(tx, project, made)
        await events.announce_tasks(tx, self._environment_id, made)
        await audit.record_many(
            tx,
            self._environment_id,
            actor,
            action,
            "task",
            [one.task_id for one in made],
            project_key=project.project_key,
        )
        for row in rows:
            result = RowResult(line=row.line, outcome="created", task_id=row.task_id)
            self.results.append(result)

    def _first_of_each(
        self, kept: list[NewTaskRow], rows: list[NewTaskRow]
    ) -> tuple[list[NewTaskRow], list[NewTaskRow]]:
        """Part rows into those that are the first to ask for their task, and those after them.

        Rows that ask for the task of one that is kept are compared with it.
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
                known = ExistingTask(first.task_id, batch_id, first.unique_id, first.content)
                self._compare(row, first.task_id, known, by_unique=same is not None)
            else:
                repeated.append(row)
        return firsts, repeated

    async def _claim_unique_ids(self, rows: list[NewTaskRow]) -> dict[str, str]:
        """Claim the unique_ids of the rows; return those that others have, and their tasks."""
        wanted = {row.unique_id: row.task_id for row in rows if row.unique_id is not None}
        if not wanted:
            return {}
        await unique_ids_store.reserve_unique_ids(self._tx, self._environment_id, wanted)
        holders = await unique_ids_store.list_reserved(self._tx, self._environment_id, list(wanted))
        return {
            unique_id: holders[unique_id]
            for unique_id, task_id in wanted.items()
            if holders[unique_id] != task_id
        }

    async def _known(self, task_ids: list[str]) -> dict[str, ExistingTask | None]:
        """Those of the tasks that are stored; None for one of another project."""
        if not task_ids:
            return {}
        places = await tasks.locate_tasks(self._tx, self._environment_id, sorted(set(task_ids)))
        found: dict[str, ExistingTask | None] = dict.fromkeys(places)
        own = [
            seq for project_key, seq in places.values() if project_key == self._project.project_key
        ]
        for one in await unique_ids_store.list_existing_tasks(
            self._tx, self._project.project_key, own
        ):
            found[one.task_id] = one
        return found

    def _compare(
        self, row: NewTaskRow, task_id: str, known: ExistingTask | None, *, by_unique: bool
    ) -> None:
        """Say whether a row is what is stored already, or what is different about it."""
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
        """Count the new tasks in their batches, which locks them; in one order, once a batch."""
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


def _is_same(given: bytes | None, stored: bytes | None) -> bool:
    """Whether two conversations are the same, also where one was written by another version."""
    if given == stored or given is None or stored is None:
        return given == stored
    return _decode_content(given) == _decode_content(stored)
