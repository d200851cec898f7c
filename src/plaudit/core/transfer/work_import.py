"""Import the work on tasks: queue, leases with drafts, submissions, notes and decisions.

A line whose id is stored is compared: work that has gone on since keeps what it has become, and
any other difference is a conflict. Slots are counted from the rows themselves, so that no line can
make a task's counts wrong. The rows of the work queue are locked before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.adjudication.disagreement_reasons import reasons_of, store_reasons
from plaudit.core.labeling.adjudication.review_order import write_order
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.counting.vote_writing import write_votes
from plaudit.core.transfer.row_group import (
    RowGroup,
    RowResult,
    RowScope,
    check_ids,
    find_user_ids,
    required_moment,
    unknown_user,
)
from plaudit.core.transfer.work_export import ANNOTATORS_NOTES
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.labeling import Lease, LeaseStatus, SubmissionRow, TaskNote, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags, skips
from plaudit.store.tasks import projects, task_locators, tasks
from plaudit.store.transfer import archived_work
from plaudit.store.transfer.archived_work import WorkCounts, WorkSettings
from plaudit.wire.archive import values as wire
from plaudit.wire.v2.parse import convert, moment

DECISIONS = (
    *("accept", "correct", "send_back", "dismiss_report", "confirm_report"),
    *("see_flag", "offer_again", "accept_many"),
)
"""Kinds of notes that are a decision of a reviewer or manager."""

_HOLDING = (LeaseStatus.open, LeaseStatus.returned)
_encode = msgspec.json.Encoder().encode

_Row = wire.ArchivedWork | wire.ArchivedLease | wire.ArchivedSubmission | wire.ArchivedNote
_Place = tuple[int, int]
"""project_key and seq of a task."""


def _read_work(value: Any) -> wire.ArchivedWork:
    work: wire.ArchivedWork = convert(value, wire.ArchivedWork)
    check_ids(task=work.task)
    return work


def _read_lease(value: Any) -> wire.ArchivedLease:
    lease: wire.ArchivedLease = convert(value, wire.ArchivedLease)
    check_ids(id=lease.id, task=lease.task, user=lease.user)
    for name in ("created_at", "leased_at", "expires_at", "ended_at", "draft_at"):
        moment(getattr(lease, name), f"/{name}")
    if (lease.status in _HOLDING) != (lease.ended_at is None):
        raise InvalidContent(
            "open and returned leases have no ended_at, and all others have one",
            pointer="/ended_at",
        )
    return lease


def _read_submission(value: Any) -> wire.ArchivedSubmission:
    submission: wire.ArchivedSubmission = convert(value, wire.ArchivedSubmission)
    check_ids(
        id=submission.id,
        lease=submission.lease,
        task=submission.task,
        user=submission.user,
        supersedes=submission.supersedes,
        client_key=submission.client_key,
    )
    for name in ("submitted_at", "reviewed_at"):
        moment(getattr(submission, name), f"/{name}")
    _check_answers(submission.answers, "/answers")
    return submission


def _read_note(value: Any) -> wire.ArchivedNote:
    note = _read_any_note(value, ANNOTATORS_NOTES)
    assert isinstance(note.detail, dict)
    for name, kinds in (("reason", str), ("note", (str, type(None)))):
        if not isinstance(note.detail.get(name), kinds):
            raise InvalidContent("expected text", pointer=f"/detail/{name}")
    return note


def _read_review(value: Any) -> wire.ArchivedNote:
    review = _read_any_note(value, DECISIONS)
    assert isinstance(review.detail, dict)
    for name in ("fixes", "before"):
        listed = review.detail.get(name)
        if isinstance(listed, list):
            _check_answers([one for one in listed if one is not None], f"/detail/{name}")
        elif listed is not None:
            raise InvalidContent("expected a list of answers", pointer=f"/detail/{name}")
    return review


def _read_any_note(value: Any, kinds: Sequence[str]) -> wire.ArchivedNote:
    note: wire.ArchivedNote = convert(value, wire.ArchivedNote)
    check_ids(id=note.id, task=note.task, user=note.user)
    if note.kind not in kinds:
        raise InvalidContent(f"a kind is one of {', '.join(kinds)}", pointer="/kind")
    required_moment(note.created_at, "/created_at")
    if note.is_unseen and note.kind != "flag":
        raise InvalidContent("only a flag waits to be seen", pointer="/is_unseen")
    return note


def _check_answers(listed: Any, pointer: str) -> None:
    try:
        convert(listed, list[Answer])
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + exc.pointer) from exc


async def _store_work(tx: Transaction, scope: RowScope, rows: Sequence[_Row]) -> list[RowResult]:
    located = await task_locators.locate_tasks(
        tx, scope.environment_id, list(dict.fromkeys(row.task for row in rows))
    )
    places = {task_id: place for task_id, place in located.items() if place is not None}
    locked = _LockedWork(tx)
    for locked_place in sorted(set(places.values())):
        await locked.lock(locked_place)
    leases = await _find_leases(tx, places, rows)
    users = await find_user_ids(
        tx, scope, [row.user for row in rows if not isinstance(row, wire.ArchivedWork)]
    )
    results: list[RowResult] = []
    counted: list[SubmissionRow] = []
    for row in rows:
        place = places.get(row.task)
        if place is None:
            results.append(InvalidContent(f"there is no task {row.task!r}", pointer="/task"))
        elif isinstance(row, wire.ArchivedWork):
            results.append(await locked.set(place, row))
        elif row.user not in users:
            results.append(unknown_user(row.user))
        elif isinstance(row, wire.ArchivedLease):
            results.append(await _store_lease(tx, locked, leases, _lease_row(place, row)))
        elif isinstance(row, wire.ArchivedSubmission):
            submission = _submission_row(place, row)
            results.append(await _store_submission(tx, locked, leases, submission))
            if results[-1] == "added" and submission.is_current:
                counted.append(submission)
        else:
            note = _note_row(place, row)
            results.append(await _store_note(tx, note, is_unseen=row.is_unseen))
    await locked.save()
    await write_votes(tx, counted)
    return results


class _LockedWork:
    """Queue rows of a chunk's tasks, locked, with the slots that the chunk's lines take."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._counts: dict[_Place, WorkCounts | None] = {}
        self._changed: set[_Place] = set()
        self._skipped: set[_Place] = set()
        self._set: set[_Place] = set()

    async def lock(self, place: _Place) -> None:
        self._counts[place] = await archived_work.lock_counts(self._tx, *place)

    async def set(self, place: _Place, row: wire.ArchivedWork) -> RowResult:
        """Set what a line says of a task on which nobody has begun to work."""
        counts = self._counts[place]
        wanted = WorkSettings(row.needed, row.state, row.reason, row.is_undecided)
        if counts is None or counts.settings == wanted:
            return "unchanged"  # a task that is not in the queue any more has come further
        if counts.open_count or counts.submitted_count:
            return "unchanged"
        await archived_work.change_settings(self._tx, *place, wanted)
        counts.settings = wanted
        self._set.add(place)
        return "added"

    def refusal(self, place: _Place) -> Conflict | None:
        """Return why a lease or a submission cannot take up a slot of a task; None if it can."""
        counts = self._counts[place]
        if counts is None:
            return Conflict("the task is not in the work queue")
        taken = counts.open_count + counts.submitted_count
        if taken >= counts.settings.needed and not counts.settings.is_undecided:
            return Conflict("all slots of the task are taken")
        return None

    def take(self, place: _Place, *, open_count: int = 0, submitted_count: int = 0) -> None:
        """Count a lease or a submission, if the task is in the queue."""
        counts = self._counts[place]
        if counts is not None:
            counts.open_count += open_count
            counts.submitted_count += submitted_count
            self._changed.add(place)

    def skip(self, place: _Place) -> None:
        """Remember that a line is a skipped lease of a task."""
        self._skipped.add(place)

    def is_queued(self, place: _Place) -> bool:
        return self._counts[place] is not None

    async def save(self) -> None:
        for place in sorted(self._changed):
            counts = self._counts[place]
            assert counts is not None
            await archived_work.change_counts(self._tx, *place, counts)
        for place in sorted(self._skipped):
            await skips.mark_skipped(self._tx, *place)
        for project_key, seq in sorted(self._changed | self._set):
            counts = self._counts[project_key, seq]
            if counts is not None and counts.settings.state is WorkState.in_review:
                project = await projects.get_project(self._tx, project_key)
                task = await tasks.get_task(self._tx, project_key, seq)
                await write_order(self._tx, project, task)


