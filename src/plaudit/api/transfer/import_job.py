"""Import jobs: a received file, and the choices of whoever imports it, become tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.api.http.job_runner import JobRun, JobServices
from plaudit.core.common import names
from plaudit.core.transfer.import_summary import OUTCOMES
from plaudit.core.transfer.importer import ImportEntry, Importer, Source
from plaudit.errors import InvalidContent, InvalidParameter
from plaudit.formats.common.dry_run import try_import
from plaudit.formats.common.file_import import FileImport, InputFile, TaskUse
from plaudit.formats.common.import_pool import process_count
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.store.engine.engine import Database

ENTRIES_PER_REPORT = 100
"""Entries between two progress reports, at which the job also learns to stop."""

RECORDED_BYTES_MAX = 4096
"""Longest mapping or configuration that a job keeps beside what it was asked for."""

SEARCH_STEPS_MAX = 15_000_000
"""Steps of one search by a pattern of a mapping: 50 ms, for which the whole server waits."""

NOTES_MAX = 100
"""Remarks that a job keeps."""


class ImportChoices(Struct, frozen=True, kw_only=True):
    """Choices of an import, as its job keeps them: file name, format, project, and options.

    `mapping` and `config` are those of ImportOptions, `pending` and `suggestions` of TaskUse.
    """

    file: str
    format: str
    project: str | None = None
    replace: bool = False
    pending: bool = False
    suggestions: bool = False
    dry_run: bool = False
    mapping: dict[str, Any] | None = None
    config: str | None = None


def recorded_choices(choices: ImportChoices) -> dict[str, Any]:
    """Choices as a job and the audit log keep them, without a long mapping or configuration."""
    recorded: dict[str, Any] = msgspec.to_builtins(choices)
    for name in ("mapping", "config"):
        if len(msgspec.json.encode(recorded[name])) > RECORDED_BYTES_MAX:
            recorded[name] = None
    return recorded


def check_choices(choices: ImportChoices) -> None:
    """Raise InvalidParameter for choices that do not go together, naming the parameter."""
    chosen = FORMATS[choices.format]
    if choices.project is not None:
        try:
            names.check_name(choices.project, "/project")
        except InvalidContent as exc:
            raise InvalidParameter(exc.message, param="project") from exc
        if chosen.project_refusal is not None:
            raise InvalidParameter(chosen.project_refusal, param="project")
    elif chosen.reader is not None:
        raise InvalidParameter("name the project that the tasks go into", param="project")
    if choices.pending and chosen.reader is None:
        raise InvalidParameter(f"tasks of {chosen.name} say themselves what they are",
                               param="pending")  # fmt: skip
    if choices.suggestions and not choices.pending:
        raise InvalidParameter("suggestions go with open work (pending)", param="suggestions")
    if choices.mapping is None and chosen.name == "table":
        raise InvalidParameter("the format table needs a mapping of its columns", param="mapping")
    if (choices.mapping is not None) != (chosen.name == "table"):
        raise InvalidParameter("a mapping goes with the format table, and only with it",
                               param="mapping")  # fmt: skip
    if chosen.reader is not None:
        try:
            chosen.reader(_options(choices), ImportNotes())
        except InvalidContent as exc:
            raise InvalidParameter(exc.message, param=_param_of(choices)) from exc


async def import_file(
    services: JobServices, run: JobRun, environment_id: str, path: Path, choices: ImportChoices
) -> None:
    """Import the file at `path`, which is deleted at the end; progress goes to the run's tracker.

    Raises InvalidContent for a file that cannot be read, and Unavailable if the job was told to
    stop.
    """
    tracker = run.tracker

    async def work(db: Database) -> None:
        tracker.update(total=path.stat().st_size, phase="reading")
        prepared = FileImport(
            [InputFile(path, choices.file, path.stat().st_size)],
            FORMATS[choices.format],
            _options(choices),
            project_name=choices.project,
            use=TaskUse(is_pending=choices.pending, keeps_judgments=choices.suggestions),
            inflated_max=services.settings.inflated_bytes_max,
            on_progress=lambda at: tracker.report(done=at),
            on_rows=lambda count: tracker.report(lines=count),
            process_count=process_count(),
            is_background=True,
        )
        with closing(prepared):
            prepared.prepare()
            if choices.dry_run:
                _try(prepared, run)
            else:
                await _store(services, run, environment_id, db, prepared, choices)

    try:
        await run.run_in_thread(work)
    finally:
        path.unlink(missing_ok=True)


def _try(prepared: FileImport, run: JobRun) -> None:
    run.tracker.report(phase="checking", done=0)
    result = try_import(prepared, run.tracker.reject)
    run.tracker.update(
        counts={"added": sum(result.taken.values()), "rejected": result.rejected},
        result=f"{result}; nothing was stored",
        notes=prepared.notes.list_sentences()[:NOTES_MAX],
        detail={**run.tracker.progress.detail, "tasks": result.tasks},
    )


async def _store(
    services: JobServices,
    run: JobRun,
    environment_id: str,
    db: Database,
    prepared: FileImport,
    choices: ImportChoices,
) -> None:
    tracker = run.tracker
    tracker.report(phase="storing", done=0)
    importer = Importer(
        db.write,
        environment_id,
        in_one_transaction=False,
        project_name=choices.project,
        replace=choices.replace,
        on_reject=tracker.reject,
        objects=services.objects,
        project_form=prepared.form,
    )

    def counts() -> dict[str, int]:
        return {outcome: importer.summary.total(outcome) for outcome in OUTCOMES}

    [source] = prepared.sources(prepares=True)

    def entries() -> Iterator[ImportEntry]:
        for number, entry in enumerate(source.entries()):
            if number % ENTRIES_PER_REPORT == 0:
                tracker.report(counts=counts())
            yield entry

    try:
        summary = await importer.run([Source(source.path, entries)])
        summary.require_rows()
    finally:
        tracker.update(
            counts=counts(),
            result=str(importer.summary),
            notes=prepared.notes.list_sentences()[:NOTES_MAX],
        )


def _options(choices: ImportChoices) -> ImportOptions:
    return ImportOptions(
        mapping=choices.mapping, config=choices.config, search_steps_max=SEARCH_STEPS_MAX
    )


def _param_of(choices: ImportChoices) -> str:
    return "mapping" if choices.mapping is not None else "config"
