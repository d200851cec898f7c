"""Bulk upload: create many tasks from lines of JSON, checked one by one and stored in chunks.

A chunk is one transaction. A line that cannot be stored is rejected with its number and does not
affect the others; conflicts are found inside the transaction and are results there, never
exceptions. Under an Idempotency-Key the answer of each chunk is kept by its number, so an upload
that was interrupted can be sent again whole and creates nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from plaudit import json_guard
from plaudit.core.common import idempotency
from plaudit.core.staffing import requirements
from plaudit.core.tasks import bulk_insert, templates
from plaudit.core.tasks.bulk_insert import NewTaskRow
from plaudit.core.tasks.templates import Template
from plaudit.errors import InvalidContent, TooLarge
from plaudit.ids import ID_CHARS_MAX, is_usable, mint
from plaudit.model.core import Actor, ProjectRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.manage.resources import RowResult, TaskRow
from plaudit.wire.v2 import resources, size_limits
from plaudit.wire.v2.parse import check_content, convert, fill_content
from plaudit.wire.v2.task import Thread

CHUNK_ROWS = 200
CHUNK_BYTES = 4 * 1024 * 1024
ROWS_MAX = 100_000
CHECKED_MAX = 1000

CheckCallback = Callable[[str], Awaitable[None]]
Parse = Callable[[int, Callable[[], NewTaskRow]], Awaitable[NewTaskRow]]

_encode = msgspec.json.Encoder().encode
_decode_results = msgspec.json.Decoder(list[RowResult]).decode


class BulkUpload:
    """One upload into one project: `add` each line, then `finish`."""

    def __init__(
        self,
        db: Database,
        project: ProjectRow,
        actor: Actor,
        action: str,
        *,
        idem_key: str | None = None,
        scope: bytes = b"",
        check_callback: CheckCallback,
        structure_max: int,
        parse: Parse,
    ) -> None:
        """`scope` is hashed with the lines to recognize a repeated upload, such as the path.

        `check_callback` raises InvalidContent for a callback that may never be called. A line has
        at most `structure_max` structural characters; `parse` runs a function on a line of a size
        where it holds nobody up.
        """
        self._db = db
        self._project = project
        self._template = templates.read_template(resources.project_detail(project).template)
        self._actor = actor
        self._action = action
        self._idem_key = idem_key
        self._scope = scope
        self._check_callback = check_callback
        self._structure_max = structure_max
        self._parse = parse
        self._checked: set[str] = set()
        self._lines = 0
        self._rows_seen = 0
        self._chunk = _Chunk()
        self._chunk_count = 0
        self._replayed = 0
        self._counts = {"created": 0, "unchanged": 0, "rejected": 0}
        self._results: list[bytes] = []

    @property
    def is_replayed(self) -> bool:
        """True if all chunks were answered before, under the same Idempotency-Key."""
        return 0 < self._chunk_count == self._replayed

    async def add(self, line: bytes | None) -> None:
        """Add the next line, None for one that is too long; blank lines are skipped.

        Raises TooLarge after ROWS_MAX lines; those before are stored.
        """
        self._lines += 1
        if line is not None and not line.strip():
            return
        self._rows_seen += 1
        if self._rows_seen > ROWS_MAX:
            await self._flush()
            raise TooLarge(
                f"an upload has at most {ROWS_MAX} tasks; those before line {self._lines} are "
                "stored, send the others in another one"
            )
        self._chunk.digest.update(b"\n" if line is None else line + b"\n")
        self._chunk.size += len(line or b"")
        try:
            self._chunk.rows.append(await self._read(line))
        except InvalidContent as problem:
            self._chunk.rejected.append(_rejected(self._lines, problem))
        count = len(self._chunk.rows) + len(self._chunk.rejected)
        if count >= CHUNK_ROWS or self._chunk.size >= CHUNK_BYTES:
            await self._flush()

    async def finish(self) -> bytes:
        """Store the last chunk; return the answer as JSON of `UploadResult`."""
        await self._flush()
        counts = _encode(self._counts)
        return counts[:-1] + b',"results":[' + b",".join(self._results) + b"]}"

    async def _read(self, line: bytes | None) -> NewTaskRow:
        """Parse and check a line; raises InvalidContent with a pointer."""
        if line is None:
            raise InvalidContent("the line is longer than a line may be")
        new = await self._parse(len(line), partial(self._parse_line, line, self._lines))
        callback = new.callback_url
        if callback is not None and callback not in self._checked:
            await self._check_callback(callback)
            if len(self._checked) < CHECKED_MAX:
                self._checked.add(callback)
        return new

    def _parse_line(self, line: bytes, number: int) -> NewTaskRow:
        json_guard.refuse_structure(line, self._structure_max)
        value = json_guard.check(line)
        if isinstance(value, dict):
            fill_content(value.get("content"))
        row: TaskRow = convert(value, TaskRow)
        for name in ("task_id", "unique_id"):
            value = getattr(row, name)
            if value is not None and not is_usable(value):
                raise InvalidContent(
                    f"a {name} has 1 to {ID_CHARS_MAX} characters, no control characters",
                    pointer=f"/{name}",
                )
        size_limits.check_metadata(row.metadata)
        requirements.check_metadata(row.metadata)
        return NewTaskRow(
            line=number,
            task_id=row.task_id or mint("task"),
            has_own_id=row.task_id is not None,
            unique_id=row.unique_id,
            batch_id=row.batch_id,
            batch_name=row.batch_name,
            metadata=row.metadata,
            callback_url=row.callback_url,
            content=_content(row, self._template),
        )

    async def _flush(self) -> None:
        chunk, self._chunk = self._chunk, _Chunk()
        if not (chunk.rows or chunk.rejected):
            return
        number, self._chunk_count = self._chunk_count, self._chunk_count + 1
        results, is_replayed = await self._store(chunk, number)
        self._replayed += is_replayed
        for result in _decode_results(results):
            self._counts[result.outcome] += 1
        self._results.append(results[1:-1])

    async def _store(self, chunk: _Chunk, number: int) -> tuple[bytes, bool]:
        """Store a chunk, or find its kept answer; (results as a JSON list, whether it was kept)."""
        if self._idem_key is None and not chunk.rows:
            return _encode(chunk.rejected), False
        key = None if self._idem_key is None else _chunk_key(self._idem_key, number)

        async def work(tx: Transaction) -> tuple[bytes, bool]:
            async def once() -> bytes:
                stored = await bulk_insert.store_rows(
                    tx, self._project, chunk.rows, self._actor, self._action
                )
                return _encode(sorted([*chunk.rejected, *stored], key=lambda result: result.line))

            if key is None:
                return await once(), False
            request_hash = idempotency.hash_request(self._scope, chunk.digest.digest())
            return await idempotency.run_once(
                tx, self._project.environment_id, key, request_hash, once
            )

        for _ in range(bulk_insert.ATTEMPTS_MAX):
            try:
                return await self._db.write(work)
            except bulk_insert.BatchClosed:
                continue  # nothing of the chunk is stored; the next attempt sees the closed batch
        raise AssertionError("a batch closes once, and a chunk has fewer batches than attempts")


class _Chunk:
    """The lines that are stored together in one transaction."""

    def __init__(self) -> None:
        self.rows: list[NewTaskRow] = []
        self.rejected: list[RowResult] = []
        self.size = 0
        self.digest = hashlib.blake2b(digest_size=16)


def _content(row: TaskRow, template: Template) -> bytes | None:
    """Prepared conversation of a line as JSON: its content, or the project's filled template."""
    if row.content is None:
        content = templates.fill_template(template, row.template_variables or {})
        return None if content is None else _encoded(content, "/template_variables")
    if row.template_variables is not None:
        raise InvalidContent(
            "give content or template_variables, not both", pointer="/template_variables"
        )
    if not row.content:
        raise InvalidContent("content has at least one thread", pointer="/content")
    check_content(row.content)
    return _encoded(row.content, "/content")


def _encoded(content: list[Thread], pointer: str) -> bytes:
    encoded = _encode(content)
    size_limits.check_conversation(len(encoded), pointer)
    return encoded


def _chunk_key(idem_key: str, number: int) -> str:
    """Idempotency key of a chunk. It holds a space, which no key of a request does."""
    digest = hashlib.blake2b(idem_key.encode(), digest_size=16).hexdigest()
    return f"upload {digest} {number}"


def _rejected(line: int, problem: InvalidContent) -> RowResult:
    return RowResult(
        line=line, outcome="rejected", error=problem.message, pointer=problem.pointer or None
    )
