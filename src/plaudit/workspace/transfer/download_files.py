"""Files that were written for downloads: their progress, the files, and what goes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import Stream, content_disposition, parse_range
from plaudit.api.transfer.export_choices import ExportChoices, media_type, read_parts
from plaudit.core.transfer import jobs
from plaudit.errors import NotFound
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.splits import path_of_split
from plaudit.model.core import PersonRole
from plaudit.store.transfer.jobs import Job, JobKind
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.links import fill_path
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

JOB = "/exports/{job_id}"
PROJECT = "/projects/{project_id}/download"
DELIVERY = "/deliveries/{delivery_id}/download"
"""Pages to which a cancelled job leads back."""

WITH_SIDE_FILE = frozenset(
    name for name, one in EXPORT_FORMATS.items() if one.side_file is not None
)
"""Formats whose files another file tells a tool about."""


class PartQuery(Struct, frozen=True):
    """Query of GET /exports/{job_id}/file."""

    part: Annotated[str | None, Text(description="The part, of an export in parts.")] = None


async def ask_export(request: PageRequest[NoQuery]) -> JobView:
    """GET /exports/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.export)


async def cancel_export(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST /exports/{job_id}/cancel: cancel a job; nothing of its file is kept."""
    job = await job_pages.cancel_job(request, JobKind.export, "cancel_export")
    if job.about.get("delivery_id"):
        return Redirect(to=fill_path(DELIVERY, delivery_id=job.about["delivery_id"]))
    return Redirect(to=fill_path(PROJECT, project_id=job.about["project_id"]))


async def get_export_file(request: PageRequest[PartQuery]) -> Response | Stream:
    """GET /exports/{job_id}/file: the file, or a range of it (RFC 9110, section 14).

    Of an export in parts, the one that `part` names; raises NotFound without such a part.
    """
    job, choices = await _get_kept(request)
    detail, part = jobs.job_progress(job).detail, request.query.part
    names = part_names(jobs.job_request(job))
    if part not in names and (names or part is not None):
        raise NotFound("this export has no such part")
    before, size, name, tag = 0, detail["file_bytes"], choices.file_name, job.job_id
    if part is not None:
        number, sizes = names.index(part), detail["part_bytes"]
        before, size = sum(sizes[:number]), sizes[number]
        name, tag = path_of_split(Path(name), part).name, f"{tag}-{part}"
    etag = f'"{tag}"'.encode()
    headers = [*_headers(job, name), (b"accept-ranges", b"bytes"), (b"etag", etag)]
    byte_range = parse_range(request.scope, size, etag)
    start, end = byte_range or (0, size)
    if byte_range is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    pieces = await request.services.shared.objects.open(
        jobs.file_key(job), before + start, before + end
    )
    status = 200 if byte_range is None else 206
    return Stream(pieces, end - start, media_type(name), headers, status)


def part_names(asked: Mapping[str, Any]) -> list[str]:
    """Names of the parts of an export by its choices, none of one in one file."""
    return read_parts(asked["split"]) if asked.get("split") else []


async def get_export_manifest(request: PageRequest[NoQuery]) -> Response | Stream:
    """GET /exports/{job_id}/manifest.json: options, counts, and where each row comes from."""
    job, choices = await _get_kept(request)
    start, end = _places_beside(job)[:2]
    return await _beside(request, job, start, end, f"{choices.file_name}.manifest.json")


async def get_export_side_file(request: PageRequest[NoQuery]) -> Response | Stream:
    """GET /exports/{job_id}/side-file: what tells a tool about the file, for formats with such."""
    job, _ = await _get_kept(request)
    name = jobs.job_progress(job).detail.get("side_file")
    if name is None:
        raise NotFound("this export has no file beside it")
    return await _beside(request, job, *_places_beside(job)[1:], name)


def _places_beside(job: Job) -> tuple[int, int, int]:
    """Bytes of a job's blob at which the manifest begins and ends, and the blob's end."""
    detail, end = jobs.job_progress(job).detail, job.file_size or 0
    start = detail["file_bytes"]
    return start, start + detail.get("manifest_bytes", end - start), end


async def _beside(request: PageRequest[Any], job: Job, start: int, end: int, name: str) -> Stream:
    pieces = await request.services.shared.objects.open(jobs.file_key(job), start, end)
    return Stream(pieces, end - start, media_type(name), _headers(job, name))


async def _get_kept(request: PageRequest[Any]) -> tuple[Job, ExportChoices]:
    """Job of the path, whose file is kept, and its choices; raises NotFound."""
    async with request.db.read() as tx:
        job = await jobs.get_job(
            tx, request.user.environment_id, JobKind.export, request.path["job_id"]
        )
    if not jobs.has_file(job):
        raise NotFound("the file of this export is not kept any more; write it again")
    return job, msgspec.convert(jobs.job_request(job), ExportChoices)


def _headers(job: Job, file_name: str) -> list[tuple[bytes, bytes]]:
    """Headers of a file of a job; what it is of begins the name, unless another file names it."""
    asked = jobs.job_request(job)
    name = file_name if asked["format"] in WITH_SIDE_FILE else f"{asked['name']} {file_name}"
    return [
        (b"content-disposition", content_disposition("attachment", name)),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"vary", b"Cookie"),
    ]


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(page_id=page_id, path=path, role=PersonRole.manager, handler=handler, **fields)


PAGES = (
    _page("ask_export", f"{JOB}/progress", ask_export),
    _page(
        "cancel_export",
        f"{JOB}/cancel",
        cancel_export,
        method="POST",
        form=NoFields,
        opens_transactions=True,
    ),
    _page("get_export_file", f"{JOB}/file", get_export_file, query=PartQuery, is_long=True),
    _page("get_export_side_file", f"{JOB}/side-file", get_export_side_file, is_long=True),
    _page("get_export_manifest", f"{JOB}/manifest.json", get_export_manifest, is_long=True),
)
