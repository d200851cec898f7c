"""Lists of pauses and crossings of a project, in pages, newest first."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.quality_control import pauses
from plaudit.core.quality_control.crossings import decode_rule
from plaudit.errors import InvalidPageToken, NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.quality_control import CrossingRow, RuleAction
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import crossings
from plaudit.store.quality_control import pauses as pauses_store
from plaudit.store.tasks.projects import find_project
from plaudit.wire.manage.rules import Crossing, CrossingPage, PausePage


class _RowCursor(Struct, frozen=True, array_like=True, tag="control"):
    """Content of a page token: what is listed, the filter, and the last row of the page before."""

    project_key: int
    kind: str
    before: str


async def get_project(tx: Transaction, environment_id: str, project_id: str) -> ProjectRow:
    """A project of an environment; raises NotFound."""
    project = await find_project(tx, environment_id, project_id)
    if project is None:
        raise NotFound("there is no such project")
    return project


class Attention(Struct, frozen=True):
    """Numbers of people who are paused, and of crossings that no manager has seen."""

    paused: int
    unseen: int


async def count_attention(tx: Transaction, project: ProjectRow, *, limit_max: int) -> Attention:
    """Count what managers may want to look at, each up to `limit_max`."""
    key = project.project_key
    return Attention(
        await pauses_store.count_open(tx, key, limit_max=limit_max),
        await crossings.count_unseen(tx, key, limit_max=limit_max),
    )


async def pause_page(
    tx: Transaction,
    secret: ServerSecret,
    project: ProjectRow,
    *,
    is_open: bool | None,
    limit: int,
    next_token: str | None,
) -> PausePage:
    """One page of pauses, open or ended ones, None both; raises InvalidPageToken."""
    kind = {None: "pauses", True: "open_pauses", False: "ended_pauses"}[is_open]
    rows = await pauses_store.list_pauses(
        tx,
        project.project_key,
        is_open=is_open,
        before=_before(secret, project, kind, next_token),
        limit=limit + 1,
    )
    token = None
    if len(rows) > limit:
        token = _token(secret, project, kind, rows[limit - 1].pause_id)
    return PausePage(pauses=[pauses.shown(row) for row in rows[:limit]], next_token=token)


async def crossing_page(
    tx: Transaction,
    secret: ServerSecret,
    project: ProjectRow,
    *,
    limit: int,
    next_token: str | None,
) -> CrossingPage:
    """One page of rules that people crossed; raises InvalidPageToken."""
    before = _before(secret, project, "crossings", next_token)
    rows = await crossings.list_crossings(tx, project.project_key, before=before, limit=limit + 1)
    token = None
    if len(rows) > limit:
        token = _token(secret, project, "crossings", rows[limit - 1].crossing_id)
    return CrossingPage(crossings=[shown(row) for row in rows[:limit]], next_token=token)


def shown(row: CrossingRow) -> Crossing:
    """A crossing as managers see it."""
    rule = decode_rule(row.rule)
    return Crossing(
        crossing_id=row.crossing_id,
        user_id=row.user_id,
        rule=msgspec.to_builtins(rule),
        right=row.right_cases,
        cases=row.cases,
        why=pauses.rule_words(rule, row.right_cases, row.cases),
        crossed_at=clock.format_ms(row.crossed_ms),
        seen_at=None if row.seen_ms is None else clock.format_ms(row.seen_ms),
        taken_back=row.taken_back_count if rule.action is RuleAction.redo_last else None,
    )


def _before(
    secret: ServerSecret, project: ProjectRow, kind: str, next_token: str | None
) -> str | None:
    if next_token is None:
        return None
    cursor = page_tokens.decode(secret, project.environment_id, next_token, _RowCursor)
    if (cursor.project_key, cursor.kind) != (project.project_key, kind):
        raise InvalidPageToken
    return cursor.before


def _token(secret: ServerSecret, project: ProjectRow, kind: str, before: str) -> str:
    cursor = _RowCursor(project.project_key, kind, before)
    return page_tokens.encode(secret, project.environment_id, cursor)
