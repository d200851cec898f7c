"""Type `ranked_groups`: all responses of a turn in order, best first, equals in one group."""

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
from plaudit.core.labeling.response_values import check_responses, response_words, source_at
from plaudit.core.labeling.type_rules import AnswerContext, InvalidAnswer, TypeRules, Widget
from plaudit.core.tasks.forms import Consolidate, Field


def stored(context: AnswerContext, value: Any) -> list[list[str]]:
    """Sources for non-empty groups of all positions; raises InvalidAnswer."""
    check_responses(context, value)
    if not all(isinstance(group, list) and group for group in value):
        raise InvalidAnswer("expected a list of groups, none of them empty")
    groups = [
        [source_at(context, position, f"/value/{g}/{n}") for n, position in enumerate(group)]
        for g, group in enumerate(value)
    ]
    check_complete(context, [source for group in groups for source in group])
    return groups


def majority(field: Field, values: Sequence[Any]) -> ConsolidatedValue:
    """The groups in which each pair stands as most people have it, UNRESOLVED if there are none."""
    groups = majority_groups(values)
    return UNRESOLVED if groups is None else ConsolidatedValue(Ballot(groups))


RULES = TypeRules(
    agreement={Consolidate.majority: among_values(majority), Consolidate.first: first_given},
    stored=stored,
    given=lambda context, value: ranking_given(stored, context, value),
    words=response_words,
    chart=ranking_chart,
    widget=lambda field: Widget("ranking", "groups"),
    picks_responses=ranks_responses,
    preferred=first_ranked,
    distance=ranking_distance,
    is_ranking=True,
)
