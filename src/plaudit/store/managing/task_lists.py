"""Statements for managers' lists of tasks, by any conditions in several orders.

An index drives each: that of words, flags, people, completion, disagreement, or tasks by status. Of
the tasks that it leads to, at most a given number are looked at for the other conditions. A list
goes on after a place: the value of its order, and the seq.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit.model.core import STORED_STATUSES, TaskStatus
from plaudit.model.managing import TaskConditions, TaskOrder
from plaudit.store.engine import value_lists, word_index
from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.word_index import IndexedProject, Term
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.tasks.tasks import FAR


class ListPlace(Struct, frozen=True):
    """ListPlace of a task in the order of a list; smaller ones come first."""

    value: int
    seq: int


START = ListPlace(-FAR, -FAR)


class Drive(Struct, frozen=True, kw_only=True):
    """Choice of the tasks to look at: where they are, in what order, and how many."""

    project_key: int
    conditions: TaskConditions
    order: TaskOrder
    after: ListPlace = START
    looked_max: int
    block: int = 0
    """Block of the index of words, if words are looked for."""
    terms: tuple[Term, ...] = ()
    project: IndexedProject | None = None
    """The project in the index of words, if words are looked for."""

    @property
    def is_gathered(self) -> bool:
        """True if tasks are sorted after they were found, because no index has both."""
        if self.order is TaskOrder.flags:
            return True
        return self._is_found and self.order not in (TaskOrder.arrival, TaskOrder.newest)

    @property
    def is_exact(self) -> bool:
        """True if every task that is looked at meets the conditions."""
        where = self.conditions
        bounds = (where.created_after, where.created_before)
        if (*bounds, where.completed_after, where.completed_before) != (None,) * 4:
            return False
        if self.order is TaskOrder.completed and not self._is_found:
            return where.status in (None, TaskStatus.completed)
        is_sorted = self.order not in (TaskOrder.arrival, TaskOrder.newest)
        if not self._is_found and not is_sorted:
            return True
        drives = (where.text, where.user_id, where.is_flagged or None, where.is_in_review or None)
        return (
            sum(one is not None for one in drives) <= 1
            and where.status is None
            and where.batch_id is None
        )

    @property
    def _is_found(self) -> bool:
        """True if words, flags, a review or a person lead to the tasks."""
        where = self.conditions
        drives = (where.text, where.user_id, where.is_flagged or None, where.is_in_review or None)
        return any(one is not None for one in drives)


async def prepare_search(tx: Transaction) -> None:
    """Prepare a transaction, which is a snapshot, for lists driven by words."""
    if tx.word_index.prepare is not None:
        await tx.run(tx.word_index.prepare, {})


async def list_page(
    tx: Transaction, drive: Drive, *, limit: int
) -> list[tuple[ListPlace, TaskSummary]]:
    """Up to `limit` tasks after the place of a drive, among those that it looks at, in order."""
    driven, args = _driven(tx, drive)
    value, seq, joined = _order(drive.order)
    filters, more = _filters(drive)
    after = ""
    if drive.is_gathered:
        after = f" AND ({value}, {seq}) > (:after_value, :after_tie)"
    rows = await tx.all(
        f"SELECT {value}, {seq}, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        f" t.completed_ms FROM ({driven}) AS k CROSS JOIN task AS t{joined}"
        f" WHERE t.project_key = :project_key AND t.seq = k.seq{filters}{after}"
        f" ORDER BY {value}, {seq} LIMIT :page_limit",
        args | more | {"page_limit": limit},
    )
    return [
        (
            ListPlace(int(at), int(tie)),
            TaskSummary(own, task_id, batch_id, TaskStatus.from_code(status), created, completed),
        )
        for at, tie, own, task_id, batch_id, status, created, completed in rows
    ]


async def count_looked(tx: Transaction, drive: Drive) -> int:
    """Count the tasks that a drive looks at; there may be more if that is as many as it may."""
    driven, args = _driven(tx, drive)
    row = await tx.one(f"SELECT COUNT(*) FROM ({driven}) AS k", args)
    return int(row[0]) if row else 0


async def find_last_looked(tx: Transaction, drive: Drive) -> ListPlace | None:
    """Find the place of the last task that a drive looks at; None if it looks at all there are."""
    driven, args = _driven(tx, drive)
    value, seq, joined = _order(drive.order)
    row = await tx.one(
        f"SELECT COUNT(*), MAX({value}) FROM ({driven}) AS k CROSS JOIN task AS t{joined}"
        " WHERE t.project_key = :project_key AND t.seq = k.seq",
        args,
    )
    if row is None or row[0] < drive.looked_max:
        return None
    ties = await tx.one(
        f"SELECT MAX({seq}) FROM ({driven}) AS k CROSS JOIN task AS t{joined}"
        f" WHERE t.project_key = :project_key AND t.seq = k.seq AND {value} = :last",
        args | {"last": row[1]},
    )
    assert ties is not None
    return ListPlace(int(row[1]), int(ties[0]))


_ORDERS = {
    TaskOrder.arrival: ("t.seq", "t.seq", ""),
    TaskOrder.newest: ("-t.seq", "-t.seq", ""),
    TaskOrder.completed: ("-t.completed_ms", "-t.seq", ""),
    TaskOrder.disagreement: (
        "o.rank",
        "o.seq",
        " JOIN review_order AS o ON o.project_key = t.project_key AND o.seq = t.seq"
        " AND o.question_key = '' AND o.user_id = ''",
    ),
    TaskOrder.flags: (
        "-f.flag_count",
        "f.seq",
        " JOIN task_flag AS f ON f.project_key = t.project_key AND f.seq = t.seq",
    ),
}


def _order(order: TaskOrder) -> tuple[str, str, str]:
    """Expressions of a place's value and tie, and the join that they need."""
    return _ORDERS[order]


