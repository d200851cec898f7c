"""GET /v1/task/{taskId}, the one operation of Scale's older API that v2 clients still use."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import Call, Operation
from plaudit.api.http.parameters import NoQuery
from plaudit.api.openapi import examples
from plaudit.errors import NotFound
from plaudit.model.core import ALL_OPTS, Role
from plaudit.store.tasks import batches, projects, tasks
from plaudit.wire.v2 import render
from plaudit.wire.v2.legacy import TYPE, LegacyOutput, LegacyResponse, LegacyTask
from plaudit.wire.v2.task import Thread


class _RawThreads(Struct):
    threads: list[msgspec.Raw] = []


_decode = msgspec.json.Decoder(_RawThreads).decode


async def get_legacy_task(call: Call[NoQuery]) -> LegacyTask:
    """GET /v1/task/{taskId}: one task in the older shape; raises NotFound."""
    environment_id = call.caller.environment_id
    async with call.db.read() as tx:
        task = await tasks.find_task(tx, environment_id, call.path["taskId"])
        if task is None:
            raise NotFound("there is no such task")
        project = await projects.find_project_by_key(tx, environment_id, task.project_key)
        batch = (
            None
            if task.batch_id is None
            else await batches.find_batch(tx, environment_id, task.batch_id)
        )
    assert project is not None
    fields = render.read_head(task.head)
    params: dict[str, Any] = {"project": project.name}
    if batch is not None:
        params["batch"] = batch.name
    if fields.metadata is not None:
        params["metadata"] = fields.metadata
    # The stored JSON of each thread is what would be written again, so it is not decoded.
    threads = _decode(render.threads_json(task, int(ALL_OPTS))).threads
    outputs = [LegacyOutput(output=cast(Thread, thread)) for thread in threads]
    return LegacyTask(
        task_id=task.task_id,
        created_at=fields.created_at,
        completed_at=fields.completed_at,
        type=TYPE,
        status=task.status,
        params=params,
        response=LegacyResponse(responses=outputs) if task.body is not None else None,
    )


OPERATIONS = (
    Operation(
        operation_id="get_legacy_task",
        path="/v1/task/{taskId}",
        handler=get_legacy_task,
        summary="Get one task in the shape of the older API",
        description="Each delivered thread is one of `response.responses`, with all its details.",
        tag="Tasks",
        role=Role.read,
        answer=LegacyTask,
        answer_description="The task.",
        example=examples.LEGACY_TASK,
        errors=(404,),
    ),
)
