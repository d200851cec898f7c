"""Importer: store the entries of files of any format, in bounded memory and idempotently.

Importing the same file twice changes nothing, and a killed import is completed by running it again.
Rows are written in chunks, one transaction each, while the next chunk is being read. Every
rejected row is reported with its file, line and JSON pointer.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import names
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks.forms import Form
from plaudit.core.transfer import (
    attachment_archive,
    dataset_import,
    merge,
    prepared_tasks,
    row_import,
)
from plaudit.core.transfer.archive_line import ARCHIVE_VERSION
from plaudit.core.transfer.attachment_archive import AttachmentImport
from plaudit.core.transfer.dataset_import import DatasetImport
from plaudit.core.transfer.delivery_archive import DeliveryImport
from plaudit.core.transfer.import_summary import KINDS, Summary
from plaudit.core.transfer.merge import ImportResult
from plaudit.core.transfer.prepared_tasks import FUTURE_MS_MAX, IncomingTask, PreparedTask
from plaudit.core.transfer.references import ProjectReferences
from plaudit.core.transfer.row_import import RowImport
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Transaction, Write
from plaudit.wire.v2 import parse
from plaudit.wire.v2.deliveries import ArchivedDelivery

CHUNK_ROWS = 1_000
CHUNK_BYTES = 8 * 1024 * 1024
CHARS_MAX = 500
HELD_BYTES = 4 * 1024 * 1024
"""Bytes of a strict import's rejects that are kept in memory; more lie in a file without a name."""


class ImportEntry(Struct, frozen=True):
    """One entry of a file: its kind, its value as decoded JSON, and its line.

    The value of a task may be a PreparedTask.

    `pointer` leads from the line to the value; `problem` replaces a value that cannot be read.
    `file` names the file of the line, None for that of its source.
    """

    kind: str
    value: Any
    line: int
    pointer: str = ""
    size: int = 0
    problem: InvalidContent | None = None
    file: str | None = None


class Reject(Struct, frozen=True):
    """A rejected row: file, line, JSON pointer and reason."""

    file: str
    line: int
    pointer: str
    message: str

    def __str__(self) -> str:
        where = f" {self.pointer}" if self.pointer else ""
        return printable(f"{self.file}:{self.line}:{where} {self.message}")


def printable(text: str) -> str:
    """Text of a file made safe to show: cut to CHARS_MAX, unprintable characters escaped."""
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:CHARS_MAX])
    return safe if len(text) <= CHARS_MAX else f"{safe}…"


class Source(Struct, frozen=True):
    """A file to import; `entries` reads it lazily."""

    path: Path
    entries: Callable[[], Iterator[ImportEntry]]


