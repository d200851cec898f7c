"""Votes of stored submissions and threads: of those that archives bring, and of older stores.

A store from before there were votes has submissions and threads without them. They are written in
the background, a few in each transaction (`fill`), because one transaction for a big store would
hold everybody up for minutes; what happens meanwhile is written at once, as ever. Whoever needs all
votes of a project has the rest written first (`fill_project`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.counting.submission_votes import submission_votes
from plaudit.core.labeling.questions import Display
from plaudit.core.tasks import thread_votes
from plaudit.model.core import StoredTask
from plaudit.model.labeling import SubmissionRow
from plaudit.model.votes import VoteRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling import submissions, unread_votes, votes
from plaudit.store.tasks import tasks
from plaudit.wire.v2.task import Thread

FILLED_AT_ONCE_MAX = 50
"""Submissions, or tasks, in one transaction; it takes some 10 ms."""

_decode_content = msgspec.json.Decoder(list[Thread]).decode
_decode_display = msgspec.json.Decoder(Display).decode
_decode_answers = msgspec.json.Decoder(list[Answer]).decode


async def write_votes(tx: Transaction, listed: Sequence[SubmissionRow]) -> None:
    """Write the votes of current submissions that have none.

    Votes that the threads of their tasks brought count no longer.
    """
    for project_key, seq in sorted({(one.project_key, one.seq) for one in listed}):
        await votes.lock_task(tx, project_key, seq)
        await votes.unmark_threads(tx, project_key, seq)
    await _insert_votes(tx, listed)


async def _insert_votes(tx: Transaction, listed: Sequence[SubmissionRow]) -> None:
    """Insert the votes of submissions, task by task."""
    by_task: dict[tuple[int, int], list[SubmissionRow]] = {}
    for submission in listed:
        by_task.setdefault((submission.project_key, submission.seq), []).append(submission)
    for project_key, seq in sorted(by_task):
        content = conversation_of(await tasks.get_task(tx, project_key, seq))
        for submission in by_task[project_key, seq]:
            await votes.insert_votes(tx, stored_votes(submission, content))


def stored_votes(submission: SubmissionRow, content: Sequence[Thread]) -> list[VoteRow]:
    """The votes of a stored submission on a conversation."""
    answers = _decode_answers(submission.answers)
    return submission_votes(submission, content, _decode_display(submission.display), answers)


def conversation_of(task: StoredTask) -> list[Thread]:
    """The conversation that people judged: a task's content, else that of its threads."""
    content = _decode_content(task.content or b"[]")
    return content or thread_votes.stored_threads(task)


async def fill(tx: Transaction, project_key: int, *, limit: int = FILLED_AT_ONCE_MAX) -> int:
    """Write votes of up to `limit` older submissions, or of the threads of as many older tasks.

    Returns the number of submissions and tasks that were looked at; 0 when all are written.
    """
    below = await unread_votes.lock_unread_below(tx, project_key)
    if below == 0:
        return 0
    older = await unread_votes.lock_unread_submissions(tx, project_key, limit=limit)
    if older:
        await _insert_votes(tx, [submission for submission in older if submission.is_current])
        await unread_votes.set_read(tx, project_key, [one.submission_id for one in older])
        return len(older)
    seqs = await unread_votes.list_seqs_below(tx, project_key, below, limit=limit)
    for seq in reversed(seqs):
        await votes.lock_task(tx, project_key, seq)
        is_known = await unread_votes.are_threads_known(tx, project_key, seq)
        if is_known or await submissions.count_current(tx, project_key, seq):
            continue
        threads = thread_votes.stored_threads(await tasks.get_task(tx, project_key, seq))
        cast = thread_votes.thread_votes(threads)
        await thread_votes.insert_thread_votes(tx, project_key, {seq: cast})
    is_last = len(seqs) < limit
    if is_last and not await unread_votes.has_unread_submissions(tx, project_key):
        await unread_votes.set_unread_below(tx, project_key, 0)
    else:  # a submission that somebody has locked at this moment is left for the next call
        await unread_votes.set_unread_below(tx, project_key, seqs[-1] if seqs else below)
    return len(seqs) or 1


async def fill_project(db: Database, project_key: int) -> None:
    """Write all votes of a project that are still to be written; no statement without any."""

    async def work(tx: Transaction) -> int:
        return await fill(tx, project_key)

    while await is_to_fill(db, project_key):
        await db.write(work)


async def is_to_fill(db: Database, project_key: int) -> bool:
    """True while older submissions or threads of a project have no votes yet."""
    async with db.read(snapshot=False) as tx:
        return await unread_votes.has_unread(tx, project_key)
