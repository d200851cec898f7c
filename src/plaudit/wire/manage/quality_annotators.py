"""Quality of each person's work on a project, as the API answers it and pages show it.

Figures are beside others, never above them: nothing here is a ranking.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from plaudit.wire.manage.quality import ShareOfCases
from plaudit.wire.manage.quality_people import PersonFlag


class ActiveTime(Struct, kw_only=True):
    """Active time of n tasks in milliseconds: the median, and that for 100 words of responses.

    Null where no task says.
    """

    n: int
    median_ms: float | None
    median_ms_per_100_words: float | None


class ReviewsOfPerson(Struct, kw_only=True):
    """Tasks of a person that a reviewer decided on.

    `changed` are those in which the reviewer put another answer in place of theirs, `sent_back`
    those that they were to do again.
    """

    changed: ShareOfCases
    sent_back: ShareOfCases


class AveragePoint(Struct, array_like=True):
    """Moving average after so many tasks, at a time."""

    tasks: int
    value: float
    at: str


class MovingAverage(Struct, kw_only=True):
    """Moving average (EWMA) of a person's agreement with the others, task by task, oldest first.

    It starts at `centre`, the project's share; `low` and `high` are its limits. Of `n` tasks it
    lists some, evenly, and the last. `below_since` is the number of tasks after which it went
    below `low` and stayed there; null if it is not below. `why` says why there is none.
    """

    n: int
    centre: float | None = None
    low: float | None = None
    high: float | None = None
    points: list[AveragePoint] = []
    below_since: int | None = None
    why: str | UnsetType = UNSET


class ConfusionOfPerson(Struct, kw_only=True):
    """Confusion matrix of the annotator model: a row for each likely truth, a column an answer.

    `rows` has probabilities, each row sums to 1; `n` is how many of the person's votes have that
    likely truth, as expected.
    """

    categories: list[Any]
    n: list[float]
    rows: list[list[float]]


class AnnotatorOnQuestion(Struct, kw_only=True):
    """A person's votes on a question beside the final answer and the majority of the others.

    `accuracy` and `confusion` are those of the annotator model; the first is null and the second
    absent where there is no model of the question, or nothing of this person in it.
    """

    key: str
    about: str
    votes: int
    with_final: ShareOfCases
    with_others: ShareOfCases
    accuracy: float | None = None
    confusion: ConfusionOfPerson | UnsetType = UNSET


class DifferingVote(Struct, kw_only=True):
    """A vote that differs from that of the strict majority of the others."""

    task_id: str
    key: str
    about: str
    value: Any
    others: Any
    at: str | None


class AnnotatorFigures(Struct, kw_only=True):
    """Figures of a person's work on a project.

    `skips` are tasks skipped, of those skipped or done. Cases of `gold` are gold tasks, right with
    at least half of the expected answers; those of `repeats` own earlier tasks, right with at least
    half of the answers of before. `with_others` is over all questions together, `consistency` over
    votes that were given again.
    """

    contributor_id: str
    tasks: int
    active_time: ActiveTime
    skips: ShareOfCases
    gold: ShareOfCases
    with_others: ShareOfCases
    consistency: ShareOfCases
    repeats: ShareOfCases
    reviews: ReviewsOfPerson
    flags: list[PersonFlag]


class AnnotatorQuality(AnnotatorFigures, kw_only=True):
    """A person's work on a project, with what its figures come from.

    `questions` are the first 50 of theirs in the form, `differing` has the 20 newest.
    """

    moving_average: MovingAverage
    questions: list[AnnotatorOnQuestion]
    differing: list[DifferingVote]


class Annotators(Struct, kw_only=True):
    """The last report on a project's quality by person, in the order of their ids."""

    project: str
    people: list[AnnotatorQuality]
