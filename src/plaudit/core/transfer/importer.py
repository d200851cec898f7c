"""Take tasks in: from files of any format into the store, in bounded memory, again and again.

Importing the same thing twice changes nothing; a run that was killed is finished by running it
again. Rows go in by chunks, each one transaction, while the next chunk is being read. Every row
that is refused is reported with its file, line and JSON pointer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import names
from plaudit.core.outbound.url_length import check_url_length
from plaudit.core.transfer import dataset_import, merge
from plaudit.core.transfer.dataset_import import DatasetIntake
from plaudit.core.transfer.delivery_archive import DeliveryImport
from plaudit.core.transfer.merge import Incoming, Outcome
from plaudit.core.transfer.references import ProjectReferences, Write
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2 import parse
from plaudit.wire.v2.deliveries import ArchivedDelivery

CHUNK_ROWS = 500
CHUNK_BYTES = 4 * 1024 * 1024
FUTURE_MS_MAX = 5 * 60 * 1000
CHARS_MAX = 500
KINDS = ("organization", "project", "batch", "task", "delivery", *dataset_import.KINDS)
PLURALS = {
    "batch": "batches",
    "delivery": "deliveries",
    "dataset_delivery": "dataset_deliveries",
}
OUTCOMES = ("added", "updated", "unchanged", "rejected")


class ImportEntry(Struct, frozen=True):
    """One thing that a file holds: its kind, its value as decoded JSON, and where it stands.

    `pointer` leads from the line to the value; `problem` stands in for one that is not readable.
    """

    kind: str
    value: Any
    line: int
    pointer: str = ""
    size: int = 0
    problem: InvalidContent | None = None


class Reject(Struct, frozen=True):
    """A row that was refused, and why."""

    file: str
    line: int
    pointer: str
    message: str

    def __str__(self) -> str:
        where = f" {self.pointer}" if self.pointer else ""
        return printable(f"{self.file}:{self.line}:{where} {self.message}")


def printable(text: str) -> str:
    """A text out of a file, which may hold anything, as one may show it: bounded, no controls."""
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:CHARS_MAX])
    return safe if len(text) <= CHARS_MAX else f"{safe}…"


class Source(Struct, frozen=True):
    """A file to import and how to read it."""

    path: Path
    entries: Callable[[], Iterator[ImportEntry]]


class Summary:
    """How an import went: a count for each kind and outcome."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, outcome: str, count: int = 1) -> None:
        self.counts[kind, outcome] += count

    def total(self, outcome: str) -> int:
        """The number of rows of every kind with this outcome."""
        return sum(count for (_, one), count in self.counts.items() if one == outcome)

    def __str__(self) -> str:
        parts = []
        for kind in sorted({kind for kind, _ in self.counts}, key=_rank_of_kind):
            found = [
                f"{self.counts[kind, outcome]} {outcome}"
                for outcome in OUTCOMES
                if self.counts[kind, outcome]
            ]
            parts.append(f"{PLURALS.get(kind, f'{kind}s')}: {', '.join(found)}")
        return "; ".join(parts) or "nothing to import"


