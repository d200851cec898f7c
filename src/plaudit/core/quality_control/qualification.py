"""Qualification: training tasks with their answers, then a test; who has not passed gets no task.

Training tasks and those of a test are gold, leased as control tasks are, one at a time and each at
most once a person. A test that is failed is taken again after a while, with other tasks, until the
attempts are used up; then a manager may let the person begin anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import audit
from plaudit.core.labeling import leases
from plaudit.core.quality_control.control_tasks import control_side
from plaudit.core.tasks.form_version import form_with_version
from plaudit.errors import LeaseLost, NotFound, Unqualified
from plaudit.model.core import SERVER, ProjectRow
from plaudit.model.labeling import Lease, control_key
from plaudit.model.quality_control import (
    QualificationRow,
    QualificationSettings,
    QualificationState,
)
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.quality_control import control_turns, gold, qualifications
from plaudit.store.tasks import tasks, work_queue
from plaudit.wire.v2.resources import project_detail

CANDIDATES_MAX = 200
"""Gold tasks among which the next one of a test is drawn."""

LEASES_MAX = 100
_HOUR_MS = 3_600_000
_EPSILON = 1e-9
"""A share that is the pass mark but for rounding passes."""


class QualificationStep(StrEnum):
    """Next step of a person in a project."""

    work = "work"
    """They have passed, or the project has no test."""
    training = "training"
    test = "test"
    wait = "wait"
    """They have failed and may try again later."""
    stop = "stop"
    """They have failed as often as they may."""


class QualificationView(Struct, frozen=True):
    """Standing of a person: the next step, and the row by which that is known.

    `row` is of the settings' round, None before the person has begun. `next_ms` is when they may
    try again, None unless they wait.
    """

    settings: QualificationSettings
    step: QualificationStep
    row: QualificationRow | None
    next_ms: int | None = None


async def find_view(tx: Transaction, project: ProjectRow, user_id: str) -> QualificationView:
    """The standing of a person. Needs no write transaction."""
    settings = project_detail(project).qualification
    if settings is None:
        return QualificationView(QualificationSettings(), QualificationStep.work, None)
    row = await qualifications.find_row(tx, project.project_key, user_id)
    return _view(project, settings, row, await tx.now_ms())


def round_of(project: ProjectRow, settings: QualificationSettings) -> str:
    """Name of the round: another one has everybody begin anew."""
    version = f" {form_with_version(project.detail)[1]}" if settings.asks_again else ""
    return f"{settings.round}{version}"


def _view(
    project: ProjectRow, settings: QualificationSettings, row: QualificationRow | None, now: int
) -> QualificationView:
    if row is None or row.round != round_of(project, settings):
        step = QualificationStep.training if settings.training else QualificationStep.test
        return QualificationView(settings, step, None)
    match row.state:
        case QualificationState.passed:
            return QualificationView(settings, QualificationStep.work, row)
        case QualificationState.training if row.trained < settings.training:
            return QualificationView(settings, QualificationStep.training, row)
        case QualificationState.failed:
            if row.attempt >= settings.attempts:
                return QualificationView(settings, QualificationStep.stop, row)
            next_ms = row.changed_ms + settings.wait_hours * _HOUR_MS
            if now < next_ms:
                return QualificationView(settings, QualificationStep.wait, row, next_ms)
    return QualificationView(settings, QualificationStep.test, row)


async def require_qualified(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Raise Unqualified for a person who has not passed the project's test."""
    if (await find_view(tx, project, user_id)).step is not QualificationStep.work:
        raise Unqualified


async def lease_step(
    tx: Transaction, project: ProjectRow, user_id: str, view: QualificationView
) -> Lease:
    """Lease the next task of a person's training or test; their open one if there is one.

    The caller has locked the person's leases. Raises Unqualified where they have to wait, or there
    are too few gold tasks.
    """
    if view.step in (QualificationStep.wait, QualificationStep.stop):
        raise Unqualified(_refusal(view))
    await _begin(tx, project, user_id, view)
    side, now = control_side(project), await tx.now_ms()
    held = await _held_lease(tx, side, user_id)
    if held is not None:
        return held
    if view.step is QualificationStep.training:
        lease = await _lease_gold(tx, project, user_id, now, is_training=True)
        if lease is not None:
            return lease
    lease = await _lease_gold(tx, project, user_id, now, is_training=False)
    if lease is None:
        raise Unqualified("there are no more tasks for the test; tell a manager")
    return lease


