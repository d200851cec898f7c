"""Pairs for NeMo-RL (source 7ea279a): a context and two completions, of which rank 0 is the better.

A context has at most one system message, at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
)
from plaudit.formats.exporting.messages import message
from plaudit.formats.exporting.rows import PreferenceRow
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

_LATER_SYSTEM = "system message after the first place"


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values | Skipped:
    if any(one["role"] == "system" for one in prompt[1:]):
        return cannot_be_written(_LATER_SYSTEM)
    completions = [
        {"rank": rank, "completion": [message("assistant", text)]}
        for rank, text in enumerate((row.chosen, row.rejected))
    ]
    return {"context": prompt, "completions": completions}


def _preferences(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    return each_pair(task, options, _write_pair)


FORMATS = (
    ExportFormat(
        name="nemo-rl",
        title="pairs for NeMo-RL",
        purpose="For DPO and reward models in NVIDIA NeMo-RL (PreferenceDataset).",
        columns=(
            ExportColumn("context", ColumnType.messages),
            ExportColumn(
                "completions",
                ColumnType.records,
                fields=(
                    ExportColumn("rank", ColumnType.integer),
                    ExportColumn("completion", ColumnType.messages),
                ),
            ),
        ),
        make=_preferences,
        containers=(ExportContainer.jsonl, ExportContainer.json),
    ),
)
