"""Work of each person on a project: how much, beside that of the others, and as reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plaudit import clock
from plaudit.core.quality.agreement.wire_answers import share_of
from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.people.compared_answers import (
    ComparedAnswers,
    TaskAgreement,
    compared_answers,
    last_differing,
    task_agreement,
)
from plaudit.core.quality.people.dawid_skene import DawidSkene
from plaudit.core.quality.people.person_scores import (
    BallotColumns,
    WorkPace,
    ewma,
    paces_of,
    shares_of,
)
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.question_votes import CategoryVotes, category_votes
from plaudit.core.quality.reporting.reviewed_work import ReviewedWork, reviewed_tasks
from plaudit.core.quality.vote_arrays import VoteArrays
from plaudit.wire.manage.quality import PersonOnQuestion, QuestionQuality, ShareOfCases
from plaudit.wire.manage.quality_annotators import (
    ActiveTime,
    AnnotatorOnQuestion,
    AnnotatorQuality,
    AveragePoint,
    ConfusionOfPerson,
    DifferingVote,
    MovingAverage,
    ReviewsOfPerson,
)
from plaudit.wire.manage.quality_people import PersonReport

POINTS_MAX = 120
"""Points of a moving average that are kept."""
DIFFERING_MAX = 20
QUESTIONS_MAX = 50
"""Questions of a person that are kept, the first of the form."""


@dataclass(frozen=True, slots=True)
class FittedQuestion:
    """A question's report, with the votes and the annotator model behind it, where it has one."""

    report: QuestionQuality
    votes: VoteArrays
    model: DawidSkene | Undefined | None


def annotators(
    people: Sequence[PersonReport],
    questions: Sequence[QuestionColumns],
    fitted: Sequence[FittedQuestion],
    ballots: BallotColumns,
    work: ReviewedWork,
    task_ids: Sequence[str],
) -> list[AnnotatorQuality]:
    """Each of `people`, who are numbered in their order."""
    count = len(people)
    found = [
        (question, votes)
        for question in questions
        if (votes := category_votes(question, ReportOptions())) is not None
    ]
    answers = compared_answers([(one.votes, q.times[one.rows]) for q, one in found])
    lines = _moving_averages(answers, count)
    differing = _differing(answers, [(q, one) for q, one in found], task_ids, count)
    consistency = _consistency(questions, count)
    on_questions = _on_questions(people, fitted)
    known = ballots.active_ms >= 0
    paces = paces_of(ballots.people[known], ballots.active_ms[known], ballots.words[known], count)
    order = np.argsort(ballots.people, kind="stable")
    ends = np.cumsum(np.bincount(ballots.people, minlength=count))[:-1]
    done = np.split(ballots.seqs[order], ends)
    return [
        AnnotatorQuality(
            contributor_id=person.contributor_id,
            tasks=person.tasks,
            active_time=_active_time(paces[at]),
            skips=_skips(work, person),
            gold=share_of(*work.gold.get(person.contributor_id, (0, 0))),
            with_others=_together(on_questions[at]),
            consistency=consistency[at],
            repeats=share_of(*work.repeats.get(person.contributor_id, (0, 0))),
            reviews=_reviews(work, person.contributor_id, done[at].tolist()),
            moving_average=lines[at],
            questions=on_questions[at][:QUESTIONS_MAX],
            differing=differing[at],
            flags=person.flags,
        )
        for at, person in enumerate(people)
    ]


def _active_time(pace: WorkPace) -> ActiveTime:
    return ActiveTime(
        n=pace.tasks,
        median_ms=pace.median_ms,
        median_ms_per_100_words=pace.median_ms_per_100_words,
    )


def _skips(work: ReviewedWork, person: PersonReport) -> ShareOfCases:
    own = work.people.get(person.contributor_id)
    skipped = 0 if own is None else len(own.skipped)
    return share_of(skipped, skipped + person.tasks)


def _reviews(work: ReviewedWork, user_id: str, done: Sequence[int]) -> ReviewsOfPerson:
    reviewed, changed, sent_back = reviewed_tasks(work, user_id, done)
    return ReviewsOfPerson(
        changed=share_of(changed, reviewed), sent_back=share_of(sent_back, reviewed)
    )


def _together(questions: Sequence[AnnotatorOnQuestion]) -> ShareOfCases:
    return share_of(
        sum(one.with_others.right for one in questions), sum(one.with_others.n for one in questions)
    )


def _consistency(questions: Sequence[QuestionColumns], count: int) -> list[ShareOfCases]:
    """Votes given again that are equal to the first, of each person."""
    repeats = np.concatenate([np.zeros((0, 4), np.int32), *(one.repeats for one in questions)])
    shares = shares_of(repeats[:, 1], repeats[:, 2] == repeats[:, 3], count)
    return [share_of(one.right, one.n) for one in shares]


