"""Judgments of several people on one task: annotations with votes, and the one value of each.

The values are consolidated by the rules of Plaudit's own questions (core/labeling/agreement.py);
where the judges come to no value, the annotation has the votes and null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from plaudit.core.labeling.agreement import consolidate_ballots
from plaudit.core.labeling.ballots import Ballot, plurality
from plaudit.core.tasks.forms import Field, Level
from plaudit.formats.common.imported_task import ALL_BAD, TIE, annotation, vote

SELECTED_FIELD = Field(
    key="selected_model_id",
    level=Level.turn,
    type="category",
    title="Which response is better?",
    description="Leave it open if none is better than the others.",
)
PREFERENCE_FIELD = Field(
    key="preference",
    level=Level.turn,
    type="category",
    title="If no response is better",
    possible_values=[TIE, ALL_BAD],
    labels=["They are about equal", "They are all bad"],
)


class Judgment(Struct, frozen=True, kw_only=True):
    """One person's value; `contributor_id` is None where the set does not name the person."""

    value: Any
    contributor_id: str | None = None
    submitted_at: str | None = None


def judged(field: Field, judgments: Sequence[Judgment]) -> dict[str, Any]:
    """Return the annotation that answers a field, of one judgment or more in their order."""
    result = consolidate_ballots(field, [Ballot(judgment.value) for judgment in judgments])
    value = result.ballot.value if result.is_resolved else None
    return _annotation(field, value, judgments)


def verdict(judgments: Sequence[Judgment]) -> list[dict[str, Any]]:
    """Return the annotation that holds a comparison with all its votes, none without judgments.

    A judgment's value is the `source_id` of the better response, TIE or ALL_BAD. The verdict is
    the most frequent of all: `selected_model_id` for a response, `preference` for the other two;
    where two are equally frequent, `selected_model_id` is null.
    """
    if not judgments:
        return []
    result = plurality([Ballot(judgment.value) for judgment in judgments])
    winner = result.ballot.value if result.is_resolved else None
    field = PREFERENCE_FIELD if winner in (TIE, ALL_BAD) else SELECTED_FIELD
    return [_annotation(field, winner, judgments)]


def submissions(judgments: Iterable[Judgment]) -> list[dict[str, Any]]:
    """Return the submissions of a thread, one for each person that is named, in their order."""
    by_person: dict[str, str | None] = {}
    for judgment in judgments:
        if judgment.contributor_id is not None:
            by_person.setdefault(judgment.contributor_id, judgment.submitted_at)
    return [
        {"contributor_id": person, **({} if moment is None else {"submitted_at": moment})}
        for person, moment in by_person.items()
    ]


def _annotation(field: Field, value: Any, judgments: Sequence[Judgment]) -> dict[str, Any]:
    return annotation(
        field.key,
        field.type,
        value,
        possible_values=field.possible_values,
        labels=field.labels,
        votes=_votes(judgments),
    )


def _votes(judgments: Sequence[Judgment]) -> list[dict[str, Any]] | None:
    votes = [
        vote(one.contributor_id, one.value, one.submitted_at)
        for one in judgments
        if one.contributor_id is not None
    ]
    return votes or None
