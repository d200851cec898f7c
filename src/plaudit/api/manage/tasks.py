"""Tasks under /manage/v1: bulk upload, content, and status changes."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.api.http.bodies import LARGE_BODY, read_lines, read_pieces, refuse_encoding
from plaudit.api.http.operation import REPLAYED, Call, Response, WriteContext, idempotency_key
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import declare
from plaudit.api.openapi import examples
from plaudit.core.labeling import task_notes
from plaudit.core.outbound.callback_urls import check_callback
from plaudit.core.tasks import lifecycle, listing
from plaudit.core.tasks.bulk_upload import BulkUpload
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import Role, StoredTask
from plaudit.settings import BODY_BYTES_MAX, STREAM_BYTES_MAX
from plaudit.store.tasks import tasks
from plaudit.store.tasks.projects import find_project, find_project_by_key
from plaudit.wire.manage.resources import (
    CompleteTask,
    FailTask,
    Nothing,
    TaskContent,
    TaskRow,
    UploadResult,
)
from plaudit.wire.v2.task import Task

NDJSON = "application/x-ndjson"
ERRORS_MAX = 100

_encode = msgspec.json.Encoder().encode


async def upload_tasks(call: Call[NoQuery]) -> Response:
    """POST /manage/v1/projects/{project_id}/tasks: create one task per NDJSON line."""
    services, headers = call.services, dict(call.scope["headers"])
    refuse_encoding(headers)
    idem_key = idempotency_key(headers)
    async with services.db.read() as tx:
        project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")

    async def check(callback: str) -> None:
        async with call.aside():
            await check_callback(
                callback,
                http_client=services.http_client,
                settings=services.settings,
                pointer="/callback_url",
            )

    upload = BulkUpload(
        services.db,
        project,
        call.actor,
        "upload_tasks",
        idem_key=idem_key,
        scope=call.scope["path"].encode(),
        check_callback=check,
        structure_max=LARGE_BODY.structure_max,
        parse=services.bodies.run,
    )
    async for line in read_lines(read_pieces(call.receive, STREAM_BYTES_MAX), BODY_BYTES_MAX):
        await upload.add(line)
    answer = await upload.finish()
    return Response(answer, headers=[REPLAYED] if upload.is_replayed else [])


async def get_content(call: Call[NoQuery]) -> Response:
    """GET /manage/v1/tasks/{task_id}/content: the conversation prepared for annotators."""
    async with call.services.db.read() as tx:
        task = await tasks.find_task(tx, call.caller.environment_id, call.path["task_id"])
    if task is None:
        raise NotFound("there is no such task")
    return Response(b'{"task_id":%b,"content":%b}' % (_encode(task.task_id), task.content or b"[]"))


async def complete_task(call: Call[NoQuery], body: CompleteTask, context: WriteContext) -> Response:
    """POST /manage/v1/tasks/{task_id}/complete: complete a task with the given threads."""
    task = await _get_task(call, context)
    await lifecycle.complete_task(context.tx, context.environment_id, task, body.threads)
    return await _record_move(call, context, task)


async def cancel_task(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Response:
    """POST /manage/v1/tasks/{task_id}/cancel: cancel a task."""
    task = await _get_task(call, context)
    await lifecycle.cancel_task(context.tx, context.environment_id, task)
    return await _record_move(call, context, task)


async def fail_task(call: Call[NoQuery], body: FailTask, context: WriteContext) -> Response:
    """POST /manage/v1/tasks/{task_id}/error: put a task into error, with 1 to 100 errors."""
    if not 0 < len(body.errors) <= ERRORS_MAX:
        raise InvalidContent(f"give 1 to {ERRORS_MAX} errors", pointer="/errors")
    task = await _get_task(call, context)
    await lifecycle.fail_task(context.tx, context.environment_id, task, body.errors)
    return await _record_move(call, context, task)


async def reopen_task(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Response:
    """POST /manage/v1/tasks/{task_id}/reopen: make a completed task pending again."""
    task = await _get_task(call, context)
    await lifecycle.reopen_task(context.tx, context.environment_id, task)
    return await _record_move(call, context, task)


async def offer_task(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Response:
    """POST /manage/v1/tasks/{task_id}/offer: offer a task again that everybody skipped."""
    task = await _get_task(call, context)
    project = await find_project_by_key(context.tx, context.environment_id, task.project_key)
    assert project is not None, "a task's project is never deleted"
    await task_notes.offer_task_again(context.tx, project, task, call.caller.key_id)
    return await _record_move(call, context, task)


async def _get_task(call: Call[NoQuery], context: WriteContext) -> StoredTask:
    task = await tasks.find_task(context.tx, context.environment_id, call.path["task_id"])
    if task is None:
        raise NotFound("there is no such task")
    return task


async def _record_move(call: Call[NoQuery], context: WriteContext, task: StoredTask) -> Response:
    """Audit a status change, and answer with the task as `GET /v2/task` does."""
    await context.note(
        "task", task.task_id, project_key=task.project_key, detail={"from": task.status}
    )
    body = await listing.find_task_json(
        context.tx,
        context.environment_id,
        task.task_id,
        expand=frozenset(),
        opts=int(call.services.settings.default_opts),
    )
    assert body is not None
    return Response(body)


def _move(operation_id: str, verb: str, **fields: Any) -> Any:
    return declare(
        operation_id,
        "POST",
        f"/tasks/{{task_id}}/{verb}",
        role=Role.write,
        answer=Task,
        answer_description="The task as it now is.",
        errors=(404,),
        **fields,
    )


OPERATIONS = (
    declare(
        "upload_tasks",
        "POST",
        "/projects/{project_id}/tasks",
        role=Role.write,
        handler=upload_tasks,
        streams=(NDJSON,),
        row=TaskRow,
        summary="Create many tasks",
        description="The body is JSONL: one object a line, each a task. A line may have `task_id`, "
        "`unique_id`, `batch_id` or `batch_name`, `metadata`, `callback_url`, and either "
        "`content` (the prepared conversation, a list of threads) or `template_variables`. Bad "
        "lines are told with their number and a reason, and the others go in. A line whose "
        "`unique_id` or `task_id` is stored already is `unchanged` if project, batch and content "
        "are the same, else rejected. Lines are stored by chunks of 200 or 4 MiB; an upload "
        "that broke off is sent again whole, under the same `Idempotency-Key` if its lines have "
        "no `unique_id`, and nothing is created twice.",
        answer=UploadResult,
        answer_description="What became of each line.",
        example=examples.UPLOAD_RESULT,
        body_example=examples.UPLOAD,
        errors=(404,),
    ),
    declare(
        "get_task_content",
        "GET",
        "/tasks/{task_id}/content",
        role=Role.read,
        handler=get_content,
        summary="Get a task's prepared conversation",
        answer=TaskContent,
        answer_description="The conversation; an empty list if it has none.",
        example=examples.TASK_CONTENT,
        errors=(404,),
    ),
    _move(
        "complete_task",
        "complete",
        handler=complete_task,
        body=CompleteTask,
        body_limit=LARGE_BODY,
        summary="Complete a pending task",
        description="For machine annotators: the threads are delivered as they are given, once "
        "they have passed the checks of an import. 409 if the task is no longer pending.",
        body_example={"threads": examples.TASK["threads"]},
        example=examples.TASK,
    ),
    _move(
        "cancel_task",
        "cancel",
        handler=cancel_task,
        body=Nothing,
        summary="Cancel a pending task",
        description="409 if the task is no longer pending.",
        body_example={},
        example=examples.PENDING_TASK | {"status": "canceled"},
    ),
    _move(
        "fail_task",
        "error",
        handler=fail_task,
        body=FailTask,
        body_limit=LARGE_BODY,
        summary="Put a pending task in status error",
        description="409 if the task is no longer pending.",
        body_example={"errors": examples.TASK_ERRORS},
        example=examples.PENDING_TASK | {"status": "error", "errors": examples.TASK_ERRORS},
    ),
    _move(
        "reopen_task",
        "reopen",
        handler=reopen_task,
        body=Nothing,
        summary="Make a completed task pending again",
        description="Its threads go; what they asked stays as its content. 409 if the task is "
        "not completed, or its batch is cancelled.",
        body_example={},
        example=examples.PENDING_TASK,
    ),
    _move(
        "offer_task",
        "offer",
        handler=offer_task,
        body=Nothing,
        summary="Offer a task again that everybody skipped",
        description="For a pending task that nobody is left for: everybody who ever took a task "
        "of the project has skipped or submitted it. Those who skipped it are given it again, "
        "after the tasks that are new to them. 409 if somebody has it, or could be given it.",
        body_example={},
        example=examples.PENDING_TASK,
    ),
)
