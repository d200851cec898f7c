"""Our own routes for datasets and schemas: create them, deliver tasks with their files."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from plaudit.api.http.operation import Call, Operation, WriteContext, idempotency_key
from plaudit.api.http.parameters import NoQuery
from plaudit.api.openapi import examples_datasets as examples
from plaudit.core.common import idempotency
from plaudit.core.datasets import attachments, datasets
from plaudit.core.datasets.datasets import AttachedFile, NewTask
from plaudit.core.deliveries import schemas
from plaudit.errors import InvalidContent, Unavailable
from plaudit.model.core import Role
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.deliveries import schemas as schemas_store
from plaudit.store.engine.engine import Transaction
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

_KEPT = "plaudit.kept"
"""Where a request's scope holds the tasks whose files are kept, for the transaction to add."""


async def create_dataset(
    call: Call[NoQuery], body: CreateDataset, change: WriteContext
) -> wire.Dataset:
    """POST /manage/v1/datasets: one empty dataset."""
    dataset = await datasets.create_dataset(change.tx, change.environment_id, name=body.name)
    await change.note("dataset", dataset.dataset_id)
    return wire.dataset(dataset)


async def keep_files(call: Call[NoQuery], body: CreateDatasetDelivery) -> None:
    """Check a delivery, and keep its files before the transaction that adds their rows.

    What the transaction would refuse is refused here already, so that no file is kept for it. A
    request that was answered before, by its Idempotency-Key, keeps nothing again.
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
        prepared = [
            await _prepared(tx, environment_id, task, f"/tasks/{number}")
            for number, task in enumerate(body.tasks)
        ]
        task_ids = _task_ids(body)
        await datasets.require_unused(tx, dataset, body.name, task_ids)
    call.scope[_KEPT] = [
        NewTask(
            task.task_id,
            task.response,
            tuple([await _kept(call, one) for one in files]),
        )
        for task, files in zip(body.tasks, prepared, strict=True)
    ]


async def create_dataset_delivery(
    call: Call[NoQuery], body: CreateDatasetDelivery, change: WriteContext
) -> CreatedDatasetDelivery:
    """POST /manage/v1/datasets/{dataset_id}/deliveries: one delivery with all its tasks."""
    tasks: list[NewTask] | None = call.scope.get(_KEPT)
    if tasks is None:  # its Idempotency-Key was forgotten between the two looks at it
        raise Unavailable("the server cannot tell whether this was done before; try again")
    dataset = await datasets.get_dataset(change.tx, change.environment_id, call.path["dataset_id"])
    delivery, added = await datasets.deliver(change.tx, dataset, name=body.name, tasks=tasks)
    await change.note(
        "dataset_delivery",
        delivery.delivery_id,
        detail={"dataset": dataset.dataset_id, "task_count": delivery.task_count},
    )
    shown = wire.delivery(delivery, dataset.dataset_id)
    return CreatedDatasetDelivery(
        **msgspec.structs.asdict(shown),
        tasks=[
            DeliveredTask(
                task_id=row.task_id, attachments=[_delivered(one) for one in new.attached]
            )
            for row, new in zip(added, tasks, strict=True)
        ],
    )


async def create_schema(
    call: Call[NoQuery], body: CreateSchema, change: WriteContext
) -> wire.SchemaAnswer:
    """POST /manage/v1/schemas: one schema."""
    schema = await schemas.create_schema(
        change.tx, change.environment_id, name=body.name, json=body.json, actor_id=change.actor.id
    )
    await change.note("schema", schema.schema_id)
    return wire.SchemaAnswer(schema=wire.schema(schema))


async def list_schemas(call: Call[NoQuery]) -> SchemaList:
    """GET /manage/v1/schemas: all schemas, without their text."""
    async with call.services.db.read() as tx:
        found = await schemas_store.list_schemas(tx, call.caller.environment_id)
    shown = [msgspec.structs.asdict(wire.schema(one)) for one in found]
    return SchemaList(
        schemas=[
            SchemaEntry(**{name: one[name] for name in SchemaEntry.__struct_fields__})
            for one in shown
        ]
    )


def _task_ids(body: CreateDatasetDelivery) -> list[str]:
    """The ids that the request gives its tasks; raises InvalidContent if one stands twice."""
    found: dict[str, int] = {}
    for number, one in enumerate(body.tasks):
        if one.task_id is not None and found.setdefault(one.task_id, number) != number:
            raise InvalidContent(
                "this id stands twice among the tasks", pointer=f"/tasks/{number}/task_id"
            )
    return list(found)


class _File(msgspec.Struct, frozen=True):
    """A file of a delivery: bytes to be kept, or one that is kept already."""

    public_id: str | None
    given: NewAttachment
    content: bytes = b""
    uploaded: AttachedFile | None = None


async def _prepared(
    tx: Transaction, environment_id: str, task: NewDatasetTask, pointer: str
) -> list[_File]:
    """The files of a task, checked; raises InvalidContent."""
    files = []
    for number, one in enumerate(task.attachments):
        at = f"{pointer}/attachments/{number}"
        attachments.check_name_and_type(one.name, one.mime_type, at)
        if (one.content is None) == (one.upload is None):
            raise InvalidContent("give either content or upload", pointer=at)
        if one.content is not None:
            content = attachments.decode_base64(one.content, f"{at}/content")
            files.append(_File(one.id, one, content))
            continue
        if one.name is not None or one.mime_type is not None:
            raise InvalidContent("an upload has its name and type already", pointer=at)
        row = await attachments_store.find_attachment(tx, environment_id, one.upload or "")
        if row is None:
            raise InvalidContent("there is no such upload", pointer=f"{at}/upload")
        public_id = one.id or row.attachment_id
        files.append(_File(public_id, one, uploaded=AttachedFile(public_id, row, is_new=False)))
    sizes = sum(
        len(one.content) if one.uploaded is None else one.uploaded.attachment.size for one in files
    )
    public_ids = [one.public_id for one in files if one.public_id is not None]
    try:
        datasets.check_task(task.task_id, task.response, public_ids, sizes)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + exc.pointer) from exc
    return files


async def _kept(call: Call[NoQuery], file: _File) -> AttachedFile:
    if file.uploaded is not None:
        return file.uploaded
    row = await attachments.store_file(
        call.services.objects,
        call.caller.environment_id,
        _one_piece(file.content),
        name=file.given.name,
        mime_type=file.given.mime_type,
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
        summary="Keep a schema of deliveries",
        description="The JSON Schema is kept as the text that is given; an object becomes text.",
        tag="Datasets",
        role=Role.write,
        body=CreateSchema,
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
