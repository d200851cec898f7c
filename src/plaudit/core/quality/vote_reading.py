"""Reading of a project's votes for statistics, in pages that hold nobody up, and in little memory.

Changes are numbered first, so that a later reading knows what it has seen. Votes that change while
they are being read have a greater number, and are read again then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from plaudit.core.labeling.counting.vote_writing import fill_project
from plaudit.core.quality.vote_columns import ProjectVotes
from plaudit.core.quality.vote_snapshot import snapshot_of, votes_of_snapshot
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database, Row, Transaction
from plaudit.store.quality import vote_changes, vote_pages
from plaudit.wire.v2.resources import project_detail

ROWS_AT_ONCE = 2000
"""Votes in one read; on SQLite it holds the event loop for some 5 ms."""

NUMBERED_AT_ONCE = 1000
"""Changes that are numbered in one transaction."""

TASKS_AT_ONCE = 64
VALUE_BYTES_MAX = 10_000
"""Bytes of a value that may be a category, a ranking or a choice of several."""


class RefreshedVotes(NamedTuple):
    """Votes, a snapshot of them, and the tasks that were read anew; None if all were."""

    votes: ProjectVotes
    snapshot: bytes
    changed: list[int] | None


async def read_votes(db: Database, project: ProjectRow) -> ProjectVotes:
    """Read all votes of a project.

    What an older store has still without votes is written before.
    """
    await fill_project(db, project.project_key)
    votes = ProjectVotes(form_of(project_detail(project)))
    votes.change_no = await number_changes(db, project.project_key)
    pending: list[Row] = []
    async for page in vote_rows(db, project.project_key):
        pending += page
        cut = _last_task(pending)
        votes.add(pending[:cut])
        pending = pending[cut:]
        await asyncio.sleep(0)  # others' turn
    votes.add(pending)
    return votes


async def read_changes(db: Database, project: ProjectRow, votes: ProjectVotes) -> list[int]:
    """Bring votes that were read before up to date; the tasks that were read anew, ascending.

    The form must be that of the first reading.
    """
    project_key, after = project.project_key, votes.change_no
    until = await number_changes(db, project_key)
    changed, after_seq = list[int](), -1
    while True:
        async with db.read() as tx:
            seqs = await vote_changes.list_changed_seqs(
                tx, project_key, after=after, until=until, after_seq=after_seq, limit=TASKS_AT_ONCE
            )
            if not seqs:
                break
            rows = await vote_pages.list_of_tasks(
                tx, project_key, seqs, value_bytes=VALUE_BYTES_MAX
            )
        votes.drop_tasks(seqs)
        votes.add(rows)
        changed += seqs
        after_seq = seqs[-1]
        await asyncio.sleep(0)
    votes.change_no = until
    return changed


async def refresh_votes(
    db: Database, project: ProjectRow, snapshot: bytes | None
) -> RefreshedVotes:
    """Votes of a project as of now, and a snapshot of them for the next time.

    With the snapshot of an earlier reading, of the same form and history of the store, only what
    has changed since is read.
    """
    form = form_of(project_detail(project))
    async with db.read() as tx:
        epoch = tx.epoch
    votes, changed = None, None
    if snapshot is not None:
        votes = votes_of_snapshot(snapshot, form, epoch)
    if votes is None:
        votes = await read_votes(db, project)
    else:
        await fill_project(db, project.project_key)
        changed = await read_changes(db, project, votes)
    return RefreshedVotes(votes, snapshot_of(votes, form, epoch), changed)


async def number_changes(db: Database, project_key: int) -> int:
    """Number all changes of a project's votes that were made before; return the last number."""

    for table in vote_changes.TABLES:
        while await _has_unnumbered(db, project_key, table):
            if not await _number(db, project_key, table):
                break  # somebody has them locked: they are read the next time
    async with db.read(snapshot=False) as tx:
        return await vote_changes.last_change(tx, project_key)


async def _has_unnumbered(db: Database, project_key: int, table: str) -> bool:
    async with db.read(snapshot=False) as tx:
        return await vote_changes.has_unnumbered(tx, project_key, table)


async def _number(db: Database, project_key: int, table: str) -> bool:
    """Number the changes in a table, from the first task to the last; False if there are none."""
    from_seq = -1

    async def work(tx: Transaction) -> list[int]:
        return await vote_changes.number_changes(
            tx, project_key, table, from_seq=from_seq, limit=NUMBERED_AT_ONCE
        )

    seqs = await db.write(work)
    is_any = bool(seqs)
    while len(seqs) == NUMBERED_AT_ONCE:
        from_seq = max(seqs)
        seqs = await db.write(work)
    return is_any


async def vote_rows(db: Database, project_key: int) -> AsyncIterator[list[Row]]:
    """Pages of a project's votes, with the columns of store/quality/vote_pages.py."""
    after = vote_pages.START
    while True:
        async with db.read(snapshot=False) as tx:
            page = await vote_pages.list_page(
                tx, project_key, after, limit=ROWS_AT_ONCE, value_bytes=VALUE_BYTES_MAX
            )
        if page:
            yield page
        if len(page) < ROWS_AT_ONCE:
            return
        after = page[-1][0], page[-1][1], page[-1][2]


async def task_ids(db: Database, project_key: int, seqs: Sequence[int]) -> list[str]:
    """Ids of tasks of a project by their seqs, which ascend."""
    found: list[str] = []
    wanted, after_seq = set(seqs), -1
    while True:
        async with db.read(snapshot=False) as tx:
            page = await vote_pages.list_task_ids(
                tx, project_key, after_seq=after_seq, limit=ROWS_AT_ONCE
            )
        found += [task_id for seq, task_id in page if seq in wanted]
        if len(page) < ROWS_AT_ONCE or len(found) == len(seqs):
            return found
        after_seq = page[-1][0]


def _last_task(rows: Sequence[Row]) -> int:
    """Index of the first row of the last task, of which more may follow."""
    cut = len(rows)
    while cut and rows[cut - 1][0] == rows[-1][0]:
        cut -= 1
    return cut
