"""Scale of a preference between two responses: its direction, strengths, and verdicts by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import LIKERT, Form, Level, ScaleDirection
from plaudit.formats.exporting.comparison import Pair, VerdictKind
from plaudit.formats.exporting.judges import Judges, VerdictOptions, is_settled, mean_of, votes_of
from plaudit.wire.v2.annotation import Annotation

LIKERT_KEY = "likert_value"


class Scale(Struct, frozen=True):
    """Scale of a preference: its key, least and greatest value, and its direction."""

    key: str
    least: int
    most: int
    is_low_first: bool

    def signed(self, value: Any) -> float | None:
        """Strength from -1 (the second response is much better) to 1; None for no value of it."""
        if type(value) is not int or not self.least <= value <= self.most:
            return None
        middle, half = (self.least + self.most) / 2, (self.most - self.least) / 2
        towards_low = (middle - value) / half
        return towards_low if self.is_low_first else -towards_low


class ScaleVerdict(Struct, frozen=True, kw_only=True):
    """Verdict by a scale; `other_votes` are those of single judges that prefer none."""

    kind: VerdictKind = VerdictKind.none
    pairs: Sequence[Pair] = ()
    votes: int = 1
    other_votes: Sequence[VerdictKind] = ()


def scale_of(form: Form, annotations: Mapping[str, Annotation]) -> Scale | None:
    """Scale of the turn's preference: that of the form, or of the annotation's possible values."""
    for field in form.fields:
        if field.level is Level.turn and field.scale is not None and field.key in annotations:
            values = field.possible_values or LIKERT
            is_low_first = field.scale is ScaleDirection.low_is_first
            return Scale(field.key, min(values), max(values), is_low_first)
    given = annotations.get(LIKERT_KEY)
    if given is None:
        return None
    values = [one for one in given.possible_values or LIKERT if type(one) is int]
    least, most = min(values, default=1), max(values, default=7)
    return Scale(LIKERT_KEY, least, most, True) if least < most else None


def verdict_of_scale(
    likert: Annotation, scale: Scale, sides: Sequence[int], options: VerdictOptions
) -> ScaleVerdict:
    """Verdict of a scale on two responses, the first of which is `sides[0]`."""
    judges = options.judges
    votes = [
        (strength, vote.contributor_id)
        for vote in votes_of(likert)
        if (strength := scale.signed(vote.value)) is not None
    ]
    if votes and judges is Judges.each:
        pairs = [
            _pair(strength, sides, contributor_id) for strength, contributor_id in votes if strength
        ]
        ties = [VerdictKind.tie] * (len(votes) - len(pairs))
        kind = VerdictKind.prefer if pairs else VerdictKind.tie
        return ScaleVerdict(kind=kind, pairs=pairs, votes=len(votes), other_votes=ties)
    strengths = [strength for strength, _ in votes]
    is_overruled = judges is not Judges.unanimous and is_settled(likert, votes_of(likert))
    if not strengths or is_overruled:
        value = scale.signed(likert.value)
        strengths = [] if value is None else [value]
    if not strengths:
        return ScaleVerdict()
    strength = (
        mean_of(strengths, options)
        if judges is Judges.mean_strength
        else _agreed(strengths, is_unanimous=judges is Judges.unanimous)
    )
    count = len(votes) or 1
    if strength is None:
        return ScaleVerdict(kind=VerdictKind.conflict, votes=count)
    if strength == 0:
        return ScaleVerdict(kind=VerdictKind.tie, votes=count)
    return ScaleVerdict(kind=VerdictKind.prefer, pairs=[_pair(strength, sides)], votes=count)


def _agreed(strengths: Sequence[float], *, is_unanimous: bool) -> float | None:
    """Mean strength of the side that more than half take, or all; None where none has them."""
    needed = len(strengths) if is_unanimous else len(strengths) // 2 + 1
    for sign in (1, -1, 0):
        agreeing = [one for one in strengths if (one > 0) - (one < 0) == sign]
        if len(agreeing) >= needed:
            return sum(agreeing) / len(agreeing)
    return None


def _pair(strength: float, sides: Sequence[int], contributor_id: str | None = None) -> Pair:
    first, second = sides
    better, worse = (first, second) if strength > 0 else (second, first)
    return Pair(better, worse, min(abs(strength), 1.0), contributor_id)