def _driven(tx: Transaction, drive: Drive) -> tuple[str, dict[str, Any]]:
    """Select `seq` of the tasks to look at; with its arguments."""
    where, order, after = drive.conditions, drive.order, drive.after
    low, high, tail = 0, FAR, " ORDER BY seq"
    if order is TaskOrder.arrival:
        low = max(low, after.seq)
    elif drive.is_gathered or order is TaskOrder.newest:
        tail = " ORDER BY seq DESC"
        if order is TaskOrder.newest and after != START:
            high = -after.seq
    args: dict[str, Any] = {
        "project_key": drive.project_key,
        "after_seq": low,
        "before_seq": high,
        "row_limit": drive.looked_max,
        "after_value": after.value,
        "after_tie": after.seq,
    }
    if drive.terms:
        return _driven_by_words(tx, drive, args, is_falling="DESC" in tail)
    scope = "project_key = :project_key AND seq > :after_seq AND seq < :before_seq"
    if where.is_flagged or order is TaskOrder.flags:
        return f"SELECT seq FROM task_flag WHERE {scope}{tail} LIMIT :row_limit", args
    if where.user_id is not None:
        args["user_id"] = where.user_id
        sql = f"SELECT seq FROM assignment WHERE {scope} AND user_id = :user_id{tail}"
        return f"{sql} LIMIT :row_limit", args
    if where.is_in_review:
        sql = f"SELECT seq FROM task_work WHERE {scope} AND state = 'in_review' AND state <> 'open'"
        return f"{sql}{tail} LIMIT :row_limit", args
    if order is TaskOrder.disagreement:
        return (
            "SELECT seq FROM review_order WHERE project_key = :project_key AND question_key = ''"
            " AND user_id = '' AND (rank, seq) > (:after_value, :after_tie)"
            " ORDER BY rank, seq LIMIT :row_limit"
        ), args
    in_batch = "" if where.batch_id is None else " AND batch_id = :batch_id"
    if in_batch:
        args["batch_id"] = where.batch_id
    if order is TaskOrder.completed:
        args |= {"last_ms": min(FAR, -after.value), "last_seq": min(FAR, -after.seq)}
        return (
            f"SELECT seq FROM task WHERE project_key = :project_key{in_batch}"
            f" AND status = {TaskStatus.completed.code} AND completed_ms IS NOT NULL"
            " AND (completed_ms, seq) < (:last_ms, :last_seq)"
            " ORDER BY completed_ms DESC, seq DESC LIMIT :row_limit"
        ), args
    if where.status is None and not in_batch:
        return f"SELECT seq FROM task WHERE {scope}{tail} LIMIT :row_limit", args
    statuses = STORED_STATUSES if where.status is None else (where.status,)
    ranges = [
        f"SELECT seq FROM task WHERE {scope}{in_batch} AND status = {status.code}"
        for status in statuses
    ]
    return value_lists.merge(ranges, tail.removeprefix(" ORDER BY ")), args


