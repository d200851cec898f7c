"""Pages between an upload and its import: columns with samples, their roles, a preview, the start.

A file is kept as an upload job's blob while somebody decides how it is read, and the import that
they start copies it from there.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.job_runner import JobRun
from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import content_disposition
from plaudit.api.transfer.import_job import (
    ImportChoices,
    check_choices,
    import_file,
    recorded_choices,
)
from plaudit.api.transfer.upload_job import (
    copy_upload,
    decode_rows,
    encoded_first_rows,
    keep_upload,
    uploaded_file,
)
from plaudit.api.transfer.uploads import save_upload
from plaudit.core.common import audit, names
from plaudit.core.tasks import projects
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import printable
from plaudit.errors import BadRequest, InvalidContent, InvalidParameter, NotFound, Problem
from plaudit.formats.table import samples
from plaudit.formats.table.roles import ROLES, VERDICTS
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects as projects_store
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.render.text_batch import TextBatch
from plaudit.workspace.transfer import import_plan, job_pages
from plaudit.workspace.transfer.import_pages import FORMATS_SHOWN, IMPORT, PROJECTS_MAX, StartedJob
from plaudit.workspace.transfer.import_plan import TABLE, ImportPlan
from plaudit.workspace.transfer.job_pages import JobView

UPLOAD = f"{IMPORT}/upload"
FILE = f"{IMPORT}/file/{{job_id}}"


class UploadQuery(Struct, frozen=True):
    """Query of POST /import/upload: name of the body, and the project that is asked for."""

    name: Annotated[str | None, Text(description="What the file is called.", required=True)] = None
    project: Annotated[
        str | None, Text(description="Name of the project that the tasks go into.")
    ] = None


async def receive_upload(request: PageRequest[UploadQuery]) -> StartedJob:
    """POST /import/upload: receive a file and keep it; raises BadRequest, TooLarge, Conflict."""
    name, project = printable(request.query.name or ""), request.query.project
    if project is not None:
        try:
            names.check_name(project, "/project")
        except InvalidContent as exc:
            raise InvalidParameter(exc.message, param="project") from exc
    options = {"file": name, "project": project}
    run = await job_pages.start_job(request, JobKind.upload, "receive_upload", options, "uploading")
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
    services = request.services.shared
    services.jobs.start(run, keep_upload(services, run, path, name))
    with suppress(Problem):  # the next heartbeat stores it too
        await run.save()
    return StartedJob(job_id=run.job.job_id)


async def ask_upload(request: PageRequest[NoQuery]) -> JobView:
    """GET /import/file/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.upload)


