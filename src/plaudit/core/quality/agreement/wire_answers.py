"""Statistics of agreement as the structs of the management API, with people by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from plaudit.core.quality.agreement.coefficients import Agreement
from plaudit.core.quality.agreement.pairs import PairAgreement
from plaudit.core.quality.agreement.rankings import RankingCoefficients
from plaudit.core.quality.agreement.spans import SpanAgreement
from plaudit.core.quality.agreement.voters import Disagreements, VoterRecord
from plaudit.core.quality.estimates import Estimate, Share, Undefined, wilson
from plaudit.core.quality.texts import TextStatistics
from plaudit.wire.manage.quality import (
    Ac2,
    AgreementOnQuestion,
    Coefficient,
    CohenOfPair,
    DisagreementsOnQuestion,
    PersonOnQuestion,
    Quartiles,
    RankingAgreement,
    ShareOfCases,
    SpanAgreementOnQuestion,
    TauOfPair,
    TextsOfPerson,
    TextsOnQuestion,
)

Ids = Sequence[str]


def coefficient(found: Estimate | Undefined) -> Coefficient:
    """An estimate, or null and why."""
    if isinstance(found, Undefined):
        return Coefficient(value=None, why=found.why)
    return Coefficient(value=found.value, low=found.low, high=found.high)


def share(found: Share) -> ShareOfCases:
    """A share with its interval."""
    return ShareOfCases(
        right=found.right, n=found.n, share=found.share, low=found.low, high=found.high
    )


def share_of(right: int, n: int) -> ShareOfCases:
    """The share of right ones among n, with its interval."""
    return share(wilson(right, n))


def agreement(
    found: Agreement, orientation: Literal["free", "stored"] | None
) -> AgreementOnQuestion:
    """The coefficients of a question, α in the order of the levels."""
    return AgreementOnQuestion(
        orientation=orientation,
        percent=coefficient(found.percent),
        alpha={level: coefficient(one) for level, one in found.alpha.items()},
        fleiss=coefficient(found.fleiss),
        ac1=coefficient(found.ac1),
        ac2=Ac2(
            linear=coefficient(found.ac2["linear"]), quadratic=coefficient(found.ac2["quadratic"])
        ),
    )


def pairs(found: Sequence[PairAgreement], ids: Ids) -> list[CohenOfPair]:
    """Each pair of people by their ids."""
    return [
        CohenOfPair(
            people=(ids[one.people[0]], ids[one.people[1]]),
            n=one.n,
            kappa=one.kappa,
            se=one.se,
            linear=one.linear,
            quadratic=one.quadratic,
            tau_b=one.tau_b,
        )
        for one in found
    ]


def ranking(found: RankingCoefficients, ids: Ids) -> RankingAgreement:
    """W and τ-b, over all and by pair of people."""
    return RankingAgreement(
        kendall_w=coefficient(found.kendall_w),
        tau_b=coefficient(found.tau_b),
        pairs=[
            TauOfPair(people=(ids[one.people[0]], ids[one.people[1]]), n=one.n, tau_b=one.tau_b)
            for one in found.pairs
        ],
    )


def spans(found: SpanAgreement, is_overlapping: bool) -> SpanAgreementOnQuestion:
    """α per character and both F1."""
    return SpanAgreementOnQuestion(
        alpha=coefficient(found.alpha),
        f1_exact=coefficient(found.f1_exact),
        f1_overlap=coefficient(found.f1_overlap),
        overlapping=is_overlapping,
    )


def texts(found: TextStatistics, ids: Ids) -> TextsOnQuestion:
    """Lengths, repetition and edits."""
    return TextsOnQuestion(
        n=found.n,
        empty=found.empty,
        chars=_quartiles(found.chars),
        near_equal=[
            TextsOfPerson(contributor_id=ids[person], near_equal=count)
            for person, count in found.near_equal.items()
        ],
        edit_share=_quartiles(found.edit_share),
    )


def people(found: Sequence[VoterRecord], ids: Ids) -> list[PersonOnQuestion]:
    """The record of each person."""
    return [
        PersonOnQuestion(
            contributor_id=ids[one.person],
            votes=one.votes,
            with_final=share(one.with_final),
            with_others=share(one.with_others),
        )
        for one in found
    ]


def disagreements(found: Disagreements, ids: Ids) -> DisagreementsOnQuestion:
    """Disagreements, with people by their ids."""
    return DisagreementsOnQuestion(
        units=found.units,
        final_of={ids[person]: count for person, count in found.final_of.items()},
        final_of_nobody=found.final_of_nobody,
    )


def _quartiles(found: tuple[float, float, float] | None) -> Quartiles | None:
    return None if found is None else Quartiles(low=found[0], median=found[1], high=found[2])