def _driven_by_words(
    tx: Transaction, drive: Drive, args: dict[str, Any], *, is_falling: bool
) -> tuple[str, dict[str, Any]]:
    index, project, bits = tx.word_index, drive.project, word_index.BLOCK_BITS
    assert project is not None
    args["after_seq"] = max(args["after_seq"], (drive.block << bits) - 1)
    args["before_seq"] = min(args["before_seq"], (drive.block + 1) << bits)
    args["terms"] = index.terms_of(project, drive.block, drive.terms)
    falling = " DESC" if is_falling else ""
    sql = f"{index.matches} ORDER BY {index.order}{falling} LIMIT :row_limit"
    return sql, args | index.args_of(project)


def _filters(drive: Drive) -> tuple[str, dict[str, Any]]:
    """Conditions on a task that was looked at, and their arguments."""
    where, found, args = drive.conditions, "", {}
    status = TaskStatus.completed if drive.order is TaskOrder.completed else None
    for wanted in {where.status, status} - {None}:
        assert wanted is not None
        found += f" AND t.status = {wanted.code}"
    if where.batch_id is not None:
        found += " AND t.batch_id = :batch_id"
        args["batch_id"] = where.batch_id
    if where.is_in_review:
        found += (
            " AND EXISTS (SELECT 1 FROM task_work AS w WHERE w.project_key = :project_key"
            " AND w.seq = t.seq AND w.state = 'in_review')"
        )
    if where.is_flagged:
        found += (
            " AND EXISTS (SELECT 1 FROM task_flag AS g WHERE g.project_key = :project_key"
            " AND g.seq = t.seq)"
        )
    if where.user_id is not None:
        found += (
            " AND EXISTS (SELECT 1 FROM assignment AS a WHERE a.project_key = :project_key"
            " AND a.seq = t.seq AND a.user_id = :user_id)"
        )
        args["user_id"] = where.user_id
    for column in ("created_ms", "completed_ms"):
        name = column.removesuffix("_ms")
        for bound, sign in (("after", ">"), ("before", "<")):
            limit = getattr(where, f"{name}_{bound}")
            if limit is not None:
                found += f" AND t.{column} {sign} :{name}_{bound}"
                args[f"{name}_{bound}"] = limit
    return found, args


async def list_task_people(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, list[tuple[str, str]]]:
    """List user_id and status of those who have, or have submitted, each of these tasks."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, user_id, status FROM assignment WHERE project_key = :project_key"
        f" AND seq IN {listed} AND status IN ('open', 'returned', 'submitted')"
        " ORDER BY seq, created_ms, user_id",
        args | {"project_key": project_key},
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for seq, user_id, status in rows:
        found.setdefault(seq, []).append((user_id, status))
    return found


class ListedWork(Struct, frozen=True):
    """A pending task's work: how many have submitted of how many, its priority and its state."""

    submitted_count: int
    needed: int
    rank: int
    state: str
    is_on_hold: bool


async def list_task_work(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, ListedWork]:
    """The work on each of these tasks that is in the queue."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, submitted_count, needed, rank, state, is_on_hold FROM task_work"
        f" WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )
    return {
        seq: ListedWork(submitted, needed, rank, state, bool(is_on_hold))
        for seq, submitted, needed, rank, state, is_on_hold in rows
    }


async def list_disagreement(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, int]:
    """Disagreement in millionths on each of these tasks that is in review."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, rank FROM review_order WHERE project_key = :project_key"
        f" AND seq IN {listed} AND question_key = '' AND user_id = ''",
        args | {"project_key": project_key},
    )
    return {seq: -int(rank) for seq, rank in rows}