async def _begin(
    tx: Transaction, project: ProjectRow, user_id: str, view: QualificationView
) -> None:
    """Write down that a person is at their next step, if that is new."""
    state, row = QualificationState(view.step.value), view.row
    if row is not None and row.state is state:
        return
    attempt = 0 if row is None else row.attempt
    is_test = state is QualificationState.test
    await qualifications.put_row(
        tx,
        QualificationRow(
            project_key=project.project_key,
            user_id=user_id,
            round=round_of(project, view.settings),
            state=state,
            trained=0 if row is None else row.trained,
            attempt=attempt + is_test,
            right_cases=0,
            cases=0,
            changed_ms=await tx.now_ms(),
        ),
    )


async def _held_lease(tx: Transaction, side: ProjectRow, user_id: str) -> Lease | None:
    """A task of training or test that a person has, or gave back and is to go on with."""
    key = side.project_key
    unfinished = await leases_store.list_unfinished(tx, key, user_id, limit=LEASES_MAX)
    released = await leases_store.list_resumable(tx, key, user_id, limit=LEASES_MAX)
    now = await tx.now_ms()
    for lease in (*unfinished, *released):
        if lease.ended_ms is None and lease.expires_ms > now:
            return lease
        try:
            return await leases.resume(tx, side, user_id, lease.assignment_id)
        except LeaseLost:
            continue
    return None


async def _lease_gold(
    tx: Transaction, project: ProjectRow, user_id: str, now: int, *, is_training: bool
) -> Lease | None:
    """Lease a gold task that a person never had: in order for training, drawn for a test."""
    key = control_key(project.project_key)
    unseen = await gold.list_unseen(
        tx, key, user_id, from_seq=0, limit=CANDIDATES_MAX, is_training=is_training
    )
    sources = [source for _, source in unseen if source is not None]
    had = await control_turns.list_had(tx, project.project_key, user_id, sources)
    seqs = [seq for seq, source in unseen if source not in had]
    while seqs:
        seq = seqs.pop(0 if is_training else secrets.randbelow(len(seqs)))
        if await work_queue.acquire_slot(tx, key, seq):
            task = await tasks.get_task(tx, key, seq)
            return await leases.insert_new(tx, project, task, user_id, now)
    return None


async def record(
    tx: Transaction, project: ProjectRow, user_id: str, seq: int, *, is_right: bool
) -> bool:
    """Record a task of a person's training or test; False for gold among their work."""
    settings = project_detail(project).qualification
    found = await gold.find_gold_at(tx, control_key(project.project_key), seq)
    is_training = found is not None and found.is_training
    if settings is None or found is None:
        return is_training
    row = await qualifications.lock_row(tx, project.project_key, user_id)
    if row is None or row.round != round_of(project, settings):
        return is_training
    if row.state is QualificationState.training and is_training:
        changed = msgspec.structs.replace(row, trained=row.trained + 1)
        await qualifications.put_row(tx, changed)
        return True
    if row.state not in (QualificationState.training, QualificationState.test) or is_training:
        return is_training
    await _record_case(tx, project, settings, row, is_right=is_right)
    return True


async def _record_case(
    tx: Transaction,
    project: ProjectRow,
    settings: QualificationSettings,
    row: QualificationRow,
    *,
    is_right: bool,
) -> None:
    """Count a case of a test; the last one decides it."""
    right, cases = row.right_cases + is_right, row.cases + 1
    state = QualificationState.test
    if cases >= settings.test:
        is_passed = right / cases >= settings.pass_mark - _EPSILON
        state = QualificationState.passed if is_passed else QualificationState.failed
    changed = msgspec.structs.replace(
        row,
        state=state,
        attempt=max(row.attempt, 1),
        right_cases=right,
        cases=cases,
        changed_ms=await tx.now_ms(),
    )
    await qualifications.put_row(tx, changed)
    if state is not QualificationState.test:
        await audit.record(
            tx,
            project.environment_id,
            SERVER,
            "pass_test" if state is QualificationState.passed else "fail_test",
            "user",
            row.user_id,
            project_key=project.project_key,
            detail={"right": right, "cases": cases, "attempt": changed.attempt},
        )


async def list_people(
    tx: Transaction, project: ProjectRow, *, after: str = "", limit: int
) -> Sequence[QualificationRow]:
    """List up to `limit` people who have begun, in this round or an earlier one, by user id."""
    return await qualifications.list_rows(tx, project.project_key, after=after, limit=limit)


async def begin_anew(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Let a person begin anew, with all attempts; raises NotFound if they have not begun."""
    if not await qualifications.delete_row(tx, project.project_key, user_id):
        raise NotFound("this person has not begun")


def _refusal(view: QualificationView) -> str:
    if view.next_ms is None:
        return "you have taken the test as often as you may; a manager can let you begin anew"
    return f"you may take the test again from {clock.format_ms(view.next_ms)} on"
