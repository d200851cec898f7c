"""Datasets and schemas under /manage/v1: create them, deliver tasks with their files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from plaudit.api.http.bodies import LARGE_BODY
from plaudit.api.http.operation import Call, Operation, WriteContext, idempotency_key
from plaudit.api.http.parameters import NoQuery
from plaudit.api.openapi import examples_datasets as examples
from plaudit.core.common import idempotency
from plaudit.core.datasets import attachments, datasets
from plaudit.core.datasets.datasets import AttachedFile, NewTask
from plaudit.core.deliveries import schemas
from plaudit.errors import InvalidContent, Unavailable
from plaudit.model.core import Role
from plaudit.model.deliveries import AttachmentRow
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.deliveries import schemas as schemas_store
from plaudit.wire.manage.datasets import (
    CreateDataset,
    CreateDatasetDelivery,
    CreatedDatasetDelivery,
    CreateSchema,
    DeliveredAttachment,
    DeliveredTask,
    NewAttachment,
    NewDatasetTask,
    SchemaEntry,
    SchemaList,
)
from plaudit.wire.v2 import datasets as wire

_LOOKED_UP_AT_ONCE = 250
"""Ids that are looked up in one step on the event loop."""

_KEPT = "plaudit.kept"
"""Key in the request's scope of the list of NewTask whose files are stored already."""


async def create_dataset(
    call: Call[NoQuery], body: CreateDataset, context: WriteContext
) -> wire.Dataset:
    """POST /manage/v1/datasets: create an empty dataset."""
    dataset = await datasets.create_dataset(context.tx, context.environment_id, name=body.name)
    await context.note("dataset", dataset.dataset_id)
    return wire.dataset(dataset)


async def keep_files(call: Call[NoQuery], body: CreateDatasetDelivery) -> None:
    """Check a delivery and store its files, before the transaction that adds their rows.

    Raises what the transaction would raise, so that no file is stored in vain. Stores nothing if
    the Idempotency-Key was used before.
    """
    environment_id, services = call.caller.environment_id, call.services
    if len(body.tasks) > datasets.TASKS_MAX:
        raise InvalidContent(
            f"a delivery takes at most {datasets.TASKS_MAX} tasks in one request", pointer="/tasks"
        )
    idem_key = idempotency_key(dict(call.scope["headers"]))
    async with services.db.read() as tx:
        if idem_key is not None and await idempotency.is_used(tx, environment_id, idem_key):
            return
        dataset = await datasets.get_dataset(tx, environment_id, call.path["dataset_id"])
    uploads = await _find_uploads(call, body)
    prepared = await services.bodies.run_in_thread(
        lambda: [
            _prepared(uploads, task, f"/tasks/{number}") for number, task in enumerate(body.tasks)
        ]
    )
    task_ids = _task_ids(body)
    for start in range(0, max(1, len(task_ids)), _LOOKED_UP_AT_ONCE):
        async with services.db.read() as tx:
            chunk = task_ids[start : start + _LOOKED_UP_AT_ONCE]
            await datasets.require_unused(tx, dataset, body.name, chunk)
        await asyncio.sleep(0)
    kept = []
    for task, files in zip(body.tasks, prepared, strict=True):
        stored = tuple([await _stored(call, file) for file in files])
        kept.append(NewTask(task.task_id, task.response, stored))
        if files:
            await asyncio.sleep(0)
    call.scope[_KEPT] = kept


async def create_dataset_delivery(
    call: Call[NoQuery], body: CreateDatasetDelivery, context: WriteContext
) -> CreatedDatasetDelivery:
    """POST /manage/v1/datasets/{dataset_id}/deliveries: create a delivery with its tasks."""
    tasks: list[NewTask] | None = call.scope.get(_KEPT)
    if tasks is None:  # the Idempotency-Key expired between `keep_files` and here
        raise Unavailable("the server cannot tell whether this was done before; try again")
    dataset = await datasets.get_dataset(
        context.tx, context.environment_id, call.path["dataset_id"]
    )
    delivery, added = await datasets.deliver(context.tx, dataset, name=body.name, tasks=tasks)
    await context.note(
        "dataset_delivery",
        delivery.delivery_id,
        detail={"dataset": dataset.dataset_id, "task_count": delivery.task_count},
    )
    response = wire.delivery(delivery, dataset.dataset_id)
    return CreatedDatasetDelivery(
        **msgspec.structs.asdict(response),
        tasks=[
            DeliveredTask(
                task_id=row.task_id, attachments=[_delivered(file) for file in new.attached]
            )
            for row, new in zip(added, tasks, strict=True)
        ],
    )


async def check_schema(call: Call[NoQuery], body: CreateSchema) -> bytes:
    """Check a schema's JSON before the transaction, where it holds nobody up."""
    return await call.services.bodies.run_in_thread(
        lambda: schemas.checked_json(body.json, structure_max=LARGE_BODY.structure_max)
    )


async def create_schema(
    call: Call[NoQuery], body: CreateSchema, context: WriteContext
) -> wire.SchemaAnswer:
    """POST /manage/v1/schemas: create a schema."""
    schema = await schemas.create_schema(
        context.tx,
        context.environment_id,
        name=body.name,
        json=call.prepared,
        actor_id=context.actor.id,
    )
    await context.note("schema", schema.schema_id)
    return wire.SchemaAnswer(schema=wire.schema(schema))


async def list_schemas(call: Call[NoQuery]) -> SchemaList:
    """GET /manage/v1/schemas: list all schemas without their JSON text."""
    async with call.services.db.read() as tx:
        rows = await schemas_store.list_schemas(tx, call.caller.environment_id, with_text=False)
    schemas_with_text = [msgspec.structs.asdict(wire.schema(row)) for row in rows]
    return SchemaList(
        schemas=[
            SchemaEntry(**{name: schema[name] for name in SchemaEntry.__struct_fields__})
            for schema in schemas_with_text
        ]
    )


