"""Tasks that wait for reviewers and managers, and the history of actions on a task.

Quarantined tasks are listed by `seq`; those in review by adjudication/review_order.py. All
functions only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason, reasons_of
from plaudit.core.labeling.answers import Answer
from plaudit.core.staffing import seats
from plaudit.model.core import PersonRole, ProjectRow, SignedIn
from plaudit.model.labeling import Lease, LeaseStatus, QueuedTask, TaskNote, WorkState
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import notes as notes_store
from plaudit.store.labeling import submissions
from plaudit.store.tasks import recent_completions, task_summaries, work_lists
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.tasks.tasks import TaskCursor

PROJECTS_MAX = 200
COUNTED_MAX = 1000
NOTES_MAX = 100
UNFINISHED_MAX = 100

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ProjectBacklog(Struct, frozen=True):
    """A project with the number of its tasks in review and quarantined, up to COUNTED_MAX each."""

    project: ProjectRow
    in_review: int
    quarantined: int


class ReviewAction(Struct, frozen=True):
    """An action of a person on a task, for its history; `fixes` are pairs of answer and fix.

    `reasons` are why people disagreed, as this person says.
    """

    user_id: str
    kind: str
    """Kind of a note (TaskNote), or submit; submit_once where the submission is not current."""
    created_ms: int
    reason: str
    """Stored reason of a note to skip, flag or report; else empty."""
    text: str
    about: str
    """Id of the user to whom the task was sent back; else empty."""
    fixes: list[tuple[Answer | None, Answer]]
    reasons: list[GivenReason] = []


class ReturnedTask(Struct, frozen=True):
    """A lease that a reviewer returned to its holder, with the reviewer's comment and its time."""

    lease: Lease
    comment: str
    created_ms: int


async def list_waiting(tx: Transaction, user: SignedIn) -> tuple[list[ProjectBacklog], bool]:
    """List those of the PROJECTS_MAX newest projects that have waiting tasks, newest first.

    Of all projects in which the user is a reviewer. The second value is True if there are older
    ones, which were not looked at.
    """
    newest = await seats.list_projects(tx, user, PROJECTS_MAX + 1, role=PersonRole.reviewer)
    looked_at = newest[:PROJECTS_MAX]
    keys = [project.project_key for project in looked_at]
    in_review, quarantined = [
        await work_lists.count_waiting_by_project(tx, keys, state, limit_max=COUNTED_MAX)
        for state in (WorkState.in_review, WorkState.quarantined)
    ]
    backlogs = map(ProjectBacklog, looked_at, in_review, quarantined)
    waiting = [backlog for backlog in backlogs if backlog.in_review or backlog.quarantined]
    return waiting, len(newest) > PROJECTS_MAX


async def list_quarantined(
    tx: Transaction, project: ProjectRow, *, after_seq: int = 0, limit: int = 100
) -> list[QueuedTask]:
    """List up to `limit` quarantined tasks with a greater seq than `after_seq`, by seq."""
    return await work_lists.list_waiting(
        tx, project.project_key, WorkState.quarantined, after_seq=after_seq, limit=limit
    )


async def list_completed(
    tx: Transaction,
    project: ProjectRow,
    *,
    before: TaskCursor = recent_completions.LAST_CURSOR,
    limit: int = 100,
) -> list[TaskSummary]:
    """List up to `limit` completed tasks before this point, by completion time, latest first."""
    completions = await recent_completions.list_latest_completions(
        tx, project.project_key, before=before, limit=limit
    )
    return await task_summaries.get_summaries(
        tx, project.project_key, [refs.seq for refs in completions]
    )


async def list_actions(tx: Transaction, project: ProjectRow, seq: int) -> list[ReviewAction]:
    """List the last NOTES_MAX notes and decisions on a task as actions, newest first."""
    notes = await notes_store.list_notes(tx, project.project_key, seq, limit=NOTES_MAX)
    return [_action(note) for note in notes]


async def list_submit_actions(tx: Transaction, project: ProjectRow, seq: int) -> list[ReviewAction]:
    """List the last NOTES_MAX submissions of a task as actions, newest first."""
    rows = await submissions.list_all(tx, project.project_key, seq, limit=NOTES_MAX)
    return [
        ReviewAction(
            user_id=row.user_id,
            kind="submit" if row.is_current else "submit_once",
            created_ms=row.submitted_ms,
            reason="",
            text="",
            about="",
            fixes=[],
        )
        for row in rows
    ]


async def list_returned(tx: Transaction, project: ProjectRow, user_id: str) -> list[ReturnedTask]:
    """List the tasks that were returned to a person and wait for them."""
    leases = await leases_store.list_leases(
        tx, project.project_key, user_id, LeaseStatus.returned, limit=UNFINISHED_MAX
    )
    return [found for found in await _find_returned(tx, project, leases) if found is not None]


async def find_returned_task(
    tx: Transaction, project: ProjectRow, lease: Lease
) -> ReturnedTask | None:
    """Find why a lease was returned; None if it was not, or its holder has submitted again."""
    [found] = await _find_returned(tx, project, [lease])
    return found


async def _find_returned(
    tx: Transaction, project: ProjectRow, leases: Sequence[Lease]
) -> list[ReturnedTask | None]:
    again = [
        lease
        for lease in leases
        if lease.lease_version > 1 and lease.status is not LeaseStatus.submitted
    ]
    key = project.project_key
    submitted = await submissions.list_last_times(tx, key, [one.assignment_id for one in again])
    notes = await notes_store.list_notes_of_tasks(
        tx, key, sorted({lease.seq for lease in again}), limit=NOTES_MAX
    )
    found = {
        lease.assignment_id: _returned(
            lease, notes[lease.seq], submitted.get(lease.assignment_id, 0)
        )
        for lease in again
    }
    return [found.get(lease.assignment_id) for lease in leases]


def _returned(lease: Lease, notes: Sequence[TaskNote], submitted_ms: int) -> ReturnedTask | None:
    """The lease with the latest comment that sent it back since it was submitted."""
    for note in notes:
        if note.kind != "send_back" or note.created_ms < submitted_ms:
            continue
        detail = _decode(note.detail)
        if detail.get("user_id") == lease.user_id:
            return ReturnedTask(lease, str(detail.get("comment") or ""), note.created_ms)
    return None


async def display_names(
    tx: Transaction, organization_id: str, user_ids: Iterable[str]
) -> dict[str, str]:
    """Map user ids to names, or e-mail addresses where there is no name; removed people too.

    An id of nobody in the organization maps to itself.
    """
    wanted = set(user_ids)
    people = await users.find_people(tx, organization_id, wanted)
    named = {user_id: person.name or person.email for user_id, person in people.items()}
    return {user_id: named.get(user_id, user_id) for user_id in wanted}


def _action(note: TaskNote) -> ReviewAction:
    detail = _decode(note.detail)
    fixes = detail.get("fixes") or []
    before = detail.get("before") or [None] * len(fixes)
    text = " – ".join(str(detail[name]) for name in ("note", "comment") if detail.get(name))
    return ReviewAction(
        user_id=note.user_id,
        kind=note.kind,
        created_ms=note.created_ms,
        reason=str(detail.get("reason") or ""),
        text=text,
        about=str(detail.get("user_id") or ""),
        fixes=[
            (None if old is None else msgspec.convert(old, Answer), msgspec.convert(new, Answer))
            for old, new in zip(before, fixes, strict=False)
        ],
        reasons=reasons_of(note.detail),
    )
