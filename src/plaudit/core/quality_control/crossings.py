"""Rules that people cross: noticed with each counted case, and each acted on once.

A rule that is crossed stays so until the share of right cases is at its threshold again, or the
pause is lifted; only then can it be crossed anew. The counter's row is locked meanwhile, so that
two cases at once cannot both cross it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit import ids
from plaudit.core.common import audit
from plaudit.core.quality.estimates import wilson
from plaudit.core.quality_control import pauses
from plaudit.core.tasks.quality_rules import CASES_MIN, QualityRule, stored_rules
from plaudit.errors import Conflict
from plaudit.model.core import SERVER, ProjectRow
from plaudit.model.quality_control import Collector, CountedCases, CrossingRow, RuleAction
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import extra_reviews
from plaudit.store.quality_control import counters, crossings
from plaudit.wire.v2.resources import project_detail

UNSEEN_SHOWN_MAX = 100

_encode = msgspec.json.Encoder().encode
_decode_keys = msgspec.json.Decoder(list[str]).decode
decode_rule = msgspec.json.Decoder(QualityRule).decode


def is_below(right: int, n: int, threshold: float) -> bool:
    """True where a share of right cases is below the threshold beyond doubt.

    At least 10 cases, and the upper end of Wilson's 95 % interval below the threshold: at 0.7,
    4 right of 10 are, 5 are not.
    """
    high = wilson(right, n).high
    return n >= CASES_MIN and high is not None and high < threshold


def has_crossed(rule: QualityRule, counted: CountedCases) -> bool:
    """True if these cases are beyond a rule's threshold."""
    if rule.collector is Collector.skips:
        return counted.wrong_in_a_row >= rule.threshold
    return is_below(*counted.recent, rule.threshold)


def has_come_back(rule: QualityRule, counted: CountedCases) -> bool:
    """True if these cases are at a rule's threshold or better: it may be crossed anew.

    Between the two, nothing happens: a person at the threshold would else cross it again and again.
    """
    if rule.collector is Collector.skips:
        return counted.wrong_in_a_row == 0
    right, n = counted.recent
    return n == 0 or right / n >= rule.threshold


async def notice(
    tx: Transaction, project: ProjectRow, user_id: str, collector: Collector, counted: CountedCases
) -> None:
    """Act on the rules that a person's cases have just crossed; their row is locked."""
    rules = [rule for rule in stored_rules(project_detail(project)) if rule.collector is collector]
    if not rules and counted.crossed is None:
        return
    before = set(_decode_keys(counted.crossed)) if counted.crossed else set()
    crossed = [
        rule
        for rule in rules
        if has_crossed(rule, counted) or (rule.key in before and not has_come_back(rule, counted))
    ]
    keys = {rule.key for rule in crossed}
    if keys != before:
        await counters.set_crossed(
            tx, project.project_key, user_id, collector, _encode(sorted(keys)) if keys else None
        )
    for rule in crossed:
        if rule.key not in before:
            await _act(tx, project, user_id, rule, counted)


async def _act(
    tx: Transaction, project: ProjectRow, user_id: str, rule: QualityRule, counted: CountedCases
) -> None:
    """Write down that a rule was crossed, and do what it says."""
    now = await tx.now_ms()
    right, cases = counted.recent
    if rule.collector is Collector.skips:
        right, cases = 0, counted.wrong_in_a_row
    crossing = CrossingRow(
        project_key=project.project_key,
        crossing_id=ids.mint("crossing"),
        user_id=user_id,
        rule=_encode(rule),
        right_cases=right,
        cases=cases,
        crossed_ms=now,
        # A pause stands among the pauses until somebody lifts it.
        seen_ms=now if rule.action is RuleAction.pause else None,
        is_under_way=rule.action is RuleAction.redo_last,
        to_take_back=None,
        taken_back_count=0,
    )
    await crossings.insert_crossing(tx, crossing)
    await audit.record(
        tx,
        project.environment_id,
        SERVER,
        "cross_rule",
        "crossing",
        crossing.crossing_id,
        project_key=project.project_key,
        detail={"user_id": user_id, "rule": rule, "right": right, "cases": cases},
    )
    if rule.action is RuleAction.pause:
        await pauses.pause_by_rule(tx, project, crossing)
    elif rule.action is RuleAction.extra_reviews:
        await extra_reviews.grant(tx, project.project_key, user_id, rule.n or 1)


async def list_unseen(tx: Transaction, project: ProjectRow) -> Sequence[CrossingRow]:
    """The latest UNSEEN_SHOWN_MAX crossings that no manager has seen, newest first."""
    return await crossings.list_unseen(tx, project.project_key, limit=UNSEEN_SHOWN_MAX)


async def see(tx: Transaction, project: ProjectRow, crossing_id: str) -> None:
    """Mark a crossing as seen; raises Conflict if it is, or is not there."""
    if not await crossings.set_seen(tx, project.project_key, crossing_id, await tx.now_ms()):
        raise Conflict("somebody has seen this already")
