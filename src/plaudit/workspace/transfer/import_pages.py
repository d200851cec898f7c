"""Import pages: upload a file into the organization's live data, and follow its progress.

The upload is streamed to a temporary file, which a job imports as `plaudit import` does. The
job's row holds its progress and refused rows, so every process can show them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import Enum, NoQuery, Parameter, Text
from plaudit.api.http.streams import content_disposition
from plaudit.api.transfer.import_job import ImportChoices, check_choices, import_file
from plaudit.api.transfer.uploads import save_upload
from plaudit.core.transfer import jobs
from plaudit.core.transfer.import_summary import OUTCOMES
from plaudit.core.transfer.importer import (
    Reject,
    printable,
)
from plaudit.errors import InvalidParameter, Problem
from plaudit.formats import files
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.registry import FORMATS
from plaudit.model.core import PersonRole
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.tasks import projects
from plaudit.store.transfer import jobs as jobs_store
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

IMPORT = "/import"
REJECTS_SHOWN_MAX = 100
PROJECTS_MAX = 1000
ENTRIES_PER_REPORT = 100
"""Entries between two progress reports, at which the job also learns to stop."""

WRITE_BYTES = 1024 * 1024
"""Bytes of an upload that are buffered before each write to disk."""


FORMATS_SHOWN = tuple(
    sorted(FORMATS.values(), key=lambda listed: listed.project_refusal is not None)
)
"""Import formats in the order of the page: those for which a project may be chosen come first."""


class FormatParameter(Parameter, frozen=True, kw_only=True):
    """Name of an import format, read into its declaration."""

    def read_one(self, name: str, text: str) -> ImportFormat:
        """Look the format up; raises InvalidParameter that lists the names there are."""
        if text not in FORMATS:
            listed = ", ".join(shown.name for shown in FORMATS_SHOWN)
            raise InvalidParameter(f"{name} must be one of {listed}", param=name)
        return FORMATS[text]

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the parameter."""
        return {"type": "string", "enum": [shown.name for shown in FORMATS_SHOWN]}


class Replacing(StrEnum):
    """Choice whether stored rows are overwritten by different ones of the file."""

    no = "no"
    yes = "yes"


class ImportQuery(Struct, frozen=True):
    """Query of POST /import/file: name and format of the body, and import options."""

    name: Annotated[str | None, Text(description="What the file is called.", required=True)] = None
    format: Annotated[
        ImportFormat | None, FormatParameter(description="What its lines are.", required=True)
    ] = None
    project: Annotated[
        str | None, Text(description="Put every task into the project of this name.")
    ] = None
    replace: Annotated[
        Replacing, Enum(description="Overwrite what is stored otherwise.", words=Replacing)
    ] = Replacing.no


class StartedJob(Struct):
    """Id of the started job, for the page's script."""

    job_id: str


