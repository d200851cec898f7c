"""Download pages: tasks of a project or a delivery as a file for a trainer or a table.

A job writes the file as `plaudit export` does, and keeps it for some hours with its manifest. A
preview shows what the first tasks give before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.transfer.export_choices import (
    ExportChoices,
    ExportSource,
    choose_format,
    find_source,
    list_containers,
    read_parts,
    reason_words,
)
from plaudit.api.transfer.export_job import WRITING, export_as_job
from plaudit.core.deliveries import reports
from plaudit.core.tasks.forms import Level, form_of
from plaudit.core.transfer import jobs
from plaudit.errors import InvalidContent, InvalidParameter
from plaudit.formats.exporting.export_format import ExportFormat, ExportParameters
from plaudit.formats.exporting.preview import ExportPreview, preview_export
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.selection import ChosenTask, choose_tasks, votes_of_tasks
from plaudit.formats.exporting.suggestion import suggested_format
from plaudit.model.core import PersonRole, ProjectRow, TaskStatus
from plaudit.model.votes import VoteRow
from plaudit.store.tasks import batches, projects
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.texts import N_
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2.parse import moment
from plaudit.wire.v2.render import read_head
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.links import fill_path
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.language.remark_texts import reason_text
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import word
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.download_files import (
    DELIVERY,
    PROJECT,
    WITH_SIDE_FILE,
    part_names,
)
from plaudit.workspace.transfer.job_pages import JobView

BATCHES_MAX = 1000
PREVIEW_TASKS = 100
PREVIEW_TASKS_PER_READ = 10
PREVIEW_READS_MAX = 50
PREVIEW_BYTES = 2 * 1024 * 1024
"""Bytes of tasks after which a preview reads no further ones."""

ROW_CHARS_SHOWN = 3000
"""Characters of a row that a preview shows."""


class DownloadQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}/download, and of a delivery."""

    job: Annotated[str | None, Text(description="Job whose choices the form begins with.")] = None


class DownloadForm(ExportParameters, frozen=True, kw_only=True):
    """Form of a download: the options of `plaudit export`. A delivery has no filters."""

    format: str
    container: str | None = None
    status: TaskStatus | None = None
    batch: str | None = None
    completed_after: str | None = None
    completed_before: str | None = None
    metadata: str | None = None
    """Conditions `KEY=VALUE`, one a line."""
    formula_safe: bool = False
    split: str | None = None


