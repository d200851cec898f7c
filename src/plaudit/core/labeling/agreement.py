"""Agreement: the answers of several people to one question, and the one that they come to.

`majority` is the most frequent answer; a tie is no majority, and nobody guesses. Rankings are
compared pair by pair, lists of choices choice by choice. `median` is the middle of an odd number of
values; of an even number it is the common value of the two in the middle, or on a scale its
midpoint if they lie evenly about it. `first` is the first answer; `all` is the first text, or every
mark or choice that anybody made. Not applicable and cannot assess count as answers.

A question that its rule leaves open is unresolved, and a reviewer decides. The rules of each type
stand in its module of `types/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.ballots import Ballot, ConsolidatedValue, encoded
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field


def consolidate_ballots(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """Combine the ballots on one question, one or more, in the order in which they were given."""
    if len(ballots) == 1:
        return ConsolidatedValue(ballots[0])
    return rules_of(field).agreement[field.rule](field, ballots)


def differ(field: Field, ballots: Sequence[Ballot]) -> bool:
    """True if people answered a question differently; free texts are not compared."""
    is_free = _is_free(field)
    distinct = {
        encoded(msgspec.structs.replace(ballot, value=None) if is_free else ballot)
        for ballot in ballots
    }
    return len(distinct) > 1


def is_own_text(field: Field) -> bool:
    """True if people answer a question by a text of their own."""
    return _is_free(field) and rules_of(field).is_own_text


def _is_free(field: Field) -> bool:
    return rules_of(field).is_free and field.possible_values is None


def preferred(field: Field, value: Any, sources: Sequence[str]) -> str | None:
    """The response that an answer to a preference or ranking prefers; None for a tie.

    `sources` are the turn's responses in their own order.
    """
    prefer = rules_of(field).preferred
    return None if prefer is None else prefer(field, value, sources)
