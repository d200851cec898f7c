"""Archive pages: export the organization's live data into one file, and download it.

A job writes the file as `plaudit archive` does into a temporary file, and then stores it for some
hours in the blob store, from which every process can serve it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.api.http.job_runner import JobRun, Tracker
from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery
from plaudit.api.http.streams import Stream, content_disposition, parse_range
from plaudit.core.transfer import export, jobs
from plaudit.errors import Misconfigured, NotFound
from plaudit.formats import files
from plaudit.model.core import PersonRole
from plaudit.store.accounts import organizations
from plaudit.store.engine import disk_space
from plaudit.store.engine.engine import Database
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

ARCHIVE = "/archive"
PIECE_BYTES = 1024 * 1024
LINES_PER_REPORT = 200


class Compression(StrEnum):
    """Compression of the archive file."""

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
    """Form of a new archive."""

    compression: Compression = Compression.zstd


async def show_archive(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /archive: form and the latest archives."""
    async with request.db.read() as tx:
        jobs_listed = await job_pages.list_latest_jobs(request, tx, JobKind.archive)
    return {
        "jobs": jobs_listed,
        "running": next((job for job in jobs_listed if job.state is JobState.running), None),
        "kept_hours": jobs.FILE_KEPT_MS // 3_600_000,
    }


async def prepare_archive(request: PageRequest[NoQuery], form: ArchiveForm) -> Redirect:
    """POST /archive: start an archive job; raises Conflict while one runs."""
    options = {"compression": form.compression}
    run = await job_pages.start_job(request, JobKind.archive, "prepare_archive", options, "writing")
    request.services.jobs.start(run, _prepare(request, run, form.compression))
    return Redirect(to=ARCHIVE)


async def ask_archive(request: PageRequest[NoQuery]) -> JobView:
    """GET /archive/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.archive)


async def cancel_archive(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST /archive/{job_id}/cancel: cancel an archive; nothing of its file is kept."""
    await job_pages.cancel_job(request, JobKind.archive, "cancel_archive")
    return Redirect(to=ARCHIVE)


async def download_archive(request: PageRequest[NoQuery]) -> Response | Stream:
    """GET /archive/{job_id}/file: the file, or a range of it (RFC 9110, section 14)."""
    async with request.db.read() as tx:
        job = await jobs.get_job(
            tx, request.user.environment_id, JobKind.archive, request.path["job_id"]
        )
        name = await organizations.get_organization_name(tx, request.user.organization_id)
    if not jobs.has_file(job) or job.file_size is None:
        raise NotFound("the file of this archive is not kept any more; prepare another one")
    size, compression = job.file_size, Compression(jobs.job_request(job)["compression"])
    etag = f'"{job.job_id}"'.encode()
    file_name = f"{name} {job_pages.job_view(job, '').started_at[:10]}{SUFFIXES[compression]}"
    headers = [
        (b"content-disposition", content_disposition("attachment", file_name)),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag),
        (b"vary", b"Cookie"),
    ]
    byte_range = parse_range(request.scope, size, etag)
    start, end = byte_range or (0, size)
    if byte_range is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    pieces = await request.services.shared.objects.open(jobs.file_key(job), start, end)
    status = 200 if byte_range is None else 206
    return Stream(pieces, end - start, TYPES[compression], headers, status)


async def _prepare(request: PageRequest[Any], run: JobRun, compression: Compression) -> int:
    tracker, environment_id, objects = (
        run.tracker,
        request.user.environment_id,
        request.services.shared.objects,
    )

    path = run.scratch_path(SUFFIXES[compression])

    async def work(db: Database) -> None:
        tracker.report(total=await export.count_tasks(db, environment_id))
        written = 0
        with files.writing(path) as write:
            async for line in export.archive_lines(db, environment_id, objects):
                write(line + b"\n")
                written += 1
                if written % LINES_PER_REPORT == 0:
                    tracker.report(done=written)
        tracker.report(done=written, phase="keeping")

    try:
        await run.run_in_thread(work)
        size = path.stat().st_size
        await objects.put(jobs.file_key(run.job), _pieces(path, tracker))
        tracker.check()
    except (Misconfigured, OSError) as exc:  # their messages name paths of the server
        raise disk_space.unwritable(exc, "the archive cannot be written now") from exc
    finally:
        path.unlink(missing_ok=True)
    await jobs.delete_earlier_files(request.db, objects, run.job)
    return size


async def _pieces(path: Path, tracker: Tracker) -> AsyncIterator[bytes]:
    """Content of a file; raises Unavailable once the job was told to stop."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            tracker.check()
            yield piece


PAGES = (
    Page(
        page_id="show_archive",
        path=ARCHIVE,
        role=PersonRole.manager,
        handler=show_archive,
        template="transfer/archive.html",
        nav=N_("Archive"),
        nav_order=51,
        nav_section=N_("Data"),
    ),
    Page(
        page_id="prepare_archive",
        method="POST",
        path=ARCHIVE,
        role=PersonRole.manager,
        handler=prepare_archive,
        form=ArchiveForm,
        opens_transactions=True,
        form_page="show_archive",
    ),
    Page(
        page_id="ask_archive",
        path=f"{ARCHIVE}/{{job_id}}/progress",
        role=PersonRole.manager,
        handler=ask_archive,
    ),
    Page(
        page_id="cancel_archive",
        method="POST",
        path=f"{ARCHIVE}/{{job_id}}/cancel",
        role=PersonRole.manager,
        handler=cancel_archive,
        form=NoFields,
        opens_transactions=True,
    ),
    Page(
        page_id="download_archive",
        path=f"{ARCHIVE}/{{job_id}}/file",
        role=PersonRole.manager,
        handler=download_archive,
        is_long=True,
    ),
)
