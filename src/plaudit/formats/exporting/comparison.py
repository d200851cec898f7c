"""Neutral comparison: one judged turn of a task, from which every training format is made.

A verdict is a set of pairs (better, worse): rankings with ties need not be transitive, so an order
is derived only where the pairs have one. The rules are described in docs/export.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct


class VerdictKind(StrEnum):
    """Kind of the verdict on a turn's responses."""

    prefer = "prefer"
    tie = "tie"
    all_bad = "all_bad"
    none = "none"
    """Nobody said which is better."""
    conflict = "conflict"
    """People disagree, and the policy on judges finds no verdict."""


class Flag(StrEnum):
    """Remark on a comparison that is exported all the same."""

    likert_conflict = "likert_conflict"
    """The preference's scale points to the other response than the one that was selected."""
    rating_conflict = "rating_conflict"
    """The better response has the lower overall rating."""
    partial_ranking = "partial_ranking"
    """Only some of the responses are ranked, so which is the best of all is not known."""
    unknown_response = "unknown_response"
    """The verdict names a response that the turn does not have, and so none of its own."""
    unacceptable = "unacceptable"
    """The better response is labelled as not acceptable or not correct."""


class Skip(StrEnum):
    """Reason why a turn, a response or a pair gives no row."""

    not_completed = "not_completed"
    nothing_to_write = "nothing_to_write"
    """The task has nothing that the format is made of, such as a response."""
    no_preference = "no_preference"
    tie = "tie"
    all_bad = "all_bad"
    judges_disagree = "judges_disagree"
    single_response = "single_response"
    not_last_turn = "not_last_turn"
    no_prompt = "no_prompt"
    ambiguous_context = "ambiguous_context"
    empty_response = "empty_response"
    identical = "identical"
    non_text = "non_text"
    coerced_text = "coerced_text"
    unknown_response = "unknown_response"
    partial_ranking = "partial_ranking"
    no_order = "no_order"
    """The verdicts on pairs go round in a circle, so the policy on pairs finds none."""
    no_label = "no_label"
    no_target = "no_target"
    in_longer_conversation = "in_longer_conversation"
    """The response stands in a longer conversation of the task, which is written."""
    no_rewrite = "no_rewrite"
    """The form asks for rewrites, nobody wrote one, and the best response is not labelled good."""
    cannot_be_written = "cannot_be_written"
    """The format has no way to say it; the format's own rule is named beside it."""


class ContextMessage(Struct, frozen=True):
    """Message before the responses: `role` is system, user, assistant or tool.

    `is_text` is False where a part is no text, such as the call of a tool.
    """

    role: str
    text: str
    reasoning: str | None = None
    is_text: bool = True


class Candidate(Struct, frozen=True, kw_only=True):
    """Response of a turn. `ratings` are annotations with one value: booleans, numbers, texts.

    `is_text` is False where a part is no text. `rewrite` is a better version by a person.
    """

    source_id: str
    text: str
    model: str | None = None
    reasoning: str | None = None
    ratings: dict[str, Any] = {}
    rewrite: str | None = None
    is_text: bool = True
    is_rewrite: bool = False
    """True for a response that a person wrote as the rewrite of the others."""


class Pair(Struct, frozen=True):
    """Verdict on two responses, by their positions in `responses`; strength 0 to 1, or None.

    `contributor_id` is the judge whose vote it is, None for the verdict of all.
    """

    better: int
    worse: int
    strength: float | None = None
    contributor_id: str | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """A judged turn: context, responses in the task's own order, and the pairs of the verdict."""

    task_id: str
    project: str
    batch: str | None
    thread_id: str
    turn_id: str
    thread: int
    turn: int
    context: Sequence[ContextMessage]
    responses: Sequence[Candidate]
    kind: VerdictKind
    pairs: Sequence[Pair] = ()
    groups: Sequence[Sequence[int]] | None = None
    """Order of the responses, best first, equals together; None where the pairs have none."""
    likert: int | None = None
    """Value of the preference's scale, low is the first response."""
    votes: int = 0
    other_votes: Sequence[VerdictKind] = ()
    """Kinds of the votes that prefer none, where each vote gives a row of its own."""
    contributor_ids: Sequence[str] = ()
    completed_at: str | None = None
    flags: Sequence[Flag] = ()
    references: Sequence[str] = ()
    metadata: dict[str, Any] = {}
    is_last_turn: bool = True
    skip: Skip | None = None
    """Reason why the turn gives no row in any format, such as an ambiguous context."""
