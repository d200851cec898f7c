"""Operations of the v2 API on datasets and schemas.

Handlers only translate between HTTP and core; docs/compatibility.md compares them with Scale's.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.attachments import redirect_to
from plaudit.api.http.operation import Call, Operation, Response
from plaudit.api.http.parameters import DateTime, EnumList, IntRange, NoQuery, Text
from plaudit.api.openapi import examples_datasets as examples
from plaudit.core.datasets import datasets, listing
from plaudit.core.datasets.listing import DatasetTaskQuery
from plaudit.core.deliveries import schemas
from plaudit.errors import NotFound
from plaudit.model.core import Role
from plaudit.store.datasets import datasets as datasets_store
from plaudit.wire.v2 import datasets as wire

LIMIT_MAX = 100

_LIMIT = IntRange(
    description="How many tasks to return at the most.", least=1, most=LIMIT_MAX, default=LIMIT_MAX
)
_NEXT_TOKEN = Text(
    description="Where the next page starts: `next_token` of the page before. Filters may be sent "
    "again, unchanged, or left out; `limit` and `expand` may change."
)
_DATASET_ID = Text(description="The dataset's id.", example="dataset_123")
_DELIVERY_ID = Text(description="The delivery's id.", example="delivery_123")
_AFTER = DateTime(description="Only what was delivered strictly after this moment.")
_BEFORE = DateTime(
    description="Only what was delivered strictly before this moment.", round_up=True
)
_EXPAND_TASK = EnumList(
    description="Show these as objects instead of ids.", words=("dataset", "delivery")
)


class ListDatasetDeliveries(Struct, frozen=True):
    """Query of GET /v2/datasets/deliveries."""

    dataset_id: Annotated[str | None, _DATASET_ID] = None
    delivered_after: Annotated[int | None, _AFTER] = None
    delivered_before: Annotated[int | None, _BEFORE] = None
    expand: Annotated[
        frozenset[str],
        EnumList(
            description="Show the dataset as an object instead of its id.", words=("dataset",)
        ),
    ] = frozenset()


class GetDatasetDelivery(Struct, frozen=True):
    """Query of GET /v2/datasets/delivery."""

    delivery_id: Annotated[
        str | None,
        Text(description="The delivery's id.", example="delivery_123", required=True),
    ] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None
    expand: Annotated[frozenset[str], _EXPAND_TASK] = frozenset()


class ListDatasetTasks(Struct, frozen=True):
    """Query of GET /v2/datasets/tasks."""

    dataset_id: Annotated[str | None, _DATASET_ID] = None
    delivery_id: Annotated[str | None, _DELIVERY_ID] = None
    delivered_after: Annotated[int | None, _AFTER] = None
    delivered_before: Annotated[int | None, _BEFORE] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None
    expand: Annotated[frozenset[str], _EXPAND_TASK] = frozenset()


class GetDatasetTask(Struct, frozen=True):
    """Query of GET /v2/datasets/task."""

    task_id: Annotated[
        str | None, Text(description="The task's id.", example="task_123", required=True)
    ] = None
    expand: Annotated[frozenset[str], _EXPAND_TASK] = frozenset()


class GetSchema(Struct, frozen=True):
    """Query of GET /v2/schema."""

    schema_id: Annotated[
        str | None,
        Text(
            description="The schema's id: 24 hexadecimal digits.",
            example="65a0f1c2d3e4f5a6b7c8d9e0",
            required=True,
        ),
    ] = None


async def list_datasets(call: Call[NoQuery]) -> wire.DatasetList:
    """GET /v2/datasets: all datasets, oldest first."""
    async with call.db.read() as tx:
        rows = await datasets_store.list_datasets(tx, call.caller.environment_id)
    return wire.DatasetList(datasets=[wire.dataset(row) for row in rows])


async def list_dataset_deliveries(
    call: Call[ListDatasetDeliveries],
) -> wire.DatasetDeliveryList:
    """GET /v2/datasets/deliveries: deliveries of one dataset, or of all datasets."""
    async with call.db.read() as tx:
        return await listing.list_deliveries(
            tx,
            call.caller.environment_id,
            dataset_id=call.query.dataset_id,
            delivered_after=call.query.delivered_after,
            delivered_before=call.query.delivered_before,
            expand=call.query.expand,
        )


async def get_dataset_delivery(call: Call[GetDatasetDelivery]) -> list[bytes]:
    """GET /v2/datasets/delivery: a delivery and one page of its tasks."""
    query = call.query
    task_query = DatasetTaskQuery(
        delivery_id=query.delivery_id,
        limit=query.limit,
        next_token=query.next_token,
        expand=query.expand,
    )
    async with call.db.read() as tx:
        return await listing.get_delivery_page(
            tx, call.services.secret, call.caller.environment_id, task_query
        )


async def list_dataset_tasks(call: Call[ListDatasetTasks]) -> list[bytes]:
    """GET /v2/datasets/tasks: one page of tasks, assembled from stored bytes."""
    query = call.query
    task_query = DatasetTaskQuery(
        dataset_id=query.dataset_id,
        delivery_id=query.delivery_id,
        delivered_after=query.delivered_after,
        delivered_before=query.delivered_before,
        limit=query.limit,
        next_token=query.next_token,
        expand=query.expand,
    )
    async with call.db.read() as tx:
        return await listing.get_task_page(
            tx, call.services.secret, call.caller.environment_id, task_query
        )


async def get_dataset_task(call: Call[GetDatasetTask]) -> Response:
    """GET /v2/datasets/task: one task; raises NotFound."""
    assert call.query.task_id is not None
    async with call.db.read() as tx:
        body = await listing.get_task(
            tx, call.caller.environment_id, call.query.task_id, call.query.expand
        )
    if body is None:
        raise NotFound("there is no such dataset task")
    return Response(body)


async def get_dataset_task_attachment(call: Call[NoQuery]) -> Response:
    """GET /v2/datasets/task/{taskId}/response_url/{attachmentId}: redirect to a signed link."""
    async with call.db.read() as tx:
        attachment = await datasets.find_attachment(
            tx, call.caller.environment_id, call.path["taskId"], call.path["attachmentId"]
        )
    return redirect_to(call, attachment)


async def get_schema(call: Call[GetSchema]) -> wire.SchemaAnswer:
    """GET /v2/schema: one schema; raises NotFound."""
    assert call.query.schema_id is not None
    async with call.db.read() as tx:
        schema = await schemas.get_schema(tx, call.caller.environment_id, call.query.schema_id)
    return wire.SchemaAnswer(schema=wire.schema(schema))


def _reading(operation_id: str, path: str, handler: Any, **fields: Any) -> Operation:
    return Operation(
        operation_id=operation_id,
        path=path,
        handler=handler,
        tag="Datasets",
        role=Role.read,
        **fields,
    )


OPERATIONS = (
    _reading(
        "list_datasets",
        "/v2/datasets",
        list_datasets,
        summary="List datasets",
        answer=wire.DatasetList,
        answer_description="All datasets, oldest first.",
        example=examples.DATASET_LIST,
    ),
    _reading(
        "list_dataset_deliveries",
        "/v2/datasets/deliveries",
        list_dataset_deliveries,
        summary="List the deliveries of a dataset, or of all",
        query=ListDatasetDeliveries,
        answer=wire.DatasetDeliveryList,
        answer_description="All deliveries in the order of their time.",
        example=examples.DELIVERY_LIST,
        errors=(404,),
    ),
    _reading(
        "get_dataset_delivery",
        "/v2/datasets/delivery",
        get_dataset_delivery,
        summary="Get a delivery of a dataset with its tasks",
        description="The delivery itself is always an object, that of each task an id unless "
        "`expand` says otherwise.",
        query=GetDatasetDelivery,
        answer=wire.DatasetDeliveryPage,
        answer_description="The delivery, and one page of its tasks.",
        example=examples.DELIVERY_PAGE,
        errors=(404,),
    ),
    _reading(
        "list_dataset_tasks",
        "/v2/datasets/tasks",
        list_dataset_tasks,
        summary="List the tasks of a dataset or of one of its deliveries",
        description="Give a dataset, a delivery, or both; the delivery is then looked up inside "
        "the dataset. Tasks come in the order of their delivery.",
        query=ListDatasetTasks,
        answer=wire.DatasetTaskPage,
        answer_description="One page of tasks.",
        example=examples.TASK_PAGE,
        errors=(404,),
    ),
    _reading(
        "get_dataset_task",
        "/v2/datasets/task",
        get_dataset_task,
        summary="Get one task of a dataset",
        query=GetDatasetTask,
        answer=wire.DatasetTask,
        answer_description="The task.",
        example=examples.TASK,
        errors=(404,),
    ),
    _reading(
        "get_dataset_task_attachment",
        "/v2/datasets/task/{taskId}/response_url/{attachmentId}",
        get_dataset_task_attachment,
        summary="Get a link to a file of a task",
        description="A slash in an id is written `%2F`. The link is valid for five minutes.",
        answer=("text/plain",),
        answer_description="A redirect to the file, which needs no key.",
        successes=(302,),
        errors=(404,),
    ),
    _reading(
        "get_schema",
        "/v2/schema",
        get_schema,
        summary="Get the schema of a delivery's responses",
        query=GetSchema,
        answer=wire.SchemaAnswer,
        answer_description="The schema; its `json` is text.",
        example=examples.SCHEMA_ANSWER,
        errors=(404,),
    ),
)
