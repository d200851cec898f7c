"""Datasets of TRL (trl 1.16): preferences, labels, completions, conversations, prompts and steps.

Contexts are lists of messages, and an empty one is never written: TRL fails on it, as on a prompt
that ends with a system message. `margin` stands in every row or in none, because its collator looks
at the first row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.conversations import conversations
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages, message, spoken, spoken_pair
from plaudit.formats.exporting.rows import (
    PreferenceRow,
    context_problem,
    is_context,
    label_rows,
    preference_rows,
    target_rows,
)
from plaudit.formats.exporting.source_ids import lineage_id, lineage_margin

_TASK = ExportColumn("task_id", ColumnType.text)
_MARGIN = ExportColumn("margin", ColumnType.number, is_optional=True)
STEP_LABEL = "step_label"
"""Annotation of a chunk that says whether the step is right."""


def make_preferences(
    task: ExportedTask, options: ExportOptions
) -> Iterator[tuple[PreferenceRow, list[dict[str, Any]]] | Skipped]:
    """Yield each pair of a task with the messages of its context, and what is skipped."""
    for comparison in task.comparisons:
        for row in preference_rows(comparison, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
            else:
                yield spoken_pair(row, options), context_messages(row.context, options)


def _preference(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for made in make_preferences(task, options):
        if isinstance(made, Skipped):
            yield made
            continue
        row, prompt = made
        values = {
            "prompt": prompt,
            "chosen": [message("assistant", row.chosen)],
            "rejected": [message("assistant", row.rejected)],
            "margin": lineage_margin(row.comparison, row.margin),
            "task_id": lineage_id(row.comparison),
        }
        yield ExportRow(values, origin_of(row.comparison, row.contributor_id))


def _implicit(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for made in make_preferences(task, options):
        if isinstance(made, Skipped):
            yield made
            continue
        row, prompt = made
        values = {
            "chosen": [*prompt, message("assistant", row.chosen)],
            "rejected": [*prompt, message("assistant", row.rejected)],
            "margin": lineage_margin(row.comparison, row.margin),
            "task_id": lineage_id(row.comparison),
        }
        yield ExportRow(values, origin_of(row.comparison, row.contributor_id))


def _kto(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        for row in label_rows(comparison, task.form, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            values = {
                "prompt": context_messages(row.context, options),
                "completion": [
                    message("assistant", spoken(row.completion, row.reasoning, options))
                ],
                "label": row.label,
                "task_id": lineage_id(comparison),
            }
            yield ExportRow(values, origin_of(comparison))


def _answers(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        if is_context(comparison) and not options.rows.uses_references:
            yield Skipped(Skip.not_last_turn)
            continue
        for row in target_rows(comparison, task.form, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            target = spoken(row.target, row.reasoning, options)
            values = {
                "prompt": context_messages(row.context, options),
                "completion": [message("assistant", target)],
                "task_id": lineage_id(comparison),
            }
            yield ExportRow(values, origin_of(comparison))


def _messages(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for made in conversations(task, options):
        if isinstance(made, Skipped):
            yield made
            continue
        comparison = made.comparison
        values = {
            "messages": [*made.prompt, message("assistant", made.target)],
            "task_id": lineage_id(comparison),
        }
        yield ExportRow(values, origin_of(comparison))


def _prompts(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        problem = context_problem(comparison, options.rows)
        if problem is not None:
            yield Skipped(problem)
            continue
        values = {
            "prompt": context_messages(comparison.context, options),
            "task_id": lineage_id(comparison),
        }
        yield ExportRow(values, origin_of(comparison))


def _steps(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    """Rows of responses whose chunks are all labelled; `neutral` steps count as right."""
    for t, thread in enumerate(task.threads):
        contexts = {
            comparison.turn: comparison for comparison in task.comparisons if comparison.thread == t
        }
        for u, turn in enumerate(thread.turns):
            comparison = contexts.get(u)
            for one in turn.messages:
                if comparison is None or not one.content.chunks or one.role != "assistant":
                    continue
                problem = context_problem(comparison, options.rows)
                labels = [
                    next((a.value for a in chunk.annotations if a.key == STEP_LABEL), None)
                    for chunk in one.content.chunks
                ]
                if problem is not None or None in labels:
                    yield Skipped(problem or Skip.no_label)
                    continue
                values = {
                    "prompt": "\n\n".join(message.text for message in comparison.context),
                    "completions": [chunk.text for chunk in one.content.chunks],
                    "labels": [label not in ("incorrect", False) for label in labels],
                    "task_id": lineage_id(comparison),
                }
                origin = Origin(comparison.task_id, comparison.thread_id, comparison.turn_id)
                yield ExportRow(values, origin)


def _with_prompts(
    make: Callable[[ExportedTask, ExportOptions], Iterator[ExportRow | Skipped]],
) -> Callable[[ExportedTask, ExportOptions], Iterator[ExportRow | Skipped]]:
    """The rows of `make` whose prompt is one that something can be said to."""

    def made(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
        for row in make(task, options):
            if isinstance(row, ExportRow) and row.values["prompt"][-1]["role"] == "system":
                yield Skipped(Skip.cannot_be_written, "the prompt ends with a system message")
            else:
                yield row

    return made


def _messages_column(name: str) -> ExportColumn:
    return ExportColumn(name, ColumnType.messages)


FORMATS = (
    ExportFormat(
        name="trl-preference",
        title="preferences with their prompt",
        purpose="For DPO, ORPO and CPO in TRL, and for trainers that take TRL's files.",
        columns=(
            *map(_messages_column, ("prompt", "chosen", "rejected")),
            *(_MARGIN, _TASK),
        ),
        make=_with_prompts(_preference),
    ),
    ExportFormat(
        name="trl-preference-implicit",
        title="preferences as whole conversations",
        purpose="For TRL's reward trainer.",
        columns=(*map(_messages_column, ("chosen", "rejected")), _MARGIN, _TASK),
        make=_implicit,
    ),
    ExportFormat(
        name="trl-kto",
        title="responses with a label",
        purpose="For KTO and BCO in TRL.",
        columns=(
            *map(_messages_column, ("prompt", "completion")),
            *(ExportColumn("label", ColumnType.boolean), _TASK),
        ),
        make=_with_prompts(_kto),
    ),
    ExportFormat(
        name="trl-prompt-completion",
        title="prompts with the response to learn",
        purpose="For supervised fine-tuning in TRL, with the loss on the response alone.",
        columns=(*map(_messages_column, ("prompt", "completion")), _TASK),
        make=_with_prompts(_answers),
    ),
    ExportFormat(
        name="trl-messages",
        title="conversations to learn",
        purpose="For supervised fine-tuning in TRL and most other trainers.",
        columns=(_messages_column("messages"), _TASK),
        make=_messages,
    ),
    ExportFormat(
        name="trl-prompt",
        title="prompts alone",
        purpose="For GRPO and RLOO in TRL, which write the responses themselves.",
        columns=(_messages_column("prompt"), _TASK),
        make=_with_prompts(_prompts),
    ),
    ExportFormat(
        name="trl-stepwise",
        title="reasoning steps with a label each",
        purpose="For process reward models in TRL.",
        columns=(
            *(
                ExportColumn("prompt", ColumnType.text),
                ExportColumn("completions", ColumnType.texts),
            ),
            *(ExportColumn("labels", ColumnType.booleans), _TASK),
        ),
        make=_steps,
    ),
)
