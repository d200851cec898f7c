"""Exports of the server: a job's thread writes the file as `plaudit export` does, and keeps it.

The API makes a file within its request and keeps it for whoever goes on with the download; the
workspace makes it by a job, and keeps it with its manifest (docs/adr/0032).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import msgspec

from plaudit.api.http.job_runner import JobRun, JobServices, ThreadRun
from plaudit.api.transfer.export_choices import (
    ExportChoices,
    ExportSource,
    export_request,
    reason_words,
    summary_of,
)
from plaudit.core.transfer import jobs
from plaudit.errors import Misconfigured
from plaudit.formats.exporting.export_format import ExportContainer
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.run import ExportResult, run_export
from plaudit.formats.exporting.selection import votes_of_tasks
from plaudit.formats.exporting.whole_tasks.placed_lines import (
    PlacedTasks,
    may_come_from_files,
    tasks_of,
)
from plaudit.settings import Settings
from plaudit.store.engine import disk_space
from plaudit.store.engine.engine import Database
from plaudit.store.page_files.places import page_files_of

KEPT_MAX = 10
"""Files of an organization that the workspace keeps."""

WRITING = "exporting"


async def export_as_job(
    services: JobServices, run: JobRun, choices: ExportChoices, source: ExportSource
) -> int:
    """Make a file, or those of its parts, its manifest and its side file as the job's blob, one
    behind the other.

    Return the blob's size.
    """
    tracker = run.tracker

    async def work(db: Database) -> int:
        folder = run.scratch_folder()
        with tempfile.TemporaryDirectory(prefix="export-", dir=folder) as place:
            path = Path(place, choices.file_name)
            result = await write_export(db, run, choices, source, path)
            rows = result.files[: len(result.files) - result.side_files]
            sizes = [one.stat().st_size for one in rows]
            manifest_size = result.manifest.stat().st_size
            beside = [*result.files[len(rows) :]]
            with rows[0].open("ab") as whole:
                for one in (*rows[1:], result.manifest, *beside):
                    with one.open("rb") as content:
                        shutil.copyfileobj(content, whole)
            counts = summary_of(result.tasks, result.rows, result.skipped, result.flags)
            tracker.report(
                phase="keeping",
                done=result.tasks,
                counts={"rows": result.rows, "bytes": sum(sizes)},
                notes=[
                    f"{count:,} × {reason_words(reason)}"
                    for reason, count in result.skipped.items()
                ],
                detail={
                    **counts,
                    "file_bytes": sum(sizes),
                    "part_bytes": sizes,
                    "manifest_bytes": manifest_size,
                    "side_file": beside[0].name if beside else None,
                },
            )
            whole_size = rows[0].stat().st_size
            services.objects.move_blocking(jobs.file_key(run.job), rows[0])
            return whole_size

    try:
        size = await run.run_in_thread(work)
    except (Misconfigured, OSError) as exc:  # their messages name paths of the server
        raise disk_space.unwritable(exc, "the export cannot be written now") from exc
    await jobs.delete_earlier_files(services.db, services.objects, run.job, kept=KEPT_MAX - 1)
    return size


async def write_export(
    db: Database,
    run: ThreadRun,
    choices: ExportChoices,
    source: ExportSource,
    path: Path,
    *,
    has_manifest: bool = True,
) -> ExportResult:
    """Write the files of an export beside `path`, and report the tasks that were read."""
    request = msgspec.structs.replace(
        export_request(choices, source, path), has_manifest=has_manifest, is_durable=False
    )
    files = page_files_of(run.settings)
    tasks = tasks_of(db, files, request, source.project, source.batch, source.choice)
    return await run_export(
        request,
        source.project,
        tasks,
        lambda count: run.tracker.report(done=count),
        votes_of=votes_of_tasks(db, source.project),
    )


def placed_tasks(
    db: Database, settings: Settings, choices: ExportChoices, source: ExportSource
) -> PlacedTasks | None:
    """Tasks of an export whose lines may come from page files as they are; None of another one."""
    files, export_format = page_files_of(settings), EXPORT_FORMATS[choices.format]
    is_whole = choices.part is None and choices.container == ExportContainer.jsonl
    is_split = choices.split is not None
    if files is None or not (
        is_whole and may_come_from_files(export_format, source.choice, is_split=is_split)
    ):
        return None
    return PlacedTasks(db, files, source.project, source.batch, source.choice)


def file_digest(path: Path) -> str:
    """Digest of a file's content, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