_Leases = dict[tuple[int, str], Lease]
"""Stored leases by project_key and id."""


async def _find_leases(tx: Transaction, places: dict[str, _Place], rows: Sequence[_Row]) -> _Leases:
    """Return the stored ones of all leases that lines are, or name."""
    wanted: dict[int, dict[str, None]] = {}
    for row in rows:
        if row.task in places and isinstance(row, wire.ArchivedLease | wire.ArchivedSubmission):
            lease_id = row.id if isinstance(row, wire.ArchivedLease) else row.lease
            wanted.setdefault(places[row.task][0], {})[lease_id] = None
    return {
        (project_key, lease_id): lease
        for project_key, lease_ids in wanted.items()
        for lease_id, lease in (
            await archived_work.find_leases(tx, project_key, list(lease_ids))
        ).items()
    }


async def _store_lease(
    tx: Transaction, locked: _LockedWork, leases: _Leases, lease: Lease
) -> RowResult:
    place = lease.project_key, lease.seq
    stored = leases.get((lease.project_key, lease.assignment_id))
    if stored is not None:
        is_same = (stored.seq, stored.user_id) == (lease.seq, lease.user_id)
        has_gone_on = is_same and (
            stored.lease_version >= lease.lease_version
            and stored.draft_revision >= lease.draft_revision
        )
        if stored == lease or has_gone_on:
            return "unchanged"
        return Conflict(f"lease {lease.assignment_id!r} is stored with other values")
    is_holding = lease.status in _HOLDING
    if is_holding and (refusal := locked.refusal(place)) is not None:
        return refusal
    if not await archived_work.insert_lease(tx, lease):
        return Conflict(f"user {lease.user_id!r} has another lease of the task")
    leases[lease.project_key, lease.assignment_id] = lease
    if is_holding:
        locked.take(place, open_count=1)
    elif lease.status is LeaseStatus.skipped:
        locked.skip(place)
    return "added"


