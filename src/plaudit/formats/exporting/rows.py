"""Rules from a comparison to training rows: pairs of a policy, labels and targets, with skips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import Form, Level
from plaudit.formats.exporting.comparison import (
    Candidate,
    Comparison,
    ContextMessage,
    Flag,
    Pair,
    Skip,
    VerdictKind,
)
from plaudit.formats.exporting.pair_policies import PairPolicy, selected_pairs, unbeaten
from plaudit.formats.exporting.source_ids import is_imported
from plaudit.formats.exporting.verdicts import LABEL_KEYS, OVERALL

TRUE_SHARE, FALSE_SHARE = 0.6, 0.4
"""Shares of a rating's scale from which a response is good, and up to which it is bad."""


class TiePolicy(StrEnum):
    """Use of responses that are equally good, where a format has labels."""

    skip = "skip"
    both_desirable = "both-desirable"


class RowOptions(Struct, frozen=True, kw_only=True):
    """Choices of an export beyond the verdict; `prefer` is that of VerdictOptions."""

    pairs: PairPolicy = PairPolicy.best_vs_rest
    ties: TiePolicy = TiePolicy.skip
    uses_rewrites: bool = False
    only_rewrites: bool = False
    """Rewrites alone are texts to learn."""
    uses_references: bool = False
    last_turn_only: bool = False
    prefer: str | None = None


class PreferenceRow(Struct, frozen=True, kw_only=True):
    """A better and a worse text for one context; `margin` is the strength, None where unknown."""

    comparison: Comparison
    context: Sequence[ContextMessage]
    chosen: str
    rejected: str
    chosen_source: str
    rejected_source: str
    chosen_reasoning: str | None = None
    rejected_reasoning: str | None = None
    margin: float | None = None
    contributor_id: str | None = None


class LabelRow(Struct, frozen=True, kw_only=True):
    """A text with a label: good or bad."""

    comparison: Comparison
    context: Sequence[ContextMessage]
    completion: str
    source_id: str
    label: bool
    reasoning: str | None = None


class TargetRow(Struct, frozen=True, kw_only=True):
    """A text to learn, for one context.

    `is_judged` is False for a single response that nobody labelled.
    """

    comparison: Comparison
    context: Sequence[ContextMessage]
    target: str
    source_id: str
    reasoning: str | None = None
    is_judged: bool = True


def context_problem(comparison: Comparison, options: RowOptions) -> Skip | None:
    """Reason why a turn gives no row in any format, None if it may give some."""
    if comparison.skip is not None:
        return comparison.skip
    if options.last_turn_only and not comparison.is_last_turn:
        return Skip.not_last_turn
    if not any(message.role in ("user", "system") for message in comparison.context):
        return Skip.no_prompt
    if not all(message.is_text for message in comparison.context):
        return Skip.non_text
    return None


def preference_rows(comparison: Comparison, options: RowOptions) -> Iterator[PreferenceRow | Skip]:
    """Yield the pairs of a comparison by the policy, and a Skip for each that gives no row.

    With `uses_rewrites` each rewrite is also better than the response that it was made of.
    """
    problem = context_problem(comparison, options)
    if problem is not None:
        yield problem
        return
    yield from _pair_rows(comparison, options)
    if options.uses_rewrites:
        for better, worse in _rewrites(comparison):
            yield _preference(comparison, better, worse, None, None)


def _rewrites(comparison: Comparison) -> Iterator[tuple[Candidate, Candidate]]:
    """Each rewrite and the responses that it is better than.

    That is the response that it was made of, and all of them where all are bad. A rewrite among the
    responses was made of the best one, and is better than all where none is the best.
    """
    responses = comparison.responses
    originals = [one for one in responses if not one.is_rewrite]
    is_bad = comparison.kind is VerdictKind.all_bad
    for response in responses:
        if response.rewrite is not None:
            better = Candidate(source_id="rewrite", text=response.rewrite)
            for worse in originals if is_bad else [response]:
                yield better, worse
    compared = {place for pair in comparison.pairs for place in (pair.better, pair.worse)}
    best = {responses[place].source_id for place in unbeaten(comparison.pairs)}
    for place, response in enumerate(responses):
        if not response.is_rewrite or place in compared:
            continue
        if comparison.kind is VerdictKind.prefer:
            yield from ((response, one) for one in originals if one.source_id in best)
        elif is_bad or comparison.kind is VerdictKind.tie or len(originals) == 1:
            yield from ((response, one) for one in originals)


