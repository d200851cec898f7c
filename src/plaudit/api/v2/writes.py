"""Operations of the v2 API that write tasks and batches.

Handlers only translate between HTTP and core; docs/compatibility.md compares them with Scale's.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import LARGE_BODY, METADATA_BODY
from plaudit.api.http.operation import Call, Operation, Response, WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.openapi import examples
from plaudit.core.outbound.callback_urls import check_callback
from plaudit.core.tasks import batches, lifecycle, listing, templates
from plaudit.core.tasks.resolve import ScopeNames, find_batch, find_project, project_of
from plaudit.errors import InvalidContent, InvalidParameter, NotFound
from plaudit.ids import is_usable
from plaudit.model.core import BatchRow, ProjectRow, Role
from plaudit.wire.v2 import resources
from plaudit.wire.v2.requests import (
    BatchResult,
    CreateBatch,
    CreateTask,
    NameBatch,
    SetBatchMetadata,
    SetTaskMetadata,
)
from plaudit.wire.v2.task import Task

EXPAND_NOTHING: frozenset[str] = frozenset()


class NameBatchInQuery(Struct, frozen=True):
    """Query of POST /v2/batch/metadata; Scale's documentation shows the batch there."""

    batch_id: Annotated[str | None, Text(description="As in the body.")] = None
    batch_name: Annotated[str | None, Text(description="As in the body.")] = None


async def create_task(call: Call[NoQuery], body: CreateTask, context: WriteContext) -> Response:
    """POST /v2/task/chat: create a pending task from the project's template."""
    tx, environment_id = context.tx, context.environment_id
    scope = ScopeNames(body.project_id, body.project_name, body.batch_id, body.batch_name)
    project = await find_project(tx, environment_id, scope)
    batch = await find_batch(tx, environment_id, scope, project)
    if project is None:
        if batch is None:
            raise InvalidParameter("give project_id or project_name", param="project_id")
        project = await project_of(tx, batch)
    if body.unique_id is not None and not is_usable(body.unique_id):
        raise InvalidContent(
            "a unique_id has 1 to 255 characters, no control characters", pointer="/unique_id"
        )
    template = templates.read_template(resources.project_detail(project).template)
    task = await lifecycle.create_task(
        tx,
        project,
        batch=batch,
        metadata=body.metadata,
        content=templates.fill_template(template, body.template_variables or {}),
        unique_id=body.unique_id,
        callback_url=body.callback_url or None,
    )
    await context.note("task", task.task_id, project_key=project.project_key)
    return await _task_response(call, context, task.task_id)


async def set_task_metadata(
    call: Call[NoQuery], body: SetTaskMetadata, context: WriteContext
) -> Response:
    """POST /v2/task/metadata: replace a task's metadata, or merge into it."""
    task = await lifecycle.set_metadata(
        context.tx, context.environment_id, body.task_id, body.metadata, merge=body.merge or False
    )
    await context.note("task", task.task_id, project_key=task.project_key)
    return await _task_response(call, context, task.task_id)


async def check_task_callback(call: Call[NoQuery], body: CreateTask) -> None:
    """Refuse a task's callback URL that must not be called; runs before the transaction (DNS)."""
    await _check_callback(call, body.callback_url, "/callback_url")


async def check_batch_callback(call: Call[NoQuery], body: CreateBatch) -> None:
    """Refuse a batch's callback that must not be called; runs before the transaction (DNS)."""
    await _check_callback(call, body.callback, "/callback")


async def create_batch(
    call: Call[NoQuery], body: CreateBatch, context: WriteContext
) -> resources.Batch:
    """POST /v2/batch: create a batch, in progress or staging."""
    project = await _project_for_batch(context, body)
    batch = await batches.open_batch(
        context.tx,
        project,
        name=body.name,
        is_staging=body.staging_batch or False,
        metadata=body.metadata or {},
        callback=body.callback or None,
    )
    await context.note("batch", batch.batch_id, project_key=project.project_key)
    return resources.batch(batch, project.project_id)


async def finalize_batch(
    call: Call[NoQuery], body: NameBatch, context: WriteContext
) -> resources.Batch:
    """POST /v2/batch/finalize: start a staging batch."""
    return await _move(context, body, "finalize")


async def pause_batch(call: Call[NoQuery], body: NameBatch, context: WriteContext) -> BatchResult:
    """POST /v2/batch/pause: stop leasing out the batch's tasks."""
    batch = await _move(context, body, "pause")
    return BatchResult(batch=batch, message="The batch has been paused.")


async def resume_batch(call: Call[NoQuery], body: NameBatch, context: WriteContext) -> BatchResult:
    """POST /v2/batch/resume: lease out a paused batch's tasks again."""
    batch = await _move(context, body, "resume")
    return BatchResult(batch=batch, message="The batch has been resumed.")


async def cancel_batch(call: Call[NoQuery], body: NameBatch, context: WriteContext) -> BatchResult:
    """POST /v2/batch/cancel: cancel the batch and its pending tasks."""
    batch = await _move(context, body, "cancel")
    return BatchResult(batch=batch, message="The batch has been cancelled.")


async def set_batch_metadata(
    call: Call[NameBatchInQuery], body: SetBatchMetadata, context: WriteContext
) -> resources.Batch:
    """POST /v2/batch/metadata: replace a batch's metadata, or merge into it."""
    name = NameBatch(
        batch_id=body.batch_id or call.query.batch_id,
        batch_name=body.batch_name or call.query.batch_name,
    )
    batch = await _find_batch(context, name)
    batch = await batches.set_metadata(context.tx, batch, body.metadata, merge=body.merge or False)
    await context.note("batch", batch.batch_id, project_key=batch.project_key)
    return await listing.batch_resource(context.tx, batch, EXPAND_NOTHING)


