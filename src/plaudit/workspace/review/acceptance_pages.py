"""Acceptance of many tasks in review: begun on a list, then a sample, then all others by a job."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.api.http.parameters import NoQuery, decode
from plaudit.api.transfer.action_job import (
    CHANGING,
    RESTORING,
    cancel_action,
    run_acceptance,
    run_action,
)
from plaudit.core.common import audit
from plaudit.core.labeling import review_queue
from plaudit.core.managing import acceptances, undo
from plaudit.core.tasks import excerpts
from plaudit.core.transfer import jobs
from plaudit.errors import Conflict, Forbidden, InvalidContent
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.labeling import AcceptanceState
from plaudit.model.managing import ActionState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances as acceptances_store
from plaudit.store.labeling.acceptances import Acceptance
from plaudit.store.managing.actions import TaskAction
from plaudit.store.tasks import task_summaries
from plaudit.store.transfer.jobs import Job, JobKind
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project, sentence
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.problem_texts import text_of
from plaudit.workspace.review.review_pages import (
    PROJECT,
    TASK,
    ReviewTaskQuery,
    chosen_of,
    query_of,
)

SAMPLES = f"{PROJECT}/samples"
SAMPLE = f"{SAMPLES}/{{sample_id}}"
LEFT_OUT_MAX = 200
"""Tasks that were left out and are named."""

OUTCOMES = {
    "right": N_("right"),
    "wrong": N_("wrong"),
    "open": N_("to be looked at"),
    "changed": N_("changed or decided on by somebody else"),
}

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class SampleForm(Struct):
    """Form that begins an acceptance: sizes, and the query of the list that it is about."""

    sample_count: str
    wrong_max: str = "0"
    listing: str = ""


class SampleView(Struct, frozen=True):
    """An acceptance in a list of those under way."""

    path: str
    task_count: int
    sample_count: int
    created_ms: int


class NamedTask(Struct, frozen=True):
    """A task of a sample, or one that was left out, with the word for what became of it."""

    path: str
    excerpt: str
    task_id: str
    outcome: str


class AcceptanceProgress(Struct, frozen=True):
    """Progress as a script polls it; `running` while tasks are accepted, or taken back."""

    state: str
    phase: str
    done: int
    total: int = 0


def sample_path(project: ProjectRow, acceptance_id: str) -> str:
    """Path of the page of an acceptance."""
    return links.fill_path(SAMPLE, project_id=project.project_id, sample_id=acceptance_id)


def sample_view(project: ProjectRow, acceptance: Acceptance) -> SampleView:
    """An acceptance as the list of tasks in review names it."""
    detail = acceptances.read_detail(acceptance.detail)
    return SampleView(
        sample_path(project, acceptance.acceptance_id),
        detail.task_count,
        detail.sample_count,
        acceptance.created_ms,
    )


async def next_in_sample(
    tx: Transaction, project: ProjectRow, acceptance_id: str, user_id: str
) -> str:
    """Path of the next task of a sample to be looked at; of the sample's page after the last."""
    acceptance = await acceptances.get_acceptance(tx, project, acceptance_id)
    sample = await acceptances.read_sample(tx, project, acceptance)
    seq = next((one.seq for one in sample.tasks if one.outcome == "open"), None)
    if seq is None or acceptance.user_id != user_id or sample.is_refused:
        return sample_path(project, acceptance_id)
    [task] = await task_summaries.get_summaries(tx, project.project_key, [seq])
    return _task_in_sample(project, task.task_id, acceptance_id)


def _task_in_sample(project: ProjectRow, task_id: str, acceptance_id: str) -> str:
    path = links.fill_path(TASK, project_id=project.project_id, task_id=task_id)
    return f"{path}?sample={acceptance_id}"


async def begin_sample(request: PageRequest[NoQuery], form: SampleForm) -> Redirect:
    """POST …/samples: fix the tasks of a list, and draw a sample; or say why not on the list."""
    chosen = chosen_of(decode(ReviewTaskQuery, form.listing.encode()))

    async def work(tx: Transaction) -> Redirect:
        project = await get_project(tx, request)
        sizes = [_number(form, name) for name in ("sample_count", "wrong_max")]
        acceptance = await acceptances.begin(
            tx,
            project,
            request.user.user_id,
            chosen,
            sample_count=sizes[0],
            wrong_max=sizes[1],
        )
        await _note(tx, request, project, "begin_sample", acceptance)
        return Redirect(to=sample_path(project, acceptance.acceptance_id))

    try:
        return await request.db.write(work)
    except InvalidContent as problem:
        to = links.fill_path(PROJECT, project_id=request.path["project_id"]) + query_of(chosen)
        return Redirect(to=to, flash=sentence(text_of(problem)))


