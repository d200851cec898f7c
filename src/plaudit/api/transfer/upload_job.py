"""Upload jobs: a received file is looked at and kept, until the choices of its import are made.

The blob of an upload is the file followed by its first rows, so that a preview reads little.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import private_files
from plaudit.api.http.job_runner import JobRun, JobServices, Tracker
from plaudit.core.transfer import jobs
from plaudit.errors import InvalidContent, NotFound
from plaudit.formats import detection
from plaudit.formats.common.file_import import InputFile
from plaudit.formats.common.rows import Row
from plaudit.formats.detection import Detection
from plaudit.store.engine import disk_space
from plaudit.store.engine.engine import Database
from plaudit.store.transfer.jobs import Job

HEAD_BYTES_MAX = 4 * 1024 * 1024
"""First rows that are kept beside the file, as they are encoded."""

PIECE_BYTES = 1024 * 1024
COLUMNS_NAMED_MAX = 20


class UploadedFile(Struct, frozen=True, kw_only=True):
    """A kept file: its name, what it was told to be, and the sizes of file and first rows."""

    name: str
    format: str | None = None
    columns: list[str] = []
    """Columns that decided on the format."""
    file_bytes: int
    head_bytes: int


async def keep_upload(services: JobServices, run: JobRun, path: Path, name: str) -> int:
    """Look at the file at `path` and keep it as the job's blob; return the blob's size.

    The file at `path` is deleted. Raises InvalidContent for a file that is not read at all.
    """
    tracker = run.tracker

    async def work(db: Database) -> tuple[UploadedFile, bytes]:
        size = path.stat().st_size
        detected = detection.detect(
            [InputFile(path, name, size)], inflated_max=services.settings.inflated_bytes_max
        )
        if not detected.rows:
            raise unreadable(detected)
        head = encode_rows(detected.rows)
        uploaded = UploadedFile(
            name=name,
            format=None if detected.format is None else detected.format.name,
            columns=list(detected.columns)[:COLUMNS_NAMED_MAX],
            file_bytes=size,
            head_bytes=len(head),
        )
        return uploaded, head

    try:
        tracker.report(phase="reading")
        uploaded, head = await run.run_in_thread(work)
        tracker.report(phase="keeping", detail=msgspec.to_builtins(uploaded))
        await services.objects.put(jobs.file_key(run.job), _pieces(path, head, tracker))
        tracker.check()
    except OSError as exc:
        raise disk_space.unwritable(exc, "the file cannot be kept now") from exc
    finally:
        path.unlink(missing_ok=True)
    return uploaded.file_bytes + uploaded.head_bytes


def uploaded_file(job: Job) -> UploadedFile:
    """Return the file of an upload job; raises NotFound if it is not kept any more."""
    detail = jobs.job_progress(job).detail
    if not jobs.has_file(job) or not detail:
        raise NotFound("the file is not kept any more; upload it again")
    return msgspec.convert(detail, UploadedFile)


async def encoded_first_rows(services: JobServices, job: Job) -> bytes:
    """Read the first rows of an upload, for `decode_rows`; raises NotFound, or Unavailable."""
    uploaded = uploaded_file(job)
    start, end = uploaded.file_bytes, uploaded.file_bytes + uploaded.head_bytes
    pieces = await services.objects.open(jobs.file_key(job), start, end)
    return b"".join([piece async for piece in pieces])


async def copy_upload(services: JobServices, job: Job, path: Path) -> None:
    """Write the file of an upload to `path`; raises NotFound, or Unavailable."""
    uploaded = uploaded_file(job)
    try:
        with private_files.open_new(path) as file:
            async for piece in await services.objects.open(
                jobs.file_key(job), 0, uploaded.file_bytes
            ):
                await asyncio.to_thread(file.write, piece)
    except OSError as exc:
        raise disk_space.unwritable(exc, "the file cannot be copied now") from exc


def encode_rows(rows: Sequence[Row]) -> bytes:
    """Encode rows, as many of the first as HEAD_BYTES_MAX takes; a larger row is left out."""
    encoded: list[bytes] = []
    size = 0
    for row in rows:
        data = msgspec.msgpack.encode((row.number, row.key, row.value, row.size))
        if size + len(data) <= HEAD_BYTES_MAX:
            encoded.append(data)
            size += len(data)
    return msgspec.msgpack.encode(encoded)


def decode_rows(encoded: bytes, file: str) -> list[Row]:
    """Decode what `encode_rows` made of the rows of a file; not for the event loop."""
    rows: list[bytes] = msgspec.msgpack.decode(encoded)
    decoded: list[tuple[int, str | None, Any, int]] = [msgspec.msgpack.decode(row) for row in rows]
    return [
        Row(file=file, number=number, key=key, value=value, size=size)
        for number, key, value, size in decoded
    ]


def unreadable(detected: Detection) -> InvalidContent:
    """Problem of a file none of whose first rows can be read."""
    row = detected.problem
    if row is None or row.problem is None:
        return InvalidContent("there is nothing to read")
    return InvalidContent(f"row {row.number} cannot be read: {row.problem.message}")


async def _pieces(path: Path, head: bytes, tracker: Tracker) -> AsyncIterator[bytes]:
    """Content of a file and then its head; raises Unavailable once the job was told to stop."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            tracker.check()
            yield piece
    yield head
