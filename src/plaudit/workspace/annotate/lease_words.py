"""Words of how a lease ended, for the page of its task."""

from __future__ import annotations

from plaudit.model.labeling import Lease, LeaseStatus
from plaudit.workspace.language.speech import say


def ending(lease: Lease) -> str:
    """Sentence of why a person does not hold this task any more."""
    endings = {
        LeaseStatus.open: say("The time for this task ran out. What you typed is kept."),
        LeaseStatus.expired: say("The time for this task ran out. What you typed is kept."),
        LeaseStatus.released: say("You gave this task back. What you typed is kept."),
        LeaseStatus.returned: say("A reviewer sent this task back to you."),
        LeaseStatus.submitted: say("You have submitted this task."),
        LeaseStatus.skipped: say("You skipped this task."),
        LeaseStatus.closed: say("This task was taken off the queue."),
    }
    return endings[lease.status]
