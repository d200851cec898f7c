"""Report on the quality of a project's data, as commands print it and the API answers it."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from plaudit.wire.manage.quality import QuestionQuality
from plaudit.wire.manage.quality_people import BiasReport, LeaderboardReport, PersonReport


class CountedOutVotes(Struct, kw_only=True):
    """Votes that are not counted, and why: such as answers to an older form."""

    key: str
    about: str
    why: str
    n: int


class QualityReport(Struct, kw_only=True):
    """Quality of a project's data.

    `tasks` are all of the project, `votes` those that count; `counted_out` is absent without any.
    """

    project: str
    tasks: int
    votes: int
    questions: list[QuestionQuality]
    bias: BiasReport
    leaderboard: LeaderboardReport
    people: list[PersonReport]
    counted_out: list[CountedOutVotes] | UnsetType = UNSET
