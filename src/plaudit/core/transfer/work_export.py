"""Export the work on tasks: queue, leases with drafts, submissions, notes and decisions.

The work on a task is read with the task in one snapshot, so the two never contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from plaudit import clock
from plaudit.core.tasks.overlap import needed_at_first
from plaudit.core.transfer.archive_line import archive_line
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, SubmissionRow, TaskNote, WorkState
from plaudit.store.common import pages
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags
from plaudit.store.transfer import archived_work
from plaudit.store.transfer.archived_work import WorkSettings
from plaudit.wire.archive import values as wire
from plaudit.wire.v2.resources import project_detail

_encode = msgspec.json.Encoder().encode

ANNOTATORS_NOTES = ("skip", "flag", "report")
"""Kinds of notes that are no decision of a reviewer."""


class ArchivedTaskWork(Struct, frozen=True):
    """The work on one task, each part oldest first; `settings` is None for a task not queued."""

    settings: WorkSettings | None
    leases: list[Lease]
    submissions: list[SubmissionRow]
    notes: list[TaskNote]
    flag_count: int
    """Flags that no manager has seen: so many of the last notes of this kind."""


async def read_work(
    tx: Transaction, project: ProjectRow, tasks: Sequence[StoredTask], bytes_max: int
) -> list[ArchivedTaskWork]:
    """Work on each of the leading tasks that have at most `bytes_max` of it; at least one task."""
    key, seqs = project.project_key, [task.seq for task in tasks]
    sizes = await archived_work.list_work_sizes(tx, key, seqs)
    seqs = seqs[: pages.count_fitting([sizes.get(seq, 0) for seq in seqs], bytes_max)]
    settings = await archived_work.list_settings(tx, key, seqs)
    begun = [seq for seq in seqs if seq in sizes]
    leases = await archived_work.list_leases(tx, key, begun)
    lease_ids = [lease.assignment_id for listed in leases.values() for lease in listed]
    submissions = await archived_work.list_submissions(tx, key, lease_ids)
    notes = await archived_work.list_notes(tx, key, begun)
    flag_counts = await flags.count_flags(tx, key, begun)
    return [
        ArchivedTaskWork(
            settings.get(seq),
            leases.get(seq, []),
            submissions.get(seq, []),
            notes.get(seq, []),
            flag_counts.get(seq, 0),
        )
        for seq in seqs
    ]


def work_lines(project: ProjectRow, task: StoredTask, work: ArchivedTaskWork) -> Iterator[bytes]:
    """The lines of the work on a task, each after those that it refers to."""
    task_id, settings = task.task_id, work.settings
    needed = needed_at_first(project_detail(project))
    if settings is not None and settings != WorkSettings(needed, WorkState.open, None, False):
        value = wire.ArchivedWork(
            task=task_id,
            needed=settings.needed,
            state=settings.state,
            reason=settings.reason,
            is_undecided=settings.is_undecided,
        )
        yield archive_line("work", _encode(value))
    for lease in work.leases:
        yield archive_line("lease", _encode(_lease_value(task_id, lease)))
    for submission in work.submissions:
        yield archive_line("submission", _encode(_submission_value(task_id, submission)))
    flag_ids = [note.note_id for note in work.notes if note.kind == "flag"]
    unseen = set(flag_ids[len(flag_ids) - work.flag_count :])
    for note in work.notes:
        kind = "note" if note.kind in ANNOTATORS_NOTES else "review"
        archived = _note_value(task_id, note, is_unseen=note.note_id in unseen)
        yield archive_line(kind, _encode(archived))


def _lease_value(task_id: str, lease: Lease) -> wire.ArchivedLease:
    return wire.ArchivedLease(
        id=lease.assignment_id,
        task=task_id,
        user=lease.user_id,
        status=lease.status,
        version=lease.lease_version,
        created_at=clock.format_ms(lease.created_ms),
        leased_at=clock.format_ms(lease.leased_ms),
        expires_at=clock.format_ms(lease.expires_ms),
        ended_at=_text(lease.ended_ms),
        active_ms=lease.active_ms,
        display=Raw(lease.display),
        draft=msgspec.UNSET if lease.draft is None else Raw(lease.draft),
        draft_revision=lease.draft_revision,
        draft_at=_text(lease.draft_ms),
    )


def _submission_value(task_id: str, submission: SubmissionRow) -> wire.ArchivedSubmission:
    return wire.ArchivedSubmission(
        id=submission.submission_id,
        lease=submission.assignment_id,
        task=task_id,
        user=submission.user_id,
        revision=submission.revision,
        supersedes=submission.supersedes,
        client_key=submission.client_key,
        given_hash=submission.given_hash.hex(),
        answers=Raw(submission.answers),
        display=Raw(submission.display),
        submitted_at=clock.format_ms(submission.submitted_ms),
        active_ms=submission.active_ms,
        is_current=submission.is_current,
        reviewed_at=_text(submission.reviewed_ms),
        form_version=submission.form_version,
    )


def _note_value(task_id: str, note: TaskNote, *, is_unseen: bool) -> wire.ArchivedNote:
    detail: Any = Raw(note.detail)
    return wire.ArchivedNote(
        id=note.note_id,
        task=task_id,
        user=note.user_id,
        kind=note.kind,
        detail=detail,
        created_at=clock.format_ms(note.created_ms),
        is_unseen=is_unseen,
    )


def _text(ms: int | None) -> str | None:
    return None if ms is None else clock.format_ms(ms)
