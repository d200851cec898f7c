"""What waits for reviewers and managers, what was decided, and what people are told of it.

Lists are read in the order of tasks, a page at a time, inside the caller's world.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, LeaseStatus, TaskNote, Work, WorkState
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions
from plaudit.store.tasks import projects, recent_completions, tasks, work_queue
from plaudit.store.tasks.tasks import TaskCursor

PROJECTS_MAX = 200
COUNTED_MAX = 1000
NOTES_MAX = 100
UNFINISHED_MAX = 100

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ProjectBacklog(Struct, frozen=True):
    """A project and how many of its tasks wait, each counted no further than COUNTED_MAX."""

    project: ProjectRow
    in_review: int
    quarantined: int


class ReviewAction(Struct, frozen=True):
    """One thing that somebody did about a task; `fixes` are pairs of before and after."""

    user_id: str
    kind: str
    """skip, flag, report, accept, correct, send_back, dismiss_report or confirm_report; submit, or
    submit_once where the answers count no more."""
    created_ms: int
    text: str
    about: str
    """Whom it is about, a user id; empty for nobody."""
    fixes: list[tuple[Answer | None, Answer]]


class ReturnedTask(Struct, frozen=True):
    """A task that a reviewer sent back to somebody, and why."""

    lease: Lease
    comment: str
    created_ms: int


async def list_waiting(tx: Transaction, environment_id: str) -> tuple[list[ProjectBacklog], bool]:
    """Those of a world's newest projects in which something waits; whether there are older ones."""
    found = await projects.list_newest_projects(tx, environment_id, PROJECTS_MAX + 1)
    listed = []
    for one in found[:PROJECTS_MAX]:
        counts = [
            await work_queue.count_waiting(tx, one.project_key, state, limit_max=COUNTED_MAX)
            for state in (WorkState.in_review, WorkState.quarantined)
        ]
        if any(counts):
            listed.append(ProjectBacklog(one, *counts))
    return listed, len(found) > PROJECTS_MAX


async def list_in_review(
    tx: Transaction, project: ProjectRow, *, after_seq: int = 0, limit: int = 100
) -> list[Work]:
    """Tasks that wait for a reviewer."""
    return await work_queue.list_waiting(
        tx, project.project_key, WorkState.in_review, after_seq=after_seq, limit=limit
    )


async def list_parked(
    tx: Transaction, project: ProjectRow, *, after_seq: int = 0, limit: int = 100
) -> list[Work]:
    """Tasks whose content was reported."""
    return await work_queue.list_waiting(
        tx, project.project_key, WorkState.quarantined, after_seq=after_seq, limit=limit
    )


async def list_completed(
    tx: Transaction,
    project: ProjectRow,
    *,
    before: TaskCursor = recent_completions.LAST_CURSOR,
    limit: int = 100,
) -> list[StoredTask]:
    """Completed tasks, the last one first."""
    places = await recent_completions.list_latest_completions(
        tx, project.project_key, before=before, limit=limit
    )
    return [await tasks.get_task(tx, project.project_key, one.seq) for one in places]


async def next_in_review(tx: Transaction, project: ProjectRow, after_seq: int) -> str | None:
    """The id of the next task that waits for a reviewer, from the start again after the last."""
    for start in (after_seq, 0):
        found = await list_in_review(tx, project, after_seq=start, limit=1)
        if found:
            return (await tasks.get_task(tx, project.project_key, found[0].seq)).task_id
    return None


async def list_said(tx: Transaction, project: ProjectRow, seq: int) -> list[ReviewAction]:
    """What was said and decided about a task, newest first; the last hundred."""
    notes = await leases_store.list_notes(tx, project.project_key, seq, limit=NOTES_MAX)
    return [_said(one) for one in notes]


async def list_answered(tx: Transaction, project: ProjectRow, seq: int) -> list[ReviewAction]:
    """When people submitted a task, newest first; the last hundred times."""
    found = await submissions.list_all(tx, project.project_key, seq, limit=NOTES_MAX)
    return [
        ReviewAction(
            user_id=one.user_id,
            kind="submit" if one.is_current else "submit_once",
            created_ms=one.submitted_ms,
            text="",
            about="",
            fixes=[],
        )
        for one in found
    ]


async def list_returned(tx: Transaction, project: ProjectRow, user_id: str) -> list[ReturnedTask]:
    """What was sent back to somebody and waits for them."""
    leases = await leases_store.list_leases(
        tx, project.project_key, user_id, LeaseStatus.returned, limit=UNFINISHED_MAX
    )
    found = []
    for lease in leases:
        told = await returned_with(tx, project, lease)
        if told is not None:
            found.append(told)
    return found


async def returned_with(tx: Transaction, project: ProjectRow, lease: Lease) -> ReturnedTask | None:
    """Why a lease was sent back, until its holder submits again; None if it was not."""
    if lease.lease_version == 1 or lease.status is LeaseStatus.submitted:
        return None
    last = await submissions.find_last(tx, project.project_key, lease.assignment_id)
    notes = await leases_store.list_notes(tx, project.project_key, lease.seq, limit=NOTES_MAX)
    for one in notes:
        is_older = last is not None and one.created_ms < last.submitted_ms
        if one.kind != "send_back" or is_older:
            continue
        detail = _decode(one.detail)
        if detail.get("user_id") == lease.user_id:
            return ReturnedTask(lease, str(detail.get("comment") or ""), one.created_ms)
    return None


async def names_of(
    tx: Transaction, organization_id: str, user_ids: Iterable[str]
) -> dict[str, str]:
    """What to call people, removed ones too; an id that is nobody's stands for itself."""
    names = {}
    for user_id in set(user_ids):
        person = await users.find_person(tx, organization_id, user_id)
        names[user_id] = user_id if person is None else person.name or person.email
    return names


def _said(note: TaskNote) -> ReviewAction:
    detail = _decode(note.detail)
    fixes = detail.get("fixes") or []
    before = detail.get("before") or [None] * len(fixes)
    text = " – ".join(
        str(detail[name]) for name in ("reason", "note", "comment") if detail.get(name)
    )
    return ReviewAction(
        user_id=note.user_id,
        kind=note.kind,
        created_ms=note.created_ms,
        text=text,
        about=str(detail.get("user_id") or ""),
        fixes=[
            (None if was is None else msgspec.convert(was, Answer), msgspec.convert(now, Answer))
            for was, now in zip(before, fixes, strict=False)
        ],
    )
