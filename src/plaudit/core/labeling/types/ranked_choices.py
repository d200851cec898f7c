"""Type `ranked_choices`: all responses of a turn in order, best first, no two equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaudit.core.labeling.ballots import (
    UNRESOLVED,
    Ballot,
    ConsolidatedValue,
    among_values,
    first_given,
)
from plaudit.core.labeling.rankings import (
    check_complete,
    first_ranked,
    majority_groups,
    ranking_chart,
    ranking_distance,
    ranking_given,
    ranks_responses,
)
from plaudit.core.labeling.response_values import response_words, sources_at
from plaudit.core.labeling.type_rules import AnswerContext, TypeRules, Widget
from plaudit.core.tasks.forms import Consolidate, Field


def stored(context: AnswerContext, value: Any) -> list[str]:
    """Sources for a list of all positions; raises InvalidAnswer."""
    sources = sources_at(context, value)
    check_complete(context, sources)
    return sources


def majority(field: Field, values: Sequence[Any]) -> ConsolidatedValue:
    """The order in which each pair stands as most people have it, UNRESOLVED if there is none."""
    groups = majority_groups(values)
    if groups is None or any(len(group) > 1 for group in groups):
        return UNRESOLVED
    return ConsolidatedValue(Ballot([group[0] for group in groups]))


RULES = TypeRules(
    agreement={Consolidate.majority: among_values(majority), Consolidate.first: first_given},
    stored=stored,
    given=lambda context, value: ranking_given(stored, context, value),
    words=response_words,
    chart=ranking_chart,
    widget=lambda field: Widget("ranking", "ranking"),
    picks_responses=ranks_responses,
    preferred=first_ranked,
    distance=ranking_distance,
    is_ranking=True,
)