async def cancel_upload(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST /import/file/{job_id}/cancel: cancel an upload; nothing of it is kept."""
    await job_pages.cancel_job(request, JobKind.upload, "cancel_upload")
    return Redirect(to=IMPORT)


async def show_upload(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /import/file/{job_id}: how the file will be read; raises NotFound."""
    async with request.db.read() as tx:
        job = await _get_upload(request, tx)
        view = await job_pages.get_job(request, tx, JobKind.upload)
        project = await _find_project(tx, request, view.about.get("project"))
        project_rows = await projects_store.list_newest_projects(
            tx, request.user.environment_id, PROJECTS_MAX
        )
    context: dict[str, Any] = {"job": view, "is_kept": jobs.has_file(job)}
    if not context["is_kept"]:
        return context
    uploaded, encoded = uploaded_file(job), await encoded_first_rows(request.services.shared, job)
    saved = None if project is None else project_detail(project).import_mapping

    def draft() -> dict[str, Any]:
        return import_plan.draft_columns(decode_rows(encoded, uploaded.name), saved)

    drafted = await request.run_in_thread(draft)
    return {
        **context,
        **drafted,
        "uploaded": uploaded,
        "formats": FORMATS_SHOWN,
        "format": uploaded.format or TABLE,
        "roles": ROLES,
        "verdicts": VERDICTS,
        "project": view.about.get("project") or "",
        "projects": [row.name for row in reversed(project_rows)],
    }


async def preview_import(request: PageRequest[NoQuery], submitted: ImportPlan) -> TemplateResponse:
    """POST /import/file/{job_id}/preview: the first tasks as annotators will see them."""
    async with request.db.read() as tx:
        job = await _get_upload(request, tx)
        project = await _find_project(tx, request, submitted.project.strip() or None)
    uploaded, encoded = uploaded_file(job), await encoded_first_rows(request.services.shared, job)

    def layout(texts: TextBatch) -> dict[str, Any]:
        rows = decode_rows(encoded, uploaded.name)
        choices = import_plan.choices_of(job, submitted)
        return import_plan.lay_out_preview(rows, choices, project, texts, submitted.shown)

    try:
        context = await request.build(layout)
    except (InvalidContent, InvalidParameter) as problem:
        context = {"problem": problem.message}
    return TemplateResponse(template="transfer/import_preview.html", context=context)


async def start_import(request: PageRequest[NoQuery], submitted: ImportPlan) -> StartedJob:
    """POST /import/file/{job_id}/start: import the file; raises BadRequest, Conflict, NotFound."""
    async with request.db.read() as tx:
        upload = await _get_upload(request, tx)
    uploaded_file(upload)

    def checked() -> ImportChoices:
        choices = import_plan.choices_of(upload, submitted)
        check_choices(choices)
        return choices

    try:
        choices = await request.run_in_thread(checked)
    except (InvalidContent, InvalidParameter) as problem:
        raise BadRequest(problem.message) from problem
    options = {**recorded_choices(choices), "upload": upload.job_id}
    run = await job_pages.start_job(request, JobKind.import_, "start_import", options, "copying")
    services, environment_id = request.services.shared, request.user.environment_id

    async def work() -> None:
        path = run.scratch_path(".upload")
        await copy_upload(services, upload, path)
        await import_file(services, run, environment_id, path, choices)
        if submitted.saves_mapping and choices.mapping is not None:
            await _save_mapping(request, run, choices)

    services.jobs.start(run, work())
    return StartedJob(job_id=run.job.job_id)


async def _save_mapping(request: PageRequest[NoQuery], run: JobRun, choices: ImportChoices) -> None:
    """Keep the mapping of an import for its project; a remark says if that cannot be."""
    environment_id, changes = request.user.environment_id, {"import_mapping": choices.mapping}

    async def work(tx: Transaction) -> None:
        found = await _find_project(tx, request, choices.project)
        if found is not None:
            before, project = await projects.change_project(
                tx, environment_id, found.project_id, changes
            )
            await audit.record(
                tx,
                environment_id,
                request.actor,
                "save_import_mapping",
                "project",
                project.project_id,
                project_key=project.project_key,
                detail=projects.audit_detail(before, project, changes),
            )

    try:
        await request.db.write(work)
    except Problem as problem:
        run.tracker.remark(f"the mapping was not saved: {problem.message}")


async def _get_upload(request: PageRequest[Any], tx: Transaction) -> Job:
    return await jobs.get_job(
        tx, request.user.environment_id, JobKind.upload, request.path["job_id"]
    )


async def _find_project(
    tx: Transaction, request: PageRequest[Any], name: str | None
) -> ProjectRow | None:
    if name is None:
        return None
    return await projects_store.find_project_by_name(
        tx, request.user.environment_id, names.normalize_name(name)
    )


async def get_sample(request: PageRequest[NoQuery]) -> Response:
    """GET /import/samples/{name}: a small file to begin with; raises NotFound."""
    name = request.path["name"]
    if name not in samples.FILES:
        raise NotFound
    media_type, content = samples.FILES[name]
    return Response(
        content.encode(),
        content_type=f"{media_type}; charset=utf-8",
        headers=[
            (b"content-disposition", content_disposition("attachment", name)),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
        ],
    )


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(page_id=page_id, path=path, role=PersonRole.manager, handler=handler, **fields)


PAGES = (
    _page(
        "receive_upload",
        UPLOAD,
        receive_upload,
        method="POST",
        query=UploadQuery,
        streams="application/octet-stream",
    ),
    _page("show_upload", FILE, show_upload, template="transfer/import_file.html", is_large=True),
    _page("ask_upload", f"{FILE}/progress", ask_upload),
    _page(
        "cancel_upload",
        f"{FILE}/cancel",
        cancel_upload,
        method="POST",
        form=NoFields,
        opens_transactions=True,
    ),
    _page(
        "preview_import",
        f"{FILE}/preview",
        preview_import,
        method="POST",
        body=ImportPlan,
        body_limit=TEXT_BODY,
        opens_transactions=True,
        is_large=True,
    ),
    _page(
        "start_import",
        f"{FILE}/start",
        start_import,
        method="POST",
        body=ImportPlan,
        body_limit=TEXT_BODY,
        opens_transactions=True,
    ),
    _page("get_import_sample", f"{IMPORT}/samples/{{name}}", get_sample),
)
