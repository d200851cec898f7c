"""Members of the report's JSON, made of statistics of people, of bias and of leaderboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from plaudit.core.quality.comparisons.leaderboard import Board, ModelScore
from plaudit.core.quality.comparisons.place_bias import PlaceBasis, PlaceShare
from plaudit.core.quality.comparisons.style_bias import FormatDifference, LongerWins
from plaudit.core.quality.estimates import Estimate, Undefined
from plaudit.core.quality.people.dawid_skene import DawidSkene
from plaudit.core.quality.people.flags import FlagTest
from plaudit.wire.manage import quality_people as wire


def annotator_model_member(
    model: DawidSkene | Undefined,
    categories: Sequence[Any],
    contributors: Sequence[str],
    task_of_unit: Sequence[str] | None = None,
) -> wire.AnnotatorModel:
    """Annotator model as JSON, with its units where the ids of their tasks are given."""
    if isinstance(model, Undefined):
        return wire.AnnotatorModel(why=model.why)
    member = wire.AnnotatorModel(
        log_likelihood=model.log_likelihood,
        labels={
            _word(category): int(count)
            for category, count in zip(categories, model.label_counts, strict=True)
        },
        changed=model.changed,
        people={
            contributors[person]: float(model.accuracy[person])
            for person in np.flatnonzero(~np.isnan(model.accuracy)).tolist()
        },
    )
    if task_of_unit is not None:
        member.units = [
            wire.LabelOfUnit(
                task_id=task_of_unit[unit],
                label=categories[label],
                p=float(model.posterior[unit, label]),
            )
            for unit, label in enumerate(model.labels.tolist())
            if label >= 0
        ]
    return member


def _word(category: Any) -> str:
    """A category as the name of a member: text as it is, all else as in JSON."""
    return category if isinstance(category, str) else msgspec.json.encode(category).decode()


def people_members(
    contributors: Sequence[str], tasks: Sequence[int], flags: Sequence[FlagTest]
) -> list[wire.PersonReport]:
    """Each contributor with the flags raised, in the order of the contributors."""
    found: list[list[wire.PersonFlag]] = [[] for _ in contributors]
    for flag in flags:
        found[flag.person].append(wire.PersonFlag(flag=flag.kind.value, why=flag.why))
    return [
        wire.PersonReport(contributor_id=contributor, tasks=count, flags=own)
        for contributor, count, own in zip(contributors, tasks, found, strict=True)
    ]


def place_member(share: PlaceShare | Undefined, basis: PlaceBasis) -> wire.PlaceBias:
    """Place bias as JSON."""
    if isinstance(share, Undefined):
        return wire.PlaceBias(
            basis=basis,
            first=0,
            second=0,
            share=None,
            se=None,
            low=None,
            high=None,
            p=None,
            naive_p=None,
            says=share.why,
            why=share.why,
        )
    return wire.PlaceBias(
        basis=share.basis,
        first=share.first,
        second=share.second,
        share=share.share,
        se=share.standard_error,
        low=share.low,
        high=share.high,
        p=share.p_value,
        naive_p=share.naive_p,
        says=share.says,
    )


def length_member(found: LongerWins | Undefined) -> wire.LengthBias:
    """Length bias as JSON."""
    if isinstance(found, Undefined):
        return wire.LengthBias(
            longer=0,
            n=0,
            share=None,
            se=None,
            low=None,
            high=None,
            p=None,
            slope=_slope(found),
            says=found.why,
            why=found.why,
        )
    return wire.LengthBias(
        longer=found.longer,
        n=found.n,
        share=found.share,
        se=found.standard_error,
        low=found.low,
        high=found.high,
        p=found.p_value,
        slope=_slope(found.slope),
        says=found.says,
    )


def format_members(found: Sequence[FormatDifference]) -> dict[str, wire.FormatBias]:
    """Format differences as JSON, by mark."""
    return {
        one.format: wire.FormatBias(
            winners=one.winners,
            losers=one.losers,
            difference=one.difference,
            n=one.n,
            se=one.standard_error,
            low=one.low,
            high=one.high,
            p=one.p_value,
            says=one.says,
        )
        for one in found
    }


def leaderboard_member(board: Board) -> wire.LeaderboardReport:
    """Leaderboard as JSON."""
    return wire.LeaderboardReport(
        votes=board.votes,
        models=[_model(one) for one in board.models],
        style={
            one.style: wire.LeaderboardStyle(
                value=one.value, se=one.standard_error, why=UNSET if one.why is None else one.why
            )
            for one in board.styles
        },
        controlled=[_model(one) for one in board.controlled],
    )


def _slope(slope: Estimate | Undefined) -> wire.LengthSlope:
    if isinstance(slope, Undefined):
        return wire.LengthSlope(value=None, why=slope.why)
    return wire.LengthSlope(value=slope.value, low=slope.low, high=slope.high)


def _model(one: ModelScore) -> wire.LeaderboardModel:
    return wire.LeaderboardModel(
        model=one.model,
        score=one.score,
        se=one.standard_error,
        low=one.low,
        high=one.high,
        n=one.n,
        component=one.component,
        why=UNSET if one.why is None else one.why,
    )