def _number(form: SampleForm, name: str) -> int:
    text = getattr(form, name).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise InvalidContent(N_("expected a whole number"), pointer=f"/{name}")
    return int(text)


async def show_sample(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/samples/{sample_id}: the sample, what it says, and what was accepted after it."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        acceptance = await acceptances.get_acceptance(tx, project, request.path["sample_id"])
        sample = await acceptances.read_sample(tx, project, acceptance)
        action = await acceptances.find_action(tx, project, acceptance)
        key, acceptance_id = project.project_key, acceptance.acceptance_id
        left = await acceptances_store.list_left_out(tx, key, acceptance_id, limit=LEFT_OUT_MAX)
        remaining = await acceptances_store.list_open(
            tx, key, acceptance_id, after_seq=0, limit=acceptances.TASKS_MAX
        )
        named = await _named(
            tx,
            project,
            acceptance,
            [(one.seq, OUTCOMES[one.outcome]) for one in sample.tasks]
            + [(one.seq, one.outcome) for one in left],
        )
        earlier = sample.earlier.samples
        people = {acceptance.user_id, *(one.user_id for one in earlier)}
        names = await review_queue.display_names(tx, request.user.organization_id, people)
    detail = acceptances.read_detail(acceptance.detail)
    is_own = acceptance.user_id == request.user.user_id
    following = next((named[at] for at, t in enumerate(sample.tasks) if t.outcome == "open"), None)
    state = None if action is None else action.state
    return {
        "project": project,
        "path": sample_path(project, acceptance_id),
        "list_path": links.fill_path(PROJECT, project_id=project.project_id)
        + query_of(detail.chosen),
        "acceptance": acceptance,
        "detail": detail,
        "sample": sample,
        "earlier": [
            (sample_path(project, one.acceptance_id), names[one.user_id], one) for one in earlier
        ],
        "sampled": named[: len(sample.tasks)],
        "left_out": named[len(sample.tasks) :],
        "remaining": len(remaining),
        "next_task": following if is_own else None,
        "is_own": is_own,
        "by": names[acceptance.user_id],
        "action": action,
        "is_sampling": acceptance.state is AcceptanceState.sampling,
        "is_under_way": state in (ActionState.running, ActionState.undoing),
        "can_stop": is_own and state is ActionState.running,
        "can_go_on": is_own and state in undo.UNDOABLE and len(remaining) > 0,
        "can_undo": is_own
        and state in undo.UNDOABLE
        and action is not None
        and action.changed_count > 0,
        "kept": {} if action is None else _decode_counts(action.kept),
    }


async def _named(
    tx: Transaction, project: ProjectRow, acceptance: Acceptance, listed: list[tuple[int, str]]
) -> list[NamedTask]:
    """Tasks with what became of them, in their order."""
    seqs = sorted({seq for seq, _ in listed})
    found = {
        task.seq: task for task in await task_summaries.list_present(tx, project.project_key, seqs)
    }
    prompts = await excerpts.list_excerpts(tx, project.project_key, seqs)
    return [
        NamedTask(
            _task_in_sample(project, found[seq].task_id, acceptance.acceptance_id),
            prompts.get(seq, ""),
            found[seq].task_id,
            outcome,
        )
        for seq, outcome in listed
    ]


async def accept_others(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/accept: accept what is outside of the sample, or go on; raises Conflict."""

    async def work(tx: Transaction) -> tuple[ProjectRow, Acceptance, TaskAction, Job]:
        project = await get_project(tx, request)
        locked = await _lock_own(tx, request, project)
        action = await acceptances.begin_accepting(tx, project, locked)
        job = await _add_job(tx, request, project, action, CHANGING)
        accepting = await acceptances.get_acceptance(tx, project, locked.acceptance_id)
        await _note(tx, request, project, "accept_others", accepting)
        return project, accepting, action, job

    project, acceptance, action, job = await request.db.write(work)
    run = request.services.jobs.track(job)
    request.services.jobs.start(
        run, run_acceptance(run, project, acceptance, action, request.actor)
    )
    return Redirect(to=sample_path(project, acceptance.acceptance_id))


async def stop_accepting(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/stop: stop the job; what it accepted stays accepted. Raises Conflict."""

    async def work(tx: Transaction) -> tuple[ProjectRow, Acceptance, Job | None]:
        project = await get_project(tx, request)
        locked = await _lock_own(tx, request, project)
        is_stopped, job = await cancel_action(tx, project, locked.action_id)
        if not is_stopped:
            raise Conflict(N_("nothing is being accepted"))
        await _note(tx, request, project, "stop_accepting", locked)
        return project, locked, job

    project, acceptance, job = await request.db.write(work)
    if job is not None:
        request.services.jobs.cancel(job.job_id)
    return Redirect(to=sample_path(project, acceptance.acceptance_id))


async def give_up_sample(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/give-up: accept none of the others; raises Conflict."""

    async def work(tx: Transaction) -> Redirect:
        project = await get_project(tx, request)
        locked = await _lock_own(tx, request, project)
        await acceptances.give_up(tx, locked)
        await _note(tx, request, project, "give_up_sample", locked)
        path = links.fill_path(PROJECT, project_id=project.project_id)
        return Redirect(
            to=path, flash=N_("The sample is given up; none of the others is accepted.")
        )

    return await request.db.write(work)


async def undo_accepting(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/undo: take accepted tasks back into review, by a job; raises Conflict."""

    async def work(tx: Transaction) -> tuple[ProjectRow, Acceptance, TaskAction, Job]:
        project = await get_project(tx, request)
        locked = await _lock_own(tx, request, project)
        action = await undo.begin_undo(tx, project, locked.action_id)
        job = await _add_job(tx, request, project, action, RESTORING)
        await _note(tx, request, project, "undo_accepting", locked)
        return project, locked, action, job

    project, acceptance, action, job = await request.db.write(work)
    run = request.services.jobs.track(job)
    request.services.jobs.start(run, run_action(run, project, action, request.actor, None))
    return Redirect(to=sample_path(project, acceptance.acceptance_id))


async def ask_sample(request: PageRequest[NoQuery]) -> AcceptanceProgress:
    """GET …/progress: progress as JSON; raises NotFound."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        acceptance = await acceptances.get_acceptance(tx, project, request.path["sample_id"])
        action = await acceptances.find_action(tx, project, acceptance)
    if action is None:
        return AcceptanceProgress("done", "", 0)
    detail = acceptances.read_detail(acceptance.detail)
    total = detail.task_count - detail.sample_count
    if action.state is ActionState.running:
        return AcceptanceProgress("running", "accepting", action.looked_count, total)
    if action.state is ActionState.undoing:
        kept = sum(_decode_counts(action.kept).values())
        done = action.restored_count + kept
        return AcceptanceProgress("running", RESTORING, done, action.changed_count)
    return AcceptanceProgress(action.state.value, "", action.looked_count, total)


async def _lock_own(tx: Transaction, request: PageRequest[Any], project: ProjectRow) -> Acceptance:
    try:
        return await acceptances.lock_own(
            tx, project, request.path["sample_id"], request.user.user_id
        )
    except Forbidden as problem:
        raise Forbidden(N_("somebody else looks at this sample")) from problem


async def _add_job(
    tx: Transaction,
    request: PageRequest[Any],
    project: ProjectRow,
    action: TaskAction,
    phase: str,
) -> Job:
    about = {"project_id": project.project_id, "action_id": action.action_id}
    user = request.user
    return await jobs.start_job(tx, user.environment_id, user.user_id, JobKind.action, about, phase)


async def _note(
    tx: Transaction,
    request: PageRequest[Any],
    project: ProjectRow,
    action: str,
    acceptance: Acceptance,
) -> None:
    await audit.record(
        tx,
        project.environment_id,
        request.actor,
        action,
        "acceptance",
        acceptance.acceptance_id,
        project_key=project.project_key,
    )


PAGES = (
    Page(
        page_id="begin_sample",
        method="POST",
        path=SAMPLES,
        role=PersonRole.reviewer,
        handler=begin_sample,
        form=SampleForm,
        opens_transactions=True,
    ),
    Page(
        page_id="show_sample",
        path=SAMPLE,
        role=PersonRole.reviewer,
        handler=show_sample,
        template="review/sample.html",
    ),
    Page(
        page_id="ask_sample",
        path=f"{SAMPLE}/progress",
        role=PersonRole.reviewer,
        handler=ask_sample,
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=f"{SAMPLE}/{verb}",
            role=PersonRole.reviewer,
            handler=handler,
            form=NoFields,
            form_page="show_sample",
            opens_transactions=True,
        )
        for page_id, verb, handler in (
            ("accept_others", "accept", accept_others),
            ("stop_accepting", "stop", stop_accepting),
            ("give_up_sample", "give-up", give_up_sample),
            ("undo_accepting", "undo", undo_accepting),
        )
    ),
)
