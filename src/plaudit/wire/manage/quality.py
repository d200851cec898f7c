"""Quality of a project's data: one question's agreement, its people and its disagreements."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from plaudit.wire.manage.quality_people import AnnotatorModel


class Coefficient(Struct, kw_only=True):
    """A value with its 95 % interval; a null value has the reason in `why` instead.

    `low` and `high` are null where there is too little to say.
    """

    value: float | None
    low: float | UnsetType | None = UNSET
    high: float | UnsetType | None = UNSET
    why: str | UnsetType = UNSET


class ShareOfCases(Struct, kw_only=True):
    """The share of right ones among n cases, with Wilson's 95 % interval; null where n is 0."""

    right: int
    n: int
    share: float | None
    low: float | None
    high: float | None


class Ac2(Struct, kw_only=True):
    """Gwet's AC2, by the weights of partial agreement."""

    linear: Coefficient
    quadratic: Coefficient


class CohenOfPair(Struct, kw_only=True):
    """Agreement of two people on the n units that both voted on; null where undefined."""

    people: tuple[str, str]
    n: int
    kappa: float | None
    se: float | None
    linear: float | None
    quadratic: float | None
    tau_b: float | None


class AgreementOnQuestion(Struct, kw_only=True):
    """Coefficients of agreement. `choices` has α of each choice where people choose several.

    `orientation` is null where no category is the mirror image of another.
    """

    orientation: Literal["free", "stored"] | None
    percent: Coefficient
    alpha: dict[str, Coefficient]
    fleiss: Coefficient
    ac1: Coefficient
    ac2: Ac2
    cohen: list[CohenOfPair] | UnsetType = UNSET
    choices: dict[str, Coefficient] | UnsetType = UNSET


class TauOfPair(Struct, kw_only=True):
    """Mean τ-b of two people over the n units that both ranked."""

    people: tuple[str, str]
    n: int
    tau_b: float


class RankingAgreement(Struct, kw_only=True):
    """Agreement of whole rankings: means over units."""

    kendall_w: Coefficient
    tau_b: Coefficient
    pairs: list[TauOfPair]


class SpanAgreementOnQuestion(Struct, kw_only=True):
    """Agreement on spans. `overlapping` says that α is a mean over labels."""

    alpha: Coefficient
    f1_exact: Coefficient
    f1_overlap: Coefficient
    overlapping: bool


class Quartiles(Struct, kw_only=True):
    """Lower quartile, median and upper quartile."""

    low: float
    median: float
    high: float


class TextsOfPerson(Struct, kw_only=True):
    """The texts of a person that nearly equal an earlier one of theirs."""

    contributor_id: str
    near_equal: int


class TextsOnQuestion(Struct, kw_only=True):
    """Free texts: lengths in characters, empty ones, repetition, and the edits of rewrites."""

    n: int
    empty: int
    chars: Quartiles | None
    near_equal: list[TextsOfPerson]
    edit_share: Quartiles | None


class AbstentionOnQuestion(Struct, kw_only=True):
    """Not applicable and cannot assess: their share, and α over answered or not."""

    share: ShareOfCases
    alpha: Coefficient


class PersonOnQuestion(Struct, kw_only=True):
    """One person's votes beside the final answer and beside the majority of the others."""

    contributor_id: str
    votes: int
    with_final: ShareOfCases
    with_others: ShareOfCases


class DisagreementsOnQuestion(Struct, kw_only=True):
    """Units with different votes: how often the final answer is whose, or nobody's.

    `why` counts the units of which a reviewer said why people differed: `guideline`, `ambiguous` or
    `error`; it is absent where nobody has.
    """

    units: int
    final_of: dict[str, int]
    final_of_nobody: int
    why: dict[str, int] | UnsetType = UNSET


class RepeatsOnQuestion(Struct, kw_only=True):
    """Votes that one person gave again; `same_side` is null where answers have no sides."""

    n: int
    equal: int
    same_side: int | None


class SliceOfQuestion(Struct, kw_only=True):
    """Agreement on a part of the units; without pairs of people."""

    units: int
    agreement: AgreementOnQuestion


class QuestionQuality(Struct, kw_only=True):
    """One question. `level` is that of measurement, `about` what the question is asked about."""

    key: str
    about: str
    level: str
    type: str
    categories: list[Any]
    units: int
    pairable: int
    votes: int
    abstained: int
    abstention: AbstentionOnQuestion | UnsetType = UNSET
    agreement: AgreementOnQuestion | UnsetType = UNSET
    ranking: RankingAgreement | UnsetType = UNSET
    spans: SpanAgreementOnQuestion | UnsetType = UNSET
    texts: TextsOnQuestion | UnsetType = UNSET
    dawid_skene: AnnotatorModel | UnsetType = UNSET
    people: list[PersonOnQuestion]
    disagreements: DisagreementsOnQuestion
    repeats: RepeatsOnQuestion
    slices: dict[str, SliceOfQuestion] | UnsetType = UNSET
