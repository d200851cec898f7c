"""Tasks of an export: those of a project by a filter, or those that a delivery froze."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Self

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import names
from plaudit.core.labeling.counting.vote_writing import fill_project
from plaudit.errors import InvalidContent, NotFound
from plaudit.formats.exporting.export_format import Displays
from plaudit.model.core import BatchRow, PageRow, ProjectRow, TaskStatus
from plaudit.model.votes import VoteRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Database
from plaudit.store.labeling import submissions, votes
from plaudit.store.tasks import projects, task_heads, task_locators, task_pages, task_ranges
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter
from plaudit.wire.v2 import render

TASKS_PER_READ = 200
BYTES_PER_READ = 1024 * 1024
"""Bytes that a read is meant to have, where the tasks before were so long that it had more."""

HEADS_PER_READ = 1000
"""Tasks whose metadata is looked at in one read, before the conversations of the chosen ones."""

DISPLAYS_PER_READ = 20
"""Tasks whose submissions are looked at in one read; each has some people's."""

CONDITIONS_MAX = 20
"""Conditions on metadata of an export."""


class MetadataCondition(Struct, frozen=True):
    """Condition on a member of a task's metadata: a text as it stands, any other value as JSON."""

    key: str
    value: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `KEY=VALUE`, cut at the first `=`; raises InvalidContent without one or a key."""
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InvalidContent(f"a condition on metadata is KEY=VALUE, not {text[:100]!r}")
        return cls(key, value)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    def is_met(self, metadata: dict[str, Any]) -> bool:
        """True if the metadata has the member with this value."""
        if self.key not in metadata:
            return False
        found = metadata[self.key]
        text = found if isinstance(found, str) else _encode(found).decode()
        return bool(text == self.value)


_encode = msgspec.json.Encoder().encode


def read_conditions(texts: Sequence[str]) -> tuple[MetadataCondition, ...]:
    """Read `KEY=VALUE` of each text; raises InvalidContent, also for too many of them."""
    if len(texts) > CONDITIONS_MAX:
        raise InvalidContent(f"there are at most {CONDITIONS_MAX} conditions on metadata")
    return tuple(MetadataCondition.read(text) for text in texts)


class ChosenTask(Struct, frozen=True):
    """Task of an export as it is stored, and the orders in which people saw its responses."""

    row: PageRow
    displays: Displays = {}


class JoinedLines(Struct, frozen=True):
    """Lines of several tasks, and of each the member `task_id` where that is asked for."""

    lines: bytes
    count: int
    id_members: Sequence[bytes]

    def __len__(self) -> int:
        return self.count


class TaskChoice(Struct, frozen=True, kw_only=True):
    """Filter of an export; bounds of completion are exclusive, in milliseconds.

    Of the conditions on one member of the metadata one must be met, and one for each member that
    has any. `delivery` is the name of a delivery; the members before it then stay unset. `after`
    and `until` are a range of `seq`, or of positions in the delivery: more than the one, up to the
    other.
    """

    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    metadata: Sequence[MetadataCondition] = ()
    delivery: str | None = None
    after: int = 0
    until: int | None = None

    def filter_of(self, project: ProjectRow, batch: BatchRow | None) -> TaskFilter:
        """Filter of a project's tasks; metadata, the delivery and the range are not in it."""
        return TaskFilter(
            project_key=project.project_key,
            batch_id=None if batch is None else batch.batch_id,
            status=self.status,
            completed_after=self.completed_after,
            completed_before=self.completed_before,
        )

    def named(self) -> dict[str, Any]:
        """Members that are set, as a manifest names them."""
        found: dict[str, Any] = {}
        if self.status is not None:
            found["status"] = self.status.value
        for name in ("completed_after", "completed_before"):
            value = getattr(self, name)
            if value is not None:
                found[name] = clock.format_ms(value)
        if self.metadata:
            found["metadata"] = [str(condition) for condition in self.metadata]
        if self.delivery is not None:
            found["delivery"] = self.delivery
        if self.until is not None:
            found["partition"] = {"after": self.after, "until": self.until}
        return found

    def takes(self, metadata: dict[str, Any]) -> bool:
        """True if a task with this metadata is chosen, as far as that decides it."""
        met = {one.key for one in self.metadata if one.is_met(metadata)}
        return all(one.key in met for one in self.metadata)


