"""Notices: who was told of which event, every attempt, and what is sent again; for admins."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.webhooks import messages
from plaudit.core.webhooks.messages import MessageQuery
from plaudit.model.core import PersonRole
from plaudit.model.webhooks import MessageState
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.webhooks.endpoint_pages import WEBHOOKS

NOTICES = f"{WEBHOOKS}/notices"
PAGE_MAX = 50


class MessagesQuery(Struct, frozen=True):
    """Query of GET /webhooks/notices."""

    state: Annotated[
        MessageState | None, Enum(description="Only notices in this state.", words=MessageState)
    ] = None
    endpoint_id: Annotated[str | None, Text(description="Only those to this endpoint.")] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class ReplayForm(Struct):
    """Whose dead notices are sent again; everybody's without an endpoint."""

    endpoint_id: str | None = None


async def show_notices(visit: PageRequest[MessagesQuery]) -> dict[str, Any]:
    """GET /webhooks/notices: one page, newest first."""
    query, environment_id = visit.query, visit.user.environment_id
    asked = MessageQuery(
        endpoint_id=query.endpoint_id,
        state=query.state,
        limit=PAGE_MAX,
        next_token=query.next_token,
    )
    async with visit.db.read() as tx:
        found, token = await messages.notice_page(tx, visit.secret, environment_id, asked)
        endpoints = await endpoints_store.list_endpoints(tx, environment_id)
    return {
        "notices": found,
        "next_token": token,
        "state": query.state,
        "states": list(MessageState),
        "endpoint_id": query.endpoint_id or "",
        "endpoints": endpoints,
    }


async def send_again(
    visit: PageRequest[NoQuery], form: ReplayForm, change: WriteContext
) -> Redirect:
    """POST /webhooks/notices/{notice_id}/replay: one notice, with all its attempts anew."""
    notice = await messages.replay(change.tx, change.environment_id, visit.path["notice_id"])
    await change.note("notice", notice.notice_id, project_key=notice.project_key)
    return Redirect(to=NOTICES, flash="The notice is on its way again.")


async def send_dead_again(
    visit: PageRequest[NoQuery], form: ReplayForm, change: WriteContext
) -> Redirect:
    """POST /webhooks/notices/replay: what was given up, as many as one request takes."""
    again, before = await messages.replay_dead(change.tx, change.environment_id, form.endpoint_id)
    await change.note(
        "webhook", form.endpoint_id or change.environment_id, detail={"replayed": len(again)}
    )
    said = f"{len(again)} dead notices are on their way again."
    if before is not None:
        said += " There may be more; press the button once more."
    return Redirect(to=NOTICES, flash=said)


PAGES = (
    Page(
        page_id="show_notices",
        path=NOTICES,
        role=PersonRole.admin,
        handler=show_notices,
        query=MessagesQuery,
        template="webhooks/messages.html",
    ),
    Page(
        page_id="send_dead_again",
        method="POST",
        path=f"{NOTICES}/replay",
        role=PersonRole.admin,
        handler=send_dead_again,
        form=ReplayForm,
        form_page="show_notices",
    ),
    Page(
        page_id="send_again",
        method="POST",
        path=f"{NOTICES}/{{notice_id}}/replay",
        role=PersonRole.admin,
        handler=send_again,
        form=ReplayForm,
        form_page="show_notices",
    ),
)
