"""Imports under /manage/v1: send a file into a project, and follow what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.job_runner import JobRun
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.api.http.streams import Stream
from plaudit.api.manage.common import declare
from plaudit.api.openapi import examples
from plaudit.api.transfer.import_job import (
    ImportChoices,
    check_choices,
    import_file,
    recorded_choices,
)
from plaudit.api.transfer.upload_job import COLUMNS_NAMED_MAX, unreadable
from plaudit.api.transfer.uploads import save_upload
from plaudit.core.common import audit
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import printable
from plaudit.errors import InvalidContent, InvalidParameter, NotFound, Problem
from plaudit.formats import detection
from plaudit.formats.common.file_import import InputFile
from plaudit.formats.registry import FORMATS
from plaudit.formats.table.columns_seen import describe_columns
from plaudit.formats.table.toml_text import mapping_from_text
from plaudit.model.core import ProjectRow, Role
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.projects import find_project
from plaudit.store.transfer import jobs as jobs_store
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from plaudit.wire.manage.resources import ImportReject, ManagedImport, Nothing
from plaudit.wire.v2.resources import project_detail

FILE = "application/octet-stream"
NDJSON = "application/x-ndjson"
TABLE = "table"

_encode = msgspec.json.Encoder().encode


class Switch(StrEnum):
    """Value of an option that is on or off."""

    false = "false"
    true = "true"


def _option(description: str) -> Enum:
    return Enum(description=description, words=Switch)


class CreateImport(Struct, frozen=True):
    """Query of POST /manage/v1/projects/{project_id}/imports."""

    name: Annotated[str | None, Text(description="What the file is called, in messages.")] = None
    format: Annotated[
        str | None,
        Text(description=f"What its rows are: {', '.join(FORMATS)}. Told by their columns if "
             "absent."),
    ] = None  # fmt: skip
    mapping: Annotated[
        str | None,
        Text(description="For the format table: the mapping of its columns, in TOML or JSON. "
             "The project's `import_mapping` if absent."),
    ] = None  # fmt: skip
    config: Annotated[
        str | None,
        Text(
            description="For label-studio: the labelling configuration in XML; for argilla: the "
            "settings of the dataset in JSON."
        ),
    ] = None
    pending: Annotated[Switch, _option("Bring the tasks in as open work.")] = Switch.false
    suggestions: Annotated[
        Switch, _option("With `pending`: keep what was judged as suggestions.")
    ] = Switch.false
    replace: Annotated[Switch, _option("Overwrite tasks that are stored with other content.")] = (
        Switch.false
    )
    dry_run: Annotated[Switch, _option("Read and check everything, and store nothing.")] = (
        Switch.false
    )


async def create_import(call: Call[CreateImport]) -> ManagedImport:
    """POST /manage/v1/projects/{project_id}/imports: import the body, a file, as a job."""
    project = await _get_project(call)
    query, services = call.query, call.services
    if query.format is not None and query.format not in FORMATS:
        listed = ", ".join(FORMATS)
        raise InvalidParameter(f"format must be one of {listed}", param="format")
    choices = await _checked_choices(call, project, query.format)
    run = await _start_job(call, project, choices)
    path, is_ready, reason = None, False, "the upload did not come to its end"
    try:
        path = await save_upload(call.scope, call.receive, run)
        if query.format is None:
            found = await _detected(call, path, choices.file)
            choices = await _checked_choices(call, project, found)
        run.tracker.update(detail={"format": choices.format})
        is_ready = True
    except Problem as problem:
        reason = problem.message
        raise
    finally:
        if not is_ready:  # also if the request was cancelled
            if path is not None:
                path.unlink(missing_ok=True)
            state = JobState.broken if run.tracker.is_stopped else JobState.failed
            await asyncio.shield(services.jobs.close(run, state, reason))
    work = import_file(services, run, call.caller.environment_id, path, choices)
    services.jobs.start(run, work)
    with suppress(Problem):  # the next heartbeat stores it too
        await run.save()
    return await _read(call, run.job.job_id)


async def get_import(call: Call[NoQuery]) -> ManagedImport:
    """GET /manage/v1/projects/{project_id}/imports/{import_id}: an import's progress."""
    await _get_project(call)
    return await _read(call, call.path["import_id"])


async def list_rejects(call: Call[NoQuery]) -> Stream:
    """GET …/imports/{import_id}/rejects: the refused rows, one JSON object on each line."""
    await _get_project(call)
    async with call.services.db.read() as tx:
        job = await _find_job(call, tx, call.path["import_id"])
        rows = await jobs_store.list_rejects(
            tx, job.environment_id, job.job_id, limit=jobs.REJECTS_KEPT_MAX
        )
    file = str(jobs.job_request(job).get("file", ""))
    body = b"".join(
        _encode(ImportReject(file, row.line, row.pointer, row.message)) + b"\n" for row in rows
    )

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    return Stream(pieces(), len(body), NDJSON, [])


async def cancel_import(call: Call[NoQuery], body: Nothing, context: WriteContext) -> ManagedImport:
    """POST …/imports/{import_id}/cancel: cancel an import; what it has stored stays."""
    job = await _find_job(call, context.tx, call.path["import_id"])
    if await jobs.cancel_job(context.tx, context.environment_id, JobKind.import_, job.job_id):
        call.services.jobs.cancel(job.job_id)
    await context.note("job", job.job_id)
    return _resource(await _find_job(call, context.tx, job.job_id))


async def _get_project(call: Call[Any]) -> ProjectRow:
    async with call.services.db.read() as tx:
        project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return project


