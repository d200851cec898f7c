"""Pairs as the formats of trainers write them, after the rule of the format on their context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    ExportedTask,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages, spoken_pair
from plaudit.formats.exporting.rows import PreferenceRow, preference_rows

Messages = list[dict[str, Any]]
Values = dict[str, Any]


def each_pair(
    task: ExportedTask,
    options: ExportOptions,
    write: Callable[[PreferenceRow, Messages], Values | Skipped],
) -> Iterator[ExportRow | Skipped]:
    """Yield the row that `write` makes of each pair and the messages of its context."""
    for comparison in task.comparisons:
        for row in preference_rows(comparison, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            values = write(spoken_pair(row, options), context_messages(row.context, options))
            if isinstance(values, Skipped):
                yield values
            else:
                yield ExportRow(values, origin_of(comparison, row.contributor_id))


def cannot_be_written(rule: str) -> Skipped:
    """Return what is counted for a row that the format's own rule forbids."""
    return Skipped(Skip.cannot_be_written, rule)
