"""Pauses: a person is given no task of a project until a manager lifts the pause.

A rule pauses (crossings.py), or a manager does. The person reads why, and may answer once; a
manager lifts the pause, after which rules count anew, or upholds it with an answer. Leases of a
person who was paused by a rule are given back in a transaction of their own (follow_up.py): the
submission that crossed the rule holds locks that come after theirs.
"""

from __future__ import annotations

import msgspec

from plaudit import clock, ids
from plaudit.core.common import audit
from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling import leases
from plaudit.core.quality.people.flag_tests import FAST_RATIO
from plaudit.core.quality_control.control_tasks import control_side
from plaudit.core.tasks.quality_rules import QualityRule
from plaudit.core.webhooks import events
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.core import SERVER, Actor, PersonStatus, ProjectRow
from plaudit.model.quality_control import CrossingRow, PauseRow
from plaudit.model.webhooks import EventType
from plaudit.store.accounts import organizations, users
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import counters, pauses
from plaudit.wire.manage.rules import PersonPause

TEXT_CHARS_MAX = 5000
"""Longest reason, appeal and answer, in characters."""

_decode_rule = msgspec.json.Decoder(QualityRule).decode


async def pause_by_rule(tx: Transaction, project: ProjectRow, crossing: CrossingRow) -> None:
    """Pause the person who crossed a rule, unless they are paused already."""
    pause = PauseRow(
        project_key=project.project_key,
        pause_id=ids.mint("pause"),
        user_id=crossing.user_id,
        rule=crossing.rule,
        right_cases=crossing.right_cases,
        cases=crossing.cases,
        reason=None,
        paused_ms=crossing.crossed_ms,
        paused_by=SERVER.id,
        is_released=False,
    )
    if await pauses.insert_pause(tx, pause):
        await _announce(tx, project, EventType.annotator_paused, pause)
        detail = {"user_id": pause.user_id, "crossing_id": crossing.crossing_id}
        await audit.record(
            tx,
            project.environment_id,
            SERVER,
            "pause_person",
            "pause",
            pause.pause_id,
            project_key=project.project_key,
            detail=detail,
        )


async def pause_by_hand(
    tx: Transaction, project: ProjectRow, user_id: str, *, reason: str, actor: Actor
) -> PauseRow:
    """Pause a person for a manager's reason, and give their leases back.

    Raises NotFound for somebody who is not in the organization, InvalidContent unless the reason
    has 1 to TEXT_CHARS_MAX characters, Conflict if they are paused already.
    """
    _check_text(reason, "/reason", "say why")
    await _require_person(tx, project, user_id)
    await leases.lock_annotator(tx, project, user_id)
    pause = PauseRow(
        project_key=project.project_key,
        pause_id=ids.mint("pause"),
        user_id=user_id,
        rule=None,
        right_cases=None,
        cases=None,
        reason=reason.strip(),
        paused_ms=await tx.now_ms(),
        paused_by=actor.id,
        is_released=True,
    )
    if not await pauses.insert_pause(tx, pause):
        raise Conflict("this person is paused already")
    await release_leases(tx, project, user_id)
    await _announce(tx, project, EventType.annotator_paused, pause)
    return pause


async def appeal(tx: Transaction, project: ProjectRow, user_id: str, *, text: str) -> str:
    """Answer one's own pause, once; return its id.

    Raises InvalidContent unless the text has 1 to TEXT_CHARS_MAX characters, Conflict if the person
    is not paused or has answered.
    """
    _check_text(text, "/text", "say what you want a manager to know")
    pause_id = await pauses.set_appeal(
        tx, project.project_key, user_id, text.strip(), await tx.now_ms()
    )
    if pause_id is None:
        raise Conflict("you are not paused any more, or have answered already")
    return pause_id


async def lift(
    tx: Transaction, project: ProjectRow, pause_id: str, *, answer: str | None, actor: Actor
) -> PauseRow:
    """End a pause; rules look at what the person does from now on alone.

    Raises NotFound, InvalidContent for an answer that is too long, Conflict if it was lifted.
    """
    if answer is not None:
        _check_text(answer, "/answer", "say something, or nothing at all")
    pause = await get_pause(tx, project, pause_id)
    now = await tx.now_ms()
    answer = None if answer is None else answer.strip()
    # Counters before the pause, as whoever crosses a rule has them locked when it pauses.
    await counters.begin_anew(tx, project.project_key, pause.user_id)
    if not await pauses.end_pause(tx, pause, answer=answer, answered_by=actor.id, now=now):
        raise Conflict("this pause was lifted already")
    ended = await get_pause(tx, project, pause_id)
    await _announce(tx, project, EventType.annotator_resumed, ended)
    return ended


