"""Pages between an upload and its import: columns with samples, their roles, a preview, the start.

A file is kept as an upload job's blob while somebody decides how it is read, and the import that
they start copies it from there.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import content_disposition
from plaudit.api.transfer.import_job import ImportChoices, check_choices, import_file
from plaudit.api.transfer.upload_job import copy_upload, first_rows, keep_upload, uploaded_file
from plaudit.api.transfer.uploads import save_upload
from plaudit.core.common import names
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks import forms, projects
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import printable
from plaudit.errors import BadRequest, InvalidContent, InvalidParameter, NotFound, Problem
from plaudit.formats.common.dry_run import TASKS_SHOWN, try_import
from plaudit.formats.common.file_import import FileImport, TaskUse
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.formats.table import drafts, roles, samples
from plaudit.formats.table.roles import ROLES, VERDICTS
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects as projects_store
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from plaudit.wire.v2 import parse
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.render.text_batch import TextBatch
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.import_pages import FORMATS_SHOWN, IMPORT, PROJECTS_MAX, StartedJob
from plaudit.workspace.transfer.job_pages import JobView

UPLOAD = f"{IMPORT}/upload"
FILE = f"{IMPORT}/file/{{job_id}}"
TABLE = "table"


class UploadQuery(Struct, frozen=True):
    """Query of POST /import/upload: name of the body, and the project that is asked for."""

    name: Annotated[str | None, Text(description="What the file is called.", required=True)] = None
    project: Annotated[
        str | None, Text(description="Name of the project that the tasks go into.")
    ] = None


class ImportPlan(Struct, kw_only=True):
    """Choices of the page: format, project, and for a table the roles of its columns.

    `mapping` is TOML, used instead of the roles if it is not blank. `values` are the meanings of
    the values of the verdict's column.
    """

    format: str
    project: str = ""
    pending: bool = False
    suggestions: bool = False
    replace: bool = False
    roles: dict[str, str] = {}
    values: dict[str, str] = {}
    mapping: str = ""
    config: str = ""
    saves_mapping: bool = False
    shown: int = 0
    """Number of the task that the preview shows, from 0."""


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
    uploaded, rows = uploaded_file(job), await first_rows(request.services.shared, job)
    saved = None if project is None else project_detail(project).import_mapping
    drafted = await request.run_in_thread(lambda: _draft(rows, saved))
    return {
        **context,
        **drafted,
        "uploaded": uploaded,
        "formats": FORMATS_SHOWN,
        "format": uploaded.format or TABLE,
        "roles": ROLES,
        "verdicts": VERDICTS,
        "project": view.about.get("project") or "",
        "has_saved": saved is not None,
        "projects": [row.name for row in reversed(project_rows)],
    }


def _draft(rows: Sequence[Row], saved: dict[str, Any] | None) -> dict[str, Any]:
    """Columns with their samples and roles; a mapping that has no roles is given as text."""
    mapping = drafts.draft_mapping(rows) if saved is None else saved
    columns = drafts.describe_columns(rows)
    column_roles = roles.roles_of_mapping(mapping)
    if not set(column_roles or ()) <= {column.name for column in columns}:
        column_roles = None  # a path leads into a column, or the column is not in this file
    preference = mapping.get("preference")
    return {
        "columns": columns,
        "column_roles": column_roles or {},
        "mapping_text": "" if column_roles is not None else drafts.mapping_to_toml(mapping),
        "meanings": preference.get("values", {}) if isinstance(preference, dict) else {},
    }


async def preview_import(request: PageRequest[NoQuery], submitted: ImportPlan) -> TemplateResponse:
    """POST /import/file/{job_id}/preview: the first tasks as annotators will see them."""
    async with request.db.read() as tx:
        job = await _get_upload(request, tx)
        project = await _find_project(tx, request, submitted.project.strip() or None)
    rows = await first_rows(request.services.shared, job)

    def layout(texts: TextBatch) -> dict[str, Any]:
        choices = _choices(job, submitted)
        return _first_task(rows, choices, project, texts, submitted.shown)

    try:
        context = await request.build(layout)
    except (InvalidContent, InvalidParameter) as problem:
        context = {"problem": problem.message}
    return TemplateResponse(template="transfer/import_preview.html", context=context)


def _first_task(
    rows: Sequence[Row],
    choices: ImportChoices,
    project: ProjectRow | None,
    texts: TextBatch,
    shown: int,
) -> dict[str, Any]:
    """Context of the preview: one of the first tasks by an annotator's eyes, and the counts."""
    rejects: list[str] = []
    with closing(
        FileImport(
            [],
            FORMATS[choices.format],
            ImportOptions(mapping=choices.mapping, config=choices.config),
            project_name=choices.project,
            use=TaskUse(is_pending=True),
            rows=rows,
        )
    ) as prepared:
        prepared.prepare()
        result = try_import(prepared, lambda reject: rejects.append(str(reject)))
    form = prepared.form
    if project is not None and project_detail(project).form is not None:
        form = forms.form_of(project_detail(project))
    form = form or forms.PRESETS["RLHF: Pref Ranking"]
    view, shown = None, max(0, min(shown, len(result.tasks) - 1))
    if result.tasks:
        task = parse.read_task(result.tasks[shown]).task
        content = task.content or task.threads or []
        view = annotation_view.build(form, content, own_order(content), texts=texts)
    return {
        "problem": None,
        "view": view,
        "shown": shown,
        "tasks": len(result.tasks),
        "rows": len(rows),
        "count": result.taken.get("task", 0),
        "rejected": result.rejected,
        "rejects": rejects[:TASKS_SHOWN],
        "notes": prepared.notes.list_sentences(),
    }


