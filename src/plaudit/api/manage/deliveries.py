"""Deliveries under /manage/v1: create, manifest, diff and changes since."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import BodyLimit
from plaudit.api.http.operation import Call, Operation, WriteContext, idempotency_key
from plaudit.api.http.parameters import IntRange, NoQuery, Text
from plaudit.api.openapi import examples
from plaudit.core.common import idempotency
from plaudit.core.deliveries import (
    builder,
    reports,
    task_selection,
)
from plaudit.core.deliveries.builder import DeliveryBuilder
from plaudit.core.deliveries.reports import ReportQuery
from plaudit.core.tasks.resolve import ScopeNames, find_batch, find_project
from plaudit.errors import Unavailable
from plaudit.model.core import ProjectRow, Role
from plaudit.settings import BODY_BYTES_MAX
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2.parse import moment

DELIVERY_TASKS_MAX = 10_000
"""Most tasks that one request delivers, so that it stays within its time limit."""

MANIFEST_LIMIT_MAX = 1000
CHANGES_LIMIT_MAX = 100

_NEXT_TOKEN = Text(description="Where the next page starts: `next_token` of the page before.")


def _scan_limit(most: int) -> IntRange:
    return IntRange(
        description="How many tasks of the delivery to look at for this page.",
        least=1,
        most=most,
        default=most,
    )


class GetManifest(Struct, frozen=True):
    """Query of GET /manage/v1/deliveries/{delivery_id}/manifest."""

    limit: Annotated[int, _scan_limit(MANIFEST_LIMIT_MAX)] = MANIFEST_LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None


class DiffDeliveries(Struct, frozen=True):
    """Query of GET /manage/v1/deliveries/{delivery_id}/diff."""

    other: Annotated[
        str | None, Text(description="The delivery to compare with.", required=True)
    ] = None
    limit: Annotated[int, _scan_limit(MANIFEST_LIMIT_MAX)] = MANIFEST_LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None


class ListChanges(Struct, frozen=True):
    """Query of GET /manage/v1/deliveries/{delivery_id}/changes."""

    limit: Annotated[int, _scan_limit(CHANGES_LIMIT_MAX)] = CHANGES_LIMIT_MAX
    next_token: Annotated[str | None, _NEXT_TOKEN] = None


class _Prepared(Struct, frozen=True):
    """Project of a delivery and its builder, None if the delivery's name is taken."""

    project: ProjectRow
    builder: DeliveryBuilder | None


async def freeze_delivery(call: Call[NoQuery], body: wire.CreateDelivery) -> _Prepared | None:
    """Copy the tasks into an unpublished delivery, in transactions of its own.

    Returns None and copies nothing if the Idempotency-Key was used before.
    """
    db, environment_id = call.services.db, call.caller.environment_id
    idem_key = idempotency_key(dict(call.scope["headers"]))
    async with db.read() as tx:
        if idem_key is not None and await idempotency.is_used(tx, environment_id, idem_key):
            return None
        project = await find_project(tx, environment_id, ScopeNames(call.path["project_id"]))
        assert project is not None
        if await builder.has_delivery(tx, project, body.name):
            return _Prepared(project, None)
        scope = ScopeNames(batch_id=body.batch_id or None, batch_name=body.batch_name or None)
        batch = await find_batch(tx, environment_id, scope, project)
    selection = await task_selection.select_tasks(
        db,
        project,
        batch=batch,
        completed_after=moment(body.completed_after, "/completed_after"),
        completed_before=moment(body.completed_before, "/completed_before"),
        task_ids=body.task_ids,
        most=DELIVERY_TASKS_MAX,
        advice="; 'plaudit deliver' on the server has no such limit",
    )
    delivery_builder = await builder.freeze_selection(
        db, project, body.name, selection, schema_id=body.response_schema_id or None
    )
    return _Prepared(project, delivery_builder)


async def create_delivery(
    call: Call[NoQuery], body: wire.CreateDelivery, context: WriteContext
) -> wire.DeliveryRecord:
    """POST …/deliveries: publish the prepared delivery; raises Conflict if its name is taken."""
    prepared: _Prepared | None = call.prepared
    if prepared is None:  # the Idempotency-Key expired between `freeze_delivery` and here
        raise Unavailable("the server cannot tell whether this was done before; try again")
    project = prepared.project
    if prepared.builder is None:
        raise await builder.name_conflict(context.tx, project, body.name)
    delivery = await prepared.builder.finish(context.tx)
    await context.note(
        "delivery",
        delivery.delivery_id,
        project_key=project.project_key,
        detail={"name": delivery.name, "task_count": delivery.task_count},
    )
    return wire.record(delivery, project.project_id)


async def withdraw_delivery(call: Call[NoQuery]) -> None:
    """Delete the copies of an unpublished delivery, which frees its name."""
    prepared: _Prepared | None = call.prepared
    if prepared is not None and prepared.builder is not None:
        await prepared.builder.rollback()


