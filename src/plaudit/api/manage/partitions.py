"""Partitions under /manage/v1: an export in parts that many machines read at once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.client_runs import run_for_client
from plaudit.api.http.operation import Call, Operation
from plaudit.api.http.parameters import IntRange
from plaudit.api.manage.common import declare
from plaudit.api.manage.exports import (
    OnlyAfter,
    OnlyBatch,
    OnlyBefore,
    OnlyMetadata,
    OnlyStatus,
)
from plaudit.api.transfer.export_choices import find_tasks
from plaudit.core.deliveries import reports
from plaudit.core.transfer import partitions
from plaudit.errors import InvalidContent, InvalidParameter
from plaudit.formats.exporting.selection import TaskChoice, read_conditions
from plaudit.model.core import Role
from plaudit.store.engine.engine import Database
from plaudit.wire.manage.resources import Partition

DEFAULT_COUNT = 64
PLANNING = "planning"

_encode = msgspec.json.Encoder().encode


class PartitionDelivery(Struct, frozen=True):
    """Query of GET /manage/v1/deliveries/{delivery_id}/partitions."""

    n: Annotated[
        int,
        IntRange(
            description="How many partitions to make at the most; there are fewer if there are "
            "fewer tasks.",
            least=1,
            most=partitions.PARTITIONS_MAX,
            default=DEFAULT_COUNT,
        ),
    ] = DEFAULT_COUNT


class PartitionProject(PartitionDelivery, frozen=True):
    """Query of GET /manage/v1/projects/{project_id}/partitions."""

    status: OnlyStatus = None
    batch: OnlyBatch = None
    completed_after: OnlyAfter = None
    completed_before: OnlyBefore = None
    metadata: OnlyMetadata = ()


async def partition_project(call: Call[PartitionProject]) -> list[bytes]:
    """GET /manage/v1/projects/{project_id}/partitions: disjoint parts of an export, planned.

    Keys of all tasks are counted, or their metadata is read, so it is done in a thread of its own.
    """
    query, services, environment_id = call.query, call.services, call.caller.environment_id
    try:
        conditions = read_conditions(query.metadata)
    except InvalidContent as problem:
        raise InvalidParameter(problem.message, param="metadata") from problem
    choice = TaskChoice(
        status=query.status,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        metadata=conditions,
    )
    async with services.db.read() as tx:
        source = await find_tasks(tx, environment_id, call.path["project_id"], query.batch, choice)

    async def plan(db: Database) -> list[Partition]:
        if conditions:
            return await partitions.plan_by_metadata(
                db,
                services.secret,
                environment_id,
                source.where,
                query.n,
                metadata=tuple(map(str, conditions)),
                takes=choice.takes,
            )
        async with db.read() as tx:
            return await partitions.plan_project(
                tx, services.secret, environment_id, source.where, query.n
            )

    with services.jobs.running_for(environment_id, PLANNING) as run:
        async with call.aside():
            return [_encode(await run_for_client(run, plan, call.receive))]


async def partition_delivery(call: Call[PartitionDelivery]) -> list[bytes]:
    """GET /manage/v1/deliveries/{delivery_id}/partitions: disjoint parts of a delivery."""
    async with call.services.db.read() as tx:
        delivery = await reports.get_delivery(
            tx, call.caller.environment_id, call.path["delivery_id"]
        )
        planned = partitions.plan_delivery(tx, call.services.secret, delivery, call.query.n)
    return [_encode(planned)]


_DESCRIPTION = (
    "Each partition is a range of `seq`, the order in which tasks were made, of about equally many "
    "tasks; `tasks` are those that match now. No two have a task in common, and together they "
    "have all. Read one with `partition` of `…/export`, as often as needed and in any order and "
    "format. A token is valid until the store is restored. "
)


def _partition_operation(operation_id: str, path: str, **fields: Any) -> Operation:
    return declare(
        operation_id,
        "GET",
        path,
        role=Role.read,
        answer=Partition,
        is_array=True,
        answer_description="The partitions, in the order of their tasks; at least one.",
        example=[{"token": "Aaly…", "tasks": 1563}, {"token": "AalK…", "tasks": 1562}],
        errors=(404,),
        **fields,
    )


OPERATIONS = (
    _partition_operation(
        "partition_project",
        "/projects/{project_id}/partitions",
        handler=partition_project,
        query=PartitionProject,
        is_long=True,
        summary="Plan the export of a project in parts",
        description=f"{_DESCRIPTION}What is completed now is read exactly once, also if it is "
        "corrected meanwhile; tasks that are completed later may be read too.",
    ),
    _partition_operation(
        "partition_delivery",
        "/deliveries/{delivery_id}/partitions",
        handler=partition_delivery,
        query=PartitionDelivery,
        summary="Plan the export of a delivery in parts",
        description=f"{_DESCRIPTION}Of a delivery these are positions; counts are exact, and each "
        "partition has the same rows for ever.",
    ),
)
