"""From what a person filled in to a delivered task: submissions, and when the task is done.

Contract for whoever builds pages on it, in a write transaction of the caller:

    submit(tx, project, held, answers, client_key=…, active_ms=…)
        Receipt(submission_id, submitted_ms, outcome, undo_until_ms, is_repeated); `outcome` is
        "waiting" (for other people), "in_review" or "completed". `answers` is decoded JSON, see
        core/answers.py. `client_key` is made by the page for each press of the button; the same key
        and answers again get the first receipt, whatever has become of the lease since.
        AnswersRejected(faults): nothing is stored, the lease and its draft stay;
        LeaseLost: ran out, ended or claimed anew, the draft stays;
        IdempotencyMismatch: the key was used with other answers.
    undo(tx, project, user_id, assignment_id)
        Lease: one's own submission of the last 10 s is open again, its answers as the draft.
        Conflict: too late, delivered or reviewed; NotFound; LimitReached.
    reopen(tx, project, user_id, assignment_id)
        The same for one's own last 20 submissions, until delivered or reviewed.
    list_recent(tx, project, user_id)
        The last 20 Submissions of this person that count, newest first.

Submissions are never changed. One that is opened again stays, and the next one supersedes it.
When the last one that a task needs arrives, the task completes in the same transaction, or waits for
a reviewer (core/review.py).
"""

from __future__ import annotations

UNDO_SECONDS = 10
REOPENABLE = 20
