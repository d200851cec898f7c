"""Report on the quality of a project's data: read once, then put to all statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from plaudit.core.quality.agreement.question_report import QuestionPlan, plan_reports
from plaudit.core.quality.comparisons.comparison_report import (
    bias_report,
    history_of,
    leaderboard_report,
)
from plaudit.core.quality.comparisons.rating_history import RatingHistory
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.replicates import task_hashes
from plaudit.core.quality.report_members import people_members
from plaudit.core.quality.reporting.annotators import FittedQuestion, annotators
from plaudit.core.quality.reporting.compared import ComparedVotes, compared_votes, without_places
from plaudit.core.quality.reporting.flag_inputs import flags_of
from plaudit.core.quality.reporting.options import BY_BATCH, BY_MODEL, BY_WEEK, ReportOptions
from plaudit.core.quality.reporting.project_reading import (
    Keeper,
    Progress,
    ReadProject,
    read_project,
)
from plaudit.core.quality.reporting.question_votes import ReportInput, question_votes
from plaudit.core.quality.reporting.reviewed_work import ReviewedWork, read_reviewed_work
from plaudit.core.quality.reporting.task_facts import NO_SLICE, GatheredFacts
from plaudit.core.quality.reporting.turn_pairs import LEAKS_MAX
from plaudit.core.quality.vote_columns import CountedOut
from plaudit.errors import InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database
from plaudit.store.labeling import disagreement_reasons
from plaudit.wire.manage.quality import QuestionQuality
from plaudit.wire.manage.quality_annotators import AnnotatorQuality
from plaudit.wire.manage.quality_people import LeaderboardReport, LeaderboardSlice
from plaudit.wire.manage.quality_report import CountedOutVotes, QualityReport

MODELS_MAX = 500
"""Models on a leaderboard, those with the most votes."""


@dataclass(frozen=True, slots=True)
class FoundQuality:
    """Report on a project, its questions with the annotator models behind it, and more to keep.

    `history` is None unless it was asked for.
    """

    report: QualityReport
    fitted: Sequence[FittedQuestion]
    history: RatingHistory | None


@dataclass(frozen=True, slots=True)
class WholeQuality:
    """All that is kept of a project: its report, the work of each person, and ratings in time."""

    report: QualityReport
    people: list[AnnotatorQuality]
    history: RatingHistory


async def quality_report(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress = lambda count: None,
    keeper: Keeper | None = None,
) -> QualityReport:
    """Read a project's votes and tasks, and report on them; `on_progress` hears of tasks read.

    Raises InvalidContent for options that do not fit the project, with their name as pointer.
    """
    read = await _read(db, project, options, on_progress, keeper)
    report = found_of(project, options, read).report
    await _tell_reasons(db, project, report.questions)
    return report


async def _tell_reasons(
    db: Database, project: ProjectRow, questions: Sequence[QuestionQuality]
) -> None:
    """Tell of each question why people differed, as far as reviewers have said."""
    async with db.read() as tx:
        counted = await disagreement_reasons.count_by_question(tx, project.project_key)
    for question in questions:
        reasons = {why: count for key, why, count in counted if key == question.key}
        question.disagreements.why = reasons or UNSET


async def whole_report(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress = lambda count: None,
    keeper: Keeper | None = None,
) -> WholeQuality:
    """Read a project, and report on it and on the work of each person; raises as quality_report."""
    read = await _read(db, project, options, on_progress, keeper)
    work = await read_reviewed_work(db, project.project_key)
    found = found_of(project, options, read, has_history=True)
    await _tell_reasons(db, project, found.report.questions)
    history = found.history or RatingHistory([], [], [])
    return WholeQuality(found.report, annotators_of(found, read, work), history)


async def _read(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress,
    keeper: Keeper | None,
) -> ReadProject:
    options.check()
    read = await read_project(db, project, options, on_progress, keeper)
    is_own = options.by in (None, BY_MODEL, BY_BATCH, BY_WEEK)
    if not is_own and read.questions and not read.facts.slice_names:
        raise InvalidContent(f"no task has {options.by!r} in its metadata", pointer="by")
    return read


def found_of(
    project: ProjectRow, options: ReportOptions, read: ReadProject, *, has_history: bool = False
) -> FoundQuality:
    """The report, from all that was read; it takes a while, and touches no store."""
    people, questions, facts = read.people, read.questions, read.facts
    given = ReportInput(
        options=options,
        contributor_ids=people.ids,
        slice_names=facts.slice_names,
        task_ids=facts.task_ids,
        winner=facts.pairs.winner,
    )
    fitted = _fitted_questions(questions, facts, given)
    reports = [one.report for one in fitted]
    compared = compared_votes(questions, facts)
    leaks = [one.leak for one in facts.pairs.leaks[:LEAKS_MAX]]
    bias = bias_report(without_places(compared.comparisons), leaks)
    bias.place = bias_report(compared.placed).place
    times = people.task_times(facts.lengths)
    board, history = _leaderboard(
        compared, facts.pairs.models, options, facts.slice_names, has_history=has_history
    )
    report = QualityReport(
        project=project.name,
        tasks=len(facts.seqs),
        votes=sum(report.votes for report in reports),
        questions=reports,
        bias=bias,
        leaderboard=board,
        people=people_members(people.ids, people.tasks, flags_of(questions, compared, times)),
        counted_out=_counted_out(read.counted_out) or UNSET,
    )
    return FoundQuality(report, fitted, history)


def annotators_of(
    found: FoundQuality, read: ReadProject, work: ReviewedWork
) -> list[AnnotatorQuality]:
    """The work of each person of a report, in its order; it takes a while, and touches no store."""
    return annotators(
        found.report.people,
        read.questions,
        found.fitted,
        read.people.ballots(read.facts.words),
        work,
        read.facts.task_ids,
    )


def _fitted_questions(
    questions: Sequence[QuestionColumns], facts: GatheredFacts, given: ReportInput
) -> list[FittedQuestion]:
    listed = [
        found
        for question, about in zip(questions, facts.questions, strict=True)
        if (found := question_votes(question, about, given)) is not None
    ]
    plans = [QuestionPlan(found) for found in listed]
    reports = plan_reports(plans, task_hashes(facts.task_ids))
    for report, found in zip(reports, listed, strict=True):
        if found.rankings is not None:
            report.repeats.same_side = None
    return [
        FittedQuestion(report, found.votes, plan.model)
        for report, found, plan in zip(reports, listed, plans, strict=True)
    ]


def _counted_out(counts: dict[CountedOut, int]) -> list[CountedOutVotes]:
    return [
        CountedOutVotes(key=one.key, about=one.level.value, why=one.why, n=count)
        for one, count in sorted(counts.items())
    ]


def _leaderboard(
    compared: ComparedVotes,
    models: Sequence[str],
    options: ReportOptions,
    slice_names: Sequence[tuple[str, ...]],
    *,
    has_history: bool,
) -> tuple[LeaderboardReport, RatingHistory | None]:
    """The leaderboard of the models with the most votes, or none without a vote; its history."""
    comparisons, left_out = compared.comparisons, compared.has_leak & options.without_leaks
    counted = comparisons.units
    if options.votes == "majority":
        counted = np.flatnonzero(~np.isnan(comparisons.winner)).astype(np.int32)
    sides = comparisons.sides
    shown = np.bincount(sides[counted[~left_out[counted]]].ravel(), minlength=len(models))
    frequent = np.argsort(-shown, kind="stable")[:MODELS_MAX]
    frequent = np.sort(frequent[shown[frequent] > 0])
    if not len(frequent):
        return LeaderboardReport(votes=0, models=[]), None
    number = np.full(len(models), -1, np.int32)
    number[frequent] = np.arange(len(frequent))
    is_rare = (number[sides] < 0).any(axis=1)
    comparisons = replace(comparisons, sides=np.maximum(number[sides], 0))
    names = [models[at] for at in frequent.tolist()]

    def board(is_left_out: NDArray[np.bool_]) -> LeaderboardReport:
        return leaderboard_report(
            comparisons,
            names,
            votes=options.votes,
            ties=options.ties,
            styles=options.styles,
            left_out=left_out | is_rare | is_left_out,
        )

    found = board(np.zeros(len(sides), np.bool_))
    of_name = {name: at for at, listed in enumerate(slice_names) for name in listed}
    if options.by is not None and (compared.slices != NO_SLICE).any():
        boards = {name: board(compared.slices != of_name[name]) for name in sorted(of_name)}
        found.slices = {
            name: LeaderboardSlice(votes=one.votes, models=one.models)
            for name, one in boards.items()
            if one.votes
        }
    if not has_history:
        return found, None
    return found, history_of(
        comparisons, names, votes=options.votes, ties=options.ties, left_out=left_out | is_rare
    )
