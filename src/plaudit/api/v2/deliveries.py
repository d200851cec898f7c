"""Operations of the v2 API on deliveries.

Handlers only translate between HTTP and core; docs/compatibility.md compares them with Scale's.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from plaudit.api.http.operation import Call, Operation, Response
from plaudit.api.http.parameters import DateTime, Enum, EnumList, IntRange, Text
from plaudit.api.openapi import examples
from plaudit.api.v2.reads import LIMIT_MAX
from plaudit.core.deliveries import listing
from plaudit.core.deliveries.listing import DeliveryQuery, DeliveryScope, RowQuery
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.model.core import DEFAULT_OPTS, Opts, Role, TaskStatus
from plaudit.wire.v2 import render
from plaudit.wire.v2.deliveries import DeliveryList, DeliveryPage, DeliveryTaskPage

_PROJECT_ID = Text(description="The project's id.")
_PROJECT_NAME = Text(description="The project's name.", example="My Test Project")
_DELIVERY_ID = Text(description="The delivery's id.")
_LIMIT = IntRange(
    description="How many to return at the most.", least=1, most=LIMIT_MAX, default=LIMIT_MAX
)
_OPTS = EnumList(
    description="Which details of tasks to show, as with `GET /v2/tasks`.",
    words=tuple(Opts.__members__),
    default=tuple(opt.name or "" for opt in Opts if opt in DEFAULT_OPTS),
)
_NEXT_TOKEN = Text(description="Where the next page starts: `next_token` of the page before.")


class ListDeliveries(Struct, frozen=True):
    """Query of GET /v2/deliveries."""

    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None
    delivered_after: Annotated[
        int | None, DateTime(description="Only deliveries made strictly after this moment.")
    ] = None
    delivered_before: Annotated[
        int | None,
        DateTime(description="Only deliveries made strictly before this moment.", round_up=True),
    ] = None
    expand: Annotated[
        frozenset[str],
        EnumList(
            description="Show the project as an object instead of its id.", words=("project",)
        ),
    ] = frozenset()


class GetDelivery(Struct, frozen=True):
    """Query of GET /v2/delivery."""

    delivery_id: Annotated[str | None, _DELIVERY_ID] = None
    delivery_name: Annotated[
        str | None, Text(description="The delivery's name; needs the project.")
    ] = None
    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None
    expand: Annotated[
        frozenset[str],
        EnumList(
            description="Show these as objects instead of ids; `project` and `batch` concern the "
            "tasks.",
            words=("project", "batch", "delivery"),
        ),
    ] = frozenset()
    opts: Annotated[frozenset[str] | None, _OPTS] = None


class ListDeliveryTasks(Struct, frozen=True):
    """Query of GET /v2/delivery/tasks."""

    delivery_id: Annotated[
        str | None, Text(description="Only this delivery's tasks, as they were delivered in it.")
    ] = None
    project_id: Annotated[str | None, _PROJECT_ID] = None
    project_name: Annotated[str | None, _PROJECT_NAME] = None
    status: Annotated[
        TaskStatus | None,
        Enum(description="Only tasks that are in this status today.", words=TaskStatus),
    ] = None
    completed_after: Annotated[
        int | None, DateTime(description="Only tasks completed strictly after this moment.")
    ] = None
    completed_before: Annotated[
        int | None,
        DateTime(description="Only tasks completed strictly before this moment.", round_up=True),
    ] = None
    limit: Annotated[int, _LIMIT] = LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None


async def list_deliveries(call: Call[ListDeliveries]) -> DeliveryList:
    """GET /v2/deliveries: all deliveries of a project, oldest first."""
    query = call.query
    async with call.db.read() as tx:
        return await listing.delivery_list(
            tx,
            call.caller.environment_id,
            ScopeNames(query.project_id, query.project_name),
            delivered_after=query.delivered_after,
            delivered_before=query.delivered_before,
            expand=query.expand,
        )


async def get_delivery(call: Call[GetDelivery]) -> Response | list[bytes]:
    """GET /v2/delivery: one page of a delivery's tasks, assembled from stored bytes."""
    query, services = call.query, call.services
    default = int(services.settings.default_opts)
    delivery_query = DeliveryQuery(
        scope=DeliveryScope(
            delivery_id=query.delivery_id,
            delivery_name=query.delivery_name,
            project_id=query.project_id,
            project_name=query.project_name,
        ),
        limit=query.limit,
        next_token=query.next_token,
        expand=query.expand,
        opts=default if query.opts is None else sum(int(Opts[name]) for name in query.opts),
    )
    async with call.db.read() as tx:
        parts = await listing.delivery_page(
            tx, services.secret, call.caller.environment_id, delivery_query
        )
    if services.settings.bare_annotations:
        return Response(render.without_ids_and_types(b"".join(parts)))
    return parts


async def list_delivery_tasks(call: Call[ListDeliveryTasks]) -> list[bytes]:
    """GET /v2/delivery/tasks: one page of tasks with the deliveries that hold them."""
    query = call.query
    row_query = RowQuery(
        scope=DeliveryScope(
            delivery_id=query.delivery_id,
            project_id=query.project_id,
            project_name=query.project_name,
        ),
        status=query.status,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        limit=query.limit,
        next_token=query.next_token,
    )
    async with call.db.read() as tx:
        return await listing.row_page(
            tx, call.services.secret, call.caller.environment_id, row_query
        )


OPERATIONS = (
    Operation(
        operation_id="list_deliveries",
        path="/v2/deliveries",
        handler=list_deliveries,
        summary="List the deliveries of a project",
        description="Give `project_id` or `project_name`. All deliveries come in one answer.",
        tag="Deliveries",
        role=Role.read,
        query=ListDeliveries,
        answer=DeliveryList,
        answer_description="All deliveries, oldest first.",
        example=examples.DELIVERY_LIST,
        errors=(404,),
    ),
    Operation(
        operation_id="get_delivery",
        path="/v2/delivery",
        handler=get_delivery,
        summary="List the tasks of a delivery, as they were delivered",
        description="Give `delivery_id`, or `delivery_name` together with a project. What was "
        "delivered never changes, whatever becomes of the tasks.",
        tag="Deliveries",
        role=Role.read,
        query=GetDelivery,
        answer=DeliveryPage,
        answer_description="One page of the delivery's tasks.",
        example=examples.DELIVERY_PAGE,
        errors=(404,),
    ),
    Operation(
        operation_id="list_delivery_tasks",
        path="/v2/delivery/tasks",
        handler=list_delivery_tasks,
        summary="List tasks with what was delivered of them",
        description="Give a project for all its tasks, each with its latest delivery or nulls; "
        "or `delivery_id` for that delivery's tasks. The filters concern the tasks as they are "
        "today. `total` counts the rows of the page. With a delivery and a filter a page may "
        "be short, or empty, and more may follow all the same.",
        tag="Deliveries",
        role=Role.read,
        query=ListDeliveryTasks,
        answer=DeliveryTaskPage,
        answer_description="One page of tasks with their deliveries.",
        example=examples.DELIVERY_TASK_PAGE,
        errors=(404,),
    ),
)
