"""Pages of messages with annotators: those of a project, and one talk about one task."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.api.manage.labeling.talk_notes import note_talk
from plaudit.core.labeling import review_queue
from plaudit.core.managing import talks
from plaudit.core.managing.talks import TalkShown
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.managing import TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import gold
from plaudit.store.tasks import tasks
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.own_message_pages import MessageForm, ReadForm
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT

TALKS = f"{PROJECT}/messages"
TALK = f"{TALKS}/{{assignment_id}}"


class ShownTalks(StrEnum):
    """Talks that the list of a project shows beside the unread ones."""

    all = "all"


class TalksQuery(Struct, frozen=True):
    """Query of GET …/messages."""

    show: Annotated[
        ShownTalks | None,
        Enum(words=ShownTalks, description="Read ones too; without it the unread ones."),
    ] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


async def show_talks(request: PageRequest[TalksQuery]) -> dict[str, Any]:
    """GET …/messages: talks that nobody has read, or all, the latest first."""
    query = request.query
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        listed, token = await talks.list_page(
            tx,
            request.secret,
            project,
            is_unread=query.show is None,
            next_token=query.next_token,
        )
        about = [one.talk for one in listed]
        names = await names_of(tx, request, project, {talk.user_id for talk in about})
        excerpts = await talks.list_excerpts_of(tx, project, about)
    return {
        "project": project,
        "listed": listed,
        "names": names,
        "excerpts": excerpts,
        "side": TalkSide.staff,
        "show": query.show,
        "is_first": query.next_token is None,
        "next_token": token,
    }


async def show_talk(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/messages/{assignment_id}: a talk, and the task that it is about; raises NotFound."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        shown = await talks.get_talk(tx, project, request.path["assignment_id"])
        written_by = {one.user_id for one in shown.messages if one.is_staff}
        names = await review_queue.display_names(tx, request.user.organization_id, written_by)
        names |= await names_of(tx, request, project, {shown.lease.user_id})
        excerpts = await talks.list_excerpts_of(tx, project, [shown.talk])
        about = await _path_of_task(tx, project, shown)
    return {
        "project": project,
        "shown": shown,
        "side": TalkSide.staff,
        "names": names,
        "person": names[shown.lease.user_id],
        "excerpt": excerpts.get(shown.lease.assignment_id, ""),
        "about": about,
        "is_control": shown.lease.project_key != project.project_key,
        "text_max": talks.TEXT_CHARS_MAX,
        "path": links.fill_path(TALK, **request.path),
    }


async def _path_of_task(tx: Transaction, project: ProjectRow, shown: TalkShown) -> str | None:
    """Path of the page of a talk's task, a gold task's own; None for a repeat, which has none."""
    lease = shown.lease
    if lease.project_key == project.project_key:
        task = await tasks.get_task(tx, lease.project_key, lease.seq)
        return links.fill_path(
            f"{PROJECT}/tasks/{{task_id}}", project_id=project.project_id, task_id=task.task_id
        )
    row = await gold.find_gold_at(tx, lease.project_key, lease.seq)
    if row is None:
        return None
    return links.fill_path(
        f"{PROJECT}/gold/{{task_id}}", project_id=project.project_id, task_id=row.task_id
    )


async def names_of(
    tx: Transaction, request: PageRequest[Any], project: ProjectRow, user_ids: set[str]
) -> dict[str, str]:
    """Names of annotators; the same word for each where the project has pseudonyms."""
    if project_detail(project).pseudonyms:
        return dict.fromkeys(user_ids, say("Annotator"))
    return await review_queue.display_names(tx, request.user.organization_id, user_ids)


async def write_to_annotator(
    request: PageRequest[NoQuery], submitted: MessageForm, context: WriteContext
) -> Redirect:
    """POST …/messages/{assignment_id}: write to the person; raises InvalidContent, Conflict."""
    project = await get_project(context.tx, request)
    lease = await talks.write(
        context.tx,
        project,
        request.path["assignment_id"],
        TalkSide.staff,
        request.user.user_id,
        text=submitted.text,
        seen=submitted.seen,
    )
    await note_talk(context, project, lease)
    path = links.fill_path(TALK, **request.path)
    return Redirect(to=path, flash=N_("They see your message on their task and on Home."))


async def read_messages(
    request: PageRequest[NoQuery], submitted: ReadForm, context: WriteContext
) -> Redirect:
    """POST …/messages/{assignment_id}/read: say that messages were read; back to the list."""
    project = await get_project(context.tx, request)
    lease = await talks.mark_read(
        context.tx,
        project,
        request.path["assignment_id"],
        TalkSide.staff,
        until=submitted.until,
    )
    await note_talk(context, project, lease)
    return Redirect(to=links.fill_path(TALKS, project_id=project.project_id))


PAGES = (
    Page(
        page_id="show_talks",
        path=TALKS,
        role=PersonRole.reviewer,
        handler=show_talks,
        query=TalksQuery,
        template="projects/talks.html",
    ),
    Page(
        page_id="show_talk",
        path=TALK,
        role=PersonRole.reviewer,
        handler=show_talk,
        template="projects/talk.html",
    ),
    Page(
        page_id="write_to_annotator",
        method="POST",
        path=TALK,
        role=PersonRole.reviewer,
        handler=write_to_annotator,
        form=MessageForm,
        body_limit=NOTE_BODY,
        form_page="show_talk",
    ),
    Page(
        page_id="read_messages",
        method="POST",
        path=f"{TALK}/read",
        role=PersonRole.reviewer,
        handler=read_messages,
        form=ReadForm,
    ),
)
