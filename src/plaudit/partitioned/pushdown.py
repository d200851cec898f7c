"""Filters of a query that the server can apply: on a task's status, batch and completion time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.client.calls import managed_project_path
from plaudit.model.core import TaskStatus
from plaudit.partitioned.export import PartitionedExport
from plaudit.partitioned.transport import ExportTransport, ReadFailed

COLUMNS = {
    "tasks": ("status", "batch", "completed_at"),
    "comparisons": ("batch", "completed_at"),
}
"""Columns of formats that say of a row what the filter says of its task."""

_MS = dt.timedelta(milliseconds=1)


class ColumnTest(Struct, frozen=True):
    """ColumnTest of a column with a value: `=`, `>`, `>=`, `<` or `<=`."""

    column: str
    word: str
    value: Any


def push_down(export: PartitionedExport, compared: Iterable[ColumnTest]) -> PartitionedExport:
    """Export of no more tasks than needed for rows of which all comparisons are true.

    It may still have others; what the export says itself stays. Of a delivery nothing is left out.
    """
    if export.delivery is not None:
        return export
    filters, columns = dict(export.filters), COLUMNS.get(export.format, ())
    for one in compared:
        if one.column not in columns:
            continue
        if one.column == "completed_at":
            _bound(filters, one)
        elif one.word == "=" and one.column not in export.filters and _is_known(export, one):
            filters[one.column] = one.value
    return msgspec.structs.replace(export, filters=filters)


def _bound(filters: dict[str, str], one: ColumnTest) -> None:
    """Take the tighter bound of completion; bounds are exclusive, and times have milliseconds."""
    if not isinstance(one.value, dt.datetime) or one.value.tzinfo is None:
        return
    if one.word in (">", ">=", "="):
        low = one.value if one.word == ">" else one.value - _MS
        filters["completed_after"] = max([low, *_times(filters, "completed_after")]).isoformat()
    if one.word in ("<", "<=", "="):
        high = one.value if one.word == "<" else one.value + _MS
        filters["completed_before"] = min([high, *_times(filters, "completed_before")]).isoformat()


def _times(filters: dict[str, str], name: str) -> list[dt.datetime]:
    text = filters.get(name)
    if text is None:
        return []
    found = dt.datetime.fromisoformat(text)
    return [found if found.tzinfo else found.replace(tzinfo=dt.UTC)]


def _is_known(export: PartitionedExport, one: ColumnTest) -> bool:
    """True for a status, and for the id of the project's batch that is not another one's name.

    The server takes names first, and refuses what is not there, of which a query has no row.
    """
    if one.column == "status":
        return one.value in {status.value for status in TaskStatus}
    if not isinstance(one.value, str):
        return False
    try:
        with ExportTransport(export.url, export.key) as server:
            batch = server.find("/v2/batch", batch_name=one.value)
            batch = batch or server.find("/v2/batch", batch_id=one.value)
            if batch is None or batch["id"] != one.value:
                return False
            return export.locate(server) == managed_project_path(batch["project"])
    except ReadFailed:
        return False