async def show_import(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /import: form and the latest imports."""
    async with request.db.read() as tx:
        jobs_listed = await job_pages.list_latest_jobs(request, tx, JobKind.import_)
        project_rows = await projects.list_newest_projects(
            tx, request.user.environment_id, PROJECTS_MAX
        )
    suffixes = (suffix for shown in FORMATS_SHOWN for suffix in shown.suffixes)
    return {
        "jobs": jobs_listed,
        "running": next((job for job in jobs_listed if job.state is JobState.running), None),
        "projects": [project.name for project in reversed(project_rows)],
        "formats": FORMATS_SHOWN,
        "accept": ",".join(dict.fromkeys((*suffixes, *files.COMPRESSION_SUFFIXES))),
        "most_bytes": STREAM_BYTES_MAX,
    }


async def receive_file(request: PageRequest[ImportQuery]) -> StartedJob:
    """POST /import/file: receive the file and start its import.

    Raises InvalidParameter, BadRequest, TooLarge, and Conflict while another import runs.
    """
    query = request.query
    assert query.format is not None  # the parameter is required
    choices = ImportChoices(
        file=printable(query.name or ""),
        format=query.format.name,
        project=query.project,
        replace=query.replace is Replacing.yes,
    )
    check_choices(choices)
    options = msgspec.to_builtins(choices)
    run = await job_pages.start_job(request, JobKind.import_, "receive_file", options, "uploading")
    path, reason = None, "the upload did not come to its end"
    try:
        path = await save_upload(request.scope, request.receive, run)
    except Problem as problem:
        reason = problem.message
        raise
    finally:
        if path is None:  # also if the request was cancelled
            state = JobState.broken if run.tracker.is_stopped else JobState.failed
            await asyncio.shield(request.services.jobs.close(run, state, reason))
    run.tracker.update(phase="storing", done=0, counts=dict.fromkeys(OUTCOMES, 0))
    services, environment_id = request.services.shared, request.user.environment_id
    services.jobs.start(run, import_file(services, run, environment_id, path, choices))
    with suppress(Problem):  # the next heartbeat stores it too
        await run.save()
    return StartedJob(job_id=run.job.job_id)


async def ask_import(request: PageRequest[NoQuery]) -> JobView:
    """GET /import/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.import_)


async def cancel_import(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST /import/{job_id}/cancel: cancel an import; what it has stored stays."""
    job = await job_pages.cancel_job(request, JobKind.import_, "cancel_import")
    return Redirect(to=f"{IMPORT}/{job.job_id}")


async def show_one_import(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /import/{job_id}: an import with its first refused rows; raises NotFound."""
    async with request.db.read() as tx:
        job = await job_pages.get_job(request, tx, JobKind.import_)
        rejects = await jobs_store.list_rejects(
            tx, request.user.environment_id, job.job_id, limit=REJECTS_SHOWN_MAX
        )
    return {"job": job, "rejects": rejects, "kept_max": jobs.REJECTS_KEPT_MAX}


async def get_rejects(request: PageRequest[NoQuery]) -> Response:
    """GET /import/{job_id}/rejected.txt: refused rows as `plaudit import` prints them."""
    async with request.db.read() as tx:
        job = await job_pages.get_job(request, tx, JobKind.import_)
        rejects = await jobs_store.list_rejects(
            tx, request.user.environment_id, job.job_id, limit=jobs.REJECTS_KEPT_MAX
        )
    file_name = job.about["file"]
    lines = [str(Reject(file_name, row.line, row.pointer, row.message)) for row in rejects]
    return Response(
        "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"),
        content_type="text/plain; charset=utf-8",
        headers=[
            (b"content-disposition", content_disposition("attachment", "rejected.txt")),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
            (b"vary", b"Cookie"),
        ],
    )


PAGES = (
    Page(
        page_id="show_import",
        path=IMPORT,
        role=PersonRole.manager,
        handler=show_import,
        template="transfer/import.html",
        nav="Import",
        nav_order=50,
    ),
    Page(
        page_id="receive_file",
        method="POST",
        path=f"{IMPORT}/file",
        role=PersonRole.manager,
        handler=receive_file,
        query=ImportQuery,
        streams="application/octet-stream",
    ),
    Page(
        page_id="show_one_import",
        path=f"{IMPORT}/{{job_id}}",
        role=PersonRole.manager,
        handler=show_one_import,
        template="transfer/import_one.html",
    ),
    Page(
        page_id="ask_import",
        path=f"{IMPORT}/{{job_id}}/progress",
        role=PersonRole.manager,
        handler=ask_import,
    ),
    Page(
        page_id="cancel_import",
        method="POST",
        path=f"{IMPORT}/{{job_id}}/cancel",
        role=PersonRole.manager,
        handler=cancel_import,
        form=NoFields,
        opens_transactions=True,
    ),
    Page(
        page_id="get_rejects",
        path=f"{IMPORT}/{{job_id}}/rejected.txt",
        role=PersonRole.manager,
        handler=get_rejects,
    ),
)
