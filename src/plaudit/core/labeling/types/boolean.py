"""Type `boolean`: true or false, as two buttons."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling.ballots import first_given, most_given
from plaudit.core.labeling.type_rules import (
    AnswerContext,
    BarChart,
    Choice,
    TypeRules,
    Widget,
    check_scalar,
    possible_values,
)
from plaudit.core.tasks.forms import Consolidate, Field


def stored(context: AnswerContext, value: Any) -> Any:
    """A bool as it is; raises InvalidAnswer for anything else."""
    return check_scalar(context.field, value, bool, "true or false")


def choices(field: Field, count: int) -> list[Choice]:
    """Yes and No, or the labels of these values; one of them if only one is possible."""
    labels = dict(zip(field.possible_values or [], field.labels or [], strict=False))
    return [
        Choice(word, labels.get(value, mark), labels.get(value, mark))
        for value, word, mark in ((True, "true", "Yes"), (False, "false", "No"))
        if field.possible_values is None or value in field.possible_values
    ]


RULES = TypeRules(
    agreement={Consolidate.majority: most_given, Consolidate.first: first_given},
    stored=stored,
    choices=choices,
    widget=lambda field: Widget("choice", "boolean"),
    chart=lambda field: BarChart(possible_values(field) or [True, False]),
    why_below=lambda field: 0,
    score_max=lambda field: 1,
    score_of=int,
    value_of_score=bool,
)
