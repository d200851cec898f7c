"""Quality of a project's data under /manage/v1: computed by a job, answered from its snapshot."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import JSON, Call, Operation, Response, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import declare
from plaudit.api.openapi import examples
from plaudit.api.transfer.quality_job import BEGINNING, compute_quality, quality_request
from plaudit.core.quality.agreement.distances import MeasurementLevel
from plaudit.core.quality.comparisons.comparison_report import VoteRule
from plaudit.core.quality.comparisons.leaderboard import TieRule
from plaudit.core.quality.reporting.options import Orientation, ReportOptions
from plaudit.core.quality.reporting.snapshots import Part, Snapshot, find_snapshot, read_part
from plaudit.core.transfer import jobs
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import ProjectRow, Role
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.projects import find_project
from plaudit.store.transfer.jobs import Job, JobKind
from plaudit.wire.manage.quality_annotators import Annotators
from plaudit.wire.manage.quality_people import BiasReport, LeaderboardReport
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.wire.manage.quality_snapshot import QualityAsOf, QualityJob
from plaudit.wire.manage.resources import Nothing

AS_OF = b"plaudit-quality"
"""Header with when and of what a report was made, as JSON."""

_encode = msgspec.json.Encoder().encode


class ComputeQuality(Struct, forbid_unknown_fields=True, kw_only=True):
    """Options of the report, as those of `plaudit report`; `style` has its names as a list."""

    question: str | None = None
    by: str | None = None
    level: MeasurementLevel | None = None
    order: list[str] | None = None
    orientation: Orientation = "free"
    votes: VoteRule = "all"
    ties: TieRule = "half"
    style: list[str] = []
    without_leaks: bool = False

    def options(self) -> ReportOptions:
        """The options of a report."""
        return ReportOptions(
            question=self.question,
            by=self.by,
            level=self.level,
            order=None if self.order is None else tuple(self.order),
            orientation=self.orientation,
            votes=self.votes,
            ties=self.ties,
            styles=tuple(self.style),
            without_leaks=self.without_leaks,
        )


async def compute_project_quality(
    call: Call[NoQuery], body: ComputeQuality, context: WriteContext
) -> QualityJob:
    """POST /manage/v1/projects/{project_id}/quality: have the report computed by a job."""
    project = await _get_project(call, context.tx)
    options = body.options()
    try:
        request = quality_request(project, options)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=f"/{exc.pointer}") from exc
    job = await jobs.start_job(
        context.tx, context.environment_id, call.caller.key_id, JobKind.quality, request, BEGINNING
    )
    await context.note("job", job.job_id, project_key=project.project_key, detail=request)
    call.prepared = job, project, options
    return _resource(job)


async def begin_job(call: Call[NoQuery]) -> None:
    """Run the job that was started, unless the answer is that of an earlier request."""
    if call.prepared is not None:
        job, project, options = call.prepared
        run = call.services.jobs.track(job)
        call.services.jobs.start(run, compute_quality(call.services, run, project, options))


async def get_quality_job(call: Call[NoQuery]) -> QualityJob:
    """GET /manage/v1/projects/{project_id}/quality/jobs/{job_id}: a job's progress."""
    async with call.services.db.read() as tx:
        await _get_project(call, tx)
        return _resource(await _find_job(call, tx))


async def cancel_quality_job(
    call: Call[NoQuery], body: Nothing, context: WriteContext
) -> QualityJob:
    """POST …/quality/jobs/{job_id}/cancel: cancel a job; the last report stays."""
    job = await _find_job(call, context.tx)
    if await jobs.cancel_job(context.tx, context.environment_id, JobKind.quality, job.job_id):
        call.services.jobs.cancel(job.job_id)
    await context.note("job", job.job_id)
    return _resource(await _find_job(call, context.tx))


