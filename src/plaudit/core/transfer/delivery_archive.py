"""Deliveries in archives: written as ids and what has changed since, read back byte for byte.

A delivered task that is still as it was is an id; one that has changed comes with the version that
was delivered. Long deliveries are several lines, so that a line stays short.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.deliveries.builder import CHUNK_BYTES, DeliveryBuilder
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.core import PageRow, ProjectRow, StoredTask
from plaudit.model.deliveries import DeliveryRow, VersionNow
from plaudit.store.deliveries import delivered, deliveries, frozen_tasks
from plaudit.store.deliveries.frozen_tasks import FROZEN_AT_ONCE
from plaudit.store.engine.engine import Database, Transaction, Write
from plaudit.store.tasks import projects, row_sizes, tasks
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2 import parse, render
from plaudit.wire.v2.deliveries import ArchivedDelivery

IDS_PER_LINE = 1000
READ_AT_ONCE = 100
LINE_BYTES = 4 * 1024 * 1024
"""What the frozen tasks of a line have together, unless a single one has more."""

_encode = msgspec.json.Encoder().encode


async def delivery_lines(
    db: Database, found: Sequence[tuple[ProjectRow, Sequence[DeliveryRow]]]
) -> AsyncIterator[bytes]:
    """The values of the lines of deliveries, in order; each stands for itself."""
    for project, listed in found:
        for delivery in listed:
            position = 0
            while position < delivery.task_count:
                task_ids, changed = await _collect_line(db, project, delivery, position)
                yield _value(project, delivery, position, task_ids, changed)
                position += len(task_ids)


async def _collect_line(
    db: Database, project: ProjectRow, delivery: DeliveryRow, start: int
) -> tuple[list[str], list[bytes]]:
    """What the line of the tasks after `start` holds: ids, and the versions of changed tasks."""
    task_ids: list[str] = []
    changed: list[bytes] = []
    room = LINE_BYTES
    while len(task_ids) < IDS_PER_LINE:
        after = start + len(task_ids)
        until = min(after + READ_AT_ONCE, delivery.task_count)
        values = await _read_versions(
            db, project, delivery, after, until, room=room, begins=not task_ids
        )
        for task_id, value in values:
            task_ids.append(task_id)
            if value is not None:
                changed.append(value)
                room -= len(value)
        if len(values) < until - after or until == delivery.task_count:
            break
    return task_ids, changed


async def _read_versions(
    db: Database,
    project: ProjectRow,
    delivery: DeliveryRow,
    after: int,
    until: int,
    *,
    room: int,
    begins: bool,
) -> list[tuple[str, bytes | None]]:
    """The next few tasks: each id, and the delivered version where the task is another now.

    Ends before a version that passes `room` bytes, which is not read then; only the one that
    begins a line is taken, however long.
    """
    place = (delivery.project_key, delivery.delivery_seq)
    kept: list[VersionNow] = []
    rows: dict[int, PageRow] = {}
    async with db.read() as tx:
        now = await delivered.list_versions_now(tx, *place, after=after, until=until)
        lengths = {}
        if any(one.is_changed for one in now):
            lengths = await row_sizes.list_frozen_sizes(tx, *place, after=after, until=until)
        for one in now:
            if one.is_changed:
                room -= lengths[one.position]
                if room < 0 and not (begins and one is now[0]):
                    break
            kept.append(one)
        for is_changed, run in groupby(kept, key=lambda one: one.is_changed):
            if is_changed:
                positions = [one.position for one in run]
                listed = await delivered.list_frozen(
                    tx, *place, after=positions[0] - 1, until=positions[-1], with_patches=True
                )
                rows.update((row[0], row) for row in listed)
    return [
        (one.task_id, _frozen(project, one, rows[one.position]) if one.is_changed else None)
        for one in kept
    ]


def _frozen(project: ProjectRow, now: VersionNow, row: PageRow) -> bytes:
    _, completed_ms, batch_id, head, body, patches = row
    task = StoredTask(
        project.project_key, 0, now.task_id, batch_id, now.status, 0, completed_ms, head, body,
        patches,
    )  # fmt: skip
    return wire.frozen_task(task, project.project_id)


def _value(
    project: ProjectRow,
    delivery: DeliveryRow,
    start: int,
    task_ids: list[str],
    changed: list[bytes],
) -> bytes:
    assert delivery.delivered_ms is not None
    assert delivery.manifest_hash is not None
    value = ArchivedDelivery(
        id=delivery.delivery_id,
        name=delivery.name,
        project=project.project_id,
        delivered_at=clock.format_ms(delivery.delivered_ms),
        task_count=delivery.task_count,
        response_schema_id=delivery.schema_id,
        manifest_sha256=delivery.manifest_hash.hex(),
        position=start + 1,
        task_ids=task_ids,
        frozen=[msgspec.Raw(one) for one in changed],
    )
    return _encode(value)


class DeliveryImport:
    """The deliveries that one import has met; a part follows the one before it."""

    def __init__(self, write: Write, environment_id: str) -> None:
        self._write = write
        self._environment_id = environment_id
        self._open: dict[str, DeliveryBuilder] = {}
        self._places: dict[str, tuple[str, int]] = {}

    async def take(
        self, declared: ArchivedDelivery, project: ProjectRow, place: tuple[str, int]
    ) -> str | None:
        """Take a delivery, or a part of one; the outcome comes with its last part.

        `place` is the file and line where it stands. Raises InvalidContent or Conflict, and has
        then taken back what came of the delivery.
        """
        if not declared.task_ids:
            raise InvalidContent("a delivery has at least one task", pointer="/task_ids")
        stored = await self._write(
            lambda tx: deliveries.find_delivery(tx, self._environment_id, declared.id)
        )
        if stored is not None:
            return await self._compare(stored, declared, project)
        self._places[declared.id] = place
        builder = self._open.get(declared.id)
        if builder is None:
            builder = await self._begin(declared, project)
            self._open[declared.id] = builder
        try:
            return await self._add(builder, declared, project)
        except Problem:
            del self._open[declared.id]
            await builder.rollback()
            raise

    async def settle(self) -> list[tuple[str, int, str]]:
        """Take back the deliveries whose end never came; return file, line and id of each."""
        unfinished, self._open = self._open, {}
        for builder in unfinished.values():
            await builder.rollback()
        return [(*self._places[one], one) for one in unfinished]

    async def _begin(self, declared: ArchivedDelivery, project: ProjectRow) -> DeliveryBuilder:
        if not ids.is_usable(declared.id):
            raise InvalidContent(
                "an id has 1 to 255 characters, no control characters", pointer="/id"
            )
        if declared.position != 1:
            raise InvalidContent("the parts before this one are missing", pointer="/position")
        name = declared.id if declared.name is None else declared.name
        builder = DeliveryBuilder(
            self._write, project, name, schema_id=declared.response_schema_id, lease_ms=0
        )
        delivered_ms = _delivered_ms(declared)
        if not await builder.start(declared.id, delivered_ms):
            raise Conflict(f"the project has a delivery named {name!r}, or of that id, already")
        return builder

    async def _add(
        self, builder: DeliveryBuilder, declared: ArchivedDelivery, project: ProjectRow
    ) -> str | None:
        if declared.position != builder.count + 1:
            raise InvalidContent(
                f"expected the part that begins at {builder.count + 1}", pointer="/position"
            )
        versions = _delivered_versions(declared.frozen)
        start = 0
        while start < len(declared.task_ids):
            some = declared.task_ids[start : start + FROZEN_AT_ONCE]

            async def work(
                tx: Transaction, start: int = start, some: list[str] = some
            ) -> list[tuple[str, bytes]]:
                listed = await _load_tasks(tx, project, some, start, versions)
                await builder.reject_duplicates(tx, listed)
                return await builder.add(tx, listed)

            added = await self._write(work)
            builder.commit_chunk(added)
            start += len(added)
        whole = builder.count if declared.task_count is None else declared.task_count
        if builder.count < whole:
            return None
        if builder.count > whole:
            raise InvalidContent(f"more tasks than the {whole} announced", pointer="/task_ids")
        if declared.manifest_sha256 not in (None, builder.manifest_hash.hex()):
            raise Conflict("the tasks that are stored are not the ones that were delivered")
        delivered_ms = _delivered_ms(declared)

        async def publish(tx: Transaction) -> None:
            await projects.advance_clock(tx, project.project_key, delivered_ms)
            await builder.publish(tx, delivered_ms)

        await self._write(publish)
        del self._open[declared.id]
        return "added"

    async def _compare(
        self, stored: DeliveryRow, declared: ArchivedDelivery, project: ProjectRow
    ) -> str | None:
        """Whether what is stored is what the part says; a delivery never changes."""
        first = declared.position - 1
        until = first + len(declared.task_ids)

        async def work(tx: Transaction) -> list[str]:
            found = await delivered.list_versions(
                tx, stored.project_key, stored.delivery_seq,
                after=first, until=until, other_seq=stored.delivery_seq,
            )  # fmt: skip
            return [one.task_id for one in found]

        given_ms = parse.moment(declared.delivered_at, "/delivered_at")
        manifest_hash = stored.manifest_hash and stored.manifest_hash.hex()
        whole = until if declared.task_count is None else declared.task_count
        is_same = (
            stored.project_key == project.project_key
            and declared.name in (None, stored.name)
            and given_ms in (None, stored.delivered_ms)
            and whole == stored.task_count
            and declared.response_schema_id == stored.schema_id
            and declared.manifest_sha256 in (None, manifest_hash)
            and await self._write(work) == declared.task_ids
        )
        if not is_same:
            raise Conflict(f"delivery {declared.id!r} is stored with other content")
        return "unchanged" if until == stored.task_count else None


def _delivered_ms(declared: ArchivedDelivery) -> int:
    given = parse.moment(declared.delivered_at, "/delivered_at")
    return clock.now_ms() if given is None else given


def _delivered_versions(given: list[Any]) -> dict[str, StoredTask]:
    """The versions that were delivered, as they were stored; by id."""
    found = {}
    for number, value in enumerate(given):
        try:
            read = parse.read_task(value)
            if read.completed_ms is None or read.created_ms is None:
                raise InvalidContent("a delivered task has created_at and completed_at")
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/frozen/{number}{exc.pointer}") from exc
        rendered = render.render(read.task, read.created_ms, read.completed_ms)
        batch = read.task.batch
        found[read.task.task_id] = StoredTask(
            0, 0, read.task.task_id, batch if isinstance(batch, str) or batch is None else batch.id,
            read.task.status, read.created_ms, read.completed_ms, rendered.head, rendered.body,
            rendered.patches,
        )  # fmt: skip
    return found


async def _load_tasks(
    tx: Transaction,
    project: ProjectRow,
    task_ids: list[str],
    start: int,
    versions: dict[str, StoredTask],
) -> list[StoredTask]:
    """The first of these tasks: the version given, else the task as it is stored.

    As many as may be held at once; at least one.
    """
    places = await tasks.locate_tasks(tx, project.environment_id, task_ids)
    seqs = [seq for project_key, seq in places.values() if project_key == project.project_key]
    lengths = await frozen_tasks.list_sizes(tx, project.project_key, seqs) if seqs else {}
    stored_bytes = [lengths.get(places.get(one, (0, 0))[1], 0) for one in task_ids]
    task_ids = task_ids[: row_sizes.count_fitting(stored_bytes, CHUNK_BYTES)]
    seqs = [places[one][1] for one in task_ids if places.get(one, (0,))[0] == project.project_key]
    states = await frozen_tasks.list_states(tx, project.project_key, seqs) if seqs else {}
    found = await frozen_tasks.list_completed(tx, project.project_key, seqs) if seqs else {}
    listed = []
    for number, task_id in enumerate(task_ids, start):
        project_key, seq = places.get(task_id, (None, 0))
        problem = None
        if project_key != project.project_key:
            problem = f"the project has no task {task_id!r}"
        elif task_id in versions:
            version = msgspec.structs.replace(versions[task_id], project_key=project_key, seq=seq)
            listed.append(version)
            if version.batch_id != states[seq][1]:
                problem = f"task {task_id!r} is stored in another batch than it was delivered in"
        elif seq in found:
            listed.append(found[seq])
        else:
            problem = f"task {task_id!r} is not completed, and its delivered version is not given"
        if problem is not None:
            raise InvalidContent(problem, pointer=f"/task_ids/{number}")
    return listed
