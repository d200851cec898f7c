"""Pages of webhook messages for admins: the list with all attempts, and replays."""

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
from plaudit.texts import N_
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say, say_count
from plaudit.workspace.webhooks.endpoint_pages import WEBHOOKS

MESSAGES = f"{WEBHOOKS}/messages"
PAGE_MAX = 50


class MessagesQuery(Struct, frozen=True):
    """Query of GET /webhooks/messages."""

    state: Annotated[
        MessageState | None,
        Enum(description="Only webhook messages in this state.", words=MessageState),
    ] = None
    endpoint_id: Annotated[str | None, Text(description="Only those to this endpoint.")] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class ReplayForm(Struct):
    """Endpoint whose failed messages are replayed; those of all receivers if None."""

    endpoint_id: str | None = None


async def show_messages(request: PageRequest[MessagesQuery]) -> dict[str, Any]:
    """GET /webhooks/messages: one page, newest first."""
    query, environment_id = request.query, request.user.environment_id
    page_query = MessageQuery(
        endpoint_id=query.endpoint_id,
        state=query.state,
        limit=PAGE_MAX,
        next_token=query.next_token,
    )
    async with request.db.read() as tx:
        page, token = await messages.get_message_page(
            tx, request.secret, environment_id, page_query
        )
        endpoints = await endpoints_store.list_endpoints(tx, environment_id)
    return {
        "messages": page,
        "next_token": token,
        "state": query.state,
        "states": list(MessageState),
        "endpoint_id": query.endpoint_id or "",
        "endpoints": endpoints,
    }


async def replay_message(
    request: PageRequest[NoQuery], submitted: ReplayForm, context: WriteContext
) -> Redirect:
    """POST /webhooks/messages/{message_id}/replay: send one again, with all its attempts."""
    message = await messages.replay(context.tx, context.environment_id, request.path["message_id"])
    await context.note("webhook_message", message.message_id, project_key=message.project_key)
    return Redirect(to=MESSAGES, flash=N_("The webhook message is pending again."))


async def replay_failed_messages(
    request: PageRequest[NoQuery], submitted: ReplayForm, context: WriteContext
) -> Redirect:
    """POST /webhooks/messages/replay: send failed ones again, as many as one request takes."""
    replayed, before = await messages.replay_failed(
        context.tx, context.environment_id, submitted.endpoint_id
    )
    await context.note(
        "webhook",
        submitted.endpoint_id or context.environment_id,
        detail={"replayed": len(replayed)},
    )
    result = say_count(
        "%(count)s failed messages are pending again.",
        "%(count)s failed messages are pending again.",
        len(replayed),
    )
    if before is not None:
        result += " " + say("There may be more; press the button once more.")
    return Redirect(to=MESSAGES, flash=result)


PAGES = (
    Page(
        page_id="show_messages",
        path=MESSAGES,
        role=PersonRole.admin,
        handler=show_messages,
        query=MessagesQuery,
        template="webhooks/messages.html",
    ),
    Page(
        page_id="replay_failed_messages",
        method="POST",
        path=f"{MESSAGES}/replay",
        role=PersonRole.admin,
        handler=replay_failed_messages,
        form=ReplayForm,
        form_page="show_messages",
    ),
    Page(
        page_id="replay_message",
        method="POST",
        path=f"{MESSAGES}/{{message_id}}/replay",
        role=PersonRole.admin,
        handler=replay_message,
        form=ReplayForm,
        form_page="show_messages",
    ),
)
