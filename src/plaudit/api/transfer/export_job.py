"""Exports of the server: a job's thread writes the file as `plaudit export` does, and keeps it.

The API makes a file within its request and keeps it for whoever goes on with the download; the
workspace makes it by a job, and keeps it with its manifest (docs/adr/0032).
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from pathlib import Path

from starlette.types import Receive

from plaudit.api.http.job_runner import JobRun, JobServices, ThreadRun
from plaudit.api.http.made_files import MadeFile
from plaudit.api.transfer.export_choices import (
    ExportChoices,
    ExportSource,
    export_request,
    reason_words,
    summary_of,
    wanted_file,
)
from plaudit.core.transfer import jobs
from plaudit.errors import Misconfigured
from plaudit.formats.exporting.run import ExportResult, run_export
from plaudit.formats.exporting.selection import choose_tasks
from plaudit.store.engine import disk_space
from plaudit.store.engine.engine import Database

KEPT_MAX = 10
"""Files of an organization that the workspace keeps."""

WRITING = "exporting"
CLIENT_GONE = "the client went away"


def made_key(environment_id: str, choices: ExportChoices, digest: str) -> str:
    """Key of the blob of a file that was made for a request; `digest` is that of its content.

    Nothing refers to it, so the deletion of unreferenced blobs removes what is left behind.
    """
    return f"{environment_id}/export-{choices.digest}-{digest}"


async def export_for_request(
    services: JobServices,
    run: ThreadRun,
    environment_id: str,
    choices: ExportChoices,
    source: ExportSource,
    receive: Receive,
) -> MadeFile:
    """Make a file; raises Unavailable when the client goes away meanwhile."""

    async def work(db: Database) -> MadeFile:
        folder = run.scratch_folder()
        with tempfile.TemporaryDirectory(prefix="export-", dir=folder) as place:
            path = Path(place, choices.file_name)
            result = await _write(db, run, choices, source, path)
            wanted = wanted_file(choices, source.project, path)
            digest = _digest(wanted)
            run.tracker.check()
            key = made_key(environment_id, choices, digest)
            services.objects.put_blocking(key, wanted)
            counts = summary_of(result.tasks, result.rows, result.skipped, result.flags)
            return MadeFile(key=key, digest=digest, made_s=time.monotonic(), counts=counts)

    making = asyncio.ensure_future(run.run_in_thread(work))
    leaving = asyncio.ensure_future(_wait_until_gone(receive))
    try:
        await asyncio.wait([making, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            run.stop(CLIENT_GONE)
        return await making
    except (Misconfigured, OSError) as exc:  # their messages name paths of the server
        raise disk_space.unwritable(exc, "the export cannot be written now") from exc
    finally:
        leaving.cancel()
        if not making.done():  # the request was cancelled, and its thread stops by itself
            run.stop(CLIENT_GONE)
            making.cancel()


async def export_as_job(
    services: JobServices, run: JobRun, choices: ExportChoices, source: ExportSource
) -> int:
    """Make a file, its manifest and its side file as the job's blob, one behind the other.

    Return the blob's size.
    """
    tracker = run.tracker

    async def work(db: Database) -> int:
        folder = run.scratch_folder()
        with tempfile.TemporaryDirectory(prefix="export-", dir=folder) as place:
            path = Path(place, choices.file_name)
            result = await _write(db, run, choices, source, path)
            size, manifest_size = path.stat().st_size, result.manifest.stat().st_size
            beside = [result.manifest, *result.files[1:]]
            with path.open("ab") as whole:
                for one in beside:
                    with one.open("rb") as content:
                        shutil.copyfileobj(content, whole)
            counts = summary_of(result.tasks, result.rows, result.skipped, result.flags)
            tracker.report(
                phase="keeping",
                done=result.tasks,
                counts={"rows": result.rows, "bytes": size},
                notes=[
                    f"{count:,} × {reason_words(reason)}"
                    for reason, count in result.skipped.items()
                ],
                detail={
                    **counts,
                    "file_bytes": size,
                    "manifest_bytes": manifest_size,
                    "side_file": beside[1].name if len(beside) > 1 else None,
                },
            )
            services.objects.put_blocking(jobs.file_key(run.job), path)
            return path.stat().st_size

    try:
        size = await run.run_in_thread(work)
    except (Misconfigured, OSError) as exc:  # their messages name paths of the server
        raise disk_space.unwritable(exc, "the export cannot be written now") from exc
    await jobs.delete_earlier_files(services.db, services.objects, run.job, kept=KEPT_MAX - 1)
    return size


async def _write(
    db: Database, run: ThreadRun, choices: ExportChoices, source: ExportSource, path: Path
) -> ExportResult:
    request = export_request(choices, source, path)
    tasks = choose_tasks(
        db,
        source.project,
        source.batch,
        source.choice,
        with_displays=request.format.shows_places,
    )
    return await run_export(
        request,
        source.project,
        tasks,
        lambda count: run.tracker.report(done=count),
    )


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