async def choose_tasks(
    db: Database,
    project: ProjectRow,
    batch: BatchRow | None,
    choice: TaskChoice,
    *,
    per_read: int | None = None,
    with_displays: bool = False,
) -> AsyncIterator[Sequence[ChosenTask]]:
    """Yield the tasks of a project in pieces: by `seq`, or by completion where that is bounded.

    They are read `per_read` at a time, in short transactions, up to a bound taken at the start; in
    a range by `seq` always. A piece is empty where none of the tasks that were looked at has the
    wanted metadata. Raises NotFound for a delivery that the project does not have. `with_displays`
    is for formats that say in which place a person was shown a response.
    """
    pieces = _pieces(db, project, batch, choice, per_read or TASKS_PER_READ)
    async for rows in pieces:
        if not with_displays:
            yield [ChosenTask(row) for row in rows]
            continue
        for start in range(0, max(len(rows), 1), DISPLAYS_PER_READ):
            yield await _with_displays(db, project, rows[start : start + DISPLAYS_PER_READ])


async def _with_displays(
    db: Database, project: ProjectRow, rows: Sequence[PageRow]
) -> Sequence[ChosenTask]:
    """Tasks with the orders of display of all their submissions, which are never deleted.

    They are found by id, because rows of a delivery have no `seq` of their own.
    """
    task_ids = [render.read_head(row[3]).task_id for row in rows]
    shown: dict[int, dict[tuple[str, str], bytes]] = {}
    async with db.read() as tx:
        places = await task_locators.locate_tasks(tx, project.environment_id, task_ids)
        seqs = [place[1] for place in places.values() if place is not None]
        for seq, person, at_ms, display in await submissions.list_displays(
            tx, project.project_key, seqs
        ):
            shown.setdefault(seq, {})[person, clock.format_ms(at_ms)] = display
    found = [places.get(task_id) for task_id in task_ids]
    return [
        ChosenTask(row, {} if place is None else shown.get(place[1], {}))
        for row, place in zip(rows, found, strict=True)
    ]


