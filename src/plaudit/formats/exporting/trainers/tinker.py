"""Comparisons for tinker-cookbook (0.6.1): a prompt, the completions A and B, and who is better.

A and B stand in the task's own order, so a model does not learn that the first is the better one.
A tie of the responses is a row with the label `Tie`; tinker's DPO reads that as B, so its users
leave those rows out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from plaudit.formats.exporting.comparison import Candidate, Comparison, Skip, VerdictKind
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
from plaudit.formats.exporting.messages import context_messages, message, spoken, spoken_pair
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.rows import preference_rows, text_problem

TIE = "Tie"


def _row(
    comparison: Comparison,
    options: ExportOptions,
    texts: tuple[str, str],
    label: str,
    contributor_id: str | None = None,
) -> ExportRow:
    first, second = texts
    values = {
        "comparison": {
            "prompt_conversation": context_messages(comparison.context, options),
            "completion_A": [message("assistant", first)],
            "completion_B": [message("assistant", second)],
        },
        "label": label,
    }
    return ExportRow(values, origin_of(comparison, contributor_id))


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        places = {one.source_id: place for place, one in enumerate(comparison.responses)}
        for given in preference_rows(comparison, options.rows):
            row = given if isinstance(given, Skip) else spoken_pair(given, options)
            if row is Skip.tie and comparison.skip is None:
                yield from _tie_of_two(comparison, options)
            elif isinstance(row, Skip):
                yield Skipped(row)
            else:
                last = len(places)  # a rewrite stands after all responses
                is_first = places.get(row.chosen_source, last) < places.get(
                    row.rejected_source, last
                )
                texts = (row.chosen, row.rejected) if is_first else (row.rejected, row.chosen)
                yield _row(comparison, options, texts, "AB"[not is_first], row.contributor_id)
        if comparison.kind is VerdictKind.prefer or len(comparison.responses) > 2:
            yield from _equals(comparison, options)


def _tie_of_two(comparison: Comparison, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    """Row of a tie; more than two responses have their equal pairs with `all` alone."""
    if len(comparison.responses) == 2:
        yield _tie(comparison, options, *comparison.responses)
    elif options.rows.pairs is not PairPolicy.all:
        yield Skipped(Skip.tie)


def _equals(comparison: Comparison, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    """Rows of the responses that an order has as equals, if all pairs are asked for."""
    if options.rows.pairs is PairPolicy.all and comparison.skip is None:
        for group in comparison.groups or ():
            for first, second in combinations(sorted(group), 2):
                responses = comparison.responses
                yield _tie(comparison, options, responses[first], responses[second])


def _tie(
    comparison: Comparison, options: ExportOptions, first: Candidate, second: Candidate
) -> ExportRow | Skipped:
    problem = text_problem(first) or text_problem(second)
    if problem is None and first.text == second.text:
        problem = Skip.identical
    if problem is not None:
        return Skipped(problem)
    texts = (
        spoken(first.text, first.reasoning, options),
        spoken(second.text, second.reasoning, options),
    )
    return _row(comparison, options, texts, TIE)


FORMATS = (
    ExportFormat(
        name="tinker",
        title="comparisons with ties for tinker",
        purpose="For preference models and DPO in tinker-cookbook.",
        columns=(
            ExportColumn(
                "comparison",
                ColumnType.record,
                fields=(
                    ExportColumn("prompt_conversation", ColumnType.messages),
                    ExportColumn("completion_A", ColumnType.messages),
                    ExportColumn("completion_B", ColumnType.messages),
                ),
            ),
            ExportColumn("label", ColumnType.text),
        ),
        make=_make,
    ),
)
