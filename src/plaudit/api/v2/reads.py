"""Operations of the v2 API that read tasks, batches, projects and annotations.

Handlers only translate between HTTP and core; docs/compatibility.md compares them with Scale's.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from plaudit.api.http.content_codings import PACKED_BYTES_MIN, accepted_codings, chosen_coding
from plaudit.api.http.file_sending import FileBody
from plaudit.api.http.operation import Call, Operation, Response, Services
from plaudit.api.http.parameters import DateTime, Enum, EnumList, IntRange, Text
from plaudit.api.openapi import examples
from plaudit.core.tasks import annotation_lookup as annotation_search
from plaudit.core.tasks import listing
from plaudit.core.tasks.listing import BatchQuery, TaskQuery
from plaudit.core.tasks.resolve import ScopeNames, find_batch, find_project
from plaudit.errors import InvalidParameter, NotFound
from plaudit.model.core import DEFAULT_OPTS, BatchStatus, Caller, Opts, Role, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.wire.v2 import render, resources
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import Task, TaskPage

LIMIT_MAX = 100

_PROJECT_ID = Text(description="The project's id.")
_PROJECT_NAME = Text(description="The project's name.", example="My Test Project")
_BATCH_ID = Text(description="The batch's id.")
_BATCH_NAME = Text(description="The batch's name.")
_LIMIT = IntRange(
    description="How many to return at the most.", least=1, most=LIMIT_MAX, default=LIMIT_MAX
)
_NEXT_TOKEN = Text(
    description="Where the next page starts: `next_token` of the page before. Filters may be sent "
    "again, unchanged, or left out; `limit`, `expand` and `opts` may change."
)
_EXPAND_TASK = EnumList(
    description="Show these as objects instead of ids.", words=("project", "batch")
)
_EXPAND_PROJECT = EnumList(
    description="Show the project as an object instead of its id.", words=("project",)
)
_OPTS = EnumList(
    description="Which details to show. Absent, `model_parameters` are shown; present, exactly "
    "the listed ones. `submissions` also adds each annotation's `votes`.",
    words=tuple(Opts.__members__),
    default=tuple(opt.name or "" for opt in Opts if opt in DEFAULT_OPTS),
)


class ListTasks(Struct, frozen=True):
    """Query of GET /v2/tasks."""

    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None
    batch_id: Annotated[str | None, _BATCH_ID] = None
    batch_name: Annotated[str | None, _BATCH_NAME] = None
    status: Annotated[
        TaskStatus | None,
        Enum(description="Only tasks in this status.", words=TaskStatus, example="completed"),
    ] = None
    completed_after: Annotated[
        int | None,
        DateTime(
            description="Only tasks completed strictly after this moment. Pages are then in order "
            "of completion, and no completion is ever missed by asking again with the greatest "
            "`completed_at` received."
        ),
    ] = None
    completed_before: Annotated[
        int | None,
        DateTime(
            description="Only tasks completed strictly before this moment; ordered likewise.",
            round_up=True,
        ),
    ] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None
    expand: Annotated[frozenset[str], _EXPAND_TASK] = frozenset()
    opts: Annotated[frozenset[str] | None, _OPTS] = None


class GetTask(Struct, frozen=True):
    """Query of GET /v2/task."""

    task_id: Annotated[
        str | None, Text(description="The task's id.", example="task_123", required=True)
    ] = None
    expand: Annotated[frozenset[str], _EXPAND_TASK] = frozenset()
    opts: Annotated[frozenset[str] | None, _OPTS] = None


class GetProject(Struct, frozen=True):
    """Query of GET /v2/project."""

    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None


class ListProjects(Struct, frozen=True):
    """Query of GET /v2/projects."""

    created_after: Annotated[
        int | None, DateTime(description="Only projects created strictly after this moment.")
    ] = None
    created_before: Annotated[
        int | None,
        DateTime(description="Only projects created strictly before this moment.", round_up=True),
    ] = None


class GetBatch(Struct, frozen=True):
    """Query of GET /v2/batch."""

    batch_id: Annotated[str | None, _BATCH_ID] = None
    batch_name: Annotated[
        str | None, Text(description="The batch's name.", example="First batch")
    ] = None
    expand: Annotated[frozenset[str], _EXPAND_PROJECT] = frozenset()


class ListBatches(Struct, frozen=True):
    """Query of GET /v2/batches."""

    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None
    status: Annotated[
        BatchStatus | None, Enum(description="Only batches in this status.", words=BatchStatus)
    ] = None
    created_after: Annotated[
        int | None, DateTime(description="Only batches created strictly after this moment.")
    ] = None
    created_before: Annotated[
        int | None,
        DateTime(description="Only batches created strictly before this moment.", round_up=True),
    ] = None
    completed_after: Annotated[
        int | None, DateTime(description="Only batches completed strictly after this moment.")
    ] = None
    completed_before: Annotated[
        int | None,
        DateTime(description="Only batches completed strictly before this moment.", round_up=True),
    ] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None
    expand: Annotated[frozenset[str], _EXPAND_PROJECT] = frozenset()


class GetAnnotation(Struct, frozen=True):
    """Query of GET /v2/annotation."""

    annotation_id: Annotated[
        str | None,
        Text(description="The annotation's id.", example="ann_t0u0a0_task_123", required=True),
    ] = None


async def page_body(
    services: Services, tx: Transaction, caller: Caller, query: ListTasks, accepted: bytes
) -> FileBody:
    """One page of tasks, assembled from stored bytes, in a coding that is accepted if it can."""
    task_query = TaskQuery(
        scope=ScopeNames(query.project_id, query.project_name, query.batch_id, query.batch_name),
        status=query.status,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        limit=query.limit,
        next_token=query.next_token,
        expand=query.expand,
        opts=_opts(services, query.opts),
    )
    settings = services.settings
    files = None if settings.bare_annotations else services.page_files
    coding = chosen_coding(accepted) if settings.compressed_pages else None
    page = await listing.task_page(
        tx, services.secret, caller.environment_id, task_query, files, coding
    )
    return FileBody(page.parts, page.coding, is_negotiated=settings.compressed_pages)


async def task_body(
    services: Services, tx: Transaction, caller: Caller, query: GetTask, accepted: bytes = b""
) -> FileBody:
    """One task; raises NotFound."""
    assert query.task_id is not None
    parts = await listing.find_task_parts(
        tx,
        caller.environment_id,
        query.task_id,
        expand=query.expand,
        opts=_opts(services, query.opts),
    )
    if parts is None:
        raise NotFound("there is no such task")
    return FileBody(parts)


async def list_tasks(call: Call[ListTasks]) -> Response | FileBody:
    """GET /v2/tasks: one page of tasks."""
    services = call.services
    accepted = accepted_codings(call.scope["headers"])
    async with call.db.read(snapshot=False) as tx:
        body = await page_body(services, tx, call.caller, call.query, accepted)
    if services.settings.bare_annotations:
        return _bare(b"".join(body.read()))
    coding = chosen_coding(accepted) if body.is_negotiated else None
    # On SQLite there will be a packed record of each task in a moment.
    if services.settings.database is None or coding is None or body.size < PACKED_BYTES_MIN:
        return body
    packed = await services.packing.pack(coding, body.read())
    return body if packed is None else FileBody(packed, coding, is_negotiated=True)


async def get_task(call: Call[GetTask]) -> Response | FileBody:
    """GET /v2/task: one task; raises NotFound."""
    services = call.services
    async with call.db.read() as tx:
        body = await task_body(services, tx, call.caller, call.query)
    return _bare(b"".join(body.read())) if services.settings.bare_annotations else body


async def get_project(call: Call[GetProject]) -> resources.Project:
    """GET /v2/project: one project by id or name; raises InvalidParameter, NotFound."""
    scope = ScopeNames(call.query.project_id, call.query.project_name)
    async with call.db.read() as tx:
        project = await find_project(tx, call.caller.environment_id, scope)
    if project is None:
        raise InvalidParameter("give project_id or project_name", param="project_id")
    return resources.project(project)


async def list_projects(call: Call[ListProjects]) -> resources.ProjectList:
    """GET /v2/projects: all projects, oldest first."""
    async with call.db.read() as tx:
        rows = await projects.list_projects(
            tx,
            call.caller.environment_id,
            created_after=call.query.created_after,
            created_before=call.query.created_before,
        )
    return resources.ProjectList(projects=[resources.project(project) for project in rows])


async def get_batch(call: Call[GetBatch]) -> resources.Batch:
    """GET /v2/batch: one batch by id or name; raises InvalidParameter, NotFound."""
    scope = ScopeNames(batch_id=call.query.batch_id, batch_name=call.query.batch_name)
    async with call.db.read() as tx:
        batch = await find_batch(tx, call.caller.environment_id, scope, None)
        if batch is None:
            raise InvalidParameter("give batch_id or batch_name", param="batch_id")
        return await listing.batch_resource(tx, batch, call.query.expand)


async def list_batches(call: Call[ListBatches]) -> resources.BatchPage:
    """GET /v2/batches: one page of batches."""
    query = call.query
    batch_query = BatchQuery(
        scope=ScopeNames(query.project_id, query.project_name),
        status=query.status,
        created_after=query.created_after,
        created_before=query.created_before,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        limit=query.limit,
        next_token=query.next_token,
        expand=query.expand,
    )
    async with call.db.read() as tx:
        return await listing.batch_page(
            tx, call.services.secret, call.caller.environment_id, batch_query
        )


async def get_annotation(call: Call[GetAnnotation]) -> Annotation:
    """GET /v2/annotation: one annotation with all its details; raises NotFound."""
    assert call.query.annotation_id is not None
    async with call.db.read() as tx:
        annotation = await annotation_search.find_annotation(
            tx, call.caller.environment_id, call.query.annotation_id
        )
    if annotation is None:
        raise NotFound("there is no such annotation")
    return annotation


def _opts(services: Services, names: frozenset[str] | None) -> int:
    if names is None:
        return int(services.settings.default_opts)
    return sum(int(Opts[name]) for name in names)


def _bare(page: bytes) -> Response:
    return Response(render.without_ids_and_types(page))


OPERATIONS = (
    Operation(
        operation_id="list_tasks",
        path="/v2/tasks",
        handler=list_tasks,
        at_once=page_body,
        summary="List the tasks of a project or a batch",
        description="Give a project, a batch, or both; the batch is then looked up inside the "
        "project. Without `status`, tasks in every status are listed. Tasks come in order of "
        "creation, or of completion where a `completed_*` bound is given. A page is never longer "
        "than `limit`, and `next_token` is present only while more follow.",
        tag="Tasks",
        role=Role.read,
        query=ListTasks,
        answer=TaskPage,
        answer_description="One page of tasks.",
        example=examples.TASK_PAGE,
        errors=(404,),
    ),
    Operation(
        operation_id="get_task",
        path="/v2/task",
        handler=get_task,
        at_once=task_body,
        summary="Get one task",
        tag="Tasks",
        role=Role.read,
        query=GetTask,
        answer=Task,
        answer_description="The task.",
        example=examples.TASK,
        errors=(404,),
    ),
    Operation(
        operation_id="get_annotation",
        path="/v2/annotation",
        handler=get_annotation,
        summary="Get one annotation with all its details",
        tag="Tasks",
        role=Role.read,
        query=GetAnnotation,
        answer=Annotation,
        answer_description="The annotation.",
        example=examples.ANNOTATION,
        errors=(404,),
    ),
    Operation(
        operation_id="list_batches",
        path="/v2/batches",
        handler=list_batches,
        summary="List batches",
        description="Without a project, the batches of all projects. The `created_*` and "
        "`completed_*` bounds concern the batch itself. Batches come in order of creation, or of "
        "completion where a `completed_*` bound is given.",
        tag="Batches",
        role=Role.read,
        query=ListBatches,
        answer=resources.BatchPage,
        answer_description="One page of batches.",
        example=examples.BATCH_PAGE,
        errors=(404,),
    ),
    Operation(
        operation_id="get_batch",
        path="/v2/batch",
        handler=get_batch,
        summary="Get one batch",
        description="Give `batch_id` or `batch_name`.",
        tag="Batches",
        role=Role.read,
        query=GetBatch,
        answer=resources.Batch,
        answer_description="The batch.",
        example=examples.BATCH,
        errors=(404,),
    ),
    Operation(
        operation_id="list_projects",
        path="/v2/projects",
        handler=list_projects,
        summary="List projects",
        tag="Projects",
        role=Role.read,
        query=ListProjects,
        answer=resources.ProjectList,
        answer_description="All projects, oldest first.",
        example=examples.PROJECT_LIST,
    ),
    Operation(
        operation_id="get_project",
        path="/v2/project",
        handler=get_project,
        summary="Get one project",
        description="Give `project_id` or `project_name`.",
        tag="Projects",
        role=Role.read,
        query=GetProject,
        answer=resources.Project,
        answer_description="The project.",
        example=examples.PROJECT,
        errors=(404,),
    ),
)
