"""Pairs for OpenRLHF (0.11.2): a prompt and two responses, each a list of messages.

Read with `--data.prompt_key prompt --data.apply_chat_template`. OpenRLHF puts the prompt before
each side; where it gets whole conversations instead it takes all but the last message as prompt, so
two sides never differ in more than the response. A row without `margin` counts as 0.
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
from plaudit.formats.exporting.messages import message
from plaudit.formats.exporting.rows import PreferenceRow
from plaudit.formats.exporting.source_ids import lineage_margin
from plaudit.formats.exporting.trainers.pairs import Messages, Values, each_pair


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values:
    return {
        "prompt": prompt,
        "chosen": [message("assistant", row.chosen)],
        "rejected": [message("assistant", row.rejected)],
        "margin": lineage_margin(row.comparison, row.margin),
    }


def _preferences(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    return each_pair(task, options, _write_pair)


FORMATS = (
    ExportFormat(
        name="openrlhf",
        title="pairs for OpenRLHF",
        purpose="For DPO and reward models in OpenRLHF, with `--data.prompt_key prompt`.",
        columns=(
            ExportColumn("prompt", ColumnType.messages),
            ExportColumn("chosen", ColumnType.messages),
            ExportColumn("rejected", ColumnType.messages),
            ExportColumn("margin", ColumnType.number, is_optional=True),
        ),
        make=_preferences,
    ),
)
