"""Archive: everything of the organization's live data as one file, prepared and then downloaded.

It is written by a job, like `plaudit archive` writes it, into a temporary file of the process that
prepares it, and then kept among the objects for some hours, where every process finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery
from plaudit.api.http.streams import Stream, content_disposition, wanted_range
from plaudit.core.transfer import export, jobs
from plaudit.errors import Misconfigured, NotFound, Unavailable
from plaudit.formats import files
from plaudit.model.core import PersonRole
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Database
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.workspace.http.job_runner import JobRun
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import ShownJob

ARCHIVE = "/archive"
PIECE_BYTES = 1024 * 1024
TOLD_LINES = 200


class Compression(StrEnum):
    """How the file is compressed."""

    zstd = "zstd"
    gzip = "gzip"
    none = "none"


SUFFIXES = {
    Compression.zstd: ".jsonl.zst",
    Compression.gzip: ".jsonl.gz",
    Compression.none: ".jsonl",
}
TYPES = {
    Compression.zstd: "application/zstd",
    Compression.gzip: "application/gzip",
    Compression.none: "application/x-ndjson",
}


class ArchiveForm(Struct):
    """How to write the archive."""

    compression: Compression = Compression.zstd


async def show_archive(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /archive: the form, and the latest archives."""
    async with visit.db.read() as tx:
        found = await job_pages.latest(visit, tx, JobKind.archive)
    return {
        "jobs": found,
        "running": next((one for one in found if one.state is JobState.running), None),
        "kept_hours": jobs.FILE_KEPT_MS // 3_600_000,
    }


async def prepare_archive(visit: PageRequest[NoQuery], form: ArchiveForm) -> Redirect:
    """POST /archive: begin to write one."""
    asked = {"compression": form.compression}
    run = await job_pages.begin(visit, JobKind.archive, "prepare_archive", asked, "writing")
    visit.desk.jobs.go(run, _prepare(visit, run, form.compression))
    return Redirect(to=ARCHIVE)


async def ask_archive(visit: PageRequest[NoQuery]) -> ShownJob:
    """GET /archive/{job_id}/progress: how far it is."""
    async with visit.db.read() as tx:
        return await job_pages.one(visit, tx, JobKind.archive)


async def download_archive(visit: PageRequest[NoQuery]) -> Response | Stream:
    """GET /archive/{job_id}/file: the file, or a range of it (RFC 9110, 14)."""
    async with visit.db.read() as tx:
        job = await jobs.get_job(
            tx, visit.user.environment_id, JobKind.archive, visit.path["job_id"]
        )
        name = await organizations.get_organization_name(tx, visit.user.organization_id)
    if not jobs.has_file(job) or job.file_size is None:
        raise NotFound("the file of this archive is not kept any more; prepare another one")
    size, compression = job.file_size, Compression(jobs.job_request(job)["compression"])
    etag = f'"{job.job_id}"'.encode()
    called = f"{name} {job_pages.shown(job, '').started_at[:10]}{SUFFIXES[compression]}"
    headers = [
        (b"content-disposition", content_disposition("attachment", called)),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag),
        (b"vary", b"Cookie"),
    ]
    wanted = wanted_range(visit.scope, size, etag)
    start, end = wanted or (0, size)
    if wanted is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    pieces = await visit.desk.services.objects.open(jobs.file_key(job), start, end)
    status = 200 if wanted is None else 206
    return Stream(pieces, end - start, TYPES[compression], headers, status)


async def _prepare(visit: PageRequest[Any], run: JobRun, compression: Compression) -> int:
    tracker, environment_id, objects = (
        run.tracker,
        visit.user.environment_id,
        visit.desk.services.objects,
    )

    path = run.scratch(SUFFIXES[compression])

    async def work(db: Database) -> None:
        tracker.tell(total=await export.count_tasks(db, environment_id))
        written = 0
        with files.writing(path) as write:
            async for line in export.archive_lines(db, environment_id, objects):
                write(line + b"\n")
                written += 1
                if written % TOLD_LINES == 0:
                    tracker.tell(done=written)
        tracker.tell(done=written, phase="keeping")

    try:
        await run.beside(work)
        size = path.stat().st_size
        await objects.put(jobs.file_key(run.job), _pieces(path))
    except (Misconfigured, OSError) as exc:  # they name a place on the server
        raise Unavailable("the archive cannot be written now", detail=str(exc)) from exc
    finally:
        path.unlink(missing_ok=True)
    await jobs.delete_earlier_files(visit.db, objects, run.job)
    return size


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


PAGES = (
    Page(
        page_id="show_archive",
        path=ARCHIVE,
        role=PersonRole.manager,
        handler=show_archive,
        template="transfer/archive.html",
        nav="Archive",
        nav_place=51,
    ),
    Page(
        page_id="prepare_archive",
        method="POST",
        path=ARCHIVE,
        role=PersonRole.manager,
        handler=prepare_archive,
        form=ArchiveForm,
        opens_own=True,
        again="show_archive",
    ),
    Page(
        page_id="ask_archive",
        path=f"{ARCHIVE}/{{job_id}}/progress",
        role=PersonRole.manager,
        handler=ask_archive,
    ),
    Page(
        page_id="download_archive",
        path=f"{ARCHIVE}/{{job_id}}/file",
        role=PersonRole.manager,
        handler=download_archive,
        is_long=True,
    ),
)
