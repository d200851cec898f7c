"""Managers' view of the work: on one task, and lists of tasks that want a manager's attention.

A task is skipped by all if it has a free slot, nobody holds it, and nobody is left who could be
given it: everybody who has ever asked for a task of the project, and was not removed, has skipped
or submitted it. Somebody new may still get it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import PersonStatus, ProjectRow, StoredTask
from plaudit.model.labeling import Lease, QueuedTask, SubmissionRow, TaskNote
from plaudit.store.accounts import organizations, users
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags, skips, submissions
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import notes as notes_store
from plaudit.store.labeling.flags import FlaggedRow
from plaudit.store.labeling.skips import SkippedRow
from plaudit.store.tasks import tasks, unique_ids, work_queue

LISTED_MAX = 100
FLAGS_SHOWN_MAX = 20
"""The latest notes of a task among which its flags are looked for."""
WORKERS_MAX = 1000
"""Beyond so many people of a project, the first by id stand for all."""
CANDIDATES_MAX = 200
"""Tasks somebody skipped that are looked through for one page."""


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


class FlaggedTask(Struct, frozen=True):
    """A flagged task, with its latest flags, newest first."""

    row: FlaggedRow
    flags: list[TaskNote]


class SkippedTasks(Struct, frozen=True):
    """Tasks that are skipped by all, by seq; `last_seq` is where looking stopped, None at the end.

    There are `worker_count` people.
    """

    rows: list[SkippedRow]
    last_seq: int | None
    worker_count: int


async def list_flagged(
    tx: Transaction, project: ProjectRow, *, after_seq: int, limit: int
) -> list[FlaggedTask]:
    """List up to `limit` tasks with flags that no manager has seen, by seq, after `after_seq`."""
    key = project.project_key
    rows = await flags.list_flagged(tx, key, after_seq=after_seq, limit=limit)
    notes = await notes_store.list_notes_of_tasks(
        tx, key, [row.seq for row in rows], limit=FLAGS_SHOWN_MAX
    )
    return [
        FlaggedTask(row, [note for note in notes[row.seq] if note.kind == "flag"]) for row in rows
    ]


async def list_skipped(
    tx: Transaction, project: ProjectRow, *, after_seq: int = 0, limit: int
) -> SkippedTasks:
    """Look through up to `limit` tasks that somebody skipped, for those skipped by all."""
    workers = await _workers(tx, project)
    rows: list[SkippedRow] = []
    if workers:
        rows = await skips.list_candidates(
            tx, project.project_key, workers, after_seq=after_seq, limit=limit + 1
        )
    last_seq = rows[limit - 1].seq if len(rows) > limit else None
    found = [row for row in rows[:limit] if row.is_by_all]
    return SkippedTasks(found, last_seq, len(workers))


async def list_skipped_among(
    tx: Transaction, project: ProjectRow, seqs: Sequence[int]
) -> list[SkippedRow]:
    """Those of these tasks that are skipped by all, by seq."""
    workers = await _workers(tx, project)
    if not workers:
        return []
    rows = await skips.judge_candidates(tx, project.project_key, workers, seqs)
    return [row for row in rows if row.is_by_all]


async def _workers(tx: Transaction, project: ProjectRow) -> list[str]:
    """Ids of people who have ever asked for a task of the project, and were not removed."""
    asked = await skips.list_workers(tx, project.project_key, limit=WORKERS_MAX)
    account = await organizations.find_organization(tx, project.environment_id)
    found = {} if account is None else await users.find_people(tx, account[0], asked)
    removed = {
        user_id for user_id, person in found.items() if person.status is PersonStatus.removed
    }
    return [user_id for user_id in asked if user_id not in removed]


async def get_task_work(tx: Transaction, task: StoredTask, organization_id: str) -> TaskWork:
    """Load the work on a task, with its latest LISTED_MAX leases and notes, newest first."""
    key, seq = task.project_key, task.seq
    leases = await leases_store.list_leases_on(tx, key, seq, limit=LISTED_MAX)
    current = await submissions.list_current(tx, key, seq)
    notes = await notes_store.list_notes(tx, key, seq, limit=LISTED_MAX)
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
