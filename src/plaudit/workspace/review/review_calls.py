"""Decisions on the pages of review: accept, correct, send back, confirm or dismiss a report.

Each decision is one transaction, with its line in the audit log. It names the revision of the task
that the person saw, so that nobody decides on answers that have changed meanwhile.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from msgspec import Struct

from plaudit.api.http.bodies import ANSWERS_BODY, NOTE_BODY
from plaudit.api.http.operation import Response, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.labeling.talk_notes import note_talk
from plaudit.core.labeling import review_decisions, review_queue
from plaudit.core.labeling.adjudication import review_order
from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.managing import talks
from plaudit.errors import AnswersRejected, NotFound
from plaudit.model.core import PersonRole, ProjectRow, StoredTask
from plaudit.model.labeling import DisagreementReason, Lease
from plaudit.model.managing import TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_calls import NextTask, refusal
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.own_message_pages import MessageForm, ReadForm
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.review.acceptance_pages import next_in_sample, sample_path
from plaudit.workspace.review.review_pages import (
    PROJECT,
    TASK,
    Disputed,
    ReviewTaskQuery,
    find_task,
    own_query,
    query_of,
    task_path,
)


class FixesSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """Answers that replace consolidated ones, and the revision they were made on.

    `reasons` say why people disagreed; `question`, `person` and `most` are those of the list, and
    `sample` is the id of a sample that the task is looked at for.
    """

    ACCEPTED: ClassVar[dict[str, Any]] = {"why": DisagreementReason}

    revision: str
    fixes: list[Any]
    reasons: list[GivenReason] = []
    question: str = ""
    person: str = ""
    most: str = ""
    sample: str = ""


class SendBackForm(Struct, kw_only=True):
    """The person whose submission goes back, and the comment on it."""

    revision: str
    user_id: str
    comment: str
    sample: str = ""


async def accept_task(request: PageRequest[NoQuery], submitted: FixesSent) -> NextTask | Response:
    """POST …/accept: deliver the task, with the reviewer's fixes; `next` is the next one."""

    async def work(tx: Transaction) -> NextTask:
        project = await get_project(tx, request)
        task = await find_task(tx, request, project)
        most = float(Disputed(submitted.most)) if submitted.most in set(Disputed) else 1.0
        chosen = ReviewFilter(submitted.question, submitted.person, most)
        place = await review_order.find_place(tx, project, task.seq, chosen)
        await review_decisions.accept(
            tx,
            project,
            task,
            request.user.user_id,
            fixes=submitted.fixes,
            reasons=submitted.reasons,
            revision=submitted.revision,
        )
        await _note(tx, request, "accept_task", task, submitted)
        if submitted.sample:
            path = await next_in_sample(tx, project, submitted.sample, request.user.user_id)
            return NextTask(next=path)
        following = await review_order.next_in_review(
            tx, project, place, chosen, request.user.user_id
        )
        if following is None:
            path = links.fill_path(PROJECT, project_id=project.project_id)
            return NextTask(next=path + query_of(chosen))
        return NextTask(next=task_path(project, following, chosen))

    try:
        return await request.db.write(work)
    except AnswersRejected as problem:
        return refusal(problem)


async def correct_task(request: PageRequest[NoQuery], submitted: FixesSent) -> NextTask | Response:
    """POST …/correct: deliver a completed task again, with the reviewer's fixes."""

    async def work(tx: Transaction) -> NextTask:
        project = await get_project(tx, request)
        task = await find_task(tx, request, project)
        await review_decisions.correct(
            tx,
            project,
            task,
            request.user.user_id,
            fixes=submitted.fixes,
            reasons=submitted.reasons,
            revision=submitted.revision,
        )
        await _note(tx, request, "correct_task", task, submitted)
        return NextTask(next=task_path(project, task.task_id))

    try:
        return await request.db.write(work)
    except AnswersRejected as problem:
        return refusal(problem)


async def send_back(
    request: PageRequest[NoQuery], submitted: SendBackForm, context: WriteContext
) -> Redirect:
    """POST …/send-back: return one person's submission with a comment."""
    project = await get_project(context.tx, request)
    task = await find_task(context.tx, request, project)
    await review_decisions.send_back(
        context.tx,
        project,
        task,
        request.user.user_id,
        submitted.user_id,
        comment=submitted.comment,
        revision=submitted.revision,
    )
    await context.note("task", task.task_id, project_key=project.project_key)
    names = await review_queue.display_names(
        context.tx, request.user.organization_id, [submitted.user_id]
    )
    to = links.fill_path(PROJECT, project_id=project.project_id)
    if submitted.sample:
        to = sample_path(project, submitted.sample)
    return Redirect(
        to=to, flash=N_("Sent back to %(submitted)s.", submitted=names[submitted.user_id])
    )


