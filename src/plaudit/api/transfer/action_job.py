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


def is_small(action: TaskAction) -> bool:
    """True if an action can be undone in one transaction."""
    return action.state is ActionState.undoing and action.changed_count < undo.at_once(action)
