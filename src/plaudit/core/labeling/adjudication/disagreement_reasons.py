"""Reasons why people disagreed, given by the reviewer who settles a task, a word a question.

They stand in the note of the decision, and in a table of their own, which is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.question_results import ReviewState
from plaudit.core.tasks import excerpts
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import DisagreementReason
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import disagreement_reasons
from plaudit.store.tasks import task_summaries

COUNTED_MAX = 1000
LISTED_MAX = 4000
"""Questions with each reason that are counted question by question."""
LATEST_MAX = 5
"""Tasks that are named for each reason of a question."""


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


class ReasonCounts(Struct, frozen=True):
    """Settled questions of a project by their key, and by why people differed on them.

    `is_cut` says that there are more, LISTED_MAX of one reason being counted.
    """

    by_key: dict[str, dict[DisagreementReason, int]]
    is_cut: bool


class SettledTask(Struct, frozen=True):
    """A task on which people differed: its id, and the beginning of its prompt or nothing."""

    task_id: str
    excerpt: str


async def count_by_question(tx: Transaction, project: ProjectRow) -> ReasonCounts:
    """Count why people differed on each question of a project, by what reviewers said till now."""
    rows = await disagreement_reasons.count_first_by_question(
        tx,
        project.project_key,
        [why.value for why in DisagreementReason],
        limit_max=LISTED_MAX,
    )
    by_key: dict[str, dict[DisagreementReason, int]] = {}
    totals = dict.fromkeys(DisagreementReason, 0)
    for key, word, count in rows:
        why = DisagreementReason(word)
        by_key.setdefault(key, dict.fromkeys(DisagreementReason, 0))[why] = count
        totals[why] += count
    return ReasonCounts(by_key, max(totals.values()) >= LISTED_MAX)


async def list_settled(
    tx: Transaction, project: ProjectRow, question_key: str
) -> dict[DisagreementReason, list[SettledTask]]:
    """The last LATEST_MAX tasks with each reason for a question, the latest first."""
    key = project.project_key
    seqs = await disagreement_reasons.list_last_seqs(
        tx,
        key,
        question_key,
        [why.value for why in DisagreementReason],
        looked_max=COUNTED_MAX,
        limit=LATEST_MAX,
    )
    wanted = sorted({seq for some in seqs.values() for seq in some})
    listed = {one.seq: one for one in await task_summaries.get_summaries(tx, key, wanted)}
    prompts = await excerpts.list_excerpts(tx, key, wanted)
    return {
        DisagreementReason(why): [
            SettledTask(listed[seq].task_id, prompts.get(seq, "")) for seq in some if seq in listed
        ]
        for why, some in seqs.items()
    }


async def count_reasons(tx: Transaction, project: ProjectRow) -> dict[DisagreementReason, int]:
    """Count the questions of a project that were settled with each reason, up to COUNTED_MAX."""
    counts = await disagreement_reasons.count_reasons(
        tx, project.project_key, [why.value for why in DisagreementReason], limit_max=COUNTED_MAX
    )
    return dict(zip(DisagreementReason, counts, strict=True))