def _pair_rows(comparison: Comparison, options: RowOptions) -> Iterator[PreferenceRow | Skip]:
    if len(comparison.responses) < 2:
        if not (options.uses_rewrites and any(one.rewrite for one in comparison.responses)):
            yield Skip.single_response
        return
    if Flag.unknown_response in comparison.flags:
        yield Skip.unknown_response
        return
    if not comparison.pairs:
        if Flag.partial_ranking in comparison.flags:
            yield Skip.partial_ranking
        else:
            yield from map(_SKIPPED_KINDS.__getitem__, comparison.other_votes or [comparison.kind])
        return
    by_judge: dict[str | None, list[Pair]] = {}
    for pair in comparison.pairs:
        by_judge.setdefault(pair.contributor_id, []).append(pair)
    for pairs in by_judge.values():
        yield from _rows_of_judge(comparison, pairs, options.pairs)
    yield from map(_SKIPPED_KINDS.__getitem__, comparison.other_votes)


def _rows_of_judge(
    comparison: Comparison, pairs: Sequence[Pair], policy: PairPolicy
) -> Iterator[PreferenceRow | Skip]:
    """Rows of the pairs of one judge, or of all judges together."""
    ranked = {place for pair in pairs for place in (pair.better, pair.worse)}
    is_partial = Flag.partial_ranking in comparison.flags and not _covers(comparison, ranked)
    if is_partial and policy is not PairPolicy.all:
        yield Skip.partial_ranking
        return
    selected = selected_pairs(pairs, comparison.groups, policy)
    if not selected:
        yield Skip.no_order
    for pair in selected:
        yield _preference(
            comparison,
            comparison.responses[pair.better],
            comparison.responses[pair.worse],
            pair.strength,
            pair.contributor_id,
        )


def _covers(comparison: Comparison, places: set[int]) -> bool:
    """True if every response is among the places; rewrites need not be."""
    return all(
        place in places or response.is_rewrite
        for place, response in enumerate(comparison.responses)
    )


_SKIPPED_KINDS = {
    VerdictKind.tie: Skip.tie,
    VerdictKind.all_bad: Skip.all_bad,
    VerdictKind.none: Skip.no_preference,
    VerdictKind.conflict: Skip.judges_disagree,
}


def _preference(
    comparison: Comparison,
    better: Candidate,
    worse: Candidate,
    margin: float | None,
    contributor_id: str | None,
) -> PreferenceRow | Skip:
    problem = text_problem(better) or text_problem(worse)
    if problem is not None:
        return problem
    if better.text == worse.text:
        return Skip.identical
    return PreferenceRow(
        comparison=comparison,
        context=comparison.context,
        chosen=better.text,
        rejected=worse.text,
        chosen_source=better.source_id,
        rejected_source=worse.source_id,
        chosen_reasoning=better.reasoning,
        rejected_reasoning=worse.reasoning,
        margin=margin,
        contributor_id=contributor_id,
    )


def text_problem(response: Candidate) -> Skip | None:
    """Reason why a response is no text to train on, None if it is one."""
    if not response.is_text:
        return Skip.non_text
    return None if response.text.strip() else Skip.empty_response


def label_rows(
    comparison: Comparison, form: Form, options: RowOptions
) -> Iterator[LabelRow | Skip]:
    """Yield the labelled responses of a turn, and a Skip for each without a label.

    A label is the boolean or rating `prefer` if that is asked for; else an explicit boolean, else a
    rating of the whole, else the preference.
    """
    problem = context_problem(comparison, options)
    if problem is not None:
        yield problem
        return
    for place, response in enumerate(comparison.responses):
        label = _label(comparison, place, response, form, options)
        problem = text_problem(response)
        if label is None:
            yield Skip.no_label
        elif problem is not None:
            yield problem
        else:
            yield LabelRow(
                comparison=comparison,
                context=comparison.context,
                completion=response.text,
                source_id=response.source_id,
                label=label,
                reasoning=response.reasoning,
            )