async def write_on_review(
    request: PageRequest[ReviewTaskQuery], submitted: MessageForm, context: WriteContext
) -> Redirect:
    """POST …/messages/{assignment_id}: write to somebody about the task; back to it."""
    project, lease = await _lease_on_task(request, context)
    await talks.write(
        context.tx,
        project,
        lease.assignment_id,
        TalkSide.staff,
        request.user.user_id,
        text=submitted.text,
        seen=submitted.seen,
    )
    await note_talk(context, project, lease)
    return Redirect(
        to=task_path(project, request.path["task_id"]) + own_query(request.query),
        flash=N_("They see your message on their task and on Home."),
    )


async def read_on_review(
    request: PageRequest[ReviewTaskQuery], submitted: ReadForm, context: WriteContext
) -> Redirect:
    """POST …/messages/{assignment_id}/read: say that messages were read; back to the task."""
    project, lease = await _lease_on_task(request, context)
    await talks.mark_read(
        context.tx, project, lease.assignment_id, TalkSide.staff, until=submitted.until
    )
    await note_talk(context, project, lease)
    return Redirect(to=task_path(project, request.path["task_id"]) + own_query(request.query))


async def _lease_on_task(
    request: PageRequest[Any], context: WriteContext
) -> tuple[ProjectRow, Lease]:
    """The project and an assignment of the path's task; raises NotFound for one of another task."""
    project = await get_project(context.tx, request)
    task = await find_task(context.tx, request, project)
    shown = await talks.get_talk(context.tx, project, request.path["assignment_id"])
    if (shown.lease.project_key, shown.lease.seq) != (task.project_key, task.seq):
        raise NotFound("there is no such assignment")
    return project, shown.lease


async def confirm_report(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/confirm-report: end the task because of its report."""
    project = await get_project(context.tx, request)
    task = await find_task(context.tx, request, project)
    await review_decisions.confirm_report(context.tx, project, task, request.user.user_id)
    await context.note("task", task.task_id, project_key=project.project_key)
    return _to_reported(
        request, say("The report is confirmed; the task has ended without answers.")
    )


async def dismiss_report(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/dismiss-report: put the task back into the queue."""
    project = await get_project(context.tx, request)
    task = await find_task(context.tx, request, project)
    await review_decisions.dismiss_report(context.tx, project, task, request.user.user_id)
    await context.note("task", task.task_id, project_key=project.project_key)
    return _to_reported(request, say("The report is dismissed; the task is back in the queue."))


def _to_reported(request: PageRequest[Any], flash: str) -> Redirect:
    to = links.fill_path(PROJECT, project_id=request.path["project_id"])
    return Redirect(to=f"{to}?show=reported", flash=flash)


async def _note(
    tx: Transaction,
    request: PageRequest[Any],
    action: str,
    task: StoredTask,
    submitted: FixesSent,
) -> None:
    change = WriteContext(tx, request.user.environment_id, request.actor, action)
    detail: dict[str, Any] = {"fixes": len(submitted.fixes)}
    if submitted.reasons:
        detail["reasons"] = dict(Counter(reason.why.value for reason in submitted.reasons))
    await change.note("task", task.task_id, project_key=task.project_key, detail=detail)


PAGES = (
    *(
        Page(
            page_id=page_id,
            path=f"{TASK}/{verb}",
            method="POST",
            role=PersonRole.reviewer,
            handler=handler,
            body=FixesSent,
            body_limit=ANSWERS_BODY,
            opens_transactions=True,
        )
        for page_id, verb, handler in (
            ("accept_task", "accept", accept_task),
            ("correct_task", "correct", correct_task),
        )
    ),
    Page(
        page_id="send_task_back",
        path=f"{TASK}/send-back",
        method="POST",
        role=PersonRole.reviewer,
        handler=send_back,
        form=SendBackForm,
        body_limit=NOTE_BODY,
        form_page="show_review_task",
    ),
    *(
        Page(
            page_id=page_id,
            path=f"{TASK}/messages/{{assignment_id}}{verb}",
            method="POST",
            role=PersonRole.reviewer,
            handler=handler,
            query=ReviewTaskQuery,
            form=form,
            body_limit=NOTE_BODY,
            form_page="show_review_task",
        )
        for page_id, verb, handler, form in (
            ("write_on_review", "", write_on_review, MessageForm),
            ("read_on_review", "/read", read_on_review, ReadForm),
        )
    ),
    Page(
        page_id="confirm_report",
        path=f"{TASK}/confirm-report",
        method="POST",
        role=PersonRole.manager,
        handler=confirm_report,
        form=NoFields,
        form_page="show_review_task",
    ),
    Page(
        page_id="dismiss_report",
        path=f"{TASK}/dismiss-report",
        method="POST",
        role=PersonRole.manager,
        handler=dismiss_report,
        form=NoFields,
        form_page="show_review_task",
    ),
)