async def start_import(request: PageRequest[NoQuery], submitted: ImportPlan) -> StartedJob:
    """POST /import/file/{job_id}/start: import the file; raises BadRequest, Conflict, NotFound."""
    async with request.db.read() as tx:
        upload = await _get_upload(request, tx)
    uploaded_file(upload)
    try:
        choices = _choices(upload, submitted)
        check_choices(choices)
    except (InvalidContent, InvalidParameter) as problem:
        raise BadRequest(problem.message) from problem
    options = {**msgspec.to_builtins(choices), "upload": upload.job_id}
    run = await job_pages.start_job(request, JobKind.import_, "start_import", options, "copying")
    services, environment_id = request.services.shared, request.user.environment_id

    async def work() -> None:
        path = run.scratch_path(".upload")
        await copy_upload(services, upload, path)
        await import_file(services, run, environment_id, path, choices)
        if submitted.saves_mapping and choices.mapping is not None:
            await _save_mapping(request, choices)

    services.jobs.start(run, work())
    return StartedJob(job_id=run.job.job_id)


async def _save_mapping(request: PageRequest[NoQuery], choices: ImportChoices) -> None:
    environment_id = request.user.environment_id

    async def work(tx: Transaction) -> None:
        project = await _find_project(tx, request, choices.project)
        if project is not None:
            changes = {"import_mapping": choices.mapping}
            await projects.change_project(tx, environment_id, project.project_id, changes)

    await request.db.write(work)


def _choices(upload: Job, plan: ImportPlan) -> ImportChoices:
    """Choices of a plan; raises InvalidContent."""
    if plan.format not in FORMATS:
        raise InvalidContent(f"{plan.format!r} is no format", pointer="/format")
    mapping = None
    if plan.format == TABLE:
        mapping = roles.mapping_of_roles(plan.roles, plan.values)
        if plan.mapping.strip():
            try:
                mapping = tomllib.loads(plan.mapping)
            except tomllib.TOMLDecodeError as exc:
                raise InvalidContent(f"the mapping is not TOML: {exc}") from exc
    return ImportChoices(
        file=str(jobs.job_request(upload).get("file", "")),
        format=plan.format,
        project=plan.project.strip() or None,
        replace=plan.replace,
        pending=plan.pending,
        suggestions=plan.pending and plan.suggestions,
        mapping=mapping,
        config=plan.config if plan.config.strip() else None,
    )


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
