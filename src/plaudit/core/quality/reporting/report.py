"""Report on the quality of a project's data: read once, then put to all statistics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from plaudit.core.quality.agreement.question_report import QuestionPlan, plan_reports
from plaudit.core.quality.comparisons.comparison_report import (
    bias_report,
    leaderboard_report,
)
from plaudit.core.quality.people.project_flags import TaskTimes
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.replicates import task_hashes
from plaudit.core.quality.report_members import people_members
from plaudit.core.quality.reporting.annotators import BallotColumns, FittedQuestion, annotators
from plaudit.core.quality.reporting.category_scales import check_order
from plaudit.core.quality.reporting.compared import ComparedVotes, compared_votes, without_places
from plaudit.core.quality.reporting.flag_inputs import flags_of
from plaudit.core.quality.reporting.options import BY_BATCH, BY_MODEL, BY_WEEK, ReportOptions
from plaudit.core.quality.reporting.question_votes import ReportInput, question_votes
from plaudit.core.quality.reporting.reviewed_work import ReviewedWork, read_reviewed_work
from plaudit.core.quality.reporting.task_facts import NO_SLICE, FactsOfTasks, WalkedTask
from plaudit.core.quality.reporting.task_structs import threads_of
from plaudit.core.quality.vote_columns import CountedOut, ProjectVotes
from plaudit.core.quality.vote_reading import read_votes
from plaudit.core.tasks.forms import Form, form_of
from plaudit.errors import InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database
from plaudit.store.quality import task_pages
from plaudit.store.tasks import batches
from plaudit.wire.manage.quality_annotators import AnnotatorQuality
from plaudit.wire.manage.quality_people import LeaderboardReport, LeaderboardSlice
from plaudit.wire.manage.quality_report import CountedOutVotes, QualityReport
from plaudit.wire.v2.render import read_head
from plaudit.wire.v2.resources import project_detail

TASKS_AT_ONCE = 100
"""Tasks in one read."""

MODELS_MAX = 500
"""Models on a leaderboard, those with the most votes."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ReadProject:
    """All that was read of a project for its report."""

    people: People
    questions: Sequence[QuestionColumns]
    facts: FactsOfTasks
    counted_out: dict[CountedOut, int]


@dataclass(frozen=True, slots=True)
class FoundQuality:
    """Report on a project, and its questions with the annotator models behind it."""

    report: QualityReport
    fitted: Sequence[FittedQuestion]


async def quality_report(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress = lambda count: None,
) -> QualityReport:
    """Read a project's votes and tasks, and report on them; `on_progress` hears of tasks read.

    Raises InvalidContent for options that do not fit the project, with their name as pointer.
    """
    return found_of(project, options, await read_project(db, project, options, on_progress)).report


async def report_with_annotators(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress = lambda count: None,
) -> tuple[QualityReport, list[AnnotatorQuality]]:
    """Read a project, and report on it and on the work of each person; raises as quality_report."""
    read = await read_project(db, project, options, on_progress)
    work = await read_reviewed_work(db, project.project_key)
    found = found_of(project, options, read)
    return found.report, annotators_of(found, read, work)


async def read_project(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress = lambda count: None,
) -> ReadProject:
    """Read a project's votes and tasks; raises as quality_report."""
    options.check()
    form = form_of(project_detail(project))
    check_question(form, options)
    votes = await read_votes(db, project)
    people = People(votes)
    kept = [
        people.renumbered(one)
        for one in votes.questions()
        if options.question in (None, one.field.key)
    ]
    counted_out = votes.counted_out
    del votes  # half of the memory
    check_order(kept, options)
    facts = await read_tasks(db, project, form, people, kept, options.by, on_progress)
    if options.by not in (None, BY_MODEL, BY_BATCH, BY_WEEK) and kept and not facts.slice_names:
        raise InvalidContent(f"no task has {options.by!r} in its metadata", pointer="by")
    return ReadProject(people, kept, facts, counted_out)


def found_of(project: ProjectRow, options: ReportOptions, read: ReadProject) -> FoundQuality:
    """The report, from all that was read; it takes a while, and touches no store."""
    people, questions, facts = read.people, read.questions, read.facts
    given = ReportInput(
        options=options,
        contributor_ids=people.ids,
        slice_names=list(facts.slice_names),
        task_ids=facts.task_ids,
        winner=facts.pairs.winner,
    )
    fitted = _fitted_questions(questions, facts, given)
    reports = [one.report for one in fitted]
    compared = compared_votes(questions, facts)
    bias = bias_report(without_places(compared.comparisons), facts.pairs.leaks)
    bias.place = bias_report(compared.placed).place
    times = people.task_times(np.array(facts.lengths, np.int64))
    report = QualityReport(
        project=project.name,
        tasks=facts.task_count,
        votes=sum(report.votes for report in reports),
        questions=reports,
        bias=bias,
        leaderboard=_leaderboard(
            compared, list(facts.pairs.models), options, list(facts.slice_names)
        ),
        people=people_members(people.ids, people.tasks, flags_of(questions, compared, times)),
        counted_out=_counted_out(read.counted_out) or UNSET,
    )
    return FoundQuality(report, fitted)