async def show_project_download(request: PageRequest[DownloadQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/download: form, preview and the latest files of a project."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        names = await batches.list_batch_names(
            tx, request.user.environment_id, project.project_key, limit=BATCHES_MAX
        )
        listed = await job_pages.list_latest_jobs(request, tx, JobKind.export)
    mine = [job for job in listed if job.about.get("project_id") == project.project_id]
    return _context(request, project, listed, mine) | {
        "path": fill_path(PROJECT, project_id=project.project_id),
        "batches": names,
        "statuses": [(status.value, word(status.value)) for status in TaskStatus],
    }


async def show_delivery_download(request: PageRequest[DownloadQuery]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}/download: form, preview and the latest files of a delivery."""
    environment_id = request.user.environment_id
    async with request.db.read() as tx:
        delivery = await reports.get_delivery(tx, environment_id, request.path["delivery_id"])
        project = await projects.find_project_by_key(tx, environment_id, delivery.project_key)
        assert project is not None
        listed = await job_pages.list_latest_jobs(request, tx, JobKind.export)
    mine = [job for job in listed if job.about.get("delivery_id") == delivery.delivery_id]
    return _context(request, project, listed, mine) | {
        "delivery": wire.record(delivery, project.project_id),
        "delivery_path": fill_path("/deliveries/{delivery_id}", delivery_id=delivery.delivery_id),
        "project_path": fill_path(
            "/deliveries/projects/{project_id}", project_id=project.project_id
        ),
        "path": fill_path(DELIVERY, delivery_id=delivery.delivery_id),
    }


def _context(
    request: PageRequest[DownloadQuery],
    project: ProjectRow,
    listed: list[JobView],
    mine: list[JobView],
) -> dict[str, Any]:
    """Shared context of both pages; `mine` are the jobs of this project or delivery."""
    form = form_of(project_detail(project))
    suggested = suggested_format(form)
    begun = next((job.about for job in mine if job.job_id == request.query.job), {})
    days = {
        name: clock.format_ms(begun[name])[:10]
        for name in ("completed_after", "completed_before")
        if begun.get(name) is not None
    }
    return {
        "project": project,
        "formats": [
            (say("For what this project asks"), _with_containers([suggested])),
            (
                say("All others"),
                _with_containers([one for one in EXPORT_FORMATS if one != suggested]),
            ),
        ],
        "purposes": {one.name: one.purpose for one in EXPORT_FORMATS.values()},
        "container_choices": [
            (name, f".{name}")
            for name in dict.fromkeys(
                name for one in EXPORT_FORMATS.values() for name in list_containers(one)
            )
        ],
        "keys": [field.key for field in form.fields if field.level is Level.message],
        "chosen": {"format": suggested} | begun | days,
        "with_side_file": WITH_SIDE_FILE,
        "parts": {job.job_id: part_names(job.about) for job in mine},
        "jobs": mine,
        "running": next((job for job in listed if job.state is JobState.running), None),
        "kept_hours": jobs.FILE_KEPT_MS // 3_600_000,
    }


def _with_containers(names: Sequence[str]) -> list[tuple[ExportFormat, list[str]]]:
    return [(EXPORT_FORMATS[name], list_containers(EXPORT_FORMATS[name])) for name in names]


async def start_download(request: PageRequest[NoQuery], form: DownloadForm) -> Redirect:
    """POST /projects/{project_id}/download, or of a delivery: write a file by a job.

    Raises InvalidContent at a field, NotFound, and Conflict while a job runs.
    """
    choices, source = await _read(request, form)
    options = msgspec.to_builtins(choices) | {"name": source.name}
    run = await job_pages.start_job(request, JobKind.export, "start_export", options, WRITING)
    services = request.services.shared
    services.jobs.start(run, export_as_job(services, run, choices, source))
    return Redirect(to=f"{request.scope['path']}?job={run.job.job_id}")


async def preview_download(request: PageRequest[NoQuery], form: DownloadForm) -> TemplateResponse:
    """POST …/download/preview: what the first tasks give; raises NotFound."""
    try:
        choices, source = await _read(request, form)
    except InvalidContent as problem:
        context: dict[str, Any] = {"pointer": problem.pointer, "message": problem.message}
    else:
        export_format = EXPORT_FORMATS[choices.format]
        tasks, is_looked_through = await _first_tasks(request, source, export_format)
        votes = await _votes_of(request, source, export_format, tasks)
        context = await request.run_in_thread(
            lambda: _shown(
                preview_export(tasks, source.project, export_format, choices.options, votes)
            )
        )
        context["is_looked_through"] = is_looked_through
    return TemplateResponse(template="transfer/download_preview.html", context=context)


async def _votes_of(
    request: PageRequest[NoQuery],
    source: ExportSource,
    export_format: ExportFormat,
    tasks: Sequence[ChosenTask],
) -> dict[str, list[VoteRow]]:
    """Votes of tasks by task_id, for a format that reads them."""
    if not export_format.reads_votes:
        return {}
    votes_of = votes_of_tasks(request.db, source.project, writes_older=False)
    return await votes_of([read_head(one.row[3]).task_id for one in tasks])


def _shown(preview: ExportPreview) -> dict[str, Any]:
    texts = []
    for values in preview.shown:
        text = msgspec.json.format(msgspec.json.encode(values), indent=2).decode()
        texts.append((text[:ROW_CHARS_SHOWN], len(text) > ROW_CHARS_SHOWN))
    skipped = [
        (count, reason_text(reason_words(reason))) for reason, count in preview.skipped.items()
    ]
    return {
        "message": "",
        "pointer": "",
        "counted": preview,
        "skipped": skipped,
        "texts": texts,
    }


async def _first_tasks(
    request: PageRequest[Any], source: ExportSource, export_format: ExportFormat
) -> tuple[list[ChosenTask], bool]:
    """First tasks of an export, at most PREVIEW_TASKS and about PREVIEW_BYTES of them.

    False beside them where PREVIEW_READS_MAX reads ended before, because few tasks have the wanted
    metadata.
    """
    found: list[ChosenTask] = []
    size = reads = 0
    async for piece in choose_tasks(
        request.db,
        source.project,
        source.batch,
        source.choice,
        per_read=PREVIEW_TASKS_PER_READ,
        with_displays=export_format.shows_places,
    ):
        for chosen in piece:
            found.append(chosen)
            size += chosen.row[6]
        reads += 1
        if len(found) >= PREVIEW_TASKS or size > PREVIEW_BYTES:
            break
        if reads == PREVIEW_READS_MAX:
            return found, False
    return found, True


async def _read(
    request: PageRequest[Any], form: DownloadForm
) -> tuple[ExportChoices, ExportSource]:
    """Choices of a form and what they are of; raises NotFound, InvalidContent at a field."""
    delivery_id = request.path.get("delivery_id")
    project_id = request.path.get("project_id", "")
    anything = ExportChoices(
        project_id=project_id, delivery_id=delivery_id, format="", container=""
    )
    async with request.db.read() as tx:
        await find_source(tx, request.user.environment_id, anything)
    split = (form.split or "").strip() or None
    try:
        export_format, container = choose_format(form.format, form.container)
        if split is not None:
            read_parts(split)
    except InvalidParameter as problem:
        raise InvalidContent(problem.message, pointer=f"/{problem.param}") from problem
    if form.min_difference is not None and not 0 <= form.min_difference < 1e300:
        raise InvalidContent("it must be a number of at least 0", pointer="/min_difference")
    filters: dict[str, Any] = {}
    if delivery_id is None:
        filters = {
            "status": form.status,
            "batch": form.batch,
            "completed_after": moment(form.completed_after, "/completed_after"),
            "completed_before": moment(form.completed_before, "/completed_before"),
            "metadata": tuple(
                line.strip() for line in (form.metadata or "").splitlines() if line.strip()
            ),
        }
    choices = ExportChoices(
        project_id=project_id,
        delivery_id=delivery_id,
        format=export_format.name,
        container=container,
        prefer=form.prefer,
        min_difference=form.min_difference,
        pairs=form.pairs,
        judges=form.judges,
        ties=form.ties,
        rewrites=form.rewrites,
        only_rewrites=form.only_rewrites,
        references=form.references,
        reasoning=form.reasoning,
        last_turn_only=form.last_turn_only,
        split=split,
        formula_safe=form.formula_safe,
        **filters,
    )
    try:
        async with request.db.read() as tx:
            source = await find_source(tx, request.user.environment_id, choices)
    except InvalidContent as problem:
        raise InvalidContent(problem.message, pointer="/metadata") from problem
    return msgspec.structs.replace(choices, project_id=source.project.project_id), source


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(page_id=page_id, path=path, role=PersonRole.manager, handler=handler, **fields)


def _start(page_id: str, path: str, form_page: str) -> Page:
    return _page(
        page_id,
        path,
        start_download,
        method="POST",
        form=DownloadForm,
        opens_transactions=True,
        form_page=form_page,
    )


def _preview(page_id: str, path: str) -> Page:
    return _page(
        page_id,
        f"{path}/preview",
        preview_download,
        method="POST",
        body=DownloadForm,
        opens_transactions=True,
    )


PAGES = (
    _page(
        "show_project_download",
        PROJECT,
        show_project_download,
        query=DownloadQuery,
        template="transfer/download.html",
        tab=N_("Download"),
        tab_order=55,
    ),
    _start("start_project_download", PROJECT, "show_project_download"),
    _preview("preview_project_download", PROJECT),
    _page(
        "show_delivery_download",
        DELIVERY,
        show_delivery_download,
        query=DownloadQuery,
        template="transfer/download.html",
    ),
    _start("start_delivery_download", DELIVERY, "show_delivery_download"),
    _preview("preview_delivery_download", DELIVERY),
)
