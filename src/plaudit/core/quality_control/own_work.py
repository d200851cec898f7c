"""A person's own work in a project: ordinary and control tasks together, which they cannot tell.

A control task is final, delivered or reviewed, when the ordinary one submitted before it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.core.labeling import leases, submissions
from plaudit.core.quality_control import qualification, standing
from plaudit.core.quality_control.control_tasks import control_side, on_either_side
from plaudit.core.tasks import excerpts
from plaudit.errors import Conflict
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease, LeaseStatus, SubmissionRow, control_key
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import control_turns
from plaudit.store.tasks import task_summaries


class OwnSubmission(Struct, frozen=True):
    """One of a person's own submissions; `final_state` is None while it can be opened again."""

    submission: SubmissionRow
    final_state: str | None
    excerpt: str


def side_of(project: ProjectRow, lease: Lease) -> ProjectRow:
    """The project as the task of a lease knows it, ordinary or control."""
    return project if lease.project_key == project.project_key else control_side(project)


async def list_open_leases(tx: Transaction, project: ProjectRow, user_id: str) -> list[Lease]:
    """List a person's leases that have not run out, oldest first. Needs no write transaction."""
    listed = [
        lease
        for side in (project, control_side(project))
        for lease in await leases.list_open_leases(tx, side, user_id)
    ]
    return sorted(listed, key=lambda lease: lease.leased_ms)


async def list_excerpts(
    tx: Transaction, project: ProjectRow, held: Sequence[Lease]
) -> dict[str, str]:
    """Excerpts of the tasks of leases, by assignment id."""
    found: dict[str, str] = {}
    for key in (project.project_key, control_key(project.project_key)):
        seqs = {lease.seq for lease in held if lease.project_key == key}
        by_seq = await excerpts.list_excerpts(tx, key, sorted(seqs)) if seqs else {}
        found |= {
            lease.assignment_id: by_seq[lease.seq]
            for lease in held
            if lease.project_key == key and lease.seq in by_seq
        }
    return found


async def find_batch_id(
    tx: Transaction, project: ProjectRow, lease: Lease, batch_id: str | None
) -> str | None:
    """The batch that the page of a lease names: that of its task, or one in its place."""
    if lease.project_key == project.project_key:
        return batch_id
    return await control_turns.find_place(tx, lease.project_key, lease.assignment_id)


async def count_done(tx: Transaction, project: ProjectRow, user_id: str) -> int:
    """Count the tasks of a project that a person has submitted."""
    return sum(
        [
            await submissions.count_done(tx, side, user_id)
            for side in (project, control_side(project))
        ]
    )


async def list_recent(tx: Transaction, project: ProjectRow, user_id: str) -> list[OwnSubmission]:
    """List a person's last REOPENABLE current submissions in a project, newest first."""
    ordinary = await submissions.list_recent(tx, project, user_id)
    control = await submissions.list_recent(tx, control_side(project), user_id)
    seqs = [row.seq for row in ordinary]
    done = await task_summaries.get_summaries(tx, project.project_key, seqs)
    states = await submissions.list_final_states(tx, ordinary, done)
    texts: dict[tuple[int, int], str] = {}
    for listed in (ordinary, control):
        for key in {row.project_key for row in listed}:
            found = await excerpts.list_excerpts(tx, key, [row.seq for row in listed])
            texts |= {(key, seq): text for seq, text in found.items()}
    recent = [
        OwnSubmission(row, state, texts.get((row.project_key, row.seq), ""))
        for row, state in [
            *zip(ordinary, states, strict=True),
            *((row, _state_at(row, ordinary, states)) for row in control),
        ]
    ]
    recent.sort(key=lambda one: (one.submission.submitted_ms, one.submission.submission_id))
    return recent[: -submissions.REOPENABLE - 1 : -1]


def _state_at(
    row: SubmissionRow, ordinary: Sequence[SubmissionRow], states: Sequence[str | None]
) -> str | None:
    """Final state of a control task's submission: that of the ordinary one before it."""
    for one, state in zip(ordinary, states, strict=True):
        if one.submitted_ms <= row.submitted_ms:
            return state
    return states[-1] if states else None


async def undo(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen a person's own submission of the last moments; raises Paused too."""
    await standing.require_standing(tx, project, user_id)
    return await on_either_side(
        tx, project, lambda tx, side: submissions.undo(tx, side, user_id, assignment_id)
    )


async def reopen(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen one of a person's last submissions; raises Paused too."""
    await standing.require_standing(tx, project, user_id)

    async def work(tx: Transaction, side: ProjectRow) -> Lease:
        if side.project_key != project.project_key:
            await _require_reopenable(tx, project, user_id, assignment_id)
        return await submissions.reopen(tx, side, user_id, assignment_id)

    return await on_either_side(tx, project, work)


async def _require_reopenable(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> None:
    """Refuse a control task's submission as that of an ordinary one is; raises Conflict."""
    lease = await leases.get_lease(tx, control_side(project), user_id, assignment_id)
    if lease.status is not LeaseStatus.submitted:
        return
    for one in await list_recent(tx, project, user_id):
        if one.submission.assignment_id == assignment_id:
            if one.final_state is not None:
                raise Conflict(f"this task has been {one.final_state}")
            return
    raise Conflict(f"only your last {submissions.REOPENABLE} tasks can be opened again")


async def resume(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Open a person's lease again that has ended; raises Paused and Unqualified too."""
    seat = await standing.require_standing(tx, project, user_id)

    async def work(tx: Transaction, side: ProjectRow) -> Lease:
        lease = await leases.get_lease(tx, side, user_id, assignment_id)
        if lease.project_key == project.project_key:
            await qualification.require_qualified(tx, project, user_id)
        return await leases.resume(tx, side, user_id, assignment_id, quota=seat.quota)

    return await on_either_side(tx, project, work)
