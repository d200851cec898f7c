"""The annotators' pages of messages with managers about one of their tasks."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.labeling.talk_notes import note_talk
from plaudit.core.managing import talks
from plaudit.core.managing.talks import TalkShown
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.managing import TalkSide
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project, task_path
from plaudit.workspace.http.page import Page, PageRequest, Redirect

MESSAGES = "/work/{project_id}/tasks/{assignment_id}/messages"

_Number = Annotated[int, Meta(ge=0, le=talks.MESSAGES_MAX)]


class MessageForm(Struct):
    """Form of a message: its text, and the number of the last one that the page showed."""

    text: str
    seen: _Number = 0


class ReadForm(Struct):
    """Form of messages that were read: the number of the last one."""

    until: _Number


async def show_own_messages(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/messages: the messages about one of the person's own tasks; raises NotFound."""
    user = request.user
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        shown = await talks.get_talk(
            tx, project, request.path["assignment_id"], user_id=user.user_id
        )
        names = await _names(tx, request, project, shown)
        excerpts = await talks.list_excerpts_of(tx, project, [shown.talk])
    return {
        "project": project,
        "shown": shown,
        "side": TalkSide.person,
        "names": names,
        "excerpt": excerpts.get(shown.lease.assignment_id, ""),
        "text_max": talks.TEXT_CHARS_MAX,
        "path": task_path(project.project_id, shown.lease.assignment_id),
    }


async def _names(
    tx: Transaction, request: PageRequest[Any], project: ProjectRow, shown: TalkShown
) -> dict[str, str]:
    """Names of managers who wrote, where the project names people: never their addresses."""
    if project_detail(project).pseudonyms:
        return {}
    written_by = {one.user_id for one in shown.messages if one.is_staff}
    people = await users.find_people(tx, request.user.organization_id, written_by)
    return {user_id: person.name for user_id, person in people.items() if person.name}


async def write_to_managers(
    request: PageRequest[NoQuery], submitted: MessageForm, context: WriteContext
) -> Redirect:
    """POST …/messages: write to the managers about a task; raises InvalidContent, Conflict."""
    project = await get_project(context.tx, request)
    lease = await talks.write(
        context.tx,
        project,
        request.path["assignment_id"],
        TalkSide.person,
        request.user.user_id,
        text=submitted.text,
        seen=submitted.seen,
    )
    await note_talk(context, project, lease)
    return Redirect(
        to=f"{task_path(project.project_id, lease.assignment_id)}/messages",
        flash=N_("The managers of the project see your message."),
    )


async def read_own_messages(
    request: PageRequest[NoQuery], submitted: ReadForm, context: WriteContext
) -> Redirect:
    """POST …/messages/read: say that messages were read; back to the task."""
    project = await get_project(context.tx, request)
    lease = await talks.mark_read(
        context.tx,
        project,
        request.path["assignment_id"],
        TalkSide.person,
        until=submitted.until,
        user_id=request.user.user_id,
    )
    await note_talk(context, project, lease)
    return Redirect(to=task_path(project.project_id, lease.assignment_id))


PAGES = (
    Page(
        page_id="show_own_messages",
        path=MESSAGES,
        role=PersonRole.annotator,
        handler=show_own_messages,
        template="annotate/messages.html",
    ),
    Page(
        page_id="write_to_managers",
        method="POST",
        path=MESSAGES,
        role=PersonRole.annotator,
        handler=write_to_managers,
        form=MessageForm,
        body_limit=NOTE_BODY,
        form_page="show_own_messages",
    ),
    Page(
        page_id="read_own_messages",
        method="POST",
        path=f"{MESSAGES}/read",
        role=PersonRole.annotator,
        handler=read_own_messages,
        form=ReadForm,
    ),
)