class Importer:
    """One import into one environment. Use it once: `run` over the sources.

    `write` runs work in a transaction. With `in_one_transaction` all work shares one and is awaited
    in turn; otherwise the next chunk is read while one is being written. `secret` is given for the
    operator, who alone imports row_import.KINDS. `project_form` becomes the form of the project
    `project_name` if that has no form, no kind of work and no task.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        *,
        in_one_transaction: bool,
        project_name: str | None,
        replace: bool,
        on_reject: Callable[[Reject], None],
        objects: BlobStore | None = None,
        secret: ServerSecret | None = None,
        project_form: Form | None = None,
    ) -> None:
        self.summary = Summary()
        self._write_in = write
        self._in_one_transaction = in_one_transaction
        self._environment_id = environment_id
        self._project_name = project_name
        self._replace = replace
        self._on_reject = on_reject
        self._references = ProjectReferences(
            write, environment_id, replace=replace, project_form=project_form
        )
        self._datasets = DatasetImport(write, environment_id, objects, self._record_result)
        self._deliveries = DeliveryImport(write, environment_id)
        self._attachments = AttachmentImport(
            write, environment_id, objects, self._record_result, is_operator=secret is not None
        )
        self._rows = RowImport(
            write,
            environment_id,
            secret,
            replace=replace,
            before_flush=self._flush_and_wait,
            record_result=self._record_result,
        )
        self._chunk: dict[str, _PendingTask] = {}
        self._chunk_bytes = 0
        self._locked_projects: set[int] = set()
        self._writing: asyncio.Task[None] | None = None
        self._writing_ids: frozenset[str] = frozenset()

    async def run(self, sources: Iterable[Source]) -> Summary:
        """Import every source; rejected rows go to `on_reject`, all others are stored.

        Raises InvalidContent where a file is unreadable, after storing what came before.
        """
        if self._project_name is not None:
            names.check_name(self._project_name, "")
        unreadable = None
        try:
            for source in sources:
                for entry in source.entries():
                    self.summary.rows_read += 1
                    await self._import_entry(entry, entry.file or source.path.name)
        except InvalidContent as exc:
            unreadable = exc  # the rest of the file is lost, what came before it is not
        finally:
            await self._flush_and_wait()
            await self._datasets.flush()
            await self._rows.flush()
            self._attachments.close()
        await self._references.complete_referenced_batches()
        for file, line, delivery_id in await self._deliveries.rollback_unfinished():
            problem = InvalidContent(f"the last part of delivery {delivery_id!r} is missing")
            self._reject("delivery", file, line, problem, "/value")
        if unreadable is not None:
            raise unreadable
        return self.summary

    async def _import_entry(self, entry: ImportEntry, file: str) -> None:
        try:
            if entry.problem is not None:
                raise entry.problem
            if entry.kind == "task":
                await self._import_task(entry, file)
            elif entry.kind in ("project", "batch"):
                await self._flush()
                outcome = await self._references.declare(entry.kind, entry.value)
                self.summary.add(entry.kind, outcome)
            elif entry.kind in dataset_import.KINDS:
                source_location = (file, entry.line, entry.pointer)
                await self._datasets.import_entry(entry.kind, entry.value, source_location)
            elif entry.kind == "delivery":
                await self._import_delivery(entry, file)
            elif entry.kind == attachment_archive.KIND:
                source_location = (file, entry.line, entry.pointer)
                await self._attachments.import_part(entry.value, source_location)
            elif entry.kind in row_import.KINDS:
                source_location = (file, entry.line, entry.pointer)
                await self._rows.import_entry(entry.kind, entry.value, source_location, entry.size)
            elif entry.kind == "organization":
                _check_version(entry.value)
            else:
                known = ", ".join(KINDS)
                problem = InvalidContent(f"{entry.kind!r} is not imported; known are {known}")
                self._reject(entry.kind, file, entry.line, problem, "/kind")
        except (InvalidContent, Conflict) as problem:
            self._reject(entry.kind, file, entry.line, problem, entry.pointer)

    async def _import_task(self, entry: ImportEntry, file: str) -> None:
        # Before anything is created for it: a task that is refused leaves nothing behind.
        task = entry.value
        if not isinstance(task, PreparedTask):
            task = prepared_tasks.read(task)
        if task.task_id in self._chunk or task.task_id in self._writing_ids:
            await self._flush()
            await self._await_writing()
        await self._references.check_creatable(task, self._project_name)
        project = await self._references.project_for(task.project, self._project_name)
        batch = await self._references.batch_for(task.batch, project)
        is_restored = self._references.is_restored(batch)
        incoming = prepared_tasks.place(task, project, batch, is_restored_batch=is_restored)
        self._chunk[task.task_id] = _PendingTask(incoming, file, entry.line, entry.pointer)
        self._chunk_bytes += entry.size
        if len(self._chunk) >= CHUNK_ROWS or self._chunk_bytes >= CHUNK_BYTES:
            await self._flush()

    async def _import_delivery(self, entry: ImportEntry, file: str) -> None:
        await self._flush_and_wait()
        declared = parse.convert(entry.value, ArchivedDelivery)
        delivered_ms = parse.moment(declared.delivered_at, "/delivered_at")
        if delivered_ms is not None and delivered_ms > clock.now_ms() + FUTURE_MS_MAX:
            raise InvalidContent(
                "delivered_at lies more than 5 minutes ahead", pointer="/delivered_at"
            )
        project = await self._references.project_for(declared.project, self._project_name)
        outcome = await self._deliveries.import_part(declared, project, (file, entry.line))
        if outcome is not None:
            self.summary.add("delivery", outcome)

    async def _flush(self) -> None:
        """Hand the chunk to the writer once the one before it is written."""
        await self._await_writing()
        if not self._chunk:
            return
        chunk, self._chunk, self._chunk_bytes = list(self._chunk.values()), {}, 0
        if self._in_one_transaction:
            await self._write(chunk)
        else:
            self._writing_ids = frozenset(pending.incoming.prepared.task_id for pending in chunk)
            self._writing = asyncio.create_task(self._write(chunk))
            await asyncio.sleep(0)

    async def _flush_and_wait(self) -> None:
        """Write the chunk to its end."""
        await self._flush()
        await self._await_writing()

    async def _await_writing(self) -> None:
        if self._writing is not None:
            writing, self._writing, self._writing_ids = self._writing, None, frozenset()
            await writing

    async def _write(self, chunk: list[_PendingTask]) -> None:
        async def work(tx: Transaction) -> list[ImportResult]:
            incoming = [pending.incoming for pending in chunk]
            locked_whole = self._projects_to_lock(incoming)
            return await merge.merge(
                tx,
                self._environment_id,
                incoming,
                replace=self._replace,
                locked_whole=locked_whole,
            )

        for pending, outcome in zip(chunk, await self._write_in(work), strict=True):
            self._record_result("task", (pending.file, pending.line, pending.pointer), outcome)

    def _projects_to_lock(self, incoming: list[IncomingTask]) -> set[int]:
        """New projects of a strict import: their clocks stay locked while later chunks come.

        So all their batches have to be locked before. Where a later chunk reserves a unique_id that
        another writer is just creating, the engine may still have to run one of the two again.
        """
        if not self._in_one_transaction:
            return set()
        project_keys = {task.project.project_key for task in incoming} - self._locked_projects
        self._locked_projects |= project_keys
        return project_keys

    def _record_result(
        self, kind: str, source_location: tuple[str, int, str], outcome: str | Problem
    ) -> None:
        if isinstance(outcome, Problem):
            file, line, pointer = source_location
            self._reject(kind, file, line, outcome, pointer)
        else:
            self.summary.add(kind, outcome)

    def _reject(self, kind: str, file: str, line: int, problem: Problem, prefix: str) -> None:
        self.summary.add(kind if kind in KINDS else "row", "rejected")
        pointer = prefix + problem.pointer if isinstance(problem, InvalidContent) else prefix
        self._on_reject(Reject(file, line, pointer, problem.message))


class _PendingTask(Struct, frozen=True):
    """A task of the current chunk, and its location in the source."""

    incoming: IncomingTask
    file: str
    line: int
    pointer: str


class _StrictImportRefused(Exception):
    """Rolls a strict import's transaction back."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary


