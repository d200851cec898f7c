"""History: the audit log for people, in pages, with entries of one request told as one."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from plaudit import ids
from plaudit.model.core import Actor, AuditEntryRow
from plaudit.store.common import audit
from plaudit.store.engine.engine import Transaction

PAGE_MAX = 50
"""Lines of a page."""
LOOKED_MAX = 1000
"""Entries that are looked at for one page; it may then have fewer lines, and still be followed."""
END = "audit_~"
"""Greater than the id of any entry."""


class HistoryFilter(Struct, frozen=True, kw_only=True):
    """Conditions on entries, which all hold; times are in milliseconds, `until_ms` excluded."""

    project_key: int | None = None
    actor_id: str | None = None
    object_id: str | None = None
    object_kinds: Collection[str] = ()
    """Kinds of objects; none for all of them."""
    from_ms: int | None = None
    until_ms: int | None = None

    def holds(self, row: AuditEntryRow) -> bool:
        """True for an entry that meets what the statement may leave to its caller."""
        return (
            self.project_key in (None, row.project_key)
            and self.actor_id in (None, row.actor.id)
            and (not self.object_kinds or row.object_kind in self.object_kinds)
        )


class HistoryLine(Struct, frozen=True):
    """Entries of one request about `count` objects of a kind; the object is the last of them."""

    entry_id: str
    at_ms: int
    actor: Actor
    action: str
    object_kind: str
    object_id: str
    project_key: int
    count: int


class HistoryPage(Struct, frozen=True):
    """Lines, newest first, and the id before which the next page begins, None at the end."""

    lines: list[HistoryLine]
    next_id: str | None


async def list_page(
    tx: Transaction, environment_id: str, conditions: HistoryFilter, *, before_id: str | None
) -> HistoryPage:
    """List one page of an environment's history."""
    until = END if conditions.until_ms is None else ids.first_at("audit", conditions.until_ms)
    rows = await audit.list_history(
        tx,
        environment_id,
        project_key=conditions.project_key,
        actor_id=conditions.actor_id,
        object_id=conditions.object_id,
        before_id=until if before_id is None else min(until, before_id),
        limit=LOOKED_MAX + 1,
    )
    first = "" if conditions.from_ms is None else ids.first_at("audit", conditions.from_ms)
    lines: list[HistoryLine] = []
    last_id = None
    for row in rows[:LOOKED_MAX]:
        if row.entry_id < first:
            return HistoryPage(lines, None)
        if conditions.holds(row):
            if lines and _is_same(lines[-1], row):
                lines[-1] = _line(row, lines[-1].count + 1, lines[-1])
            elif len(lines) == PAGE_MAX:
                return HistoryPage(lines, last_id)
            else:
                lines.append(_line(row, 1))
        last_id = row.entry_id
    return HistoryPage(lines, last_id if len(rows) > LOOKED_MAX else None)


def _is_same(line: HistoryLine, row: AuditEntryRow) -> bool:
    """True if an entry is of the same request, and says the same of another object."""
    return bool(row.actor.request_id) and (
        (line.actor, line.action, line.object_kind, line.project_key)
        == (row.actor, row.action, row.object_kind, row.project_key)
    )


def _line(row: AuditEntryRow, count: int, first: HistoryLine | None = None) -> HistoryLine:
    return HistoryLine(
        entry_id=row.entry_id,
        at_ms=row.at_ms if first is None else first.at_ms,
        actor=row.actor,
        action=row.action,
        object_kind=row.object_kind,
        object_id=row.object_id,
        project_key=row.project_key,
        count=count,
    )
