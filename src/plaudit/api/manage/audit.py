"""Audit log of an environment under /manage/v1/audit."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from plaudit.api.http.operation import Call
from plaudit.api.http.parameters import Text
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.openapi import examples
from plaudit.core.common import audit
from plaudit.model.core import Role
from plaudit.wire.manage.resources import AuditPage


class ListAudit(Struct, frozen=True):
    """Query of GET /manage/v1/audit."""

    object_id: Annotated[
        str | None, Text(description="Only what was done to the thing of this id.")
    ] = None
    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def list_audit(call: Call[ListAudit]) -> AuditPage:
    """GET /manage/v1/audit: one page of entries, newest first."""
    async with call.services.db.read() as tx:
        return await audit.list_entries_page(
            tx,
            call.services.secret,
            call.caller.environment_id,
            object_id=call.query.object_id,
            limit=call.query.limit,
            next_token=call.query.next_token,
        )


OPERATIONS = (
    declare(
        "list_audit",
        "GET",
        "/audit",
        role=Role.admin,
        handler=list_audit,
        query=ListAudit,
        summary="List what was changed, by whom and when",
        description="Of the environment that the key opens. Entries are only ever added.",
        answer=AuditPage,
        answer_description="One page of entries, newest first.",
        example=examples.AUDIT_PAGE,
    ),
)
