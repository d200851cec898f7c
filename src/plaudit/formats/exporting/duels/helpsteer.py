"""HelpSteer3's preferences: two responses and a number from -3 to 3, negative for the first.

https://huggingface.co/datasets/nvidia/HelpSteer3. A preference without a strength is 2. Zero is a
tie, which NeMo-RL's loader makes a row of, chosen equal to rejected: it is written only on request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit.formats.exporting.comparison import Comparison, Skip
from plaudit.formats.exporting.duels.duel import Duel, Winner, duels
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages
from plaudit.formats.exporting.rows import TiePolicy

STRENGTHS = 3
WITHOUT_STRENGTH = 2
TOOL_RULE = "a context has no messages of tools"


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        for made in duels(task, comparison, options.rows, says_even=True):
            yield _row(comparison, made, options)


def _row(comparison: Comparison, made: Duel | Skip, options: ExportOptions) -> ExportRow | Skipped:
    if isinstance(made, Skip):
        return Skipped(made)
    if made.winner is Winner.tie and options.rows.ties is TiePolicy.skip:
        return Skipped(Skip.tie)
    if made.winner is Winner.all_bad:
        return Skipped(Skip.all_bad)
    if any(message.role == "tool" for message in comparison.context):
        return Skipped(Skip.cannot_be_written, TOOL_RULE)
    values = {
        "domain": _text(comparison.metadata.get("domain")),
        "language": _text(comparison.metadata.get("language")),
        "context": context_messages(comparison.context, options),
        "response1": made.first.text,
        "response2": made.second.text,
        "overall_preference": preference(made),
    }
    return ExportRow(values, origin_of(comparison, made.contributor_id))


def preference(duel: Duel) -> int:
    """Preference from -3, the first response is much better, to 3."""
    if duel.winner not in (Winner.first, Winner.second):
        return 0
    strength = WITHOUT_STRENGTH
    if duel.strength is not None:
        strength = min(max(round(duel.strength * STRENGTHS), 1), STRENGTHS)
    return -strength if duel.winner is Winner.first else strength


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


FORMATS = (
    ExportFormat(
        name="helpsteer",
        title="two responses and a preference from -3 to 3",
        purpose="For NeMo-RL and reward models that read HelpSteer3.",
        columns=(
            ExportColumn("domain", ColumnType.text, is_nullable=True),
            ExportColumn("language", ColumnType.text, is_nullable=True),
            ExportColumn("context", ColumnType.messages),
            ExportColumn("response1", ColumnType.text),
            ExportColumn("response2", ColumnType.text),
            ExportColumn("overall_preference", ColumnType.integer),
        ),
        make=_make,
    ),
)
