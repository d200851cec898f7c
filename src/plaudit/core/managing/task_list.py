"""Lists of tasks for managers: any conditions, several orders, page by page.

Each page looks at a bounded number of tasks: LOOKED_MAX where conditions have no index in common,
and a block of the index of words at a time. A page may be short, or empty, and have a next one.
"""

from __future__ import annotations

from msgspec import Struct, structs

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.managing import words
from plaudit.core.tasks.listing import check_epoch, check_filters
from plaudit.model.core import ProjectRow
from plaudit.model.managing import TaskConditions, TaskOrder
from plaudit.store.engine import word_index
from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.word_index import IndexedProject, Term, block_of
from plaudit.store.managing import task_lists
from plaudit.store.managing import words as words_store
from plaudit.store.managing.task_lists import START, Drive, ListPlace
from plaudit.store.tasks import projects, unread_tasks
from plaudit.store.tasks.task_summaries import TaskSummary

LOOKED_MAX = 2_000
"""Tasks that one statement looks at for conditions that its index does not have."""

GATHERED_MAX = 5_000
"""Tasks, the newest ones, that are sorted in an order that no index has together with the rest."""

BLOCKS_MAX = 8
"""Blocks of the index of words that one page looks through: a million tasks."""

UNREAD_COUNTED_MAX = 10_000
COUNTED_MAX = 10_000
"""Tasks of a list that are counted; of more it is said that there are so many or more."""


class TaskListPage(Struct, frozen=True):
    """One page of a list. `next_place` is None on the last page."""

    rows: list[TaskSummary]
    next_place: ListPlace | None
    unread_count: int = 0
    """Tasks that were not searched, because their words are still to be read, up to a bound."""
    is_cut: bool = False
    """True if only the newest GATHERED_MAX tasks that meet the conditions were sorted."""


class _ListToken(Struct, frozen=True, array_like=True, tag="managed"):
    """Token of a list: the list, and the place after which it continues."""

    epoch: int
    project_key: int
    conditions: TaskConditions
    order: TaskOrder
    place: ListPlace


async def token_page(
    tx: Transaction,
    secret: ServerSecret,
    project: ProjectRow,
    conditions: TaskConditions,
    order: TaskOrder,
    *,
    token: str | None,
    limit: int,
) -> tuple[TaskListPage, str | None]:
    """A page of a list, and the token of the next one.

    Raises InvalidContent for words that cannot be looked for, InvalidPageToken, PageTokenExpired.
    """
    after = START
    if token is not None:
        pinned = page_tokens.decode(secret, project.environment_id, token, _ListToken)
        check_epoch(tx, pinned.epoch)
        check_filters(
            (project.project_key, pinned.project_key),
            (conditions, pinned.conditions),
            (order, pinned.order),
        )
        after = pinned.place
    page = await list_page(tx, project.project_key, conditions, order, after=after, limit=limit)
    if page.next_place is None:
        return page, None
    following = _ListToken(tx.epoch, project.project_key, conditions, order, page.next_place)
    return page, page_tokens.encode(secret, project.environment_id, following)


async def list_page(
    tx: Transaction,
    project_key: int,
    conditions: TaskConditions,
    order: TaskOrder,
    *,
    after: ListPlace = START,
    limit: int,
) -> TaskListPage:
    """A page of up to `limit` tasks after a place; the transaction is a snapshot.

    Raises InvalidContent for words that cannot be looked for.
    """
    drive = Drive(
        project_key=project_key,
        conditions=conditions,
        order=order,
        after=after,
        looked_max=LOOKED_MAX,
    )
    if conditions.text is not None:
        return await _searched_page(tx, drive, words.terms_of(conditions.text), limit)
    if drive.is_gathered:
        drive = structs.replace(drive, looked_max=GATHERED_MAX)
    elif drive.is_exact:
        drive = structs.replace(drive, looked_max=limit + 1)
    found = await task_lists.list_page(tx, drive, limit=limit + 1)
    if drive.is_gathered:
        return _cut(found, limit, None, is_cut=await _is_cut(tx, drive))
    last = None
    if len(found) <= limit and not drive.is_exact:
        last = await task_lists.find_last_looked(tx, drive)
    return _cut(found, limit, last)


async def _is_cut(tx: Transaction, drive: Drive) -> bool:
    return await task_lists.count_looked(tx, drive) >= drive.looked_max


