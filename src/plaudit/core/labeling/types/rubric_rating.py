"""Type `rubric_rating`: a score, whole or fractional, and perhaps a reason for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.ballots import Ballot, ConsolidatedValue, among_values, first_given
from plaudit.core.labeling.type_rules import (
    AnswerContext,
    BarChart,
    ChartItem,
    InvalidAnswer,
    ResponseNames,
    TypeRules,
    Widget,
    check_text,
    ratio_distance,
    value_items,
)
from plaudit.core.tasks.forms import Consolidate, Field

SCORE_MAX = 1_000_000


class _Rating(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    score: float | int
    justification: str | None = None


def stored(context: AnswerContext, value: Any) -> Any:
    """An object of `score` and perhaps `justification` as it is; raises InvalidAnswer."""
    try:
        rating = msgspec.convert(value, _Rating)
    except msgspec.ValidationError as exc:
        raise InvalidAnswer("expected a score and perhaps a justification") from exc
    if not math.isfinite(rating.score) or abs(rating.score) > SCORE_MAX:
        raise InvalidAnswer(f"a score is -{SCORE_MAX} to {SCORE_MAX}", "/value/score")
    check_text(rating.justification or "", "/value/justification")
    return value


def median(field: Field, values: Sequence[dict[str, Any]]) -> ConsolidatedValue:
    """The rating with the middle score, or the mean of the two scores in the middle."""
    ordered = sorted(values, key=lambda rating: float(rating["score"]))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower["score"] == upper["score"]:
        return ConsolidatedValue(Ballot(lower))
    return ConsolidatedValue(Ballot({"score": (lower["score"] + upper["score"]) / 2}))


def _score_items(value: dict[str, Any], names: ResponseNames) -> list[ChartItem]:
    score = value.get("score")
    if score is None:
        return [ChartItem("No score", is_value=False)]
    return value_items(int(score) if float(score).is_integer() else score, names)


RULES = TypeRules(
    agreement={Consolidate.median: among_values(median), Consolidate.first: first_given},
    stored=stored,
    chart=lambda field: BarChart(items=_score_items),
    widget=lambda field: Widget("rating", "rating"),
    distance=lambda field, one, other: ratio_distance(one["score"], other["score"]),
    score_of=lambda value: value["score"],
    value_of_score=lambda score: {"score": score},
)