def _moving_averages(answers: ComparedAnswers, count: int) -> list[MovingAverage]:
    """The line of each person over the tasks whose time is known, that of their first answer."""
    if not len(answers.people):
        why = "nothing of theirs can be compared: a task needs two others who agree"
        return [MovingAverage(n=0, why=why) for _ in range(count)]
    timed = answers.times >= 0
    found = task_agreement(
        answers.people[timed], answers.is_right[timed], answers.tasks[timed], answers.times[timed]
    )
    centre = float(np.mean(found.means)) if len(found.means) else 0.0
    bounds = np.searchsorted(found.people, np.arange(count + 1))
    return [
        _moving_average(found, slice(start, end), centre)
        for start, end in pairwise(bounds.tolist())
    ]


def _moving_average(found: TaskAgreement, rows: slice, centre: float) -> MovingAverage:
    means, times = found.means[rows], found.times[rows]
    if not len(means):
        return MovingAverage(n=0, why="no task of theirs with a known time can be compared")
    line = ewma(means, centre)
    above = np.flatnonzero(line.values >= line.low)
    last_above = int(above[-1]) if len(above) else -1
    shown = np.unique(np.linspace(0, len(means) - 1, min(len(means), POINTS_MAX)).round())
    return MovingAverage(
        n=len(means),
        centre=centre,
        low=line.low,
        high=line.high,
        points=[
            AveragePoint(at + 1, round(float(line.values[at]), 4), clock.format_ms(int(times[at])))
            for at in shown.astype(int).tolist()
        ],
        below_since=last_above + 2 if last_above < len(means) - 1 else None,
    )


def _differing(
    answers: ComparedAnswers,
    found: Sequence[tuple[QuestionColumns, CategoryVotes]],
    task_ids: Sequence[str],
    count: int,
) -> list[list[DifferingVote]]:
    """The newest votes of each person that differ from the others."""
    listed: list[list[DifferingVote]] = [[] for _ in range(count)]
    for row in last_differing(answers, DIFFERING_MAX).tolist():
        question, votes = found[answers.questions[row]]
        time = int(answers.times[row])
        listed[answers.people[row]].append(
            DifferingVote(
                task_id=task_ids[answers.tasks[row]],
                key=question.field.key,
                about=question.level.value,
                value=_category(votes, int(answers.values[row])),
                others=_category(votes, int(answers.majority[row])),
                at=None if time < 0 else clock.format_ms(time),
            )
        )
    return listed


def _category(found: CategoryVotes, value: int) -> Any:
    """A category as JSON; a choice of several is a list."""
    categories, sets = found.measured.categories, found.measured.scale.sets
    return categories[value] if sets is None else [categories[at] for at in sorted(sets[value])]


def _on_questions(
    people: Sequence[PersonReport], fitted: Sequence[FittedQuestion]
) -> list[list[AnnotatorOnQuestion]]:
    """The questions of each person, in the order of the form."""
    number = {person.contributor_id: at for at, person in enumerate(people)}
    listed: list[list[AnnotatorOnQuestion]] = [[] for _ in people]
    for one in fitted:
        expected = None
        if isinstance(one.model, DawidSkene):
            expected = expected_truths(one.votes, one.model)
        for record in one.report.people:
            person = number[record.contributor_id]
            listed[person].append(_on_question(one, record, person, expected))
    return listed


def _on_question(
    one: FittedQuestion,
    record: PersonOnQuestion,
    person: int,
    expected: NDArray[np.float64] | None,
) -> AnnotatorOnQuestion:
    answer = AnnotatorOnQuestion(
        key=one.report.key,
        about=one.report.about,
        votes=record.votes,
        with_final=record.with_final,
        with_others=record.with_others,
    )
    model = one.model
    if expected is None or not isinstance(model, DawidSkene) or person >= len(model.accuracy):
        return answer
    if not np.isnan(model.accuracy[person]):
        answer.accuracy = float(model.accuracy[person])
        answer.confusion = ConfusionOfPerson(
            categories=list(one.report.categories),
            n=[round(float(n), 1) for n in expected[person]],
            rows=[[round(float(p), 4) for p in row] for row in model.confusion[person]],
        )
    return answer


def expected_truths(votes: VoteArrays, model: DawidSkene) -> NDArray[np.float64]:
    """Number of votes of each person on units of each likely truth [people, categories]."""
    shape = (votes.person_count, votes.category_count)
    expected = np.zeros(shape)
    for truth in range(votes.category_count):
        expected[:, truth] = np.bincount(
            votes.people, weights=model.posterior[votes.units, truth], minlength=shape[0]
        )
    return expected
