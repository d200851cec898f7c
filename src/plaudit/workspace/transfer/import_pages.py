"""Import pages: upload a file into the organization's live data, and follow its progress.

The upload is streamed to a temporary file, which a job imports as `plaudit import` does. The
job's row holds its progress and refused rows, so every process can show them.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import content_disposition
from plaudit.core.common import names
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import (
    Reject,
)
from plaudit.formats import files
from plaudit.formats.registry import FORMATS
from plaudit.model.core import PersonRole
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.tasks import projects
from plaudit.store.transfer import jobs as jobs_store
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

IMPORT = "/import"
REJECTS_SHOWN_MAX = 100
PROJECTS_MAX = 1000
FORMATS_SHOWN = tuple(
    sorted(FORMATS.values(), key=lambda listed: listed.project_refusal is not None)
)
"""Import formats in the order of the page: those for which a project may be chosen come first."""


class ImportQuery(Struct, frozen=True):
    """Query of GET /import: a project that the page is opened from."""

    project: Annotated[
        str | None, Text(description="Name of the project that the tasks go into.")
    ] = None


class StartedJob(Struct):
    """Id of the started job, for the page's script."""

    job_id: str


async def show_import(request: PageRequest[ImportQuery]) -> dict[str, Any]:
    """GET /import: form, the latest imports, and the files that are kept for one."""
    async with request.db.read() as tx:
        jobs_listed = await job_pages.list_latest_jobs(request, tx, JobKind.import_)
        uploads = await job_pages.list_latest_jobs(request, tx, JobKind.upload)
        project_rows = await projects.list_newest_projects(
            tx, request.user.environment_id, PROJECTS_MAX
        )
    suffixes = (suffix for shown in FORMATS_SHOWN for suffix in shown.suffixes)
    return {
        "jobs": jobs_listed,
        "uploads": [job for job in uploads if job.has_file],
        "running": next((job for job in jobs_listed if job.state is JobState.running), None),
        "projects": [project.name for project in reversed(project_rows)],
        "chosen_project": request.query.project or "",
        "accept": ",".join(dict.fromkeys((*suffixes, *files.COMPRESSION_SUFFIXES))),
        "most_bytes": STREAM_BYTES_MAX,
    }


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
        project = None
        if job.about.get("project"):
            name_key = names.normalize_name(job.about["project"])
            project = await projects.find_project_by_name(tx, request.user.environment_id, name_key)
    return {
        "job": job,
        "rejects": rejects,
        "kept_max": jobs.REJECTS_KEPT_MAX,
        "project": project,
    }


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
        query=ImportQuery,
        template="transfer/import.html",
        nav=N_("Import"),
        nav_order=50,
        nav_section=N_("Data"),
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