async def _checked_choices(
    call: Call[CreateImport], project: ProjectRow, format_name: str | None
) -> ImportChoices:
    """Choices of the query for a format, unchecked without one; raises InvalidParameter."""

    def checked() -> ImportChoices:
        choices = _choices(call.query, project, format_name or TABLE)
        if format_name is not None:
            check_choices(choices)
        return choices

    return await call.services.bodies.run_in_thread(checked)


def _choices(query: CreateImport, project: ProjectRow, format_name: str) -> ImportChoices:
    mapping: dict[str, Any] | None = None
    if format_name == TABLE:
        mapping = project_detail(project).import_mapping
    if query.mapping is not None:
        mapping = _read_mapping(query.mapping)
    return ImportChoices(
        file=printable(query.name or "file"),
        format=format_name,
        project=None if FORMATS[format_name].project_refusal is not None else project.name,
        replace=query.replace is Switch.true,
        pending=query.pending is Switch.true,
        suggestions=query.suggestions is Switch.true,
        dry_run=query.dry_run is Switch.true,
        mapping=mapping,
        config=query.config,
    )


def _read_mapping(text: str) -> dict[str, Any]:
    """Decode a mapping from JSON or TOML; raises InvalidParameter."""
    try:
        return mapping_from_text(text)
    except InvalidContent as exc:
        raise InvalidParameter(exc.message, param="mapping") from exc


async def _detected(call: Call[CreateImport], path: Path, name: str) -> str:
    """Name of the format that the file's columns show; raises InvalidParameter."""
    if call.query.mapping is not None:
        return TABLE
    inflated_max = call.services.settings.inflated_bytes_max

    def detected() -> str:
        file = InputFile(path, name, path.stat().st_size)
        found = detection.detect([file], inflated_max=inflated_max)
        if found.format is not None:
            return found.format.name
        if not found.rows:
            raise unreadable(found)
        columns = [printable(column.name) for column in describe_columns(found.rows)]
        raise InvalidParameter(
            f"no known format has the columns {', '.join(columns[:COLUMNS_NAMED_MAX])}; name a"
            " format, or send a mapping",
            param="format",
        )

    return await asyncio.to_thread(detected)


async def _start_job(
    call: Call[CreateImport], project: ProjectRow, choices: ImportChoices
) -> JobRun:
    request = {**recorded_choices(choices), "project_id": project.project_id}

    async def work(tx: Transaction) -> Job:
        environment_id, key_id = call.caller.environment_id, call.caller.key_id
        job = await jobs.start_job(
            tx, environment_id, key_id, JobKind.import_, request, "uploading"
        )
        await audit.record(
            tx, environment_id, call.actor, "create_import", "job", job.job_id, detail=request
        )
        return job

    return call.services.jobs.track(await call.services.db.write(work))


async def _read(call: Call[Any], import_id: str) -> ManagedImport:
    async with call.services.db.read() as tx:
        return _resource(await _find_job(call, tx, import_id))


async def _find_job(call: Call[Any], tx: Transaction, import_id: str) -> Job:
    job = await jobs.get_job(tx, call.caller.environment_id, JobKind.import_, import_id)
    if jobs.job_request(job).get("project_id") != call.path["project_id"]:
        raise NotFound("the project has no such import")
    return job


def _resource(job: Job) -> ManagedImport:
    progress, request = jobs.job_progress(job), jobs.job_request(job)
    return ManagedImport(
        id=job.job_id,
        file=request["file"],
        format=progress.detail.get("format", request["format"]),
        state=job.state.value,
        phase=progress.phase,
        counts=progress.counts,
        notes=progress.notes,
        result=progress.result,
        reason=job.reason,
        started_at=clock.format_ms(job.created_ms),
        ended_at=None if job.ended_ms is None else clock.format_ms(job.ended_ms),
        tasks=progress.detail.get("tasks"),
    )


OPERATIONS = (
    declare(
        "create_import",
        "POST",
        "/projects/{project_id}/imports",
        role=Role.write,
        handler=create_import,
        query=CreateImport,
        streams=(FILE,),
        summary="Import a file",
        description="The body is the file: CSV, TSV, XLSX, Parquet, JSON or JSON lines, also "
        "compressed with gzip or zstd. It is received whole and then imported by a job, which "
        "this answers with; ask for the import until its `state` is no longer `running`. "
        "Importing the same file again changes nothing. One import of an organization runs at a "
        "time; 409 while another does.",
        answer=ManagedImport,
        answer_description="The import that was started.",
        example=examples.IMPORT,
        errors=(404, 409),
    ),
    declare(
        "get_import",
        "GET",
        "/projects/{project_id}/imports/{import_id}",
        role=Role.read,
        handler=get_import,
        summary="Get an import",
        answer=ManagedImport,
        answer_description="The import, with its counts so far.",
        example=examples.IMPORT,
        errors=(404,),
    ),
    declare(
        "list_import_rejects",
        "GET",
        "/projects/{project_id}/imports/{import_id}/rejects",
        role=Role.read,
        handler=list_rejects,
        summary="Get the refused rows of an import",
        description=f"One JSON object on each line, the first {jobs.REJECTS_KEPT_MAX} rows.",
        answer=(NDJSON,),
        answer_description="`file`, `line`, `pointer` and `message` of each refused row.",
        errors=(404,),
    ),
    declare(
        "cancel_import",
        "POST",
        "/projects/{project_id}/imports/{import_id}/cancel",
        role=Role.write,
        handler=cancel_import,
        body=Nothing,
        summary="Cancel an import",
        description="What is stored by then stays. An import that has ended stays as it is.",
        answer=ManagedImport,
        answer_description="The import as it now is.",
        body_example={},
        example=examples.IMPORT | {"state": "cancelled"},
        errors=(404,),
    ),
)
