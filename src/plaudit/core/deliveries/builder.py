"""Build deliveries: freeze a named set of completed tasks, which never changes afterwards.

A run reserves the name, copies the tasks in chunks, each in a short transaction, and publishes the
delivery in one last conditional update; no reader sees it before. The name of a run that died is
free when its lease ends: another run takes over and starts again. Each step of a run is
conditional on its number, so a run that was only slow cannot mix its tasks into its successor's
(docs/adr/0016).

What belongs to a delivery is listed in one snapshot before the run begins, so the set is that of
one moment, however long the copying takes. Each task is copied as it is when its turn comes:
corrected meanwhile it is delivered corrected, and reopened meanwhile it is left out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from plaudit import clock, ids
from plaudit.core.common import audit, names
from plaudit.core.deliveries.task_selection import TaskSelection
from plaudit.core.webhooks import events
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.core import Actor, ProjectRow, StoredTask
from plaudit.model.deliveries import DeliveryRow, DeliveryRun
from plaudit.store.common import pages
from plaudit.store.deliveries import deliveries, frozen_tasks
from plaudit.store.deliveries.frozen_tasks import FROZEN_AT_ONCE
from plaudit.store.engine.engine import Database, Transaction, Write
from plaudit.store.tasks import projects
from plaudit.wire.v2 import deliveries as wire

LEASE_MS = 60_000
CHUNK_BYTES = 4 * 1024 * 1024
CLEARED_AT_ONCE = 1000
SEQS_TRIED_MAX = 1000

_encode = msgspec.json.Encoder().encode
_LOST = "another run has taken over this delivery"


class DeliveryBuilder:
    """One run that builds one delivery: `start`, add tasks, then `finish` or `rollback`."""

    def __init__(
        self,
        write: Write,
        project: ProjectRow,
        name: str,
        *,
        schema_id: str | None = None,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._name_key = names.check_name(name)
        if schema_id is not None and not ids.is_usable(schema_id):
            raise InvalidContent(
                "an id has 1 to 255 characters, no control characters",
                pointer="/response_schema_id",
            )
        self._write = write
        self._project = project
        self._name = name
        self._schema_id = schema_id
        self._lease_ms = lease_ms
        self._manifest = hashlib.sha256()
        self._run: DeliveryRun
        self.count = 0

    async def start(self, delivery_id: str | None = None, delivery_seq: int | None = None) -> bool:
        """Reserve the name; False if a delivery or a run with an unexpired lease has it.

        `delivery_seq` is set for imported deliveries only; others take it from the project's clock.
        """
        project_key = self._project.project_key

        async def work(tx: Transaction) -> tuple[DeliveryRun | None, bool]:
            if await deliveries.find_delivery_by_name(tx, project_key, self._name_key):
                return None, False
            now = clock.now_ms()
            lease_ms = now + self._lease_ms
            taken_over = await deliveries.take_over(
                tx, project_key, self._name_key, now=now, lease_ms=lease_ms
            )
            if taken_over is not None:
                return taken_over, True
            first = delivery_seq or await projects.next_completion_time(tx, project_key, now)
            # Only imported times can be in use; the clock hands each of its own out once.
            for seq in range(first, first + (SEQS_TRIED_MAX if delivery_seq else 1)):
                row = self._new_row(delivery_id or ids.mint("delivery"), seq)
                if await deliveries.insert_delivery(tx, row, self._name_key, lease_ms=lease_ms):
                    return DeliveryRun(row, 1), False
            return None, False

        run, is_taken_over = await self._write(work)
        if run is None:
            return False
        self._run = run
        if delivery_id not in (None, run.delivery.delivery_id):
            return False
        if is_taken_over:
            await self._restart(delivery_seq)
        return True

    async def _restart(self, delivery_seq: int | None) -> None:
        abandoned = self._run.delivery
        await self._clear(abandoned.task_count)

        async def work(tx: Transaction) -> DeliveryRun:
            seq = delivery_seq and abandoned.delivery_seq
            seq = seq or await projects.next_completion_time(
                tx, abandoned.project_key, clock.now_ms()
            )
            row = self._new_row(abandoned.delivery_id, seq)
            run = DeliveryRun(row, self._run.run_no)
            if not await deliveries.restart(tx, run, seq):
                raise Conflict(_LOST)
            return run

        self._run = await self._write(work)

    def _new_row(self, delivery_id: str, delivery_seq: int) -> DeliveryRow:
        return DeliveryRow(
            environment_id=self._project.environment_id,
            delivery_id=delivery_id,
            project_key=self._project.project_key,
            delivery_seq=delivery_seq,
            name=self._name,
            delivered_ms=None,
            task_count=0,
            manifest_hash=None,
            schema_id=self._schema_id,
        )

    async def freeze(self, selection: TaskSelection, on_progress: Callable[[int], object]) -> None:
        """Copy the selected tasks as they are now; calls `on_progress` with each chunk's length.

        Rolls back on failure. Raises Conflict if a task selected by id is no longer completed, and
        InvalidContent if none is left of a filter; tasks that left the filter are omitted.
        """
        async with self.rollback_on_failure():
            done = 0
            while done < len(selection.seqs):
                chunk = selection.seqs[done : done + FROZEN_AT_ONCE]

                async def work(
                    tx: Transaction, chunk: Sequence[int] = chunk
                ) -> tuple[list[tuple[str, bytes]], int]:
                    seqs = await self._within_bytes(tx, chunk)
                    completed = await frozen_tasks.list_completed(
                        tx, self._project.project_key, seqs
                    )
                    if selection.is_by_id and len(completed) < len(seqs):
                        raise Conflict("a task is no longer completed; look which, and try again")
                    tasks = [completed[seq] for seq in seqs if seq in completed]
                    return await self.add(tx, [*filter(selection.matches, tasks)]), len(seqs)

                added, read_count = await self._write(work)
                self.commit_chunk(added)
                done += read_count
                on_progress(read_count)
            if self.count == 0:
                raise InvalidContent("there is nothing to deliver: no task is completed any more")

    @asynccontextmanager
    async def rollback_on_failure(self) -> AsyncIterator[None]:
        """Roll the delivery back if the block raises a Problem or is cancelled."""
        try:
            yield
        except (Problem, asyncio.CancelledError):
            with suppress(Problem):
                await self.rollback()
            raise

    async def _within_bytes(self, tx: Transaction, seqs: Sequence[int]) -> Sequence[int]:
        """The leading tasks that have at most CHUNK_BYTES together; at least one."""
        sizes = await frozen_tasks.list_sizes(tx, self._project.project_key, seqs)
        return seqs[: pages.count_fitting([sizes.get(seq, 0) for seq in seqs], CHUNK_BYTES)]

    async def add(self, tx: Transaction, tasks: Sequence[StoredTask]) -> list[tuple[str, bytes]]:
        """Put up to FROZEN_AT_ONCE tasks into the delivery; return their ids and digests.

        Call `commit_chunk` with these after the transaction. Raises Conflict if another run has
        taken the delivery over.
        """
        is_ours = await deliveries.set_task_count(
            tx,
            self._run,
            old_count=self.count,
            task_count=self.count + len(tasks),
            lease_ms=clock.now_ms() + self._lease_ms,
        )
        if not is_ours:
            raise Conflict(_LOST)
        pairs = [(task, wire.digest(task, self._project.project_id)) for task in tasks]
        if pairs:
            await frozen_tasks.insert_frozen(
                tx, self._run.delivery.delivery_seq, self.count + 1, pairs
            )
        return [(task.task_id, digest) for task, digest in pairs]

    async def reject_duplicates(self, tx: Transaction, tasks: Sequence[StoredTask]) -> None:
        """Raise InvalidContent if a task is in the delivery already, or twice in the list."""
        delivery, seqs = self._run.delivery, [task.seq for task in tasks]
        is_repeated = len(set(seqs)) < len(seqs)
        if is_repeated or await frozen_tasks.list_present(
            tx, delivery.project_key, delivery.delivery_seq, seqs
        ):
            raise InvalidContent("a task stands twice in the delivery", pointer="/task_ids")

    def commit_chunk(self, added: list[tuple[str, bytes]]) -> None:
        """Count the (task id, digest) pairs that a committed `add` returned into the manifest."""
        for task_id, digest in added:
            self._manifest.update(wire.manifest_line(task_id, digest))
        self.count += len(added)

    @property
    def manifest_hash(self) -> bytes:
        """SHA-256 of the manifest lines of the tasks committed so far."""
        return self._manifest.digest()

    async def publish(self, tx: Transaction, delivered_ms: int) -> DeliveryRow:
        """Publish the delivery at `delivered_ms`; raises Conflict if the run has lost it."""
        is_ours = await deliveries.publish(
            tx,
            self._run,
            task_count=self.count,
            delivered_ms=delivered_ms,
            manifest_hash=self.manifest_hash,
        )
        if not is_ours:
            raise Conflict(_LOST)
        return msgspec.structs.replace(
            self._run.delivery,
            delivered_ms=delivered_ms,
            task_count=self.count,
            manifest_hash=self.manifest_hash,
        )

    async def finish(self, tx: Transaction) -> DeliveryRow:
        """Publish the delivery at the clock's next time and emit its event.

        Raises Conflict if the run has lost it.
        """
        project = self._project
        delivered_ms = await projects.next_completion_time(tx, project.project_key, clock.now_ms())
        delivery = await self.publish(tx, delivered_ms)
        payload = _encode(wire.delivery(delivery, project.project_id))
        await events.announce_delivery(
            tx, project.environment_id, project.project_key, delivery.delivery_id, payload
        )
        return delivery

    async def rollback(self) -> None:
        """Delete the delivery, which frees its name; does nothing if the run has lost it."""

        async def renew_lease(tx: Transaction) -> int | None:
            lease_ms = clock.now_ms() + self._lease_ms
            return await deliveries.renew_lease(tx, self._run, lease_ms=lease_ms)

        # The chunk that was under way when the run was interrupted may have been committed.
        count = await self._write(renew_lease)
        if count is None:
            return
        await self._clear(count)

        async def work(tx: Transaction) -> None:
            if await deliveries.set_task_count(
                tx, self._run, old_count=count, task_count=0, lease_ms=clock.now_ms()
            ):
                await deliveries.delete_delivery(tx, self._run)

        await self._write(work)

    async def _clear(self, count: int) -> None:
        """Delete the first `count` tasks of the delivery, CLEARED_AT_ONCE per transaction."""
        for after in range(0, count, CLEARED_AT_ONCE):

            async def work(tx: Transaction, after: int = after) -> None:
                lease_ms = clock.now_ms() + self._lease_ms
                if not await deliveries.set_task_count(
                    tx, self._run, old_count=count, task_count=count, lease_ms=lease_ms
                ):
                    raise Conflict(_LOST)
                delivery = self._run.delivery
                await frozen_tasks.delete_delivered(
                    tx,
                    delivery.project_key,
                    delivery.delivery_seq,
                    after=after,
                    until=after + CLEARED_AT_ONCE,
                )

            await self._write(work)


async def freeze_selection(
    db: Database,
    project: ProjectRow,
    name: str,
    selection: TaskSelection,
    *,
    schema_id: str | None = None,
    on_progress: Callable[[int], object] = lambda count: None,
) -> DeliveryBuilder | None:
    """Freeze a selection under a name; the builder is ready to `finish`, None if the name is taken.

    `on_progress` is called with the number of tasks of each chunk.
    """
    builder = DeliveryBuilder(db.write, project, name, schema_id=schema_id)
    if not await builder.start():
        return None
    await builder.freeze(selection, on_progress)
    return builder


async def deliver(
    db: Database,
    project: ProjectRow,
    name: str,
    selection: TaskSelection,
    actor: Actor,
    action: str,
    *,
    schema_id: str | None = None,
    on_progress: Callable[[int], object],
    on_publish: Callable[[Transaction, DeliveryRow], Awaitable[None]] | None = None,
) -> DeliveryRow:
    """Freeze a selection under a name and publish it; raises Conflict if the name is taken.

    `on_publish` is called in the transaction that publishes it; a Problem of it rolls all back.
    """
    builder = await freeze_selection(
        db, project, name, selection, schema_id=schema_id, on_progress=on_progress
    )
    if builder is None:
        async with db.read() as tx:
            raise await name_conflict(tx, project, name)

    async def work(tx: Transaction) -> DeliveryRow:
        delivery = await builder.finish(tx)
        await audit.record(
            tx,
            project.environment_id,
            actor,
            action,
            "delivery",
            delivery.delivery_id,
            project_key=project.project_key,
            detail={"name": delivery.name, "task_count": delivery.task_count},
        )
        if on_publish is not None:
            await on_publish(tx, delivery)
        return delivery

    async with builder.rollback_on_failure():
        return await db.write(work)


async def has_delivery(tx: Transaction, project: ProjectRow, name: str) -> bool:
    """True if the project has a published delivery of this name."""
    name_key = names.normalize_name(name)
    return bool(await deliveries.find_delivery_by_name(tx, project.project_key, name_key))


async def name_conflict(tx: Transaction, project: ProjectRow, name: str) -> Conflict:
    """The Conflict that says why a name is taken: by a delivery, or by a run."""
    if await has_delivery(tx, project, name):
        return Conflict(f"the project has a delivery named {name!r} already")
    return Conflict(
        f"a delivery named {name!r} is being made; if its run has died, "
        f"try again in {LEASE_MS // 1000} seconds"
    )
