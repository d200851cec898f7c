"""Export and import deliveries: task ids, and the delivered versions of tasks changed since.

A delivered task that has not changed is an id; one that has changed comes with its delivered
version. Long deliveries are split into several lines. An import restores them byte for byte.
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
from plaudit.store.common import pages
from plaudit.store.deliveries import delivered, deliveries, frozen_tasks
from plaudit.store.deliveries.frozen_tasks import FROZEN_AT_ONCE
from plaudit.store.engine.engine import Database, Transaction, Write
from plaudit.store.tasks import projects, row_sizes, task_locators
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2 import parse, render
from plaudit.wire.v2.deliveries import ArchivedDelivery

IDS_PER_LINE = 1000
READ_AT_ONCE = 100
LINE_BYTES = 4 * 1024 * 1024
"""Bytes of the frozen tasks of a line, unless a single one has more."""

_encode = msgspec.json.Encoder().encode


async def delivery_lines(
    db: Database, deliveries_by_project: Sequence[tuple[ProjectRow, Sequence[DeliveryRow]]]
) -> AsyncIterator[bytes]:
    """JSON values of the archive lines of deliveries, in order; each line is complete."""
    for project, deliveries_of_project in deliveries_by_project:
        for delivery in deliveries_of_project:
            position = 0
            while position < delivery.task_count:
                task_ids, changed = await _collect_line(db, project, delivery, position)
                yield _value(project, delivery, position, task_ids, changed)
                position += len(task_ids)


async def _collect_line(
    db: Database, project: ProjectRow, delivery: DeliveryRow, start: int
) -> tuple[list[str], list[bytes]]:
    """Content of the line that begins after position `start`: ids, and changed tasks' versions."""
    task_ids: list[str] = []
    changed: list[bytes] = []
    room = LINE_BYTES
    while len(task_ids) < IDS_PER_LINE:
        after = start + len(task_ids)
        until = min(after + READ_AT_ONCE, delivery.task_count)
        values = await _read_versions(
            db, project, delivery, after, until, room=room, is_first=not task_ids
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
    is_first: bool,
) -> list[tuple[str, bytes | None]]:
    """Tasks at positions after `after` up to `until`: (id, delivered version if it has changed).

    Stops before a version that exceeds `room` bytes, which is not read; only the first one of a
    line is included at any length.
    """
    delivery_key = (delivery.project_key, delivery.delivery_seq)
    kept: list[VersionNow] = []
    rows: dict[int, PageRow] = {}
    async with db.read() as tx:
        versions = await delivered.list_versions_now(tx, *delivery_key, after=after, until=until)
        lengths = {}
        if any(version.is_changed for version in versions):
            lengths = await row_sizes.list_frozen_sizes(tx, *delivery_key, after=after, until=until)
        for version in versions:
            if version.is_changed:
                room -= lengths[version.position]
                if room < 0 and not (is_first and version is versions[0]):
                    break
            kept.append(version)
        for is_changed, run in groupby(kept, key=lambda version: version.is_changed):
            if is_changed:
                positions = [version.position for version in run]
                listed, _ = await delivered.list_frozen(
                    tx,
                    *delivery_key,
                    after=positions[0] - 1,
                    until=positions[-1],
                    with_patches=True,
                )
                rows.update((row[0], row) for row in listed)
    return [
        (
            version.task_id,
            _frozen(project, version, rows[version.position]) if version.is_changed else None,
        )
        for version in kept
    ]


def _frozen(project: ProjectRow, now: VersionNow, row: PageRow) -> bytes:
    _, completed_ms, batch_id, head, body, patches, _ = row
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
        frozen=[msgspec.Raw(version) for version in changed],
    )
    return _encode(value)


