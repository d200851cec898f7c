"""Jobs that apply an action to all tasks that meet conditions, or undo one."""

from __future__ import annotations

from plaudit.api.http.job_runner import JobRun
from plaudit.core.managing import acceptances, actions, undo
from plaudit.core.transfer import jobs
from plaudit.model.core import Actor, ProjectRow
from plaudit.model.managing import ActionState, TaskConditions
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling.acceptances import Acceptance
from plaudit.store.managing.actions import TaskAction
from plaudit.store.transfer.jobs import Job, JobKind, JobState

CHANGING = "changing tasks"
RESTORING = "restoring tasks"
"""Phases of the jobs."""


async def run_action(
    run: JobRun,
    project: ProjectRow,
    action: TaskAction,
    actor: Actor,
    conditions: TaskConditions | None,
) -> None:
    """Apply an action that has begun, or with conditions None undo one, in a thread.

    Raises Unavailable if the job was told to stop: what was done by then stays done.
    """

    def report(now: TaskAction) -> None:
        is_undo = conditions is None
        done = now.restored_count if is_undo else now.looked_count
        run.tracker.report(done=done, total=now.changed_count if is_undo else 0)

    async def end_job(tx: Transaction) -> None:
        """End the job with its action, so that whoever sees it done may undo it at once."""
        await jobs.finish_job(tx, run.job, run.tracker.progress)

    async def work(db: Database) -> None:
        if conditions is None:
            await undo.run_undo(db, project, action, actor, report)
        else:
            await actions.run(db, project, action, actor, conditions, report, ending=end_job)

    await run.run_in_thread(work)


async def run_acceptance(
    run: JobRun, project: ProjectRow, acceptance: Acceptance, action: TaskAction, actor: Actor
) -> None:
    """Accept the tasks outside of the sample of an acceptance, in a thread.

    Raises Unavailable if the job was told to stop: what was accepted by then stays accepted.
    """

    def report(now: TaskAction) -> None:
        run.tracker.report(done=now.looked_count)

    async def end_job(tx: Transaction) -> None:
        await jobs.finish_job(tx, run.job, run.tracker.progress)

    await run.run_in_thread(
        lambda db: acceptances.run(db, project, acceptance, action, actor, report, ending=end_job)
    )


async def find_running_job(tx: Transaction, project: ProjectRow, action_id: str) -> Job | None:
    """Find the running job of an action of a project; None if there is none."""
    for job in await jobs.list_latest_jobs(tx, project.environment_id, JobKind.action, 1):
        is_its_own = jobs.job_request(job).get("action_id") == action_id
        if is_its_own and job.state is JobState.running:
            return job
    return None


async def cancel_action(
    tx: Transaction, project: ProjectRow, action_id: str
) -> tuple[bool, Job | None]:
    """Cancel an action, or its undo, and its job; return if it was under way, and that job.

    Raises NotFound. The job is told by `JobRunner.cancel`, once that is committed. Jobs are locked
    before their actions, as at their end.
    """
    await actions.get_action(tx, project, action_id)
    job = await find_running_job(tx, project, action_id)
    if job is not None:
        await jobs.cancel_job(tx, project.environment_id, JobKind.action, job.job_id)
    return await actions.cancel(tx, project, action_id), job


def is_small(action: TaskAction) -> bool:
    """True if an action can be undone in one transaction."""
    return action.state is ActionState.undoing and action.changed_count < undo.at_once(action)
