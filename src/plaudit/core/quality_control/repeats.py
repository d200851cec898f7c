"""Repeats: a person's own earlier task again, as a copy, to see how far they agree with themselves.

One is due by chance (control_tasks.py), after REPEAT_AFTER other tasks and a day, and each task
is repeated once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.quality.agreement.coefficients import AgreementPlan
from plaudit.core.quality.agreement.distances import CategoryScale
from plaudit.core.quality.estimates import Estimate, Undefined
from plaudit.core.quality.patterns import merged
from plaudit.core.quality_control import control_tasks
from plaudit.model.core import ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import WorkState, control_key
from plaudit.model.quality_control import Collector, ControlResult
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.store.quality_control import control_results, control_turns
from plaudit.store.tasks import tasks, work_queue

REPEAT_AFTER = 50
"""Other tasks that a person submitted since."""
REPEAT_AFTER_MS = 24 * 3600 * 1000
CANDIDATES_MAX = 200
RESULTS_MAX = 10_000
"""The last results that are looked at."""

_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class SelfAgreement(Struct, frozen=True):
    """Agreement of people with themselves on one question: how often equal, and nominal α."""

    question_key: str
    equal: int
    n: int
    alpha: Estimate | Undefined


async def list_candidates(
    tx: Transaction, project: ProjectRow, user_id: str, now: int
) -> list[int]:
    """Seqs of up to CANDIDATES_MAX own tasks that a person may be given again."""
    found = await control_turns.list_repeatable(
        tx,
        project.project_key,
        user_id,
        skipped=REPEAT_AFTER,
        before_ms=now - REPEAT_AFTER_MS,
        limit=CANDIDATES_MAX,
    )
    repeated = await control_turns.list_repeated(
        tx, control_key(project.project_key), user_id, found
    )
    return [seq for seq in found if seq not in repeated]


async def create_repeat(
    tx: Transaction, project: ProjectRow, user_id: str, now: int
) -> StoredTask | None:
    """Make a copy of one of a person's earlier tasks; None if none may be repeated."""
    candidates = await list_candidates(tx, project, user_id, now)
    while candidates:
        seq = candidates.pop(secrets.randbelow(len(candidates)))
        task = await tasks.get_task(tx, project.project_key, seq)
        queued = await work_queue.find_work(tx, project.project_key, seq)
        is_reported = queued is not None and queued.state is WorkState.quarantined
        is_there = task.status is TaskStatus.pending or task.body is not None
        if task.content is None or is_reported or not is_there:
            continue
        [copy] = await control_tasks.create(tx, project, [task.content])
        await control_turns.insert_repeat(tx, copy.project_key, copy.seq, user_id, seq)
        return copy
    return None


async def first_answers(
    tx: Transaction, project_key: int, source_seq: int, user_id: str
) -> list[Answer]:
    """A person's answers to the ordinary task that a repeat is a copy of; none if taken back."""
    for submission in await submissions.list_current(tx, project_key, source_seq):
        if submission.user_id == user_id:
            return _decode_answers(submission.answers)
    return []


async def self_agreement(tx: Transaction, project: ProjectRow) -> list[SelfAgreement]:
    """Agreement of people with themselves on each question, by its key."""
    results = await control_results.list_latest(
        tx, control_key(project.project_key), Collector.repeats, limit=RESULTS_MAX
    )
    by_key: dict[str, list[ControlResult]] = {}
    for result in results:
        by_key.setdefault(result.question_key, []).append(result)
    return [_agreement(key, by_key[key]) for key in sorted(by_key)]


def _agreement(key: str, results: Sequence[ControlResult]) -> SelfAgreement:
    pairs = [(result.expected, result.given) for result in results]
    codes: Mapping[bytes, int] = {
        value: code for code, value in enumerate(sorted({one for pair in pairs for one in pair}))
    }
    counts = np.zeros((len(pairs), max(len(codes), 2)), dtype=np.int64)
    for unit, pair in enumerate(pairs):
        for value in pair:
            counts[unit, codes[value]] += 1
    units = np.arange(len(pairs), dtype=np.int32)
    patterns = merged(counts, units, np.ones(len(pairs), dtype=np.int64))
    names = [value.decode() for value in codes]
    plan = AgreementPlan(patterns, CategoryScale(counts.shape[1]), [*names, "", ""])
    alpha = plan.nominal(patterns.occurrences[None, :].astype(np.float64))
    return SelfAgreement(key, sum(one.is_right for one in results), len(results), alpha)
