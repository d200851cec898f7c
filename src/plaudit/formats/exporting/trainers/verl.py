"""Prompts with their right answer for verl (0.9.1), whose reward functions compare with it.

The answer is the reference text of the turn as it stands; a turn without one gives no row, and
neither does one with several, because a reward function takes one text.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages
from plaudit.formats.exporting.rows import context_problem
from plaudit.formats.exporting.source_ids import lineage_id
from plaudit.formats.exporting.trainers.pairs import cannot_be_written

_SEVERAL = "the turn has several reference texts"
_BLANK = "the reference text is blank"


def _prompts(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        problem = context_problem(comparison, options.rows)
        if problem is None and not comparison.references:
            problem = Skip.no_target
        if problem is not None:
            yield Skipped(problem)
        elif len(comparison.references) > 1:
            yield cannot_be_written(_SEVERAL)
        elif not comparison.references[0].strip():
            yield cannot_be_written(_BLANK)
        else:
            values = {
                "data_source": comparison.project,
                "prompt": context_messages(comparison.context, options),
                "reward_model": {"style": "rule", "ground_truth": comparison.references[0]},
                "extra_info": {"task_id": lineage_id(comparison), "turn_id": comparison.turn_id},
            }
            yield ExportRow(values, origin_of(comparison))


FORMATS = (
    ExportFormat(
        name="verl",
        title="prompts with their right answer",
        purpose="For GRPO and PPO in verl, with a reward function for the project's name.",
        columns=(
            ExportColumn("data_source", ColumnType.text),
            ExportColumn("prompt", ColumnType.messages),
            ExportColumn(
                "reward_model",
                ColumnType.record,
                fields=(
                    ExportColumn("style", ColumnType.text),
                    ExportColumn("ground_truth", ColumnType.text),
                ),
            ),
            ExportColumn(
                "extra_info",
                ColumnType.record,
                fields=(
                    ExportColumn("task_id", ColumnType.text),
                    ExportColumn("turn_id", ColumnType.text),
                ),
            ),
        ),
        make=_prompts,
        containers=(ExportContainer.parquet, ExportContainer.jsonl),
    ),
)