async def count_list(tx: Transaction, project_key: int, conditions: TaskConditions) -> int | None:
    """Number of tasks that meet conditions, up to COUNTED_MAX; None where that is not quick to say.

    That is where an index does not have all of them. Raises InvalidContent for the words.
    """
    drive = Drive(
        project_key=project_key,
        conditions=conditions,
        order=TaskOrder.arrival,
        looked_max=COUNTED_MAX,
    )
    if not drive.is_exact:
        return None
    if conditions.text is None:
        return await task_lists.count_looked(tx, drive)
    await task_lists.prepare_search(tx)
    project = await unread_tasks.find_indexed(tx, project_key)
    if project is None:
        return 0
    terms = tuple(words.terms_of(conditions.text))
    last_block, count = block_of(await projects.next_seq(tx, project_key)), 0
    for block in range(min(last_block + 1, BLOCKS_MAX)):
        drive = structs.replace(
            drive, terms=terms, project=project, block=block, looked_max=COUNTED_MAX - count
        )
        count += await task_lists.count_looked(tx, drive)
        if count >= COUNTED_MAX:
            return count
    return count if last_block < BLOCKS_MAX else None


def _cut(
    found: list[tuple[ListPlace, TaskSummary]],
    limit: int,
    last: ListPlace | None,
    *,
    unread_count: int = 0,
    is_cut: bool = False,
) -> TaskListPage:
    """Page of the first `limit` of what was found; `last` is where to go on if that is all."""
    if len(found) > limit:
        last = found[limit - 1][0]
    rows = [summary for _, summary in found[:limit]]
    return TaskListPage(rows, last, unread_count, is_cut)


async def _searched_page(
    tx: Transaction, drive: Drive, terms: list[Term], limit: int
) -> TaskListPage:
    await task_lists.prepare_search(tx)
    known = await unread_tasks.find_indexed(tx, drive.project_key)
    project = known or IndexedProject(drive.project_key, 0, 1)
    unread_count = await words_store.count_unread(
        tx, drive.project_key, project.next_seq, most=UNREAD_COUNTED_MAX
    )
    if known is None:
        return TaskListPage([], None, unread_count)
    drive = structs.replace(drive, terms=tuple(terms), project=project)
    end = await projects.next_seq(tx, drive.project_key)
    if drive.is_gathered:
        drive = structs.replace(drive, looked_max=GATHERED_MAX)
        found, is_cut = await _gather(tx, drive, block_of(end), limit)
        return _cut(found, limit, None, unread_count=unread_count, is_cut=is_cut)
    found, last = await _walk(tx, drive, block_of(end), limit)
    return _cut(found, limit, last, unread_count=unread_count)


async def _walk(
    tx: Transaction, drive: Drive, last_block: int, limit: int
) -> tuple[list[tuple[ListPlace, TaskSummary]], ListPlace | None]:
    """Tasks of blocks one after the other, more than `limit` of them or up to the place."""
    is_newest = drive.order is TaskOrder.newest
    blocks = list(range(last_block + 1))
    if is_newest:
        blocks.reverse()
    if drive.after != START:
        start = block_of(abs(drive.after.seq))
        blocks = [one for one in blocks if (one <= start if is_newest else one >= start)]
    found: list[tuple[ListPlace, TaskSummary]] = []
    for number, block in enumerate(blocks):
        drive = structs.replace(drive, block=block)
        found += await task_lists.list_page(tx, drive, limit=limit + 1 - len(found))
        if len(found) > limit:
            return found, None
        last = await task_lists.find_last_looked(tx, drive)
        if last is not None:
            return found, last
        if number + 1 == BLOCKS_MAX and number + 1 < len(blocks):
            first_seq = blocks[number + 1] << word_index.BLOCK_BITS
            edge = first_seq - 1
            if is_newest:
                edge = -(first_seq + (1 << word_index.BLOCK_BITS))
            return found, ListPlace(edge, edge)
    return found, None


async def _gather(
    tx: Transaction, drive: Drive, last_block: int, limit: int
) -> tuple[list[tuple[ListPlace, TaskSummary]], bool]:
    """First tasks, in an order, of those that the newest blocks have, and if some remain."""
    found: list[tuple[ListPlace, TaskSummary]] = []
    is_cut = last_block >= BLOCKS_MAX
    for block in range(last_block, max(-1, last_block - BLOCKS_MAX), -1):
        drive = structs.replace(drive, block=block)
        found += await task_lists.list_page(tx, drive, limit=limit + 1)
        is_cut = is_cut or await _is_cut(tx, drive)
    return sorted(found, key=lambda one: (one[0].value, one[0].seq)), is_cut