async def uphold(
    tx: Transaction, project: ProjectRow, pause_id: str, *, answer: str, actor: Actor
) -> PauseRow:
    """Answer a person's appeal and leave them paused.

    Raises NotFound, InvalidContent unless the answer has 1 to TEXT_CHARS_MAX characters, Conflict
    if there is no appeal that waits for one.
    """
    _check_text(answer, "/answer", "say why the pause stays")
    pause = await get_pause(tx, project, pause_id)
    now = await tx.now_ms()
    if not await pauses.set_answer(tx, pause, answer.strip(), answered_by=actor.id, now=now):
        raise Conflict("no appeal waits for an answer here")
    return await get_pause(tx, project, pause_id)


async def release_leases(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Give back a person's leases of ordinary and control tasks; the caller has them locked."""
    # Control tasks first: by project_key, as all who lock tasks of both kinds do.
    for side in (control_side(project), project):
        await leases.release_all_of(tx, side, user_id)


async def get_pause(tx: Transaction, project: ProjectRow, pause_id: str) -> PauseRow:
    """A pause of this project; raises NotFound. Needs no write transaction."""
    pause = await pauses.find_pause(tx, project.project_key, pause_id)
    if pause is None:
        raise NotFound("there is no such pause")
    return pause


def shown(pause: PauseRow) -> PersonPause:
    """A pause as managers and webhooks see it."""
    return PersonPause(
        pause_id=pause.pause_id,
        user_id=pause.user_id,
        cause="manager" if pause.rule is None else "rule",
        why=why(pause),
        rule=None if pause.rule is None else msgspec.to_builtins(_decode_rule(pause.rule)),
        right=pause.right_cases,
        cases=pause.cases,
        paused_at=clock.format_ms(pause.paused_ms),
        appeal=pause.appeal,
        appealed_at=_moment(pause.appealed_ms),
        answer=pause.answer,
        answered_at=_moment(pause.answered_ms),
        ended_at=_moment(pause.ended_ms),
    )


def why(pause: PauseRow) -> str:
    """Reason of a pause in plain words with its figures, which name no task."""
    if pause.rule is None:
        return pause.reason or ""
    return rule_words(_decode_rule(pause.rule), pause.right_cases or 0, pause.cases or 0)


def rule_words(rule: QualityRule, right: int, cases: int) -> str:
    """Figures that crossed a rule, in plain words."""
    if rule.collector == "skips":
        return f"{cases} tasks in a row were skipped; {rule.threshold:g} are too many here."
    what = {
        "gold": f"Of {cases} tasks whose right answers are known, {right} were answered right",
        "agreement": f"In {right} of {cases} tasks the answers were mostly those of the majority",
        "fast": f"{cases - right} of {cases} tasks took less than {FAST_RATIO} of the usual time",
        "repeats": f"Of {cases} tasks that came a second time, {right} got the same answers again",
    }[rule.collector]
    got, asked = round(100 * right / cases) if cases else 0, round(100 * rule.threshold)
    if rule.collector == "fast":
        return f"{what}; {asked} % are to take their time here, and {got} % did."
    return f"{what} ({got} %); {asked} % are asked for here."


async def _announce(
    tx: Transaction, project: ProjectRow, event: EventType, pause: PauseRow
) -> None:
    pause_json = msgspec.json.encode(shown(pause))
    await events.announce_pause(tx, project, event, pause.user_id, pause_json)


async def _require_person(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    account = await organizations.find_organization(tx, project.environment_id)
    person = None if account is None else await users.find_person(tx, account[0], user_id)
    if person is None or person.status is PersonStatus.removed:
        raise NotFound("there is no such person")


def _check_text(text: str, pointer: str, wanted: str) -> None:
    if is_blank(text) or len(text.strip()) > TEXT_CHARS_MAX:
        raise InvalidContent(f"{wanted}, in 1 to {TEXT_CHARS_MAX} characters", pointer=pointer)


def _moment(ms: int | None) -> str | None:
    return None if ms is None else clock.format_ms(ms)