async def _check_callback(call: Call[Any], callback: str | None, pointer: str) -> None:
    if callback:
        services = call.services
        async with call.aside():
            await check_callback(
                callback,
                http_client=services.http_client,
                settings=services.settings,
                pointer=pointer,
            )


async def _move(context: WriteContext, name: NameBatch, action: str) -> resources.Batch:
    before = await _find_batch(context, name)
    batch = await batches.apply_action(context.tx, before, action)
    await context.note(
        "batch",
        batch.batch_id,
        project_key=batch.project_key,
        detail={"from": before.status, "to": batch.status},
    )
    return await listing.batch_resource(context.tx, batch, EXPAND_NOTHING)


async def _find_batch(context: WriteContext, name: NameBatch) -> BatchRow:
    scope = ScopeNames(batch_id=name.batch_id or None, batch_name=name.batch_name or None)
    batch = await find_batch(context.tx, context.environment_id, scope, None)
    if batch is None:
        raise InvalidParameter("give batch_id or batch_name", param="batch_id")
    return batch


async def _project_for_batch(context: WriteContext, body: CreateBatch) -> ProjectRow:
    scope = ScopeNames(body.project_id or None, body.project_name or None)
    project = await find_project(context.tx, context.environment_id, scope)
    if project is not None:
        return project
    if not body.project:
        raise InvalidParameter("give project_id or project_name", param="project_id")
    try:
        named = await find_project(context.tx, context.environment_id, ScopeNames(body.project))
    except NotFound:
        named = await find_project(
            context.tx, context.environment_id, ScopeNames(project_name=body.project)
        )
    assert named is not None
    return named


async def _task_response(call: Call[Any], context: WriteContext, task_id: str) -> Response:
    body = await listing.find_task_json(
        context.tx,
        context.environment_id,
        task_id,
        expand=EXPAND_NOTHING,
        opts=int(call.services.settings.default_opts),
    )
    assert body is not None
    return Response(body)


def _task(operation_id: str, path: str, **fields: Any) -> Operation:
    return Operation(
        operation_id=operation_id,
        path=path,
        method="POST",
        tag="Tasks",
        role=Role.write,
        answer=Task,
        answer_description="The task.",
        example=examples.PENDING_TASK,
        **fields,
    )


def _batch(operation_id: str, path: str, answer: type[Struct], **fields: Any) -> Operation:
    by_name: dict[str, Any] = {"body": NameBatch, "body_example": {"batch_id": "batch_123"}}
    is_bare = answer is resources.Batch
    return Operation(
        operation_id=operation_id,
        path=path,
        method="POST",
        tag="Batches",
        role=Role.write,
        answer=answer,
        answer_description="The batch." if is_bare else "The batch, and what was done.",
        example=examples.BATCH if is_bare else examples.BATCH_RESULT,
        errors=(404,),
        **(by_name | fields),
    )


_CREATION: dict[str, Any] = {
    "handler": create_task,
    "before": check_task_callback,
    "body": CreateTask,
    "body_limit": LARGE_BODY,
    "body_example": examples.CREATE_TASK,
    "description": "The project's template makes the opening conversation out of "
    "`template_variables`; a name that it does not know, or one that it needs, is a 400 that "
    "names it. A second task with the same `unique_id` is a 409 that names the first, and "
    "nothing is created. The project may be left out where a batch is given.",
    "errors": (404,),
}

OPERATIONS = (
    _task("create_task", "/v2/task/chat", summary="Create a task", **_CREATION),
    _task(
        "create_task_by_alias",
        "/v2/task",
        summary="Create a task (the same under its older path)",
        **_CREATION,
    ),
    _task(
        "set_task_metadata",
        "/v2/task/metadata",
        summary="Set a task's metadata",
        description="Replaces the whole object, or with `merge` merges into it: objects "
        "merge, any other value (lists included) is replaced. Works in any status.",
        handler=set_task_metadata,
        body=SetTaskMetadata,
        body_limit=METADATA_BODY,
        body_example={"task_id": "task_123", "metadata": {"wave": 2}, "merge": True},
        errors=(404,),
    ),
    _batch(
        "create_batch",
        "/v2/batch",
        resources.Batch,
        summary="Create a batch",
        description="Its name is new in the whole organization, else 409. A staging batch "
        "gives nobody work until it is finalized.",
        handler=create_batch,
        before=check_batch_callback,
        body=CreateBatch,
        body_limit=METADATA_BODY,
        body_example=examples.CREATE_BATCH,
    ),
    _batch(
        "finalize_batch",
        "/v2/batch/finalize",
        resources.Batch,
        summary="Finalize a staging batch",
        handler=finalize_batch,
    ),
    _batch(
        "pause_batch", "/v2/batch/pause", BatchResult,
        summary="Pause a batch in progress", handler=pause_batch,
    ),
    _batch(
        "resume_batch", "/v2/batch/resume", BatchResult,
        summary="Resume a paused batch", handler=resume_batch,
    ),
    _batch(
        "cancel_batch",
        "/v2/batch/cancel",
        BatchResult,
        summary="Cancel a batch and its pending tasks",
        description="Tasks that have ended stay as they are. It cannot be undone.",
        handler=cancel_batch,
        is_long=True,
    ),
    _batch(
        "set_batch_metadata",
        "/v2/batch/metadata",
        resources.Batch,
        summary="Set a batch's metadata",
        description="Replaces the whole object, or with `merge` merges into it.",
        handler=set_batch_metadata,
        query=NameBatchInQuery,
        body=SetBatchMetadata,
        body_limit=METADATA_BODY,
        body_example={"batch_id": "batch_123", "metadata": {"wave": 2}},
    ),
)  # fmt: skip