async def _store_submission(
    tx: Transaction, locked: _LockedWork, leases: _Leases, submission: SubmissionRow
) -> RowResult:
    key, submission_id = submission.project_key, submission.submission_id
    refusal = _submission_refusal(locked, leases, submission)
    if refusal is None and await archived_work.insert_submission(tx, submission):
        if submission.is_current:
            locked.take((key, submission.seq), submitted_count=1)
        return "added"
    stored = await archived_work.find_submission(tx, key, submission_id)
    if stored is None:
        taken = Conflict("another submission of the user counts, or has this client_key")
        return refusal or taken
    # Only whether it counts, and when it was reviewed, changes later.
    as_stored = msgspec.structs.replace(
        submission, is_current=stored.is_current, reviewed_ms=stored.reviewed_ms
    )
    if as_stored == stored:
        return "unchanged"
    return Conflict(f"submission {submission_id!r} is stored with other values")


def _submission_refusal(
    locked: _LockedWork, leases: _Leases, submission: SubmissionRow
) -> Problem | None:
    """Return why a submission that is not stored cannot be; None if it can."""
    place, lease_id = (submission.project_key, submission.seq), submission.assignment_id
    lease = leases.get((submission.project_key, lease_id))
    if lease is None or (lease.seq, lease.user_id) != (submission.seq, submission.user_id):
        return InvalidContent(f"the user has no lease {lease_id!r} of the task", pointer="/lease")
    if not submission.is_current:
        return None
    if lease.status is not LeaseStatus.submitted:
        return Conflict(f"lease {lease_id!r} is {lease.status}, so no submission of it counts")
    return locked.refusal(place) if locked.is_queued(place) else None


async def _store_note(tx: Transaction, note: TaskNote, *, is_unseen: bool) -> RowResult:
    if await archived_work.insert_note(tx, note):
        if is_unseen:
            await flags.add_flag(tx, note.project_key, note.seq, note.created_ms)
        await store_reasons(tx, note.project_key, note.seq, reasons_of(note.detail))
        return "added"
    stored = await archived_work.find_note(tx, note.project_key, note.note_id)
    if stored == note:
        return "unchanged"
    return Conflict(f"note {note.note_id!r} is stored with other values")


def _lease_row(place: _Place, lease: wire.ArchivedLease) -> Lease:
    return Lease(
        project_key=place[0],
        assignment_id=lease.id,
        seq=place[1],
        user_id=lease.user,
        status=lease.status,
        lease_version=lease.version,
        created_ms=required_moment(lease.created_at, "/created_at"),
        leased_ms=required_moment(lease.leased_at, "/leased_at"),
        expires_ms=required_moment(lease.expires_at, "/expires_at"),
        ended_ms=moment(lease.ended_at, "/ended_at"),
        active_ms=lease.active_ms,
        display=_encode(lease.display),
        draft=None if lease.draft is msgspec.UNSET else _encode(lease.draft),
        draft_revision=lease.draft_revision,
        draft_ms=moment(lease.draft_at, "/draft_at"),
    )


def _submission_row(place: _Place, submission: wire.ArchivedSubmission) -> SubmissionRow:
    return SubmissionRow(
        project_key=place[0],
        submission_id=submission.id,
        assignment_id=submission.lease,
        seq=place[1],
        user_id=submission.user,
        revision=submission.revision,
        supersedes=submission.supersedes,
        client_key=submission.client_key,
        given_hash=bytes.fromhex(submission.given_hash),
        answers=_encode(submission.answers),
        display=_encode(submission.display),
        submitted_ms=required_moment(submission.submitted_at, "/submitted_at"),
        active_ms=submission.active_ms,
        is_current=submission.is_current,
        reviewed_ms=moment(submission.reviewed_at, "/reviewed_at"),
        form_version=submission.form_version,
    )


def _note_row(place: _Place, note: wire.ArchivedNote) -> TaskNote:
    return TaskNote(
        project_key=place[0],
        note_id=note.id,
        seq=place[1],
        user_id=note.user,
        kind=note.kind,
        detail=_encode(note.detail),
        created_ms=required_moment(note.created_at, "/created_at"),
    )


WORK = RowGroup(
    readers={
        "work": _read_work,
        "lease": _read_lease,
        "submission": _read_submission,
        "note": _read_note,
        "review": _read_review,
    },
    store=_store_work,
)
