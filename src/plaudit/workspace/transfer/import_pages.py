"""Import: a file from the browser into the organization's live data, with its progress.

The file goes to a temporary file of the process that receives it, piece by piece; then the same
import as `plaudit import` runs over it. What it reports is in the job's row, so any process shows
it, and it outlives the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import read_pieces
from plaudit.api.http.operation import Response
from plaudit.api.http.parameters import Enum, NoQuery, Parameter, Text
from plaudit.api.http.streams import content_disposition
from plaudit.core.common import names
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import (
    OUTCOMES,
    ImportEntry,
    Importer,
    Reject,
    Source,
    printable,
)
from plaudit.errors import BadRequest, InvalidContent, InvalidParameter, Problem, Unavailable
from plaudit.formats import files
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.registry import FORMATS
from plaudit.model.core import PersonRole
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import projects
from plaudit.store.transfer import jobs as jobs_store
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.workspace.http.job_runner import JobRun
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import ShownJob

IMPORT = "/import"
REJECTS_SHOWN_MAX = 100
TOLD_ENTRIES = 100
"""How many entries are read between two looks at whether to go on."""

KEPT_BYTES = 1024 * 1024
"""How much of an upload is held before it is written to the disk."""


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
    """What becomes of stored rows that the file has with other content."""

    no = "no"
    yes = "yes"


class ImportQuery(Struct, frozen=True):
    """Query of POST /import/file: what the body is and how it is taken."""

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
    """The job that a script asks after from now on."""

    job_id: str


async def show_import(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /import: the form, and the latest imports."""
    async with visit.db.read() as tx:
        found = await job_pages.latest(visit, tx, JobKind.import_)
        projects_here = await projects.list_projects(tx, visit.user.environment_id)
    suffixes = (suffix for shown in FORMATS_SHOWN for suffix in shown.suffixes)
    return {
        "jobs": found,
        "running": next((one for one in found if one.state is JobState.running), None),
        "projects": [one.name for one in projects_here][-1000:],
        "formats": FORMATS_SHOWN,
        "accept": ",".join(dict.fromkeys((*suffixes, *files.COMPRESSION_SUFFIXES))),
        "most_bytes": STREAM_BYTES_MAX,
    }


async def receive_file(visit: PageRequest[ImportQuery]) -> StartedJob:
    """POST /import/file: take the file in, and import it once it is here whole."""
    query = visit.query
    project, chosen = query.project, query.format
    assert chosen is not None  # the parameter is required
    refusal = chosen.project_refusal
    if project is not None:
        try:
            names.check_name(project, "/project")
        except InvalidContent as exc:
            raise InvalidParameter(exc.message, param="project") from exc
        if refusal is not None:
            raise InvalidParameter(refusal, param="project")
    asked = {
        "file": printable(query.name or ""),
        "format": chosen.name,
        "project": project,
        "replace": query.replace is Replacing.yes,
    }
    run = await job_pages.begin(visit, JobKind.import_, "receive_file", asked, "uploading")
    path, reason = None, "the upload did not come to its end"
    try:
        path = await _received(visit, run)
    except Problem as problem:
        reason = problem.message
        raise
    finally:
        if path is None:  # also where the request was given up
            state = JobState.broken if run.tracker.is_stopped else JobState.failed
            await asyncio.shield(visit.desk.jobs.close(run, state, reason))
    run.tracker.note(phase="storing", done=0, counts=dict.fromkeys(OUTCOMES, 0))
    visit.desk.jobs.go(run, _import(visit, run, path, asked))
    with suppress(Problem):  # the next beat says it too
        await run.save()
    return StartedJob(job_id=run.job.job_id)


async def ask_import(visit: PageRequest[NoQuery]) -> ShownJob:
    """GET /import/{job_id}/progress: how far it is."""
    async with visit.db.read() as tx:
        return await job_pages.one(visit, tx, JobKind.import_)


async def show_one_import(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /import/{job_id}: one import, with the rows it refused."""
    async with visit.db.read() as tx:
        job = await job_pages.one(visit, tx, JobKind.import_)
        rejects = await jobs_store.list_rejects(
            tx, visit.user.environment_id, job.job_id, limit=REJECTS_SHOWN_MAX
        )
    return {"job": job, "rejects": rejects, "kept_max": jobs.REJECTS_KEPT_MAX}


async def get_rejects(visit: PageRequest[NoQuery]) -> Response:
    """GET /import/{job_id}/rejected.txt: the refused rows, as `plaudit import` reports them."""
    async with visit.db.read() as tx:
        job = await job_pages.one(visit, tx, JobKind.import_)
        found = await jobs_store.list_rejects(
            tx, visit.user.environment_id, job.job_id, limit=jobs.REJECTS_KEPT_MAX
        )
    called = job.about["file"]
    lines = [str(Reject(called, one.line, one.pointer, one.message)) for one in found]
    return Response(
        "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"),
        content_type="text/plain; charset=utf-8",
        headers=[
            (b"content-disposition", content_disposition("attachment", "rejected.txt")),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
            (b"vary", b"Cookie"),
        ],
    )


async def _received(visit: PageRequest[ImportQuery], run: JobRun) -> Path:
    """The body in a file of its own; nothing is left of it where it does not come whole."""
    path, done, is_whole = run.scratch(".upload"), 0, False
    headers = dict(visit.scope["headers"])
    run.tracker.tell(total=int(headers.get(b"content-length") or 0))
    try:
        with path.open("xb") as file:
            async for piece in _gathered(read_pieces(visit.receive, STREAM_BYTES_MAX)):
                await asyncio.to_thread(file.write, piece)
                done += len(piece)
                run.tracker.tell(done=done)
        if done == 0:
            raise BadRequest("the file is empty")
        run.tracker.note(total=done)
        is_whole = True
    except OSError as exc:
        raise Unavailable("the file cannot be kept now", detail=str(exc)) from exc
    finally:
        if not is_whole:
            path.unlink(missing_ok=True)
    return path


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= KEPT_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _import(visit: PageRequest[Any], run: JobRun, path: Path, asked: dict[str, Any]) -> None:
    tracker, environment_id, objects = (
        run.tracker,
        visit.user.environment_id,
        visit.desk.services.objects,
    )
    called = str(asked["file"])

    async def work(db: Database) -> None:
        importer = Importer(
            db.write,
            environment_id,
            in_one_transaction=False,
            project_name=asked["project"],
            replace=asked["replace"],
            on_reject=tracker.reject,
            objects=objects,
        )

        def counts() -> dict[str, int]:
            return {outcome: importer.summary.total(outcome) for outcome in OUTCOMES}

        def entries() -> Iterator[ImportEntry]:
            found = files.entries(
                path, asked["format"], lambda at: tracker.tell(done=at), called=called
            )
            for number, entry in enumerate(found):
                if number % TOLD_ENTRIES == 0:
                    tracker.tell(counts=counts())
                yield entry

        try:
            await importer.run([Source(Path(called), entries)])
        finally:
            tracker.note(counts=counts(), result=str(importer.summary))

    try:
        await run.beside(work)
    finally:
        path.unlink(missing_ok=True)


PAGES = (
    Page(
        page_id="show_import",
        path=IMPORT,
        role=PersonRole.manager,
        handler=show_import,
        template="transfer/import.html",
        nav="Import",
        nav_place=50,
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
        page_id="get_rejects",
        path=f"{IMPORT}/{{job_id}}/rejected.txt",
        role=PersonRole.manager,
        handler=get_rejects,
    ),
)
