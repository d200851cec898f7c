"""Managers' pages of tasks that want attention: flagged ones, and those that everybody skipped."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import IntRange, NoQuery
from plaudit.core.labeling import review_queue, task_notes, task_work
from plaudit.core.labeling.task_work import FlaggedTask
from plaudit.core.tasks import excerpts
from plaudit.errors import Conflict
from plaudit.model.core import PersonRole
from plaudit.store.tasks.tasks import FAR
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say, say_count
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.task_pages import PAGE_MAX, TASK, get_task

FLAGGED = f"{PROJECT}/flagged"
SKIPPED = f"{PROJECT}/skipped"

_Bounded = Annotated[int, Meta(ge=0, le=FAR)]
_decode_detail = msgspec.json.Decoder(dict[str, Any]).decode


class AttentionQuery(Struct, frozen=True):
    """Query of GET …/flagged and …/skipped."""

    after: Annotated[
        int,
        IntRange(description="Number of the task before the page.", least=0, most=FAR, default=0),
    ] = 0


class SeenForm(Struct):
    """Form of flags that were seen: the time of the last of them, in milliseconds."""

    until: _Bounded


class OfferPageForm(Struct):
    """Form of the page of tasks to offer again: the number of the task before it."""

    after: _Bounded = 0


async def show_flagged(request: PageRequest[AttentionQuery]) -> dict[str, Any]:
    """GET …/flagged: one page of tasks with flags that nobody has seen, with their words."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        found = await task_work.list_flagged(
            tx, project, after_seq=request.query.after, limit=PAGE_MAX + 1
        )
        listed = found[:PAGE_MAX]
        names = await review_queue.display_names(
            tx,
            request.user.organization_id,
            [note.user_id for task in listed for note in task.flags],
        )
        prompts = await excerpts.list_excerpts(
            tx, project.project_key, [task.row.seq for task in listed]
        )
    return {
        "project": project,
        "rows": [(task.row, _words(task)) for task in listed],
        "excerpts": prompts,
        "names": names,
        "following": listed[-1].row.seq if len(found) > PAGE_MAX else None,
        "about": request.path.get("task_id"),
    }


def _words(task: FlaggedTask) -> list[tuple[str, int, str]]:
    """Author, time and words of each flag, newest first."""
    return [
        (note.user_id, note.created_ms, str(_decode_detail(note.detail).get("note") or ""))
        for note in task.flags
    ]


async def see_flags(
    request: PageRequest[NoQuery], submitted: SeenForm, context: WriteContext
) -> Redirect:
    """POST …/tasks/{task_id}/seen: take a task off the flagged ones; raises Conflict."""
    project, task = await get_task(context.tx, request)
    await task_notes.see_flags(
        context.tx, project, task.seq, request.user.user_id, until_ms=submitted.until
    )
    await context.note("task", task.task_id, project_key=task.project_key)
    return _to_list(request, FLAGGED, say("The flags of the task are marked as seen."))


async def show_skipped(request: PageRequest[AttentionQuery]) -> dict[str, Any]:
    """GET …/skipped: one page of tasks that everybody skipped."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        found = await task_work.list_skipped(
            tx, project, after_seq=request.query.after, limit=task_work.CANDIDATES_MAX
        )
        prompts = await excerpts.list_excerpts(
            tx, project.project_key, [row.seq for row in found.rows]
        )
    return {
        "project": project,
        "rows": found.rows,
        "excerpts": prompts,
        "judges": project_detail(project).judges,
        "workers": found.worker_count,
        "after": request.query.after,
        "following": found.last_seq,
        "looked_max": task_work.CANDIDATES_MAX,
    }


async def offer_task(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/tasks/{task_id}/offer: offer a task again to those who skipped it; raises Conflict."""
    project, task = await get_task(context.tx, request)
    await task_notes.offer_task_again(context.tx, project, task, request.user.user_id)
    await context.note("task", task.task_id, project_key=task.project_key)
    return _to_list(request, SKIPPED, say("The task is offered again to those who skipped it."))


async def offer_page(
    request: PageRequest[NoQuery], submitted: OfferPageForm, context: WriteContext
) -> Redirect:
    """POST …/skipped/offer: offer all tasks of one page again; raises Conflict if none is left."""
    project = await get_project(context.tx, request)
    found = await task_work.list_skipped(
        context.tx, project, after_seq=submitted.after, limit=task_work.CANDIDATES_MAX
    )
    offered = await task_notes.offer_again(
        context.tx, project, [row.seq for row in found.rows], request.user.user_id
    )
    if not offered:
        raise Conflict("none of these tasks is still skipped by everybody")
    await context.note_many(
        "task", [row.task_id for row in offered], project_key=project.project_key
    )
    told = say_count(
        "One task is offered again to those who skipped them.",
        "%(count)s tasks are offered again to those who skipped them.",
        len(offered),
    )
    return _to_list(request, SKIPPED, told)


def _to_list(request: PageRequest[Any], path: str, flash: str) -> Redirect:
    return Redirect(to=links.fill_path(path, project_id=request.path["project_id"]), flash=flash)


PAGES = (
    Page(
        page_id="show_flagged",
        path=FLAGGED,
        role=PersonRole.manager,
        handler=show_flagged,
        query=AttentionQuery,
        template="projects/flagged.html",
    ),
    Page(
        page_id="see_flags",
        method="POST",
        path=f"{TASK}/seen",
        role=PersonRole.manager,
        handler=see_flags,
        form=SeenForm,
        form_page="show_flagged",
    ),
    Page(
        page_id="show_skipped",
        path=SKIPPED,
        role=PersonRole.manager,
        handler=show_skipped,
        query=AttentionQuery,
        template="projects/skipped.html",
    ),
    Page(
        page_id="offer_task_on_page",
        method="POST",
        path=f"{TASK}/offer",
        role=PersonRole.manager,
        handler=offer_task,
        form=NoFields,
        form_page="show_skipped",
    ),
    Page(
        page_id="offer_skipped_on_page",
        method="POST",
        path=f"{SKIPPED}/offer",
        role=PersonRole.manager,
        handler=offer_page,
        form=OfferPageForm,
        form_page="show_skipped",
    ),
)