async def get_quality(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/projects/{project_id}/quality: the last report."""
    return await _part(call, Part.report)


async def get_annotators(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/projects/{project_id}/quality/annotators: the last report by person."""
    return await _part(call, Part.annotators)


async def get_bias(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/projects/{project_id}/quality/bias: the last report's bias."""
    return await _part(call, Part.bias)


async def get_leaderboard(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/projects/{project_id}/quality/leaderboard: the last report's leaderboard."""
    return await _part(call, Part.leaderboard)


async def _part(call: Call[NoQuery], part: Part) -> Response:
    """A part of the last report, or 304 for who has it; raises NotFound before the first."""
    known = dict(call.scope["headers"]).get(b"if-none-match", b"")
    async with call.services.db.read() as tx:
        project = await _get_project(call, tx)
        snapshot = await find_snapshot(tx, project.project_key)
        if snapshot is None:
            raise NotFound(
                "the quality of this project was not computed yet; it is by a POST to "
                f"/manage/v1/projects/{project.project_id}/quality"
            )
        etag = f'"{snapshot.row.snapshot_id}"'.encode()
        headers = [
            (b"etag", etag),
            (AS_OF, _encode(_as_of(snapshot))),
        ]
        if known.strip() == b"*" or etag in (one.strip() for one in _tags(known)):
            return Response(b"", 304, JSON, headers)
        pieces = await read_part(tx, snapshot, part)
    return Response(b"".join(pieces), 200, JSON, headers)


def _tags(listed: bytes) -> list[bytes]:
    return [one.strip().removeprefix(b"W/") for one in listed.split(b",")]


def _as_of(snapshot: Snapshot) -> QualityAsOf:
    row = snapshot.row
    return QualityAsOf(
        computed_at=clock.format_ms(row.computed_ms),
        tasks=row.task_count,
        votes=row.vote_count,
        submission_id=row.submission_id,
        since=snapshot.since,
        options=msgspec.to_builtins(snapshot.options),
    )


async def _get_project(call: Call[Any], tx: Transaction) -> ProjectRow:
    project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return project


async def _find_job(call: Call[Any], tx: Transaction) -> Job:
    job = await jobs.get_job(tx, call.caller.environment_id, JobKind.quality, call.path["job_id"])
    if jobs.job_request(job).get("project_id") != call.path["project_id"]:
        raise NotFound("the project has no such job")
    return job


def _resource(job: Job) -> QualityJob:
    progress, request = jobs.job_progress(job), jobs.job_request(job)
    return QualityJob(
        id=job.job_id,
        project_id=request["project_id"],
        state=job.state.value,
        phase=progress.phase,
        done=progress.done,
        total=progress.total,
        reason=job.reason,
        started_at=clock.format_ms(job.created_ms),
        ended_at=None if job.ended_ms is None else clock.format_ms(job.ended_ms),
        options=request["options"],
    )


_LAST = (
    "It is that of the last report, which a job makes on request; the header `Plaudit-Quality` "
    "says as JSON when that was, which options it had, and how many submissions have come since. "
    "With the answer's `ETag` in `If-None-Match` it is 304 until there is another report; 404 "
    "before the first."
)


def _get(operation_id: str, path: str, answer: type[Struct], **fields: Any) -> Operation:
    return declare(
        operation_id,
        "GET",
        f"/projects/{{project_id}}/quality{path}",
        role=Role.read,
        answer=answer,
        answer_description="As of the last report.",
        successes=(200, 304),
        errors=(404,),
        **fields,
    )


OPERATIONS = (
    declare(
        "compute_quality",
        "POST",
        "/projects/{project_id}/quality",
        role=Role.write,
        handler=compute_project_quality,
        after=begin_job,
        body=ComputeQuality,
        summary="Have the report on a project's quality computed",
        description="A job computes it, which this answers with; ask for the job until its `state` "
        "is no longer `running`. The report takes the place of the last one. One job of an "
        "organization runs at a time; 409 while another does. The options are those of "
        "`plaudit report` but `--units`.",
        answer=QualityJob,
        answer_description="The job that was started.",
        example=examples.QUALITY_JOB,
        body_example={"by": "batch", "style": ["length"]},
        errors=(404, 409),
    ),
    _get(
        "get_quality",
        "",
        QualityReport,
        handler=get_quality,
        summary="Get the report on a project's quality",
        description=f"The JSON that `plaudit report --json` prints. {_LAST}",
    ),
    _get(
        "get_quality_annotators",
        "/annotators",
        Annotators,
        handler=get_annotators,
        summary="Get the quality of a project by person",
        description="How much each person did, how it compares with the others and with the "
        "annotator model, what reviewers changed or sent back, and their flags; in the order of "
        "ids, not by rank. "
        f"{_LAST}",
    ),
    _get(
        "get_quality_bias",
        "/bias",
        BiasReport,
        handler=get_bias,
        summary="Get the bias in a project",
        description=f"The member `bias` of the report. {_LAST}",
    ),
    _get(
        "get_quality_leaderboard",
        "/leaderboard",
        LeaderboardReport,
        handler=get_leaderboard,
        summary="Get the leaderboard of a project",
        description=f"The member `leaderboard` of the report. {_LAST}",
    ),
    declare(
        "get_quality_job",
        "GET",
        "/projects/{project_id}/quality/jobs/{job_id}",
        role=Role.read,
        handler=get_quality_job,
        summary="Get a job that computes quality",
        answer=QualityJob,
        answer_description="The job, with its progress.",
        example=examples.QUALITY_JOB,
        errors=(404,),
    ),
    declare(
        "cancel_quality_job",
        "POST",
        "/projects/{project_id}/quality/jobs/{job_id}/cancel",
        role=Role.write,
        handler=cancel_quality_job,
        body=Nothing,
        summary="Cancel a job that computes quality",
        description="The last report stays. A job that has ended stays as it is.",
        answer=QualityJob,
        answer_description="The job as it now is.",
        body_example={},
        example=examples.QUALITY_JOB | {"state": "cancelled"},
        errors=(404,),
    ),
)