async def import_sources(
    db: Database,
    environment_id: str,
    sources: Callable[[], Iterable[Source]],
    *,
    project_name: str | None = None,
    replace: bool = False,
    strict: bool = False,
    on_reject: Callable[[Reject], None],
    objects: BlobStore | None = None,
    secret: ServerSecret | None = None,
    project_form: Form | None = None,
) -> Summary:
    """Import files; return the number of entries by kind and outcome. `objects` keeps attachments.

    `secret`, the server's, is given for the operator, who alone imports row_import.KINDS;
    `project_form` is the form for a project without one (see Importer). A strict
    import is one transaction, rolled back if any row is rejected; it blocks other writers while it
    runs, and its rejects are reported at its end. Raises InvalidContent where a file is unreadable.
    """

    def importer(write: Write, on_reject: Callable[[Reject], None]) -> Importer:
        return Importer(
            write,
            environment_id,
            in_one_transaction=strict,
            project_name=project_name,
            replace=replace,
            on_reject=on_reject,
            objects=objects,
            secret=secret,
            project_form=project_form,
        )

    if not strict:
        return await importer(db.write, on_reject).run(sources())

    # The engine may run the work again, which rejects the same rows again: they are reported once
    # it is known which run was the last.
    with tempfile.SpooledTemporaryFile(max_size=HELD_BYTES) as held:

        def hold(reject: Reject) -> None:
            row = reject.file, reject.line, reject.pointer, reject.message
            held.write(json.dumps(row).encode() + b"\n")

        async def work(tx: Transaction) -> Summary:
            held.seek(0)
            held.truncate()
            summary = await importer(lambda piece: piece(tx), hold).run(sources())
            if summary.total("rejected"):
                raise _StrictImportRefused(summary)
            return summary

        try:
            return await db.write(work)
        except _StrictImportRefused as refused:
            return refused.summary
        finally:
            held.seek(0)
            for line in held:
                on_reject(Reject(*json.loads(line)))


def _check_version(value: Any) -> None:
    """Raise InvalidContent for the first line of an archive that a newer version has written."""
    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > ARCHIVE_VERSION:
        raise InvalidContent(
            f"a newer version wrote this archive ({version}; up to {ARCHIVE_VERSION} is read);"
            " what that version added is refused",
            pointer="/version",
        )