class DeliveryImport:
    """Deliveries of one import; the parts of each arrive in order."""

    def __init__(self, write: Write, environment_id: str) -> None:
        self._write = write
        self._environment_id = environment_id
        self._open: dict[str, DeliveryBuilder] = {}
        self._source_locations: dict[str, tuple[str, int]] = {}

    async def import_part(
        self, declared: ArchivedDelivery, project: ProjectRow, source_location: tuple[str, int]
    ) -> str | None:
        """Import a delivery, or a part of one; return the outcome with its last part, else None.

        `source_location` is its file and line. Raises InvalidContent or Conflict after the delivery
        was rolled back.
        """
        if not declared.task_ids:
            raise InvalidContent("a delivery has at least one task", pointer="/task_ids")
        stored = await self._write(
            lambda tx: deliveries.find_delivery(tx, self._environment_id, declared.id)
        )
        if stored is not None:
            return await self._compare(stored, declared, project)
        self._source_locations[declared.id] = source_location
        builder = self._open.get(declared.id)
        if builder is None:
            builder = await self._start(declared, project)
            self._open[declared.id] = builder
        try:
            return await self._add(builder, declared, project)
        except Problem:
            del self._open[declared.id]
            await builder.rollback()
            raise

    async def rollback_unfinished(self) -> list[tuple[str, int, str]]:
        """Roll back the deliveries without a last part; return (file, line, id) of each."""
        unfinished, self._open = self._open, {}
        for builder in unfinished.values():
            await builder.rollback()
        return [(*self._source_locations[delivery_id], delivery_id) for delivery_id in unfinished]

    async def _start(self, declared: ArchivedDelivery, project: ProjectRow) -> DeliveryBuilder:
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
            chunk = declared.task_ids[start : start + FROZEN_AT_ONCE]

            async def work(
                tx: Transaction, start: int = start, chunk: list[str] = chunk
            ) -> list[tuple[str, bytes]]:
                listed = await _load_tasks(tx, project, chunk, start, versions)
                await builder.reject_duplicates(tx, listed)
                return await builder.add(tx, listed)

            added = await self._write(work)
            builder.commit_chunk(added)
            start += len(added)
        total = builder.count if declared.task_count is None else declared.task_count
        if builder.count < total:
            return None
        if builder.count > total:
            raise InvalidContent(f"more tasks than the {total} announced", pointer="/task_ids")
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
        """Compare a part with the stored delivery: "unchanged" for the last part, None before it.

        Raises Conflict for any difference: a delivery never changes.
        """
        first = declared.position - 1
        until = first + len(declared.task_ids)

        async def work(tx: Transaction) -> list[str]:
            versions = await delivered.list_versions(
                tx, stored.project_key, stored.delivery_seq,
                after=first, until=until, other_seq=stored.delivery_seq,
            )  # fmt: skip
            return [version.task_id for version in versions]

        declared_ms = parse.moment(declared.delivered_at, "/delivered_at")
        manifest_hash = stored.manifest_hash and stored.manifest_hash.hex()
        total = until if declared.task_count is None else declared.task_count
        is_same = (
            stored.project_key == project.project_key
            and declared.name in (None, stored.name)
            and declared_ms in (None, stored.delivered_ms)
            and total == stored.task_count
            and declared.response_schema_id == stored.schema_id
            and declared.manifest_sha256 in (None, manifest_hash)
            and await self._write(work) == declared.task_ids
        )
        if not is_same:
            raise Conflict(f"delivery {declared.id!r} is stored with other content")
        return "unchanged" if until == stored.task_count else None


def _delivered_ms(declared: ArchivedDelivery) -> int:
    delivered_ms = parse.moment(declared.delivered_at, "/delivered_at")
    return clock.now_ms() if delivered_ms is None else delivered_ms


def _delivered_versions(values: list[Any]) -> dict[str, StoredTask]:
    """Delivered versions as rows by task id; raises InvalidContent below /frozen."""
    versions = {}
    for number, value in enumerate(values):
        try:
            parsed = parse.read_task(value)
            if parsed.completed_ms is None or parsed.created_ms is None:
                raise InvalidContent("a delivered task has created_at and completed_at")
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/frozen/{number}{exc.pointer}") from exc
        rendered = render.render(parsed.task, parsed.created_ms, parsed.completed_ms)
        batch = parsed.task.batch
        versions[parsed.task.task_id] = StoredTask(
            0, 0, parsed.task.task_id,
            batch if isinstance(batch, str) or batch is None else batch.id,
            parsed.task.status, parsed.created_ms, parsed.completed_ms, rendered.head,
            rendered.body, rendered.patches,
        )  # fmt: skip
    return versions


async def _load_tasks(
    tx: Transaction,
    project: ProjectRow,
    task_ids: list[str],
    start: int,
    versions: dict[str, StoredTask],
) -> list[StoredTask]:
    """Load the leading tasks: the delivered version if given, else the task as stored.

    As many as have CHUNK_BYTES together; at least one. Raises InvalidContent for a task that is not
    in the project, or neither completed nor given.
    """
    located = await task_locators.locate_tasks(tx, project.environment_id, task_ids)
    locators = {task_id: place for task_id, place in located.items() if place is not None}
    seqs = [seq for key, seq in locators.values() if key == project.project_key]
    sizes = await frozen_tasks.list_sizes(tx, project.project_key, seqs) if seqs else {}
    stored_bytes = [sizes.get(locators.get(task_id, (0, 0))[1], 0) for task_id in task_ids]
    task_ids = task_ids[: pages.count_fitting(stored_bytes, CHUNK_BYTES)]
    seqs = [
        locators[task_id][1]
        for task_id in task_ids
        if locators.get(task_id, (0,))[0] == project.project_key
    ]
    states = await frozen_tasks.list_states(tx, project.project_key, seqs) if seqs else {}
    completed = await frozen_tasks.list_completed(tx, project.project_key, seqs) if seqs else {}
    listed = []
    for number, task_id in enumerate(task_ids, start):
        project_key, seq = locators.get(task_id, (None, 0))
        problem = None
        if project_key != project.project_key:
            problem = f"the project has no task {task_id!r}"
        elif task_id in versions:
            version = msgspec.structs.replace(versions[task_id], project_key=project_key, seq=seq)
            listed.append(version)
            if version.batch_id != states[seq][1]:
                problem = f"task {task_id!r} is stored in another batch than it was delivered in"
        elif seq in completed:
            listed.append(completed[seq])
        else:
            problem = f"task {task_id!r} is not completed, and its delivered version is not given"
        if problem is not None:
            raise InvalidContent(problem, pointer=f"/task_ids/{number}")
    return listed
