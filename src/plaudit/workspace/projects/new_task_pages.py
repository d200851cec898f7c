"""Page of a new task: a conversation is typed, and the task waits in the queue."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.common.blank_text import is_blank
from plaudit.core.tasks import lifecycle, resolve, templates
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.core.tasks.templates import RESPONSES_MAX, Template, TemplateMessage
from plaudit.errors import IllegalMove, InvalidContent, NotFound
from plaudit.model.core import BatchRow, PersonRole, ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches
from plaudit.texts import N_
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.parse import check_content, convert, fill_content
from plaudit.wire.v2.task import MessageRole, Thread
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import form_data, links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.task_list_pages import BATCHES_MAX
from plaudit.workspace.projects.task_pages import TASK

NEW_TASK = f"{PROJECT}/new-task"
RESPONSES_SHOWN = 2
"""Responses that the form has before anybody adds one."""

_OPENING = Template(
    messages=[
        TemplateMessage(role=MessageRole.system, text="{{system}}"),
        TemplateMessage(role=MessageRole.user, text="{{prompt}}"),
    ],
    optional=["system"],
)


class TypedTask(Struct, kw_only=True):
    """Form of a new task. Blank responses are left out; `metadata` is JSON.

    `content` is a conversation as JSON, which counts instead of prompt, instructions and responses.
    """

    prompt: str = ""
    system: str | None = None
    response: list[str] = []
    batch: str | None = None
    metadata: str | None = None
    content: str | None = None


class _Content(Struct):
    content: list[Thread]


async def show_new_task(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/new-task: the form."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        listed = await batches.list_batch_names(
            tx, project.environment_id, project.project_key, limit=BATCHES_MAX
        )
    return {
        "project": project,
        "batches": [name for _, name in listed],
        "responses_shown": RESPONSES_SHOWN,
        "responses_max": RESPONSES_MAX,
    }


async def create_task(
    request: PageRequest[NoQuery], submitted: TypedTask, context: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/new-task: add a pending task; raises InvalidContent."""
    project = await get_project(context.tx, request)
    batch = await _find_batch(context.tx, project, submitted.batch)
    metadata = None
    if not is_blank(submitted.metadata or ""):
        metadata = form_data.parse_json_field(submitted.metadata or "", "/metadata")
        if not isinstance(metadata, dict):
            raise InvalidContent('metadata is an object, {"…": …}', pointer="/metadata")
    try:
        task = await lifecycle.create_task(
            context.tx, project, batch=batch, metadata=metadata, content=_conversation(submitted)
        )
    except IllegalMove as problem:
        raise InvalidContent(problem.message, pointer="/batch") from problem
    await context.note("task", task.task_id, project_key=project.project_key)
    path = links.fill_path(TASK, project_id=project.project_id, task_id=task.task_id)
    return Redirect(to=path, flash=N_("The task is in the queue."))


def _conversation(submitted: TypedTask) -> list[Thread] | None:
    if not is_blank(submitted.content or ""):
        return _read_content(submitted.content or "")
    if is_blank(submitted.prompt):
        raise InvalidContent("write what is asked", pointer="/prompt")
    given = {
        "prompt": submitted.prompt,
        "responses": [text for text in submitted.response if not is_blank(text)],
    }
    if not is_blank(submitted.system or ""):
        given["system"] = submitted.system or ""
    try:
        return templates.fill_template(_OPENING, given)
    except InvalidContent as problem:
        is_response = problem.pointer.startswith("/template_variables/responses")
        pointer = "/response" if is_response else "/prompt"
        raise InvalidContent(problem.message, pointer=pointer) from problem


def _read_content(text: str) -> list[Thread]:
    """A conversation of JSON; raises InvalidContent with a pointer below `/content`."""
    threads = form_data.parse_json_field(text, "/content")
    if not isinstance(threads, list) or not threads:
        raise InvalidContent("a conversation is a list of threads", pointer="/content")
    fill_content(threads)
    content: list[Thread] = convert({"content": threads}, _Content).content
    check_content(content)
    size_limits.check_conversation(len(msgspec.json.encode(content)), "/content")
    return content


async def _find_batch(tx: Transaction, project: ProjectRow, name: str | None) -> BatchRow | None:
    if name is None or is_blank(name):
        return None
    try:
        scope = ScopeNames(batch_name=name)
        return await resolve.find_batch(tx, project.environment_id, scope, project)
    except NotFound as problem:
        raise InvalidContent("the project has no such batch", pointer="/batch") from problem


PAGES = (
    Page(
        page_id="show_new_task",
        path=NEW_TASK,
        role=PersonRole.manager,
        handler=show_new_task,
        template="projects/new_task.html",
    ),
    Page(
        page_id="create_task_on_page",
        method="POST",
        path=NEW_TASK,
        role=PersonRole.manager,
        handler=create_task,
        form=TypedTask,
        body_limit=TEXT_BODY,
        form_page="show_new_task",
    ),
)
