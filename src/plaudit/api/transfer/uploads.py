"""Receive a file: the body of a request is written to a temporary file of a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.types import Receive, Scope

from plaudit import private_files
from plaudit.api.http.bodies import read_pieces
from plaudit.api.http.job_runner import JobRun
from plaudit.errors import BadRequest
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.engine import disk_space

WRITE_BYTES = 1024 * 1024
"""Bytes of an upload that are buffered before each write to disk."""


async def save_upload(scope: Scope, receive: Receive, run: JobRun) -> Path:
    """Write the body to a temporary file and return its path; deletes it on any failure.

    Raises BadRequest for an empty body, TooLarge, and Unavailable where it cannot be kept.
    """
    path, done, is_complete = run.scratch_path(".upload"), 0, False
    headers = dict(scope["headers"])
    run.tracker.report(total=int(headers.get(b"content-length") or 0))
    try:
        with private_files.open_new(path) as file:
            async for piece in _buffered(read_pieces(receive, STREAM_BYTES_MAX)):
                await asyncio.to_thread(file.write, piece)
                done += len(piece)
                run.tracker.report(done=done)
        if done == 0:
            raise BadRequest("the file is empty")
        run.tracker.update(total=done)
        is_complete = True
    except OSError as exc:
        raise disk_space.unwritable(exc, "the file cannot be kept now") from exc
    finally:
        if not is_complete:
            path.unlink(missing_ok=True)
    return path


async def _buffered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for piece in pieces:
        buffer += piece
        if len(buffer) >= WRITE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