class Importer:
    """One import into one world. Use it once: `run` over the sources.

    `write` runs a piece of work in a transaction. While it is a transaction of its own, the next
    chunk is read meanwhile; `in_one` says that all work shares one, which must never be left.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        *,
        in_one: bool,
        project_name: str | None,
        replace: bool,
        on_reject: Callable[[Reject], None],
        objects: BlobStore | None = None,
    ) -> None:
        self.summary = Summary()
        self._write_in = write
        self._in_one = in_one
        self._org_id = environment_id
        self._project_name = project_name
        self._replace = replace
        self._on_reject = on_reject
        self._declared = ProjectReferences(write, environment_id, replace=replace)
        self._datasets = DatasetIntake(write, environment_id, objects, self._settle)
        self._delivered = DeliveryImport(write, environment_id)
        self._chunk: dict[str, _Waiting] = {}
        self._chunk_bytes = 0
        self._writing: asyncio.Task[None] | None = None

    async def run(self, sources: Iterable[Source]) -> Summary:
        """Import every source; refused rows go to `on_reject` and the rest goes in."""
        if self._project_name is not None:
            names.checked(self._project_name, "")
        damage = None
        try:
            for source in sources:
                for entry in source.entries():
                    await self._take(entry, source.path.name)
        except InvalidContent as exc:
            damage = exc  # the rest of the file is lost, what came before it is not
        finally:
            await self._flush()
            await self._written()
            await self._datasets.flush()
        await self._declared.settle_batches()
        for file, line, delivery_id in await self._delivered.settle():
            problem = InvalidContent(f"the last part of delivery {delivery_id!r} is missing")
            self._reject("delivery", file, line, problem, "/value")
        if damage is not None:
            raise damage
        return self.summary

    async def _take(self, entry: ImportEntry, file: str) -> None:
        try:
            if entry.problem is not None:
                raise entry.problem
            if entry.kind == "task":
                await self._take_task(entry, file)
            elif entry.kind in ("project", "batch"):
                await self._flush()
                outcome = await self._declared.declare(entry.kind, entry.value)
                self.summary.add(entry.kind, outcome)
            elif entry.kind in dataset_import.KINDS:
                place = (file, entry.line, entry.pointer)
                await self._datasets.take(entry.kind, entry.value, place)
            elif entry.kind == "delivery":
                await self._take_delivery(entry, file)
            elif entry.kind != "organization":
                known = ", ".join(KINDS)
                problem = InvalidContent(f"{entry.kind!r} is not imported; known are {known}")
                self._reject(entry.kind, file, entry.line, problem, "/kind")
        except (InvalidContent, Conflict) as problem:
            self._reject(entry.kind, file, entry.line, problem, entry.pointer)

    async def _take_task(self, entry: ImportEntry, file: str) -> None:
        read = parse.read_task(entry.value)
        task = read.task
        if read.completed_ms is not None and read.completed_ms > clock.now_ms() + FUTURE_MS_MAX:
            raise InvalidContent(
                "completed_at lies more than 5 minutes ahead", pointer="/completed_at"
            )
        check_url_length(task.callback_url, "/callback_url")
        await self._declared.refuse_strange_batch(task.batch, task.project, self._project_name)
        project = await self._declared.project_for(task.project, self._project_name)
        batch = await self._declared.batch_for(task.batch, project)
        if task.task_id in self._chunk:
            await self._flush()
        incoming = merge.prepare(read, project, batch, clock.now_ms())
        self._chunk[task.task_id] = _Waiting(incoming, file, entry.line, entry.pointer)
        self._chunk_bytes += entry.size
        if len(self._chunk) >= CHUNK_ROWS or self._chunk_bytes >= CHUNK_BYTES:
            await self._flush()

    async def _take_delivery(self, entry: ImportEntry, file: str) -> None:
        await self._flush()
        await self._written()
        declared = parse.convert(entry.value, ArchivedDelivery)
        delivered_ms = parse.moment(declared.delivered_at, "/delivered_at")
        if delivered_ms is not None and delivered_ms > clock.now_ms() + FUTURE_MS_MAX:
            raise InvalidContent(
                "delivered_at lies more than 5 minutes ahead", pointer="/delivered_at"
            )
        project = await self._declared.project_for(declared.project, self._project_name)
        outcome = await self._delivered.take(declared, project, (file, entry.line))
        if outcome is not None:
            self.summary.add("delivery", outcome)

    async def _flush(self) -> None:
        """Hand the chunk to the writer once the one before it is written."""
        await self._written()
        if not self._chunk:
            return
        chunk, self._chunk, self._chunk_bytes = list(self._chunk.values()), {}, 0
        if self._in_one:
            await self._write(chunk)
        else:
            self._writing = asyncio.create_task(self._write(chunk))
            await asyncio.sleep(0)

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    async def _write(self, chunk: list[_Waiting]) -> None:
        async def work(tx: Transaction) -> list[Outcome]:
            incoming = [one.incoming for one in chunk]
            return await merge.merge(tx, self._org_id, incoming, replace=self._replace)

        for one, outcome in zip(chunk, await self._write_in(work), strict=True):
            self._settle("task", (one.file, one.line, one.pointer), outcome)

    def _settle(self, kind: str, place: tuple[str, int, str], outcome: str | Problem) -> None:
        if isinstance(outcome, Problem):
            file, line, pointer = place
            self._reject(kind, file, line, outcome, pointer)
        else:
            self.summary.add(kind, outcome)

    def _reject(self, kind: str, file: str, line: int, problem: Problem, prefix: str) -> None:
        self.summary.add(kind if kind in KINDS else "row", "rejected")
        pointer = prefix + problem.pointer if isinstance(problem, InvalidContent) else prefix
        self._on_reject(Reject(file, line, pointer, problem.message))


class _Waiting(Struct, frozen=True):
    """A task that waits for its chunk, and where it stood."""

    incoming: Incoming
    file: str
    line: int
    pointer: str


class _Refused(Exception):
    """Takes a strict import's transaction back."""

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
) -> Summary:
    """Import files; the summary's counts say what happened. `objects` is where attachments go.

    A strict import is one transaction, which is taken back if any row is refused; it holds other
    writers up while it runs.
    """

    def importer(write: Write) -> Importer:
        return Importer(
            write,
            environment_id,
            in_one=strict,
            project_name=project_name,
            replace=replace,
            on_reject=on_reject,
            objects=objects,
        )

    if not strict:
        return await importer(db.write).run(sources())

    async def work(tx: Transaction) -> Summary:
        summary = await importer(lambda piece: piece(tx)).run(sources())
        if summary.total("rejected"):
            raise _Refused(summary)
        return summary

    try:
        return await db.write(work)
    except _Refused as refused:
        return refused.summary


def _rank_of_kind(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)
