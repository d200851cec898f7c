"""Feedback of reviewers to a person: what was sent back to them, and what was changed.

It is on their newest submissions and on what waits for them, so the rows read are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.votes import answer_address, ballot_of
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import LeaseStatus, SubmissionRow, TaskNote
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import notes as notes_store
from plaudit.store.labeling import submissions as submissions_store

LOOKED_AT = 100
"""The newest submissions of a person that are looked at for feedback."""
NOTES_MAX = 20
"""Notes on each of their tasks."""

_SENT_BACK = "send_back"
_FIXING = ("accept", "correct")

_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class ChangedAnswer(Struct, frozen=True):
    """An answer of a person, and the one that a reviewer put in its place."""

    own: Answer
    fixed: Answer


class Feedback(Struct, frozen=True, kw_only=True):
    """Feedback on a task of a person: sent back with a comment, or answers of theirs changed."""

    assignment_id: str
    seq: int
    created_ms: int
    is_sent_back: bool
    comment: str
    changes: list[ChangedAnswer]
    is_waiting: bool
    """Sent back, and not submitted since."""


class _Detail(Struct):
    fixes: list[Answer] = []
    user_id: str | None = None
    comment: str = ""


_decode_detail = msgspec.json.Decoder(_Detail).decode


async def list_feedback(
    tx: Transaction, project: ProjectRow, user_id: str, *, limit: int
) -> list[Feedback]:
    """Up to `limit` pieces of feedback on a person's work in a project.

    What waits for them comes first, then the newest.
    """
    key = project.project_key
    done = await submissions_store.list_recent(tx, key, user_id, limit=LOOKED_AT)
    waiting = await leases_store.list_leases(
        tx, key, user_id, LeaseStatus.returned, limit=LOOKED_AT
    )
    assignments = {row.seq: row.assignment_id for row in done}
    assignments |= {lease.seq: lease.assignment_id for lease in waiting}
    submitted = {row.seq: row for row in done}
    notes = await notes_store.list_notes_of_tasks(tx, key, sorted(assignments), limit=NOTES_MAX)
    found = [
        feedback
        for seq, assignment_id in assignments.items()
        for note in notes[seq]
        if (feedback := _feedback(note, assignment_id, submitted.get(seq), user_id)) is not None
    ]
    found.sort(key=lambda one: (one.is_waiting, one.created_ms), reverse=True)
    return found[:limit]


def _feedback(
    note: TaskNote, assignment_id: str, submission: SubmissionRow | None, user_id: str
) -> Feedback | None:
    """Feedback that a note is to a person; None for a note that is none."""
    if note.kind != _SENT_BACK and note.kind not in _FIXING:
        return None
    detail = _decode_detail(note.detail)
    changes: list[ChangedAnswer] = []
    if note.kind == _SENT_BACK:
        if detail.user_id != user_id:
            return None
    elif submission is not None and submission.submitted_ms <= note.created_ms:
        changes = changed_answers(_decode_answers(submission.answers), detail.fixes)
    if note.kind != _SENT_BACK and not changes:
        return None
    return Feedback(
        assignment_id=assignment_id,
        seq=note.seq,
        created_ms=note.created_ms,
        is_sent_back=note.kind == _SENT_BACK,
        comment=detail.comment,
        changes=changes,
        is_waiting=note.kind == _SENT_BACK and submission is None,
    )


def changed_answers(own: Sequence[Answer], fixes: Sequence[Answer]) -> list[ChangedAnswer]:
    """The answers that a reviewer's differ from, but for reasons given."""
    fixed = {answer_address(fix): fix for fix in fixes}
    return [
        ChangedAnswer(answer, fix)
        for answer in own
        if not answer.is_empty
        and (fix := fixed.get(answer_address(answer))) is not None
        and ballot_of(answer) != ballot_of(fix)
    ]
