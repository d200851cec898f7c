"""Managers' view of the work on one task: its queue row, leases, submissions and notes."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, QueuedTask, SubmissionRow, TaskNote
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions
from plaudit.store.tasks import tasks, unique_ids, work_queue

LISTED_MAX = 100


class TaskWork(Struct, frozen=True):
    """The work on a task; `queued` is its row in the queue, None if it is not in the queue.

    `people` maps user ids to names, or e-mail addresses where there is no name. Ids of nobody in
    the organization are missing.
    """

    queued: QueuedTask | None
    leases: list[Lease]
    submissions: list[SubmissionRow]
    notes: list[TaskNote]
    people: dict[str, str]


async def get_task_work(tx: Transaction, task: StoredTask, organization_id: str) -> TaskWork:
    """Load the work on a task, with its latest LISTED_MAX leases and notes, newest first."""
    key, seq = task.project_key, task.seq
    leases = await leases_store.list_leases_on(tx, key, seq, limit=LISTED_MAX)
    current = await submissions.list_current(tx, key, seq)
    notes = await leases_store.list_notes(tx, key, seq, limit=LISTED_MAX)
    involved = {lease.user_id for lease in leases}
    involved |= {submission.user_id for submission in current} | {note.user_id for note in notes}
    found = await users.find_people(tx, organization_id, involved)
    people = {user_id: person.name or person.email for user_id, person in found.items()}
    return TaskWork(await work_queue.find_work(tx, key, seq), leases, current, notes, people)


async def find_in_project(tx: Transaction, project: ProjectRow, any_id: str) -> StoredTask | None:
    """Find a project's task by its id, or else by its `unique_id`."""
    environment_id = project.environment_id
    task = await tasks.find_task(tx, environment_id, any_id)
    if task is None:
        task_id = (await unique_ids.list_reserved(tx, environment_id, [any_id])).get(any_id)
        task = None if task_id is None else await tasks.find_task(tx, environment_id, task_id)
    return task if task is not None and task.project_key == project.project_key else None