async def get_delivery_record(call: Call[NoQuery]) -> wire.DeliveryRecord:
    """GET /manage/v1/deliveries/{delivery_id}: a delivery with its manifest's hash."""
    async with call.services.db.read() as tx:
        delivery = await reports.get_delivery(
            tx, call.caller.environment_id, call.path["delivery_id"]
        )
        return await reports.delivery_record(tx, delivery)


async def get_manifest(call: Call[GetManifest]) -> wire.DeliveryManifest:
    """GET …/manifest: one page of the delivered tasks' SHA-256 hashes."""
    query = _report_query(call, call.query)
    async with call.services.db.read() as tx:
        return await reports.manifest(tx, call.services.secret, call.caller.environment_id, query)


async def diff_deliveries(call: Call[DiffDeliveries]) -> wire.DeliveryDiff:
    """GET …/diff: one page of tasks added, removed and changed in another delivery."""
    query = _report_query(call, call.query, other_id=call.query.other)
    async with call.services.db.read() as tx:
        return await reports.diff(tx, call.services.secret, call.caller.environment_id, query)


async def list_changes(call: Call[ListChanges]) -> wire.DeliveryChanges:
    """GET …/changes: one page of delivered tasks that have changed since."""
    query = _report_query(call, call.query)
    async with call.services.db.read() as tx:
        return await reports.changes(tx, call.services.secret, call.caller.environment_id, query)


def _report_query(call: Call[Any], query: Any, *, other_id: str | None = None) -> ReportQuery:
    return ReportQuery(
        delivery_id=call.path["delivery_id"],
        other_id=other_id,
        limit=query.limit,
        next_token=query.next_token,
    )


def _report(operation_id: str, path: str, **fields: Any) -> Operation:
    return Operation(
        operation_id=operation_id,
        path=f"/manage/v1/deliveries/{{delivery_id}}{path}",
        tag="Deliveries",
        role=Role.read,
        errors=(404,),
        **fields,
    )


OPERATIONS = (
    Operation(
        operation_id="create_delivery",
        path="/manage/v1/projects/{project_id}/deliveries",
        method="POST",
        handler=create_delivery,
        before=freeze_delivery,
        abandon=withdraw_delivery,
        summary="Make a delivery",
        description="Freezes completed tasks of the project under a name that is new in it, else "
        f"409: those of `task_ids`, or all within the filter; at most {DELIVERY_TASKS_MAX:,}. What "
        "was completed when the request began is in it, as it is when it is copied; nothing later, "
        "and nothing that has left the filter by then. It appears whole or not at all. A selection "
        "without any task is refused.",
        tag="Deliveries",
        role=Role.write,
        body=wire.CreateDelivery,
        body_limit=BodyLimit(BODY_BYTES_MAX, 3 * DELIVERY_TASKS_MAX),
        body_example=examples.CREATE_DELIVERY,
        answer=wire.DeliveryRecord,
        answer_description="The delivery.",
        example=examples.DELIVERY_RECORD,
        errors=(404,),
    ),
    _report(
        "get_delivery_record",
        "",
        handler=get_delivery_record,
        summary="Get one delivery with the hash of its manifest",
        answer=wire.DeliveryRecord,
        answer_description="The delivery.",
        example=examples.DELIVERY_RECORD,
    ),
    _report(
        "get_delivery_manifest",
        "/manifest",
        handler=get_manifest,
        summary="Get the manifest of a delivery",
        description="The SHA-256 of each task, exactly as `GET /v2/delivery` writes it with all "
        "four `opts` and no `expand`. `manifest_sha256` is that of the lines "
        "`<sha256>  <task_id>`, each ended by a line feed, over all pages.",
        query=GetManifest,
        answer=wire.DeliveryManifest,
        answer_description="One page of the manifest.",
        example=examples.DELIVERY_MANIFEST,
    ),
    _report(
        "diff_deliveries",
        "/diff",
        handler=diff_deliveries,
        summary="Compare a delivery with another one of its project",
        description="`added` are tasks of the other delivery alone, `removed` tasks of this one "
        "alone, `changed` those that both have in different versions. Collect all pages.",
        query=DiffDeliveries,
        answer=wire.DeliveryDiff,
        answer_description="One page of the differences.",
        example=examples.DELIVERY_DIFF,
    ),
    _report(
        "list_delivery_changes",
        "/changes",
        handler=list_changes,
        summary="List what has changed since a delivery",
        description="Tasks whose fields or threads differ from what was delivered, or that are "
        "no longer completed. A page may be short, or empty, and more may follow all the same.",
        query=ListChanges,
        answer=wire.DeliveryChanges,
        answer_description="One page of changed tasks.",
        example=examples.DELIVERY_CHANGES,
    ),
)
