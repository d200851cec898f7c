"""Reasons why people disagreed, given by the reviewer who settles a task, a word a question.

They stand in the note of the decision, and in a table of their own, which is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.question_results import ReviewState
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import DisagreementReason
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import disagreement_reasons

COUNTED_MAX = 1000


class GivenReason(Struct, frozen=True, forbid_unknown_fields=True):
    """Reason of one question: its number among all of the task, its key, and the word."""

    question: int
    key: str
    why: DisagreementReason


class _Detail(Struct):
    """The part of a decision's note that has reasons."""

    reasons: list[GivenReason] = []


def check_reasons(state: ReviewState, reasons: Sequence[GivenReason]) -> None:
    """Check that people disagreed on each of these questions of a task.

    Raises InvalidContent, or Conflict for a question that the form does not ask any more.
    """
    results = {result.number: result for result in state.results}
    for number, reason in enumerate(reasons):
        result = results.get(reason.question)
        if result is None or result.question.field.key != reason.key:
            raise Conflict("the questions have changed since you opened the task")
        if not result.answers or not (result.is_disputed or result.is_open):
            raise InvalidContent(
                "people did not disagree on this question", pointer=f"/reasons/{number}/question"
            )


async def store_reasons(
    tx: Transaction, project_key: int, seq: int, reasons: Sequence[GivenReason]
) -> None:
    """Store the reasons of a task's questions, each in place of an earlier one."""
    if reasons:
        await disagreement_reasons.put_reasons(
            tx, project_key, seq, [(one.question, one.key, one.why.value) for one in reasons]
        )


def reasons_of(detail: bytes) -> list[GivenReason]:
    """Reasons in the detail of a decision's note; none where it has none that can be read."""
    try:
        return msgspec.json.decode(detail, type=_Detail).reasons
    except msgspec.ValidationError:
        return []


def reasons_detail(reasons: Sequence[GivenReason]) -> dict[str, Any]:
    """Member of a note's detail with these reasons; empty without any."""
    return {"reasons": msgspec.to_builtins(reasons)} if reasons else {}


async def count_reasons(tx: Transaction, project: ProjectRow) -> dict[DisagreementReason, int]:
    """Count the questions of a project that were settled with each reason, up to COUNTED_MAX."""
    counts = await disagreement_reasons.count_reasons(
        tx, project.project_key, [why.value for why in DisagreementReason], limit_max=COUNTED_MAX
    )
    return dict(zip(DisagreementReason, counts, strict=True))