def _label(
    comparison: Comparison, place: int, response: Candidate, form: Form, options: RowOptions
) -> bool | None:
    by_rating = _rated_label(response, form, options)
    if options.prefer is not None or by_rating is not None:
        return by_rating
    if comparison.kind is VerdictKind.all_bad:
        return False
    if comparison.kind is VerdictKind.tie:
        return True if options.ties is TiePolicy.both_desirable else None
    better = {pair.better for pair in comparison.pairs}
    worse = {pair.worse for pair in comparison.pairs}
    if place in better and place not in worse:
        return True
    if place in worse and place not in better:
        return False
    return None


def _rated_label(response: Candidate, form: Form, options: RowOptions) -> bool | None:
    """Label by the asked key alone, else by an explicit boolean, else by the overall rating."""
    if options.prefer is not None:
        return _above_middle(response.ratings.get(options.prefer), options.prefer, form, 0.5, 0.5)
    for key in LABEL_KEYS:
        if isinstance(response.ratings.get(key), bool):
            return bool(response.ratings[key])
    return _above_middle(response.ratings.get(OVERALL), OVERALL, form, TRUE_SHARE, FALSE_SHARE)


def _above_middle(
    value: Any, key: str, form: Form, true_share: float, false_share: float
) -> bool | None:
    """True above a share of the scale, False below another; None between them or without a value.

    With both shares 0.5 the middle of the scale is neither. A scale that the form does not have is
    1 to 5, and a value outside of its scale says nothing.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        return None
    values = next(
        (
            field.possible_values
            for field in form.fields
            if field.key == key and field.level is Level.message and field.possible_values
        ),
        None,
    )
    numbers = [one for one in values or () if type(one) is int]
    least, most = (min(numbers), max(numbers)) if numbers else (1, 5)
    if not least <= value <= most or least == most:
        return None
    share = (value - least) / (most - least)
    if share > true_share or (share == true_share != 0.5):
        return True
    return False if share < false_share or (share == false_share != 0.5) else None


def target_rows(
    comparison: Comparison, form: Form, options: RowOptions
) -> Iterator[TargetRow | Skip]:
    """Yield the text to learn of a turn, or a Skip.

    The rewrites are always targets; else the best response, or the only one, but not with
    `only_rewrites`. With `uses_references` the reference texts are.
    """
    problem = context_problem(comparison, options)
    if problem is not None:
        yield problem
        return
    targets = [
        Candidate(source_id="rewrite", text=response.rewrite)
        for response in comparison.responses
        if response.rewrite is not None
    ]
    if options.uses_references:
        targets = [Candidate(source_id="reference", text=text) for text in comparison.references]
    elif not targets:
        targets = _best(comparison, form, options)
        if options.only_rewrites and not any(target.is_rewrite for target in targets):
            yield Skip.no_rewrite
            return
    if not targets:
        yield Skip.no_target
    for target in targets:
        skipped = text_problem(target)
        if skipped is not None:
            yield skipped
            continue
        yield TargetRow(
            comparison=comparison,
            context=comparison.context,
            target=target.text,
            source_id=target.source_id,
            reasoning=target.reasoning,
            is_judged=len(comparison.responses) > 1
            or target not in comparison.responses
            or _rated_label(target, form, options) is True,
        )


def is_context(comparison: Comparison) -> bool:
    """True for an answer before the last of an imported conversation, of which nobody said a word.

    The row that was imported had it as context.
    """
    responses = comparison.responses
    return (
        is_imported(comparison.task_id)
        and not comparison.is_last_turn
        and len(responses) == 1
        and not responses[0].ratings
        and responses[0].rewrite is None
    )


def _best(comparison: Comparison, form: Form, options: RowOptions) -> list[Candidate]:
    """The rewrites among the responses, else the best or only response, unless it is labelled bad.

    Of several that are equally good it is the first.
    """
    responses = comparison.responses
    rewrites = [response for response in responses if response.is_rewrite]
    if rewrites:
        return rewrites
    if len(responses) == 1:
        best = responses[0]
    else:
        places = sorted(unbeaten(comparison.pairs))
        if comparison.kind is not VerdictKind.prefer or not places:
            return []
        best = responses[places[0]]
    return [] if _rated_label(best, form, options) is False else [best]