def annotators_of(
    found: FoundQuality, read: ReadProject, work: ReviewedWork
) -> list[AnnotatorQuality]:
    """The work of each person of a report, in its order; it takes a while, and touches no store."""
    return annotators(
        found.report.people,
        read.questions,
        found.fitted,
        read.people.ballots(np.array(read.facts.words, np.int64)),
        work,
        read.facts.task_ids,
    )


def _fitted_questions(
    questions: Sequence[QuestionColumns], facts: FactsOfTasks, given: ReportInput
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


async def read_tasks(
    db: Database,
    project: ProjectRow,
    form: Form,
    people: People,
    questions: Sequence[QuestionColumns],
    by: str | None,
    on_progress: Progress,
) -> FactsOfTasks:
    """Read all tasks of a project for what votes do not say."""
    models = project_detail(project).models or []
    facts = FactsOfTasks(form, questions, people.seqs, models, by)
    names: dict[str, str] = {}
    after_seq = -1
    while True:
        async with db.read(snapshot=False) as tx:
            page = await task_pages.list_judged_tasks(
                tx, project.project_key, after_seq=after_seq, limit=TASKS_AT_ONCE
            )
            unnamed = {one.batch_id for one in page if one.batch_id is not None} - names.keys()
            if unnamed:
                names |= await batches.find_batch_names(tx, project.environment_id, sorted(unnamed))
        for task in page:
            facts.add(
                WalkedTask(
                    seq=task.seq,
                    task_id=task.task_id,
                    batch=None if task.batch_id is None else names.get(task.batch_id),
                    completed_ms=task.completed_ms,
                    metadata=(read_head(task.head).metadata or {}) if by is not None else {},
                    threads=threads_of(task),
                    is_final=task.body is not None,
                )
            )
        if len(page) < TASKS_AT_ONCE:
            return facts
        after_seq = page[-1].seq
        on_progress(facts.task_count)
        await asyncio.sleep(0)  # others' turn


def check_question(form: Form, options: ReportOptions) -> None:
    """Refuse a question that the form does not ask; raises InvalidContent."""
    keys = [field.key for field in form.fields]
    if options.question is not None and options.question not in keys:
        raise InvalidContent(
            f"the project asks no question {options.question!r}; it asks "
            + ", ".join(dict.fromkeys(keys)),
            pointer="question",
        )


class People:
    """People in the order of their ids, whatever order their votes came in, and their ballots.

    `tasks` is the number of tasks that each has answered, `seqs` are the tasks with votes.
    """

    def __init__(self, votes: ProjectVotes) -> None:
        ids = votes.contributor_ids
        order = sorted(range(len(ids)), key=ids.__getitem__)
        self.ids = [ids[at] for at in order]
        self.number_of = np.empty(len(order), np.int32)
        self.number_of[order] = np.arange(len(order), dtype=np.int32)
        self.seqs = votes.task_seqs()
        seqs, people, active_ms = votes.ballots.arrays()
        people = self.number_of[people]
        self.tasks = np.bincount(people, minlength=len(ids)).tolist()
        self._ballots = seqs, people, active_ms
        known = (active_ms >= 0) & np.isin(seqs, self.seqs)
        self._timed = seqs[known], people[known], active_ms[known]

    def task_times(self, lengths: NDArray[np.int64]) -> TaskTimes | None:
        """Active times that are known, with the lengths of the tasks of `seqs`."""
        seqs, people, active_ms = self._timed
        if not len(seqs):
            return None
        tasks = np.searchsorted(self.seqs, seqs)
        return TaskTimes(people=people, active_ms=active_ms, lengths=lengths[tasks])

    def ballots(self, words: NDArray[np.int64]) -> BallotColumns:
        """Tasks that people did, with the words of the responses of the tasks of `seqs`."""
        seqs, people, active_ms = self._ballots
        of_task = np.zeros(len(seqs), np.int64)
        known = np.isin(seqs, self.seqs)
        of_task[known] = words[np.searchsorted(self.seqs, seqs[known])]
        return BallotColumns(seqs, people, active_ms, of_task)

    def renumbered(self, question: QuestionColumns) -> QuestionColumns:
        """The votes of a question by these numbers."""
        repeats = question.repeats.copy()
        repeats[:, 1] = self.number_of[repeats[:, 1]]
        return replace(
            question,
            people=self.number_of[question.people],
            text_people=self.number_of[question.text_people],
            repeats=repeats,
        )


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
) -> LeaderboardReport:
    """The leaderboard of the models with the most votes, or none without a vote."""
    comparisons, left_out = compared.comparisons, compared.has_leak & options.without_leaks
    counted = comparisons.units
    if options.votes == "majority":
        counted = np.flatnonzero(~np.isnan(comparisons.winner)).astype(np.int32)
    sides = comparisons.sides
    shown = np.bincount(sides[counted[~left_out[counted]]].ravel(), minlength=len(models))
    frequent = np.argsort(-shown, kind="stable")[:MODELS_MAX]
    frequent = np.sort(frequent[shown[frequent] > 0])
    if not len(frequent):
        return LeaderboardReport(votes=0, models=[])
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
    return found
