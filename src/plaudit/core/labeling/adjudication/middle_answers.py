"""Middle answers: the median of what several people answered, which a reviewer may take."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.core.labeling.ballots import Ballot
from plaudit.core.labeling.type_rules import possible_values
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Consolidate, Field


def middle_ballot(field: Field, ballots: Sequence[Ballot]) -> Ballot | None:
    """Median of the values of two people or more, whatever the field's own rule is.

    None for a type without one, or where the middle lies between two possible values.
    """
    combine = rules_of(field).agreement.get(Consolidate.median)
    valued = [ballot for ballot in ballots if ballot.is_value and ballot.value is not None]
    if combine is None or len(valued) < 2:
        return None
    found = combine(field, valued)
    if found.is_resolved:
        return found.ballot
    values = sorted(ballot.value for ballot in valued)
    lower, upper = values[(len(values) - 1) // 2], values[len(values) // 2]
    possible = possible_values(field)
    if (lower + upper) % 2 or (possible is not None and (lower + upper) // 2 not in possible):
        return None
    return Ballot((lower + upper) // 2)
