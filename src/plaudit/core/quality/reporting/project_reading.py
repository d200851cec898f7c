"""Reading of a project for its report: votes, then tasks; or only what has changed of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.people.person_scores import BallotColumns
from plaudit.core.quality.people.project_flags import TaskTimes
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.category_scales import check_order
from plaudit.core.quality.reporting.kept_facts import (
    FactsKey,
    KeptFacts,
    facts_of_state,
    kept_question,
    merged_facts,
    newly_heard,
    state_of,
)
from plaudit.core.quality.reporting.options import BY_BATCH, ReportOptions
from plaudit.core.quality.reporting.task_facts import GatheredFacts, TaskWalk, WalkedTask, names_of
from plaudit.core.quality.reporting.task_structs import threads_of
from plaudit.core.quality.vote_columns import CountedOut, ProjectVotes
from plaudit.core.quality.vote_reading import read_votes, refresh_votes
from plaudit.core.tasks.form_version import form_version
from plaudit.core.tasks.forms import Form, form_of
from plaudit.errors import InvalidContent
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.store.engine.engine import Database
from plaudit.store.quality import task_pages
from plaudit.store.quality.snapshots import SnapshotRow
from plaudit.store.tasks import batches
from plaudit.wire.v2.render import read_head
from plaudit.wire.v2.resources import project_detail

TASKS_AT_ONCE = 100
"""Tasks in one read."""

SEQS_AT_ONCE = 10_000
STATE_BYTES_MAX = 256_000_000
"""Bytes of facts that are kept; with more of them all tasks are walked each time."""

Progress = Callable[[int], None]


class Keeper(Protocol):
    """Votes and facts that the last report left, as bytes, and those that this one leaves.

    `last` says as of when they are.
    """

    last: SnapshotRow | None

    async def votes(self) -> bytes | None: ...

    async def facts(self) -> bytes | None: ...

    async def keep_votes(self, state: bytes) -> None: ...

    async def keep_facts(self, state: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class ReadProject:
    """A project as its report takes it: votes on each question, people, and facts of tasks."""

    people: People
    questions: list[QuestionColumns]
    facts: GatheredFacts
    counted_out: dict[CountedOut, int]


async def read_project(
    db: Database,
    project: ProjectRow,
    options: ReportOptions,
    on_progress: Progress,
    keeper: Keeper | None = None,
) -> ReadProject:
    """Read a project's votes and tasks, or with a keeper what has changed since the last report.

    Raises InvalidContent for options that do not fit the project, with their name as pointer.
    """
    form = form_of(project_detail(project))
    check_question(form, options)
    changed: Sequence[int] | None = None
    if keeper is None:
        votes = await read_votes(db, project)
    else:
        votes, state, changed = await refresh_votes(db, project, await keeper.votes())
        await keeper.keep_votes(state)
        del state
    people = People(votes)
    kept = [
        people.renumbered(one)
        for one in votes.questions()
        if options.question in (None, one.field.key)
    ]
    counted_out = votes.counted_out
    del votes  # half of the memory
    check_order(kept, options)
    reading = _TaskReading(db, project, form, people.seqs, kept, options, on_progress)
    facts = None
    if keeper is not None and changed is not None:
        facts = await reading.refreshed(keeper, changed)
    if facts is None:
        facts = await reading.walked(reading.all_tasks())
    if keeper is not None:
        await reading.keep(keeper, facts)
    return ReadProject(people, kept, facts, counted_out)


def check_question(form: Form, options: ReportOptions) -> None:
    """Refuse a question that the form does not ask; raises InvalidContent."""
    keys = [field.key for field in form.fields]
    if options.question is not None and options.question not in keys:
        raise InvalidContent(
            f"the project asks no question {options.question!r}; it asks "
            + ", ".join(dict.fromkeys(keys)),
            pointer="question",
        )


class _TaskReading:
    """Facts of a project's tasks: by a walk over all of them, or over those that changed."""

    def __init__(
        self,
        db: Database,
        project: ProjectRow,
        form: Form,
        voted: NDArray[np.int64],
        questions: Sequence[QuestionColumns],
        options: ReportOptions,
        on_progress: Progress,
    ) -> None:
        self._db = db
        self._project = project
        self._form = form
        self._voted = voted
        self._questions = questions
        self._options = options
        self._on_progress = on_progress
        self._names = names_of(project_detail(project).models or [], questions)
        self._batches: dict[str, str] = {}

    async def all_tasks(self, after_seq: int = -1) -> AsyncIterator[list[StoredTask]]:
        """Pages of the project's tasks after one."""
        while True:
            async with self._db.read(snapshot=False) as tx:
                page = await task_pages.list_judged_tasks(
                    tx, self._project.project_key, after_seq=after_seq, limit=TASKS_AT_ONCE
                )
            yield page
            if len(page) < TASKS_AT_ONCE:
                return
            after_seq = page[-1].seq

    async def walked(self, pages: AsyncIterator[list[StoredTask]]) -> GatheredFacts:
        """Facts of some tasks."""
        by = self._options.by
        walk = TaskWalk(self._form, self._questions, self._voted, self._names, by)
        async for page in pages:
            await self._name_batches({one.batch_id for one in page if one.batch_id is not None})
            for task in page:
                batch = None if task.batch_id is None else self._batches.get(task.batch_id)
                walk.add(
                    WalkedTask(
                        seq=task.seq,
                        task_id=task.task_id,
                        batch=batch,
                        completed_ms=task.completed_ms,
                        metadata=(read_head(task.head).metadata or {}) if by is not None else {},
                        threads=threads_of(task),
                        is_final=task.body is not None,
                    )
                )
            self._on_progress(walk.task_count)
            await asyncio.sleep(0)  # others' turn
        return walk.facts()

    async def refreshed(self, keeper: Keeper, changed: Sequence[int]) -> GatheredFacts | None:
        """Facts of the last report, and of the tasks that have changed since anew.

        `changed` are those whose votes have. None where all tasks are to be walked.
        """
        state = await keeper.facts()
        kept = None if state is None else facts_of_state(state)
        del state
        last = keeper.last
        if last is None or kept is None or kept.key != await self._key():
            return None
        if [(one.about, one.key) for one in kept.questions] != self._listed():
            return None
        if self._options.by == BY_BATCH:
            await self._name_batches(kept.batches)
            if kept.batches != {one: self._batches.get(one) for one in kept.batches}:
                return None
        seqs = {*changed, *newly_heard(kept, self._questions)}
        seqs.update(await self._changed_tasks(last))
        walked = await self.walked(self._some_tasks(sorted(seqs), last.next_seq))
        return merged_facts(
            kept,
            walked,
            self._questions,
            self._voted,
            np.union1d(np.array(sorted(seqs), np.int64), walked.seqs),
        )

    async def keep(self, keeper: Keeper, facts: GatheredFacts) -> None:
        """Keep facts for the next report, unless they are too large."""
        columns = [kept_question(one, self._voted) for one in self._questions]
        by_batch = self._options.by == BY_BATCH
        kept = KeptFacts(facts, await self._key(), columns, self._batches if by_batch else {})
        state = state_of(kept)
        if len(state) <= STATE_BYTES_MAX:
            await keeper.keep_facts(state)

    async def _key(self) -> FactsKey:
        async with self._db.read(snapshot=False) as tx:
            epoch = tx.epoch
        return FactsKey(
            form_version=form_version(self._form),
            epoch=epoch,
            by=self._options.by,
            question=self._options.question,
            names=self._names,
        )

    def _listed(self) -> list[tuple[str, str]]:
        return [(one.field.level.value, one.field.key) for one in self._questions]

    async def _changed_tasks(self, last: SnapshotRow) -> list[int]:
        """Tasks of before a report that were completed or changed otherwise after it."""
        found: list[int] = []
        project_key = self._project.project_key
        after_ms, after_seq = last.clock_ms, task_pages.LAST_SEQ
        while True:
            async with self._db.read(snapshot=False) as tx:
                page = await task_pages.list_completed_seqs(
                    tx, project_key, after_ms=after_ms, after_seq=after_seq, limit=SEQS_AT_ONCE
                )
            found += [seq for _, seq in page]
            if len(page) < SEQS_AT_ONCE:
                break
            after_ms, after_seq = page[-1]
        after_seq = -1
        while True:
            async with self._db.read(snapshot=False) as tx:
                seqs = await task_pages.list_changed_seqs(
                    tx,
                    project_key,
                    after=last.change_no,
                    after_seq=after_seq,
                    limit=SEQS_AT_ONCE,
                )
            found += seqs
            if len(seqs) < SEQS_AT_ONCE:
                return found
            after_seq = seqs[-1]

    async def _some_tasks(
        self, seqs: Sequence[int], next_seq: int
    ) -> AsyncIterator[list[StoredTask]]:
        """Pages of some tasks, ascending, and of all from `next_seq` on."""
        older = [seq for seq in seqs if seq < next_seq]
        for start in range(0, len(older), TASKS_AT_ONCE):
            async with self._db.read(snapshot=False) as tx:
                yield await task_pages.list_judged_of(
                    tx, self._project.project_key, older[start : start + TASKS_AT_ONCE]
                )
        async for page in self.all_tasks(next_seq - 1):
            yield page

    async def _name_batches(self, batch_ids: Sequence[str] | set[str] | dict[str, str]) -> None:
        unnamed = sorted(set(batch_ids) - self._batches.keys())
        for start in range(0, len(unnamed), TASKS_AT_ONCE):
            async with self._db.read(snapshot=False) as tx:
                self._batches |= await batches.find_batch_names(
                    tx, self._project.environment_id, unnamed[start : start + TASKS_AT_ONCE]
                )


class People:
    """People in the order of their ids, whatever order their votes came in, and their ballots.

    `tasks` is the number of tasks that each has answered, `seqs` are the tasks with votes.
    """

    def __init__(self, votes: ProjectVotes) -> None:
        ids = votes.contributor_ids
        seqs, people, active_ms = votes.ballots.arrays()
        counts = np.bincount(people, minlength=len(ids)).tolist()
        order = sorted((at for at in range(len(ids)) if counts[at]), key=ids.__getitem__)
        self.ids = [ids[at] for at in order]
        self.number_of = np.zeros(len(ids), np.int32)
        self.number_of[order] = np.arange(len(order), dtype=np.int32)
        self.seqs = votes.task_seqs()
        self.tasks = [counts[at] for at in order]
        people = self.number_of[people]
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
            person_count=len(self.ids),
        )
