"""How the work on one task stands: who has it, what was submitted, what was said about it."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, SubmissionRow, TaskNote, Work
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions
from plaudit.store.tasks import tasks, unique_ids, work_queue

LISTED_MAX = 100


class WorkOnTask(Struct, frozen=True):
    """Everything about the work on a task; `place` is None if nobody can work on it.

    `people` are names, or e-mail addresses of who has none, by id; who is of no account any more
    is missing.
    """

    place: Work | None
    leases: list[Lease]
    submissions: list[SubmissionRow]
    notes: list[TaskNote]
    people: dict[str, str]


async def work_on(tx: Transaction, task: StoredTask, organization_id: str) -> WorkOnTask:
    """How the work on a task stands; up to LISTED_MAX leases and notes, the latest first."""
    key, seq = task.project_key, task.seq
    leases = await leases_store.list_leases_on(tx, key, seq, limit=LISTED_MAX)
    current = await submissions.list_current(tx, key, seq)
    notes = await leases_store.list_notes(tx, key, seq, limit=LISTED_MAX)
    people = {}
    involved = {one.user_id for one in leases}
    involved |= {one.user_id for one in current} | {one.user_id for one in notes}
    for user_id in involved:
        person = await users.find_person(tx, organization_id, user_id)
        if person is not None:
            people[user_id] = person.name or person.email
    return WorkOnTask(await work_queue.find_work(tx, key, seq), leases, current, notes, people)


async def find_in_project(tx: Transaction, project: ProjectRow, word: str) -> StoredTask | None:
    """The task of a project that has this id or this `unique_id`; the id goes first."""
    task = await tasks.find_task(tx, project.environment_id, word)
    if task is None:
        holder = (await unique_ids.list_reserved(tx, project.environment_id, [word])).get(word)
        task = None if holder is None else await tasks.find_task(tx, project.environment_id, holder)
    return task if task is not None and task.project_key == project.project_key else None
