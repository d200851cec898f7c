"""Pairs for ms-swift (4.6.0): conversations that end with the better response, and the worse one.

ms-swift deletes a row with a mere warning where user and assistant do not take turns after the
system message, where an earlier response is empty, and where the rejected response is null or equal
to the chosen one. None of these is written. `margin` stands in every row or in none.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
)
from plaudit.formats.exporting.messages import alternation_problem, message
from plaudit.formats.exporting.rows import PreferenceRow
from plaudit.formats.exporting.source_ids import lineage_margin
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

_EMPTY_RESPONSE = "an earlier response is empty"


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values | Skipped:
    problem = alternation_problem(prompt)
    if not problem and any(one["role"] == "assistant" and not one["content"] for one in prompt):
        problem = _EMPTY_RESPONSE
    if problem:
        return cannot_be_written(problem)
    return {
        "messages": [*prompt, message("assistant", row.chosen)],
        "rejected_response": row.rejected,
        "margin": lineage_margin(row.comparison, row.margin),
    }


def _preferences(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    return each_pair(task, options, _write_pair)


FORMATS = (
    ExportFormat(
        name="ms-swift",
        title="pairs for ms-swift",
        purpose="For DPO, ORPO, SimPO and reward models in ms-swift.",
        columns=(
            ExportColumn("messages", ColumnType.messages),
            ExportColumn("rejected_response", ColumnType.text),
            ExportColumn("margin", ColumnType.number, is_optional=True),
        ),
        make=_preferences,
    ),
)