async def _pieces(
    db: Database, project: ProjectRow, batch: BatchRow | None, choice: TaskChoice, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    """Stored tasks of a choice, `per_read` at a time."""
    if choice.delivery is not None:
        async for piece in _of_delivery(db, project, choice, per_read):
            yield piece
        return
    where = choice.filter_of(project, batch)
    if choice.until is not None:
        async for piece in _of_range(db, where, choice, choice.until, per_read):
            yield piece
        return
    cursor, bound = await first_and_last(db, project, where, choice)
    if choice.metadata:
        async for piece in _by_metadata(db, where, choice, bound, per_read):
            yield piece
        return
    has_more, limit = True, per_read
    while has_more:
        async with db.read() as tx:
            rows, has_more = await task_pages.list_tasks(
                tx, where, after=cursor, bound=bound, limit=limit, with_patches=True
            )
        if rows:
            seq, completed_ms = rows[-1][0], rows[-1][1]
            cursor = TaskCursor(completed_ms or 0, seq)
            yield rows
            limit = fitting(rows, per_read)


async def first_and_last(
    db: Database, project: ProjectRow, where: TaskFilter, choice: TaskChoice
) -> tuple[TaskCursor, int]:
    """Cursor before the first task of a choice, and the bound of `list_tasks` up to its last."""
    if choice.until is not None:
        return TaskCursor(0, choice.after), choice.until
    async with db.read() as tx:
        if where.is_by_completion:
            return where.start, await projects.last_completion_time(tx, project.project_key)
        return where.start, await projects.next_seq(tx, project.project_key) - 1


def fitting(rows: Sequence[PageRow], per_read: int) -> int:
    """Tasks of the next read, `per_read` or fewer if they are as long as these.

    A read that would have too many bytes takes a second statement (store/common/pages.py).
    """
    return min(per_read, len(rows) * BYTES_PER_READ // (sum(row[6] for row in rows) or 1) + 1)


def votes_of_tasks(
    db: Database, project: ProjectRow, *, writes_older: bool = True
) -> Callable[[Sequence[str]], Awaitable[dict[str, list[VoteRow]]]]:
    """Lookup of the votes of a project's tasks by task_id; tasks without votes are left out.

    What an older store has still without votes is written before, unless not `writes_older`.
    """

    async def votes_of(task_ids: Sequence[str]) -> dict[str, list[VoteRow]]:
        if writes_older:
            await fill_project(db, project.project_key)
        async with db.read() as tx:
            found = await task_locators.locate_tasks(tx, project.environment_id, task_ids)
            ids = {place[1]: task_id for task_id, place in found.items() if place is not None}
            listed: dict[str, list[VoteRow]] = {}
            for vote in await votes.list_votes(tx, project.project_key, sorted(ids)):
                listed.setdefault(ids[vote.seq], []).append(vote)
        return listed

    return votes_of


async def _by_metadata(
    db: Database, where: TaskFilter, choice: TaskChoice, bound: int, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    """Look at the heads of a listing, and yield the tasks whose metadata is wanted."""
    cursor, has_more, heads_limit = where.start, True, HEADS_PER_READ
    while has_more:
        async with db.read() as tx:
            heads, has_more = await task_heads.list_heads(
                tx, where, after=cursor, bound=bound, limit=heads_limit
            )
            wanted = [
                (seq, completed_ms)
                for seq, completed_ms, head, _ in heads
                if choice.takes(render.read_head(head).metadata or {})
            ]
            now = wanted[:per_read]
            rows, is_cut = await task_heads.list_tasks_at(tx, where, [seq for seq, _ in now])
        yield rows
        # Where most are wanted, heads are read that many at a time, and each of them once.
        heads_limit = HEADS_PER_READ if len(wanted) <= per_read else per_read
        last: tuple[int, int | None] | None = heads[-1][:2] if heads else None
        if is_cut or len(wanted) > per_read:
            last, has_more = (rows[-1][0], rows[-1][1]), True
        if last is not None:
            cursor = TaskCursor(last[1] or 0, last[0])


async def _of_range(
    db: Database, where: TaskFilter, choice: TaskChoice, until: int, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    after, limit = choice.after, per_read
    while after < until:
        async with db.read() as tx:
            rows, after = await task_ranges.list_range(
                tx, where, after=after, until=until, limit=limit
            )
        limit = fitting(rows, per_read) if rows else per_read
        if choice.metadata:
            rows = [row for row in rows if choice.takes(render.read_head(row[3]).metadata or {})]
        yield rows


async def _of_delivery(
    db: Database, project: ProjectRow, choice: TaskChoice, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    name = choice.delivery or ""
    async with db.read() as tx:
        delivery = await deliveries.find_delivery_by_name(
            tx, project.project_key, names.normalize_name(name)
        )
    if delivery is None:
        raise NotFound(f"the project has no delivery {name!r}")
    after, limit = choice.after, per_read
    last = delivery.task_count if choice.until is None else min(choice.until, delivery.task_count)
    while after < last:
        until = min(after + limit, last)
        async with db.read() as tx:
            rows, _ = await delivered.list_frozen(
                tx,
                project.project_key,
                delivery.delivery_seq,
                after=after,
                until=until,
                with_patches=True,
            )
        if not rows:
            return
        after = rows[-1][0]
        yield rows
        limit = fitting(rows, per_read)
