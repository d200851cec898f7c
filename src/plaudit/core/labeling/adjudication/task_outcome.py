"""Outcome of a task that has all submissions it needs: completed by them, or put in review."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.adjudication.review_order import write_order
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.consensus import ConsolidatedTask, consolidate
from plaudit.core.labeling.votes import decode_submissions
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import ProjectRow, Review, StoredTask
from plaudit.model.labeling import WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import extra_reviews, submissions
from plaudit.store.tasks import work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

REVIEW_PERCENT = 20

_decode_content = msgspec.json.Decoder(list[Thread]).decode


async def consolidate_task(
    tx: Transaction, project: ProjectRow, task: StoredTask, fixes: Sequence[Answer] = ()
) -> ConsolidatedTask:
    """Consolidate a task's current submissions into threads and a list of open questions.

    `fixes` are a reviewer's answers, which replace those of the annotators.
    """
    current = await submissions.list_current(tx, task.project_key, task.seq)

    def consolidated() -> ConsolidatedTask:
        form, judged = form_of(project_detail(project)), decode_submissions(current)
        return consolidate(form, content_of(task), judged, fixes)

    byte_count = len(task.content or b"") + sum(len(one.answers) for one in current)
    return await tx.compute(byte_count, consolidated)


async def complete_or_review(
    tx: Transaction, project: ProjectRow, task: StoredTask, state: WorkState = WorkState.open
) -> str:
    """Complete a task that has all submissions it needs, or put it in review; the outcome.

    `state` is that of its queue row, which the caller has locked. Raises InvalidContent if what
    people answered cannot be delivered; nothing is changed then.
    """
    consolidated = await consolidate_task(tx, project, task)
    reason = "open questions" if consolidated.unresolved else review_reason(project, task.task_id)
    if reason is None and await extra_reviews.is_watched(tx, task.project_key, task.seq):
        reason = "extra review"
    if reason is None:
        threads = msgspec.to_builtins(consolidated.threads)
        await lifecycle.complete_task(
            tx, project.environment_id, task, threads, by_submissions=True
        )
        return "completed"
    await work_queue.change_state(
        tx,
        task.project_key,
        task.seq,
        expected=state,
        state=WorkState.in_review,
        reason=reason,
    )
    await write_order(tx, project, task)
    return "in_review"


def content_of(task: StoredTask) -> list[Thread]:
    """Decode a task's content: the threads that annotators work on."""
    return _decode_content(task.content or b"[]")


def review_reason(project: ProjectRow, task_id: str) -> str | None:
    """Return why a task must be reviewed before delivery, `all` or `sample`; None if it need not.

    A task's id decides if it is in the sample, so that submitting again draws no other lot.
    """
    detail = project_detail(project)
    if detail.review is Review.all:
        return "all"
    digest = hashlib.blake2b(task_id.encode(), digest_size=8).digest()
    percent = REVIEW_PERCENT if detail.review_percent is None else detail.review_percent
    is_drawn = int.from_bytes(digest, "big") % 100 < percent
    return "sample" if detail.review is Review.sample and is_drawn else None
