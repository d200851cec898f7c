"""Members of the quality report on people, the annotator model, bias and the leaderboard.

Where a figure is undefined it is null, and `why` says the reason; else there is no `why`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType


class LabelOfUnit(Struct, kw_only=True):
    """The category that a unit most likely has, and its probability."""

    task_id: str
    label: Any
    p: float


class AnnotatorModel(Struct, kw_only=True):
    """Model of Dawid and Skene: units of each label, and each person's accuracy.

    `changed` units have another label than the strict plurality of their votes. `units` are there
    if asked for. A model that is refused has `why` alone.
    """

    log_likelihood: float | UnsetType = UNSET
    labels: dict[str, int] | UnsetType = UNSET
    changed: int | UnsetType = UNSET
    people: dict[str, float] | UnsetType = UNSET
    units: list[LabelOfUnit] | UnsetType = UNSET
    why: str | UnsetType = UNSET


class PersonFlag(Struct, kw_only=True):
    """A way to work that is worth a look, with its figures as a sentence."""

    flag: Literal["straight-liner", "speeder", "one-sided", "copier", "drift"]
    why: str


class PersonReport(Struct, kw_only=True):
    """A contributor, how many tasks they answered, and their flags; not a ranking."""

    contributor_id: str
    tasks: int
    flags: list[PersonFlag]


class PlaceBias(Struct, kw_only=True):
    """Share of votes, ties left out, for the response in the first place.

    `basis` says what first means: as shown to the person, or as stored. `se` is the larger of the
    errors clustered by task and by person; `naive_p` takes each vote for a fact of its own.
    """

    basis: Literal["shown", "stored"]
    first: int
    second: int
    share: float | None
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    naive_p: float | None
    says: str
    why: str | UnsetType = UNSET


class LengthSlope(Struct, kw_only=True):
    """Growth of the log-odds to win per doubling of the length, with its 95 % interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: str | UnsetType = UNSET


class LengthBias(Struct, kw_only=True):
    """Share of comparisons of unequal length that the longer response won.

    The interval is Wilson's, `se` clustered by task, `p` of that error.
    """

    longer: int
    n: int
    share: float | None
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    slope: LengthSlope
    says: str
    why: str | UnsetType = UNSET


class FormatBias(Struct, kw_only=True):
    """Share of winners with a mark of Markdown less that of losers; `se` clustered by task."""

    winners: float
    losers: float
    difference: float
    n: int
    se: float | None
    low: float | None
    high: float | None
    p: float
    says: str


class IdentityLeak(Struct, kw_only=True):
    """A response that has names of models, sources or vendors in it."""

    task_id: str
    source_id: str
    names: list[str]


class BiasReport(Struct, kw_only=True):
    """Ways in which responses win for other reasons than their worth.

    `format` by mark: headers, lists, bold, code; empty without comparisons.
    """

    place: PlaceBias
    length: LengthBias
    format: dict[str, FormatBias] = {}
    identity_leaks: list[IdentityLeak] = []


class LeaderboardModel(Struct, kw_only=True):
    """A model's score, comparable within its `component`, and how many votes it was in."""

    model: str
    score: float | None
    se: float | None
    low: float | None
    high: float | None
    n: int
    component: int
    why: str | UnsetType = UNSET


class LeaderboardStyle(Struct, kw_only=True):
    """Coefficient of a style, by its standard deviation; `se` clustered by task."""

    value: float | None
    se: float | None
    why: str | UnsetType = UNSET


class LeaderboardSlice(Struct, kw_only=True):
    """Models by strength in a part of the votes, best first."""

    votes: int
    models: list[LeaderboardModel]


class LeaderboardReport(Struct, kw_only=True):
    """Models by strength, best first; `controlled` are the scores at equal style, if asked for.

    `slices` are there where the votes are divided by batch, week or metadata.
    """

    votes: int
    models: list[LeaderboardModel]
    style: dict[str, LeaderboardStyle] = {}
    controlled: list[LeaderboardModel] = []
    slices: dict[str, LeaderboardSlice] | UnsetType = UNSET