def _task_ids(body: CreateDatasetDelivery) -> list[str]:
    """Task ids of the request, without absent ones; raises InvalidContent for a duplicate."""
    numbers: dict[str, int] = {}
    for number, task in enumerate(body.tasks):
        if task.task_id is not None and numbers.setdefault(task.task_id, number) != number:
            raise InvalidContent(
                "this id stands twice among the tasks", pointer=f"/tasks/{number}/task_id"
            )
    return list(numbers)


class _File(msgspec.Struct, frozen=True):
    """File of a delivery: `content` to store, or an attachment `uploaded` before."""

    public_id: str | None
    requested: NewAttachment
    content: bytes = b""
    uploaded: AttachedFile | None = None


async def _find_uploads(
    call: Call[NoQuery], body: CreateDatasetDelivery
) -> dict[str, AttachmentRow]:
    """Uploaded attachments that the tasks name, by id; unknown ones are left out."""
    wanted = list({file.upload for task in body.tasks for file in task.attachments if file.upload})
    found: dict[str, AttachmentRow] = {}
    for start in range(0, len(wanted), _LOOKED_UP_AT_ONCE):
        async with call.services.db.read(snapshot=False) as tx:
            found |= await attachments_store.find_attachments(
                tx, call.caller.environment_id, wanted[start : start + _LOOKED_UP_AT_ONCE]
            )
        await asyncio.sleep(0)
    return found


def _prepared(uploads: dict[str, AttachmentRow], task: NewDatasetTask, pointer: str) -> list[_File]:
    """Check the files of a task against its limits; raises InvalidContent below `pointer`."""
    files = []
    for number, requested in enumerate(task.attachments):
        at = f"{pointer}/attachments/{number}"
        attachments.check_name_and_type(requested.name, requested.mime_type, at)
        if (requested.content is None) == (requested.upload is None):
            raise InvalidContent("give either content or upload", pointer=at)
        if requested.content is not None:
            content = attachments.decode_base64(requested.content, f"{at}/content")
            files.append(_File(requested.id, requested, content))
            continue
        if requested.name is not None or requested.mime_type is not None:
            raise InvalidContent("an upload has its name and type already", pointer=at)
        row = uploads.get(requested.upload or "")
        if row is None:
            raise InvalidContent("there is no such upload", pointer=f"{at}/upload")
        public_id = requested.id or row.attachment_id
        files.append(
            _File(public_id, requested, uploaded=AttachedFile(public_id, row, is_new=False))
        )
    sizes = sum(
        len(file.content) if file.uploaded is None else file.uploaded.attachment.size
        for file in files
    )
    public_ids = [file.public_id for file in files if file.public_id is not None]
    try:
        datasets.check_task(task.task_id, task.response, public_ids, sizes)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + exc.pointer) from exc
    return files


async def _stored(call: Call[NoQuery], file: _File) -> AttachedFile:
    if file.uploaded is not None:
        return file.uploaded
    row = await attachments.store_file(
        call.services.objects,
        call.caller.environment_id,
        _one_piece(file.content),
        name=file.requested.name,
        mime_type=file.requested.mime_type,
    )
    return AttachedFile(file.public_id or row.attachment_id, row)


async def _one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _delivered(file: AttachedFile) -> DeliveredAttachment:
    return DeliveredAttachment(
        id=file.public_id,
        name=file.attachment.name,
        mime_type=file.attachment.mime_type,
        size=file.attachment.size,
    )


OPERATIONS = (
    Operation(
        operation_id="create_dataset",
        path="/manage/v1/datasets",
        method="POST",
        handler=create_dataset,
        summary="Create a dataset",
        description="Its name is new in the organization, else 409.",
        tag="Datasets",
        role=Role.write,
        body=CreateDataset,
        body_example=examples.CREATE_DATASET,
        answer=wire.Dataset,
        answer_description="The dataset.",
        example=examples.DATASET,
    ),
    Operation(
        operation_id="create_dataset_delivery",
        path="/manage/v1/datasets/{dataset_id}/deliveries",
        method="POST",
        handler=create_dataset_delivery,
        before=keep_files,
        summary="Deliver tasks into a dataset",
        description="All tasks go in or none. What was delivered never changes. A file comes as "
        "base64 (`content`), or was uploaded before and is named by its id (`upload`). The name is "
        "new in the dataset and the ids of the tasks in the organization, else 409.",
        tag="Datasets",
        role=Role.write,
        body=CreateDatasetDelivery,
        body_limit=LARGE_BODY,
        body_example=examples.CREATE_DELIVERY,
        answer=CreatedDatasetDelivery,
        answer_description="The delivery, and the ids of its tasks and files.",
        example=examples.CREATED_DELIVERY,
        errors=(404,),
    ),
    Operation(
        operation_id="create_schema",
        path="/manage/v1/schemas",
        method="POST",
        handler=create_schema,
        before=check_schema,
        summary="Keep a schema of deliveries",
        description="The JSON Schema is kept as the text that is given; an object becomes text.",
        tag="Datasets",
        role=Role.write,
        body=CreateSchema,
        body_limit=LARGE_BODY,
        body_example=examples.CREATE_SCHEMA,
        answer=wire.SchemaAnswer,
        answer_description="The schema.",
        example=examples.SCHEMA_ANSWER,
    ),
    Operation(
        operation_id="list_schemas",
        path="/manage/v1/schemas",
        handler=list_schemas,
        summary="List schemas",
        tag="Datasets",
        role=Role.read,
        answer=SchemaList,
        answer_description="All schemas, oldest first, without their text.",
        example=examples.SCHEMA_LIST,
    ),
)
