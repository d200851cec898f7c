"""Who works on which task until when: leases, their drafts, and how they end.

Contract for whoever builds pages on it. Every function runs in a write transaction of the caller
(`list_open`, `get_lease` and `count_open` in a read one as well) and has no effect but through it;
a Problem that is raised takes the whole transaction back. Times are the database's.

    claim(tx, project, user_id)                  Lease, or None if there is nothing to do
                                                 LimitReached: too many open leases
    resume(tx, project, user_id, assignment_id)  Lease: one's own, lapsed or given back, again,
                                                 with its draft; also one sent back by a reviewer
                                                 NotFound; LeaseLost: no place is free any more;
                                                 LimitReached
    get_lease(tx, project, user_id, assignment_id)  Lease in any status; NotFound
    list_open(tx, project, user_id)              open leases of this person, oldest first
    count_open(tx, project, limit_max)           tasks with a free place, counted up to limit_max

    With `held` = Hold(user_id, assignment_id, fence), as the lease said. Each of these raises
    LeaseLost if the lease has run out, ended, or was claimed anew; the stored draft stays:

    heartbeat(tx, project, held, active_ms)      expires_ms, renewed
    save_draft(tx, project, held, revision, answers, active_ms)
                                                 Saved(revision, saved_ms, expires_ms); renews.
                                                 `revision` is one more than the last one known; the
                                                 same revision and answers again change nothing.
                                                 DraftConflict(revision): another tab has saved;
                                                 TooLarge
    skip(tx, project, held, reason, note)        the task is never offered to this person again
                                                 LimitReached: too many skips in an hour
    release(tx, project, held)                   gives the place back; the draft stays
    flag(tx, project, held, reason, note)        tells a manager; the work goes on
    report_sensitive(tx, project, held, type, message)
                                                 takes the task off the queue and from everybody
                                                 who holds it, until a manager decides (core/review)

    For the worker and for people management:

    sweep(tx, project_id, limit)                 takes back what has run out; how many it was
    end_leases_of(tx, org_id, user_id)           a person is gone: their places are free again
"""

from __future__ import annotations

from typing import Any

from plaudit.model import Project
from plaudit.store.engine import Transaction

LEASE_SECONDS = 1800
OPEN_LEASES_MAX = 3
SKIPS_PER_HOUR_MAX = 60
DRAFT_BYTES_MAX = 1024 * 1024
