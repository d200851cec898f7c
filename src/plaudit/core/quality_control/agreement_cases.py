"""Agreement of each person on a task with the strict majority of the others, as cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from plaudit.core.quality_control.counters import count_case
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import ProjectRow
from plaudit.model.quality_control import Collector
from plaudit.model.votes import VoteRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import votes as votes_store
from plaudit.store.quality_control import submissions
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.resources import project_detail

COMPARED_TYPES = (AnnotationType.boolean, AnnotationType.integer, AnnotationType.category)
"""Types whose answers are equal or not."""


async def count_agreement(tx: Transaction, project: ProjectRow, seq: int) -> None:
    """Count a case for each person whose submission to a decided task is new."""
    people = await submissions.mark_compared(tx, project.project_key, seq)
    if not people:
        return
    votes = await votes_store.list_votes(tx, project.project_key, [seq])
    form = form_of(project_detail(project))
    agreed = agreement_with_others(
        votes, {field.key for field in form.fields if field.type in COMPARED_TYPES}
    )
    for user_id in people:  # by id, so that no two transactions wait for each other
        if user_id in agreed:
            await count_case(tx, project, user_id, Collector.agreement, right=agreed[user_id])


def agreement_with_others(votes: Sequence[VoteRow], keys: Collection[str]) -> dict[str, bool]:
    """True for each person who agrees with the others in at least half of what can be compared.

    Compared are votes on questions of `keys`, abstentions left out, where more than half of two or
    more others say one thing. People with no such vote are left out.
    """
    units: dict[tuple[object, ...], list[tuple[str, bytes]]] = {}
    for vote in votes:
        if vote.question_key in keys and vote.value is not None:
            unit = (vote.question_key, vote.at, vote.source_id, vote.chunk, vote.criterion)
            units.setdefault(unit, []).append((vote.contributor_id, vote.value))
    agreements: dict[str, list[bool]] = {}
    for given in units.values():
        counts = Counter(value for _, value in given)
        others = len(given) - 1
        for person, own in given:
            leader = _majority(counts, own, others)
            if others >= 2 and leader is not None:
                agreements.setdefault(person, []).append(leader == own)
    return {person: 2 * sum(found) >= len(found) for person, found in agreements.items()}


def _majority(counts: Counter[bytes], own: bytes, others: int) -> bytes | None:
    """The value of more than half of the others, None if there is none; `own` is left out once."""
    for value, count in counts.most_common(2):
        if 2 * (count - (value == own)) > others:
            return value
    return None
